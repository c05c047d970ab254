"""Numbers of the order path as one frozen value. Defaults are those of `config/playd.toml`; units stand in the names."""

from dataclasses import dataclass, field
from decimal import Decimal

from playd.core.modes import Environment
from playd.orders.risk_limits import BreakerLimits, RiskLimits
from playd.settings.model import Settings


@dataclass(frozen=True, slots=True)
class OrderSettings:
    """
    Behaviour of one account's order path.

    `plain_market` sends entries and exits as market orders without band or tolerance: the local exchange then fills at the
    next open, as the backtest does. Elsewhere, and where `priced_entries` asks for it, entries are IOC limits
    `entry_band_bps` beyond the best opposite price.
    `leverage` None leaves what is set at the venue; `leverage_kept`: another one is somebody's change, to set back.
    """

    limits: RiskLimits
    plain_market: bool
    breakers: BreakerLimits = field(default_factory=BreakerLimits)
    leverage: Decimal | None = Decimal(3)
    leverage_kept: bool = True
    entry_band_bps: Decimal = Decimal(20)
    exit_tolerance_pct: tuple[Decimal, ...] = (Decimal("0.3"), Decimal(1), Decimal(3))
    exit_rung_s: float = 3.0
    exit_repeat_s: float = 5.0
    never_arrived_after_s: float = 60.0
    acked_quiet_s: float = 5.0
    fill_check_s: float = 10.0
    flatten_unprotectable: bool = True
    naked_repair_s: float = 2.0
    naked_halt_s: float = 5.0
    naked_act_s: float = 30.0
    fallback_stop_pct: Decimal = Decimal(3)
    fallback_stop_atr: Decimal = Decimal(3)
    entry_max_age_s: float = 30.0
    feed_stale_s: float = 30.0
    equity_max_age_s: float = 120.0
    quote_max_age_s: float = 2.0
    recon_orders_s: float = 120.0
    recon_positions_s: float = 300.0
    wallet_every_s: float = 60.0
    poll_s: float = 5.0
    blind_pause_s: float = 15.0
    blind_halt_s: float = 60.0
    repairs_symbol_hour: int = 3
    repairs_account_hour: int = 10
    resume_clean_runs: int = 2
    exposure_check_s: float = 30.0
    rules_every_s: float = 3600.0
    halt_at_once_pct: Decimal = Decimal("0.5")
    request_timeout_s: float = 5.0

    @classmethod
    def of(cls, environment: Environment) -> "OrderSettings":
        """Defaults for an environment."""
        return cls(
            limits=RiskLimits.from_settings(Settings(), environment),
            plain_market=environment is Environment.LOCAL,
            leverage_kept=environment is not Environment.LOCAL,
            breakers=BreakerLimits.from_settings(Settings(), environment),
        )

    @classmethod
    def from_settings(cls, settings: Settings, alias: str) -> "OrderSettings":
        """The order path's share of the daemon's settings, for one account. Raises `KeyError` for an unknown alias."""
        account, orders, gates, recon = settings.accounts[alias], settings.orders, settings.gates, settings.recon
        local = account.environment is Environment.LOCAL
        return cls(
            limits=RiskLimits.from_settings(settings, account.environment).tightened(account.risk),
            breakers=BreakerLimits.from_settings(settings, account.environment),
            plain_market=local and not account.priced_entries,
            leverage=account.leverage,
            leverage_kept=account.has_key,
            entry_band_bps=orders.entry_band_bps,
            exit_tolerance_pct=orders.exit_tolerance_pct,
            exit_rung_s=orders.exit_rung_s,
            never_arrived_after_s=orders.never_arrived_after_s,
            fill_check_s=orders.fill_check_s,
            flatten_unprotectable=orders.on_unprotectable == "flatten",
            naked_repair_s=orders.naked_repair_s,
            naked_halt_s=orders.naked_halt_s,
            naked_act_s=orders.naked_act_s,
            fallback_stop_pct=orders.fallback_stop_pct,
            fallback_stop_atr=orders.fallback_stop_atr,
            entry_max_age_s=gates.entry_max_age_s,
            quote_max_age_s=gates.quote_max_age_s,
            equity_max_age_s=gates.equity_max_age_s,
            feed_stale_s=settings.market.stale_s,
            recon_orders_s=recon.orders_interval_s,
            recon_positions_s=recon.positions_interval_s,
            poll_s=settings.streams.poll_s,
            blind_pause_s=recon.blind_pause_s,
            blind_halt_s=recon.blind_halt_s,
            repairs_symbol_hour=recon.repairs_symbol_hour,
            repairs_account_hour=recon.repairs_account_hour,
            resume_clean_runs=settings.halt.resume_clean_runs,
            exposure_check_s=recon.exposure_check_s,
            rules_every_s=recon.instruments_interval_s,
            halt_at_once_pct=recon.halt_at_once_pct,
            request_timeout_s=orders.request_timeout_ms / 1000,
        )
