"""Of the share of an instance either the guardian or the daemon closes, where others hold a part of the symbol."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import PurePath

import anyio
import pytest

from playd.core.errors import LinkError, LockError
from playd.core.orders import Execution, OrderRequest, Side
from playd.orders.budget import AddressBudget
from playd.orders.halts import Level, instance_scope
from playd.orders.panic_report import PanicReport, PanicScope
from playd.orders.share_claims import DAEMON, GUARDIAN, WAIT_S, ShareClaims
from playd.orders.share_turns import READ_WITHIN_S
from playd.world.virtual import virtual_world
from playd.world.virtual.disk import MemoryDisk
from playd.world.virtual.files import MemoryLock
from tests.simulation.order_world import READY, STATE, UID, OrderWorld, build, entered, leave
from tests.simulation.venue_script import WriteFault
from tests.virtual_time import LoopClock, in_virtual_time

SHARE = PanicScope(instance_uid=UID)
SCOPE = instance_scope(UID)
OTHERS = Decimal("0.030")


def guardians(life: OrderWorld) -> ShareClaims:
    return ShareClaims(life.world.disk, STATE, GUARDIAN, DAEMON)


def held(story: Callable[[OrderWorld, list[PanicReport]], Awaitable[None]]) -> None:
    """A position of one instance beside what somebody else holds, and reports of the panics that the story asks for."""

    async def body() -> None:
        life, reports = build(), list[PanicReport]()
        async with life.running():
            await entered(life, settled_s=1.0)
            life.venue.open_foreign(OTHERS)
            await anyio.sleep(1.0)
            await story(life, reports)

    in_virtual_time(body)


async def panic(life: OrderWorld, reports: list[PanicReport], scope: PanicScope = SHARE) -> None:
    reports.append(await life.account.panic(scope, actor="me", reason="test"))


def closes(life: OrderWorld) -> int:
    return len([order for order in life.venue.placed if order.reduce_only])


def test_a_panic_of_an_instance_waits_while_the_guardian_claims_its_share_and_goes_on_then() -> None:
    async def story(life: OrderWorld, reports: list[PanicReport]) -> None:
        claims = guardians(life)
        claims.hold(UID, "panic")
        async with anyio.create_task_group() as group:
            group.start_soon(panic, life, reports)
            await anyio.sleep(WAIT_S - 1.0)
            assert closes(life) == 0
            claims.let_go(UID, "panic")
        assert [report.exit_code for report in reports] == [0]
        assert life.venue.signed() == OTHERS

    held(story)


@pytest.mark.parametrize("ahead_ms", [0, 3_600_000], ids=["", "the clock was set back since the last reading"])
def test_what_the_guardian_has_closed_of_a_share_is_booked_before_anything_more_of_it_is_closed(ahead_ms: int) -> None:
    """Nobody told of it: the private stream is down, and what the instance decides is as old as its last fill."""

    async def story(life: OrderWorld, _reports: list[PanicReport]) -> None:
        port, claims = life.ports[0], guardians(life)
        life.account.catch_up.complete_ms += ahead_ms
        life.venue.disconnect()
        claims.hold(UID, "panic")
        link = f"pdg{life.account.desk.book.of_intent(f'{UID}/60000/enter/0')[0].link_id[3:9]}-{'a' * 24}"
        await life.venue.place(OrderRequest(link, "BTCUSDT", Side.SELL, Decimal("0.010"), reduce_only=True))
        claims.let_go(UID, "panic")
        verdict = await port.submit(leave(), READY)
        await anyio.sleep(30.0)
        assert verdict.code == "FLAT"
        assert life.venue.signed() == OTHERS

    held(story)


def test_an_exit_in_doubt_is_claimed_until_it_is_known_and_the_guardian_can_tell() -> None:
    async def story(life: OrderWorld, _reports: list[PanicReport]) -> None:
        claims, seen = guardians(life), list[bool]()
        life.venue.script.writes = [WriteFault.LOST_BEFORE] * 6
        life.venue.script.hidden_reads = 8
        async with anyio.create_task_group() as group:
            group.start_soon(life.ports[0].submit, leave(), READY)
            for _ in range(3):
                await anyio.sleep(1.0)
                seen.append(claims.theirs(UID))
        await anyio.sleep(60.0)
        assert (seen, claims.theirs(UID)) == ([True] * 3, False)
        assert life.venue.signed() == OTHERS

    held(story)


def test_a_guardian_that_claims_a_share_for_longer_than_an_attempt_takes_holds_no_panic_up_for_ever() -> None:
    async def story(life: OrderWorld, reports: list[PanicReport]) -> None:
        guardians(life).hold(UID, "panic")
        async with anyio.create_task_group() as group:
            group.start_soon(panic, life, reports)
            await anyio.sleep(WAIT_S - 1.0)
            assert closes(life) == 0
        assert reports[0].duration_s < WAIT_S + 5.0
        assert life.venue.signed() == OTHERS

    held(story)


@pytest.mark.parametrize("scope", [PanicScope(), PanicScope(symbol="BTCUSDT")])
def test_a_panic_that_closes_all_of_a_position_waits_for_no_guardian(scope: PanicScope) -> None:
    """The venue bounds what both close of it together."""

    async def story(life: OrderWorld, reports: list[PanicReport]) -> None:
        guardians(life).hold(UID, "panic")
        await panic(life, reports, scope)
        assert [report.exit_code for report in reports] == [0]
        assert reports[0].duration_s < 4.0

    held(story)


def test_a_claim_is_waited_for_once_however_many_orders_a_share_takes() -> None:
    async def story(life: OrderWorld, reports: list[PanicReport]) -> None:
        instruments = life.account.desk.instruments
        instruments["BTCUSDT"] = replace(instruments["BTCUSDT"], max_market_qty=Decimal("0.001"))
        guardians(life).hold(UID, "panic")
        await panic(life, reports)
        assert (reports[0].exit_code, life.venue.signed(), closes(life)) == (0, OTHERS, 10)
        assert reports[0].duration_s < WAIT_S + 5.0

    held(story)


def test_a_position_that_takes_no_stop_is_closed_though_the_guardian_claims_a_share_of_it() -> None:
    async def story(life: OrderWorld, _reports: list[PanicReport]) -> None:
        guardians(life).hold(UID, "panic")
        life.venue.script.refused_stops = 10_000
        life.venue.remove_stop()
        await anyio.sleep(life.account.desk.settings.naked_act_s + 1.0)
        assert closes(life) == 0
        await anyio.sleep(3.0)
        assert closes(life) == 1

    held(story)


async def test_nothing_is_claimed_while_no_order_is_under_way() -> None:
    """Frozen between two attempts, and when the account is closed that was at it."""
    life = build()
    claims, seen = guardians(life), list[bool]()
    async with life.running():
        await entered(life, settled_s=1.0)
        life.venue.open_foreign(OTHERS)
        await anyio.sleep(1.0)
        life.venue.script.codes = [110007] * 30
        await life.ports[0].submit(leave(), READY)
        await anyio.sleep(0.1)
        halt = life.halts.raise_level(SCOPE, Level.FREEZE, "OPERATOR", "mine", actor="me")
        await anyio.sleep(60.0)
        seen.append(claims.theirs(UID))
        life.halts.lift(halt.id, by="me", note="test")
        for _ in range(40):
            await anyio.sleep(0.05)
            seen.append(claims.theirs(UID))
    assert not any([*seen, claims.theirs(UID)])


@pytest.mark.parametrize("claimed", ["long ago", "just now"])
async def test_executions_that_cannot_be_read_keep_no_exit(claimed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    life = build()
    claims = guardians(life)
    claims.hold(UID, "panic")
    claims.let_go(UID, "panic")
    await anyio.sleep(600.0)
    async with life.running():
        await entered(life, settled_s=1.0)
        life.venue.open_foreign(OTHERS)
        await anyio.sleep(1.0)
        if claimed == "just now":
            claims.hold(UID, "panic")
            claims.let_go(UID, "panic")

        async def unreadable(**_asked: object) -> list[Execution]:
            raise LinkError("503")

        with monkeypatch.context() as away:
            away.setattr(life.venue, "executions", unreadable)
            began_s = life.world.clock.mono_s()
            await life.ports[0].submit(leave(), READY)
            late_s = life.world.clock.mono_s() - began_s
        assert closes(life) == 1
        assert (late_s >= READ_WITHIN_S) is (claimed == "just now")
        assert late_s < READ_WITHIN_S + 1.0
        kinds = [incident.kind for incident in life.account.desk.incidents.open_ones()]
        assert ("SHARE_UNREAD" in kinds) is (claimed == "just now")
        await anyio.sleep(10.0)
        assert "SHARE_UNREAD" not in [incident.kind for incident in life.account.desk.incidents.open_ones()]


async def test_what_the_guardian_closed_and_nobody_could_read_is_told_until_a_life_has_read_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    life = build()

    async def unreadable(**_asked: object) -> list[Execution]:
        raise LinkError("503")

    async with life.running():
        await entered(life, settled_s=1.0)
        life.venue.open_foreign(OTHERS)
        await anyio.sleep(1.0)
        guardians(life).hold(UID, "panic")
        guardians(life).let_go(UID, "panic")
        monkeypatch.setattr(life.venue, "executions", unreadable)
        await life.ports[0].submit(leave(), READY)
    life = life.crash()
    told = [incident.kind for incident in life.account.desk.incidents.open_ones()]
    monkeypatch.undo()
    async with life.running():
        await anyio.sleep(5.0)
    assert "SHARE_UNREAD" in told
    assert "SHARE_UNREAD" not in [incident.kind for incident in life.account.desk.incidents.open_ones()]


async def test_a_share_that_nobody_else_holds_a_part_of_waits_for_nobody() -> None:
    life, reports = build(), list[PanicReport]()
    async with life.running():
        await entered(life, settled_s=1.0)
        guardians(life).hold(UID, "panic")
        await panic(life, reports)
        assert (reports[0].exit_code, life.venue.signed()) == (0, Decimal(0))
        assert reports[0].duration_s < 4.0


def test_of_two_that_claim_at_one_moment_at_least_one_sees_the_other() -> None:
    disk = virtual_world().disk
    daemon, guardian = ShareClaims(disk, STATE, DAEMON, GUARDIAN), ShareClaims(disk, STATE, GUARDIAN, DAEMON)
    daemon.hold(UID, "exit")
    guardian.hold(UID, "panic")
    assert (daemon.theirs(UID), guardian.theirs(UID)) == (True, True)
    daemon.hold(UID, "another exit")
    daemon.let_go(UID, "exit")
    assert guardian.theirs(UID)
    daemon.let_go(UID, "another exit")
    daemon.let_go(UID, "another exit")
    assert (daemon.theirs(UID), guardian.theirs(UID), guardian.theirs("somebody")) == (True, False, False)


@pytest.mark.parametrize(("looks", "claimed"), [(1, True), (2, True), (1000, False)])
def test_a_look_of_the_other_one_in_the_moment_of_a_claim_costs_no_claim_and_nothing_keeps_the_order(
    looks: int, claimed: bool
) -> None:
    class Looked(MemoryDisk):
        """Somebody looks at the lock, so often."""

        looks = 0

        def lock(self, path: PurePath, text: str) -> MemoryLock:
            self.looks += 1
            if self.looks <= looks:
                raise LockError(f"{path} is held by another process")
            return super().lock(path, text)

    disk = Looked(virtual_world().clock)
    daemon, guardian = ShareClaims(disk, STATE, DAEMON, GUARDIAN), ShareClaims(disk, STATE, GUARDIAN, DAEMON)
    daemon.hold(UID, "exit")
    assert (daemon.is_held(UID, "exit"), guardian.theirs(UID)) == (True, claimed)
    daemon.let_go(UID, "exit")
    assert not guardian.theirs(UID)


def test_a_disk_that_takes_no_file_keeps_nobody_from_closing() -> None:
    disk = virtual_world().disk
    disk.fail("replace", "*closing*")
    daemon, guardian = ShareClaims(disk, STATE, DAEMON, GUARDIAN), ShareClaims(disk, STATE, GUARDIAN, DAEMON)
    daemon.hold(UID, "exit")
    assert daemon.is_held(UID, "exit")
    assert (guardian.theirs(UID), guardian.their_last_ms(UID)) == (False, 0)
    daemon.let_go(UID, "exit")
    assert not daemon.is_held(UID, "exit")


def test_a_level_of_one_instance_that_the_guardian_has_begun_is_nobody_elses_until_it_says_how_it_ended() -> None:
    async def story(life: OrderWorld, reports: list[PanicReport]) -> None:
        life.halts.raise_level(SCOPE, Level.PANIC, "GUARDIAN_PANIC", "out")
        life.halts.guardian.begun[SCOPE] = 1
        life.account.resume_panics()
        await anyio.sleep(30.0)
        before = life.venue.signed()
        del life.halts.guardian.begun[SCOPE]
        life.account.resume_panics()
        await anyio.sleep(30.0)
        assert (before, life.venue.signed()) == (OTHERS + Decimal("0.010"), OTHERS)

    held(story)


async def test_a_ban_that_comes_while_a_share_is_waited_for_is_waited_for_too() -> None:
    address = AddressBudget(LoopClock())
    life = build(budget=address.for_account("main"))
    async with life.running():
        await entered(life, settled_s=1.0)
        life.venue.open_foreign(OTHERS)
        await anyio.sleep(1.0)
        claims = guardians(life)
        claims.hold(UID, "panic")
        async with anyio.create_task_group() as group:
            group.start_soon(life.ports[0].submit, leave(), READY)
            await anyio.sleep(1.0)
            address.ban()
            await anyio.sleep(address.banned_for_s - 1.0)
            early = closes(life)
            claims.let_go(UID, "panic")
        await anyio.sleep(30.0)
        assert early == 0
        assert life.venue.signed() == OTHERS
