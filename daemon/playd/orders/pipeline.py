"""The gates in their binding order. The first refusal is the verdict."""

from dataclasses import dataclass
from typing import Final

from playd.orders import gates, risk_gates
from playd.orders.gates import Case, Gate, Refusal
from playd.orders.settings import OrderSettings


@dataclass(frozen=True, slots=True)
class Step:
    """One gate: its name, the codes it refuses with, and what bounds it: names of `OrderSettings`, its limits or breakers."""

    name: str
    gate: Gate
    codes: tuple[str, ...]
    bounds: tuple[str, ...] = ()


PIPELINE: Final = (
    Step("halt", gates.halt, ("HALTED",)),
    Step("armed", gates.armed, ("NOT_ARMED",)),
    Step("state", gates.state, ("NOT_RUNNING",)),
    Step("account", gates.account, ("ACCOUNT_NOT_READY",), ("equity_max_age_s",)),
    Step("warm-up", gates.warm_up, ("WARMING",)),
    Step("feed", gates.feed, ("FEED_STALE",), ("feed_stale_s",)),
    Step("replay", gates.replay, ("REPLAY", "SIGNAL_OLD"), ("entry_max_age_s",)),
    Step("pending", gates.pending, ("UNRESOLVED", "PENDING")),
    Step("window", gates.window, ("WINDOW_CLOSED",), ("windows",)),
    Step(
        "funding window",
        gates.funding_window,
        ("FUNDING_WINDOW",),
        ("funding_window", "funding_before_s", "funding_after_s"),
    ),
    Step("instrument", gates.instrument, ("INSTRUMENT",), ("min_listing_days", "delist_no_entry_h")),
    Step("daily loss", risk_gates.daily_loss, ("DAILY_LOSS",), ("day_pause_pct", "day_halt_pct")),
    Step(
        "drawdown",
        risk_gates.drawdown,
        ("DRAWDOWN", "FAST_FALL", "WEEK_LOSS", "INSTANCE_DRAWDOWN"),
        ("account_drawdown_pct", "fast_fall_pct", "week_loss_pct", "instance_drawdown_pct"),
    ),
    Step("quote", gates.quote, ("QUOTE_STALE", "SPREAD"), ("quote_max_age_s", "max_spread_bps")),
    Step("funding rate", risk_gates.funding_rate, ("FUNDING_RATE",), ("max_adverse_funding_pct_day",)),
    Step(
        "size",
        risk_gates.size,
        ("SIZE_ZERO",),
        (
            "order_usd",
            "size_share_pct",
            "risk_per_trade_pct",
            "notional_per_trade_pct",
            "margin_per_trade_pct",
            "slippage_allowance_bps",
        ),
    ),
    Step("order cap", risk_gates.order_cap, ("ORDER_CAP",), ("hard_order_usd",)),
    Step(
        "day cap",
        risk_gates.day_cap,
        ("DAY_CAP", "CHURN"),
        ("day_usd", "day_orders", "day_notional_pct", "entries_per_hour_instance", "entries_per_hour_account"),
    ),
    Step("week exposure", risk_gates.week_exposure, ("WEEK_CAP",), ("week_notional_pct",)),
    Step(
        "exposure",
        risk_gates.exposure,
        ("EXPOSURE", "POSITIONS", "LEVERAGE"),
        ("gross_pct", "net_pct", "symbol_pct", "max_positions", "max_im_rate", "max_mm_rate", "max_leverage"),
    ),
    Step("liquidation", risk_gates.liquidation, ("LIQUIDATION",), ("liquidation_safety",)),
    Step("band", risk_gates.band, ("PRICE_BAND",), ("fat_finger_pct", "max_mark_divergence_pct")),
    Step("minimum", risk_gates.minimum, ("BELOW_MINIMUM",)),
    Step("stop", risk_gates.stop, ("NO_STOP",)),
)
"""Names and order are a promise to whoever reads verdicts; a golden copy stands in a test."""


def judge(case: Case) -> Refusal | None:
    """The first refusal, or None when every gate passes."""
    for step in PIPELINE:
        refusal = _answer(step, case)
        if refusal is not None:
            return refusal
    return None


def explain(case: Case) -> list[tuple[str, Refusal | None]]:
    """The answer of every gate, for people."""
    return [(step.name, _answer(step, case)) for step in PIPELINE]


def _answer(step: Step, case: Case) -> Refusal | None:
    """What a gate says. Figures that nobody can reckon with, such as NaN, it refuses: they never pass, and raise nothing."""
    try:
        return step.gate(case)
    except ArithmeticError as error:
        return Refusal(step.codes[0], f"the figures of this entry cannot be reckoned with: {type(error).__name__}")


def bounds_of(step: Step, settings: OrderSettings) -> dict[str, str]:
    """The values that bound a gate on one account; `off` where nothing does."""
    return {name: _say(_bound(settings, name)) for name in step.bounds}


def _bound(settings: OrderSettings, name: str) -> object:
    holder = next(each for each in (settings, settings.limits, settings.breakers) if hasattr(each, name))
    return getattr(holder, name)


def _say(value: object) -> str:
    if isinstance(value, tuple):
        return "; ".join(map(str, value)) or "off"
    return "off" if value is None or value is False else str(value)
