"""A ban of our address that is on record, by the daemon or its guardian: no program sends anything before its end."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, cast

import aiohttp
import anyio
import pytest

from playd import __version__
from playd.cli.check import _accounts
from playd.cli.doctor import _reached
from playd.cli.emergency_flatten import FlattenOptions, _behind_a_ban
from playd.cli.guardian import JournalNumbers
from playd.cli.known_bans import address_beside
from playd.cli.rate_budgets import build_rate_budgets
from playd.cli.reports import Reports
from playd.cli.runtime import open_runtime
from playd.cli.runtime_plan import RuntimePlan
from playd.cli.start_barrier import Records
from playd.cli.upstream import upstream_data
from playd.cli.venue_accounts import key_accounts
from playd.control.streams import StreamHub
from playd.core.errors import LinkError, OperatorError
from playd.core.modes import Mode
from playd.ops.guardian_records import BAN
from playd.ops.journal import open_journal
from playd.ops.meters import Meters
from playd.ops.orders_of_day import OrdersOfDay
from playd.orders.bans import Bans, banned_until_ms
from playd.orders.halts import Halts
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.settings import Loaded, load
from playd.venues.exchange.upstream import upstream_of
from playd.world.ports import World
from playd.world.virtual import VirtualWorld, virtual_world
from tests.virtual_time import LoopClock, in_virtual_time

pytestmark = pytest.mark.anyio
STATE = PurePath("/state")
LEFT_MS = 590_000
FLATTEN = FlattenOptions("live", "/keys/demo", "", "", "global", "", "/state", yes=True, as_json=False)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was asked of a venue; nothing leaves."""
    found: list[str] = []

    def unreachable(_session: object, url: str, **_given: object) -> object:
        found.append(url)
        raise aiohttp.ClientConnectionError("nothing leaves a test")

    for name in ("get", "ws_connect"):
        monkeypatch.setattr(aiohttp.ClientSession, name, unreachable)
    return found


@dataclass
class Side:
    """What a start has before it sends anything."""

    world: VirtualWorld
    loaded: Loaded
    records: Records


@asynccontextmanager
async def scene(*, guardian: bool, daemon: bool) -> AsyncIterator[Side]:
    """A demo account, and a ban that these have on record."""
    world = virtual_world()
    for folder in (STATE, STATE / "guardian", PurePath("/config"), PurePath("/keys")):
        world.disk.mkdir(folder)
    world.disk.write_replace(PurePath("/keys/demo"), b"api_key=demokeydemokey\napi_secret=s\n")
    text = b'[accounts.demo]\nenvironment = "demo"\ncredential_file = "/keys/demo"\n'
    world.disk.write_replace(PurePath("/config/playd.toml"), text)
    until_ms = world.clock.wall_ms() + LEFT_MS
    if guardian:
        async with open_journal(world, STATE / "guardian" / "journal", JournalNumbers(), version=__version__) as (told, _):
            told.append(BAN, {"until_ms": until_ms})
            await told.synced()
    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
    async with open_journal(world, STATE / "journal", JournalNumbers(), version=__version__) as (journal, _):
        if daemon:
            Bans(ledger, journal).keep(until_ms)
        halts = Halts(ledger, world.disk, world.clock, journal, STATE)
        yield Side(world, load(world), Records(ledger, journal, halts, cast("Any", None)))
    ledger.close()


async def open_parts(side: Side) -> None:
    """All that a start runs before it hears the guardian, until it waits."""
    world, loaded, records = side.world, side.loaded, side.records
    accepted, refused = key_accounts(world, loaded)
    assert [*accepted] == ["demo"]
    of_day = OrdersOfDay(records.ledger, world.clock.wall_ms, Incidents(records.ledger, world.clock, records.journal), 1000)
    rate_budgets = build_rate_budgets(world, loaded, records, lambda alias: alias in accepted, of_day)
    plan = RuntimePlan(
        settings=loaded.settings,
        feed=None,
        speed=1.0,
        exchange_records=STATE / "exchange" / "records.sqlite",
        instances_dir=STATE / "instances",
        ceiling=Mode.DEMO,
        key_accounts=accepted,
        refused_accounts=refused,
        budget_of=rate_budgets.of,
        play_of=cast("Any", None),
        read_play=cast("Any", None),
        compile_for=cast("Any", None),
    )
    reports = Reports(records.journal, StreamHub(), Meters())
    async with open_runtime(world, plan, records.ledger, records.halts, records.journal, reports):
        await anyio.wait_all_tasks_blocked()


