"""Limits on new risk of one account, as frozen values. None means: no limit, which only the local exchange may have."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from playd.core.modes import Environment
from playd.orders.policy_windows import Window
from playd.settings.fields import Section
from playd.settings.layers import looser
from playd.settings.limits_model import Risk
from playd.settings.model import Settings


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """
    Caps of single entries and of what they add up to. `_usd` is USDT, `_pct` is percent, of equity unless its name says more.

    `risk_per_trade_pct`, `notional_per_trade_pct`, `margin_per_trade_pct`, `size_share_pct` and `order_usd` cut an entry, all
    others refuse it. `order_usd`, `day_usd`, `day_orders` and `size_share_pct` hold at a step of capital below full: `at_step`
    takes them from the values beside them.
    """

    order_usd: Decimal | None = None
    day_usd: Decimal | None = None
    day_orders: int | None = None
    entries_per_hour_instance: int | None = None
    entries_per_hour_account: int | None = None
    hard_order_usd: Decimal | None = None
    fat_finger_pct: Decimal | None = None
    max_mark_divergence_pct: Decimal | None = None
    max_spread_bps: Decimal | None = None
    max_adverse_funding_pct_day: Decimal | None = None
    risk_per_trade_pct: Decimal | None = None
    notional_per_trade_pct: Decimal | None = None
    margin_per_trade_pct: Decimal | None = None
    slippage_allowance_bps: Decimal = Decimal(10)
    day_notional_pct: Decimal | None = None
    week_notional_pct: Decimal | None = None
    gross_pct: Decimal | None = None
    net_pct: Decimal | None = None
    symbol_pct: Decimal | None = None
    max_leverage: Decimal | None = None
    max_positions: int | None = None
    max_im_rate: Decimal | None = None
    max_mm_rate: Decimal | None = None
    liquidation_safety: Decimal | None = None
    min_listing_days: int | None = None
    delist_no_entry_h: int | None = None
    funding_window: bool = False
    funding_before_s: float = 120.0
    funding_after_s: float = 60.0
    windows: tuple[Window, ...] = ()
    size_share_pct: Decimal | None = None
    micro_order_usd: Decimal | None = None
    micro_day_usd: Decimal | None = None
    micro_day_orders: int | None = None
    quarter_pct: Decimal | None = None

    @property
    def bound_exposure(self) -> bool:
        """Whether anything bounds what entries add up to, so that somebody must add it up."""
        return (self.gross_pct, self.net_pct, self.symbol_pct, self.max_positions) != (None, None, None, None)

    @property
    def weigh_exposure(self) -> bool:
        """Whether anything is judged by what is open, its margin and liquidation included."""
        return self.bound_exposure or (self.max_im_rate, self.max_mm_rate, self.liquidation_safety) != (None, None, None)

    @classmethod
    def from_settings(cls, settings: Settings, environment: Environment) -> "RiskLimits":
        """The limits of an account. On the local exchange only those that somebody wrote down."""
        risk, gates, orders, breakers = (
            _Held(each, environment) for each in (settings.risk, settings.gates, settings.orders, settings.breakers)
        )
        im_rate, mm_rate = breakers.im_rate, breakers.mm_rate
        return cls(
            fat_finger_pct=orders.fat_finger_pct,
            max_mark_divergence_pct=gates.max_mark_divergence_pct,
            max_spread_bps=gates.max_spread_bps,
            max_adverse_funding_pct_day=gates.max_adverse_funding_pct_day,
            max_im_rate=im_rate and im_rate[0],
            max_mm_rate=mm_rate and mm_rate[0],
            funding_before_s=settings.gates.funding_before_s,
            funding_after_s=settings.gates.funding_after_s,
            windows=tuple(Window.of(each) for each in settings.gates.windows),
            slippage_allowance_bps=settings.risk.slippage_allowance_bps,
            funding_window=settings.risk.funding_window,
            **{name: getattr(risk, name) for name in _CAPS},
        )

    @property
    def counts(self) -> bool:
        """Whether what is opened in a day or a week is bounded at all."""
        return (self.day_usd, self.day_orders, self.day_notional_pct, self.week_notional_pct) != (None, None, None, None)

    def tightened(self, own: Risk) -> "RiskLimits":
        """These limits, and what is written for one account or instance where that is tighter."""
        changes = {}
        for name in own.model_fields_set:
            held, wanted = getattr(self, name), getattr(own, name)
            is_looser = looser(Risk.model_fields[name])
            tighter = wanted if held is None else min(held, wanted) if is_looser == "up" else max(held, wanted)
            changes[name] = tighter
        return replace(self, **changes)

    def at_step(self, step: str) -> "RiskLimits":
        """What holds for an instance at a step of capital: `micro`, `quarter` or `full`."""
        if step == "micro":
            return replace(self, order_usd=self.micro_order_usd, day_usd=self.micro_day_usd, day_orders=self.micro_day_orders)
        return replace(self, size_share_pct=self.quarter_pct) if step == "quarter" else self


_CAPS: Final = tuple(name for name in Risk.model_fields if name not in ("slippage_allowance_bps", "funding_window"))
"""Keys of `[risk]` that are off where nobody wrote them on the local exchange."""


@dataclass(frozen=True, slots=True)
class BreakerLimits:
    """When an account or an instance stops by itself: percent of equity (of an instance's capital), margin rates as ratios."""

    day_pause_pct: Decimal | None = None
    day_halt_pct: Decimal | None = None
    fast_fall_pct: Decimal | None = None
    fast_fall_window_s: float = 900.0
    week_loss_pct: Decimal | None = None
    account_drawdown_pct: Decimal | None = None
    instance_drawdown_pct: Decimal | None = None
    im_rate: tuple[Decimal, Decimal] | None = None
    mm_rate: tuple[Decimal, Decimal] | None = None

    @property
    def watching(self) -> bool:
        """Whether anything is to be watched at all."""
        pairs = (self.im_rate, self.mm_rate)
        single = (self.day_pause_pct, self.day_halt_pct, self.fast_fall_pct, self.week_loss_pct, self.account_drawdown_pct)
        return (*pairs, *single, self.instance_drawdown_pct) != (None,) * 8

    @classmethod
    def from_settings(cls, settings: Settings, environment: Environment) -> "BreakerLimits":
        """The breakers of an account. On the local exchange only those that somebody wrote down."""
        breakers = _Held(settings.breakers, environment)
        return cls(
            day_pause_pct=breakers.day_pause_pct,
            day_halt_pct=breakers.day_halt_pct,
            fast_fall_pct=breakers.fast_fall_pct,
            fast_fall_window_s=settings.breakers.fast_fall_window_s,
            week_loss_pct=breakers.week_loss_pct,
            account_drawdown_pct=breakers.account_drawdown_pct,
            instance_drawdown_pct=breakers.instance_drawdown_pct,
            im_rate=breakers.im_rate,
            mm_rate=breakers.mm_rate,
        )


@dataclass(frozen=True, slots=True)
class _Held:
    """A table as far as it holds for an environment: on the local exchange a key that nobody wrote is None."""

    section: Section
    environment: Environment

    def __getattr__(self, name: str) -> Any:
        is_off = self.environment is Environment.LOCAL and name not in self.section.model_fields_set
        return None if is_off else getattr(self.section, name)
