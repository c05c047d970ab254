"""How much was at risk from minute to minute (play-language 11): margin, distance to liquidation, leverage in use."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from playd.core.machine import kept
from playd.core.units import from_units
from playd.matching.money import initial_margin_usdt, liquidation_price, maintenance_margin_usdt
from playd.matching.records import Records
from playd.research.equity_metrics import Metrics

_NAMES: Final = ("min_margin_ratio", "closest_liquidation_pct", "max_exposure_pct", "avg_leverage_used")


def exposure_metrics(
    rows: Records, rules: Records, open_ms: NDArray[np.int64], close: NDArray[np.float64], start_usdt: float
) -> Metrics:
    """
    Over the base candles at whose end a position was held, marked at the closes of their mark price; None without any.

    `min_margin_ratio`: margin left over maintenance margin, liquidation is at 1. `closest_liquidation_pct`: distance from the
    mark to the liquidation price. `max_exposure_pct`: notional over equity. `avg_leverage_used`: mean of the same as a factor.
    """
    least_ratio, least_distance, largest, total, marks = _exposure(rows, rules, open_ms, close, start_usdt)
    if marks == 0.0:
        return dict.fromkeys(_NAMES)
    values = (least_ratio, least_distance, largest * 100.0, total / marks)
    return {name: float(value) if np.isfinite(value) else None for name, value in zip(_NAMES, values, strict=True)}


@kept
def _exposure(
    rows: Records, rules: Records, open_ms: NDArray[np.int64], close: NDArray[np.float64], start_usdt: float
) -> tuple[float, float, float, float, float]:
    """Least margin ratio and distance, largest and summed leverage, number of marks."""
    r = rules[0]
    least_ratio, least_distance, largest, total, marks = np.inf, np.inf, 0.0, 0.0, 0.0
    cash = start_usdt
    bar = 0
    part = 0
    while part < len(rows):
        end = part
        held = 0
        entry_fee = 0.0
        while end < len(rows) and rows[end].trade_id == rows[part].trade_id:
            held += rows[end].qty
            entry_fee += rows[end].entry_fee_usdt
            end += 1
        cash -= entry_fee
        t = rows[part]
        while bar < len(open_ms) and open_ms[bar] < t.entry_time_ms:
            bar += 1
        for i in range(part, end):
            t = rows[i]
            qty = from_units(held, r.step_num, r.step_den)
            level = liquidation_price(t.dir, qty, t.entry_price, r.leverage, r.mm_rate, r.mm_deduction_usdt)
            margin = initial_margin_usdt(t.dir, qty, t.entry_price, r.leverage, r.taker)
            while bar < len(open_ms) and open_ms[bar] < t.exit_time_ms:
                mark = close[bar]
                profit = t.dir * qty * (mark - t.entry_price)
                needed = maintenance_margin_usdt(
                    t.dir, qty, t.entry_price, mark, r.leverage, r.taker, r.mm_rate, r.mm_deduction_usdt
                )
                if needed > 0.0:
                    least_ratio = min(least_ratio, (margin + profit) / needed)
                if level > 0.0:
                    least_distance = min(least_distance, abs(mark - level) / mark * 100.0)
                equity = cash + profit
                if equity > 0.0:
                    largest = max(largest, qty * mark / equity)
                    total += qty * mark / equity
                    marks += 1.0
                bar += 1
            cash += t.gross_usdt - (t.fees_usdt - t.entry_fee_usdt) - t.funding_usdt
            held -= t.qty
        part = end
    return least_ratio, least_distance, largest, total, marks
