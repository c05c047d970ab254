"""Methods about what nobody here decided: list it, hand a position over to an instance, close it."""

from decimal import Decimal, InvalidOperation
from pathlib import PurePath
from typing import Final

from playd.control import change_methods as change
from playd.control import rows
from playd.control.asked_for import open_account, refuse_while_banned
from playd.control.change_answers import Accepted, Adopted, OrphanClosed, OrphanRow
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.figures import rounded
from playd.control.params import AcceptDifference, Adopt, CancelOrder, CloseOrphan, Nothing
from playd.control.protocol import Code, RpcError
from playd.control.scopes import refuse_symbol
from playd.core.canonical import Json
from playd.core.errors import LinkError, VenueError
from playd.core.modes import Mode
from playd.core.orders import Side
from playd.orders.acceptance import NO_DIFFERENCE, AcceptRefused, Unexplained
from playd.orders.account import Account
from playd.orders.order_book import FOREIGN
from playd.orders.rows import text
from playd.orders.strangers import Stranger, StrangerRefused
from playd.plays.model import Play
from playd.supervisor.slot import Slot

ORPHANS: Final = "playctl orphan list"


async def list_orphans(daemon: Daemon, params: Nothing, call: Call) -> list[OrphanRow]:
    """Every position and working order that nobody here decided, of all open accounts."""
    return [_row(daemon, account.alias, each) for account in rows.all_accounts(daemon) for each in account.strangers.listed()]


async def adopt(daemon: Daemon, params: Adopt, call: Call) -> Adopted:
    """Hand a position that nobody here opened over to an instance, under a stop that the venue has shown."""
    slot = daemon.supervisor.find(params.to)
    account = open_account(daemon, slot.record.account if params.account is None else params.account)
    stop = _price(params.stop)
    play = await daemon.commands.read_play(PurePath(slot.record.play_path))
    held = account.desk.fills.position(FOREIGN, params.symbol)
    if held.side is None:
        raise RpcError(Code.NOT_FOUND, f"nobody else holds anything of {params.symbol} on {account.alias}", hint=ORPHANS)
    _refuse_misfit(slot, play, account, params.symbol, held.side)
    refuse_while_banned(account, "its position and stop must be read first: the same command again afterwards")
    phrase = f"ADOPT {account.alias} {params.symbol}"
    if params.confirm != phrase:
        preview = [
            f"{held.signed_qty} of {params.symbol}, opened at {held.avg_price:f}, becomes a position of {slot.name}",
            f"its stop: {stop if stop is not None else 'the one at the venue, else a distance from the mark'}",
        ]
        raise RpcError(
            Code.PHRASE_REQUIRED,
            f"this needs the phrase {phrase!r}",
            hint=f"type it when asked, or pass --confirm {phrase!r}",
            details={"phrase": phrase, "preview": preview},
        )
    try:
        done = await account.strangers.adopt(params.symbol, slot.record.uid, stop=stop, key=call.key, actor=call.actor)
    except (StrangerRefused, VenueError, LinkError) as error:
        raise _refusal(error) from error
    if not slot.active:
        call.warnings.append(("not_running", f"{slot.name} is {slot.state}: it manages the position once it is started"))
    await daemon.journal.synced()
    return {
        "account": account.alias,
        "symbol": done.symbol,
        "name": slot.name,
        "side": "long" if done.signed_qty > 0 else "short",
        "qty": text(abs(done.signed_qty)),
        "entry": text(done.entry_price),
        "stop": text(done.stop),
        "target": text(done.target),
    }


async def accept_difference(daemon: Daemon, params: AcceptDifference, call: Call) -> Accepted:
    """Bring the books of a position to what the venue shows, where nothing explains the difference. Nothing is sent."""
    account = open_account(daemon, params.account)
    price = _price(params.price, "price")
    refuse_while_banned(account, "its position must be read first: the same command again afterwards")
    phrase = f"ACCEPT {account.alias} {params.symbol}"
    try:
        if (missing := _confirmed(phrase, params.confirm)) is None:
            found = await account.acceptance.look(params.symbol)
            preview, phrase = _acceptance_preview(daemon, found, price, far=params.far), f"{phrase} {found.missing:+f}"
            details: dict[str, Json] = {"phrase": phrase, "preview": preview}
            hint = f"type it when asked, or pass --confirm {phrase!r}"
            raise RpcError(Code.PHRASE_REQUIRED, f"this needs the phrase {phrase!r}", hint=hint, details=details)
        done = await account.acceptance.accept(
            params.symbol, price, missing=missing, far=params.far, key=call.key, actor=call.actor
        )
    except AcceptRefused as error:
        if error.code == NO_DIFFERENCE:  # of a mistyped symbol anybody could say that
            await refuse_symbol(daemon, account.alias, params.symbol)
        raise _refusal(error) from error
    except (VenueError, LinkError) as error:
        raise _refusal(error) from error
    await daemon.journal.synced()
    at = price if price is not None else done.entry_price
    return {
        "account": account.alias,
        "symbol": done.symbol,
        "ledger": text(done.ledger),
        "venue": text(done.venue),
        "price": text(at),
    }


def _confirmed(phrase: str, confirm: str) -> Decimal | None:
    """The figure that a person said yes to, behind the phrase; None where the phrase was not given with one."""
    given, _, figure = confirm.rpartition(" ")
    try:
        return Decimal(figure) if given == phrase else None
    except InvalidOperation:
        return None


