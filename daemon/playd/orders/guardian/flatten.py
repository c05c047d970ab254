"""
Panic with nothing but the venue: cancel what could open risk, close reduce-only, verify flat twice, sweep our leftovers.

Needs no ledger, no state and no stream. Used by the guardian's panic and by `playd emergency-flatten`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import anyio

from playd.core.errors import LinkError, VenueError
from playd.core.ids import guardian_link_id, instance_tag, is_ours, tag_of
from playd.core.orders import Side, VenueOrder, VenuePosition
from playd.core.reply_codes import ReplyClass
from playd.orders.guardian.hands import Hands
from playd.orders.guardian.judge import Key, Seen, opens_risk
from playd.orders.guardian.plan import PlannedPosition
from playd.orders.panic_report import FLAT_WITHIN_S, VERIFY_GAP_S, PanicPosition, PanicReport, PanicScope, slippage_bps
from playd.venues.port import Reply
from playd.world.ports import Clock

RUNG_S: Final = 3.0
"""Time of one closing order before the next one, with a wider tolerance, follows it."""

OVERLAP_MS: Final = 60_000
"""A venue may show an execution later than one that came behind it."""

_LOOK_S: Final = 0.25
_CANCELS_A_PASS: Final = 4
"""So many a share of two a second sends while a pass closes; the next reading may show that others are gone by then."""
_READ_RETRY_S: Final = 1.0
_LAST_READING_S: Final = 5.0
_DONE: Final = frozenset({ReplyClass.ACCEPTED, ReplyClass.NO_CHANGE, ReplyClass.GONE, ReplyClass.EXISTS})

Step = Callable[[str, str], None]
"""Hears (step, text) of everything that was done."""


@dataclass
class _Run:
    """Progress of one panic."""

    since_ms: int
    before: dict[Key, VenuePosition] = field(default_factory=dict)
    wanted: dict[Key, Decimal] = field(default_factory=dict)
    """What was to be closed of each when its closing began."""
    attempts: dict[Key, int] = field(default_factory=dict)
    links: dict[Key, list[str]] = field(default_factory=dict)
    sent_s: dict[Key, float] = field(default_factory=dict)
    asked: dict[Key, tuple[Decimal, Decimal]] = field(default_factory=dict)
    """Of the last order of each: how large the position was before it, and the order."""
    rungs: dict[Key, int] = field(default_factory=dict)
    entered: dict[Key, Decimal] = field(default_factory=dict)
    left: dict[Key, Decimal] = field(default_factory=dict)
    """What is gone of the share that the plan tells of, by the executions of the instance's orders."""
    done: dict[str, Decimal] = field(default_factory=dict)
    """What each order of this panic executed."""
    problems: dict[str, None] = field(default_factory=dict)
    cancelled: set[str] = field(default_factory=set)
    largest: dict[str, Decimal | None] = field(default_factory=dict)
    sent: dict[str, tuple[Decimal, float]] = field(default_factory=dict)
    """How much each order of this panic asks for, and when it was sent."""
    seen: Seen | None = None
    """The newest reading."""


