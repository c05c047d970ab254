"""Accounts, orders and positions as the exchange holds them. Prices are counts of ticks, quantities of steps."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from playd.core.orders import Side
from playd.venues.exchange.listing import MAINTENANCE_RATE
from playd.venues.exchange.words import CROSS, ISOLATED, LAST_PRICE, LONG_IDX, NO_SMP, SHORT_IDX, CancelType, Status, StopKind


@dataclass(frozen=True, slots=True)
class Leg:
    """
    A stop or target as an order carries it until it fills: trigger, the limit price behind it (0: market), trigger price kind.

    `trigger_ticks` 0 is no leg.
    """

    trigger_ticks: int = 0
    limit_ticks: int = 0
    trigger_by: str = LAST_PRICE


_TICKS: Final = (
    *("price_ticks", "trigger_ticks", "stop_ticks", "target_ticks", "stop_limit_ticks", "target_limit_ticks"),
    *("trail_ticks", "active_ticks", "protection_ticks"),
)
_STEPS: Final = ("qty_steps", "filled_steps", "closed_steps")
"""Fields of an order that count ticks and steps."""


@dataclass(slots=True)
class Order:
    """
    One order. `price_ticks` is the limit, or the worst price of a market order (0: none); `trigger_ticks`, `stop_ticks`,
    `target_ticks` and the limits behind them are 0 when absent.

    `due` marks an order that waits for the next open of its symbol. `tested_to` is the fraction of the candle opened at
    `tested_open_ms` up to which a resting or untriggered order has been compared with the market. `queued` is its place in
    the queue at its price; a change of price or a larger quantity sends it to the end.

    `parent_id` and `sibling_id` name the entry and the other leg of a partial stop or target. A trailing stop follows
    `trail_best` (the best price since it became active, 0 before) at `trail_ticks`; `active_ticks` is where it wakes up.
    Closing fills are summed from `closed_steps` on for the one row of closed profit that an order has. `smp` is how it keeps
    from meeting orders of its own user, `smp_order_id` the one that it did not meet. `takes_rpi` is shown and changes nothing:
    nobody offers anything to such orders here. `protection_ticks` is the price that a
    market order shows in place of a limit.
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
    trigger_by: str = ""
    trigger_direction: int = 0
    stop_ticks: int = 0
    target_ticks: int = 0
    stop_limit_ticks: int = 0
    target_limit_ticks: int = 0
    stop_by: str = LAST_PRICE
    target_by: str = LAST_PRICE
    partial: bool = False
    parent_id: str = ""
    sibling_id: str = ""
    trail_ticks: int = 0
    active_ticks: int = 0
    trail_best: float = 0.0
    tolerance_type: str = ""
    tolerance_text: str = ""
    protection_ticks: int = 0
    smp: str = NO_SMP
    smp_order_id: str = ""
    takes_rpi: bool = False
    position_idx: int = 0
    queued: int = 0
    filled_steps: int = 0
    filled_value: Decimal = Decimal(0)
    fee: Decimal = Decimal(0)
    closed_pnl: Decimal = Decimal(0)
    closed_row: int = 0
    closed_fills: int = 0
    closed_steps: int = 0
    closed_entry: Decimal = Decimal(0)
    closed_exit: Decimal = Decimal(0)
    closed_open_fee: Decimal = Decimal(0)
    closed_close_fee: Decimal = Decimal(0)
    due: bool = False
    tested_open_ms: int = 0
    tested_to: float = 0.0

    def count_finer(self, ticks: int, steps: int) -> None:
        """What was one tick or step is so many from now on."""
        for name in _TICKS:
            setattr(self, name, getattr(self, name) * ticks)
        for name in _STEPS:
            setattr(self, name, getattr(self, name) * steps)

    @property
    def is_market(self) -> bool:
        return self.order_type == "Market"

    @property
    def left_steps(self) -> int:
        """What may still be filled."""
        return self.qty_steps - self.filled_steps

    @property
    def waits_for_trigger(self) -> bool:
        return self.status is Status.UNTRIGGERED

    @property
    def reduces(self) -> bool:
        """Whether it can only make a position smaller; in hedge mode every sale of a long and purchase of a short does."""
        return self.reduce_only or self.close_on_trigger or closes(self.position_idx, self.side)

    @property
    def stop_leg(self) -> Leg:
        return Leg(self.stop_ticks, self.stop_limit_ticks, self.stop_by)

    @property
    def target_leg(self) -> Leg:
        return Leg(self.target_ticks, self.target_limit_ticks, self.target_by)


def closes(idx: int, side: Side) -> bool:
    """Whether an order of `side` can only close what the place `idx` of hedge mode holds; False in one-way mode."""
    return idx != 0 and (side is Side.BUY) is (idx == SHORT_IDX)


def place_of(symbol: str, idx: int) -> str:
    """Key of a position among those of an account: the symbol, with the side of hedge mode behind it."""
    return f"{symbol}/{idx}" if idx else symbol


@dataclass(slots=True)
class Position:
    """
    A symbol's place in an account, flat or not. `steps` is signed: positive for a long.

    `idx` is 0 in one-way mode; in hedge mode 1 is the long and 2 the short place of a symbol. `entry` is the average entry
    price, `open_fee` the opening fees that no closing has taken its share of yet. `stop_id`, `target_id` and `trailing_id`
    name Untriggered orders for all of it, empty when absent. `tested_…` as in `Order`; `exposed_open_ms` is the open of a
    candle in which it was opened by a resting limit before the close. `extra_margin` was put in beyond what the leverage asks
    for; with `auto_margin` free balance goes in before it is liquidated.
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
    trailing_id: str = ""
    extra_margin: Decimal = Decimal(0)
    auto_margin: bool = False
    idx: int = 0
    opened_ms: int = 0
    created_ms: int = 0
    updated_ms: int = 0
    sequence: int = -1
    tested_open_ms: int = 0
    tested_to: float = 0.0
    exposed_open_ms: int = 0

    @property
    def place(self) -> str:
        return place_of(self.symbol, self.idx)

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
    """
    One user: cost rates, USDT wallet, positions by place, open orders by id in the order of arrival.

    `hedged` symbols have a long and a short place, stops and targets of `in_parts` symbols are partial unless a request says
    otherwise. Limit prices outside the band are refused where `band_refuses`, else moved.
    `vip` is the level that the rate of orders goes by.
    """

    uid: int
    alias: str
    taker_bps: float
    maker_bps: float
    slippage_bps: float
    wallet: Decimal
    maintenance_rate: float = MAINTENANCE_RATE
    maintenance_deduction_usdt: float = 0.0
    realised_ever: Decimal = Decimal(0)
    margin_mode: str = ISOLATED
    hedged: list[str] = field(default_factory=list)
    in_parts: list[str] = field(default_factory=list)
    band_refuses: bool = False
    vip: int = 0
    positions: dict[str, Position] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)

    @property
    def is_cross(self) -> bool:
        return self.margin_mode == CROSS

    def place_indices(self, symbol: str) -> tuple[int, ...]:
        """The places that a symbol has in this account's mode."""
        return (LONG_IDX, SHORT_IDX) if symbol in self.hedged else (0,)

    def places(self, symbol: str) -> list[Position]:
        """The positions that exist for a symbol: one-way, long side, short side."""
        return [self.positions[place] for idx in (0, 1, 2) if (place := place_of(symbol, idx)) in self.positions]

    def order_by_link(self, link_id: str) -> Order | None:
        """The open order with this link id."""
        return next((order for order in self.orders.values() if order.link_id == link_id), None)
