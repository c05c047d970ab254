"""One subscriber of closed bars: a cursor into the symbol's line, and the word that a bar has been dealt with."""

from collections import deque
from collections.abc import Awaitable, Callable

import anyio

from playd.core.errors import LinkError, VenueError
from playd.market.bars import ClosedBar, Source
from playd.market.feed_watch import FeedState, HubTiming, Revision, SymbolFeed
from playd.market.public_feed import CandleSource
from playd.world.ports import Clock


class Subscription:
    """
    Closed bars of one symbol, each exactly once, oldest first: `async for bar in subscription`.

    The first bar is the one after `after_ms`. Call `done(close_ms)` when everything that a bar caused has been sent: in
    lock-step the market waits for it. Use as `async with`, or call `close`.
    """

    def __init__(
        self,
        feed: SymbolFeed,
        source: CandleSource,
        clock: Clock,
        timing: HubTiming,
        after_ms: int | None,
        *,
        on_done: Callable[[], None],
        on_close: Callable[["Subscription"], Awaitable[None]],
        awaited: bool = True,
        is_held: Callable[[], bool] = lambda: False,
    ) -> None:
        """
        `awaited`: whether a market in lock-step waits until `done` was called for its bars. `is_held`: whether such a market
        has sent everything that has happened, and waits.
        """
        self._feed = feed
        self._source = source
        self._clock = clock
        self._timing = timing
        self._cursor_ms = after_ms
        self._done_ms = (after_ms + source.step_ms) if after_ms is not None else 0
        self._on_done = on_done
        self._on_close = on_close
        self.awaited = awaited
        self._is_held = is_held
        self._ahead: ClosedBar | None = None
        """The next bar, seen by `at` before its time."""
        self._refetched: deque[ClosedBar] = deque()
        self._revisions_seen = feed.revision_count
        self._closed = False

    @property
    def symbol(self) -> str:
        return self._feed.symbol

    @property
    def state(self) -> FeedState:
        """State of the symbol's feed."""
        return self._feed.state

    @property
    def done_ms(self) -> int:
        """Close of the newest bar that has been dealt with."""
        return self._done_ms

    @property
    def waiting(self) -> bool:
        """Whether a further bar is there already."""
        if self._refetched or self._ahead is not None or self._is_behind_the_kept():
            return True
        return self._cursor_ms is not None and self._feed.line.after(self._cursor_ms) is not None

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> ClosedBar:
        if self._closed:
            raise StopAsyncIteration
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    async def receive(self) -> ClosedBar:
        """
        The next bar; waits for it, also through gaps and outages. Cancelling loses nothing.

        Raises `anyio.EndOfStream` when a replayed market is over and every bar of it has been received.
        """
        while True:
            bar = self._next()
            if bar is not None:
                self._cursor_ms = bar.candle.open_time_ms
                return bar
            if self._is_behind_the_kept():
                await self._refetch()
            elif self._feed.ended and self._feed.line.gap is None:
                raise anyio.EndOfStream
            else:
                await self._feed.arrival()

    def done(self, close_ms: int) -> None:
        """Every bar that closes up to `close_ms` has been dealt with."""
        self._done_ms = max(self._done_ms, close_ms)
        self._on_done()

    async def at(self, open_ms: int) -> ClosedBar | None:
        """
        The bar that opens then, those before it passed by; None when it is known that there is none: a later one is there, or a
        market in lock-step waits and has none. For who reads one symbol beside another. Cancelling loses nothing.
        """
        while True:
            bar = self._ahead or self._next()
            if bar is not None:
                self._ahead, self._cursor_ms = bar, bar.candle.open_time_ms
                if self._cursor_ms > open_ms:
                    return None
                self._ahead = None
                if self._cursor_ms == open_ms:
                    return bar
            elif self._is_behind_the_kept():
                await self._refetch()
            elif self._feed.ended and self._feed.line.gap is None:
                return None
            elif self._is_held():
                if await self._is_absent(open_ms):
                    return None
            else:
                await self._feed.arrival()

    async def _is_absent(self, open_ms: int) -> bool:
        """Whether the venue, asked now, says that no closed candle opens then; one that it has is fetched."""
        try:
            with anyio.fail_after(self._timing.fetch_within_s):
                candles = await self._source.candles(self.symbol, open_ms, open_ms + self._source.step_ms)
        except (VenueError, LinkError, TimeoutError):
            candles = None
        if candles:
            self._feed.check_now()
        if candles is None or candles:
            await anyio.sleep(self._timing.retry_pause_s)
            return False
        return True

    def take_revisions(self) -> list[Revision]:
        """Corrected candles since the last call. Whoever gets any must not enter before it has warmed up again."""
        if self._revisions_seen == self._feed.revision_count:
            return []
        fresh = min(self._feed.revision_count - self._revisions_seen, len(self._feed.revisions))
        self._revisions_seen = self._feed.revision_count
        return list(self._feed.revisions)[-fresh:]

    async def corrected(self) -> None:
        """Return once there are corrections that `take_revisions` has not handed out."""
        while self._revisions_seen == self._feed.revision_count:
            await self._feed.revision()

    async def close(self) -> None:
        """Unsubscribe. The market no longer waits for this subscriber."""
        if not self._closed:
            self._closed = True
            await self._on_close(self)

    async def __aenter__(self) -> "Subscription":
        return self

    async def __aexit__(self, *_: object) -> None:
        with anyio.CancelScope(shield=True):
            await self.close()

    def _next(self) -> ClosedBar | None:
        if self._refetched:
            return self._refetched.popleft()
        line = self._feed.line
        if self._cursor_ms is None:
            # Whoever did not say where to start gets what closes from now on, which is where the line starts.
            self._cursor_ms = line.floor_ms
        if self._cursor_ms is None or self._is_behind_the_kept():
            return None
        return line.after(self._cursor_ms)

    def _is_behind_the_kept(self) -> bool:
        floor_ms = self._feed.line.floor_ms
        return self._cursor_ms is not None and floor_ms is not None and self._cursor_ms < floor_ms

    async def _refetch(self) -> None:
        """This subscriber lags behind what is kept: fetch the bars between its cursor and the kept ones."""
        floor_ms, step_ms = self._feed.line.floor_ms, self._source.step_ms
        assert self._cursor_ms is not None
        assert floor_ms is not None
        try:
            candles = await self._source.candles(self.symbol, self._cursor_ms + step_ms, floor_ms + step_ms)
        except (VenueError, LinkError):
            await anyio.sleep(self._timing.retry_pause_s)
            return
        now_s = self._clock.mono_s()
        self._refetched.extend(ClosedBar(self.symbol, candle, now_s, Source.REST, late=True) for candle in candles)
        if not candles:
            self._cursor_ms = floor_ms  # the kept bars lie behind these, so they are closed or do not exist
