"""Methods that change something. Each leaves its trace in the journal before it is acknowledged."""

from decimal import Decimal, InvalidOperation
from typing import Any, Final

import anyio
from pydantic import ValidationError

from playd.control import rows
from playd.control.arming_methods import confirm_live
from playd.control.asked_for import ban_words, banned_text, open_account, refuse_while_banned
from playd.control.change_answers import CancelledOrder, Gone, LifecycleRow, NotStopped, Stopped
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.figures import figure
from playd.control.look_answers import ListRow
from playd.control.look_methods import chosen
from playd.control.panic_rows import panic_rows
from playd.control.params import (
    Add,
    CancelOrder,
    Reconcile,
    Remove,
    ResetFailed,
    Restart,
    SetEnabled,
    Start,
    Stop,
)
from playd.control.protocol import Code, RpcError
from playd.control.record_answers import DifferenceRow, Reconciled
from playd.core.modes import Environment, Mode
from playd.orders.account import Account
from playd.orders.order_book import FOREIGN
from playd.orders.reconcile import DiffClass, Difference
from playd.orders.rows import OrderRow
from playd.settings.limits_model import Risk
from playd.settings.words import nearest_word
from playd.supervisor.admission import UNKNOWN_ACCOUNT
from playd.supervisor.commands import Incomplete
from playd.supervisor.enrol import Wish
from playd.supervisor.errors import CommandRefused, NoSuchInstance, NotRunning
from playd.supervisor.slot import Slot, Statistics

YES: Final = "y"
"""What stands in place of a phrase where somebody wants to see first what will be done, and no real money is in it."""

_CODE_OF: Final = {"PLAY_INVALID": Code.INVALID, UNKNOWN_ACCOUNT: Code.NOT_FOUND}
"""What is no rule among the refusals of the supervisor."""

CANCEL_WITHIN_S: Final = 10.0
"""How long a cancel waits for the venue's last word before it answers with what is known."""


async def add(daemon: Daemon, params: Add, call: Call) -> ListRow:
    capital = _capital(params.capital_usd)
    wish = Wish(params.name, params.play, Mode(params.mode), params.account, risk=_own_risk(params.risk), capital_usd=capital)
    return rows.list_row(await daemon.commands.add(wish))


def _capital(given: str | None) -> str:
    """What an instance begins with, empty for the Play's own. Raises `RpcError`."""
    if given is None:
        return ""
    try:
        capital = Decimal(given)
    except InvalidOperation:
        capital = Decimal("NaN")
    if not capital.is_finite() or capital <= 0:
        raise RpcError(Code.INVALID_PARAMS, f"capital_usd: found {given!r}, expected more than 0 USD")
    return format(capital, "f")


def _own_risk(given: dict[str, Any]) -> str:
    """Keys of `[risk]` for one instance, as its record keeps them. Raises `RpcError` naming each wrong key."""
    unknown = [f"unknown key {name}{nearest_word(name, Risk.model_fields)}" for name in given if name not in Risk.model_fields]
    if unknown:
        raise RpcError(Code.INVALID_PARAMS, f"risk: {'; '.join(unknown)}")
    try:
        return Risk.model_validate(given).model_dump_json(exclude_unset=True)
    except ValidationError as error:
        wrong = [f"{fault['loc'][0]}: found {fault['input']}, {fault['msg']}" for fault in error.errors(include_url=False)]
        raise RpcError(Code.INVALID_PARAMS, f"risk: {'; '.join(wrong)}") from None


async def remove(daemon: Daemon, params: Remove, call: Call) -> Gone:
    record = await daemon.commands.remove(params.name, call.actor)
    return {"name": record.name, "uid": record.uid}


async def set_enabled(daemon: Daemon, params: SetEnabled, call: Call) -> ListRow:
    return rows.list_row(daemon.commands.set_enabled(params.name, params.enabled))


async def start(daemon: Daemon, params: Start, call: Call) -> LifecycleRow:
    found = daemon.supervisor.find(params.name)
    if found.record.mode is Mode.LIVE:
        await confirm_live(daemon, found, params.confirm, call)
    ban = _ban_over(daemon, found)
    slot = await daemon.commands.start(params.name, f"start by {call.actor}", waits=not ban)
    if ban:
        call.warnings.append(("banned", f"{ban}; {slot.name} begins as soon as the venue can be read"))
    return lifecycle_row(daemon, slot)


