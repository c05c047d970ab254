"""
The market hub: one public stream for all instances, closed bars in unbroken order for each of them.

Subscribers pull: each has a cursor into the bars kept per symbol, so that a slow one loses nothing and stops nobody. What is
missing is fetched over REST and marked `late`.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn

import anyio
import anyio.abc

from playd.core.candles import Candle, Candles
from playd.core.errors import LinkError, VenueError
from playd.market.bars import ClosedBar
from playd.market.feed_watch import FeedNote, FeedState, HubTiming, NoteKind, SymbolFeed
from playd.market.public_feed import (
    CandleSource,
    FeedBarrier,
    FeedDown,
    FeedEnded,
    FeedEvent,
    FeedUp,
    FrameRefused,
    KlineFrame,
    PublicFeed,
    SymbolRefused,
    TickerFrame,
)
from playd.market.subscription import Subscription
from playd.market.ticker import Ticker
from playd.market.told import Told
from playd.world.ports import Clock


class MarketHub:
    """
    Closed bars and tickers of every symbol that anybody subscribes to.

    `run` must be running (in the caller's task group, beside the feed's own) for anything to arrive. `on_note` hears what is
    worth recording. Times in candles are market time; ages are monotonic seconds since data arrived.
    """

    def __init__(
        self,
        clock: Clock,
        feed: PublicFeed,
        source: CandleSource,
        *,
        timing: HubTiming | None = None,
        on_note: Callable[[FeedNote], None] | None = None,
        venue_ms: Callable[[], int] | None = None,
        on_clock: bool = False,
        on_bar: Callable[[ClosedBar], None] | None = None,
        tick_of: Callable[[str], float | None] = lambda _symbol: None,
        told: Told | None = None,
    ) -> None:
        """
        `venue_ms` is the venue's wall clock, by which frames are stamped; without it quotes are as old as their arrival. With
        `on_clock` candles close by that clock too, as everywhere but on a simulated market.

        `on_bar` hears of every closed bar as it is taken, and of one that comes again with other values. Bars of a market with
        `on_clock` are judged (`market.quality`), `tick_of` being the step of a symbol's prices, None while it is unknown.
        """
        self.told = told or Told()
        """What was said beside the newest bars, the same for everybody."""
        self._on_bar = on_bar
        self._tick_of = tick_of if on_clock else None
        self._venue_ms = venue_ms
        self._closing_ms = venue_ms if on_clock else None
        self._latest = 0, clock.mono_s()
        """The venue's time at the last final candle, and when that was."""
        self._clock = clock
        self._feed = feed
        self._source = source
        self._timing = timing or HubTiming()
        self._on_note = on_note
        self._feeds: dict[str, SymbolFeed] = {}
        self._subscribers: dict[str, set[Subscription]] = {}
        self._changing = anyio.Lock()
        self._tasks: anyio.abc.TaskGroup | None = None
        self._barrier: tuple[int, dict[Subscription, int]] | None = None
        self._barrier_met = anyio.Event()
        self.connected = False
        feed.deliver_to(self._take)

    async def run(self) -> NoReturn:
        """Serve until cancelled."""
        async with anyio.create_task_group() as tasks:
            self._tasks = tasks
            for feed in self._feeds.values():
                tasks.start_soon(feed.keep)
            await self._answer_barriers()
        raise AssertionError("barriers are answered without end")

    async def subscribe(self, symbol: str, *, after_ms: int | None = None, awaited: bool = True) -> Subscription:
        """
        Closed bars of a symbol from now on, or from behind the candle that opens at `after_ms` (the last one of a history).

        A market in lock-step does not wait for one that is not `awaited`: its bars are dealt with beside another symbol's.
        Raises `Refused` when no further symbol fits on the connection.
        """
        async with self._changing:
            first = symbol not in self._feeds
            feed = self._start(symbol) if first else self._feeds[symbol]
            if after_ms is not None and feed.line.head_ms is None:
                feed.line.start_behind(after_ms)
            subscription = Subscription(
                feed,
                self._source,
                self._clock,
                self._timing,
                feed.line.head_ms if after_ms is None else after_ms,
                on_done=self._meet_barrier,
                on_close=self._leave,
                awaited=awaited,
                is_held=lambda: self._barrier is not None,
            )
            self._subscribers[symbol].add(subscription)
            if first:  # last, so that not even the first frame finds nobody
                await self._watch(symbol)
                feed.check_now()  # after that, so that no bar closes between the answer and the first frame
            return subscription

    async def _watch(self, symbol: str) -> None:
        watched = False
        try:
            await self._feed.watch(symbol)
            watched = True
        finally:
            if not watched:
                self._stop(symbol)

    def ticker(self, symbol: str) -> Ticker | None:
        """The present ticker of a subscribed symbol; None before its first snapshot or when nobody subscribes."""
        feed = self._feeds.get(symbol)
        return None if feed is None else feed.ticker.ticker

    def quote_age_s(self, symbol: str) -> float | None:
        """
        Seconds since the newest ticker came, or since the venue stamped it where that is longer: a stream that runs behind is
        not believed because it runs. None without a ticker.
        """
        ticker = self.ticker(symbol)
        if ticker is None:
            return None
        stamped_s = (self._venue_ms() - ticker.venue_ms) / 1000 if self._venue_ms is not None and ticker.venue_ms else 0.0
        return max(self._clock.mono_s() - ticker.received_mono_s, stamped_s)

    def since_close_s(self, open_ms: int) -> float:
        """Seconds since a candle that opens then has closed, by the venue's clock; zero on a market with a time of its own."""
        if self._closing_ms is None:
            return 0.0
        return (self._closing_ms() - open_ms - self._source.step_ms) / 1000

    async def ask_ticker(self, symbol: str, within_s: float) -> None:
        """Read the ticker of a subscribed symbol from the venue; without an answer in time everything is as before."""
        with anyio.move_on_after(within_s), suppress(VenueError, LinkError):
            found = await self._source.ticker(symbol)
            feed = self._feeds.get(symbol)
            # What the stream told meanwhile may be newer. That the feed lives is for its own frames to show.
            if found is not None and feed is not None and feed.ticker.is_older(found):
                feed.ticker.take(found)

    def feed_age_s(self, symbol: str) -> float:
        """Monotonic age of the newest data of a symbol; infinite when there is none."""
        feed = self._feeds.get(symbol)
        return math.inf if feed is None else feed.age_s

    def feed_state(self, symbol: str) -> FeedState:
        """How far the symbol's bars can be relied on."""
        feed = self._feeds.get(symbol)
        return FeedState.WAITING if feed is None else feed.state

    @property
    def behind_s(self) -> float:
        """How long ago the watch over one of the feeds should have come round; zero while all do."""
        return max([feed.behind_s for feed in self._feeds.values()], default=0.0)

    @property
    def symbols(self) -> list[str]:
        """Subscribed symbols, sorted."""
        return sorted(self._feeds)

    async def market_now_ms(self) -> int:
        """The market's present time, from the venue. Raises `VenueError` or `LinkError`."""
        return await self._source.market_now_ms()

    async def history(self, symbol: str, start_ms: int, end_ms: int) -> Candles:
        """Closed candles that open in `[start_ms, end_ms)`. Raises `VenueError` or `LinkError`."""
        return await self._source.history(symbol, start_ms, end_ms)

    @property
    def step_ms(self) -> int:
        """Length of the candles."""
        return self._source.step_ms

    @property
    def timing(self) -> HubTiming:
        """The waits of this market."""
        return self._timing

    async def has_ended(self, symbol: str) -> bool:
        """Whether the venue has ended the symbol for good. Raises `VenueError` or `LinkError`."""
        return await self._source.has_ended(symbol)

    async def said(self, candles: Candles, names: Sequence[str]) -> Candles:
        """The candles with what the venue's records say beside them, `CandleSource.said`; in a replay, what was recorded."""
        recorded = self.told.beside(candles)
        return recorded if recorded is not None else await self._source.said(candles, names)

    def _start(self, symbol: str) -> SymbolFeed:
        feed = self._feeds[symbol] = SymbolFeed(
            symbol, self._clock, self._source, self._timing, self._note, self._on_bar, self._tick_of, self.since_close_s
        )
        self._subscribers[symbol] = set()
        if self._tasks is not None:
            self._tasks.start_soon(feed.keep)
        return feed

    def _stop(self, symbol: str) -> None:
        del self._subscribers[symbol]
        self._feeds.pop(symbol).scope.cancel()

    async def _leave(self, subscription: Subscription) -> None:
        async with self._changing:
            symbol = subscription.symbol
            self._subscribers[symbol].discard(subscription)
            if not self._subscribers[symbol]:
                self._stop(symbol)
                await self._feed.unwatch(symbol)
        if self._barrier is not None:
            self._barrier[1].pop(subscription, None)
            self._meet_barrier()

    def _take(self, event: FeedEvent) -> None:
        match event:
            case TickerFrame(symbol=symbol):
                if (feed := self._feeds.get(symbol)) is not None:
                    feed.take_ticker(event)
            case KlineFrame(symbol=symbol):
                if (feed := self._feeds.get(symbol)) is not None:
                    if event.closed and (wrong := self._impossible(event.candle)):
                        feed.refuse(FrameRefused(symbol, wrong, closed=True))
                    else:
                        feed.take_kline(event)
            case FrameRefused(symbol=symbol):
                if (feed := self._feeds.get(symbol)) is not None:
                    feed.refuse(event)
            case FeedBarrier(number=number):
                self._set_barrier(number)
            case FeedUp(connection=connection):
                self.connected = True
                self._note(FeedNote(NoteKind.LINK_UP, "", 0, f"connection {connection}"))
                for feed in self._feeds.values():
                    feed.check_now()
            case FeedDown(reason=reason):
                self.connected = False
                self._barrier = None  # it belonged to the connection
                self._note(FeedNote(NoteKind.LINK_DOWN, "", 0, reason))
            case FeedEnded(market_now_ms=market_now_ms):
                self._note(FeedNote(NoteKind.MARKET_ENDED, "", 0, f"at {market_now_ms}"))
                for feed in self._feeds.values():
                    feed.end()
            case SymbolRefused(symbol=symbol, reason=reason):
                self._note(FeedNote(NoteKind.SYMBOL_REFUSED, symbol, 0, reason))

    def _impossible(self, candle: Candle) -> str:
        """Why a candle cannot have closed, or nothing: one that is taken makes every true one before it an old one."""
        if self._closing_ms is None:
            return ""
        step_ms, now_s, (known_ms, known_s) = self._source.step_ms, self._clock.mono_s(), self._latest
        # A wall clock that is set back makes no candle one of the future, until it is compared with the venue's again.
        self._latest = max(self._closing_ms(), known_ms + round((now_s - known_s) * 1000)), now_s
        if candle.open_time_ms % step_ms:
            return f"a final candle opens at {candle.open_time_ms}, between two steps of {step_ms} ms"
        if candle.open_time_ms > self._latest[0]:
            return f"a final candle opens at {candle.open_time_ms}, and closes more than {step_ms} ms from now"
        return ""

    def _note(self, note: FeedNote) -> None:
        if self._on_note is not None:
            self._on_note(note)

    # --- lock-step ---------------------------------------------------------------------------------------------------

    def _set_barrier(self, number: int) -> None:
        """The exchange waits until each subscriber has dealt with the newest closed bar of its symbol."""
        newest_ms = {symbol: feed.line.newest_ms for symbol, feed in self._feeds.items()}
        awaited: dict[Subscription, int] = {}
        latest_ms, step_ms = 0, self._source.step_ms
        for symbol, open_ms in newest_ms.items():
            if open_ms is not None:
                latest_ms = max(latest_ms, open_ms)
                awaited |= {each: open_ms + step_ms for each in self._subscribers[symbol] if each.awaited}
        self._barrier = number, awaited
        for symbol, feed in self._feeds.items():
            if (newest_ms[symbol] or 0) < latest_ms:
                feed.wake()  # nothing more comes for it: whoever reads it beside another symbol must look
        self._meet_barrier()

    def _meet_barrier(self) -> None:
        """Wait for who comes next of those who are not done; each is looked at until then, and not again."""
        if self._barrier is None:
            return
        awaited = self._barrier[1]
        while awaited:
            subscription, close_ms = next(iter(awaited.items()))
            if subscription.done_ms < close_ms:
                return
            del awaited[subscription]
        self._barrier_met.set()

    async def _answer_barriers(self) -> NoReturn:
        while True:
            await self._barrier_met.wait()
            self._barrier_met = anyio.Event()
            if self._barrier is not None:
                number, self._barrier = self._barrier[0], None
                await self._feed.barrier_done(number)
