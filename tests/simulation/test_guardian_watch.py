"""The guardian's watch beside its panics: neither waits for the other, and what is not done is gone on with."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import anyio
import pytest

from playd.core.errors import LinkError
from playd.core.ids import instance_tag
from playd.core.modes import Environment
from playd.core.orders import OrderRequest, Side, VenueOrder
from playd.orders.guardian.guardian import Guardian
from playd.orders.guardian.hands import Hands
from playd.orders.guardian.judge import DaemonState, Heard
from playd.orders.guardian.open_account import OpenedAccount
from playd.orders.guardian.plan import AccountPlan, Plan, PlannedHalt, PlannedPosition, PlannedShare, Rules
from playd.orders.guardian.plan_file import PlanFile
from playd.orders.guardian.share import GuardianShare
from playd.orders.guardian.unfinished import Unfinished
from playd.orders.guardian.watch import AccountWatch, Outlook
from playd.orders.panic_report import FLAT_WITHIN_S, PanicReport, PanicScope
from playd.orders.share_claims import DAEMON, GUARDIAN, ShareClaims
from playd.venues.port import Priority, PrivateEvent, Reply
from playd.world.virtual import virtual_world
from tests.simulation.fake_venue import SYMBOL, FakeVenue
from tests.simulation.order_world import STATE
from tests.unit.guardian.test_judge import account, planned, resting
from tests.virtual_time import LoopClock, in_virtual_time

UID, OTHER = "abcdefgh", "ETHUSDT"
STOP = Decimal(49_000)
NOT_NOW = 110074
"""An answer to a close that is worth another try."""


def unclaimed() -> ShareClaims:
    """Claims of a guardian whose daemon claims nothing."""
    return ShareClaims(virtual_world().disk, STATE, GUARDIAN, DAEMON)


@dataclass
class Watched:
    """An account under its watch, whose daemon is as `heard` says."""

    venue: FakeVenue
    heard: Heard
    plan: AccountPlan
    watch: AccountWatch = field(init=False)
    records: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    halts: tuple[PlannedHalt, ...] = ()

    def __post_init__(self) -> None:
        hands = Hands(self.venue, GuardianShare(self.venue.clock), ())
        outlook = lambda: Outlook(self.plan, Rules(), self.heard, self.halts)  # noqa: E731
        self.watch = AccountWatch("main", hands, self.venue.clock, outlook, self.record, lambda: None, {}, unclaimed())

    def record(self, kind: str, data: Mapping[str, Any], _account: str, _symbol: str) -> None:
        self.records.append((kind, dict(data)))

    def beat(self, daemon_id: str = "") -> None:
        self.heard = Heard(DaemonState.ALIVE, self.venue.clock.mono_s(), daemon_id)

    async def beats_for(self, s: int, daemon_id: str = "") -> None:
        for _ in range(s):
            self.beat(daemon_id)
            await anyio.sleep(1.0)

    def told(self) -> set[str]:
        return {alarm.kind for alarm in self.watch.alarms}


def position(symbol: str) -> PlannedPosition:
    share = PlannedShare(UID, "mine", Decimal("0.010"), 0, 0)
    return replace(planned(), symbol=symbol, qty=Decimal("0.010"), stop=STOP, shares=(share,))


class AtTwoASecond(FakeVenue):
    """Cancels at the pace of the guardian's share."""

    async def cancel(self, symbol: str, *, link_id: str = "", venue_order_id: str = "", priority: Priority) -> Reply:
        await anyio.sleep(0.5)
        return await super().cancel(symbol, link_id=link_id, venue_order_id=venue_order_id, priority=priority)


@asynccontextmanager
async def watched(state: DaemonState, *symbols: str, venue_type: type[AtTwoASecond] = AtTwoASecond) -> AsyncIterator[Watched]:
    """A position on each symbol, each under its stop."""
    venue = venue_type(LoopClock())
    plan = AccountPlan(
        "main", Environment.LOCAL, "", "", "", "", "", False, "", (), tuple(position(symbol) for symbol in symbols)
    )
    for n, symbol in enumerate(symbols):
        link = f"pde{instance_tag(UID)}-{n:024}"
        await venue.place(OrderRequest(link, symbol, Side.BUY, Decimal("0.010"), stop=STOP))
    side = Watched(venue, Heard(state, venue.clock.mono_s()), plan)
    send, receive = anyio.create_memory_object_stream[PrivateEvent](10)
    async with send, receive, anyio.create_task_group() as group:
        group.start_soon(side.watch.run, receive)
        yield side
        group.cancel_scope.cancel()
    venue.close_stream()


