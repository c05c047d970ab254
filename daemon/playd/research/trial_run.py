"""A Play tried as its own `validation` and `expected` say: on a synthetic market, against its own expectations (2.8, 12)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from playd.core.instrument import synthetic_instrument
from playd.core.timeframes import MINUTE_MS
from playd.market.patterns.path import B
from playd.plays.model import Play
from playd.research.backtest import BacktestResult, run_backtest
from playd.research.pattern_market import pattern_market


@dataclass(frozen=True, slots=True)
class Expectation:
    """One key that the Play wrote, what it asks for, what happened."""

    key: str
    wanted: str
    found: str
    met: bool


@dataclass(frozen=True, slots=True)
class TrialRun:
    """
    What a trial gave.

    Attributes:
        bars: Execution bars of the market.
        both_true: Execution closes at which both entries were true; the long wins there in the mapping form (W454).
    """

    pattern: str
    seed: int
    bars: int
    result: BacktestResult
    expectations: tuple[Expectation, ...]
    both_true: int

    @property
    def passed(self) -> bool:
        """Whether everything that the Play expects happened."""
        return all(expectation.met for expectation in self.expectations)


def run_trial(play: Play) -> TrialRun:
    """
    Run the trial; what the Play does not say is the default of the language. A `date_range` means recorded candles, not these.

    Raises `PlayError` when the Play cannot be run over one-minute candles.
    """
    trial = play.trial
    pattern = trial.pattern or "trend_up_clean"
    candles = pattern_market(play, pattern, trial.seed, trial.bars)
    bars = len(candles) * MINUTE_MS // play.timeframes.exec_ms
    first = int(candles.open_time_ms[0])
    result = run_backtest(
        play, candles, synthetic_instrument(play.symbol, B), start_ms=first, end_ms=first + len(candles) * MINUTE_MS
    )
    return TrialRun(pattern, trial.seed, bars, result, tuple(_expectations(play, result)), _both_true(play, result))


def _expectations(play: Play, result: BacktestResult) -> Iterator[Expectation]:
    trial, metrics = play.trial, result.metrics
    sides = {trade.trade_id: trade.side for trade in result.trades}
    entries = len(sides)
    if trial.expect_direction is not None:
        found = sorted(set(sides.values()))
        met = found == [trial.expect_direction]
        yield Expectation("validation.expect_direction", f"{trial.expect_direction} only", ", ".join(found) or "no trade", met)
    if trial.expect_entries is not None:
        low, high = trial.expect_entries
        yield Expectation("validation.expect_entries", f"{low}…{high}", str(entries), low <= entries <= high)
    if trial.min_win_rate is not None:
        rate = metrics["win_rate_pct"]
        share = rate / 100 if isinstance(rate, float) else None
        met = share is not None and share >= trial.min_win_rate
        found_rate = "no trade" if share is None else f"{share:.4g}"
        yield Expectation("validation.min_win_rate", f"at least {trial.min_win_rate:g}", found_rate, met)
    if trial.max_drawdown_pct is not None:
        drawdown = metrics["max_drawdown_pct"]
        percent = float(drawdown) if isinstance(drawdown, int | float) else 0.0
        wanted = f"at most {trial.max_drawdown_pct:g} %"
        yield Expectation("validation.max_drawdown_pct", wanted, f"{percent:.4g} %", percent <= trial.max_drawdown_pct)
    if trial.min_trades is not None:
        yield Expectation("expected.min_trades", f"at least {trial.min_trades}", str(entries), entries >= trial.min_trades)


def _both_true(play: Play, result: BacktestResult) -> int:
    if not (play.policy.allows_long and play.policy.allows_short):
        return 0
    rows = [result.signals.signal(name) for name in ("entry_long", "entry_short")]
    if any(row is None for row in rows):
        return 0
    return int(np.count_nonzero((rows[0] == 1.0) & (rows[1] == 1.0)))
