"""A symbol on this exchange: its rules, the state of its market, and how deep that is."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from playd.core.candles import Candle
from playd.core.instrument import Instrument
from playd.core.orders import Side
from playd.core.units import DOWN, UP, from_units, text_to_units, to_units, units_to_text
from playd.matching.depth import DepthProfile
from playd.venues.exchange.other_prices import OtherPrices
from playd.venues.exchange.text import exact_product
from playd.venues.exchange.words import MARK_PRICE
from playd.venues.units import counted_in

MAINTENANCE_RATE: Final = 0.005
"""Maintenance margin rate of the only risk tier, unless an account is given another."""

MAX_PRICE: Final = Decimal("1999999.8")
"""The highest price of every symbol; the lowest is a tick."""

LEVERAGE_STEP: Final = Decimal("0.01")
"""A leverage is 1 or more and a multiple of this."""

PRICE_LIMIT_X: Final = 0.01
PRICE_LIMIT_Y: Final = 0.02
"""How far from the price limit orders (the smaller one) and market orders (Y) may go: `riskParameters` where a band holds."""


@dataclass(frozen=True, slots=True)
class RiskTier:
    """Positions worth up to `limit_usdt` need this part of their value as maintenance margin and may have this leverage."""

    limit_usdt: float
    mm_rate: float
    max_leverage: Decimal


@dataclass(frozen=True, slots=True)
class MarketTerms:
    """
    How deep the market is: without a depth every order finds all it wants at one price, without a participation (0) every
    resting order that is reached fills whole. `price_band` moves limit prices into the venue's band and bounds market orders.
    `tiers`, smallest first, are those of every symbol; without any, an account's own maintenance rate holds for all sizes.
    Where the venue is not `insured`, positions that it takes over are passed on to those of other accounts on the other side.
    `prices` has mark and index where they are not the last price.
    """

    depth: DepthProfile | None = None
    participation: float = 0.0
    price_band: bool = False
    tiers: tuple[RiskTier, ...] = ()
    insured: bool = True
    prices: OtherPrices | None = None


ENDLESS: Final = MarketTerms()
"""The market of a backtest."""


@dataclass(slots=True)
class Gone:
    """What a candle has lost so far, in steps by side of the order: levels taken, volume that resting orders have had."""

    taken: dict[Side, int] = field(default_factory=lambda: dict.fromkeys(Side, 0))
    made: dict[Side, int] = field(default_factory=lambda: dict.fromkeys(Side, 0))

    @property
    def parts(self) -> tuple[dict[Side, int], dict[Side, int]]:
        """Its fields in order."""
        return self.taken, self.made


@dataclass(frozen=True, slots=True)
class Finer:
    """A symbol is counted anew: ticks become `ticks` times, steps `steps` times as many."""

    symbol: str
    ticks: int
    steps: int

    def __bool__(self) -> bool:
        return (self.ticks, self.steps) != (1, 1)


@dataclass(slots=True)
class Listing:
    """
    A symbol on this exchange: its rules and the present state of its market.

    Prices and quantities are counted in the tick and step of `counted`: those of the rules, or, when the rules have changed,
    the largest of which everything that was ever allowed is a multiple. So an order or position that is older than a coarser
    rule stays what it is. What the market itself makes (offers, edges, fills at the market) is on the tick of the rules.
    """

    instrument: Instrument
    last: float
    candle: Candle | None = None
    """The candle in progress; None between two candles and when the series has a gap here."""

    beside: dict[str, Candle] = field(default_factory=dict)
    """The candles of mark and index beside it, where those are not the last price."""

    others: dict[str, float] = field(default_factory=dict)
    """Mark and index now, where they are not the last price."""

    gone: Gone = field(default_factory=Gone)
    tiers: tuple[RiskTier, ...] = ()
    counted: Instrument = field(init=False)
    tick: tuple[int, int] = field(init=False)
    step: tuple[int, int] = field(init=False)
    allowed_tick: tuple[int, int] = field(init=False)
    """The tick of the rules."""

    ticks_apart: int = field(init=False)
    """How many counted ticks one tick of the rules is."""

    steps_apart: int = field(init=False)
    """How many counted steps one step of the rules is."""

    def __post_init__(self) -> None:
        self.counted = self.instrument
        self.change_rules(self.instrument)

    def change_rules(self, rules: Instrument) -> Finer:
        """Take other rules of the symbol. Returns by how much everything that is counted here has to be multiplied."""
        return self._count(rules, counted_in(rules, self.counted.tick, self.counted.step))

    def count_in(self, tick: Decimal, step: Decimal) -> None:
        """Count as records do that were written under other rules, until `change_rules` finds the unit of both."""
        self._count(self.instrument, replace(self.instrument, tick=tick, step=step))

    def _count(self, rules: Instrument, counted: Instrument) -> Finer:
        tick, step = counted.tick, counted.step
        finer = Finer(rules.symbol, int(self.counted.tick / tick), int(self.counted.step / step))
        self.instrument, self.counted = rules, counted
        self.tick, self.step = counted.tick_fraction, counted.step_fraction
        self.allowed_tick = rules.tick_fraction
        self.ticks_apart, self.steps_apart = int(rules.tick / tick), int(rules.step / step)
        return finer

    @property
    def mark(self) -> float:
        """What positions are valued and liquidated at."""
        return self.price_of(MARK_PRICE)

    def price_of(self, kind: str) -> float:
        """The present last, mark or index price."""
        return self.others.get(kind, self.last)

    def candle_of(self, kind: str) -> Candle | None:
        """The candle in progress of the last, mark or index price."""
        return self.beside.get(kind, self.candle)

    def price(self, ticks: int) -> float:
        return from_units(ticks, *self.tick)

    def qty(self, steps: int) -> float:
        return from_units(steps, *self.step)

    def shown_ticks(self, side: Side) -> int:
        """
        The best price that the market shows on a side of the book: the next one below the last price, or above it.

        At the last price itself both sides trade, so that an order there does not rest; at the best price of its side it does.
        """
        apart = self.ticks_apart
        if side is Side.BUY:
            return self.whole_ticks(self.last, up=True) - apart
        return self.whole_ticks(self.last, up=False) + apart

    def traded(self, price: float) -> float:
        """A price as somebody could have traded at: a multiple of the tick. The way through a candle passes between two."""
        return self.price(to_units(price, *self.tick, DOWN))

    def whole_ticks(self, price: float, *, up: bool) -> int:
        """Ticks of a price, rounded up or down to what the rules allow."""
        return to_units(price, *self.allowed_tick, UP if up else DOWN) * self.ticks_apart

    def allowed_ticks(self, ticks: int, *, up: bool) -> int:
        """The same count, or the next one up or down that the rules allow."""
        return -(-ticks // self.ticks_apart) * self.ticks_apart if up else ticks // self.ticks_apart * self.ticks_apart

    def price_decimal(self, ticks: int) -> Decimal:
        return ticks * self.counted.tick

    def qty_decimal(self, steps: int) -> Decimal:
        return steps * self.counted.step

    def value(self, steps: int, ticks: int) -> Decimal:
        """Exact value of a quantity at a price in USDT."""
        return exact_product(self.qty_decimal(steps), self.price_decimal(ticks))

    def price_text(self, ticks: int) -> str:
        return units_to_text(ticks, self.counted.tick)

    def qty_text(self, steps: int) -> str:
        return units_to_text(steps, self.counted.step)

    def ticks_of(self, text: str) -> int:
        """Raises `ValueError` when the text is not a multiple of the tick."""
        return text_to_units(text, self.instrument.tick) * self.ticks_apart

    def steps_of(self, text: str) -> int:
        """Raises `ValueError` when the text is not a multiple of the step."""
        return text_to_units(text, self.instrument.step) * self.steps_apart
