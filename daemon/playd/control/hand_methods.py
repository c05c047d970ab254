"""Methods by which a person does to one position or one state what a machine would not: close it, build it anew."""

from decimal import Decimal, InvalidOperation

from playd.control import rows
from playd.control.asked_for import banned_text, open_account
from playd.control.change_answers import Closed as ClosedAnswer
from playd.control.change_answers import ClosedRow, ResetRow
from playd.control.change_methods import YES, lifecycle_row
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.figures import averaged, plain
from playd.control.params import ClosePosition, ResetState
from playd.control.protocol import Code, JsonObject, RpcError
from playd.core.modes import Environment
from playd.orders.closing import Closed


async def close_position(daemon: Daemon, params: ClosePosition, call: Call) -> ClosedAnswer:
    """Close a part of what instances hold of a symbol; nothing is halted. Error -32010 while some of it may remain."""
    account = open_account(daemon, params.account)
    pct = _percent(params.pct)
    held = [view for view in account.views.positions() if view.symbol == params.symbol]
    ours = [view for view in held if view.qty and rows.owner_name(daemon, view.owner) != view.owner]
    if not ours:
        hint = "playctl orphan list" if held else "playctl positions"
        raise RpcError(Code.NOT_FOUND, f"no instance holds anything of {params.symbol} on {account.alias}", hint=hint)
    live = account.environment is Environment.LIVE
    phrase = f"CLOSE {params.symbol}" if live else YES
    if (live or params.preview) and params.confirm != phrase:
        money = "real money" if live else str(account.environment)
        preview = [f"{pct} % of {view.qty} {view.symbol} of {rows.owner_name(daemon, view.owner)}, {money}" for view in ours]
        hint = f"type it when asked, or pass --confirm {phrase!r}"
        details: JsonObject = {"phrase": phrase, "preview": preview}
        raise RpcError(Code.PHRASE_REQUIRED, f"this needs the phrase {phrase!r}", hint=hint, details=details)
    found = await account.closing.close(params.symbol, pct, key=call.key)
    data: ClosedAnswer = {"positions": [_row(daemon, account.alias, params.symbol, each) for each in found]}
    await daemon.journal.synced()
    if not all(each.is_done for each in found):
        driven = f"not everything is gone yet; it is driven on. {banned_text(account)}".rstrip(". ")
        text = next((each.refused for each in found if each.refused), driven)
        raise RpcError(Code.INCOMPLETE, text, reason="position_may_remain", details=data)
    return data


async def reset_state(daemon: Daemon, params: ResetState, call: Call) -> ResetRow:
    """Set the kept state of an instance aside: its next start builds it anew from its anchor and the ledger."""
    slot = daemon.supervisor.find(params.name)
    if params.confirm != (phrase := f"RESET {slot.name}"):
        held = daemon.supervisor.booked_qty(slot.record)
        preview = [f"the state of {slot.name} is set aside; it is built anew from its anchor and the ledger at the next start"]
        preview.append(f"it holds {held} of {slot.record.symbol}" if held else "it holds nothing")
        hint = f"type it when asked, or pass --confirm {phrase!r}"
        details: JsonObject = {"phrase": phrase, "preview": preview}
        raise RpcError(Code.PHRASE_REQUIRED, f"this needs the phrase {phrase!r}", hint=hint, details=details)
    slot, copies = daemon.commands.reset_state(slot.name, call.actor)
    return {**lifecycle_row(daemon, slot), "set_aside": copies}


def _percent(given: str) -> Decimal:
    try:
        pct = Decimal(given)
    except InvalidOperation:
        pct = Decimal("NaN")
    if not pct.is_finite() or not 0 < pct <= 100:
        raise RpcError(Code.INVALID_PARAMS, f"pct: found {given!r}, expected more than 0 and at most 100")
    return pct


def _row(daemon: Daemon, account: str, symbol: str, each: Closed) -> ClosedRow:
    return {
        "account": account,
        "symbol": symbol,
        "owner": rows.owner_name(daemon, each.owner),
        "before": format(each.before, "f"),
        "wanted": format(each.wanted, "f"),
        "remaining": format(each.after, "f"),
        "refused": each.refused or None,
        "closed": format(each.closed, "f"),
        "avg_price": plain(averaged(each.average_price) or None),
        "slippage_bps": None if each.slippage_bps is None else f"{each.slippage_bps:.1f}",
        "stop": plain(each.stop_at_venue or None),
    }
