"""`playd backtest`: a Play over recorded candles, as a report for people or one JSON object for programs."""

import sys
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import orjson

from playd.cli.inputs import candles_of, play_of
from playd.cli.values import time_ms
from playd.control.figures import rfc3339
from playd.control.render import render_pairs
from playd.core.errors import RecordError
from playd.core.instrument import synthetic_instrument
from playd.research.backtest import BacktestResult, run_backtest
from playd.research.saved_columns import columns_npz
from playd.world.real import real_world

SHOWN = (
    ("net_profit", "net profit USDT"),
    ("net_return_pct", "net return %"),
    ("max_drawdown_pct", "max drawdown %"),
    ("sharpe", "Sharpe"),
    ("sortino", "Sortino"),
    ("profit_factor", "profit factor"),
    ("trades", "trades"),
    ("win_rate_pct", "win rate %"),
    ("expectancy_usdt", "expectancy USDT"),
    ("avg_win", "average win USDT"),
    ("avg_loss", "average loss USDT"),
    ("fees", "fees USDT"),
    ("time_in_market_pct", "time in market %"),
    ("benchmark_return_pct", "buy and hold %"),
)


@dataclass(frozen=True, slots=True)
class BacktestOptions:
    """The flags of `playd backtest`."""

    play: str
    candles: str
    symbol: str
    start: str
    end: str
    as_json: bool
    save_columns: str
    overrides: tuple[str, ...]


def run_backtest_command(options: BacktestOptions) -> int:
    """Run, print, and save columns if asked. Raises `PlayError`, `CandleError`, `SettingsError`."""
    world = real_world()
    play = play_of(world, options.play, options.overrides, options.symbol)
    for warning in play.warnings:
        print(warning, file=sys.stderr)
    candles = candles_of(world, options.candles, play)
    instrument = synthetic_instrument(play.symbol, float(candles.open[0]))
    result = run_backtest(
        play, candles, instrument, start_ms=time_ms(options.start, "--start"), end_ms=time_ms(options.end, "--end")
    )
    if options.save_columns:
        path = world.process.working_dir() / PurePath(options.save_columns)
        try:
            world.disk.write_replace(path, columns_npz(result), keep_previous=False, mode=0o640)
        except OSError as error:
            raise RecordError(f"{path}: {error.strerror or error}") from error
        print(f"columns written to {path}", file=sys.stderr)
    if options.as_json:
        print(orjson.dumps(result.as_json(), option=orjson.OPT_SERIALIZE_NUMPY).decode())
    else:
        print(report(result))
    return 0


def report(result: BacktestResult) -> str:
    """The result in one screen."""
    first_ms, last_ms = int(result.candles.open_time_ms[0]), int(result.candles.open_time_ms[-1])
    head = [
        ("play", f"{result.play.name} ({result.hashes['play_hash'][:16]})"),
        ("symbol", result.play.symbol),
        ("candles", f"{len(result.candles)} from {rfc3339(first_ms)} to {rfc3339(last_ms + result.candles.step_ms)}"),
        ("ended", result.ended),
        ("equity USDT", f"{result.start_equity_usdt:.2f} -> {result.final_equity_usdt:.2f}"),
    ]
    metrics = [(label, _number(result.metrics.get(name))) for name, label in SHOWN]
    refused = result.metrics.get("entries_refused")
    if isinstance(refused, dict) and refused:
        metrics.append(("entries refused", ", ".join(f"{reason} {count}" for reason, count in refused.items())))
    return render_pairs([*head, *metrics, ("result hash", result.hashes["result_hash"][:16])])


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
