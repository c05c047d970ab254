"""Quantity of an entry (play-language 8.8). `r` is a RULES record."""

from playd.core.units import DOWN, from_units, to_units
from playd.engine.records import PERCENT_EQUITY, RISK_BASED
from playd.matching.compiled import part
from playd.matching.records import Record


@part
def notional_usdt(r: Record, equity_usdt: float, reference: float, stop_price: float) -> float:
    """What the sizing model asks for, before caps."""
    if r.sizing_kind == PERCENT_EQUITY:
        return float(equity_usdt * r.sizing_value / 100.0 * r.leverage)
    if r.sizing_kind == RISK_BASED:
        return float(equity_usdt * r.sizing_value / 100.0 * reference / abs(reference - stop_price))
    return float(r.sizing_value)


@part
def notional_cap_usdt(r: Record, direction: int, equity_usdt: float) -> float:
    """The most that the account can carry: 95 % of equity times leverage, and what the order's cost leaves."""
    cost_share = 1.0 / r.leverage + r.taker + (1.0 - direction / r.leverage) * r.taker
    return float(min(0.95 * equity_usdt * r.leverage, equity_usdt / cost_share))


@part
def qty_steps(r: Record, notional: float, price: float) -> int:
    """Steps that `notional` buys at `price`, rounded down and cut to the instrument's maximum."""
    return int(min(to_units(notional / price, r.step_num, r.step_den, DOWN), r.max_qty))


@part
def is_below_min_notional(r: Record, qty: int, price: float) -> bool:
    """Whether `qty` steps at `price` are worth less than the Play or the venue accepts."""
    return bool(from_units(qty, r.step_num, r.step_den) * price < r.min_notional_usdt)
