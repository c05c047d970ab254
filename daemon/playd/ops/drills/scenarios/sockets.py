"""DRL-05 and DRL-06: sockets that drop again and again, and one that is dead and does not say so."""

from typing import Any, Final

import anyio

from playd.ops.drills.plays import HELD_SYMBOL, SHADOW
from playd.ops.drills.scenarios.steps import arm, bars_go_on, heal, no_gaps
from playd.ops.drills.stage import SPEED, Stage

SILENCE_S: Final = 45.0
RETURNS_S: Final = 45.0
COVERED_S: Final = 40.0
STORM_CUTS: Final = 20
STORM_EVERY_S: Final = 2.0
SLOW: Final = 6.0
"""Market minutes per minute."""

LIMITED_S: Final = 90.0
"""The daemon has used up its connects of a minute."""

WARNED_S: Final = 40.0
ALARMED_S: Final = 130.0
"""Thirty seconds and two minutes, and the look that is taken every five seconds."""


async def reconnect_storm(stage: Stage) -> None:
    """DRL-05, shortened: both sockets are cut every two seconds."""
    await stage.open(guardian=False)
    began_ms = stage.world.clock.wall_ms()
    for _ in range(STORM_CUTS):
        for socket in ("public", "private"):
            await arm(stage, "cut", {"socket": socket}, name=f"cut of the {socket} socket")
        await anyio.sleep(STORM_EVERY_S)
    await heal(stage)
    opened = [row["wall_ms"] for row in await stage.exchange.entries("opened") if row["wall_ms"] >= began_ms]
    most = max((sum(start <= each < start + 60_000 for each in opened) for start in opened), default=0)
    stage.report.require(most <= 20, f"{STORM_CUTS} cuts of both sockets", f"at most {most} private connects in a minute")
    await bars_go_on(stage, "storm over", LIMITED_S)
    no_gaps(stage, "storm over")
    await _private_socket_away(stage)


async def _private_socket_away(stage: Stage) -> None:
    """The private socket alone is not let in for two minutes, while a position is open: the account is polled, and says so."""
    fault = "private socket not let in"
    await stage.until_covered(HELD_SYMBOL)
    await stage.exchange.release(SLOW)  # so that the position is still there in two minutes
    began_s = await arm(stage, "refuse_connection", {"socket": "private"}, times=0)
    await arm(stage, "cut", {"socket": "private"})

    async def told(severity: str) -> bool:
        found = stage.incident("SLO_PRIVATE_DOWN")
        return found is not None and found["severity"] == severity and found["resolved_ms"] is None

    await stage.expect(fault, lambda: told("warning"), "a warning", WARNED_S, since_s=began_s)
    async with stage.exchange.hand() as hand:
        removed_s = stage.report.inject("cancel", "stop", symbol=HELD_SYMBOL)
        await hand.remove_stop(HELD_SYMBOL)
    await stage.expect_covered(HELD_SYMBOL, f"{fault}, stop cancelled", COVERED_S, since_s=removed_s)
    await stage.expect(fault, lambda: told("critical"), "a critical incident", ALARMED_S, since_s=began_s)
    polled = {row["uid"] for row in stage.table("instances") if row["name"] != SHADOW}
    since = [row for row in stage.table("bars") if row["processed_ms"] > _wall(stage, removed_s)]
    entered = [row for row in since if row["verdict"] == "ENTERED" and row["instance"] in polled]
    stage.report.require(not entered, fault, f"{len(entered)} entries of accounts that are only polled")
    await stage.exchange.release(SPEED)
    healed_s = await heal(stage)

    async def over() -> bool:
        found = stage.incident("SLO_PRIVATE_DOWN")
        return found is not None and found["resolved_ms"] is not None

    await stage.expect("private socket let in", over, "the incident is over", RETURNS_S, since_s=healed_s)
    await bars_go_on(stage, "private socket let in", RETURNS_S)


def _wall(stage: Stage, moment_s: float) -> int:
    """A monotonic moment on the wall clock."""
    clock = stage.world.clock
    return clock.wall_ms() - round((clock.mono_s() - moment_s) * 1000)


async def half_open(stage: Stage) -> None:
    """
    DRL-06: the public socket says nothing more, and TCP stands.

    A local exchange waits for whoever follows its market, so that no bar closes before the socket is given up.
    """
    await stage.open(guardian=False)
    began_s = await arm(stage, "half_open", {"socket": "public"}, times=0)

    async def given_up() -> Any:
        return stage.daemon.said("feed.link_down")

    await stage.expect("public socket silent", given_up, "it is given up", SILENCE_S + 15.0, since_s=began_s)
    began_s, ups = await heal(stage), len(stage.daemon.said("feed.link_up"))

    async def back() -> bool:
        return len(stage.daemon.said("feed.link_up")) > ups

    await stage.expect("public socket speaks again", back, "connected anew", RETURNS_S, since_s=began_s)
    await bars_go_on(stage, "public socket speaks again", RETURNS_S)
    no_gaps(stage, "public socket silent")
