"""All metrics of a run under their names of play-language 11. A metric whose divisor is zero is None, never a cap."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playd.core.candles import Candles
from playd.engine.records import BELOW_MIN_QTY, COOLDOWN, VERDICTS
from playd.matching.records import REASONS, Records
from playd.research.equity_metrics import Metrics, equity_metrics, ratio
from playd.research.exposure import exposure_metrics
from playd.research.periods import period_metrics
from playd.research.trade_metrics import AtLimit, cost_metrics, position_metrics, positions_of


@dataclass(frozen=True, slots=True, eq=False)
class RunFacts:
    """
    What metrics are made of.

    `equity_usdt`, `close_times_ms` and `verdicts` have one value per decided execution close, `closes_held` counts those at
    which a position was held. `entries_unfilled` counts entries that the venue ended, by reason. `rules` is a RULES record of
    the run, `slippage` a fraction.
    """

    candles: Candles
    trade_rows: Records
    equity_usdt: NDArray[np.float64]
    close_times_ms: NDArray[np.int64]
    verdicts: NDArray[np.int8]
    entries_unfilled: NDArray[np.int64]
    closes_held: int
    start_equity_usdt: float
    rules: Records
    slippage: float
    at_limit: AtLimit


def measure(run: RunFacts) -> Metrics:
    """Every metric, JSON-able."""
    rules = run.rules[0]
    qty_unit = int(rules["step_num"]) / int(rules["step_den"])
    exec_step_ms = int(rules["exec_step_ms"])
    curve = equity_metrics(run.equity_usdt, run.start_equity_usdt, exec_step_ms)
    first, last = float(run.candles.close[0]), float(run.candles.close[-1])
    benchmark = ratio(100.0 * (last - first), first)
    mark_close = (run.candles.mark or run.candles).close
    net_pct = 100.0 * (float(run.equity_usdt[-1]) / run.start_equity_usdt - 1.0) if len(run.equity_usdt) else 0.0
    return {
        **curve,
        **position_metrics(positions_of(run.trade_rows, qty_unit, exec_step_ms)),
        "time_in_market_pct": ratio(100.0 * run.closes_held, len(run.equity_usdt)),
        "benchmark_return_pct": benchmark,
        "alpha_pct": None if benchmark is None else net_pct - benchmark,
        **cost_metrics(run.trade_rows, qty_unit, run.slippage, run.at_limit),
        "entries_refused": _refusals(run.verdicts, run.entries_unfilled),
        **exposure_metrics(run.trade_rows, run.rules, run.candles.open_time_ms, mark_close, run.start_equity_usdt),
        "periods": period_metrics(run.equity_usdt, run.close_times_ms, run.start_equity_usdt),
    }


def _refusals(verdicts: NDArray[np.int8], unfilled: NDArray[np.int64]) -> dict[str, int]:
    """
    How often an entry was refused, by reason: by a decision, or by the venue when its order arrived. Exits that could not be
    made are in the same list of verdicts.
    """
    counts = np.bincount(verdicts, minlength=len(VERDICTS))
    decided = {VERDICTS[code].lower(): int(counts[code]) for code in range(COOLDOWN, BELOW_MIN_QTY + 1) if counts[code]}
    return decided | {REASONS[code]: int(unfilled[code]) for code in np.flatnonzero(unfilled)}
