"""Limits on new risk of one account, as frozen values. None means: no limit, which only the local exchange may have."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from playd.core.modes import Environment
from playd.settings.fields import Section
from playd.settings.model import Settings


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """
    Caps of single entries and of what they add up to. `_usd` is USDT, `_pct` is percent, of equity unless its name says more.

    `risk_per_trade_pct`, `notional_per_trade_pct`, `margin_per_trade_pct` and `order_usd` cut an entry, all others refuse it.
    """

    order_usd: Decimal | None = None
    day_usd: Decimal | None = None
    day_orders: int | None = None
    entries_hour_instance: int | None = None
    entries_hour_account: int | None = None
    hard_order_usd: Decimal | None = None
    fat_finger_pct: Decimal | None = None
    max_mark_divergence_pct: Decimal | None = None
    max_spread_bps: Decimal | None = None
    max_adverse_funding_pct_day: Decimal | None = None
    risk_per_trade_pct: Decimal | None = None
    notional_per_trade_pct: Decimal | None = None
    margin_per_trade_pct: Decimal | None = None
    slippage_allowance_bps: Decimal = Decimal(10)
    week_notional_pct: Decimal | None = None
    gross_pct: Decimal | None = None
    net_pct: Decimal | None = None
    symbol_pct: Decimal | None = None
    max_leverage: Decimal | None = None
    max_positions: int | None = None
    liquidation_safety: Decimal | None = None
    delist_no_entry_h: int | None = None

    @classmethod
    def from_settings(cls, settings: Settings, environment: Environment) -> "RiskLimits":
        """The limits of an account. On the local exchange only those that somebody wrote down."""
        risk, gates, orders = settings.risk, settings.gates, settings.orders
        here = _Reader(environment)
        return cls(
            order_usd=here.limit(risk, "micro_order_usd"),
            day_usd=here.limit(risk, "micro_day_usd"),
            day_orders=here.limit(risk, "micro_day_orders"),
            entries_hour_instance=here.limit(risk, "entries_per_hour_instance"),
            entries_hour_account=here.limit(risk, "entries_per_hour_account"),
            hard_order_usd=here.limit(risk, "hard_order_usd"),
            fat_finger_pct=here.limit(orders, "fat_finger_pct"),
            max_mark_divergence_pct=here.limit(gates, "max_mark_divergence_pct"),
            max_spread_bps=here.limit(gates, "max_spread_bps"),
            max_adverse_funding_pct_day=here.limit(gates, "max_adverse_funding_pct_day"),
            risk_per_trade_pct=here.limit(risk, "risk_per_trade_pct"),
            notional_per_trade_pct=here.limit(risk, "notional_per_trade_pct"),
            margin_per_trade_pct=here.limit(risk, "margin_per_trade_pct"),
            slippage_allowance_bps=risk.slippage_allowance_bps,
            week_notional_pct=here.limit(risk, "week_notional_pct"),
            gross_pct=here.limit(risk, "gross_pct"),
            net_pct=here.limit(risk, "net_pct"),
            symbol_pct=here.limit(risk, "symbol_pct"),
            max_leverage=here.limit(risk, "max_leverage"),
            max_positions=here.limit(risk, "max_positions"),
            liquidation_safety=here.limit(risk, "liquidation_safety"),
            delist_no_entry_h=here.limit(risk, "delist_no_entry_h"),
        )


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """When an account or an instance stops by itself: percent of equity (of an instance's capital), margin rates as ratios."""

    day_pause_pct: Decimal | None = None
    day_halt_pct: Decimal | None = None
    fast_fall_pct: Decimal | None = None
    fast_fall_window_s: float = 900.0
    account_drawdown_pct: Decimal | None = None
    instance_drawdown_pct: Decimal | None = None
    im_rate: tuple[Decimal, Decimal] | None = None
    mm_rate: tuple[Decimal, Decimal] | None = None

    @property
    def watching(self) -> bool:
        """Whether anything is to be watched at all."""
        pairs = (self.im_rate, self.mm_rate)
        single = (self.day_pause_pct, self.day_halt_pct, self.fast_fall_pct, self.account_drawdown_pct)
        return any(limit is not None for limit in (*pairs, *single, self.instance_drawdown_pct))

    @classmethod
    def from_settings(cls, settings: Settings, environment: Environment) -> "BreakerLimits":
        """The breakers of an account. On the local exchange only those that somebody wrote down."""
        section, here = settings.breakers, _Reader(environment)
        return cls(
            day_pause_pct=here.limit(section, "day_pause_pct"),
            day_halt_pct=here.limit(section, "day_halt_pct"),
            fast_fall_pct=here.limit(section, "fast_fall_pct"),
            fast_fall_window_s=section.fast_fall_window_s,
            account_drawdown_pct=here.limit(section, "account_drawdown_pct"),
            instance_drawdown_pct=here.limit(section, "instance_drawdown_pct"),
            im_rate=here.limit(section, "im_rate"),
            mm_rate=here.limit(section, "mm_rate"),
        )


@dataclass(frozen=True, slots=True)
class _Reader:
    environment: Environment

    def limit(self, section: Section, name: str) -> Any:
        """A key's value; on the local exchange None unless it was written."""
        return (
            None if self.environment is Environment.LOCAL and name not in section.model_fields_set else getattr(section, name)
        )
