"""Every pattern does, with its noise and on several seeds, what its name says."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest
from numpy.typing import NDArray

from playd.market.patterns.candles import synthetic_market
from playd.plays.words import PATTERNS

BARS = 400
MINUTES = 15
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Walk:
    """A pattern as execution bars, in parts of the first price."""

    pattern: str
    seed: int

    @cached_property
    def rows(self) -> dict[str, Floats]:
        candles = synthetic_market(self.pattern, seed=self.seed, exec_minutes=MINUTES, exec_bars=BARS, symbol="BTCUSDT")
        per_bar = {name: getattr(candles, name).reshape(BARS, MINUTES) / 50_000 for name in ("high", "low", "close")}
        return {"high": per_bar["high"].max(axis=1), "low": per_bar["low"].min(axis=1), "close": per_bar["close"][:, -1]}

    @property
    def close(self) -> Floats:
        return self.rows["close"]

    def at(self, f: float) -> float:
        """The close where so much of the path is behind."""
        return float(self.close[max(round(f * BARS) - 1, 0)])

    def part(self, lo: float, hi: float) -> Floats:
        return self.close[round(lo * BARS) : round(hi * BARS)]

    def moves(self, lo: float = 0, hi: float = 1) -> Floats:
        """Steps from close to close."""
        return np.diff(self.part(lo, hi))

    def noise(self, lo: float, hi: float) -> float:
        return float(self.moves(lo, hi).std())

    def turns(self, lo: float = 0, hi: float = 1) -> int:
        """How often the path changes the side of the first price."""
        return int(np.count_nonzero(np.diff(np.sign(self.part(lo, hi) - 1))))


def rises(w: Walk, lo: float, hi: float, least: float) -> bool:
    return w.at(hi) - w.at(lo) >= least


def falls(w: Walk, lo: float, hi: float, least: float) -> bool:
    return w.at(lo) - w.at(hi) >= least


def stays(w: Walk, low: float, high: float, lo: float = 0, hi: float = 1) -> bool:
    part = w.part(lo, hi)
    return bool(low <= part.min() and part.max() <= high)


def steady(w: Walk, sign: float) -> bool:
    """Every fifth of the path goes the same way."""
    fifths = [w.at(f) for f in (0, 0.2, 0.4, 0.6, 0.8, 1)]
    return bool(np.all(sign * np.diff(fifths) > 0))


def double(w: Walk, sign: float) -> bool:
    """Two turning points at the same price with a way back in between."""
    first, middle, second = w.at(0.25), w.at(0.5), w.at(0.75)
    return abs(first - second) < 0.06 and sign * (first - middle) > 0.06 and sign * (second - w.at(1)) > 0.12


def hunted(w: Walk, sign: float) -> bool:
    """An edge that held is passed, then the path comes back and goes the other way."""
    edge = (sign * w.part(0, 0.5)).max()
    beyond = (sign * w.part(0.5, 0.7)).max()
    return bool(beyond > edge + 0.005 and abs(w.at(0.75) - 1) < 0.03 and sign * (w.at(0.75) - w.at(1)) > 0.02)


def jumps(w: Walk, least: float) -> list[float]:
    return [float(move) for move in w.moves() if abs(move) >= least]


def pulled_back(w: Walk, sign: float) -> bool:
    """A line with a dip against it in the middle."""
    way = sign * (np.array([w.at(f) for f in (0.4, 0.5, 0.6, 1)]) - 1)
    return bool(way[1] < way[0] < way[2] + 0.05 and way[1] < way[2] and way[3] > 0.15)


def triangle(w: Walk, sign: float) -> bool:
    """Swings become smaller, and one edge holds."""
    spans = [float(np.ptp(w.part(lo, lo + 0.25))) for lo in (0, 0.25, 0.5, 0.75)]
    edge = (sign * w.part(0, 0.5)).max(), (sign * w.part(0.5, 1)).max()
    return spans[0] > spans[3] * 1.8 and abs(edge[0] - edge[1]) < 0.02


def order_block(w: Walk) -> bool:
    """Three bars down, three up by 15 %, and back to where it began."""
    down, up = w.close[82] - w.close[79], w.close[85] - w.close[82]
    return bool(down < -0.02 and up > 0.12 and abs(w.at(0.8) - w.close[80]) < 0.03 and rises(w, 0.8, 1, 0.03))


def equal_highs(w: Walk) -> bool:
    """Four tops at one price, then a move through them, then a fall into a lower range."""
    quarters = [w.part(lo, lo + 0.1).max() for lo in (0, 0.1, 0.2, 0.3)]
    return max(quarters) - min(quarters) < 0.03 and w.part(0.4, 0.5).max() > 1.05 and stays(w, 0.89, 0.99, 0.82, 1)


def impulses(w: Walk) -> bool:
    """Jumps of 3 to 5 %, up and down in turn, at least thirty bars apart."""
    found = jumps(w, 0.022)
    places = np.flatnonzero(np.abs(w.moves()) >= 0.022)
    return len(found) >= 6 and bool(np.all(np.diff(np.sign(found)) != 0)) and bool(np.all(np.diff(places) >= 30))


CLAIMS: dict[str, Callable[[Walk], bool]] = {
    "trending": lambda w: rises(w, 0, 0.5, 0.18) and falls(w, 0.5, 1, 0.08),
    "ranging": lambda w: stays(w, 0.97, 1.03) and w.turns() > 20,
    "volatile": lambda w: len(jumps(w, 0.012)) >= 8 and w.noise(0, 1) > 0.004,
    "multi_tf_aligned": lambda w: rises(w, 0, 0.125, 0.1) and falls(w, 0.125, 0.375, 0.2) and rises(w, 0.375, 0.625, 0.2),
    "trend_up_clean": lambda w: rises(w, 0, 0.7, 0.17) and falls(w, 0.7, 0.85, 0.04) and rises(w, 0.85, 1, 0.02),
    "trend_down_clean": lambda w: falls(w, 0, 0.7, 0.17) and rises(w, 0.7, 0.85, 0.04) and falls(w, 0.85, 1, 0.02),
    "trend_grinding": lambda w: rises(w, 0, 1, 0.07) and w.noise(0, 1) < 0.001,
    "trend_parabolic": lambda w: rises(w, 0, 1, 0.4) and w.at(1) - w.at(0.5) > 1.6 * (w.at(0.5) - w.at(0)),
    "trend_exhaustion": lambda w: (
        rises(w, 0, 0.6, 0.15) and falls(w, 0.75, 1, 0.08) and w.noise(0.6, 0.75) > 3 * w.noise(0, 0.6)
    ),
    "trend_stairs": lambda w: all(
        rises(w, at, at + 0.15, 0.03) and stays(w, 0.9, 1.3, at, at + 0.25) for at in (0, 0.25, 0.5, 0.75)
    ),
    "range_tight": lambda w: stays(w, 0.96, 1.04) and w.turns() > 40,
    "range_wide": lambda w: stays(w, 0.955, 1.045) and np.ptp(w.close) > 0.04,
    "range_ascending": lambda w: triangle(w, 1),
    "range_descending": lambda w: triangle(w, -1),
    "reversal_v_bottom": lambda w: falls(w, 0, 0.5, 0.17) and rises(w, 0.5, 1, 0.17),
    "reversal_v_top": lambda w: rises(w, 0, 0.5, 0.17) and falls(w, 0.5, 1, 0.17),
    "reversal_double_bottom": lambda w: double(w, -1),
    "reversal_double_top": lambda w: double(w, 1),
    "breakout_clean": lambda w: stays(w, 0.97, 1.03, 0, 0.6) and w.part(0.7, 1).min() > 1.03 and w.at(1) > 1.12,
    "breakout_false": lambda w: stays(w, 0.97, 1.03, 0, 0.5) and w.at(0.6) > 1.02 and w.at(0.8) < 0.98,
    "breakout_retest": lambda w: w.at(0.5) > 1.08 and abs(w.at(0.65) - 1.02) < 0.02 and w.at(1) > 1.08,
    "vol_squeeze_expand": lambda w: w.noise(0.5, 0.6) < 0.5 * w.noise(0, 0.1) and w.noise(0.6, 0.75) > 4 * w.noise(0.5, 0.6),
    "vol_spike_recover": lambda w: falls(w, 0.4, 0.5, 0.15) and rises(w, 0.5, 0.7, 0.15),
    "vol_spike_continue": lambda w: falls(w, 0.4, 0.55, 0.15) and w.at(1) < 0.9 and w.part(0.6, 1).max() < 0.95,
    "vol_decay": lambda w: w.noise(0.8, 1) < 0.5 * w.noise(0, 0.2),
    "liquidity_hunt_lows": lambda w: hunted(w, -1),
    "liquidity_hunt_highs": lambda w: hunted(w, 1),
    "choppy_whipsaw": lambda w: stays(w, 0.95, 1.05) and w.turns() > 60,
    "accumulation": lambda w: rises(w, 0, 1, 0.02) and np.ptp(w.close) < 0.12,
    "distribution": lambda w: falls(w, 0, 1, 0.02) and np.ptp(w.close) < 0.12,
    "mtf_aligned_bull": lambda w: steady(w, 1) and rises(w, 0, 1, 0.18),
    "mtf_aligned_bear": lambda w: falls(w, 0, 1, 0.18) and falls(w, 0.2, 0.8, 0.12),
    "mtf_pullback_bull": lambda w: pulled_back(w, 1),
    "mtf_pullback_bear": lambda w: pulled_back(w, -1),
    "displacement_impulse": impulses,
    "trending_with_gaps": lambda w: stays(w, 0.97, 1.03, 0, 0.3) and len(jumps(w, 0.025)) == 10 and rises(w, 0.3, 0.7, 0.3),
    "equal_highs_lows": equal_highs,
    "ob_retest": order_block,
}
"""What the name of a pattern promises."""


@pytest.mark.parametrize("seed", [42, 7, 2024])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_does_what_its_name_says(pattern: str, seed: int) -> None:
    assert CLAIMS[pattern](Walk(pattern, seed))
