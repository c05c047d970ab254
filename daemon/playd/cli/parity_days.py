"""
The comparison of `playd parity` over the days that a daemon recorded, as a process of the daemon's own: nothing of it may hold
the loop that trades. What was found is written to a file; so is the reason why nothing could be compared.
"""

import sys
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
import orjson

from playd.cli.evidence_files import parity_evidence
from playd.cli.inputs import candles_of
from playd.cli.parity import Difference, compare, errors_alone, first_difference, side_of
from playd.control.figures import rfc3339
from playd.core.candles import Candles
from playd.core.errors import CandleError, PlaydError, PlayError
from playd.core.timeframes import DAY_MS, bar_open_ms
from playd.engine.verdicts import NO_SIGNAL
from playd.market.recorded_days import date_ms
from playd.plays.compile import compile_program
from playd.plays.model import Play
from playd.supervisor.plays import read_play
from playd.world.ports import World
from playd.world.real import real_world


def compare_days(world: World, play_path: PurePath, folder: PurePath, date: str, days: int) -> dict[str, Any]:
    """
    The evidence of the `days` recorded days that end with the UTC day `date`, without one of the newest, each decision of the
    backtest, and the first difference.

    The days before them that were recorded warm the Play up; where they are too few, the window starts later: a cold decision
    is evidence of nothing. Raises `CandleError` without such days and when none is left behind the warm-up, `PlayError`.
    """
    play = read_play(world.disk, play_path)
    if not world.disk.exists(folder):
        raise CandleError(f"{folder}: no day was recorded; bars of a real market are, while an instance follows it")
    second = str(folder) if play.reference else ""
    candles = candles_of(world, str(folder), second, play)
    if (day_begins_ms := date_ms(date)) is not None:
        candles = _to_the_end_of(day_begins_ms, candles, date, folder)
    candles, start_ms = _warmed(play, candles, days, day_begins_ms)
    result, trader = compare(world, play, candles, start_ms=start_ms)
    backtest = side_of(result)
    difference = first_difference(backtest, trader)
    decisions = sum(verdict != NO_SIGNAL for _, verdict in backtest.verdicts)
    return {
        "evidence": parity_evidence(world, result, str(play_path), same=difference is None, decisions=decisions),
        "verdicts": backtest.verdicts,
        "difference": None if difference is None else _told(difference, candles),
    }


def _warmed(play: Play, candles: Candles, days: int, last_day_ms: int | None) -> tuple[Candles, int]:
    """
    The candles of the `days` days that end with one, or with the newest candle, behind those that warm up for them, and the
    first execution open that is warm.
    """
    program = compile_program(play, candles.step_ms)
    newest_ms = int(candles.open_time_ms[-1]) + candles.step_ms
    end_ms = newest_ms // DAY_MS * DAY_MS if last_day_ms is None else last_day_ms + DAY_MS
    first_ms = end_ms - days * DAY_MS
    candles = candles.between(program.anchor_ms(first_ms), newest_ms)
    warm_ms = max(first_ms, int(candles.open_time_ms[0]) + program.warmup_ms)
    start_ms = bar_open_ms(warm_ms + program.exec_step_ms - 1, program.exec_step_ms)
    if start_ms >= newest_ms:
        first, needed = candles.open_time_ms[0], program.warmup_ms / DAY_MS
        raise CandleError(
            f"bars of {candles.symbol} are recorded from {rfc3339(int(first))} to {rfc3339(newest_ms)}: expected more than the"
            f" {needed:.1f} days that warm {play.name} up"
        )
    return candles, start_ms


def _to_the_end_of(day_begins_ms: int, candles: Candles, date: str, folder: PurePath) -> Candles:
    found = candles.places(0, int(np.searchsorted(candles.open_time_ms, day_begins_ms + DAY_MS)))
    if not len(found) or found.open_time_ms[-1] < day_begins_ms:
        raise CandleError(f"{folder}: no bar of {candles.symbol} was recorded on {date}")
    return found


def _told(difference: Difference, candles: Candles) -> dict[str, Any]:
    """The first difference, with the candle that both sides had decided on."""
    place = int(np.searchsorted(candles.open_time_ms, difference.time_ms)) - 1
    names = ("open_time_ms", "open", "high", "low", "close", "volume")
    candle = {name: getattr(candles, name)[place].item() for name in names} if place >= 0 else None
    return {
        "what": difference.what,
        "time_ms": difference.time_ms,
        "backtest": difference.backtest,
        "daemon": difference.daemon,
        "candle": candle,
    }


def main(arguments: Sequence[str]) -> int:
    """Play file, folder of recorded days, last day (empty: the newest), days, report."""
    play, folder, date, days, report = arguments
    world = real_world()
    errors_alone(world)
    try:
        found = compare_days(world, PurePath(play), PurePath(folder), date, int(days))
    except PlayError as error:
        found = {"error": "; ".join(error.findings)}
    except PlaydError as error:
        found = {"error": str(error)}
    data = orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY)
    world.disk.write_replace(PurePath(report), data, keep_previous=False, mode=0o640)
    return 1 if "error" in found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))  # seam: the last line of a program
