"""DRL-09: closed candles of one symbol are missing, disordered, wrong, impossible or late."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from playd.ops.drills.plays import BUSY, BUSY_SYMBOL
from playd.ops.drills.scenarios.steps import arm, bars_go_on, no_gaps
from playd.ops.drills.stage import Stage

RETURNS_S: Final = 45.0
FRESH_S: Final = 20.0
EXPLAINED: Final = 8
"""Bars whose values are compared with a clean run's."""


async def bad_bars(stage: Stage) -> None:
    """DRL-09: closed candles of one symbol are not told, told wrong and corrected."""
    await stage.open(guardian=False)
    klines = {"topic": f"kline.1.{BUSY_SYMBOL}"}
    others, moved = _verdicts_of_others(stage), _transitions_of_others(stage)
    await arm(stage, "missing_candle", klines, times=3)
    await bars_go_on(stage, "three candles not told", RETURNS_S)
    no_gaps(stage, "three candles not told")
    await arm(stage, "reorder_frames", klines, times=6)
    await bars_go_on(stage, "candles told in another order", RETURNS_S)
    no_gaps(stage, "candles told in another order")
    began_s = await arm(stage, "wrong_candle", klines, times=1, given={"factor": 1.2, "corrected": True})

    async def revised() -> Any:
        return stage.daemon.said("feed.bar_revised") or stage.daemon.said("bar.revised")

    await stage.expect("a candle told wrong, then right", revised, "the revision is on record", FRESH_S, since_s=began_s)
    await bars_go_on(stage, "a candle told wrong, then right", RETURNS_S, since_s=began_s)
    no_gaps(stage, "a candle told wrong, then right")
    await _impossible(stage, klines)
    closes_ms = sorted(row["close_ms"] for row in stage.table("bars") if row["instance"] == stage.uid_of(BUSY))[-EXPLAINED:]
    before = await _explained(stage, closes_ms)
    await stage.ctl("restart", BUSY)
    await bars_go_on(stage, "the instance begins anew from stored candles", RETURNS_S)
    after = await _explained(stage, closes_ms)
    common = before.keys() & after.keys()
    differing = [close_ms for close_ms in common if before[close_ms] != after[close_ms]]
    stage.report.require(
        common and not differing,
        "a candle told wrong, then right",
        f"{len(differing)} of {len(common)} bars have other values than a clean run",
    )
    stage.report.require(
        _verdicts_of_others(stage) > others and not _late_of_others(stage), "candles of one symbol wrong", "the others go on"
    )
    stage.report.require(
        _transitions_of_others(stage) == moved, "candles of one symbol wrong", "no other instance changes its state"
    )


async def _impossible(stage: Stage, klines: dict[str, str]) -> None:
    """A closed candle whose high lies below its low is no candle: it is left out, and asked for."""
    fault = "a candle told that cannot be"
    await arm(stage, "wrong_candle", klines, given={"impossible": True, "corrected": False})

    async def refused() -> Any:
        return stage.daemon.said("feed.frame_refused")

    await stage.expect(fault, refused, "the frame is refused, and said so", FRESH_S)
    await bars_go_on(stage, fault, RETURNS_S)
    no_gaps(stage, fault)


def _verdicts_of_others(stage: Stage) -> int:
    return sum(row["instance"] != stage.uid_of(BUSY) for row in stage.table("bars"))


def _transitions_of_others(stage: Stage) -> int:
    return sum(line.get("instance") != BUSY for line in stage.daemon.said("instance.transition"))


def _late_of_others(stage: Stage) -> int:
    return sum(bool(row["late"]) for row in stage.table("bars") if row["instance"] != stage.uid_of(BUSY))


async def _explained(stage: Stage, closes_ms: Sequence[int]) -> dict[int, Any]:
    """On which values the busy instance decided these bars, by their close."""
    found = {}
    for close_ms in closes_ms:
        ran = await stage.ctl(
            "explain", BUSY, "--at", f"{datetime.fromtimestamp(close_ms // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}", "--json"
        )
        if ran.code == 0 and ran.data["explanation"] is not None:
            found[close_ms] = ran.data["explanation"]["actions"]
    return found
