"""
Bans of our address that are on record in a state directory: the daemon's in its ledger, the guardian's in its journal.

Asking again prolongs a ban, so every program that sends something looks here before its first request.
"""

import sqlite3
from contextlib import closing, suppress
from pathlib import PurePath

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
    state_dir, until_ms = loaded.locations.state_dir, 0
    with suppress(OSError):
        until_ms = guardians_ban_ms(world.disk, state_dir)
    path = state_dir / "ledger.sqlite"
    if world.disk.exists(path):
        with suppress(OSError, sqlite3.Error), closing(world.disk.open_sqlite(path, read_only=True)) as connection:
            until_ms = max(until_ms, stored_until_ms(connection))
    return AddressBudget(world.clock, banned_until_ms=until_ms, rules=rate_rules(loaded.settings))


def banned_until(clock: Clock, budget: Budget) -> str:
    """A ban in words."""
    return f"the venue has banned this address until {rfc3339(clock.wall_ms() + round(budget.banned_for_s * 1000))}"
