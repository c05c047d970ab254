"""What entries opened is counted by the hour: a day is a UTC day, a week its last 168 hours."""

from dataclasses import replace
from decimal import Decimal
from pathlib import PurePath

import pytest

from playd.core.timeframes import DAY_MS
from playd.orders.caps import Caps
from playd.orders.ledger import Ledger
from playd.orders.opened import HOUR_MS, WEEK_MS, of_day, total
from playd.world.virtual import virtual_world
from tests.simulation.order_world import entry

NOON_MS = 20_000 * DAY_MS + DAY_MS // 2


@pytest.fixture
def ledger() -> Ledger:
    world = virtual_world()
    world.disk.mkdir(PurePath("/state"))
    return Ledger.open(world.disk, world.clock, PurePath("/state/ledger.sqlite"))


@pytest.fixture
def caps(ledger: Ledger) -> Caps:
    return Caps(ledger, "main", counts=True)


def test_a_week_ends_with_the_hour_that_is_168_hours_old_and_not_with_its_day(caps: Caps) -> None:
    caps.reserve(replace(entry(), bar_close_ms=NOON_MS))  # 500 USDT

    end_ms = NOON_MS + HOUR_MS + WEEK_MS
    assert total(caps.opened(NOON_MS + WEEK_MS)) == 500
    assert total(caps.opened(end_ms - 1)) == 500
    assert total(caps.opened(end_ms)) == 0


def test_a_day_begins_and_ends_at_utc_midnight(caps: Caps) -> None:
    midnight_ms = NOON_MS + DAY_MS // 2
    for close_ms in (midnight_ms - 1, midnight_ms, midnight_ms + DAY_MS - 1):
        caps.reserve(replace(entry(), bar_close_ms=close_ms))

    days = [of_day(caps.opened(at_ms), at_ms) for at_ms in (midnight_ms - 1, midnight_ms, midnight_ms + DAY_MS)]
    assert days == [500, 1000, 0]
    assert [caps.orders(at_ms) for at_ms in (midnight_ms - 1, midnight_ms)] == [1, 2]


def test_days_that_an_older_program_counted_bound_until_their_last_hour_is_a_week_old(ledger: Ledger, caps: Caps) -> None:
    day_ms = NOON_MS - NOON_MS % DAY_MS
    ledger.write("INSERT INTO budgets VALUES ('account:main','day_usd',?,'','100','200','USD')", (day_ms,))

    assert of_day(caps.opened(NOON_MS), NOON_MS) == Decimal(300)
    assert total(caps.opened(day_ms + DAY_MS + WEEK_MS - 1)) == 300
    assert total(caps.opened(day_ms + DAY_MS + WEEK_MS)) == 0
