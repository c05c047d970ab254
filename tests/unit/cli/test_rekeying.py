"""Another key for an account: taken only when the venue takes it, and then by every request and a new private stream."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from aiohttp import web

from playd.cli.rekeying import KIND, Rekeying
from playd.core.errors import OperatorError
from playd.core.modes import Environment
from playd.orders.budget import AccountBudget, AddressBudget
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.settings import load
from playd.venues.bybit.socket import ConnectLimiter, SocketTiming
from playd.venues.bybit.venue import BybitVenue, open_bybit_venue
from playd.venues.bybit.venue_clock import VenueClock
from playd.venues.port import Priority, StreamDown, StreamUp
from playd.world.virtual import VirtualWorld, virtual_world
from tests.answers import check_data
from tests.fake_bybit import FakeBybit, FreeBudget, Seen, account, code, ok
from tests.simulation.order_world import MemoryJournal

pytestmark = pytest.mark.anyio
FILE, STATE = PurePath("/keys/main"), PurePath("/state")
QUICK = SocketTiming(ack_within_s=30.0, backoff_first_s=0.01, backoff_max_s=0.05)
RIGHTS = {"readOnly": 0, "permissions": {"ContractTrade": ["Order", "Position"]}, "ips": ["*"], "deadlineDay": 90}
USERS = {"SIMKEYSIMKEYSIMKEY": "7", "nextkey": "7", "strangerskey": "8", "streamlesskey": "7"}


def answer(seen: Seen) -> web.Response:
    user = USERS.get(seen.headers["X-BAPI-API-KEY"])
    return code(10003, "API key is invalid") if user is None else ok({**RIGHTS, "userID": user})


@dataclass
class Scene:
    world: VirtualWorld
    fake: FakeBybit
    port: BybitVenue
    rekeying: Rekeying
    incidents: Incidents
    journal: MemoryJournal
    looked: list[str]
    budget: AccountBudget

    async def change(self, key: str) -> Any:
        self.world.disk.write_replace(FILE, f"api_key={key}\napi_secret=s\n".encode(), keep_previous=False)
        said = await self.rekeying.change("main", "uid:0(root)")
        check_data("creds.reload", said)
        return said


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    world, fake, journal = virtual_world(), FakeBybit(answer=answer), MemoryJournal()
    async with fake.running(world) as hosts, anyio.create_task_group() as group:
        for folder in (FILE.parent, STATE, PurePath("/config")):
            world.disk.mkdir(folder)
        text = f'[accounts.main]\nenvironment = "local"\nrest_url = "{hosts.rest}"\ncredential_file = "{FILE}"\n'
        world.disk.write_replace(PurePath("/config/playd.toml"), text.encode())
        loaded = load(world)
        ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
        incidents, clock = Incidents(ledger, world.clock, journal), VenueClock(world.clock)
        first = replace(account(hosts), alias="main")
        async with open_bybit_venue(world, first, FreeBudget(), timing=QUICK, venue_clock=clock) as port:
            group.start_soon(port.stream.run)
            assert await port.stream.events.receive() == StreamUp(1)
            looked: list[str] = []

            async def look_again() -> None:
                looked.append((await port.key_info()).uid)

            universe = SimpleNamespace(
                plan=SimpleNamespace(socket_timing=QUICK), limiter=ConnectLimiter(world.clock), clock=clock
            )
            running = SimpleNamespace(key=SimpleNamespace(uid="7", look_again=look_again))
            runtime: Any = SimpleNamespace(
                world=world,
                plan=SimpleNamespace(key_accounts={"main": first}, refused_accounts={}),
                ports={"main": port},
                accounts=SimpleNamespace(find=lambda alias: running),
                universes={Environment.LOCAL: universe},
            )
            budget = AddressBudget(world.clock).for_account("main")
            rekeying = Rekeying(runtime, lambda: loaded, {"main": budget}.__getitem__, journal, incidents)
            yield Scene(world, fake, port, rekeying, incidents, journal, looked, budget)
        group.cancel_scope.cancel()


async def test_what_proves_a_key_is_counted_with_what_the_account_sends() -> None:
    async with scene() as here:
        with anyio.fail_after(60):
            await here.change("nextkey")
            assert isinstance(await here.port.stream.events.receive(), StreamDown)
            assert await here.port.stream.events.receive() == StreamUp(2)
        used = {row.endpoint: sum(row.by_owner.values()) for row in here.budget.used_rows()}
        assert used["/v5/user/query-api"] >= 1


async def test_a_key_of_the_same_user_is_proved_and_then_used_by_every_request_and_a_new_stream() -> None:
    async with scene() as here:
        with anyio.fail_after(60):
            said = await here.change("nextkey")
            assert (said["changed"], said["uid"], here.looked) == (True, "7", ["7"])
            assert isinstance(await here.port.stream.events.receive(), StreamDown)
            assert await here.port.stream.events.receive() == StreamUp(2)
            assert here.fake.sockets[-1].frames[0]["args"][0] == "nextkey"
        await here.port.positions(priority=Priority.RECONCILE)
        assert here.fake.seen[-1].headers["X-BAPI-API-KEY"] == "nextkey"
        assert here.rekeying.runtime.plan.key_accounts["main"].api_key.reveal() == "nextkey"
        assert [kind for kind, _ in here.journal.records] == ["auth.reloaded"]
        assert "nextkey" not in str(here.journal.records)
        assert (await here.rekeying.change("main", "uid:0(root)"))["changed"] is False


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("unknownkey", "code 10003"),
        ("strangerskey", "belongs to uid 8, the account is that of 7"),
        ("streamlesskey", "the private stream does not open with it"),
        ("", "api_key is missing"),
    ],
)
async def test_a_key_that_is_not_proved_changes_nothing_and_is_told(key: str, why: str) -> None:
    async with scene() as here:
        if key == "streamlesskey":
            here.fake.refused["auth"] = "no"
        before = here.rekeying.runtime.plan.key_accounts["main"]
        with anyio.fail_after(60), pytest.raises(OperatorError, match=why):
            await here.change(key)
        assert here.rekeying.runtime.plan.key_accounts["main"] is before
        assert here.port.stream.up
        assert here.port.account is before
        assert [each.kind for each in here.incidents.open_ones()] == [KIND]
