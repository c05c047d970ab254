"""The beginning of a day that no life of the daemon saw: the venue's log tells what was lost, or entries wait for it."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import anyio
import pytest

from playd.core.errors import LinkError
from playd.core.modes import Environment
from playd.core.timeframes import DAY_MS
from playd.orders.breaker_watch import BreakerWatch
from playd.orders.day_log import UNKNOWN
from playd.orders.halts import Level
from playd.orders.risk_limits import BreakerLimits, RiskLimits
from playd.orders.settings import OrderSettings
from playd.venues.port import Transaction
from playd.world.ports import World
from playd.world.virtual import virtual_world
from tests.simulation.order_world import READY, STATE, OrderWorld, build, entered, entry, leave
from tests.simulation.test_order_path_breakers import MAIN, Purse, levels, until_midnight
from tests.virtual_time import WALL_START_MS, LoopClock, in_virtual_time

DAY_ONLY = BreakerLimits(day_pause_pct=Decimal(2), day_halt_pct=Decimal(3))
SETTINGS = replace(OrderSettings.of(Environment.LOCAL), breakers=DAY_ONLY, limits=RiskLimits(max_positions=10))


class Log:
    """The venue's log: what it says beside its own executions, and how many of its readings fail first."""

    def __init__(self, life: OrderWorld, *, extra_usdt: str = "", failing: int = 0) -> None:
        self.life = life
        self.failing = failing
        self.asked_s: list[float] = []
        self.extra = [self.row(extra_usdt)] if extra_usdt else []
        self._own = life.venue.transactions
        life.venue.transactions = self.read  # type: ignore[method-assign]

    def row(self, usdt: str, category: str = "linear") -> Transaction:
        zero, lost = Decimal(0), Decimal(usdt)
        return Transaction("TRADE", "ETHUSDT", "by-hand", lost, zero, zero, lost, self.life.world.clock.wall_ms(), category)

    async def read(self, **asked: object) -> Sequence[Transaction]:
        self.asked_s.append(self.life.world.clock.mono_s())
        if len(self.asked_s) <= self.failing:
            raise LinkError("no answer")
        return [*await self._own(**asked), *self.extra]  # type: ignore[arg-type]


def watch(life: OrderWorld) -> BreakerWatch:
    return life.account.breakers


async def test_entries_wait_for_the_log_of_the_day_and_a_person_hears_after_three_readings() -> None:
    life = build(settings=SETTINGS)
    Purse(life)
    life.ledger.set_meta("put_in:main", "10000")  # so that only the day asks for the log
    log = Log(life, failing=4)
    async with life.running():
        began_s = life.world.clock.mono_s()
        port = await life.register()
        refused = await port.submit(entry(), READY)
        await anyio.sleep(20.0)
        told = [each.kind for each in life.account.desk.incidents.open_ones()]
        later = await port.submit(entry(120_000), READY)
        await anyio.sleep(60.0)

        assert (refused.code, refused.text) == ("DAILY_LOSS", "day start unknown")
        assert later.code == "DAILY_LOSS"
        assert told == [UNKNOWN]
        assert [round(at_s - began_s) for at_s in log.asked_s] == [0, 2, 6, 14, 74]
        assert life.account.desk.incidents.open_ones() == []
        assert (await port.submit(entry(180_000), READY)).code == "SENT"


async def test_what_the_log_has_of_today_and_the_books_have_not_is_a_loss_of_today() -> None:
    life = build(settings=SETTINGS)
    Purse(life, 9_750)
    Log(life, extra_usdt="-250")
    async with life.running():
        port = await life.register()
        await anyio.sleep(1.0)

        assert levels(life) == {"DAILY_LOSS": Level.PAUSE}
        assert (await port.submit(entry(), READY)).code == "HALTED"
        assert [data["unbooked_usdt"] for kind, data in life.journal.records if kind == "recon.diff"] == ["250"]
        life.account.desk.fills.known = lambda exec_id: True  # type: ignore[method-assign]
        await anyio.sleep(70.0)
        standing = watch(life).standing
        assert standing is not None
        assert standing.day_realised == 0, "once it is booked it counts once"


@pytest.mark.parametrize(("category", "unbooked"), [("spot", 0), ("option", 0), ("linear", 250), ("", 250)])
async def test_what_a_hand_bought_on_another_market_is_no_loss_of_the_day(category: str, unbooked: int) -> None:
    life = build(settings=SETTINGS)
    Purse(life, 9_750)
    log = Log(life)
    log.extra = [log.row("-250", category)]
    async with life.running():
        await anyio.sleep(1.0)

        standing = watch(life).standing
        assert standing is not None
        assert standing.day_realised == -unbooked
        assert levels(life) == ({"DAILY_LOSS": Level.PAUSE} if unbooked else {})