async def restart(daemon: Daemon, params: Restart, call: Call) -> LifecycleRow:
    if ban := _ban_over(daemon, daemon.supervisor.find(params.name)):
        raise RpcError(Code.REFUSED, ban, reason="banned", hint="it could not begin again before; the same command afterwards")
    slot = await daemon.commands.restart(params.name, call.actor)
    return lifecycle_row(daemon, slot)


def _ban_over(daemon: Daemon, slot: Slot) -> str:
    """Why an instance cannot read its venue now, empty when it can: its candles and rules come from there, a shadow's too."""
    asks = {slot.record.account} - {""}
    if daemon.environment_of(slot.record) is not Environment.LOCAL:
        asks.add("")  # data without a key
    left_s = max((daemon.ops.banned_for_s(alias) for alias in asks), default=0.0)
    return ban_words(left_s, daemon.clock.wall_ms()) if left_s > 0 else ""


async def stop(daemon: Daemon, params: Stop, call: Call) -> Stopped:
    """Per instance what became of it; one refusal of a single target is the call's refusal."""
    slots = chosen(daemon, params.target)
    if params.target != "all" and len(slots) == 1:
        return {"stopped": [await _stop_one(daemon, slots[0], params.variant, call)], "failed": []}
    stopped: dict[str, LifecycleRow] = {}
    failed: dict[str, NotStopped] = {}
    # One after the other on an account, whose venue is asked; none waits for another account's. Whoever is managed until it is
    # flat waits for its market: the last of many is told at once, not behind the others' waits.
    managed = params.variant == "manage"
    lines = {slot.name if managed else slot.record.account: anyio.CapacityLimiter(1) for slot in slots}

    async def stop_one(slot: Slot) -> None:
        async with lines[slot.name if managed else slot.record.account]:
            if not slot.active and slot.facts.failed is None:
                return
            try:
                stopped[slot.name] = await _stop_one(daemon, slot, params.variant, call)
            except (CommandRefused, NoSuchInstance, NotRunning, Incomplete) as error:  # it may have been removed meanwhile
                failed[slot.name] = {"name": slot.name, "error": as_rpc(daemon, error).as_json()}

    async with anyio.create_task_group() as group:
        for slot in slots:
            group.start_soon(stop_one, slot)
    names = [slot.name for slot in slots]
    return {
        "stopped": [stopped[name] for name in names if name in stopped],
        "failed": [failed[name] for name in names if name in failed],
    }


async def _stop_one(daemon: Daemon, slot: Slot, variant: str | None, call: Call) -> LifecycleRow:
    """The row of a stopped instance, with the statistics of the life that ended, its last trade included."""
    await daemon.commands.stop(slot.name, variant, call.actor)
    return lifecycle_row(daemon, slot)


async def reset_failed(daemon: Daemon, params: ResetFailed, call: Call) -> LifecycleRow:
    return lifecycle_row(daemon, daemon.commands.reset_failed(params.name, call.actor))


async def cancel_order(daemon: Daemon, params: CancelOrder, call: Call) -> CancelledOrder:
    """Take one working order back. A stop is never taken from its position by this: close the position instead."""
    found = [(account, row) for account in rows.all_accounts(daemon) for row in account.views.orders()]
    match = [(account, row) for account, row in found if params.id in (row.link_id, row.venue_order_id)]
    if not match:
        raise RpcError(Code.NOT_FOUND, f"no working order {params.id!r}", hint="playctl orders")
    account, row = match[0]
    if row.protective:
        text = f"{params.id} is the stop of a position on {row.symbol}"
        raise RpcError(Code.REFUSED, text, reason="protective", hint=f"playctl panic symbol:{account.alias}/{row.symbol}")
    careful = account.environment is Environment.LIVE or row.owner == FOREIGN
    phrase = f"CLOSE {params.id}" if careful else YES
    if (careful or params.preview) and params.confirm != phrase:
        ours = "it is real money" if careful else f"of {rows.owner_name(daemon, row.owner)}"
        whose = "nobody here sent it" if row.owner == FOREIGN else ours
        preview = [f"{row.side} {row.qty} {row.symbol} at {row.price or 'market'}, {row.state}: {whose}"]
        details = {"phrase": phrase, "preview": preview}
        hint = f"type it when asked, or pass --confirm {phrase!r}"
        raise RpcError(Code.PHRASE_REQUIRED, f"this needs the phrase {phrase!r}", hint=hint, details=details)
    after = await take_back(account, row, call)
    coin, held = after.symbol.removesuffix("USDT"), account.desk.fills.position(after.owner, after.symbol)
    seen, age_s = account.protection.last_seen(after.symbol) or (None, None)
    return {
        **rows.order_row(daemon, account.alias, after),
        "avg_price": figure(after.avg_price or None, "USDT", "ledger", 0.0, "nothing was executed"),
        "position": figure(held.signed_qty, coin, "ledger", 0.0),
        "stop": figure(
            (seen.stop or None) if seen is not None else None,
            "USDT",
            "venue",
            age_s,
            "not read yet" if seen is None else "none",
        ),
    }


