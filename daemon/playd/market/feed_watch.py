"""
One watched symbol: its bars, its ticker, and the watch over both: gaps are filled, late bars fetched, silence is noticed.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import anyio

from playd.core.candles import Candle
from playd.core.errors import LinkError, RecordError, VenueError
from playd.core.limits import KLINES_PER_REQUEST
from playd.market.bars import BarLine, ClosedBar, Offer, Source
from playd.market.public_feed import CandleSource, FrameRefused, KlineFrame, TickerFrame
from playd.market.quality import JUMP_LOOKS_BACK, QUIET_BARS, doubt
from playd.market.ticker import TickerState
from playd.world.ports import Clock


@dataclass(frozen=True, slots=True)
class HubTiming:
    """
    Waits of the hub in real seconds. `bar_interval_s` is the real time between two closes of the base step.

    The other values are for a market in real time; `at_speed` shrinks them for an accelerated one.
    """

    bar_interval_s: float = 60.0
    late_fetch_s: float = 10.0
    stale_s: float = 30.0
    refetch_s: float = 30.0
    fetch_within_s: float = 10.0
    retry_pause_s: float = 1.0
    gap_tries: int = 3
    proofs_of_hole: int = 3
    """Complete replies without the missing candles before the venue is believed not to have them."""

    @staticmethod
    def at_speed(speed: float, *, bar_interval_s: float = 60.0) -> "HubTiming":
        """For a simulated market that runs `speed` times as fast; the waits keep a floor that a busy machine needs."""
        return HubTiming(
            bar_interval_s=bar_interval_s / speed,
            late_fetch_s=max(10.0 / speed, 2.0),
            stale_s=max(30.0 / speed, 6.0),
            refetch_s=max(30.0 / speed, 6.0),
            retry_pause_s=max(1.0 / speed, 0.1),
            proofs_of_hole=1,  # it is the only source of its candles and never lags behind itself
        )


class FeedState(StrEnum):
    """How far the closed bars of a symbol can be relied on."""

    WAITING = "waiting"
    """No bar yet, none overdue."""
    LIVE = "live"
    LATE = "late"
    """Bars come, but over REST."""
    GAP = "gap"
    """Candles are missing and being fetched."""
    STALE = "stale"
    """No bar, or a gap, for too long."""
    DOUBTFUL = "doubtful"
    """The newest bar is not believed (`market.quality`): until the next one that is."""


class NoteKind(StrEnum):
    """What the hub reports for the record."""

    LINK_UP = "link_up"
    LINK_DOWN = "link_down"
    SYMBOL_REFUSED = "symbol_refused"
    FRAME_REFUSED = "frame_refused"
    MARKET_ENDED = "market_ended"
    BAR_REVISED = "bar_revised"
    BAR_OLD = "bar_old"
    GAP_OPENED = "gap_opened"
    GAP_FILLED = "gap_filled"
    GAP_ABSENT = "gap_absent"
    FETCH_FAILED = "fetch_failed"
    STATE = "state"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FeedNote:
    """One line for journal and log. `open_ms` is the candle it is about, 0 when none."""

    kind: NoteKind
    symbol: str
    open_ms: int
    text: str


@dataclass(frozen=True, slots=True)
class Revision:
    """A closed candle came again with other values. Running columns keep `first`."""

    first: Candle
    second: Candle
    received_mono_s: float


_REFUSED_EVERY_S: Final = 60.0
"""Frames that hold no market come several a second when they come: so often they are said."""

COMPARED_EVERY: Final = 50
"""One of so many bars of the stream is asked for again over REST."""

COMPARED_AFTER_S: Final = 120.0
"""By then the venue gives a candle as it stays."""

REVISIONS_KEPT: Final = 64
"""Revisions kept per symbol; more than a handful a day means a broken venue."""


class SymbolFeed:
    """Bars, ticker and state of one symbol. `keep` runs as long as somebody subscribes."""

    def __init__(
        self,
        symbol: str,
        clock: Clock,
        source: CandleSource,
        timing: HubTiming,
        note: Callable[[FeedNote], None],
        on_bar: Callable[[ClosedBar], None] | None = None,
        tick_of: Callable[[str], float | None] | None = None,
        since_close_s: Callable[[int], float] = lambda _open_ms: 0.0,
    ) -> None:
        """
        `on_bar` hears of every bar that is taken into the order, and of one that comes again with other values. Bars are judged
        (`market.quality`) and compared where `tick_of` is given: the step of the symbol's prices, None while it is unknown.

        `since_close_s` says how long ago a bar that opens then has closed by the venue's clock: the next one is due by that,
        and not by when this one came. A stream that falls behind more and more is late with each bar.
        """
        self._since_close_s = since_close_s
        self._on_bar = on_bar
        self._tick_of = tick_of
        self._streamed = 0
        self._to_compare: list[tuple[float, int]] = []
        """When a bar is asked for again, and its open."""
        self.symbol = symbol
        self.line = BarLine(source.step_ms)
        self.ticker = TickerState(symbol)
        self.state = FeedState.WAITING
        self.revisions: deque[Revision] = deque(maxlen=REVISIONS_KEPT)
        self.revision_count = 0
        self._revised: anyio.Event | None = None
        self.equal_count = 0
        self.ended = False
        self.scope = anyio.CancelScope()
        self._clock = clock
        self._source = source
        self._timing = timing
        self._note = note
        self._data_s: float | None = None
        self._refused_s = self._failed_s = -math.inf
        self._due_s = clock.mono_s() + timing.bar_interval_s
        self._fetch_s = self._due_s + timing.late_fetch_s
        self._looks_s = math.inf
        self._back_s = math.inf
        """By when the watch comes round again, whatever it waits for."""
        self._arrived: anyio.Event | None = None
        self._touched = anyio.Event()

    @property
    def age_s(self) -> float:
        """Monotonic age of the newest ticker or candle frame; infinite before the first."""
        return math.inf if self._data_s is None else self._clock.mono_s() - self._data_s

    @property
    def behind_s(self) -> float:
        """How long ago the watch should have come round."""
        return 0.0 if self.scope.cancel_called else max(self._clock.mono_s() - self._back_s, 0.0)

    async def arrival(self) -> None:
        """Wait until the line has grown. Ask for the next bar again afterwards."""
        self._arrived = self._arrived or anyio.Event()
        await self._arrived.wait()

    async def revision(self) -> None:
        """Wait until a closed candle has come again with other values."""
        self._revised = self._revised or anyio.Event()
        await self._revised.wait()

    def take_ticker(self, frame: TickerFrame) -> None:
        self._data_s = frame.received_mono_s
        self.ticker.take(frame)

    def take_kline(self, frame: KlineFrame) -> None:
        """Note that data flows, and take the bar when it is closed."""
        self._data_s = frame.received_mono_s
        if frame.closed:
            self._offer(ClosedBar(self.symbol, frame.candle, frame.received_mono_s, Source.STREAM, late=False))

    def refuse(self, frame: FrameRefused) -> None:
        """Leave a frame out that holds no market, say so once a minute, and ask for the candle if it was to be a final one."""
        now_s = self._clock.mono_s()
        if now_s - self._refused_s >= _REFUSED_EVERY_S:
            self._refused_s = now_s
            self._note(FeedNote(NoteKind.FRAME_REFUSED, self.symbol, self.line.head_ms or 0, frame.reason))
        if frame.closed:
            self.check_now()

    def check_now(self) -> None:
        """Fetch what may have closed unseen (before a subscription, during an outage) instead of waiting for the next bar."""
        if self.line.head_ms is not None:
            self._fetch_s = self._clock.mono_s()
            self._touched.set()

    def end(self) -> None:
        """A replayed market is over: nothing will be overdue any more, and who waits for a bar hears of it."""
        self.ended = True
        self.wake()
        if self.line.gap is None:
            self.scope.cancel()

    async def keep(self) -> None:
        """Watch over the line until cancelled, or until a replayed market is over and nothing is missing."""
        with self.scope:
            while not (self.ended and self.line.gap is None):
                try:
                    await self._step()
                except RecordError:
                    raise
                except Exception as error:  # noqa: BLE001
                    # The supervised edge of a feed: a bug about one symbol ends neither the hub nor what trades by it.
                    await self._pause_behind(error)
        self._back_s = math.inf

    async def _pause_behind(self, bug: Exception) -> None:
        """Say what failed, once a minute, and let the next attempt wait."""
        now_s = self._clock.mono_s()
        if now_s - self._failed_s >= _REFUSED_EVERY_S:
            self._failed_s = now_s
            text = f"an error of ours: {type(bug).__name__}: {bug}"
            self._note(FeedNote(NoteKind.FAILED, self.symbol, self.line.head_ms or 0, text))
        self._back_s = now_s + self._timing.retry_pause_s
        await anyio.sleep(self._timing.retry_pause_s)
        self._look_whether_stale()

    async def _step(self) -> None:
        """See to what is due, and wait until something is."""
        if self.line.gap is not None:
            await self._fill_gap()
        elif self._clock.mono_s() >= self._fetch_s:
            await self._fetch_overdue()
        elif self._clock.mono_s() >= self._compare_s:
            await self._compare()
        await self._wait_for_trouble()

    async def _wait_for_trouble(self) -> None:
        self._looks_s, now_s = self._next_look_s(), self._clock.mono_s()
        self._back_s = max(self._looks_s, now_s)
        with anyio.move_on_after(self._back_s - now_s):
            await self._touched.wait()
        self._touched = anyio.Event()
        self._look_whether_stale()

    def _look_whether_stale(self) -> None:
        if self._clock.mono_s() >= self._due_s + self._timing.stale_s:
            self._enter(FeedState.STALE, f"no closed bar {self._timing.stale_s:g} s after it was due")

    def _next_look_s(self) -> float:
        """When trouble can begin, unless something arrives before."""
        asks_s = min(self._fetch_s, self._compare_s)
        return asks_s if self.state is FeedState.STALE else min(asks_s, self._due_s + self._timing.stale_s)

    @property
    def _compare_s(self) -> float:
        return min(self._to_compare)[0] if self._to_compare else math.inf

    async def _compare(self) -> None:
        """Ask for one bar again: a copy with other values is a revision like any other, which its readers mend."""
        due = min(self._to_compare)
        self._to_compare.remove(due)
        if not await self._fetch(due[1], due[1] + self._source.step_ms):
            self._to_compare.append((self._clock.mono_s() + self._timing.refetch_s, due[1]))

    async def _fetch_overdue(self) -> None:
        """A bar is overdue: ask for everything that may have closed since the head, which is one request."""
        self._fetch_s = self._clock.mono_s() + self._timing.refetch_s
        if self.line.head_ms is not None:
            step_ms = self._source.step_ms
            await self._fetch(self.line.head_ms + step_ms, self.line.head_ms + step_ms * KLINES_PER_REQUEST)

    async def _fill_gap(self) -> None:
        """Fetch the missing candles, a few times at once and then steadily, until the line is whole."""
        began_s = self._clock.mono_s()
        tries = empty_replies = 0
        self._enter(FeedState.GAP, "candles are missing")
        while (gap := self.line.gap) is not None:
            if tries == 0:
                self._note(FeedNote(NoteKind.GAP_OPENED, self.symbol, gap[0], f"missing up to {gap[1]}"))
            answered = await self._fetch(*gap)
            if self.line.gap != gap:
                self._note(FeedNote(NoteKind.GAP_FILLED, self.symbol, gap[0], f"up to {self.line.head_ms}"))
                tries = empty_replies = 0
                continue
            tries, empty_replies = tries + 1, empty_replies + answered
            if empty_replies >= self._timing.proofs_of_hole:
                self._note(FeedNote(NoteKind.GAP_ABSENT, self.symbol, gap[0], f"the venue has none before {gap[1]}"))
                self.line.skip_hole()
                self._grown()
                tries = empty_replies = 0
                continue
            await self._pause_in_gap(began_s, tries)

    async def _pause_in_gap(self, began_s: float, tries: int) -> None:
        pause_s = self._timing.retry_pause_s if tries < self._timing.gap_tries else self._timing.refetch_s
        to_stale_s = began_s + self._timing.stale_s - self._clock.mono_s()
        if to_stale_s <= 0:
            self._enter(FeedState.STALE, f"a gap could not be filled for {self._timing.stale_s:g} s")
        pause_s = min(pause_s, to_stale_s) if to_stale_s > 0 else pause_s
        self._back_s = self._clock.mono_s() + pause_s
        await anyio.sleep(pause_s)

    async def _fetch(self, start_ms: int, end_ms: int) -> bool:
        """
        Fetch and offer candles. False when the answer does not tell of all of them: there was none, or the time that the
        source takes for the present lies before their end, as behind a sleep of the machine until it has asked the venue.
        """
        self._back_s = self._clock.mono_s() + self._timing.fetch_within_s
        try:
            with anyio.fail_after(self._timing.fetch_within_s):
                candles = await self._source.candles(self.symbol, start_ms, end_ms)
                now_ms = await self._source.market_now_ms()
        except (VenueError, LinkError, TimeoutError) as error:
            self._note(FeedNote(NoteKind.FETCH_FAILED, self.symbol, start_ms, str(error) or "no answer in time"))
            return False
        for candle in candles:
            # A market that stands at this very close (it is held, or waits in lock-step) has not moved on without us.
            late = candle.open_time_ms + self._source.step_ms < now_ms
            self._offer(ClosedBar(self.symbol, candle, self._clock.mono_s(), Source.REST, late))
        return now_ms >= end_ms

    def _offer(self, bar: ClosedBar) -> None:
        outcome = self.line.offer(bar)
        if outcome is Offer.TAKEN:
            self._grown()
            self._heard(bar)
        elif outcome is Offer.HELD:
            self._touched.set()
            self._heard(bar)
            self._compare_held(bar)
        elif outcome is Offer.DROPPED:
            self._touched.set()
        elif outcome is Offer.EQUAL:
            self.equal_count += 1
        elif outcome is Offer.REVISED:
            self._revise(bar)
        elif outcome is Offer.OLD:
            self._note(FeedNote(NoteKind.BAR_OLD, self.symbol, bar.candle.open_time_ms, "older than the bars kept: dropped"))

    def _heard(self, bar: ClosedBar) -> None:
        if self._on_bar is not None:
            self._on_bar(bar)

    def _grown(self) -> None:
        """The line has a new head: say when the next bar is due, how things stand, and wake whoever waits."""
        head = self.line.find(self.line.head_ms) if self.line.head_ms is not None else None
        if head is not None:
            interval_s = self._timing.bar_interval_s
            late_s = self._since_close_s(head.candle.open_time_ms) - (self._clock.mono_s() - head.received_mono_s)
            # One that came a whole step late has the next one due at once, however late it was: no clock says more than that.
            next_s = head.received_mono_s - min(max(late_s, 0.0), interval_s) + interval_s
            # A fetched bar was late itself: it does not move the schedule by its own delay.
            self._due_s = next_s if head.source is Source.STREAM else min(self._due_s + interval_s, next_s)
            self._fetch_s = self._due_s + self._timing.late_fetch_s
            fresh = self._clock.mono_s() < self._due_s + self._timing.stale_s
            doubt = self._doubt(head)
            if doubt:
                self._enter(FeedState.DOUBTFUL, doubt)
            elif fresh and self.line.gap is None:
                self._enter(FeedState.LIVE if head.source is Source.STREAM else FeedState.LATE, f"bar from {head.source}")
        self.wake()
        if self.line.gap is not None or self._next_look_s() < self._looks_s:
            # A bar in time only puts trouble off: the watch need not run beside the order that this bar may cause.
            self._touched.set()

    def _doubt(self, head: ClosedBar) -> str:
        """Why the newest bar is not believed; one of the stream is asked for again then, as is every fiftieth of it."""
        if self._tick_of is None:
            return ""
        streamed, now_s = head.source is Source.STREAM, self._clock.mono_s()
        mark = self._mark() if streamed else None  # one that was fetched closed some time ago
        looked_at = JUMP_LOOKS_BACK if head.candle.volume else QUIET_BARS
        found = doubt(self.line.newest(looked_at), mark, self._tick_of(self.symbol))
        self._streamed += streamed
        if found and streamed:
            self._to_compare.append((now_s + self._timing.late_fetch_s, head.candle.open_time_ms))
        elif streamed and self._streamed % COMPARED_EVERY == 0:
            self._to_compare.append((now_s + COMPARED_AFTER_S, head.candle.open_time_ms))
        return found

    def _compare_held(self, bar: ClosedBar) -> None:
        """Ask again for a bar that the stream gave beyond a gap: only the newest bar of a filled gap is judged."""
        if self._tick_of is not None and bar.source is Source.STREAM:
            self._to_compare.append((self._clock.mono_s() + self._timing.late_fetch_s, bar.candle.open_time_ms))

    def _mark(self) -> float | None:
        """The mark price as far as it is of now."""
        ticker = self.ticker.ticker
        if ticker is None or ticker.mark is None or self._clock.mono_s() - ticker.received_mono_s > self._timing.stale_s:
            return None
        return float(ticker.mark)

    def wake(self) -> None:
        """Let whoever waits for a bar look again."""
        arrived, self._arrived = self._arrived, None
        if arrived is not None:
            arrived.set()

    def _revise(self, bar: ClosedBar) -> None:
        first = self.line.find(bar.candle.open_time_ms)
        assert first is not None
        latest = next((each.second for each in reversed(self.revisions) if each.first == first.candle), None)
        if latest == bar.candle:
            self.equal_count += 1
            return
        self.revisions.append(Revision(first.candle, bar.candle, bar.received_mono_s))
        self.revision_count += 1
        self._heard(bar)
        revised, self._revised = self._revised, None
        if revised is not None:
            revised.set()
        text = f"first {first.candle}, now {bar.candle}"
        self._note(FeedNote(NoteKind.BAR_REVISED, self.symbol, bar.candle.open_time_ms, text))

    def _enter(self, state: FeedState, text: str) -> None:
        if state is not self.state:
            self.state = state
            self._note(FeedNote(NoteKind.STATE, self.symbol, self.line.head_ms or 0, f"{state}: {text}"))