async def test_while_a_panic_goes_on_another_position_of_its_account_gets_its_stop_back() -> None:
    async with watched(DaemonState.DEAD, SYMBOL, OTHER) as side, anyio.create_task_group() as group:
        side.venue.script.codes = [NOT_NOW] * 1_000
        group.start_soon(side.watch.panic, PanicScope(symbol=SYMBOL), lambda _text: None)
        await anyio.sleep(5.0)
        side.venue.remove_stop(OTHER)
        await anyio.sleep(10.0)
        assert side.venue.stop_of(OTHER) == STOP
        group.cancel_scope.cancel()


async def test_a_panic_of_the_account_waits_for_no_panic_of_one_instance() -> None:
    async with watched(DaemonState.DEAD, SYMBOL) as side, anyio.create_task_group() as group:
        side.venue.script.codes = [NOT_NOW] * 1_000
        group.start_soon(side.watch.panic, PanicScope(instance_uid=UID), lambda _text: None)
        await anyio.sleep(1.0)
        before = len(side.venue.placed)
        group.start_soon(side.watch.panic, PanicScope(), lambda _text: None)
        await anyio.sleep(1.0)
        assert (before, len(side.venue.placed)) == (2, 3)
        group.cancel_scope.cancel()


@pytest.mark.parametrize("scope", [PanicScope(), PanicScope(symbol=SYMBOL), PanicScope(instance_uid=UID)])
async def test_a_panic_that_was_not_done_in_its_time_goes_on_while_no_daemon_is_there_and_a_person_is_called(
    scope: PanicScope,
) -> None:
    async with watched(DaemonState.DEAD, SYMBOL) as side:
        side.venue.script.codes = [NOT_NOW] * 1_000
        report = await side.watch.panic(scope, lambda _text: None)
        await anyio.sleep(60.0)
        called, stop = side.told(), side.venue.stop_of()
        side.venue.script.codes = []
        await anyio.sleep(40.0)

        assert report.exit_code == 11
        assert ("PANIC_UNFINISHED" in called, stop) == (True, STOP)
        assert ("PANIC_UNFINISHED" in side.told(), side.venue.signed()) == (False, 0)
        assert [data["flat"] for kind, data in side.records if kind == "panic.result"] == [True]


async def test_a_panic_that_was_not_done_is_left_to_a_daemon_that_is_heard() -> None:
    async with watched(DaemonState.DEAD, SYMBOL) as side:
        side.venue.script.codes = [NOT_NOW] * 1_000
        await side.watch.panic(PanicScope(), lambda _text: None)
        side.heard = Heard(DaemonState.ALIVE, side.venue.clock.mono_s() + 30.0)
        await anyio.sleep(30.0)
        side.venue.script.codes = []
        await anyio.sleep(30.0)

        assert side.venue.signed() == Decimal("0.010")
        assert "PANIC_UNFINISHED" not in side.told()
        assert [data["flat"] for kind, data in side.records if kind == "panic.result"] == [False]


async def test_a_panic_of_one_instance_is_left_to_a_daemon_that_is_started_meanwhile() -> None:
    async with watched(DaemonState.DEAD, SYMBOL) as side, anyio.create_task_group() as group:
        side.venue.script.codes = [NOT_NOW] * 1_000
        reports = list[PanicReport]()

        async def panic(scope: PanicScope) -> None:
            reports.append(await side.watch.panic(scope, lambda _text: None))

        group.start_soon(panic, PanicScope(instance_uid=UID))
        await anyio.sleep(5.0)
        side.heard = Heard(DaemonState.ALIVE, side.venue.clock.mono_s() + 60.0, "started")
        await anyio.sleep(0.5)
        before = len(side.venue.placed)
        await anyio.sleep(30.0)

        assert [report.exit_code for report in reports] == [11]
        assert len(side.venue.placed) == before


async def test_a_panic_of_one_instance_that_waited_for_another_is_left_to_a_daemon_that_was_started_before_its_turn() -> None:
    async with watched(DaemonState.DEAD, SYMBOL) as side, anyio.create_task_group() as group:
        side.venue.script.codes = [NOT_NOW] * 1_000
        for _ in range(2):
            group.start_soon(side.watch.panic, PanicScope(instance_uid=UID), lambda _text: None)
        await anyio.sleep(2.0)
        side.beat("started")
        await anyio.sleep(0.5)
        before = len(side.venue.placed)
        await side.beats_for(30, "started")
        assert len(side.venue.placed) == before
        group.cancel_scope.cancel()


async def test_a_try_at_a_share_ends_with_the_first_beat_of_a_daemon_that_only_stood_still() -> None:
    async with watched(DaemonState.DEAD, SYMBOL) as side:
        side.venue.script.codes = [NOT_NOW] * 1_000
        await side.watch.panic(PanicScope(instance_uid=UID), lambda _text: None)
        await anyio.sleep(7.0)
        side.beat()
        await anyio.sleep(0.5)
        before = len(side.venue.placed)
        await side.beats_for(30)
        assert len(side.venue.placed) == before
        assert [data["flat"] for kind, data in side.records if kind == "panic.result"] == [False]


