"""A checked Play on one instrument becomes RULES and the opening STATE."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from playd.core.instrument import Instrument
from playd.engine import records as e
from playd.engine.decide import WEEK_MINUTES
from playd.matching.records import TIF_CODE, Records, new_terms
from playd.plays import model
from playd.plays.evaluation import evaluation_of

_ON_BEYOND: Final = {"reject": e.REJECT, "adjust": e.ADJUST, "warn": e.WARN}
_DAY_MINUTES: Final = 24 * 60


def build_rules(play: model.Play, instrument: Instrument, base_step_ms: int) -> Records:
    """RULES for `play` on `instrument`, whose base candles are `base_step_ms` long."""
    rules = np.zeros(1, e.RULES)
    _policy(rules, play)
    _risk(rules, play)
    account = play.account
    rules["max_drawdown_pct"] = account.max_drawdown_pct
    rules["leverage"] = account.max_leverage
    rules["taker"] = account.taker_bps / 10_000.0
    rules["mm_rate"] = account.maintenance_margin_rate
    rules["mm_deduction_usdt"] = account.mm_deduction_usdt
    rules["on_stop_beyond_liquidation"] = _ON_BEYOND[account.on_sl_beyond_liq]
    rules["min_notional_usdt"] = max(account.min_trade_notional_usdt, float(instrument.min_notional_usdt))
    rules["min_qty"] = _steps(instrument.min_qty, instrument.step, ROUND_CEILING)
    is_limit = play.entry.order_type == "Limit"
    rules["max_qty"] = _steps(instrument.max_qty if is_limit else instrument.max_market_qty, instrument.step, ROUND_FLOOR)
    rules["entry_is_limit"] = is_limit
    rules["entry_tif"] = TIF_CODE[play.entry.time_in_force]
    rules["entry_offset_pct"] = play.entry.limit_offset_pct
    rules["entry_expires"] = play.entry.expire_after_bars
    rules["tick_num"], rules["tick_den"] = instrument.tick_fraction
    rules["step_num"], rules["step_den"] = instrument.step_fraction
    rules["base_step_ms"] = base_step_ms
    rules["exec_step_ms"] = play.timeframes.exec_ms
    rules["decision_step_ms"] = evaluation_of(play).decision_ms
    return rules


def build_terms(play: model.Play, instrument: Instrument, slippage_bps: float) -> Records:
    """TERMS of a simulated venue for `play`."""
    return new_terms(
        instrument,
        taker_bps=play.account.taker_bps,
        maker_bps=play.account.maker_bps,
        slippage_bps=slippage_bps,
        leverage=play.account.max_leverage,
        mm_rate=play.account.maintenance_margin_rate,
        mm_deduction_usdt=play.account.mm_deduction_usdt,
    )


def build_state(start_equity_usdt: float) -> Records:
    """STATE of an engine that has not traded."""
    state = np.zeros(1, e.STATE)
    state["cash_usdt"] = start_equity_usdt
    state["peak_equity_usdt"] = start_equity_usdt
    state["entries_day"] = -1
    return state


def build_week(windows: tuple[model.TradingWindow, ...]) -> NDArray[np.uint8]:
    """
    Minutes of the week (Monday 00:00 UTC first) in which entries are allowed; empty when there are no windows.

    A window that ends at or before its start runs past midnight and belongs to the day on which it started. Zones other than
    UTC raise ValueError: the Play checker refuses them.
    """
    if not windows:
        return np.zeros(0, np.uint8)
    week = np.zeros(WEEK_MINUTES, np.uint8)
    for window in windows:
        if window.zone != "UTC":
            raise ValueError(f"trading window in zone {window.zone}: only UTC is available")
        length = (window.to_min - window.from_min - 1) % _DAY_MINUTES + 1
        for day in window.days:
            first = day * _DAY_MINUTES + window.from_min
            week[np.arange(first, first + length) % WEEK_MINUTES] = 1
    return week


def _steps(qty: Decimal, step: Decimal, rounding: str) -> int:
    return int((qty / step).to_integral_value(rounding))


def _policy(rules: Records, play: model.Play) -> None:
    policy = play.policy
    rules["allow_long"] = policy.allows_long
    rules["allow_short"] = policy.allows_short
    rules["exit_long_pct"] = play.exit_percent("exit_long")
    rules["exit_short_pct"] = play.exit_percent("exit_short")
    rules["cooldown_exit_bars"] = policy.cooldown_exit_bars
    rules["cooldown_stop_bars"] = policy.cooldown_stop_bars
    rules["max_entries_per_day"] = policy.max_entries_per_day or 0
    rules["time_exit_bars"] = policy.time_exit_bars or 0


def _risk(rules: Records, play: model.Play) -> None:
    leverage = play.account.max_leverage
    _stop(rules, play.risk.stop, leverage)
    _target(rules, play.risk.target, leverage)
    _sizing(rules, play.risk.sizing)
    trailing = play.risk.trailing
    if isinstance(trailing, model.AtrTrailing):
        rules["trailing_kind"], rules["trailing_value"] = e.ATR, trailing.multiple
    elif trailing is not None:
        rules["trailing_kind"], rules["trailing_value"] = e.PERCENT, trailing.trail_pct
    if trailing is not None:
        rules["trailing_activation_pct"] = trailing.activation_pct
    rules["anchor_fill"] = play.risk.anchor == "fill"
    if play.risk.break_even is not None:
        rules["break_even"] = 1
        rules["break_even_activation_pct"] = play.risk.break_even.activation_pct
        rules["break_even_offset_pct"] = play.risk.break_even.offset_pct


def _stop(rules: Records, stop: model.Stop | None, leverage: float) -> None:
    match stop:
        case None:
            rules["stop_kind"] = e.NO_LEVEL
        case model.PercentDistance(percent, basis):
            rules["stop_kind"], rules["stop_value"] = e.PERCENT, percent
            rules["stop_divisor"] = leverage if basis == "margin" else 1.0
        case model.AtrDistance(multiple, _, buffer_pct):
            rules["stop_kind"], rules["stop_value"], rules["stop_buffer_pct"] = e.ATR, multiple, buffer_pct
        case model.PointsDistance(points):
            rules["stop_kind"], rules["stop_value"] = e.POINTS, points
        case model.LevelStop(_, _, buffer_pct):
            rules["stop_kind"], rules["stop_buffer_pct"] = e.STRUCTURE, buffer_pct


def _target(rules: Records, target: model.Target | None, leverage: float) -> None:
    match target:
        case None:
            rules["target_kind"] = e.NO_LEVEL
        case model.PercentDistance(percent, basis):
            rules["target_kind"], rules["target_value"] = e.PERCENT, percent
            rules["target_divisor"] = leverage if basis == "margin" else 1.0
        case model.AtrDistance(multiple, _, _):
            rules["target_kind"], rules["target_value"] = e.ATR, multiple
        case model.PointsDistance(points):
            rules["target_kind"], rules["target_value"] = e.POINTS, points
        case model.RewardRisk(ratio):
            rules["target_kind"], rules["target_value"] = e.REWARD, ratio


def _sizing(rules: Records, sizing: model.Sizing) -> None:
    match sizing:
        case model.PercentEquity(percent):
            rules["sizing_kind"], rules["sizing_value"] = e.PERCENT_EQUITY, percent
        case model.RiskBased(percent):
            rules["sizing_kind"], rules["sizing_value"] = e.RISK_BASED, percent
        case model.FixedNotional(notional):
            rules["sizing_kind"], rules["sizing_value"] = e.FIXED_USDT, notional
