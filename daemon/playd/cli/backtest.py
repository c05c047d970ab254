"""`playd backtest`: a Play over recorded or synthetic candles, as a report for people or one JSON object for programs."""

import sys
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import orjson

from playd.cli.evidence_files import backtest_evidence, write_evidence
from playd.cli.inputs import BesideFiles, candles_of, market_of, play_of
from playd.cli.kept_runs import keep_run
from playd.cli.limited import limited_json, limited_report, no_limits, under_limits
from playd.cli.moments import time_ms
from playd.control.figures import rfc3339
from playd.control.render import render_pairs
from playd.core.candles import Candles
from playd.core.errors import RecordError, SettingsError
from playd.plays.findings import did_you_mean
from playd.plays.model import Play
from playd.plays.words import PATTERNS
from playd.research.backtest import BacktestResult, run_backtest
from playd.research.pattern_market import pattern_market
from playd.research.saved_columns import columns_npz
from playd.world.ports import World
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
    ("funding", "funding paid USDT"),
    ("time_in_market_pct", "time in market %"),
    ("benchmark_return_pct", "buy and hold %"),
)


@dataclass(frozen=True, slots=True)
class BacktestOptions:
    """
    The flags of `playd backtest`: `candles` or `pattern`. Without `seed` and `bars` as in `validation`. `limits` is the alias
    of an account in the settings of `config`, or empty.
    """

    play: str
    candles: str
    reference: str
    beside: BesideFiles
    pattern: str
    seed: int | None
    bars: int | None
    symbol: str
    start: str
    end: str
    as_json: bool
    save_columns: str
    evidence: str
    limits: str
    config: str
    keep: bool
    overrides: tuple[str, ...]


def run_backtest_command(options: BacktestOptions) -> int:
    """Run, print, and save columns if asked. Raises `PlayError`, `CandleError`, `SettingsError`."""
    world = real_world()
    play = play_of(world, options.play, options.overrides, options.symbol)
    for warning in play.warnings:
        print(warning, file=sys.stderr)
    market = market_of(world, _market(world, options, play), options.beside)
    candles = market.candles
    start_ms, end_ms = time_ms(options.start, "--start"), time_ms(options.end, "--end")
    if options.pattern:  # a `date_range` means recorded candles
        start_ms = int(candles.open_time_ms[0]) if start_ms is None else start_ms
        end_ms = int(candles.open_time_ms[-1]) + candles.step_ms if end_ms is None else end_ms

    def run(played: Play) -> BacktestResult:
        return run_backtest(
            played,
            candles,
            market.instrument,
            start_ms=start_ms,
            end_ms=end_ms,
            funding=market.funding,
            charge_funding=market.charge_funding,
        )

    result = run(play)
    if options.evidence and options.pattern:
        raise SettingsError("--evidence is of recorded candles: a synthetic market shows nothing of a real one")
    if options.evidence or options.keep:
        record = backtest_evidence(world, result, options.play, run)
        if options.pattern:
            record |= {"eligible": False, "reasons": [f"synthetic market {options.pattern}"]}
        if options.evidence:
            print(f"evidence written to {write_evidence(world, options.evidence, record)}", file=sys.stderr)
        if options.keep:
            record["parameters"] = list(options.overrides)
            print(f"kept in {keep_run(world, options.config, result, record, report(result))}", file=sys.stderr)
    if options.save_columns:
        path = world.process.working_dir() / PurePath(options.save_columns)
        try:
            world.disk.write_replace(path, columns_npz(result), keep_previous=False, mode=0o640)
        except OSError as error:
            raise RecordError(f"{path}: {error.strerror or error}") from error
        print(f"columns written to {path}", file=sys.stderr)
    limited = under_limits(world, result, options.limits, options.config) if options.limits else None
    if options.as_json:
        told = result.as_json() if limited is None else {**result.as_json(), "limited": limited_json(options.limits, limited)}
        print(orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY).decode())
    else:
        print(report(result))
        if limited is not None:
            print(f"\nunder the limits of {options.limits}\n{limited_report(limited)}")
    return 0


def _market(world: World, options: BacktestOptions, play: Play) -> Candles:
    """Recorded or synthetic candles, as the options say."""
    if bool(options.candles) == bool(options.pattern):
        raise SettingsError("one of --candles FILE and --pattern NAME is expected: recorded candles, or a synthetic market")
    if options.candles:
        if options.seed is not None or options.bars is not None:
            raise SettingsError("--seed and --bars are of a synthetic market, expected --pattern NAME beside them")
        return candles_of(world, options.candles, options.reference, play)
    if options.reference:
        raise SettingsError("--reference-candles is for recorded candles, expected --candles FILE beside it")
    if options.beside.any:
        raise SettingsError(f"{options.beside.any} is for recorded candles, expected --candles FILE beside it")
    if options.pattern not in PATTERNS:
        near = did_you_mean(options.pattern, PATTERNS)
        raise SettingsError(f"--pattern {options.pattern!r}: expected one of the {len(PATTERNS)} patterns{near}")
    seed = play.trial.seed if options.seed is None else options.seed
    return pattern_market(play, options.pattern, seed, options.bars or play.trial.bars)


def report(result: BacktestResult) -> str:
    """The result in one screen."""
    first_ms, last_ms = int(result.candles.open_time_ms[0]), int(result.candles.open_time_ms[-1])
    head = [
        ("play", f"{result.play.name} ({result.hashes['play_hash'][:16]})"),
        ("symbol", f"{result.play.symbol} beside {result.play.reference}" if result.play.reference else result.play.symbol),
        ("candles", f"{len(result.candles)} from {rfc3339(first_ms)} to {rfc3339(last_ms + result.candles.step_ms)}"),
        ("mark price", "mark candles" if result.candles.mark is not None else "the last price"),
        ("funding", _funding(result)),
        ("limits", no_limits(result)),
        ("ended", result.ended),
        ("equity USDT", f"{result.start_equity_usdt:.2f} -> {result.final_equity_usdt:.2f}"),
    ]
    metrics = [(label, _number(result.metrics.get(name))) for name, label in SHOWN]
    refused = result.metrics.get("entries_refused")
    if isinstance(refused, dict) and refused:
        metrics.append(("entries refused", ", ".join(f"{reason} {count}" for reason, count in refused.items())))
    return render_pairs([*head, *metrics, ("result hash", result.hashes["result_hash"][:16])])


def _funding(result: BacktestResult) -> str:
    stamps = f"{result.funding_stamps} stamps" if result.funding_stamps else "no rates loaded"
    if not result.funding_charged:
        return f"{stamps}, switched off: none paid"
    return stamps if result.funding_stamps else f"{stamps}: none paid"


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
