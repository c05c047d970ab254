"""What is done about a position whose stop is missing, or is another: the planned one is set, or every share is closed."""

from decimal import Decimal
from functools import partial
from typing import Final

import anyio

from playd.core.canonical import Json
from playd.core.errors import LinkError, VenueError
from playd.core.ids import intent_id, link_id
from playd.core.orders import Action, Intent, VenuePosition
from playd.core.reply_codes import ReplyClass
from playd.orders.desk import Desk
from playd.orders.exits import Exits
from playd.orders.expectations import Expectations
from playd.orders.fill_check import Fallback, on_tick, planned_stop
from playd.orders.fills import Share
from playd.orders.flattening import flatten_intent
from playd.orders.freezing import unless_frozen
from playd.orders.gateway import Instance
from playd.orders.halts import Level, symbol_scope
from playd.orders.hourly_range import hourly_range, needed_since_ms
from playd.orders.repair_limits import RepairLimits
from playd.orders.rows import text
from playd.orders.stops import NO_POSITION
from playd.venues.port import Priority, Reply

_RANGE_WITHIN_S: Final = 1.0
"""How long a naked position waits for candles that say how wide its stop should be."""

_START_WAITS_S: Final = 5.0
"""How long a start waits for the first answer to a close."""

_CLAIMED_S: Final = 3.0
"""How long the close of a naked position waits for a guardian that is closing the same share."""

_BEYOND_MARKET: Final = frozenset({110092, 110093})
"""Trigger on the wrong side of the market: the stop would have fired, so the position is closed now."""


