"""Metrics of the equity curve (play-language 11). Equity is one value per execution close, after the starting equity."""

import math

import numpy as np
from numpy.typing import NDArray

from playd.core.machine import kept

Metrics = dict[str, object]
YEAR_MINUTES = 525_600


def ratio(numerator: float, denominator: float) -> float | None:
    """A quotient, None when the divisor is zero or the result is no number."""
    if denominator == 0.0:
        return None
    value = numerator / denominator
    return value if math.isfinite(value) else None


def equity_metrics(equity: NDArray[np.float64], start_usdt: float, exec_step_ms: int) -> Metrics:
    """Profit, growth, risk and distribution of returns."""
    bars_per_year = YEAR_MINUTES * 60_000 / exec_step_ms
    points = np.concatenate((np.array([start_usdt]), equity))
    end = float(points[-1])
    with np.errstate(all="ignore"):
        returns = points[1:] / points[:-1]
        returns -= 1.0
    if not bool(np.isfinite(returns).all()):
        returns = np.zeros(0)
    growth = cagr(start_usdt, end, len(equity), bars_per_year)
    drawdown = drawdown_metrics(points)
    pct, absolute = drawdown["max_drawdown_pct"], drawdown["max_drawdown_abs"]
    return {
        "net_profit": end - start_usdt,
        "net_return_pct": 100.0 * (end / start_usdt - 1.0),
        "cagr": growth,
        **return_metrics(returns, bars_per_year),
        **drawdown,
        "calmar": None if growth is None else ratio(growth, pct / 100.0),
        "recovery_factor": ratio(end - start_usdt, absolute),
    }


def cagr(start_usdt: float, end_usdt: float, bars: int, bars_per_year: float) -> float | None:
    """Growth per year as a fraction; -1 when nothing is left. 10 000 to 12 100 over 365 daily bars is 0.21."""
    if bars == 0:
        return None
    if end_usdt <= 0.0:
        return -1.0
    exponent = bars_per_year / bars * math.log(end_usdt / start_usdt)
    return float((end_usdt / start_usdt) ** (bars_per_year / bars) - 1.0) if exponent < 700.0 else None


def drawdown_metrics(points: NDArray[np.float64]) -> dict[str, float]:
    """Largest falls from a peak, absolute and in percent independently; `points` begin with the starting equity."""
    deepest, deepest_pct, longest, squares = _falls(points)
    return {
        "max_drawdown_abs": deepest,
        "max_drawdown_pct": deepest_pct,
        "max_drawdown_bars": longest,
        "ulcer_index": math.sqrt(squares / (len(points) - 1)) if len(points) > 1 else 0.0,
    }


@kept
def _falls(points: NDArray[np.float64]) -> tuple[float, float, int, float]:
    """Deepest fall from a peak, deepest in percent, most points in a row below a peak, sum of the squared percentages."""
    peak = points[0]
    deepest, deepest_pct, squares = 0.0, 0.0, 0.0
    longest, below = 0, 0
    for point in points:
        peak = max(peak, point)
        fall = peak - point
        fall_pct = fall / peak * 100.0
        deepest, deepest_pct = max(deepest, fall), max(deepest_pct, fall_pct)
        squares += fall_pct * fall_pct
        below = below + 1 if fall > 0.0 else 0
        longest = max(longest, below)
    return deepest, deepest_pct, longest, squares


def return_metrics(returns: NDArray[np.float64], bars_per_year: float) -> Metrics:
    """Ratios and moments of the returns per execution bar."""
    n = len(returns)
    if n == 0:
        names = ("sharpe", "sortino", "omega", "skewness", "kurtosis", "var_95_pct", "cvar_95_pct")
        return dict.fromkeys(names)
    mean = float(returns.mean())
    deviation, skewness, kurtosis = _moments(returns, mean)
    losses = returns[returns < 0.0]
    per_year = math.sqrt(bars_per_year)
    downside = math.sqrt(float((losses**2).sum()) / n)
    sharpe = ratio(mean, deviation) if n >= 2 else None
    sortino = ratio(mean, downside)
    return {
        "sharpe": None if sharpe is None else sharpe * per_year,
        "sortino": None if sortino is None else sortino * per_year,
        "omega": ratio(float(returns[returns > 0.0].sum()), abs(float(losses.sum()))),
        "skewness": skewness,
        "kurtosis": kurtosis,
        **_tail(returns),
    }


def _moments(returns: NDArray[np.float64], mean: float) -> tuple[float, float | None, float | None]:
    """Deviation, and the third and fourth standardised population moment, which are None below ten returns."""
    powers = returns - mean
    squares = powers * powers
    deviation = math.sqrt(float(squares.mean()))
    if len(returns) < 10:
        return deviation, None, None
    third = float(np.multiply(powers, squares, out=powers).mean())
    fourth = float(np.square(squares, out=squares).mean())
    return deviation, ratio(third, deviation**3), ratio(fourth, deviation**4)


def _tail(returns: NDArray[np.float64]) -> Metrics:
    """Value at risk and its mean beyond, at 95 %, in percent."""
    j = max(1, math.floor(0.05 * len(returns)))
    worst = np.sort(np.partition(returns, j - 1)[:j])
    return {"var_95_pct": 100.0 * abs(float(worst[-1])), "cvar_95_pct": 100.0 * abs(float(worst.mean()))}
