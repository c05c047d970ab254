"""One account over the fake venue in virtual time: what the tests of the order path stand on."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import PurePath
from typing import Any

import anyio
import anyio.lowlevel

from playd.core.errors import LinkError
from playd.core.modes import Environment
from playd.core.orders import Action, Intent, IntentClass, Side
from playd.orders.account import Account
from playd.orders.budget import AccountBudget
from playd.orders.fills import InstanceEvent
from playd.orders.gates import GateInputs
from playd.orders.halts import Halts
from playd.orders.instance_port import InstancePort
from playd.orders.ledger import Ledger
from playd.orders.settings import OrderSettings
from playd.venues.port import Priority
from playd.world.ports import World
from playd.world.virtual import virtual_world
from playd.world.virtual.disk import MemoryDisk
from tests.records import check_record
from tests.simulation.fake_venue import SYMBOL, FakeVenue
from tests.simulation.venue_script import Script
from tests.virtual_time import LoopClock

STATE = PurePath("/state")
UID = "abcd2345"
READY = GateInputs(state="running", ready=True, feed_age_s=0.1, bar_age_s=0.1)

FOLLOWED = (
    "SELECT later.link_id FROM orders earlier JOIN orders later ON later.intent = earlier.intent"
    " AND later.attempt > earlier.attempt WHERE earlier.state IN"
    " ('INTENT', 'SENT', 'ACKED', 'OPEN', 'PARTIAL', 'UNKNOWN')"
)
"""Attempts beside an earlier one that works, or may: there must be none."""


class MemoryJournal:
    """`Recorder` that keeps its records in a list, each held against the golden lines."""

    def __init__(self) -> None:
        self.records: list[tuple[str, dict[str, Any]]] = []

    def append(self, kind: str, data: Mapping[str, Any], **_context: Any) -> int:
        check_record(kind, data)
        self.records.append((kind, dict(data)))
        return len(self.records)

    async def synced(self) -> None:
        return None

    @property
    def head(self) -> tuple[int, str]:
        return len(self.records), ""


class FreeBudget:
    """A rate budget that never makes anybody wait."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, Priority]] = []
        self.wait_s = 0.0
        self.ban_s = 0.0
        self.pause_s = 0.0
        self.missing_stops = 0

    async def take(self, endpoint: str, priority: Priority, *, owner: str = "") -> None:
        self.taken.append((endpoint, priority))
        if self.wait_s:
            await anyio.sleep(self.wait_s)

    def take_now(self, endpoint: str, priority: Priority, *, owner: str = "") -> bool:
        if self.wait_s:
            return False
        self.taken.append((endpoint, priority))
        return True

    def learn(self, endpoint: str, *, limit: int | None, left: int | None, reset_ms: int | None, code: int | None) -> None:
        return None

    def banned(self) -> None:
        self.ban_s = 600.0

    @property
    def banned_for_s(self) -> float:
        return self.ban_s

    @property
    def entries_paused_for_s(self) -> float:
        return self.pause_s


@dataclass
class OrderWorld:
    """World, venue and daemon side. `account` is a new object in every life of the daemon."""

    world: World
    venue: FakeVenue
    journal: MemoryJournal
    budget: FreeBudget
    settings: OrderSettings
    ledger: Ledger
    halts: Halts
    account: Account
    ports: list[InstancePort] = field(default_factory=list)

    @asynccontextmanager
    async def running(self, *, connect: bool = True) -> AsyncIterator[None]:
        """Start the account and run it for the block; the private stream is up when the block begins."""
        await self.start()
        events = self.venue.new_stream()
        try:
            async with anyio.create_task_group() as task_group:
                task_group.start_soon(self.account.run, events)
                await anyio.lowlevel.checkpoint()
                if connect:
                    self.venue.connect()
                    with anyio.fail_after(60):
                        await self.account.wait_ready()
                yield
                task_group.cancel_scope.cancel()
        finally:
            for port in self.ports:
                port.close()
            self.venue.close_stream()

    async def start(self) -> None:
        """As the supervisor does: again and again until the venue can be read."""
        while True:
            try:
                await self.account.start()
            except LinkError:
                await anyio.sleep(1.0)
            else:
                return

    async def register(self, uid: str = UID, *, symbol: str = SYMBOL, after: int = 0) -> InstancePort:
        """Register an instance whose port is closed at the end of `running`."""
        port = await self.account.register(uid, uid, symbol, clock_ms=60_000, after=after)
        self.ports.append(port)
        return port

    def crash(self) -> "OrderWorld":
        """The process dies: what was not committed is gone. Returns the next life on the same disk and venue."""
        self.ledger._connection.close()
        for claim in self.halts.guardian.claims._held.values():
            if claim.lock is not None:  # as the operating system does
                claim.lock.release()
        self.venue.close_stream()
        return build(self.venue, self.world, self.settings, self.journal)


def build(
    venue: FakeVenue | None = None,
    world: World | None = None,
    settings: OrderSettings | None = None,
    journal: MemoryJournal | None = None,
    script: Script | None = None,
    budget: AccountBudget | None = None,
) -> OrderWorld:
    """A daemon's order path on a memory disk; call inside the virtual loop. Nobody waits for a rate without a `budget`."""
    if world is None:
        virtual, clock = virtual_world(), LoopClock()
        disk = MemoryDisk(clock)
        disk.mkdir(STATE)
        world = World(clock, disk, virtual.net, virtual.random, virtual.env, virtual.process)
    venue = venue or FakeVenue(world.clock, script)
    settings = settings or replace(OrderSettings.of(Environment.LOCAL), wallet_every_s=30.0)
    journal, free = journal or MemoryJournal(), FreeBudget()
    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
    halts = Halts(ledger, world.disk, world.clock, journal, STATE)
    account = Account(world, "main", Environment.LOCAL, venue, ledger, budget or free, settings, journal, halts)
    return OrderWorld(world, venue, journal, free, settings, ledger, halts, account)


def entry(cause: int = 60_000, *, side: Side = Side.BUY, qty: str = "0.010", uid: str = UID, symbol: str = SYMBOL) -> Intent:
    price = Decimal("50000.0")
    stop = price - 500 if side is Side.BUY else price + 500
    return Intent(
        instance_uid=uid,
        instance="test",
        account="main",
        symbol=symbol,
        cause=str(cause),
        action=Action.ENTER,
        leg=0,
        intent_class=IntentClass.ENTRY,
        side=side,
        qty=Decimal(qty),
        price_ref=price,
        bar_close_ms=cause,
        expires_ms=cause + 30_000,
        reason="signal",
        stop=stop,
    )


async def entered(life: OrderWorld, uid: str = UID, *, qty: str = "0.010", settled_s: float = 1.0) -> InstancePort:
    """A registered instance that has entered, some time ago: its position is open and seen under its stop."""
    port = await life.register(uid)
    await port.submit(entry(qty=qty, uid=uid), READY)
    await anyio.sleep(settled_s)
    return port


def leave(cause: int = 120_000, *, side: Side = Side.SELL, qty: str = "0.010", uid: str = UID) -> Intent:
    return replace(
        entry(cause, side=side, qty=qty, uid=uid), action=Action.EXIT, intent_class=IntentClass.EXIT, stop=None, leg=0
    )


def taken(port: InstancePort) -> list[InstanceEvent]:
    """Everything that waits for the instance."""
    events = []
    while True:
        try:
            events.append(port.fills.receive_nowait())
        except (anyio.WouldBlock, anyio.EndOfStream):
            return events
