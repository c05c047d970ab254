"""
Files by which a backtest or a comparison becomes evidence: what was run, on what, with which code, and what came of it.

`playctl evidence import` takes them over. Equal inputs give equal digests on any machine; times and paths are beside them.
"""

import math
import platform
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import PurePath
from typing import Any, Final

import orjson

from playd import __version__
from playd.core.candles import Candles
from playd.core.canonical import digest
from playd.core.errors import RecordError
from playd.core.timeframes import DAY_MS
from playd.ops.drills.evidence import code_digest
from playd.plays.model import Play
from playd.research.backtest import BacktestResult
from playd.world.ports import World

SCHEMA: Final = "playd.evidence/1"
SHOWN: Final = ("trades", "sharpe", "max_drawdown_pct", "profit_factor", "net_return_pct")
"""Metrics that readiness asks for."""

NEARLY_ALL: Final = 0.99
"""Of a day's candles; a day with a longer hole than a quarter of an hour is none that was compared."""


def backtest_evidence(
    world: World, result: BacktestResult, path: str, again: Callable[[Play], BacktestResult]
) -> dict[str, Any]:
    """
    The evidence of one run. `path` is the Play's file; `again` runs another Play over the same market, for the doubled costs.
    """
    costs = result.play.account
    doubled = replace(
        result.play,
        account=replace(
            costs, taker_bps=2 * costs.taker_bps, maker_bps=2 * costs.maker_bps, slippage_bps=2 * costs.slippage_bps
        ),
        backtest=replace(result.play.backtest, slippage_bps=2 * result.slippage_bps),
    )
    nets = [trade.net_pnl_usdt for trade in result.trades]
    mean = sum(nets) / len(nets) if nets else 0.0
    spread = math.sqrt(sum((net - mean) ** 2 for net in nets) / (len(nets) - 1)) if len(nets) > 1 else None
    reasons = [] if nets else ["no trade"]
    return {
        **_run(world, result, "backtest", path),
        **{name: result.metrics[name] for name in SHOWN},
        "profit_factor_doubled": again(doubled).metrics["profit_factor"],
        "trade_mean_usdt": mean if nets else None,
        "trade_sd_usdt": spread,
        "cost_model": {
            "taker_bps": costs.taker_bps,
            "maker_bps": costs.maker_bps,
            "slippage_bps": result.slippage_bps,
            "funding": result.funding_charged,
        },
        "eligible": not reasons,
        "reasons": reasons,
    }


def parity_evidence(world: World, result: BacktestResult, path: str, *, same: bool, decisions: int) -> dict[str, Any]:
    """The evidence of one comparison, with the whole UTC days that it covers; without a decision it shows nothing."""
    reasons = [*([] if same else ["decisions differ"]), *([] if decisions else ["nothing but NO_SIGNAL"])]
    return {
        **_run(world, result, "parity", path),
        "days": _whole_days(result.candles),
        "decisions": decisions,
        "eligible": not reasons,
        "reasons": reasons,
    }


def _whole_days(candles: Candles) -> list[int]:
    """UTC days, counted since 1970, of which nearly every candle is there, of each symbol."""
    first_ms, end_ms = int(candles.open_time_ms[0]), int(candles.open_time_ms[-1]) + candles.step_ms
    found = []
    for day in range(-(-first_ms // DAY_MS), end_ms // DAY_MS):
        there = min(len(each.between(day * DAY_MS, (day + 1) * DAY_MS)) for each in candles.apart())
        if there >= NEARLY_ALL * (DAY_MS // candles.step_ms):
            found.append(day)
    return found


def write_evidence(world: World, name: str, record: dict[str, Any]) -> PurePath:
    """Write one file of evidence. Raises `RecordError`."""
    path = world.process.working_dir() / PurePath(name)
    data = orjson.dumps(record, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_SERIALIZE_NUMPY)
    try:
        world.disk.write_replace(path, data, keep_previous=False, mode=0o640)
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from error
    return path


def _run(world: World, result: BacktestResult, kind: str, path: str) -> dict[str, Any]:
    """What was run, on what, and with which code."""
    hashes, candles = result.hashes, result.candles
    return {
        "schema": SCHEMA,
        "kind": kind,
        "run_id": hashes["run_hash"],
        "created_ms": world.clock.wall_ms(),
        "playd_version": __version__,
        "code_digest": code_digest(world.disk),
        "python": ".".join(map(str, sys.version_info[:3])),
        "numba": version("numba"),
        "platform": platform.machine(),
        "play_path": path,
        "play_name": result.play.name,
        "play_digest": hashes["play_hash"],
        "symbols": [each for each in (result.play.symbol, result.play.reference) if each],
        "from_ms": int(candles.open_time_ms[0]),
        "to_ms": int(candles.open_time_ms[-1]) + candles.step_ms,
        "data_digest": hashes["data_hash"],
        "instrument_digest": digest({"tick": str(result.instrument.tick), "step": str(result.instrument.step)}),
        "result_digest": hashes["result_hash"],
    }
