"""What the market hub needs from a venue: a public stream of tickers and candles, and candles on request."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from playd.core.candles import Candle, Candles


@dataclass(frozen=True, slots=True)
class FeedUp:
    """Connected, every watched symbol acknowledged."""

    connection: int


@dataclass(frozen=True, slots=True)
class FeedDown:
    """Lost; candles that close now are not re-sent."""

    reason: str


@dataclass(frozen=True, slots=True)
class SymbolRefused:
    """The venue does not stream this symbol now. Nothing comes for it until it does; it is asked again."""

    symbol: str
    reason: str


@dataclass(frozen=True, slots=True)
class FrameRefused:
    """A frame of one symbol that holds no market: what it was about comes over REST. `closed`: it was a final candle."""

    symbol: str
    reason: str
    closed: bool


@dataclass(frozen=True, slots=True)
class TickerFrame:
    """
    Ticker of one symbol. A snapshot replaces everything known; otherwise only the fields present have changed.

    `fields` holds the venue's names and decimal texts. `venue_ms` is the venue's stamp of the frame.
    """

    symbol: str
    snapshot: bool
    fields: Mapping[str, str]
    venue_ms: int
    received_mono_s: float


@dataclass(frozen=True, slots=True)
class KlineFrame:
    """A candle as it stands; `closed` once it is final."""

    symbol: str
    candle: Candle
    closed: bool
    received_mono_s: float


@dataclass(frozen=True, slots=True)
class FeedBarrier:
    """Lock-step: market time waits until `PublicFeed.barrier_done(number)`."""

    number: int


@dataclass(frozen=True, slots=True)
class FeedEnded:
    """A replayed market has no more candles. Never sent by a real venue."""

    market_now_ms: int


FeedEvent = FeedUp | FeedDown | SymbolRefused | FrameRefused | TickerFrame | KlineFrame | FeedBarrier | FeedEnded


class PublicFeed(Protocol):
    """A public stream. Watched symbols are declared state: they are subscribed again after every connect."""

    def deliver_to(self, listener: Callable[[FeedEvent], None]) -> None:
        """Name the one who hears every event from now on, in the order of arrival and at once: no queue lies between."""
        ...

    async def watch(self, symbol: str) -> None:
        """Add a symbol: its ticker and its candles of the base step. Returns once it was asked for, or declared while down."""
        ...

    async def unwatch(self, symbol: str) -> None:
        """Forget a symbol; frames on their way still arrive."""
        ...

    async def barrier_done(self, number: int) -> None:
        """Answer a `FeedBarrier`."""
        ...


class CandleSource(Protocol):
    """Closed candles on request."""

    @property
    def step_ms(self) -> int:
        """Length of the candles, the same as the stream's."""
        ...

    async def market_now_ms(self) -> int:
        """The market's present time; it differs from the wall clock on a simulated market."""
        ...

    async def candles(self, symbol: str, start_ms: int, end_ms: int) -> Sequence[Candle]:
        """Those that open in `[start_ms, end_ms)`, oldest first. Raises `VenueError` or `LinkError`."""
        ...

    async def history(self, symbol: str, start_ms: int, end_ms: int) -> Candles:
        """The same as arrays, for long stretches."""
        ...

    async def said(self, candles: Candles, names: Sequence[str]) -> Candles:
        """
        The same candles with what is recorded beside them: of `mark`, `funding_rate`, `open_interest` what `names` has, at
        their closes. Raises `VenueError` or `LinkError`.
        """
        ...

    async def ticker(self, symbol: str) -> TickerFrame | None:
        """The symbol's ticker as it is now, whole; None where the venue has none. Raises `VenueError` or `LinkError`."""
        ...

    async def has_ended(self, symbol: str) -> bool:
        """Whether the venue has ended the symbol for good. Raises `VenueError` or `LinkError`."""
        ...
