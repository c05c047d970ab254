"""When a minute happens: opens, frames inside, closes, and the order in which clients hear of each."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import anyio
import anyio.lowlevel

from playd.core.candles import Candle
from playd.core.timeframes import MINUTE_MS
from playd.market.feed import CandleFeed, GrowingFeed
from playd.venues.exchange.books import Books
from playd.venues.exchange.config import AS_FAST_AS_POSSIBLE, ExchangeConfig
from playd.venues.exchange.lockstep import LockStep
from playd.venues.exchange.minute import close_minute, meet_path, move_inside, open_minute
from playd.venues.exchange.other_prices import candles_beside
from playd.venues.exchange.streams import PublicStreams
from playd.world.ports import Clock

FRAMES_PER_CANDLE_MAX: Final = 240
FOLLOWED_BELOW: Final = 30.0
"""Below this speed (candles of more than two seconds) positions end when the path reaches their stop or target."""

LATE_S: Final = 1.0
"""A pace that is further behind than this starts anew instead of catching up."""


@dataclass(slots=True)
class Pace:
    """
    Real time of market time. `speed` may change while the market runs, unless the market is `on_clock`: its time is the
    machine's then.
    """

    clock: Clock
    speed: float
    frame_every_s: float
    on_clock: bool = False
    _due_s: float | None = None

    def frames(self, step_ms: int, close_ms: int) -> int:
        """Public frames inside a candle; none when the market is not paced, or hurries past a candle that is long over."""
        if self.speed == AS_FAST_AS_POSSIBLE or (self.on_clock and close_ms <= self.clock.wall_ms()):
            return 0
        return min(max(round(step_ms / 1000.0 / self.speed / self.frame_every_s), 1), FRAMES_PER_CANDLE_MAX)

    @property
    def is_followed(self) -> bool:
        """Whether the market is slow enough for people and safety nets to see what happens inside a candle."""
        return self.speed != AS_FAST_AS_POSSIBLE and self.speed < FOLLOWED_BELOW

    async def pass_ms(self, market_ms: float, until_ms: float) -> None:
        """Let this much market time pass, measured from where the last call should have ended; it is `until_ms` then."""
        if self.on_clock:
            await anyio.sleep(max(until_ms - self.clock.wall_ms(), 0.0) / 1000.0)
            return
        if self.speed == AS_FAST_AS_POSSIBLE:
            await anyio.lowlevel.checkpoint()
            return
        now_s = self.clock.mono_s()
        begin_s = self._due_s if self._due_s is not None and now_s - self._due_s < LATE_S else now_s
        self._due_s = begin_s + market_ms / 1000.0 / self.speed
        await anyio.sleep(max(self._due_s - now_s, 0.0))


@dataclass(slots=True)
class MarketClock:
    """
    Runs the market. `apply` keeps and sends what the books have changed; it is called after every change, before anybody
    hears of a candle, so that fills of a minute are known before its candle is closed. `opened` is called when candles have
    opened and that is told, `spike` when a funding rate is stamped: another rate on command, None for that of the feed.
    """

    books: Books
    feed: CandleFeed
    streams: PublicStreams
    lockstep: LockStep
    pace: Pace
    config: ExchangeConfig
    apply: Callable[[], None]
    held: bool
    opened: Callable[[], object]
    spike: Callable[[str], float | None]
    ended: bool = False
    steps_left: int | None = None
    """Candles that may still open before the market is held; None for no end."""

    stamped: dict[tuple[str, int], float] = field(default_factory=dict)
    """Rates that were stamped and are not those of the feed, by symbol and time."""

    _changed: anyio.Event = field(default_factory=anyio.Event)

    async def run(self) -> None:
        """Minute after minute; returns when the feed has no more candles."""
        if self.books.time.inside:
            await self._close(self.feed.opening_at(self.books.time.open_ms))
        growing = self.feed if isinstance(self.feed, GrowingFeed) else None  # asked once: a protocol looks at every method
        while True:
            await self._may_move()
            open_ms = self.feed.next_open_ms(self.books.time.open_ms + self.feed.step_ms)
            if open_ms is None:
                break
            await self._minute(open_ms, growing)
            self._count_step()
        self.ended = True
        self.lockstep.tell_all(self.end_notice())

    def end_notice(self) -> dict[str, object]:
        """What sockets in lock-step are told when there are no more candles."""
        return {"op": "playd.end", "market_now_ms": self.books.time.now_ms}

    def stamp(self) -> None:
        """A request has come. In the machine's time it has a moment of its own between two frames; prices wait for the next."""
        time = self.books.time
        if self.pace.on_clock and time.inside:
            time.now_ms = min(max(time.now_ms, self.pace.clock.wall_ms()), time.open_ms + self.feed.step_ms - 1)

    def hold(self) -> None:
        """Stop before the next candle opens."""
        self.held, self.steps_left = True, None

    def release(self) -> None:
        """Let the market move."""
        self.held, self.steps_left = False, None
        self.wake()

    def step(self, candles: int) -> None:
        """Let so many candles open and close, then hold."""
        self.held, self.steps_left = False, candles
        self.wake()

    def wake(self) -> None:
        """Look again whether the market may move: somebody subscribed, came or went."""
        event, self._changed = self._changed, anyio.Event()
        event.set()

    async def _may_move(self) -> None:
        while True:
            await self.lockstep.seats_filled()
            if not self.held and not (self.config.lockstep and not self._followed()):
                return
            await self._changed.wait()

    def _followed(self) -> bool:
        """Whether a public socket in lock-step hears of closed candles."""
        return any(topic.startswith("kline.") for client in self.lockstep.public_clients() for topic in client.topics)

    def _count_step(self) -> None:
        if self.steps_left is not None:
            self.steps_left -= 1
            if self.steps_left <= 0:
                self.held, self.steps_left = True, None

    async def _minute(self, open_ms: int, growing: GrowingFeed | None) -> None:
        if growing is not None:
            await growing.reached(open_ms)
        candles = self.feed.opening_at(open_ms)
        open_minute(self.books, open_ms, candles, self._funding_due(open_ms))
        self.apply()
        self.opened()
        await self.lockstep.private_barrier()
        if growing is not None:
            await self._grow(growing, open_ms)
            candles = self.feed.opening_at(open_ms)
        else:
            await self._inside()
        await self._close(candles)

    async def _grow(self, feed: GrowingFeed, open_ms: int) -> None:
        """Follow candles that are being made until the last word about them, which is put in at their last millisecond."""
        last = 1.0 - 2.0 / feed.step_ms
        while not feed.is_over(open_ms):
            self._renew(feed.opening_at(open_ms))
            share = min((feed.now_ms - open_ms) / feed.step_ms, last)
            move_inside(self.books, max(share, self.books.time.fraction), feed.step_ms)
            if meet_path(self.books):
                self.apply()
            self.streams.tell_move()
            await anyio.sleep(self.pace.frame_every_s)
        self._renew(feed.opening_at(open_ms))

    def _renew(self, candles: dict[str, Candle]) -> None:
        """The candles in progress have grown."""
        for symbol, candle in candles.items():
            listing = self.books.listings[symbol]
            if listing.candle is not None:
                listing.candle, listing.beside = candle, candles_beside(self.books.terms.prices, symbol, candle)

    async def _inside(self) -> None:
        step_ms, open_ms = self.feed.step_ms, self.books.time.open_ms
        frames = self.pace.frames(step_ms, open_ms + step_ms)
        for number in range(frames):
            move_inside(self.books, number / frames, step_ms)
            if self.pace.is_followed and meet_path(self.books):
                self.apply()
            self.streams.tell_move()
            await self.pace.pass_ms(step_ms / frames, open_ms + step_ms * (number + 1) / frames)
        if not frames:
            await self.pace.pass_ms(step_ms, open_ms + step_ms)

    async def _close(self, candles: dict[str, Candle]) -> None:
        close_minute(self.books, self.feed.step_ms)
        self.apply()
        await self.lockstep.private_barrier()
        self.streams.tell_close(candles)
        await self.lockstep.public_barrier()

    def _funding_due(self, open_ms: int) -> dict[str, float]:
        """Rates stamped since the last candle closed, this open included; the last one of a symbol when a gap hid several."""
        since_ms = self.books.time.open_ms + self.feed.step_ms
        due: dict[str, float] = {}
        for symbol, listing in self.books.listings.items():
            every_ms = listing.instrument.funding_interval_min * MINUTE_MS
            for stamp_ms in range(-(-since_ms // every_ms) * every_ms, open_ms + 1, every_ms):
                other = self.spike(symbol)
                if other is not None:
                    self.stamped[symbol, stamp_ms] = other
                rate = self.feed.funding_rate(symbol, stamp_ms) if other is None else other
                if rate is not None:
                    due[symbol] = rate
        return due
