"""
How fast positions are safe again, and how fast they are gone: daemon, guardian and a local exchange on the same machine.

    python bench/protection.py [KILLS [PANICS]]          100 and 10 unless told otherwise

Ten positions of one account and an entry that rests. Timed: from SIGKILL of the daemon, started again at once, to its line
`account.ready`, which it writes when ledger and venue agree and every position has its stop at the venue; and from the `exec`
of `playctl panic account:…` to the arrival of its first cancel and its first closing order at the exchange, and to its end, at
which flat was verified twice, two seconds apart. A Python process takes a while to start: from the level on record, which is
when the daemon has the command, both are told apart.
"""

import sys
from decimal import Decimal

import _setup  # noqa: F401 - the kernel cache, before anything imports numba
from _figures import tell_percentiles

from playd.market.synthetic import MORE_SYMBOLS, SYMBOLS
from playd.ops.drills.local_exchange import ACCOUNT
from playd.ops.drills.plays import HELD, HELD_SYMBOL, PLAYS, RESTING, RESTING_SYMBOL, another
from playd.ops.drills.programs import until
from playd.ops.drills.report import Report
from playd.ops.drills.scenarios.steps import CREATE
from playd.ops.drills.stage import Stage, staged
from playd.world.ports import World
from playd.world.real import real_world, run

KILLS = 100
PANICS = 10
POSITIONS = 10
WITHIN_S = 60.0
CANCEL = "/v5/order/cancel"
SCOPE = f"account:{ACCOUNT}"
OTHERS = [each.symbol for each in (*SYMBOLS, *MORE_SYMBOLS) if each.symbol not in (HELD_SYMBOL, RESTING_SYMBOL)]
TRADED = [HELD_SYMBOL, *OTHERS[: POSITIONS - 1]]


def plays() -> dict[str, str]:
    """One that rests and ten that are nearly always in the market, each with a twentieth of the money, by their names."""
    small = PLAYS[HELD].replace("value: 10}", "value: 5}")
    names = [HELD] + [f"held-{number}" for number in range(1, POSITIONS)]
    held = {name: another(small, name, symbol) for name, symbol in zip(names, TRADED, strict=True)}
    return {**held, RESTING: PLAYS[RESTING]}


async def all_there(stage: Stage) -> None:
    """Wait for every position and for the entry that rests."""

    async def there() -> bool:
        venue = await stage.venue()
        return RESTING_SYMBOL in (await stage.resting()).values() and all(venue.positions[each] for each in TRADED)

    if await until(there, WITHIN_S) is None:
        raise SystemExit(f"not {POSITIONS} positions and a resting entry within {WITHIN_S:g} s")


async def killed(stage: Stage) -> float:
    """Seconds from the death of a daemon to the moment at which its next life knows that every position is protected."""
    clock = stage.world.clock
    began_s = clock.mono_s()
    await stage.daemon.kill()
    await stage.daemon.launch()

    async def protected() -> bool:
        return bool(stage.daemon.said("account.ready"))

    if await until(protected, WITHIN_S) is None:
        raise SystemExit(f"not protected within {WITHIN_S:g} s:\n{stage.daemon.text()[-2000:]}")
    took_s = clock.mono_s() - began_s
    await until(stage.ready, WITHIN_S)
    return took_s


async def panicked(stage: Stage) -> dict[str, float]:
    """Seconds to the first cancel and the first closing order, from the command and from the level on record, and to flat."""
    await all_there(stage)
    clock, before = stage.world.clock, len(await stage.exchange.entries("request"))
    began_s, began_ms = clock.mono_s(), clock.wall_ms()
    ran = await stage.ctl("panic", SCOPE, "--yes", "--reason", "measured", "--json")
    took_s = clock.mono_s() - began_s
    if ran.code:
        raise SystemExit(f"panic ended with {ran.code}:\n{ran.text}")
    raised_ms = max(int(row["raised_ms"]) for row in stage.table("halts") if row["code"] == "PANIC")
    asked = (await stage.exchange.entries("request"))[before:]
    first = {path: min(row["wall_ms"] for row in asked if row["path"] == path) for path in (CANCEL, CREATE)}
    await stage.ctl("resume", SCOPE, "--confirm", f"RESUME {SCOPE}", "--reason", "measured")
    for name in stage.plays:
        await stage.ctl("start", name)
    return {
        "panic to the first cancel": (first[CANCEL] - began_ms) / 1000,
        "  of which in the daemon, first cancel": (first[CANCEL] - raised_ms) / 1000,
        "panic to the first closing order": (first[CREATE] - began_ms) / 1000,
        "  of which in the daemon, first closing order": (first[CREATE] - raised_ms) / 1000,
        f"panic of {POSITIONS} positions to flat, verified twice": took_s,
    }


LIMITS_S = (None, 0.1, None, 0.5, 10.0)
"""Of the figures of a panic, in their order."""


async def measure(world: World) -> None:
    kills, panics = (int(each) for each in (*sys.argv[1:], *(str(KILLS), str(PANICS))[len(sys.argv) - 1 :]))
    async with staged(world, Report.begin(world.clock)) as stage:
        await stage.open(plays=plays(), terms=("--markets", str(POSITIONS + 1)))
        await all_there(stage)
        deaths = [await killed(stage) for _ in range(kills)]
        naked_s = Decimal(max((await stage.venue()).naked_ms.values(), default=0)) / 1000
        if deaths:
            tell_percentiles("SIGKILL to all positions protected", deaths, "s", {50: 5.0, 99: 15.0})
        print(f"longest time without a stop at the exchange: {naked_s:.3f} s")
        rounds = [await panicked(stage) for _ in range(panics)]
        for name, limit_s in zip(rounds[0] if rounds else (), LIMITS_S, strict=False):
            tell_percentiles(name, [each[name] for each in rounds], "s", {50: limit_s, 99: limit_s})


if __name__ == "__main__":
    run(measure, real_world())
