"""Trading rules of one perpetual: tick, step, size limits, funding interval, status."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Instrument:
    """
    Rules of a linear USDT perpetual as the venue lists them.

    Prices are multiples of `tick` (USDT), quantities of `step` (base coin). `max_qty` bounds limit orders,
    `max_market_qty` market orders. Prices lie from `min_price` to `max_price`; a buy at a limit above the mark by more than the
    part `price_limit_ratio` of it, or a sell so far below, may not be taken as it is. None: the venue states none.
    `funding_interval_min` is the time between funding stamps in minutes. A time of 0 is not known.
    """

    symbol: str
    tick: Decimal
    step: Decimal
    min_qty: Decimal
    max_qty: Decimal
    max_market_qty: Decimal
    min_notional_usdt: Decimal
    max_leverage: Decimal = Decimal(100)
    funding_interval_min: int = 480
    status: str = "Trading"
    delivery_time_ms: int = 0
    launch_time_ms: int = 0
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    price_limit_ratio: Decimal | None = None

    @property
    def tick_fraction(self) -> tuple[int, int]:
        """The tick as an exact fraction, for compiled code."""
        return fraction(self.tick)

    @property
    def step_fraction(self) -> tuple[int, int]:
        """The step as an exact fraction, for compiled code."""
        return fraction(self.step)


def fraction(unit: Decimal) -> tuple[int, int]:
    """The exact fraction of a tick or step, e.g. `Decimal("0.05")` is `(1, 20)`. Raises `ValueError` unless positive."""
    if not unit.is_finite() or unit <= 0:
        raise ValueError(f"unit {unit} is not a positive number")
    return unit.as_integer_ratio()


def synthetic_instrument(symbol: str, first_price: float) -> Instrument:
    """Rules for a market without a list of its own: tick 10**(floor(log10 p) - 5), step 0.001, 5 USDT minimum."""
    exponent = Decimal(repr(first_price)).adjusted() - 5
    return Instrument(
        symbol=symbol,
        tick=Decimal(1).scaleb(exponent),
        step=Decimal("0.001"),
        min_qty=Decimal("0.001"),
        max_qty=Decimal(1_000_000),
        max_market_qty=Decimal(1_000_000),
        min_notional_usdt=Decimal(5),
    )