class Flattener:
    """
    Panics of one account. `planned` are the positions that the plan knows, for owners and quantities; it may be empty.

    The scope of an instance closes what the plan gives it, with what its entries executed behind the plan's back and without
    what its exits and this panic did: the rest of the position is somebody else's. Executions alone tell how much that is; the
    size of the position changes with what others do.
    """

    def __init__(
        self,
        alias: str,
        hands: Hands,
        clock: Clock,
        planned: Mapping[Key, PlannedPosition],
        on_step: Step,
        on_seen: Callable[[Seen], None] = lambda _seen: None,
        *,
        read_to_ms: int = 0,
    ) -> None:
        """
        `on_seen` hears of every reading: who else looks at the account need not ask for one of its own. Executions before
        `read_to_ms`, in market time, are all in the plan's shares.
        """
        self._alias = alias
        self._hands = hands
        self._clock = clock
        self._planned = planned
        self._on_step = on_step
        self._on_seen = on_seen
        self._read_to_ms = read_to_ms

    async def run(self, scope: PanicScope, *, within_s: float = FLAT_WITHIN_S) -> PanicReport:
        """Until flat is verified twice or `within_s` are over; what is not flat then keeps its stop."""
        started_s, run = self._clock.mono_s(), _Run(self._clock.wall_ms())
        flat = False
        with anyio.move_on_after(within_s):
            flat = await self._until_flat(scope, run)
        last = run.seen if flat else await self._last_reading(scope, run)
        if flat:
            run.problems.clear()  # whatever was refused on the way
        else:
            run.problems[f"not verified flat, with no entry left, within {within_s:g} s"] = None
        if last is None:
            run.problems["positions could not be read at the end"] = None
        elif flat:
            await self._sweep(run, last)
        positions = tuple([await self._result(scope, run, key, last) for key in run.before])
        return PanicReport(scope, positions, len(run.cancelled), self._clock.mono_s() - started_s, tuple(run.problems))

    async def _until_flat(self, scope: PanicScope, run: _Run) -> bool:
        flat_readings = 0
        while True:
            seen = await self._read(run)
            left = await self._left(scope, run)  # last, so that nothing older decides how much is closed
            if seen is None or left is None:
                flat_readings = 0
                await anyio.sleep(_READ_RETRY_S)
                continue
            run.left = left
            entries = [order for order in seen.orders if self._is_entry_of(scope, order)]
            async with anyio.create_task_group() as cancelling:
                # No close waits for cancels, which have a rate of their own.
                cancelling.start_soon(self._cancel_some, run, entries)
                open_now = await self._close_open(scope, run, seen)
            if open_now is None:
                flat_readings = 0
                await anyio.sleep(_READ_RETRY_S)
                continue
            if seen.unread:
                run.problems[seen.unread] = None
            if not open_now and not entries and not seen.unread:
                flat_readings += 1
                if flat_readings == 2:
                    return True
                await anyio.sleep(VERIFY_GAP_S)
                continue
            flat_readings = 0
            await anyio.sleep(_LOOK_S)

    async def _close_open(self, scope: PanicScope, run: _Run, seen: Seen) -> int | None:
        """Send what closes the scope, as far as it is due. How many positions are open; None where the venue does not say."""
        if scope.instance_uid and not await self._count_entered(scope, run):
            return None
        open_now = [position for position in seen.positions if self._to_close(scope, run, position) > 0]
        for position in open_now:
            await self._close(scope, run, position)
        return len(open_now)

    async def _cancel_some(self, run: _Run, entries: list[VenueOrder]) -> None:
        for order in entries[:_CANCELS_A_PASS]:
            await self._cancel(run, order)

    def _to_close(self, scope: PanicScope, run: _Run, position: VenuePosition) -> Decimal:
        """How much of a position the scope still wants closed."""
        if position.side is None or scope.symbol not in ("", position.symbol):
            return Decimal(0)
        key = (position.symbol, position.position_idx)
        if scope.instance_uid:
            planned = self._planned.get(key)
            if planned is None or planned.side is not position.side:
                return Decimal(0)
            return min(self._share(scope, run, key), position.qty)
        return position.qty

    def _share(self, scope: PanicScope, run: _Run, key: Key) -> Decimal:
        """What the scope's instance holds of a position: by the plan, and by what its orders executed since."""
        planned = self._planned.get(key)
        share = planned.share_of(scope.instance_uid) if planned is not None else None
        held = max(share.qty if share is not None else Decimal(0), run.entered.get(key, Decimal(0)))
        return max(Decimal(0), held - run.left.get(key, Decimal(0)))

    async def _left(self, scope: PanicScope, run: _Run) -> dict[Key, Decimal] | None:
        """
        What the instance's orders have closed that the plan's shares still hold, those of this panic and of earlier ones
        included. None where the venue does not say so.
        """
        found: dict[Key, Decimal] = {}
        if not scope.instance_uid:
            return found
        try:
            for key, planned in self._planned.items():
                mine = [each for each in planned.exits if tag_of(each.link_id) == instance_tag(scope.instance_uid)]
                gone = [(await self._hands.executed(planned.symbol, each.link_id))[0] - each.booked for each in mine]
                found[key] = sum((max(Decimal(0), qty) for qty in gone), await self._closed_since(scope, run, key, planned))
        except (VenueError, LinkError) as error:
            run.problems[f"executions of exits could not be read: {error}"] = None
            return None
        return found

    async def _closed_since(self, scope: PanicScope, run: _Run, key: Key, planned: PlannedPosition) -> Decimal:
        """
        What orders of the instance that the plan does not name have closed of its share behind the plan's back, less what they
        have opened. Raises as `Hands.read` does.
        """
        share, ours = planned.share_of(scope.instance_uid), run.links.get(key, ())
        if share is None or share.booked_seq is None:
            run.done |= {link: (await self._hands.executed(planned.symbol, link))[0] for link in ours}
            return sum((run.done[link] for link in ours), Decimal(0))
        # What is newer than the books is asked for, not all of a position that may be months old.
        since_ms = max(share.booked_ms or share.opened_ms, self._read_to_ms - OVERLAP_MS) or None
        found = await self._hands.traded(planned.symbol, instance_tag(scope.instance_uid), since_ms)
        run.done |= {link: sum((each.qty for each in found if each.link_id == link), Decimal(0)) for link in ours}
        named = {*planned.entry_links, *(each.link_id for each in planned.exits)}
        unknown = [each for each in found if each.seq > share.booked_seq and each.link_id not in named]
        return sum((-each.qty if each.side is planned.side else each.qty for each in unknown), Decimal(0))

    async def _count_entered(self, scope: PanicScope, run: _Run) -> bool:
        """Ask what the instance's working entries have executed; whether the venue said it. Plans know only what was booked."""
        try:
            for key, planned in self._planned.items():
                links = [link for link in planned.entry_links if tag_of(link) == instance_tag(scope.instance_uid)]
                executed = [(await self._hands.executed(planned.symbol, link))[0] for link in links]
                run.entered[key] = max(sum(executed, Decimal(0)), run.entered.get(key, Decimal(0)))
        except (VenueError, LinkError) as error:
            run.problems[f"executions of entries could not be read: {error}"] = None
            return False
        return True

    async def _close(self, scope: PanicScope, run: _Run, position: VenuePosition) -> None:
        """One closing order; the next one of the same position follows a rung later."""
        key = (position.symbol, position.position_idx)
        qty = self._to_close(scope, run, position)
        run.before.setdefault(key, position)
        run.wanted.setdefault(key, qty)
        qty -= self._on_the_way(run, key) if scope.instance_uid else 0
        now_s = self._clock.mono_s()
        if qty <= 0 or (now_s - run.sent_s.get(key, -RUNG_S) < RUNG_S and not self._is_gone(run, key, position.qty)):
            return
        planned = self._planned.get(key)
        largest = planned.max_order_qty if planned is not None else await self._largest(run, position.symbol)
        piece = min(qty, largest or qty)
        attempt = run.attempts.get(key, 0)
        run.attempts[key], run.sent_s[key] = attempt + 1, now_s
        owner = scope.instance_uid or (planned.owner if planned is not None else "")
        link = guardian_link_id(owner, self._alias, position.symbol, position.position_idx, run.since_ms, attempt)
        run.links.setdefault(key, []).append(link)
        side = Side.SELL if position.side is Side.BUY else Side.BUY
        rung = self._rung(run, key, position.qty, piece)
        run.sent[link] = piece, now_s
        reply = await self._hands.close(position.symbol, position.position_idx, side, piece, link, rung)
        run.sent[link] = piece, self._clock.mono_s()
        if reply.reply_class is ReplyClass.LATER:
            del run.asked[key]  # nobody has tried this tolerance yet
        self._note(run, "close", f"{side} {piece} {position.symbol} reduce-only as {link}", reply)

    def _on_the_way(self, run: _Run, key: Key) -> Decimal:
        """What orders of the last rung may still execute, or have, and the venue's list does not show it yet."""
        now_s, sent = self._clock.mono_s(), [(link, *run.sent[link]) for link in run.links.get(key, ())]
        young = (piece - run.done.get(link, Decimal(0)) for link, piece, sent_s in sent if now_s - sent_s < RUNG_S)
        return sum((max(Decimal(0), qty) for qty in young), Decimal(0))

    def _is_gone(self, run: _Run, key: Key, held: Decimal) -> bool:
        """
        Whether a reading shows that the piece before was filled: the next one need not wait then.
        """
        before, asked = run.asked.get(key, (held, Decimal(0)))
        return before - held >= asked > 0

    def _rung(self, run: _Run, key: Key, held: Decimal, piece: Decimal) -> int:
        """The next tolerance, one wider unless the order before was filled: a piece of a large position climbs no ladder."""
        before, asked = run.asked.get(key, (held, Decimal(0)))
        run.asked[key] = held, piece
        run.rungs[key] = run.rungs.get(key, 0) + (before - held < asked)
        return run.rungs[key]

    async def _largest(self, run: _Run, symbol: str) -> Decimal | None:
        if symbol not in run.largest:
            try:
                run.largest[symbol] = await self._hands.max_order_qty(symbol)
            except (VenueError, LinkError):
                return None  # one order for all of it is better than none; asked again at the next attempt
        return run.largest[symbol]

    def _is_entry_of(self, scope: PanicScope, order: VenueOrder) -> bool:
        if not opens_risk(order) or scope.symbol not in ("", order.symbol):
            return False
        if not scope.instance_uid:
            return True
        return is_ours(order.link_id) and tag_of(order.link_id) == instance_tag(scope.instance_uid)

    async def _cancel(self, run: _Run, order: VenueOrder) -> None:
        reply = await self._hands.cancel(order.symbol, order.venue_order_id)
        run.cancelled.add(order.venue_order_id)
        self._note(run, "cancel", f"entry {order.link_id or order.venue_order_id} on {order.symbol}", reply)

    async def _sweep(self, run: _Run, last: Seen) -> None:
        """Cancel what is left of ours beside positions that are verified flat: targets that stand alone."""
        held = {(position.symbol, position.position_idx) for position in last.positions if position.side is not None}
        closed = set(run.before) - held
        for order in last.orders:
            if order.reduce_only and is_ours(order.link_id) and (order.symbol, order.position_idx) in closed:
                reply = await self._hands.cancel(order.symbol, order.venue_order_id)
                self._note(run, "sweep", f"leftover {order.link_id} on {order.symbol}", reply)

    async def _read(self, run: _Run) -> Seen | None:
        try:
            seen = await self._hands.read()
        except (VenueError, LinkError) as error:
            run.problems[f"positions could not be read: {error}"] = None
            return None
        run.seen = seen
        self._on_seen(seen)
        return seen

    async def _last_reading(self, scope: PanicScope, run: _Run) -> Seen | None:
        last = None
        with anyio.move_on_after(_LAST_READING_S):
            last = await self._read(run)
            run.left = await self._left(scope, run) or run.left
        return last

    def _note(self, run: _Run, step: str, what: str, reply: Reply) -> None:
        answer = "" if reply.reply_class in _DONE else f": answered {reply.code} {reply.text}".rstrip()
        if answer:
            run.problems[f"{step} {what}{answer}"] = None
        self._on_step(step, f"{what}{answer}")

    async def _result(self, scope: PanicScope, run: _Run, key: Key, last: Seen | None) -> PanicPosition:
        before, after = run.before[key], None
        if last is not None:
            after = next((found for found in last.positions if (found.symbol, found.position_idx) == key), None)
        left_qty = after.signed_qty if after is not None else Decimal(0)
        start, remaining = before.signed_qty, left_qty if last is not None else None
        sign = 1 if before.signed_qty > 0 else -1
        if scope.instance_uid:
            start = sign * run.wanted[key]
            remaining = None if last is None else sign * max(Decimal(0), min(self._share(scope, run, key), sign * left_qty))
        closed, value = await self._executed(run, key)
        average = value / closed if closed else Decimal(0)
        slippage = slippage_bps(before.mark_price, average, is_long=sign > 0)
        stop = after.stop if after is not None else None
        return PanicPosition(before.symbol, start, closed, average, slippage, remaining, stop)

    async def _executed(self, run: _Run, key: Key) -> tuple[Decimal | None, Decimal]:
        """Quantity and value of this panic's orders; None and zero when they could not be read, which changes no verdict."""
        qty = value = Decimal(0)
        try:
            for link in run.links.get(key, ()):
                more_qty, more_value = await self._hands.executed(key[0], link)
                qty, value = qty + more_qty, value + more_value
        except (VenueError, LinkError) as error:
            self._on_step("read", f"executions of {key[0]} could not be read: {error}")
            return None, Decimal(0)
        return qty, value