def _acceptance_preview(daemon: Daemon, found: Unexplained, price: Decimal | None, *, far: bool) -> list[Json]:
    """What would be booked, line by line. Raises `AcceptRefused` for a price that is missing, of no use or far off."""
    found.refuse_price(price, far=far)
    what = f"{found.missing:+f} is booked" if found.missing else "nothing is booked"
    lines: list[Json] = [f"the ledger says {found.ledger} of {found.symbol}, the venue {found.venue}: {what}"]
    for each in found.closing if price is not None else ():
        name, result = rows.owner_name(daemon, each.owner), each.result_usdt(price or Decimal(0))
        lines.append(f"{each.qty:+f} of {name}, from {each.avg_price:f}, closes at {price:f}: a result of {result:+.2f} USDT")
    if found.opens:
        lines.append(f"{found.opens:+f} becomes nobody's, from {found.entry_price:f} as the venue has it")
    if found.given_up:
        lines.append(f"executions that nobody lists are waited for no longer: of {', '.join(found.given_up)}")
    if any(each.owner != FOREIGN for each in found.closing):
        lines.append(f"{found.symbol} is paused (MANUAL_CLOSE) until somebody resumes")
    return [*lines, "no order is sent; levels that are in force stay until somebody resumes"]


async def close_orphan(daemon: Daemon, params: CloseOrphan, call: Call) -> OrphanClosed:
    """Cancel an order, or close a position, that nobody here decided. Reduce-only; a stop goes only with its position."""
    found = [(account, each) for account in rows.all_accounts(daemon) for each in account.strangers.listed()]
    match = [(account, each) for account, each in found if params.id in (each.id, each.id.removeprefix("v:"))]
    if not match:
        raise RpcError(Code.NOT_FOUND, f"no orphan {params.id!r}: nothing of that id that nobody here decided", hint=ORPHANS)
    account, stranger = match[0]
    phrase = f"CLOSE {params.id}"
    if params.confirm != phrase:
        what = f"{stranger.kind} {stranger.side} {stranger.qty} {stranger.symbol} at {stranger.price or 'market'}"
        details = {"phrase": phrase, "preview": [f"{what}: nobody here sent it"]}
        hint = f"type it when asked, or pass --confirm {phrase!r}"
        raise RpcError(Code.PHRASE_REQUIRED, f"this needs the phrase {phrase!r}", hint=hint, details=details)
    if stranger.kind != "position":
        if stranger.kind == "stop" and not account.desk.fills.net(stranger.symbol):
            await change.take_back(account, account.desk.book.need(stranger.id), call)
        else:
            order = CancelOrder(request_id=params.request_id, id=stranger.id, confirm=f"CLOSE {stranger.id}")
            await change.cancel_order(daemon, order, call)
        return {**_row(daemon, account.alias, stranger), "left": text(account.desk.book.need(stranger.id).open_qty)}
    try:
        left = await account.strangers.close(stranger.symbol, key=call.key)
    except (StrangerRefused, VenueError, LinkError) as error:
        raise _refusal(error) from error
    row: OrphanClosed = {**_row(daemon, account.alias, stranger), "left": text(abs(left))}
    if left:
        note = (
            f"{abs(left)} of {stranger.symbol} is still open; {account.strangers.waits(stranger.symbol) or 'it is driven on'}"
        )
        raise RpcError(Code.INCOMPLETE, note, reason="position_may_remain", details=row)
    return row


def _refuse_misfit(slot: Slot, play: Play, account: Account, symbol: str, side: Side) -> None:
    """The instance trades this symbol on this account, on this side, and holds nothing. Raises `RpcError`."""
    record = slot.record
    if record.mode is Mode.SHADOW or (record.account, record.symbol) != (account.alias, symbol):
        note = f"{slot.name} trades {record.symbol} on {record.account} in mode {record.mode}, not {symbol} on {account.alias}"
        raise RpcError(Code.REFUSED, note, reason="wrong_instance")
    if play.play_hash != record.play_digest:
        raise RpcError(Code.REFUSED, f"{record.play_path} was changed since {slot.name} was added", reason="PLAY_CHANGED")
    if not (play.policy.allows_long if side is Side.BUY else play.policy.allows_short):
        held = "long" if side is Side.BUY else "short"
        raise RpcError(Code.REFUSED, f"the Play of {slot.name} is {play.policy.mode}, the position {held}", reason="wrong_side")


def _price(given: str | None, what: str = "stop") -> Decimal | None:
    """A price as it was typed. Raises `RpcError`."""
    if given is None:
        return None
    try:
        price = Decimal(given)
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite() or price <= 0:
        raise RpcError(Code.INVALID_PARAMS, f"{what}: found {given!r}, expected a price such as 61250.5")
    return price


def _refusal(error: StrangerRefused | AcceptRefused | VenueError | LinkError) -> RpcError:
    if isinstance(error, StrangerRefused | AcceptRefused):
        return RpcError(Code.REFUSED, str(error), reason=error.code)
    return RpcError(Code.DEGRADED, f"the venue cannot be read: {error}", reason="blind")


def _row(daemon: Daemon, account: str, stranger: Stranger) -> OrphanRow:
    market_ms = daemon.market_ms()
    age_s = None if market_ms is None or not stranger.since_ms else rounded(max(0, market_ms - stranger.since_ms) / 1000)
    return {
        "id": stranger.id,
        "account": account,
        "kind": stranger.kind,
        "symbol": stranger.symbol,
        "side": str(stranger.side),
        "qty": text(stranger.qty),
        "price": text(stranger.price),
        "age_s": age_s,
    }