class LateInTheDay(LoopClock):
    """Three minutes before midnight when the loop begins."""

    def wall_ms(self) -> int:
        return super().wall_ms() + DAY_MS - WALL_START_MS % DAY_MS - 180_000


async def test_a_day_that_began_in_this_life_needs_no_log_and_lifts_the_pause_of_the_day_before() -> None:
    virtual = virtual_world()
    virtual.disk.mkdir(STATE)
    world = World(LateInTheDay(), virtual.disk, virtual.net, virtual.random, virtual.env, virtual.process)
    life = build(world=world, settings=SETTINGS)
    Purse(life)
    life.ledger.set_meta("put_in:main", "10000")
    log = Log(life)
    async with life.running():
        port = await entered(life, qty="0.100")
        life.venue.price -= 2_200
        await port.submit(leave(qty="0.100"), READY)
        await until_midnight(life, 0.001)
        before = levels(life, MAIN)
        asked = len(log.asked_s)
        await anyio.sleep(0.6)
        assert (await port.submit(entry(180_000, qty="0.001"), READY)).code == "SENT", "the day is over"
        lifted = [data for kind, data in life.journal.records if kind == "halt.lifted"]
        assert [(data["code"], data["note"]) for data in lifted] == [("DAILY_LOSS", "a new UTC day has begun")]
        await anyio.sleep(130.0)

        assert before == {"DAILY_LOSS": Level.PAUSE}
        assert levels(life, MAIN) == {}
        assert len(log.asked_s) == asked
        standing = watch(life).standing
        assert standing is not None
        assert standing.day_realised is not None
        assert -1 < standing.day_realised <= 0


@pytest.mark.parametrize(
    ("readings", "unbooked", "start"),
    [
        ([(30_000, 40)], 0, 40),  # within a minute after midnight
        ([(30_000, 40)], 7, 47),
        ([(-90_000, 30), (3_600_000, 40)], 0, 30),  # two minutes before it
        ([(3_600_000, 40)], 0, 40),  # nobody looked: the larger of the first reading and of what was booked at midnight
        ([(3_600_000, -40)], 0, 0),
        ([(3_600_000, -40)], 7, 7),
        ([(3_600_000, 40)], 7, 40),
        ([], 7, None),
    ],
)
async def test_the_index_of_midnight_is_what_was_seen_then_else_the_larger_of_two(
    readings: list[tuple[int, int]], unbooked: int, start: int | None
) -> None:
    life = build(settings=SETTINGS)
    now_ms = life.world.clock.wall_ms()
    midnight_ms = now_ms - now_ms % DAY_MS
    for after_ms, opened in readings:
        row = ("main", midnight_ms + after_ms, str(1_000 + opened), "1000", str(opened), "venue")
        life.ledger.write("INSERT INTO equity VALUES (?,?,?,?,?,?,NULL,NULL,NULL)", row)
    results = watch(life)._results
    assert results.day_start(midnight_ms + 7_200_000, Decimal(unbooked)) == start
    life.venue.close_stream()


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Kiritimati"])
@pytest.mark.parametrize("day", ["2024-02-29", "2024-03-01", "2024-03-31", "2024-10-27", "2025-01-01"])
def test_a_day_begins_at_its_utc_midnight_on_leap_days_and_when_the_clocks_of_the_machine_change(
    day: str, zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body() -> None:
        life = build(settings=SETTINGS)
        midnight_ms = round(datetime.fromisoformat(f"{day}T00:00+00:00").timestamp() * 1000)
        for time_ms, opened in ((midnight_ms - DAY_MS, 5), (midnight_ms - 1, 20), (midnight_ms, 30)):
            row = ("main", time_ms, str(1_000 + opened), "1000", str(opened), "venue")
            life.ledger.write("INSERT INTO equity VALUES (?,?,?,?,?,?,NULL,NULL,NULL)", row)
        results = watch(life)._results
        starts = [results.day_start(midnight_ms + after_ms) for after_ms in (-1, 0, DAY_MS - 1)]
        assert starts == [5, 30, 30]
        life.venue.close_stream()

    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        in_virtual_time(body)
    finally:
        monkeypatch.undo()
        time.tzset()
