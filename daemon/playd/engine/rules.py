"""A checked Play on one instrument becomes RULES and the opening STATE."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from playd.core.instrument import Instrument
from playd.core.timeframes import MINUTE_MS
from playd.core.zones import offsets
from playd.engine import records as e
from playd.engine.decide import WEEK_MINUTES, Windows
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
    # Where the venue does not say when funding is due, it may be due at any moment.
    rules["funding_step_ms"] = max(1, instrument.funding_interval_min * MINUTE_MS)
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


def build_windows(windows: tuple[model.TradingWindow, ...]) -> Windows:
    """
    When entries are allowed: minutes of the week (Monday 00:00 UTC first), one week after the other, 1 where they are; and for
    each stretch of time, oldest first, its beginning in epoch ms and where its week begins. Both empty without windows.

    A window that ends at or before its start runs past midnight and belongs to the day on which it started. Windows are in
    local time, so that a change of clocks begins a stretch.
    """
    if not windows:
        return np.zeros(0, np.uint8), np.zeros((0, 2), np.int64)
    zones = {window.zone: offsets(window.zone) for window in windows}
    starts_ms = sorted({start_ms for spans in zones.values() for start_ms, _ in spans})
    stretches = [(start_ms, tuple(_offset_at(spans, start_ms) for spans in zones.values())) for start_ms in starts_ms]
    kinds = list(dict.fromkeys(offset_min for _, offset_min in stretches))
    weeks = [_week(windows, dict(zip(zones, kind, strict=True))) for kind in kinds]
    spans = [(start_ms, kinds.index(kind) * WEEK_MINUTES) for start_ms, kind in stretches]
    return np.concatenate(weeks), np.array(spans, np.int64)


def _offset_at(spans: Sequence[tuple[int, int]], time_ms: int) -> int:
    return spans[max(0, bisect_right([start_ms for start_ms, _ in spans], time_ms) - 1)][1]


def _week(windows: Iterable[model.TradingWindow], offset_min: Mapping[str, int]) -> NDArray[np.uint8]:
    """The week in UTC while each zone has this offset."""
    week = np.zeros(WEEK_MINUTES, np.uint8)
    for window in windows:
        length = (window.to_min - window.from_min - 1) % _DAY_MINUTES + 1
        for day in window.days:
            first = day * _DAY_MINUTES + window.from_min - offset_min[window.zone]
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
    if policy.funding_guard is not None:
        rules["funding_guard_ms"] = policy.funding_guard.within_min * MINUTE_MS
        rules["funding_guard_pct"] = policy.funding_guard.max_rate_pct


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