class StopRepairs:
    """Sets missing stops of one account, and closes what takes none. A freeze is the caller's business."""

    def __init__(self, desk: Desk, exits: Exits, plan: Expectations, limits: RepairLimits) -> None:
        self._desk = desk
        self._exits = exits
        self._plan = plan
        self._limits = limits
        self._repaired: set[str] = set()
        """Symbols whose stop was set since one was last seen where it belongs: setting it again is the same repair."""
        self._refused: set[str] = set()
        """Symbols whose stop was refused since then."""
        self._begun: set[tuple[str, str]] = set()
        """Shares (owner, symbol) whose closing was begun and may not be on record yet."""

    def in_place(self, symbol: str) -> None:
        """The planned stop was seen: the next one that is set is another repair."""
        self._repaired.discard(symbol)
        if symbol in self._refused:
            self._refused.discard(symbol)
            desk = self._desk
            desk.incidents.resolve(
                "STOP_REFUSED", symbol_scope(desk.alias, symbol), "the venue confirms the planned stop or flat"
            )

    def note_hand(self, seen: VenuePosition) -> None:
        """A stop at a price that nobody here ever asked for was moved by hand: the symbol pauses until a person has looked."""
        desk, symbol = self._desk, seen.symbol
        if desk.book.asked_stop(symbol, seen.stop):
            return
        note = f"the stop on {symbol} was moved to {seen.stop} by hand at the venue"
        scope = symbol_scope(desk.alias, symbol)
        desk.incidents.open("MANUAL_STOP", "warning", scope, note)
        desk.halts.raise_level(scope, Level.PAUSE, "MANUAL_STOP", note)

    async def set_stop(self, seen: VenuePosition, *, bare: bool) -> bool:
        """Ask for the planned stop of an open position, `bare` if it has none. False where the market is beyond it."""
        desk, symbol = self._desk, seen.symbol
        expected = self._plan.of(symbol)
        known = expected.stop is not None or expected.nearest is not None
        wide = None if known else await self._width(symbol)
        stop = planned_stop(expected, seen, Fallback(desk.settings.fallback_stop_pct, wide))
        if stop is None:
            return False
        # A stop that we asked for once comes back by itself: with each part of an entry that fills, or in a late report.
        if symbol not in self._repaired and (bare or not desk.book.asked_stop(symbol, seen.stop)):
            self._repaired.add(symbol)
            self._limits.count(symbol)
        target = self._plan.target(symbol)
        if target is not None:
            target = on_tick(target, expected.tick, up=seen.signed_qty < 0)  # nearer to the position, as it is asked for
        data: dict[str, Json] = {"stop": text(stop), "target": text(target)}
        before = desk.journal.append("stop.repaired", data, account=desk.alias, symbol=symbol)
        priority = Priority.PROTECT if bare else Priority.EXIT
        owners = tuple(share.owner for share in self._plan.owned(symbol))
        reply = await unless_frozen(
            desk, symbol, owners, lambda: desk.port.set_stops(symbol, stop=stop, target=target, priority=priority)
        )
        answer: dict[str, Json] = {**data, "code": reply.code, "answer": reply.text}
        desk.journal.append("stop.repaired", answer, account=desk.alias, symbol=symbol, cause=before)
        took = reply.reply_class in (ReplyClass.ACCEPTED, ReplyClass.NO_CHANGE)
        if not took and not desk.frozen(symbol, *owners) and not self._may_be_closed(symbol, reply):
            note = f"stop {stop} on {symbol} was answered {reply.code}: {reply.text}"
            self._refused.add(symbol)
            desk.incidents.open("STOP_REFUSED", "critical", symbol_scope(desk.alias, symbol), note)
            desk.note_refusal(reply, note)
        return reply.code not in _BEYOND_MARKET

    def _may_be_closed(self, symbol: str, reply: Reply) -> bool:
        """Whether an exit of ours may have closed the position by now. Where it is there still, the next look asks again."""
        if reply.code != NO_POSITION:
            return False
        leaving = (row for row in self._desk.book.live(symbol) if row.action in (Action.EXIT, Action.FLATTEN))
        return not self._desk.fills.net(symbol) or any(leaving)

    async def close(self, seen: VenuePosition, *, again: bool) -> None:
        """
        Close every owner's share of an unprotectable symbol that no exit is closing; the exits' own ladder does the rest.

        Waits for no venue while the account runs: one that puts the order off would keep the position from its stop meanwhile.

        `again`: it was halted for that before. Where nothing new is to be closed that level may be lifted and stays so.
        """
        desk, symbol = self._desk, seen.symbol
        wanted = [share for share in self._plan.owned(symbol) if not self._is_closing(share)]
        if wanted or not again:
            desk.halt_symbol(symbol, Level.HALT, "UNPROTECTABLE", f"position on {symbol} cannot be protected and is closed")
        for share in wanted:
            side, cause = share.position.side, f"naked:{symbol}:{share.position.opened_ms}"
            if side is None or self._is_closing(share):  # the share before it has taken its time
                continue
            intent = flatten_intent(
                desk.alias,
                share.owner,
                symbol,
                side.opposite,
                abs(share.position.signed_qty),
                price_ref=seen.mark_price,
                cause=cause,
                reason="unprotectable",
                leg=self._free_leg(share.owner, cause),
            )
            self._begun.add((share.owner, symbol))
            if not desk.spawn(partial(self._submit, intent), share.owner):
                with anyio.move_on_after(_START_WAITS_S):  # what was begun is on record, and goes on with the account
                    await self._submit(intent, share.owner)

    async def _submit(self, intent: Intent, owner: str) -> None:
        try:
            await self._exits.submit(intent, Instance(owner, "", intent.symbol, 0), wait_s=_CLAIMED_S)
        finally:
            self._begun.discard((owner, intent.symbol))

    def _is_closing(self, share: Share) -> bool:
        """Whether an exit of its owner is at the whole of a share. One that nobody drives is driven on, and not begun anew."""
        if (share.owner, share.symbol) in self._begun:
            return True
        mine = (each for each in self._desk.book.open_intents() if (each.instance, each.symbol) == (share.owner, share.symbol))
        found = [each for each in mine if each.action == Action.FLATTEN and self._desk.book.of_intent(each.id)]
        for each in found:
            if not self._exits.is_driven(each.id):
                self._desk.spawn(self._exits.finish, each.id)
        return bool(found)

    async def _width(self, symbol: str) -> Decimal | None:
        """How far from its entry a stop lies that nobody planned, in USDT; None when the market does not say so at once."""
        desk = self._desk
        with anyio.move_on_after(_RANGE_WITHIN_S):
            try:
                now_ms = desk.clock.wall_ms() + round((await desk.port.clock_offset_ms())[0])
                candles = await desk.port.candles(symbol, needed_since_ms(now_ms), now_ms)
            except (VenueError, LinkError):
                return None
            found = hourly_range(candles, now_ms)
            return None if found is None else found * desk.settings.fallback_stop_atr
        return None

    def _free_leg(self, owner: str, cause: str) -> int:
        """
        The number of the next closing of one naked position: a fill that was late may be left of it behind the first. Of what a
        restored ledger had lost, the order is known and not what it was to close.
        """
        book, leg = self._desk.book, 0
        while (
            book.intent(intent_id(owner, cause, Action.FLATTEN, leg)) is not None
            or book.find(link_id(owner, cause, Action.FLATTEN, leg, 0)) is not None
        ):
            leg += 1
        return leg
