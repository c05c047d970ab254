"""What `playd backtest --limits` adds: the same Play under the limits of an account, beside what it did without."""

import numpy as np

from playd.control.figures import rfc3339
from playd.control.render import render_pairs
from playd.core.errors import SettingsError
from playd.orders.limited_run import LimitedResult, run_limited
from playd.orders.settings import OrderSettings
from playd.plays.findings import did_you_mean
from playd.research.backtest import BacktestResult
from playd.settings import load
from playd.settings.limits_model import Risk
from playd.world.ports import World


def under_limits(world: World, result: BacktestResult, alias: str, config: str) -> LimitedResult:
    """The Play of a backtest once more, over the same candles. Raises `SettingsError` for an unknown account, or funding."""
    settings = load(world, config=config or None).settings
    if alias not in settings.accounts:
        known = ", ".join(settings.accounts) or "none is declared"
        raise SettingsError(
            f"--limits {alias}: found no such account, expected one of {known}{did_you_mean(alias, settings.accounts)}"
        )
    if result.funding_charged and result.funding_stamps:
        raise SettingsError("--limits pays no funding, as a shadow pays none: expected --no-funding beside --funding")
    limits = OrderSettings.from_settings(settings, alias)
    return run_limited(result.play, result.program, result.loaded, result.candles, result.instrument, limits)


def no_limits(result: BacktestResult) -> str:
    """That a backtest knows no limits, and whether those which accounts with money have unless told otherwise would cut it."""
    most_pct, entered_pct = Risk().notional_per_trade_pct, _largest_entry_pct(result)
    if entered_pct <= most_pct:
        return "none"
    return f"none: entries of up to {entered_pct:.0f} % of equity, where accounts with money cut at {most_pct} %; see --limits"


def _largest_entry_pct(result: BacktestResult) -> float:
    """The largest notional of an entry, in percent of the equity before it; zero without a trade."""
    rows = result.trade_rows
    if not len(rows):
        return 0.0
    _, trade = np.unique(rows["trade_id"], return_inverse=True)
    usd = np.bincount(trade, rows["entry_price"] * rows["qty"] * float(result.instrument.step))
    net = np.bincount(trade, rows["net_usdt"])
    before = result.start_equity_usdt + np.cumsum(net) - net
    return float(np.max(np.where(before > 0, usd / np.where(before > 0, before, 1.0), 0.0)) * 100)


def limited_report(limited: LimitedResult) -> str:
    """The result in a few lines."""
    refused = ", ".join(f"{code} {count}" for code, count in limited.refusals.items())
    rows = [
        ("ended", limited.ended),
        ("equity USDT", f"{limited.start_equity_usdt:.2f} -> {limited.final_equity_usdt:.2f}"),
        ("max drawdown %", f"{limited.max_drawdown_pct:.4f}"),
        ("trades", str(len(limited.trades))),
        ("entries", f"{limited.entered} sent, {limited.cut} of them made smaller, {len(limited.refused)} refused"),
    ]
    return render_pairs([*rows, *([("refused by", refused)] if refused else [])])


def limited_json(alias: str, limited: LimitedResult) -> dict[str, object]:
    """The result for programs: every trade, every refusal with value, limit and unit."""
    return {
        "account": alias,
        "ended": limited.ended,
        "start_equity_usdt": limited.start_equity_usdt,
        "final_equity_usdt": limited.final_equity_usdt,
        "max_drawdown_pct": limited.max_drawdown_pct,
        "entered": limited.entered,
        "cut": limited.cut,
        "refused": limited.refusals,
        "trades": [trade.as_json() for trade in limited.trades],
        "refusals": [
            {
                "time": rfc3339(each.close_ms),
                "close_ms": each.close_ms,
                "gate": each.gate,
                "code": each.refusal.code,
                "text": each.refusal.text,
                "value": each.refusal.value,
                "limit": each.refusal.limit,
                "unit": each.refusal.unit,
            }
            for each in limited.refused
        ],
    }
