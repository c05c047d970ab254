"""
Bans of our address that are on record in a state directory: the daemon's in its ledger, the guardian's in its journal.

Asking again prolongs a ban, so every program that sends something looks here before its first request: also one that reads no
settings, and knows a state directory by where it usually is.
"""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import PurePath

from playd.cli.session import SERVICE_STATE
from playd.control.figures import rfc3339
from playd.control.guardian_link import JOURNAL
from playd.ops.guardian_records import guardian_ban_ms
from playd.orders.bans import stored_until_ms
from playd.orders.budget import AddressBudget
from playd.orders.guardian.plan_file import DIRECTORY
from playd.orders.rate_limits import RateRules
from playd.settings import Loaded, Settings
from playd.venues.port import Budget
from playd.world.ports import Clock, Disk, World


def rate_rules(settings: Settings) -> RateRules:
    """How much of the limits is used, by section `[rate]`."""
    rate = settings.rate
    return RateRules(rate.usable, rate.risk_reserve, rate.data_share_ip, rate.ban_s)


def guardians_ban_ms(disk: Disk, state_dir: PurePath) -> int:
    """Until when the venue banned this address by the guardian's word; 0 without one. Raises `OSError`."""
    return guardian_ban_ms(disk, state_dir / DIRECTORY / JOURNAL)


def address_beside(world: World, loaded: Loaded) -> AddressBudget:
    """
    The budget of a program beside the daemon, or without one. It begins with the ban that is on record and stores none.

    A ledger or journal that cannot be read says of no ban: what is wrong with it is said by whoever checks files.
    """
    until_ms, _unread = ban_on_record(world, [loaded.locations.state_dir])
    return AddressBudget(world.clock, banned_until_ms=until_ms, rules=rate_rules(loaded.settings))


def usual_state_dirs(world: World, given: str = "") -> list[PurePath]:
    """Where a state directory is by a flag, else by a variable, else in a checkout and as a service."""
    here, env = world.process.working_dir(), world.env
    named = given or env.get("PLAYD_STATE_DIR") or env.get("STATE_DIRECTORY")
    return [here / named] if named else [here / "state", SERVICE_STATE]


def ban_on_record(world: World, state_dirs: Iterable[PurePath]) -> tuple[int, list[str]]:
    """The latest end of a ban that these know of, in epoch ms; 0 for none. And what of them could not be read, in words."""
    latest_ms, unread = 0, list[str]()
    for state_dir in state_dirs:
        path = state_dir / "ledger.sqlite"
        try:
            latest_ms = max(latest_ms, guardians_ban_ms(world.disk, state_dir))
        except OSError as error:
            unread.append(f"{state_dir / DIRECTORY}: {error.strerror or error}")
        try:
            if world.disk.exists(path):
                with closing(world.disk.open_sqlite(path, read_only=True)) as connection:
                    latest_ms = max(latest_ms, stored_until_ms(connection))
        except (OSError, sqlite3.Error, ValueError) as error:
            unread.append(f"{path}: {error}")
    return latest_ms, unread


def banned_until(clock: Clock, budget: AddressBudget | Budget) -> str:
    """A ban in words."""
    return f"the venue has banned this address until {rfc3339(clock.wall_ms() + round(budget.banned_for_s * 1000))}"