async def test_a_panic_that_a_person_repeats_to_its_end_while_another_one_is_tried_ends_nothing_else() -> None:
    async with watched(DaemonState.DEAD, SYMBOL, OTHER) as side:
        first, second = PanicScope(symbol=SYMBOL), PanicScope(symbol=OTHER)
        side.venue.script.codes = [NOT_NOW] * 1_000
        async with anyio.create_task_group() as group:
            for scope in (first, second):
                group.start_soon(side.watch.panic, scope, lambda _text: None)
        before = len(side.venue.placed)
        for _ in range(100):
            await anyio.sleep(0.1)
            if len(side.venue.placed) > before:
                break
        is_first = side.venue.placed[-1].symbol == SYMBOL
        side.venue.script.codes = []
        report = await side.watch.panic(second if is_first else first, lambda _text: None)
        await side.beats_for(40)
        assert report.exit_code == 0
        assert "PANIC_UNFINISHED" not in side.told()
        assert len([kind for kind, _ in side.records if kind == "panic.result"]) == 1


@pytest.mark.parametrize("is_behind", [True, False])
async def test_a_freeze_behind_a_panic_ends_it_and_an_older_one_does_not(is_behind: bool) -> None:
    async with watched(DaemonState.DEAD, SYMBOL) as side, anyio.create_task_group() as group:
        side.venue.script.codes = [NOT_NOW] * 1_000
        reports = list[PanicReport]()

        async def panic() -> None:
            reports.append(await side.watch.panic(PanicScope(), lambda _text: None))

        now_ms = side.venue.clock.wall_ms()
        freeze = PlannedHalt(1, "account:main", 5, "FREEZE", "", "uid:0(root)", now_ms + (1_000 if is_behind else -1_000))
        side.halts = () if is_behind else (freeze,)
        group.start_soon(panic)
        await anyio.sleep(5.0)
        side.halts = (freeze,)
        await anyio.sleep(0.5)
        before = len(side.venue.placed)
        await anyio.sleep(100.0)

        assert (len(side.venue.placed) == before) is is_behind
        assert ("account:main was frozen by uid:0(root)" in reports[0].problems) is is_behind
        assert ("PANIC_UNFINISHED" in side.told()) is not is_behind
        group.cancel_scope.cancel()


async def test_a_freeze_that_was_in_force_stops_no_panic_when_the_wall_clock_was_set_back_since() -> None:
    async with watched(DaemonState.DEAD, SYMBOL) as side:
        ahead_ms = side.venue.clock.wall_ms() + 3_600_000
        side.halts = (PlannedHalt(1, "account:main", 5, "FREEZE", "", "uid:0(root)", ahead_ms),)
        side.venue.script.codes = [NOT_NOW] * 1_000
        report = await side.watch.panic(PanicScope(), lambda _text: None)
        side.venue.script.codes = []
        await anyio.sleep(30.0)

        assert (report.exit_code, side.venue.signed()) == (11, 0)
        assert "PANIC_UNFINISHED" not in side.told()


async def test_a_freeze_ends_a_panic_that_goes_on_and_that_is_on_record() -> None:
    async with watched(DaemonState.DEAD, SYMBOL) as side:
        side.venue.script.codes = [NOT_NOW] * 1_000
        await side.watch.panic(PanicScope(), lambda _text: None)
        side.halts = (PlannedHalt(1, "all", 5, "FREEZE", "", "me", side.venue.clock.wall_ms()),)
        await anyio.sleep(10.0)
        assert "PANIC_UNFINISHED" not in side.told()
        assert [data["text"] for kind, data in side.records if kind == "panic.result"] == ["account:main: all was frozen by me"]


def test_a_panic_that_is_not_done_outlives_another_place_of_its_account_and_is_told_while_nobody_can_watch() -> None:
    @asynccontextmanager
    async def away(_place: AccountPlan) -> AsyncIterator[OpenedAccount]:
        raise LinkError("the venue is away")
        yield

    async def body() -> None:
        clock, disk, told = LoopClock(), virtual_world().disk, list[tuple[str, str]]()
        file = PlanFile(disk, STATE)
        file.save(Plan(accounts=(account(),)), 1)
        tell = lambda event, alarm, _since_ms: told.append((event, alarm.kind))  # noqa: E731
        guardian = Guardian(clock, file, away, lambda *_: None, lambda *_: None, tell, unclaimed())
        async with anyio.create_task_group() as group:
            await group.start(guardian.run)
            guardian.kept["main"].unfinished[PanicScope()] = Unfinished("the account is not watched", clock.wall_ms())
            await anyio.sleep(20.0)
            file.save(Plan(accounts=(replace(account(), credential_file="another"),)), 2)
            await anyio.sleep(20.0)
            assert PanicScope() in guardian.kept["main"].unfinished
            assert ("open", "PANIC_UNFINISHED") in told
            assert ("resolved", "PANIC_UNFINISHED") not in told
            group.cancel_scope.cancel()

    in_virtual_time(body)


