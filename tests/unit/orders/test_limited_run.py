"""A backtest under an account's limits: the same bits where none binds, and the gates' own words where one does."""

from dataclasses import replace
from decimal import Decimal

import pytest
from numpy.random import PCG64, Generator

from playd.core.candles import Candles
from playd.core.instrument import Instrument
from playd.core.modes import Environment
from playd.core.timeframes import DAY_MS
from playd.engine.trades import TradeRecord
from playd.orders.limited_run import GATES, LimitedResult, run_limited
from playd.orders.pipeline import PIPELINE
from playd.orders.policy_windows import Window
from playd.orders.risk_limits import BreakerLimits, RiskLimits
from playd.orders.settings import OrderSettings
from playd.plays.model import Play
from playd.research.backtest import BacktestResult, run_backtest
from playd.settings.limits_model import PolicyWindow
from tests.engine_desk import BTC, play_of, random_candles

HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def play() -> Play:
    """In and out every few minutes."""
    return play_of(
        features="{fast: {indicator: ema, params: {length: 3}}, slow: {indicator: ema, params: {length: 9}}}",
        actions="entry_long: {all: [[fast, cross_above, slow]]}, entry_short: {all: [[fast, cross_below, slow]]}",
        policy="{mode: long_short, exit_mode: first_hit, time_exit_bars: 5}",
        risk="risk_model: {stop_loss: {type: percent, value: 1.0}, take_profit: {type: percent, value: 2.0}, "
        "sizing: {model: percent_equity, value: 50}}",
    )


@pytest.fixture(scope="module")
def candles() -> Candles:
    return random_candles(Generator(PCG64(5)), 1600)


@pytest.fixture(scope="module")
def free(play: Play, candles: Candles) -> BacktestResult:
    return run_backtest(play, candles, BTC)


def limited(free: BacktestResult, limits: RiskLimits, breakers: BreakerLimits | None = None) -> LimitedResult:
    settings = replace(OrderSettings.of(Environment.LOCAL), limits=limits, breakers=breakers or BreakerLimits())
    return run_limited(free.play, free.program, free.loaded, free.candles, free.instrument, settings)


def opened_usd(trade: TradeRecord, instrument: Instrument) -> float:
    return float(trade.entry_price) * float(trade.qty)


def test_without_a_limit_that_binds_it_is_the_backtest_to_the_bit(free: BacktestResult) -> None:
    found = limited(free, RiskLimits(hard_order_usd=Decimal(10**9), entries_per_hour_instance=1000, gross_pct=Decimal(10**6)))
    assert (found.refused, found.cut) == ([], 0)
    assert found.trades == free.trades
    assert found.final_equity_usdt == free.final_equity_usdt
    assert found.entered >= len(free.trades) > 20


def test_gates_are_those_of_the_pipeline_in_its_order() -> None:
    assert [step.name for step in PIPELINE if step.name in GATES] == list(GATES)


def test_a_cap_refuses_with_value_limit_and_unit_and_changes_what_follows(free: BacktestResult) -> None:
    found = limited(free, RiskLimits(entries_per_hour_instance=2))
    times = [trade.entry_time_ms for trade in found.trades]
    assert found.refusals.keys() == {"CHURN"}
    assert all(sum(at <= each < at + HOUR_MS - 120_000 for each in times) <= 2 for at in times)
    first = found.refused[0]
    assert (first.gate, first.refusal.value, first.refusal.limit, first.refusal.unit) == ("day cap", "2", "2", "orders")
    assert len(found.trades) < len(free.trades)


def test_a_ceiling_makes_entries_smaller(free: BacktestResult) -> None:
    found = limited(free, RiskLimits(notional_per_trade_pct=Decimal(5)))
    assert found.cut == found.entered > 20
    most = max(opened_usd(trade, BTC) for trade in found.trades)
    assert most <= 0.0501 * max(found.start_equity_usdt, found.final_equity_usdt)


def test_a_daily_loss_refuses_until_the_next_day(free: BacktestResult) -> None:
    found = limited(free, RiskLimits(), BreakerLimits(day_pause_pct=Decimal("0.05"), day_halt_pct=Decimal(50)))
    days = {each.close_ms // DAY_MS for each in found.refused if each.refusal.code == "DAILY_LOSS"}
    entered = [trade.entry_time_ms for trade in found.trades]
    assert days
    for day in days:
        refused = [each.close_ms for each in found.refused if each.close_ms // DAY_MS == day]
        assert len(refused) > 1
        # Who is flat cannot win back what the day has lost, so nothing is let through after the first refusal.
        assert max(each for each in entered if each // DAY_MS == day) < min(refused)
    assert max(entered) // DAY_MS > min(days), "the next day begins anew"
    assert len(entered) < len(free.trades)


def test_a_window_is_judged_at_the_close_of_the_bar(free: BacktestResult) -> None:
    blocked = Window.of(PolicyWindow(kind="block", **{"from": "00:00", "to": "12:00"}))  # type: ignore[arg-type]
    found = limited(free, RiskLimits(windows=(blocked,)))
    assert found.refusals.keys() == {"WINDOW_CLOSED"}
    assert all(each.close_ms % DAY_MS < 12 * HOUR_MS for each in found.refused)
    assert all(trade.entry_time_ms % DAY_MS >= 12 * HOUR_MS for trade in found.trades)
