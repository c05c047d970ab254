"""
`playd doctor`: host and installation. Exit 0 when everything is well, 9 when something is broken, 1 when it could not look.

A running daemon asks the same of a process of its own, `python -m playd.cli.doctor`, because reading every file takes long.
"""

import sys
from collections.abc import Sequence
from pathlib import PurePath
from typing import Final

import orjson

from playd.cli.known_bans import address_beside, banned_until
from playd.control.arming_tables import CHECKUP
from playd.control.client import Forbidden, Unanswered, Unreachable, connected
from playd.control.protocol import GUARDIAN_SOCKET, JsonObject
from playd.control.render import Output, json_text, render_rows
from playd.core.errors import LinkError, VenueError
from playd.core.modes import Environment
from playd.ops.doctor import Patient, acts, doctor, versions
from playd.settings import Loaded, load
from playd.supervisor.checks import Check, judged
from playd.venues.bybit.environment import default_hosts
from playd.venues.bybit.venue import open_bybit_market_data
from playd.venues.bybit.venue_clock import VenueClock
from playd.venues.port import Budget
from playd.world.ports import World
from playd.world.real import real_world
from playd.world.real import run as run_loop

EXIT_BROKEN: Final = 9
GUARDIAN_WITHIN_S: Final = 2.0


def run_doctor(config: str, state: str, *, fix: bool, as_json: bool, report: str = "", world: World | None = None) -> int:
    """
    Look, and print or write a report; with `fix` say and do what can be mended first. Raises `SettingsError` (78), `OSError`.
    """
    world = world or real_world()
    flags = {"daemon.state_dir": ("--state", str(world.process.working_dir() / state))} if state else {}
    loaded = load(world, flags=flags, config=config or None)
    patient = Patient(world, loaded, world.env.get("NUMBA_CACHE_DIR") or "")
    done = []
    for act in acts(patient) if fix else ():
        print(act.text, file=sys.stderr)
        act.do()
        done.append(act.text)
    checks = [*doctor(patient), *run_loop(lambda given: _reached(given, loaded), world)]
    rows = [_row(check) for check in checks]
    data: JsonObject = {"kind": "doctor", "created_ms": world.clock.wall_ms(), **versions(), "done": done, "checks": rows}
    data["healthy"] = all(check.holds for check in checks)
    if report:
        world.disk.write_replace(PurePath(report), orjson.dumps(data, option=orjson.OPT_APPEND_NEWLINE), keep_previous=False)
    else:
        print(json_text(data) if as_json else render_rows(rows, CHECKUP, Output.TABLE, empty=""))
    return 0 if data["healthy"] else EXIT_BROKEN


async def _reached(world: World, loaded: Loaded) -> list[Check]:
    """The guardian, and the venues of the accounts with a key."""
    checks = [await _guardian(world, loaded)]
    seen: set[str] = set()
    for account in loaded.settings.accounts.values():
        if account.environment is not Environment.LOCAL:
            seen.add(account.rest_url or default_hosts(account.environment, account.region).rest)
    budget = address_beside(world, loaded).for_account("")
    return checks + [await _venue(world, url, loaded.settings.clock.stop_ms, budget) for url in sorted(seen)]


async def _guardian(world: World, loaded: Loaded) -> Check:
    live = any(each.environment is Environment.LIVE for each in loaded.settings.accounts.values())
    try:
        async with connected(world.net, loaded.locations.run_dir / GUARDIAN_SOCKET, timeout_s=GUARDIAN_WITHIN_S):
            return judged("guardian", True, "it answers")
    except Unreachable as error:
        return Check("guardian", "fail" if live else "n/a", str(error), "playd guardian")
    except (Forbidden, Unanswered) as error:
        return Check("guardian", "unknown", str(error))


async def _venue(world: World, url: str, stop_ms: int, budget: Budget) -> Check:
    """Name, TLS and clock of one venue; from `stop_ms` apart on the daemon pauses all entries."""
    if budget.banned_for_s:
        return Check("venue", "unknown", f"{url}: nothing was sent: {banned_until(world.clock, budget)}", "wait")
    clock = VenueClock(world.clock)
    async with open_bybit_market_data(world, url, budget, simulated=False, venue_clock=clock) as market:
        try:
            offset_ms, round_trip_ms = await market.clock_offset_ms()
        except (VenueError, LinkError) as error:
            return Check("venue", "fail", f"{url}: {error}", "name resolution, firewall, certificates")
    text = f"{url}: clock {offset_ms:+.0f} ms, round trip {round_trip_ms:.0f} ms"
    return judged("venue", abs(offset_ms) <= stop_ms, text, "synchronise the clock")


def _row(check: Check) -> JsonObject:
    return {
        "check": check.name,
        "result": check.result,
        "age_s": check.age_s,
        "detail": check.detail,
        "fix": check.fix if not check.holds else "",
    }


def main(arguments: Sequence[str]) -> int:
    """As a process of a daemon's own: settings, state directory, report, and `fix` or `look`."""
    config, state, report, what = arguments
    return run_doctor(config, state, fix=what == "fix", as_json=False, report=report)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))  # seam: the last line of a program
