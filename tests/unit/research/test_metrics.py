"""Metrics: the vectors of play-language 11 and the rule that a zero divisor gives None."""

import math

import numpy as np
import pytest

from playd.core.timeframes import DAY_MS
from playd.engine import records as e
from playd.research.equity_metrics import cagr, drawdown_metrics, equity_metrics, return_metrics
from playd.research.periods import period_metrics
from playd.research.trade_metrics import AtLimit, cost_metrics, position_metrics, positions_of

BARS_PER_YEAR = 365.0


def test_drawdowns_are_found_independently() -> None:
    """11: equity 10, 1, 1000, 900: 100 absolute, 90 percent."""
    found = drawdown_metrics(np.array([10.0, 1.0, 1000.0, 900.0]))
    assert (found["max_drawdown_abs"], found["max_drawdown_pct"]) == (100.0, 90.0)


def test_cagr_and_calmar_of_a_year() -> None:
    """11: 10 000 to 12 100 over 365 daily bars: 0.21; with 10 % drawdown calmar 2.1."""
    assert cagr(10_000.0, 12_100.0, 365, BARS_PER_YEAR) == pytest.approx(0.21, abs=1e-12)
    curve = np.full(365, 12_100.0)
    curve[:2] = 11_000.0, 9_900.0
    metrics = equity_metrics(curve, 10_000.0, DAY_MS)
    assert metrics["max_drawdown_pct"] == pytest.approx(10.0)
    assert metrics["calmar"] == pytest.approx(2.1, abs=1e-9)


def test_calmar_without_drawdown_is_none() -> None:
    metrics = equity_metrics(np.array([10_100.0, 10_200.0]), 10_000.0, DAY_MS)
    assert metrics["calmar"] is None
    assert metrics["recovery_factor"] is None
    assert metrics["sortino"] is None


def test_nothing_left_is_a_cagr_of_minus_one() -> None:
    assert cagr(10_000.0, 0.0, 10, BARS_PER_YEAR) == -1.0


def test_growth_that_no_float_can_hold_is_none() -> None:
    assert cagr(10_000.0, 20_000.0, 1, 525_600.0) is None


def test_sharpe_needs_two_returns_and_deviation() -> None:
    assert return_metrics(np.array([0.01]), BARS_PER_YEAR)["sharpe"] is None
    assert return_metrics(np.array([0.0, 0.0]), BARS_PER_YEAR)["sharpe"] is None
    expected = 0.02 / 0.01 * math.sqrt(BARS_PER_YEAR)
    assert return_metrics(np.array([0.01, 0.03]), BARS_PER_YEAR)["sharpe"] == pytest.approx(expected)


def test_sortino_divides_by_all_returns() -> None:
    returns = np.array([0.02, -0.01, 0.02, -0.01])
    expected = 0.005 / math.sqrt(2 * 0.0001 / 4) * math.sqrt(BARS_PER_YEAR)
    assert return_metrics(returns, BARS_PER_YEAR)["sortino"] == pytest.approx(expected)


def test_value_at_risk_is_the_jth_smallest_return() -> None:
    returns = np.arange(-20, 20) / 100.0
    found = return_metrics(returns, BARS_PER_YEAR)
    assert (found["var_95_pct"], found["cvar_95_pct"]) == (pytest.approx(19.0), pytest.approx(19.5))


def test_moments_need_ten_returns() -> None:
    assert return_metrics(np.array([0.1, -0.1] * 4), BARS_PER_YEAR)["kurtosis"] is None
    assert return_metrics(np.array([0.1, -0.1] * 5), BARS_PER_YEAR)["kurtosis"] == pytest.approx(1.0)


def test_longest_drawdown_counts_bars_below_the_peak() -> None:
    assert drawdown_metrics(np.array([10.0, 9.0, 10.0, 9.0, 8.0, 9.0, 11.0]))["max_drawdown_bars"] == 3


def rows_of(*parts: tuple[int, float, int]) -> np.ndarray:
    """TRADE rows from (trade id, net, direction); one minute each, notional 1 000."""
    rows = np.zeros(len(parts), e.TRADE)
    for row, (trade_id, net, direction) in zip(rows, parts, strict=True):
        row["trade_id"], row["net_usdt"], row["dir"] = trade_id, net, direction
        row["qty"], row["entry_price"], row["exit_time_ms"] = 1_000, 1_000.0, 60_000
    return rows


def test_partial_exits_count_as_one_trade() -> None:
    """11, last line."""
    found = position_metrics(positions_of(rows_of((1, 5.0, 1), (1, -2.0, 1), (2, -4.0, -1)), 0.001, 60_000))
    assert (found["trades"], found["wins"], found["losses"]) == (2, 1, 1)
    assert (found["gross_profit"], found["gross_loss"], found["profit_factor"]) == (3.0, 4.0, 0.75)
    assert (found["long_trades"], found["short_net"]) == (1, -4.0)


def test_trade_with_net_zero_resets_both_runs() -> None:
    nets = [(i, net, 1) for i, net in enumerate([1.0, 1.0, 0.0, 1.0, -1.0, -1.0])]
    found = position_metrics(positions_of(rows_of(*nets), 0.001, 60_000))
    assert (found["max_consecutive_wins"], found["max_consecutive_losses"]) == (2, 2)


def test_no_trades_have_no_ratios() -> None:
    found = position_metrics(positions_of(np.zeros(0, e.TRADE), 0.001, 60_000))
    names = ("win_rate_pct", "profit_factor", "payoff_ratio", "expectancy_usdt", "largest_win", "mae_avg_pct")
    assert {name: found[name] for name in names} == dict.fromkeys(names)


def test_close_at_midnight_belongs_to_the_day_that_ends() -> None:
    closes = np.array([DAY_MS, DAY_MS + 60_000, 2 * DAY_MS], np.int64)
    found = period_metrics(np.array([110.0, 121.0, 99.0]), closes, 100.0)["day"]
    assert found == {
        "returns": {"1970-01-01": pytest.approx(0.1), "1970-01-02": pytest.approx(-0.1)},
        "best": pytest.approx(0.1),
        "worst": pytest.approx(-0.1),
    }


def test_weeks_are_iso_weeks() -> None:
    found = period_metrics(np.array([110.0]), np.array([5 * DAY_MS], np.int64), 100.0)
    assert list(found["week"]["returns"]) == ["1970-W02"]  # type: ignore[index]
    assert list(found["month"]["returns"]) == ["1970-01"]  # type: ignore[index]


def test_only_orders_at_the_market_have_slippage() -> None:
    """In at 100, out by a signal at 110, 1 % of the price: 100·0.01/1.01 and 110·0.01/0.99."""
    rows = rows_of((1, 0.0, 1))
    rows["qty"], rows["entry_price"], rows["exit_price"] = 1, 100.0, 110.0
    on_entry, on_exit = 1.0 / 1.01, 1.1 / 0.99
    found = [
        cost_metrics(rows, 1.0, 0.01, AtLimit(entry=limit, stop=False, target=False))["slippage"] for limit in (False, True)
    ]
    assert found == pytest.approx([on_entry + on_exit, on_exit])
