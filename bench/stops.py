"""
How long a position is without its stop: one that a hand removes, and in a thousand positions that nobody touched.

    python bench/stops.py [ALIVE [DEAD [POSITIONS]]]      20, 5 and 1000 unless told otherwise

Real processes, a guardian among them, and a local exchange on the same machine. Timed: from the answer to the hand that removes
a stop to the moment at which the venue has one again, put there by the daemon, then by the guardian of a daemon that was
killed. Then five instances trade at ten bars a second and their daemon is killed and started again now and then, until so many
positions were opened: of each, what the exchange's ledger says of the time behind the first five seconds without a stop.
"""

import sys
from collections import defaultdict
from decimal import Decimal
from typing import Any

import _setup  # noqa: F401 - the kernel cache, before anything imports numba
from _figures import tell, tell_percentiles

from playd.ops.drills.invariants import Venue, signed
from playd.ops.drills.plays import BUSY, HELD_SYMBOL, IDLE, PLAYS, another
from playd.ops.drills.programs import until
from playd.ops.drills.report import Report
from playd.ops.drills.stage import HURRY, SPEED, Stage, staged
from playd.world.ports import World
from playd.world.real import real_world, run

ALIVE, DEAD, POSITIONS = 20, 5, 1000
WITHIN_S = 90.0
KILL_EVERY = 100
"""Positions between two deaths of the daemon."""

ALLOWED_MS = 5_000


async def stop_back(stage: Stage) -> float:
    """Remove the stop of the position by hand; seconds until it is there again."""
    async with stage.exchange.hand() as hand:

        async def stop() -> Decimal:
            return (await hand.position(HELD_SYMBOL)).stop

        await hand.remove_stop(HELD_SYMBOL)
        began_s = stage.world.clock.mono_s()
        if await until(stop, WITHIN_S) is None:
            raise SystemExit(f"no stop within {WITHIN_S:g} s")
        return stage.world.clock.mono_s() - began_s


async def by_daemon(stage: Stage, times: int) -> list[float]:
    found = []
    for _ in range(times):
        await stage.until_covered(HELD_SYMBOL)
        await stage.exchange.inside_a_minute()  # so that the position is there until its stop is
        found.append(await stop_back(stage))
        await stage.exchange.release(SPEED)
        await stage.ctl("resume", f"symbol:default/{HELD_SYMBOL}", "--reason", "measured")
    return found


async def by_guardian(stage: Stage, times: int) -> list[float]:
    found = []
    for _ in range(times):
        await stage.until_covered(HELD_SYMBOL)
        await stage.exchange.inside_a_minute()
        await stage.daemon.kill()
        found.append(await stop_back(stage))
        await stage.exchange.release(SPEED)
        await stage.start_daemon()
        await stage.ctl("resume", f"symbol:default/{HELD_SYMBOL}", "--reason", "measured")
    return found


def opened(entries: list[dict[str, Any]], uid: int) -> int:
    """How often a position was opened from nothing."""
    positions: defaultdict[str, Decimal] = defaultdict(Decimal)
    count = 0
    for entry in entries:
        for row in entry["executions"] if entry["kind"] == "effect" else ():
            if row["uid"] == uid and row["execType"] != "Funding":
                count += not positions[row["symbol"]]
                positions[row["symbol"]] += signed(row, "execQty")
    return count


async def thousand(stage: Stage, positions: int) -> tuple[int, Venue]:
    """Let everybody trade until so many positions were opened, with deaths of the daemon between; how many, and the venue."""
    alive = 0

    async def enough() -> int:
        count = opened(await stage.exchange.entries("effect"), stage.exchange.uid)
        return count if count >= min(alive + KILL_EVERY, positions) else 0

    while alive < positions:
        await stage.exchange.release(HURRY)
        alive = await until(enough, 10 * WITHIN_S) or 0
        if not alive:
            raise SystemExit("nobody trades any more")
        await stage.daemon.kill()
        await stage.exchange.release(SPEED)
        await stage.start_daemon()
    return alive, await stage.venue()


async def measure(world: World) -> None:
    given = [int(each) for each in sys.argv[1:]]
    alive, dead, positions = [*given, *(ALIVE, DEAD, POSITIONS)[len(given) :]]
    async with staged(world, Report.begin(world.clock)) as stage:
        await stage.open()
        if alive:
            tell_percentiles(
                "stop removed by hand to stop back, daemon alive", await by_daemon(stage, alive), "s", {50: 3.0, 100: 3.0}
            )
        if dead:
            tell_percentiles("the same, daemon dead", await by_guardian(stage, dead), "s", {50: 20.0, 100: 20.0})
    if not positions:
        return
    busy = {IDLE: "XRPUSDT", "busy-2": "DOGEUSDT"}
    more = {name: another(PLAYS[BUSY], name, symbol) for name, symbol in busy.items()}
    async with staged(world, Report.begin(world.clock)) as stage:
        await stage.open(plays={**PLAYS, **more})
        count, venue = await thousand(stage, positions)
        beyond_s = sum(max(each - ALLOWED_MS, 0) for each in venue.lapses_ms) / 1000
        note = f"{count} positions; the longest time without a stop was {max(venue.lapses_ms, default=0)} ms"
        tell("naked seconds beyond 5 s, per 1000 positions", [beyond_s * 1000 / count], "s", limit=0.0, note=note)


if __name__ == "__main__":
    run(measure, real_world())
