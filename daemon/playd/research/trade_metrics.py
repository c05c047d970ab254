"""Metrics of trades (play-language 11). A position counts once, together with all its partial exits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playd.matching.records import LIQUIDATION, SL, TP, Records
from playd.research.equity_metrics import Metrics, ratio


@dataclass(frozen=True, slots=True)
class AtLimit:
    """Which orders of a run are limit orders, which have no slippage."""

    entry: bool
    stop: bool
    target: bool


@dataclass(frozen=True, slots=True)
class Positions:
    """Closed positions as arrays of equal length, oldest first."""

    is_long: NDArray[np.bool_]
    net: NDArray[np.float64]
    net_pct: NDArray[np.float64]
    bars_held: NDArray[np.int64]
    mae_pct: NDArray[np.float64]
    mfe_pct: NDArray[np.float64]


def positions_of(rows: Records, qty_unit: float, exec_step_ms: int) -> Positions:
    """The positions in TRADE rows; the last part of each knows how long it was held and how far it went."""
    if not len(rows):
        none = np.zeros(0)
        return Positions(none.astype(bool), none, none, none.astype(np.int64), none, none)
    first = np.flatnonzero(np.diff(rows["trade_id"], prepend=-1))
    last = rows[np.append(first[1:], len(rows)) - 1]
    notional = np.add.reduceat(rows["qty"] * qty_unit * rows["entry_price"], first)
    net = np.add.reduceat(rows["net_usdt"], first)
    return Positions(
        is_long=last["dir"] > 0,
        net=net,
        net_pct=net / notional * 100.0,
        bars_held=last["exit_time_ms"] // exec_step_ms - last["entry_time_ms"] // exec_step_ms,
        mae_pct=last["mae_pct"],
        mfe_pct=last["mfe_pct"],
    )


def position_metrics(positions: Positions) -> Metrics:
    """Counts, sums and means over positions."""
    net, bars = positions.net, positions.bars_held
    won, lost = net > 0.0, net < 0.0
    gross_profit, gross_loss = float(net[won].sum()), abs(float(net[lost].sum()))
    avg_win, avg_loss = _mean(net[won]), _mean(-net[lost])
    return {
        "trades": len(net),
        "wins": int(won.sum()),
        "losses": int(lost.sum()),
        "win_rate_pct": ratio(100.0 * int(won.sum()), len(net)),
        "gross_profit": gross_profit,
        "gross_loss": gross_loss,
        "profit_factor": ratio(gross_profit, gross_loss),
        "expectancy_usdt": _mean(net),
        "avg_trade_return_pct": _mean(positions.net_pct),
        "avg_win": avg_win,
        "avg_loss": avg_loss,
        "payoff_ratio": None if avg_win is None or avg_loss is None else ratio(avg_win, avg_loss),
        "largest_win": float(net[won].max()) if won.any() else None,
        "largest_loss": float(-net[lost].min()) if lost.any() else None,
        "bars_held_avg": _mean(bars),
        "bars_held_avg_wins": _mean(bars[won]),
        "bars_held_avg_losses": _mean(bars[lost]),
        "max_consecutive_wins": _longest(won),
        "max_consecutive_losses": _longest(lost),
        **_side_metrics("long", positions.net[positions.is_long]),
        **_side_metrics("short", positions.net[~positions.is_long]),
        "mae_avg_pct": _mean(positions.mae_pct),
        "mfe_avg_pct": _mean(positions.mfe_pct),
    }


def cost_metrics(rows: Records, qty_unit: float, slippage: float, at_limit: AtLimit) -> Metrics:
    """
    Fees, funding, slippage and volume in USDT.

    Slippage is what fill price and rate imply: a buy at p was slipped by p·s/(1 + s), a sell by p·s/(1 - s). Limit fills and
    liquidations have none.
    """
    qty = rows["qty"] * qty_unit
    entries, exits = qty * rows["entry_price"], qty * rows["exit_price"]
    is_long, reason = rows["dir"] > 0, rows["reason"]
    bought, sold = slippage / (1.0 + slippage), slippage / (1.0 - slippage)
    free = (reason == LIQUIDATION) | ((reason == TP) & at_limit.target) | ((reason == SL) & at_limit.stop)
    on_entry = 0.0 * entries if at_limit.entry else entries * np.where(is_long, bought, sold)
    on_exit = np.where(free, 0.0, exits * np.where(is_long, sold, bought))
    return {
        "fees": float(rows["fees_usdt"].sum()),
        "funding": float(rows["funding_usdt"].sum()),
        "slippage": float(on_entry.sum() + on_exit.sum()),
        "volume": float(entries.sum() + exits.sum()),
    }


def _side_metrics(side: str, net: NDArray[np.float64]) -> Metrics:
    return {
        f"{side}_trades": len(net),
        f"{side}_win_rate_pct": ratio(100.0 * int((net > 0.0).sum()), len(net)),
        f"{side}_net": float(net.sum()),
    }


def _mean(values: NDArray[np.float64] | NDArray[np.int64]) -> float | None:
    return float(values.mean()) if len(values) else None


def _longest(flags: NDArray[np.bool_]) -> int:
    """Longest run of true values; whatever is false ends a run, a net of zero too."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    return int((edges[1::2] - edges[::2]).max()) if len(edges) else 0
