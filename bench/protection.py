"""
How fast a position is safe again, and how fast it is gone: real processes, a local exchange on the same machine.

    python bench/protection.py [KILLS [PANICS]]          100 and 20 unless told otherwise

Timed: from SIGKILL of a daemon with open positions, started again at once, to its line `account.ready`, which it writes when
ledger and venue agree and every position has its stop at the venue; and from `exec` of `playctl panic account:…` to the
arrival of its first closing order at the exchange, and to its end, at which flat was verified twice, two seconds apart.
"""

import sys
from decimal import Decimal

import _setup  # noqa: F401 - the kernel cache, before anything imports numba
from _figures import tell_percentiles

from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import BUSY, BUSY_SYMBOL, HELD, HELD_SYMBOL
from playd.ops.drills.programs import until
from playd.ops.drills.report import Report
from playd.ops.drills.scenarios.steps import holds
from playd.ops.drills.stage import Stage, staged
from playd.world.ports import World
from playd.world.real import real_world, run

KILLS = 100
PANICS = 20
READY_WITHIN_S = 60.0


async def killed(stage: Stage) -> float:
    """Seconds from the death of a daemon to the moment at which its next life knows that every position is protected."""
    clock = stage.world.clock
    began_s = clock.mono_s()
    await stage.daemon.kill()
    await stage.daemon.launch()

    async def protected() -> bool:
        return bool(stage.daemon.said("account.ready"))

    if await until(protected, READY_WITHIN_S) is None:
        raise SystemExit(f"not protected within {READY_WITHIN_S:g} s:\n{stage.daemon.text()[-2000:]}")
    took_s = clock.mono_s() - began_s
    await until(stage.ready, READY_WITHIN_S)
    return took_s


async def panicked(stage: Stage) -> tuple[float, float, float]:
    """Seconds from the command to the first closing order at the exchange, from the level on record to it, and to flat."""
    clock = stage.world.clock
    await holds(stage, HELD, HELD_SYMBOL)
    await holds(stage, BUSY, BUSY_SYMBOL)
    before = len((await stage.venue()).creates)
    began_s, began_ms = clock.mono_s(), clock.wall_ms()
    ran = await stage.ctl("panic", f"account:{ACCOUNT}", "--yes", "--reason", "measured", "--json")
    took_s = clock.mono_s() - began_s
    if ran.code:
        raise SystemExit(f"panic ended with {ran.code}:\n{ran.text}")
    first_ms = min(wall_ms for wall_ms, _ in (await stage.venue()).creates[before:])
    raised_ms = max(int(row["raised_ms"]) for row in stage.table("halts") if row["code"] == "PANIC")
    await stage.ctl("resume", f"account:{ACCOUNT}", "--confirm", f"RESUME account:{ACCOUNT}", "--reason", "measured")
    for name in (HELD, BUSY):
        await stage.ctl("start", name)
    return (first_ms - began_ms) / 1000, (first_ms - raised_ms) / 1000, took_s


async def measure(world: World) -> None:
    kills, panics = (int(each) for each in (*sys.argv[1:], *(str(KILLS), str(PANICS))[len(sys.argv) - 1 :]))
    async with staged(world, Report.begin(world.clock)) as stage:
        await stage.open(guardian=False)
        deaths = [await killed(stage) for _ in range(kills)]
        naked_s = Decimal(max((await stage.venue()).naked_ms.values(), default=0)) / 1000
        tell_percentiles("SIGKILL to all positions protected", deaths, "s", {50: 5.0, 99: 15.0})
        print(f"longest time without a stop at the exchange: {naked_s:.3f} s")
        closings, inside, flats = zip(*[await panicked(stage) for _ in range(panics)], strict=True)
        tell_percentiles("panic to the first closing order", closings, "s", {50: 0.5, 99: None})
        tell_percentiles("  of which in the daemon", inside, "s", {50: None, 99: 0.5})
        tell_percentiles("panic to flat, verified twice", flats, "s", {50: 10.0, 99: None})


if __name__ == "__main__":
    run(measure, real_world())