async def take_back(account: Account, row: OrderRow, call: Call) -> OrderRow:
    """Cancel an order; what it is once it is final, or in ten seconds, or at once where a ban keeps the cancel from leaving."""
    ban = banned_text(account)
    after = await account.cancel_order(row, 0.0 if ban else CANCEL_WITHIN_S)
    if after.state.terminal:
        return after
    if ban:
        call.warnings.append(("banned", f"{ban}; the cancel was not sent, and leaves as soon as anything may"))
    else:
        text = f"{row.link_id} is {after.state} after {CANCEL_WITHIN_S:g} s; it is asked for again until it is final"
        call.warnings.append(("not_final", text))
    return after


async def reconcile(daemon: Daemon, params: Reconcile, call: Call) -> Reconciled:
    """One account, or all: one of those that is not open is told as unread, and makes the result `blind`."""
    accounts = [*rows.all_accounts(daemon)] if params.account is None else [open_account(daemon, params.account)]
    for account in accounts:
        refuse_while_banned(account, "it is reconciled by itself afterwards")
    differences: list[DifferenceRow] = []
    held = daemon.accounts.held if params.account is None else {}
    closed = {alias: each for alias, each in held.items() if each.account is None}
    unread = {alias: each.refused or rows.account_step(daemon, each) for alias, each in closed.items()}
    for account in accounts:
        report = await account.reconcile(f"command by {call.actor}", dry_run=params.dry_run)
        if report.result == "blind":
            unread[account.alias] = report.error
        plans = {repair.key: f"{repair.kind}: {repair.note}" for repair in report.repairs}
        differences += [
            {
                "account": account.alias,
                "class": str(each.cls),
                "symbol": each.symbol,
                "ours": each.ours,
                "theirs": each.theirs,
                "value": _value_usdt(account, each),
                "plan": plans.get(each.key, "none"),
            }
            for each in report.differences
        ]
    return {
        "result": "blind" if unread else "diff" if differences else "match",
        "differences": differences,
        "accounts": [account.alias for account in accounts],
        "unread": [{"account": alias, "reason": why} for alias, why in sorted(unread.items())],
    }


def _value_usdt(account: Account, each: Difference) -> str | None:
    """What a difference of positions is worth at the mark last read; None for the other classes, and without a mark."""
    seen = account.protection.last_seen(each.symbol)
    if each.cls is not DiffClass.POSITION or seen is None:
        return None
    return f"{abs(Decimal(each.theirs) - Decimal(each.ours)) * seen[0].mark_price:.2f}"


def lifecycle_row(daemon: Daemon, slot: Slot) -> LifecycleRow:
    """What start and stop answer: where the instance stands, what is at the venue, what its present or last life came to."""
    account, held = rows.held_of(daemon, slot)
    engine = slot.engine.engine if slot.engine is not None else None
    result = slot.final if engine is None else Statistics(engine.trade_count, engine.net_pnl_usdt)
    return {
        "name": slot.name,
        "state": str(slot.state),
        "capital_step": slot.record.capital_step,
        "reasons": rows.reason_rows(slot),
        "position": rows.position_figure(daemon, slot, held),
        "stop_at_venue": rows.stop_figure(slot, account, held),
        "statistics": {"trades": result.trades, "net_pnl_usdt": repr(result.net_pnl_usdt)},
    }


def as_rpc(daemon: Daemon, error: Exception) -> RpcError:
    """The answer for an error of the supervisor."""
    if isinstance(error, CommandRefused):
        code = _CODE_OF.get(error.code, Code.REFUSED)
        return RpcError(code, str(error), reason=error.code, hint=error.hint)
    if isinstance(error, NoSuchInstance):
        return RpcError(Code.NOT_FOUND, str(error))
    if isinstance(error, NotRunning):
        return RpcError(Code.NOT_RUNNING, str(error))
    if isinstance(error, Incomplete):
        data = panic_rows("", [("", error.report)], [])
        return RpcError(Code.INCOMPLETE, str(error), reason="position_may_remain", details=data)
    raise error
