"""One instance's crash never reaches another; a burst of crashes ends in quarantine; stopping twice is stopping once."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from playd.core.errors import PlayError, RecordError, StateError
from playd.core.modes import Mode
from playd.market.feed_watch import FeedState
from playd.market.hub import MarketHub
from playd.orders.account import Account
from playd.orders.halts import Halts, Level, instance_scope
from playd.orders.ledger import Ledger
from playd.supervisor.accounts import Accounts
from playd.supervisor.admission import Refused
from playd.supervisor.commands import Commands
from playd.supervisor.counting import RulesMoved
from playd.supervisor.errors import CommandRefused, NoSuchInstance
from playd.supervisor.instance import EngineInstance
from playd.supervisor.records import InstanceRecord, RecordStore
from playd.supervisor.restart import RestartBudget
from playd.supervisor.slot import Slot
from playd.supervisor.states import State
from playd.supervisor.supervisor import Supervisor, SupervisorParts, SupervisorRules
from playd.world.ports import World
from playd.world.virtual import VirtualWorld, virtual_world

pytestmark = pytest.mark.anyio

Life = Callable[[Slot], Awaitable[None]]


class Journal:
    """A recorder that remembers kinds."""

    def __init__(self) -> None:
        self.kinds: list[str] = []

    def append(self, kind: str, data: Any, **context: Any) -> int:
        self.kinds.append(kind)
        return len(self.kinds)

    async def synced(self) -> None: ...

    @property
    def head(self) -> tuple[int, str]:
        return len(self.kinds), ""


class Hub:
    """A hub whose feeds are live but for those in `bad`; it knows nothing of those in `broken`."""

    def __init__(self) -> None:
        self.bad: dict[str, FeedState] = {}
        self.unrecorded = ""
        self.broken: set[str] = set()

    def feed_state(self, symbol: str) -> FeedState:
        if symbol in self.broken:
            raise KeyError(symbol)
        return self.bad.get(symbol, FeedState.LIVE)


class Desk:
    """What the supervisor and its commands ask an account. `agreed` are the answers to come, then all is well."""

    def __init__(self) -> None:
        self.agreed: list[bool] = []
        self.asked: list[str] = []
        self.cancelled: list[tuple[str, State]] = []
        self.slot: Slot | None = None
        self.desk = SimpleNamespace(instruments={}, condition=SimpleNamespace(not_ready=lambda: ""))
        self.resuming, self.breakers = self, SimpleNamespace(look_at_day=lambda: None)

    async def agrees(self, symbol: str, trigger: str) -> bool:
        self.asked.append(symbol)
        return self.agreed.pop(0) if self.agreed else True

    async def cancel_entries(self, *, instance_uid: str = "", symbol: str = "") -> int:
        assert self.slot is not None
        self.cancelled.append((instance_uid, self.slot.state))
        self.slot.touch()
        return 1


class DeskAccounts(Accounts):
    """Every account is the one given, once there is one."""

    given: Desk | None = None

    def find(self, alias: str) -> Account | None:
        return cast("Account | None", self.given)


@dataclass
class House:
    """A supervisor whose lives are functions of the test."""

    world: VirtualWorld
    supervisor: Supervisor
    halts: Halts
    records: RecordStore
    hub: Hub
    accounts: DeskAccounts
    lives: dict[str, Life]
    on_engines: dict[str, Callable[[EngineInstance], None]]
    transitions: list[tuple[str, State, State]] = field(default_factory=list)
    admission: Callable[[InstanceRecord], Refused | None] = lambda _record: None

    def add(self, name: str, life: Life) -> Slot:
        self.lives[name] = life
        slot = self.supervisor.add(record(name))
        self.records.put(slot.record)
        return slot

    def commands(self) -> Commands:
        nowhere = PurePath("/nowhere")
        machine = cast("World", self.world)
        return Commands(machine, self.supervisor, self.records, self.halts, self.admission, nowhere, nowhere)

    def start(self, slot: Slot) -> None:
        self.supervisor.start(slot, lambda candidate: self.admission(candidate), "test")


def record(name: str) -> InstanceRecord:
    return InstanceRecord(
        uid=f"uid-{name}",
        name=name,
        account=f"paper-{name}",
        mode=Mode.PAPER,
        symbol="BTCUSDT",
        play_path="p.yml",
        play_digest="d",
        capital_usd="1",
        clock_ms=60_000,
        created_ms=0,
        changed_ms=0,
    )


async def steady(slot: Slot) -> None:
    """A life that is warm at once and goes on for ever."""
    slot.set_facts(replace(slot.facts, warm=True), "warm")
    await anyio.sleep_forever()


def crashing(error: Exception, times: int = 10_000) -> Life:
    """A life that raises its first `times` times, and is steady afterwards."""
    left = [times]

    async def life(slot: Slot) -> None:
        if left[0] > 0:
            left[0] -= 1
            raise error
        await steady(slot)

    return life


@asynccontextmanager
async def house(backoff_s: float = 0.0, world: VirtualWorld | None = None, cooldown_s: float = 0.01) -> AsyncIterator[House]:
    world = world or virtual_world()
    world.disk.mkdir(PurePath("/state"))
    ledger = Ledger.open(world.disk, world.clock, PurePath("/state/ledger.sqlite"))
    journal = Journal()
    halts = Halts(ledger, world.disk, world.clock, cast("Any", journal), PurePath("/state"))
    records = RecordStore(ledger)
    accounts = DeskAccounts(world.clock, world.random, lambda *_: None, lambda *_: None)
    hub, lives, on_engines = Hub(), dict[str, Life](), dict[str, Callable[[EngineInstance], None]]()
    transitions: list[tuple[str, State, State]] = []

    async def live(slot: Slot, on_engine: Callable[[EngineInstance], None]) -> None:
        on_engines[slot.name] = on_engine
        await lives[slot.name](slot)

    supervisor = Supervisor(
        SupervisorParts(
            world.clock,
            world.random,
            halts,
            accounts,
            records,
            lambda _: cast("MarketHub", hub),
            lambda _: None,
            unrecorded=lambda: hub.unrecorded,
        ),
        SupervisorRules(RestartBudget(3, 900_000, (backoff_s,)), 50, cooldown_s),
        live,
        lambda slot, before, after, cause: transitions.append((slot.name, before, after)),
        lambda event, slot, fields: None,
    )
    async with anyio.create_task_group() as group:
        await group.start(accounts.run)
        await group.start(supervisor.run)
        yield House(world, supervisor, halts, records, hub, accounts, lives, on_engines, transitions)
        group.cancel_scope.cancel()
    ledger.close()


async def until(slot: Slot, state: State) -> None:
    with anyio.fail_after(60):
        while slot.state is not state:
            await slot.touched.wait()


async def test_either_feed_of_an_instance_that_reads_two_degrades_it() -> None:
    async with house() as home:
        slot = home.add("pair", steady)
        slot.symbols = "BTCUSDT", "ETHUSDT"
        home.start(slot)
        await slot.settled.wait()
        for bad, text in (
            ({"ETHUSDT": FeedState.STALE}, "feed of ETHUSDT is stale"),
            ({"BTCUSDT": FeedState.GAP}, "feed is gap"),
            ({"BTCUSDT": FeedState.GAP, "ETHUSDT": FeedState.STALE}, "feed is gap, feed of ETHUSDT is stale"),
            ({"SOLUSDT": FeedState.STALE}, None),
        ):
            home.hub.bad = bad
            home.supervisor.look_around()
            assert slot.facts.causes.get("feed_stale") == text


async def test_records_that_wait_for_the_disk_refuse_entries_until_they_are_written() -> None:
    async with house() as home:
        slot = home.add("a", steady)
        home.start(slot)
        await slot.settled.wait()
        for home.hub.unrecorded in ("the disk has no room for the journal", ""):
            home.supervisor.look_around()
            assert slot.facts.causes.get("journal_behind", "") == home.hub.unrecorded


async def test_an_instance_runs_until_it_is_stopped() -> None:
    async with house() as home:
        slot = home.add("alpha", steady)
        assert slot.state is State.CREATED
        home.start(slot)
        await slot.settled.wait()
        home.supervisor.look_around()
        assert slot.state is State.DEGRADED  # warm, but nobody opened its account
        await home.supervisor.stop(slot, "test")
        assert slot.state is State.STOPPED
        assert not slot.active


@pytest.mark.parametrize(
    "error",
    [RuntimeError("boom"), ExceptionGroup("group", [ValueError("inner")]), MemoryError(), RecursionError(), KeyError("x")],
)
async def test_a_crash_reaches_nobody_else(error: Exception) -> None:
    async with house() as home:
        good, bad = home.add("good", steady), home.add("bad", crashing(error))
        home.start(good)
        home.start(bad)
        await until(bad, State.FAILED)
        assert good.facts.warm
        assert good.active
        assert good.crashes == 0


async def test_an_error_in_the_look_at_one_instance_fails_that_one_alone() -> None:
    async with house() as home:
        good, bad = home.add("good", steady), home.add("bad", steady)
        bad.symbols = ("ETHUSDT",)
        for slot in (good, bad):
            home.start(slot)
            await slot.settled.wait()
        home.hub.broken = {"ETHUSDT"}
        home.supervisor.look_around()
        assert bad.facts.failed is not None
        assert (bad.facts.failed.code, "ETHUSDT" in bad.facts.failed.text) == ("bug", True)
        with anyio.fail_after(60):
            await bad.ended.wait()
        home.supervisor.look_around()
        assert good.active
        assert good.facts.failed is None


async def test_what_fails_beside_an_instance_reaches_nobody() -> None:
    async def broken(slot: Slot) -> None:
        done.set()
        raise ValueError(slot.name)

    async with house() as home:
        slot, done = home.add("alpha", steady), anyio.Event()
        home.start(slot)
        home.supervisor.beside(slot, broken)
        with anyio.fail_after(60):
            await done.wait()
        await anyio.lowlevel.checkpoint()
        home.supervisor.look_around()
        assert slot.active


async def test_a_burst_of_crashes_is_quarantine_and_survives_the_daemon() -> None:
    async with house() as home:
        slot = home.add("alpha", crashing(RuntimeError("boom")))
        home.start(slot)
        await until(slot, State.FAILED)
        await slot.ended.wait()
        assert slot.crashes == 4
        assert slot.facts.failed is not None
        assert (slot.facts.failed.code, "boom" in slot.facts.failed.text) == ("quarantine", True)
        again = home.supervisor.add(home.records.load()[0])
        assert again.state is State.FAILED


async def test_another_tick_or_step_begins_another_life_and_is_no_crash() -> None:
    heard: list[object] = []

    async def life(slot: Slot) -> None:
        slot.engine = cast("EngineInstance", SimpleNamespace(rules_are=heard.append))
        await crashes(slot)

    crashes = crashing(ExceptionGroup("a life", [RulesMoved("other units")]), times=5)
    async with house() as home:
        home.accounts.given = Desk()
        home.accounts.given.desk.instruments["BTCUSDT"] = "rules as they are now"
        slot = home.add("a", life)
        home.start(slot)
        await until(slot, State.RUNNING)
        assert (slot.crashes, slot.record.restarts) == (0, ())
        home.supervisor.refresh(slot)
        assert set(heard) == {"rules as they are now"}


async def test_two_crashes_are_survived() -> None:
    async with house() as home:
        slot = home.add("alpha", crashing(RuntimeError("boom"), times=2))
        home.start(slot)
        with anyio.fail_after(60):
            await slot.settled.wait()
        assert (slot.crashes, slot.facts.failed) == (2, None)
        assert len(slot.record.restarts) == 2


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (PlayError(["line 3"]), "play_invalid"),
        (ExceptionGroup("tasks", [StateError("cut")]), "state_unreadable"),
    ],
)
async def test_what_a_restart_cannot_mend_fails_at_once(error: Exception, code: str) -> None:
    async with house() as home:
        slot = home.add("alpha", crashing(error))
        home.start(slot)
        await until(slot, State.FAILED)
        await slot.ended.wait()
        assert slot.crashes == 1
        assert slot.record.failed_code == code


async def test_a_failure_waits_for_a_person() -> None:
    async with house() as home:
        slot = home.add("alpha", crashing(StateError("cut"), times=1))
        home.start(slot)
        await until(slot, State.FAILED)
        await slot.ended.wait()
        home.supervisor.reset_failed(slot, "operator", by="me")
        assert slot.state is State.CREATED
        home.start(slot)
        with anyio.fail_after(60):
            await slot.settled.wait()
        assert slot.facts.warm


async def test_what_cannot_be_recorded_ends_the_daemon() -> None:
    async def daemon() -> None:
        async with house() as home:
            home.start(home.add("alpha", crashing(ExceptionGroup("tasks", [RecordError("disk")]))))
            await anyio.sleep_forever()

    with pytest.raises(ExceptionGroup) as caught:
        await daemon()
    assert caught.group_contains(RecordError)


async def test_admission_is_asked_again_before_every_restart() -> None:
    async with house() as home:
        slot = home.add("alpha", crashing(RuntimeError("boom")))
        home.start(slot)
        home.admission = lambda _: Refused("PLAY_CHANGED", "the file was edited")
        await until(slot, State.FAILED)
        await slot.ended.wait()
        assert slot.record.failed_code == "PLAY_CHANGED"


async def test_a_refused_start_leaves_nothing_behind() -> None:
    async with house() as home:
        slot = home.add("alpha", steady)
        home.admission = lambda _: Refused("TOO_MANY", "full")
        with pytest.raises(CommandRefused, match="full"):
            home.start(slot)
        assert (slot.state, slot.active) == (State.CREATED, False)


async def test_concurrent_stops_wait_for_the_same_end() -> None:
    async with house() as home:
        slot = home.add("alpha", steady)
        home.start(slot)
        await slot.settled.wait()
        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(home.supervisor.stop, slot, "test")
        assert slot.state is State.STOPPED
        stops = [step for step in home.transitions if step[2] is State.STOPPED]
        assert len(stops) == 1


async def test_a_stop_ends_the_wait_between_two_lives() -> None:
    async with house(backoff_s=3600.0) as home:
        slot = home.add("alpha", crashing(RuntimeError("boom")))
        home.start(slot)
        with anyio.fail_after(60):
            while not slot.crashes:
                await slot.touched.wait()
            await home.supervisor.stop(slot, "test")
        assert slot.state is State.STOPPED


async def test_a_halt_pauses_and_its_lifting_resumes() -> None:
    async with house() as home:
        slot = home.add("alpha", steady)
        home.start(slot)
        await slot.settled.wait()
        halt = home.halts.raise_level(instance_scope(slot.record.uid), Level.PAUSE, "OPERATOR", "lunch", actor="me")
        home.supervisor.look_around()
        assert slot.state is State.PAUSED
        assert slot.reasons[0].code == "OPERATOR"
        assert "lunch" in slot.reasons[0].text
        home.halts.lift(halt.id, by="me", note="")
        home.supervisor.look_around()
        assert slot.state is not State.PAUSED


async def test_lifting_a_panic_leaves_the_instance_stopped() -> None:
    async with house() as home:
        slot = home.add("alpha", steady)
        home.start(slot)
        await slot.settled.wait()
        halt = home.halts.raise_level(instance_scope(slot.record.uid), Level.PANIC, "PANIC", "", actor="me")
        home.supervisor.look_around()
        assert slot.state is State.PANICKED
        home.halts.lift(halt.id, by="me", note="")
        home.supervisor.look_around()
        assert slot.state is State.STOPPED
        with anyio.fail_after(60):
            await slot.ended.wait()


async def test_a_pause_outlives_the_daemon() -> None:
    async with house() as home:
        slot = home.add("alpha", steady)
        home.halts.raise_level(instance_scope(slot.record.uid), Level.PAUSE, "OPERATOR", "lunch", actor="me")
        again = home.supervisor.add(slot.record)
        home.start(again)
        assert again.state is State.PAUSED


async def test_what_was_written_down_is_made_durable_also_without_an_account() -> None:
    async with house() as home:
        ledger = home.records._ledger
        ledger.set_meta("told", "once")
        before = ledger.commits
        home.world.clock.advance(0.6)
        home.supervisor.look_around()
        assert ledger.commits == before + 1


async def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    async with house() as home:
        home.add("alpha", steady)
        with pytest.raises(NoSuchInstance, match="did you mean 'alpha'"):
            home.supervisor.find("alhpa")


async def test_without_a_permission_entries_are_cancelled_once_the_account_is_open_whatever_that_raises() -> None:
    async with house() as home:
        slot, desk = home.add("alpha", steady), Desk()
        slot.record = replace(slot.record, mode=Mode.LIVE)
        home.start(slot)
        await slot.settled.wait()
        home.supervisor.refresh(slot)
        home.accounts.given = desk  # knows no slot: its cancelling raises
        home.supervisor.refresh(slot)
        await anyio.wait_all_tasks_blocked()
        assert slot.active, "what cancelling raised reached nobody"
        desk.slot, slot.taken_back = slot, None
        home.supervisor.refresh(slot)
        home.supervisor.refresh(slot)
        await anyio.wait_all_tasks_blocked()
        assert [uid for uid, _ in desk.cancelled] == ["uid-alpha"]
