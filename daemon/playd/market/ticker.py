"""The present price of a symbol, merged from a delta stream."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from playd.market.proportion import in_proportion
from playd.market.public_feed import TickerFrame

_WANTED: Final = ("lastPrice", "markPrice", "bid1Price", "ask1Price", "fundingRate", "nextFundingTime", "openInterest")


@dataclass(frozen=True, slots=True)
class Ticker:
    """
    Prices in USDT; None where the venue has not stated one yet, or no number. Zero is a value.

    `funding_rate` is the predicted rate of the stamp at `next_funding_ms`, `open_interest` in base coin. `received_mono_s` is
    when the last frame came.
    """

    symbol: str
    last: Decimal | None
    mark: Decimal | None
    bid: Decimal | None
    ask: Decimal | None
    funding_rate: Decimal | None
    next_funding_ms: int | None
    venue_ms: int
    received_mono_s: float
    open_interest: Decimal | None = None


class TickerState:
    """Merges snapshots and deltas of one symbol."""

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol
        self._numbers: dict[str, Decimal | None] = {}
        self._ticker: Ticker | None = None

    @property
    def ticker(self) -> Ticker | None:
        """What is known; None before the first snapshot."""
        return self._ticker

    def is_older(self, frame: TickerFrame) -> bool:
        """Whether a frame says more than what is known: by the venue's stamp, which both have."""
        return self._ticker is None or self._ticker.venue_ms <= frame.venue_ms

    def take(self, frame: TickerFrame) -> None:
        """A snapshot replaces, a delta overwrites the fields it holds. A delta before any snapshot is ignored."""
        told = {name: _number(frame.fields[name]) for name in _WANTED if name in frame.fields}
        if frame.snapshot:
            self._numbers = told
        elif self._ticker is None:
            return
        else:
            self._numbers.update(told)
        known = self._numbers.get
        next_funding = known("nextFundingTime")
        self._ticker = Ticker(
            symbol=self._symbol,
            last=known("lastPrice"),
            mark=known("markPrice"),
            bid=known("bid1Price"),
            ask=known("ask1Price"),
            funding_rate=known("fundingRate"),
            next_funding_ms=None if next_funding is None else int(next_funding),
            venue_ms=frame.venue_ms,
            received_mono_s=frame.received_mono_s,
            open_interest=known("openInterest"),
        )


def _number(value: str) -> Decimal | None:
    if value is None or value == "":  # a venue may state anything
        return None
    try:
        number = Decimal(value)
    except (InvalidOperation, TypeError, ValueError):
        return None
    return number if in_proportion(number) else None
