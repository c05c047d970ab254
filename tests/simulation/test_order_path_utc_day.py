"""The day of a loss is the venue's: what the machine's clock says, and when a life begins, change nothing about it."""

from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.modes import Environment
from playd.core.orders import Wallet
from playd.core.timeframes import DAY_MS
from playd.orders.halts import Level
from playd.orders.risk_limits import BreakerLimits, RiskLimits
from playd.orders.settings import OrderSettings
from playd.world.ports import World
from playd.world.virtual import virtual_world
from tests.simulation.fake_venue import FakeVenue
from tests.simulation.order_world import READY, STATE, OrderWorld, build, entry, leave
from tests.simulation.test_order_path_breakers import MAIN, Purse, levels
from tests.simulation.test_order_path_clock import SetClock
from tests.virtual_time import WALL_START_MS, LoopClock

DAY_ONLY = BreakerLimits(day_pause_pct=Decimal(2), day_halt_pct=Decimal(3))
SETTINGS = replace(OrderSettings.of(Environment.LOCAL), breakers=DAY_ONLY, limits=RiskLimits(max_positions=10))
MARGIN = replace(SETTINGS, breakers=BreakerLimits(im_rate=(Decimal("0.6"), Decimal("0.8"))))


class VenuesPurse(Purse):
    """A balance stamped by the venue's own clock."""

    def now(self) -> Wallet:
        return replace(super().now(), time_ms=self.life.venue.clock.wall_ms())


class Before(LoopClock):
    """The venue's clock: so many milliseconds before a midnight when the loop begins."""

    def __init__(self, left_ms: int) -> None:
        self.ahead_ms = DAY_MS - WALL_START_MS % DAY_MS - left_ms

    def wall_ms(self) -> int:
        return super().wall_ms() + self.ahead_ms


def life_before_midnight(left_ms: int) -> tuple[OrderWorld, SetClock]:
    """Venue and machine agree at first; the machine's clock can be set."""
    machine, virtual = SetClock(), virtual_world()
    machine.ahead_ms = Before(left_ms).ahead_ms
    virtual.disk.mkdir(STATE)
    world = World(machine, virtual.disk, virtual.net, virtual.random, virtual.env, virtual.process)
    life = build(FakeVenue(Before(left_ms)), world, SETTINGS)
    VenuesPurse(life)
    return life, machine


async def lose(life: OrderWorld) -> None:
    port = await life.register()
    assert (await port.submit(entry(qty="0.100"), READY)).code == "SENT"
    await anyio.sleep(1.0)
    life.venue.price -= 2_200
    await port.submit(leave(qty="0.100"), READY)
    await anyio.sleep(10.0)
    assert levels(life, MAIN) == {"DAILY_LOSS": Level.PAUSE}


async def test_a_machine_whose_clock_is_a_day_ahead_lifts_no_pause_of_the_day() -> None:
    life, machine = life_before_midnight(3 * 3_600_000)
    async with life.running():
        await lose(life)
        machine.ahead_ms += DAY_MS
        await anyio.sleep(120.0)
        held = levels(life, MAIN), [trip.code for trip in life.account.breakers.trips]
        facts = life.account.gateway._facts.gather(entry(), 60_000, intent_exists=False)

    assert held == ({"DAILY_LOSS": Level.PAUSE}, ["DAILY_LOSS"])
    assert facts.venue_ms == life.venue.clock.wall_ms() == facts.now_ms - DAY_MS


@pytest.mark.parametrize("behind_ms", [0, 5_000])
async def test_a_life_that_begins_in_the_last_millisecond_of_a_day_lifts_its_pause_at_midnight_and_no_sooner(
    behind_ms: int,
) -> None:
    life, machine = life_before_midnight(120_000)
    async with life.running():
        await lose(life)
        left_ms = DAY_MS - life.venue.clock.wall_ms() % DAY_MS
        await anyio.sleep((left_ms - 1) / 1000)
        before = levels(life, MAIN)
    assert life.venue.clock.wall_ms() % DAY_MS == DAY_MS - 1
    life = life.crash()
    machine.ahead_ms -= behind_ms
    VenuesPurse(life)
    at_start = levels(life, MAIN)
    async with life.running():
        await anyio.sleep(2.0)
        lifted = [(data["code"], data["level"]) for kind, data in life.journal.records if kind == "halt.lifted"]

        assert (before, at_start, levels(life, MAIN)) == ({"DAILY_LOSS": Level.PAUSE}, {"DAILY_LOSS": Level.PAUSE}, {})
        assert lifted == [("DAILY_LOSS", 1)]


async def test_a_balance_that_states_no_margin_rate_does_not_lift_the_pause_of_one() -> None:
    life = build(settings=MARGIN)
    stated: list[Decimal | None] = [Decimal("0.7")]

    class Rated(Purse):
        def now(self) -> Wallet:
            return replace(super().now(), im_rate=stated[0])

    purse = Rated(life)
    found = []
    async with life.running():
        for rate in (Decimal("0.7"), None, Decimal("0.5")):
            stated[0] = rate
            purse.tell()
            await anyio.sleep(5.0)
            found.append(levels(life, MAIN))

    assert found == [{"MARGIN_INITIAL": Level.PAUSE}, {"MARGIN_INITIAL": Level.PAUSE}, {}]
