"""What one instance is told about the world around it, and what becomes of what it reports."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import anyio

from playd.core.candles import Candles
from playd.core.canonical import Json
from playd.core.errors import LinkError, VenueError
from playd.market.bars import ClosedBar
from playd.market.feed_watch import FeedState
from playd.market.hub import MarketHub
from playd.orders.fills import FillEvent, FundingEvent, InstanceEvent, OrderEnded
from playd.orders.gates import GateInputs
from playd.plays.column_image import ColumnImage
from playd.plays.columns import Columns
from playd.supervisor.column_keeper import KEEP, Images
from playd.supervisor.instance_ports import Decided
from playd.supervisor.keeper import Keeper
from playd.supervisor.play_stop import PlayStop
from playd.supervisor.slot import Slot
from playd.supervisor.states import State
from playd.supervisor.turns import Pen, Turns
from playd.world.ports import Clock

SAVE_EVERY_S: Final = 1.0
"""State is written at most this often; what is younger is replayed from the ledger."""

QUOTE_WITHIN_S: Final = 1.0
"""How long an entry waits for a quote that its stream has not told."""

SAVE_AFTER_S: Final = 0.25
"""
How long a state waits after its bar, and then for the pen that all instances share: it is synced several times, and at a close
a hundred of them have one.
"""

Report = Callable[[str, Slot, dict[str, Any]], None]
"""Hears what people may want to see: event name, instance, fields."""


class ShellAround:
    """Implements `instance_ports.Surroundings` for one life of one instance."""

    def __init__(
        self,
        slot: Slot,
        clock: Clock,
        hub: MarketHub,
        keeper: Keeper,
        images: Images,
        report: Report,
        refresh: Callable[[Slot], None],
        commit: Callable[[], None],
        decision_budget_s: float,
        turns: Turns,
        pen: Pen,
        quote_max_age_s: Callable[[], float | None] = lambda: None,
        play_stop: PlayStop | None = None,
        on_computed: Callable[[float], None] = lambda _took_s: None,
        on_first_kept: Callable[[], None] = lambda: None,
    ) -> None:
        """
        `play_stop` hears of every bar and event, None where nothing may halt the instance; `on_computed` how long a bar took;
        `on_first_kept` that this life has kept a state of its own.

        `quote_max_age_s` says how old a quote may be that an entry is priced by, None where none is.

        `commit` makes durable what the ledger gathers: the kept state must never be ahead of it. A bar that takes longer to
        compute than `decision_budget_s` holds everybody else's, and is reported. `turns` and `pen` are shared by all instances.
        """
        self._slot = slot
        self._clock = clock
        self._hub = hub
        self._keeper = keeper
        self._images = images
        self._report = report
        self._refresh = refresh
        self._commit = commit
        self._budget_s = decision_budget_s
        self._turns = turns
        self._pen = pen
        self._quote_max_age_s = quote_max_age_s
        self._play_stop = play_stop
        self._on_computed = on_computed
        self._on_first_kept = on_first_kept
        self._has_kept = False
        self._taken_s = 0.0
        self._saved_s = -SAVE_EVERY_S
        self._waiting: Callable[[], dict[str, Json]] | None = None
        self._waiting_since_s = 0.0
        self._changed = anyio.Event()

    def gate_inputs(self, bar: ClosedBar, *, ready: bool, not_ready: str) -> GateInputs:
        """
        Ages are monotonic; a bar that came by repair counts as late. One that the stream brought long behind its close, as
        after a pause of the process or in a queue of the network, is as old as the venue's clock says.
        """
        self._refresh(self._slot)
        symbol, now_s = self._slot.record.symbol, self._clock.mono_s()
        ticker = self._hub.ticker(symbol)
        state = self._slot.state
        return GateInputs(
            state=state.value,
            state_text="" if state is State.RUNNING else self._slot.reason_text,
            state_until_ms=self._slot.entries_held_until_ms if state is State.DEGRADED else None,
            ready=ready,
            not_ready=not_ready,
            feed_age_s=max([self._hub.feed_age_s(each) for each in self._slot.symbols]),
            feed_gap=FeedState.GAP in [self._hub.feed_state(each) for each in self._slot.symbols],
            bar_age_s=max(now_s - bar.received_mono_s, self._hub.since_close_s(bar.candle.open_time_ms)),
            late=bar.late,
            bid=ticker.bid if ticker else None,
            ask=ticker.ask if ticker else None,
            mark=ticker.mark if ticker else None,
            last=ticker.last if ticker else None,
            funding_rate=ticker.funding_rate if ticker else None,
            next_funding_ms=ticker.next_funding_ms if ticker else None,
            not_armed=self._slot.not_armed,
            quote_age_s=self._hub.quote_age_s(symbol),
        )

    async def fresh_quote(self) -> None:
        """One look at the venue where the stream's quote is too old; the gate judges what there is then."""
        limit_s = self._quote_max_age_s()
        if limit_s is None:
            return
        age_s = self._hub.quote_age_s(self._slot.record.symbol)
        if age_s is None or age_s > limit_s:
            await self._hub.ask_ticker(self._slot.record.symbol, QUOTE_WITHIN_S)

    async def history(self, start_ms: int, end_ms: int) -> Candles | None:
        """Of all symbols that the instance reads, with what it reads beside the first one's."""
        first, *others = self._slot.symbols
        try:
            candles = await self._hub.history(first, start_ms, end_ms)
            candles = await self._hub.said(candles, self._slot.said) if self._slot.said else candles
            for other in others:
                candles = candles.beside(await self._hub.history(other, start_ms, end_ms))
        except (VenueError, LinkError):
            return None
        return candles

    def image(self) -> ColumnImage | None:
        return self._images.older()

    def rewarmed(self) -> None:
        self._images.keeper.forget_newest()
        self._report("instance.rewarmed", self._slot, {"msg": "columns built anew from corrected candles"})

    async def turn(self, *, late: bool) -> None:
        await (self._turns.take_behind() if late else self._turns.take())

    def bar_taken(self, bar: ClosedBar) -> None:
        if self._play_stop is not None:
            self._play_stop.before_bar()
        self._slot.last_bar_mono_s = bar.received_mono_s
        self._taken_s = self._clock.mono_s()

    def bar_computed(self) -> None:
        took_s = self._clock.mono_s() - self._taken_s
        self._on_computed(took_s)
        if took_s > self._budget_s:
            fields = {"took_ms": round(took_s * 1000, 1), "limit": round(self._budget_s * 1000), "unit": "ms"}
            self._report("bar.slow", self._slot, fields)

    def decided(self, decided: Decided) -> None:
        if self._play_stop is not None:
            self._play_stop.tell()
        fields = {"verdict": decided.verdict, "detail": decided.detail, "close_ms": decided.close_ms, "late": decided.late}
        if decided.order is not None and decided.order.metadata:
            fields["metadata"] = dict(decided.order.metadata)
        if decided.next_ms is not None:
            fields["next_ms"] = decided.next_ms
        self._report("bar.verdict", self._slot, fields)

    def event_taken(self, event: InstanceEvent) -> None:
        if self._play_stop is not None:
            self._play_stop.tell()
        self._slot.touch()
        match event:
            case FillEvent(execution=execution, action=action, reason=reason, link_id=link_id):
                fields = {
                    "action": str(action),
                    "reason": reason,
                    "side": str(execution.side),
                    "qty": format(execution.qty, "f"),
                    "price": format(execution.price, "f"),
                    "fee": format(execution.fee, "f"),
                    "time_ms": execution.time_ms,
                    "link_id": link_id,
                }
                self._report("fill.booked", self._slot, fields)
            case OrderEnded(action=action, reason=reason, link_id=link_id):
                self._report("order.state", self._slot, {"action": str(action), "reason": reason, "link_id": link_id})
            case FundingEvent(amount_usdt=amount):
                self._report("fill.funding", self._slot, {"amount": format(amount, "f")})

    def caught_up(self) -> None:
        self._slot.set_facts(replace(self._slot.facts, warm=True), "warm and caught up")
        self._refresh(self._slot)

    def market_ended(self) -> None:
        self._slot.degrade("market_ended", "the recorded market is over")

    def save(self, state: Callable[[], dict[str, Json]], *, now: bool) -> None:
        """
        Keep the newest state: a moment later (`keep`), unless it must be `now`. One that has waited a second, or for two rounds
        of all writers, is written here, because on a market without a pause no moment later is at rest.
        """
        now_s = self._clock.mono_s()
        if self._waiting is None:
            self._waiting_since_s = now_s
        self._waiting = state
        self._changed.set()
        if now or now_s - max(self._waiting_since_s, self._saved_s) >= max(SAVE_EVERY_S, 2 * self._pen.round_s):
            self.flush()

    async def keep(self, at_rest: Callable[[], bool]) -> None:
        """Write what waits a moment after it came, when nothing is half dealt with. Until cancelled; raises `RecordError`."""
        while True:
            await self._changed.wait()
            self._changed = anyio.Event()
            await anyio.sleep(max(SAVE_AFTER_S, self._saved_s + SAVE_EVERY_S - self._clock.mono_s()))
            if not await self._pen.write(lambda: at_rest() and self.flush()) and self._waiting is not None:
                self._changed.set()

    def columns_moved(self, columns: Columns, open_ms: int) -> None:
        """Keep an image when one is due, behind the state: no image may know a bar that the state does not."""
        if self._images.due(open_ms):
            self.flush()
            try:
                self._images.keeper.save(columns.image(KEEP.least_bars), self._clock.wall_ms())
            except OSError as error:
                # Nothing is lost with it but the time of a start.
                self._report("instance.image_failed", self._slot, {"msg": f"{self._images.keeper.path}: {error}"})

    def flush(self) -> bool:
        """Write what waits, verdicts of its bars first; whether that was anything. Raises `RecordError`."""
        if self._waiting is None:
            return False
        if self._play_stop is not None:
            # What a state knows of a stop is on record before it, whoever has it kept in the middle of a bar.
            self._play_stop.tell()
        self._commit()
        self._saved_s = self._clock.mono_s()
        if self._keeper.save(self._waiting(), self._clock.wall_ms()):
            self._waiting = None
            if not self._has_kept:
                self._has_kept = True
                self._on_first_kept()
        return True