@pytest.mark.parametrize(("guardian", "daemon", "asks"), [(True, False, False), (False, True, False), (False, False, True)])
async def test_a_start_in_a_ban_sends_nothing_whoever_was_told_of_it(
    asked: list[str], guardian: bool, daemon: bool, asks: bool
) -> None:
    async with scene(guardian=guardian, daemon=daemon) as side:
        await open_parts(side)
        assert bool(asked) is asks
        stored_ms = banned_until_ms(side.records.ledger)
        assert stored_ms == (0 if asks else side.world.clock.wall_ms() + LEFT_MS)


@pytest.mark.parametrize(("guardian", "daemon"), [(True, False), (False, True)])
async def test_neither_check_nor_doctor_asks_a_venue_that_has_banned_this_address(
    asked: list[str], guardian: bool, daemon: bool
) -> None:
    async with scene(guardian=guardian, daemon=daemon) as side:
        (account,) = [each for each in await _accounts(side.world, side.loaded) if each.check == "account demo"]
        assert account.ok
        assert account.detail.endswith("nothing was sent: the venue has banned this address until 2024-01-01T00:09:50.000Z")
        (venue,) = [each for each in await _reached(side.world, side.loaded) if each.name == "venue"]
        assert (venue.result, "banned this address until 2024-01-01T00:09:50.000Z" in venue.detail) == ("unknown", True)
        assert asked == []


async def test_a_damaged_ledger_says_of_no_ban_and_stops_no_check() -> None:
    async with scene(guardian=False, daemon=True) as side:
        side.world.disk.write_replace(STATE / "ledger.sqlite", b"no ledger" * 1000, keep_previous=False)
        assert address_beside(side.world, side.loaded).banned_for_s == 0.0


async def test_no_market_data_of_a_venue_is_asked_for_in_a_ban_and_a_local_exchange_is_no_venue(
    asked: list[str],
) -> None:
    async with scene(guardian=True, daemon=False) as side:
        with pytest.raises(OperatorError, match="banned this address until 2024-01-01T00:09:50"):
            async with upstream_data(side.world, upstream_of("mainnet")):
                pass
        assert asked == []
        with pytest.raises(LinkError):
            async with upstream_data(side.world, upstream_of("http://127.0.0.1:9700")):
                pass


def test_an_emergency_flatten_waits_for_the_end_of_a_ban_and_says_what_else_there_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def body() -> None:
        async with scene(guardian=False, daemon=True) as side:
            began_s = anyio.current_time()
            world = World(LoopClock(), side.world.disk, side.world.net, side.world.random, side.world.env, side.world.process)
            Bans(side.records.ledger, side.records.journal).keep(world.clock.wall_ms() + LEFT_MS)
            await _behind_a_ban(world, FLATTEN)
            assert anyio.current_time() - began_s == pytest.approx(LEFT_MS / 1000)
        said = capsys.readouterr().err
        assert "banned this address until" in said
        assert "the venue's app" in said

    in_virtual_time(body)


async def test_an_emergency_flatten_goes_on_at_once_without_a_ban_or_where_nobody_can_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with scene(guardian=False, daemon=False) as side:
        await _behind_a_ban(side.world, replace(FLATTEN, state="/nowhere"))
        assert capsys.readouterr().err == "bans of this address are looked for in /nowhere; --state names another directory\n"
        side.world.disk.write_replace(STATE / "ledger.sqlite", b"no ledger" * 1000, keep_previous=False)
        await _behind_a_ban(side.world, FLATTEN)
        assert "nobody can say whether this address is banned" in capsys.readouterr().err