async def test_a_hundred_entries_of_a_dead_daemon_keep_no_position_from_its_stop() -> None:
    async with watched(DaemonState.ALIVE, SYMBOL) as side:
        entries = [resting(f"pde{instance_tag(UID)}-{n:024}") for n in range(100, 200)]
        side.venue.orders.update({each.venue_order_id: each for each in entries})
        side.heard = Heard(DaemonState.DEAD, side.venue.clock.mono_s() - FLAT_WITHIN_S)
        side.watch.wake()
        await anyio.sleep(5.0)
        side.venue.remove_stop()
        await anyio.sleep(10.0)
        early = side.venue.stop_of()
        await anyio.sleep(120.0)

        assert early == STOP
        assert {side.venue.orders[each.venue_order_id].status for each in entries} == {"Cancelled"}


async def test_a_daemon_that_is_dead_for_half_an_hour_leaves_its_position_under_its_stop_and_no_entry() -> None:
    async with watched(DaemonState.DEAD, SYMBOL) as side:
        entry, held = resting(f"pde{instance_tag(UID)}-{100:024}"), side.venue.signed()
        side.venue.orders[entry.venue_order_id] = entry
        bare, told = list[int](), list[bool]()
        for minute in range(30):
            side.venue.remove_stop()
            await anyio.sleep(20.0)
            bare += [minute] if side.venue.stop_of() != STOP else []
            await anyio.sleep(40.0)
            told.append("DAEMON_DEAD" in side.told())
            if minute == 1:
                assert side.venue.orders[entry.venue_order_id].status == "Cancelled"

        assert bare == [], "minutes in which the stop was not back in time"
        assert (side.venue.signed(), all(told)) == (held, True)
        assert {data.get("action", kind) for kind, data in side.records} == {"stop.repaired", "cancel"}


@pytest.mark.parametrize("accounts", [(), ("main",)])
def test_a_dead_daemon_is_told_of_also_where_no_account_can_be_read(accounts: tuple[str, ...]) -> None:
    @asynccontextmanager
    async def away(_place: AccountPlan) -> AsyncIterator[OpenedAccount]:
        raise LinkError("the venue is away")
        yield

    async def body() -> None:
        clock, disk, told = LoopClock(), virtual_world().disk, list[tuple[str, str]]()
        file = PlanFile(disk, STATE)
        file.save(Plan(accounts=tuple(replace(account(), alias=alias) for alias in accounts)), clock.wall_ms())
        tell = lambda event, alarm, _since_ms: told.append((event, alarm.kind))  # noqa: E731
        guardian = Guardian(clock, file, away, lambda *_: None, lambda *_: None, tell, unclaimed())
        async with anyio.create_task_group() as group:
            await group.start(guardian.run)
            await anyio.sleep(30.0)
            dead = [*told]
            for _ in range(3):
                guardian.beat("daemon", "", stopping=False)
                await anyio.sleep(1.0)
            group.cancel_scope.cancel()

        assert ("open", "DAEMON_DEAD") in dead
        assert ("resolved", "DAEMON_DEAD") in told

    in_virtual_time(body)


class WithoutOrders(AtTwoASecond):
    """A venue whose list of open orders cannot be read."""

    async def open_orders(self, symbol: str | None = None, *, priority: Priority) -> Sequence[VenueOrder]:
        raise LinkError("no answer")


async def test_a_list_of_orders_that_cannot_be_read_keeps_no_position_from_its_stop_and_a_person_is_called() -> None:
    async with watched(DaemonState.DEAD, SYMBOL, venue_type=WithoutOrders) as side:
        side.venue.remove_stop()
        await anyio.sleep(10.0)
        early = side.venue.stop_of()
        await anyio.sleep(15.0)

        assert early == STOP
        assert "GUARDIAN_BLIND" in side.told()


async def test_a_list_of_orders_that_cannot_be_read_keeps_nothing_open_in_a_panic_and_nothing_is_called_flat() -> None:
    async with watched(DaemonState.DEAD, SYMBOL, venue_type=WithoutOrders) as side:
        report = await side.watch.panic(PanicScope(), lambda _text: None)

        assert (report.exit_code, side.venue.signed()) == (11, 0)
        assert "open orders could not be read" in str(report.problems)
