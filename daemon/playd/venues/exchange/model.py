"""Accounts, orders, positions and symbols as the exchange holds them. Prices are counts of ticks, quantities of steps."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from playd.core.candles import Candle
from playd.core.instrument import Instrument
from playd.core.orders import Side
from playd.core.units import from_units, text_to_units, units_to_text
from playd.venues.exchange.text import exact_product

MAINTENANCE_RATE: Final = 0.005
"""Maintenance margin rate of the only risk tier, unless an account is given another."""


class Status(StrEnum):
    """The venue's words for the state of an order."""

    NEW = "New"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    REJECTED = "Rejected"
    UNTRIGGERED = "Untriggered"
    DEACTIVATED = "Deactivated"

    @property
    def open(self) -> bool:
        return self in (Status.NEW, Status.UNTRIGGERED)


class StopKind(StrEnum):
    """The venue's words for the two orders that close a position in Full mode; empty for every other order."""

    NONE = ""
    STOP = "StopLoss"
    TARGET = "TakeProfit"


class CancelType(StrEnum):
    """Why an order ended without (all of) its fill, in the venue's words."""

    NONE = "UNKNOWN"
    USER = "CancelByUser"
    REDUCE_ONLY = "CancelByReduceOnly"
    POSITION_GONE = "CancelByTpSlTsClear"
    LIQUIDATION = "CancelAllBeforeLiq"


@dataclass(slots=True)
class Order:
    """
    One order. `price_ticks` is 0 for market orders; `trigger_ticks`, `stop_ticks`, `target_ticks` are 0 when absent.

    `due` marks an order that waits for the next open of its symbol. `tested_to` is the fraction of the candle opened at
    `tested_open_ms` up to which a resting order has been compared with the market.
    """

    order_id: str
    uid: int
    link_id: str
    symbol: str
    side: Side
    order_type: str
    time_in_force: str
    qty_steps: int
    price_ticks: int
    reduce_only: bool
    created_ms: int
    updated_ms: int
    sequence: int
    last_price_text: str = ""
    parent_link_id: str = ""
    close_on_trigger: bool = False
    status: Status = Status.NEW
    create_type: str = "CreateByUser"
    cancel_type: CancelType = CancelType.NONE
    reject_reason: str = "EC_NoError"
    stop_kind: StopKind = StopKind.NONE
    trigger_ticks: int = 0
    stop_ticks: int = 0
    target_ticks: int = 0
    filled_steps: int = 0
    filled_value: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    closed_pnl: Decimal = Decimal(0)
    due: bool = False
    tested_open_ms: int = 0
    tested_to: float = 0.0

    @property
    def is_market(self) -> bool:
        return self.order_type == "Market"


@dataclass(slots=True)
class Position:
    """
    A symbol's place in an account, flat or not. `steps` is signed: positive for a long.

    `entry` is the average entry price, `open_fee` the opening fees that no closing has taken its share of yet.
    `stop_id` and `target_id` name the two Untriggered orders, empty when absent. `tested_…` as in `Order`.
    """

    symbol: str
    leverage: Decimal
    steps: int = 0
    entry: Decimal = Decimal(0)
    open_fee: Decimal = Decimal(0)
    realised: Decimal = Decimal(0)
    realised_ever: Decimal = Decimal(0)
    stop_id: str = ""
    target_id: str = ""
    opened_ms: int = 0
    created_ms: int = 0
    updated_ms: int = 0
    sequence: int = -1
    tested_open_ms: int = 0
    tested_to: float = 0.0

    @property
    def direction(self) -> int:
        """1 long, -1 short, 0 flat."""
        return (self.steps > 0) - (self.steps < 0)

    @property
    def side(self) -> Side | None:
        """Side of the orders that built it, None when flat."""
        if self.steps == 0:
            return None
        return Side.BUY if self.steps > 0 else Side.SELL


@dataclass(slots=True)
class Account:
    """One user: credentials, cost rates, USDT wallet, positions by symbol, open orders by id in the order of arrival."""

    uid: int
    alias: str
    key: str
    secret: str
    taker_bps: float
    maker_bps: float
    slippage_bps: float
    read_only: bool
    wallet: Decimal
    maintenance_rate: float = MAINTENANCE_RATE
    maintenance_deduction_usdt: float = 0.0
    realised_ever: Decimal = Decimal(0)
    positions: dict[str, Position] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)

    def order_by_link(self, link_id: str) -> Order | None:
        """The open order with this link id."""
        return next((order for order in self.orders.values() if order.link_id == link_id), None)


@dataclass(slots=True)
class Listing:
    """A symbol on this exchange: its rules and the present state of its market."""

    instrument: Instrument
    last: float
    candle: Candle | None = None
    """The candle in progress; None between two candles and when the series has a gap here."""

    tick: tuple[int, int] = field(init=False)
    step: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        self.tick = self.instrument.tick_fraction
        self.step = self.instrument.step_fraction

    def price(self, ticks: int) -> float:
        return from_units(ticks, *self.tick)

    def qty(self, steps: int) -> float:
        return from_units(steps, *self.step)

    def price_decimal(self, ticks: int) -> Decimal:
        return ticks * self.instrument.tick

    def qty_decimal(self, steps: int) -> Decimal:
        return steps * self.instrument.step

    def value(self, steps: int, ticks: int) -> Decimal:
        """Exact value of a quantity at a price in USDT."""
        return exact_product(self.qty_decimal(steps), self.price_decimal(ticks))

    def price_text(self, ticks: int) -> str:
        return units_to_text(ticks, self.instrument.tick)

    def qty_text(self, steps: int) -> str:
        return units_to_text(steps, self.instrument.step)

    def ticks_of(self, text: str) -> int:
        """Raises `ValueError` when the text is not a multiple of the tick."""
        return text_to_units(text, self.instrument.tick)

    def steps_of(self, text: str) -> int:
        """Raises `ValueError` when the text is not a multiple of the step."""
        return text_to_units(text, self.instrument.step)
