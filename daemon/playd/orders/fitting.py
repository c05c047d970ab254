"""How much of an entry an account allows: the Play's own size, cut to the ceilings that are set. Pure; nothing is raised."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Final

from playd.core.orders import Side

if TYPE_CHECKING:  # a case brings its fitted size along
    from playd.orders.gates import Case

TAKER: Final = Decimal("0.00055")
"""Fee that a loss at the stop is reckoned with, on the way in and out: the venue's rate for those without a discount."""

_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Fitted:
    """The quantity in whole steps, and the ceiling that made it so; `why` is empty when the Play's own size stands."""

    qty: Decimal
    why: str = ""


def fitted_qty(case: "Case") -> Fitted:
    """
    The largest quantity, not above the intent's, that every ceiling allows, or the part of it that the step of capital allows.
    Zero where a ceiling cannot be reckoned.
    """
    if not (case.intent.qty.is_finite() and case.intent.price_ref.is_finite() and case.intent.price_ref > 0):
        return Fitted(_ZERO, "quantity or price is no positive number")
    step = case.instrument.step
    best = Fitted(case.intent.qty)
    if case.intent.qty % step:  # made for a finer step, which the venue has changed
        best = Fitted(_whole_steps(case.intent.qty, step), f"the step is {step}")
    for name, limit, allowed in _ceilings(case):
        qty = _whole_steps(allowed, step)
        best = Fitted(qty, f"{name} is {limit}") if qty < best.qty else best
    if (share := case.settings.limits.size_share_pct) is not None:
        of_what = f" of what {best.why} leaves" if best.why else ""
        qty = _whole_steps(best.qty * share / 100, step)
        best = Fitted(qty, f"quarter_pct is {share}{of_what}") if qty < best.qty else best
    return best


def _ceilings(case: "Case") -> Iterator[tuple[str, Decimal, Decimal]]:
    """(setting, its value, the quantity it allows in base coin) of every ceiling that is set."""
    limits, price = case.settings.limits, worst_price(case)
    equity, leverage = case.facts.equity_usdt or _ZERO, case.facts.leverage or _ZERO
    if limits.order_usd is not None:
        yield "micro_order_usd", limits.order_usd, limits.order_usd / price
    if (risk := limits.risk_per_trade_pct) is not None:
        yield "risk_per_trade_pct", risk, equity * risk / 100 / _unit_risk(case)
    if (notional := limits.notional_per_trade_pct) is not None:
        yield "notional_per_trade_pct", notional, equity * notional / 100 / price
    if (margin := limits.margin_per_trade_pct) is not None:
        yield "margin_per_trade_pct", margin, equity * margin / 100 * leverage / price


def sent_price(case: "Case") -> Decimal:
    """What an entry is sent with: its own limit, else the best opposite price and the band, its reference where it has none."""
    intent, quote = case.intent, case.inputs.ask if case.intent.side is Side.BUY else case.inputs.bid
    if intent.price is not None or quote is None or case.settings.plain_market:
        return intent.price_ref if intent.price is None else intent.price
    band = case.settings.entry_band_bps / 10_000
    return quote * (1 + band if intent.side is Side.BUY else 1 - band)


def worst_price(case: "Case") -> Decimal:
    """What one base coin of an entry may be worth when it opens, in USDT: caps are kept at that price too."""
    quote = case.inputs.bid if case.intent.price is None and not case.settings.plain_market else None
    return max(case.intent.price_ref, sent_price(case), quote or _ZERO)


def _unit_risk(case: "Case") -> Decimal:
    """Loss of one base coin that is stopped out, in USDT: distance from where it is sent, fees both ways, slippage."""
    stop, slippage = case.intent.stop, case.settings.limits.slippage_allowance_bps / 10_000
    distance = abs(sent_price(case) - stop) if stop is not None else worst_price(case)
    return distance + worst_price(case) * (2 * TAKER + slippage)


def _whole_steps(qty: Decimal, step: Decimal) -> Decimal:
    return (max(_ZERO, qty) / step).to_integral_value(ROUND_FLOOR) * step
