"""DRL-09: closed candles of one symbol are missing, disordered, wrong, impossible or late."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from playd.ops.drills.afterwards import unlike_drawn
from playd.ops.drills.plays import BUSY, BUSY_SYMBOL
from playd.ops.drills.scenarios.steps import arm, bars_after, bars_go_on, heal, newest_bar, no_gaps
from playd.ops.drills.stage import Stage

RETURNS_S: Final = 45.0
FRESH_S: Final = 45.0
FETCHED_S: Final = 45.0
"""A bar ten seconds behind its close is asked for."""

STOPPED_S: Final = 50.0
"""A series with a hole for thirty seconds stops its instances."""

LATE_S: Final = 15.0
EXPLAINED: Final = 8
"""Bars whose values are compared with those of the market as it was drawn."""

OVERDUE: Final = "feed_stale: feed is stale"
OVERDUE_GONE: Final = "feed_stale gone"

KLINES: Final = {"topic": f"kline.1.{BUSY_SYMBOL}"}
CANDLES: Final = "/v5/market/kline"
ONLY: Final = f"candles of {BUSY_SYMBOL} alone wrong"
UNMOVED: Final = "no other instance changes its state, but for a market that stands still for all"


async def bad_bars(stage: Stage) -> None:
    """Gap, out of order, revised, impossible, late; then a gap that nobody fills."""
    await stage.open()
    began, moved = newest_bar(stage), _transitions_of_others(stage)
    await _missing(stage)
    await arm(stage, "reorder_frames", KLINES, times=6)
    await _whole_again(stage, "candles told in another order")
    await _revised(stage)
    await _impossible(stage)
    await _late(stage)
    await _as_drawn(stage, "all of that, before the columns are built anew")
    await stage.ctl("restart", BUSY)
    await bars_go_on(stage, "the instance begins anew from stored candles", RETURNS_S)
    await _as_drawn(stage, "all of that, the columns built anew")
    await _not_filled(stage)
    others = [row for row in bars_after(stage, began) if row["instance"] != stage.uid_of(BUSY)]
    late = sum(bool(row["late"]) for row in others)
    stage.report.require(others and not late, ONLY, f"{late} of {len(others)} bars of the others came late")
    stage.report.require(_transitions_of_others(stage) == moved, ONLY, UNMOVED)


async def _whole_again(stage: Stage, fault: str) -> None:
    """Bars are decided on, and none is missing."""
    await bars_go_on(stage, fault, RETURNS_S)
    no_gaps(stage, fault)


async def _missing(stage: Stage) -> None:
    await arm(stage, "missing_candle", KLINES, times=3)
    await _whole_again(stage, "three candles not told")


async def _revised(stage: Stage) -> None:
    """The columns stand on the first one: nothing is entered until they are built anew."""
    fault = "a candle told wrong, then right"
    began_s = await arm(stage, "wrong_candle", KLINES, times=1, given={"factor": 1.2, "corrected": True})

    async def revised() -> Any:
        return stage.daemon.said("feed.bar_revised") or stage.daemon.said("bar.revised")

    await stage.expect(fault, revised, "the revision is on record", FRESH_S, since_s=began_s)
    await _whole_again(stage, fault)


async def _impossible(stage: Stage) -> None:
    """A closed candle whose high lies below its low is no candle: it is left out, and asked for."""
    fault = "a candle told that cannot be"
    await arm(stage, "wrong_candle", KLINES, given={"impossible": True, "corrected": False})

    async def refused() -> Any:
        return stage.daemon.said("feed.frame_refused")

    await stage.expect(fault, refused, "the frame is refused, and said so", FRESH_S)
    await _whole_again(stage, fault)


async def _late(stage: Stage) -> None:
    """Candles are told long after they closed: they are asked for, marked as late, and nothing is entered on them."""
    fault = f"candles told {LATE_S:g} s late"
    newest = newest_bar(stage)
    began_s = await arm(stage, "late_frames", KLINES, times=0, given={"delay_s": LATE_S})

    async def fetched() -> Any:
        return [row for row in bars_after(stage, newest, BUSY) if row["late"]]

    seen = "{} bars are decided, marked as late"
    await stage.expect(fault, fetched, lambda rows: seen.format(len(rows)), FETCHED_S, since_s=began_s)
    await heal(stage)
    entered = sum(row["verdict"] == "ENTERED" for row in await fetched())
    stage.report.require(not entered, fault, f"{entered} entries on bars that came late")
    await _whole_again(stage, fault)


async def _not_filled(stage: Stage) -> None:
    """A gap for which the venue gives no candles stops the instances of this series, and no others, until it is filled."""
    fault = "a candle not told, and not given either"

    async def back() -> bool:
        return (await _states(stage))[BUSY] == "running"

    await stage.expect("before that", back, f"{BUSY} is running", RETURNS_S)
    await arm(stage, "answer", {"path": CANDLES, "symbol": BUSY_SYMBOL}, times=0, given={"http": 503})
    began_s = await arm(stage, "missing_candle", KLINES)

    async def stopped() -> Any:
        states = await _states(stage)
        return states if states[BUSY] == "degraded" else None

    states = await stage.expect(fault, stopped, f"{BUSY} is degraded", STOPPED_S, since_s=began_s)
    others = {state for name, state in states.items() if name != BUSY}
    stage.report.require(others == {"running"}, fault, f"the others are {', '.join(sorted(others))}")
    healed_s = await heal(stage)
    await stage.expect(f"{fault}, then given", back, f"{BUSY} runs again", RETURNS_S, since_s=healed_s)
    await _whole_again(stage, f"{fault}, then given")
    await _as_drawn(stage, f"{fault}, then given")


async def _as_drawn(stage: Stage, fault: str) -> None:
    """The newest bars of the instance stand on the values of a run over the market as it was drawn."""
    closes_ms = sorted(row["close_ms"] for row in stage.table("bars") if row["instance"] == stage.uid_of(BUSY))[-EXPLAINED:]
    differing = [found for close_ms in closes_ms if (found := await unlike_drawn(stage, BUSY, close_ms))]
    seen = f"the last {len(closes_ms)} bars have the values of a clean run"
    stage.report.require(not differing, fault, f"other values: {', '.join(differing)}" if differing else seen)


async def _states(stage: Stage) -> dict[str, str]:
    """The state of every instance, by its name."""
    return {row["name"]: row["state"] for row in (await stage.ctl("status", "--json")).data["instances"]}


def _transitions_of_others(stage: Stage) -> int:
    return len(moved_by_others(stage.daemon.said("instance.transition")))


def moved_by_others(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """
    Changes of state of other instances, out of lines of a log, but for those that found their own feed without a new bar.

    The simulated market waits for whoever has a hole to fill, as long as the hub waits before it asks again. Nobody has a bar
    meanwhile, and whoever looks at the end of that time finds one overdue by a fifth of a second.
    """
    of_others = [line for line in lines if line.get("instance") != BUSY]
    return [line for line in of_others if line["cause"] != OVERDUE_GONE and not line["reason"].startswith(OVERDUE)]
