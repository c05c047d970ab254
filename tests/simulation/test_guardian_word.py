"""Of the share of an instance either the guardian or the daemon closes, where others hold a part of the symbol."""

from collections.abc import Awaitable, Callable
from decimal import Decimal

import anyio
import pytest

from playd.core.orders import OrderRequest, Side
from playd.orders.guardian_word import HEARD_WITHIN_S, LONGEST_S, GuardianWord
from playd.orders.halts import Level, instance_scope
from playd.orders.panic_report import PanicReport, PanicScope
from playd.orders.share_claims import DAEMON, GUARDIAN, ShareClaims
from playd.world.virtual import virtual_world
from tests.simulation.order_world import READY, STATE, UID, OrderWorld, build, entered, leave
from tests.simulation.venue_script import WriteFault
from tests.virtual_time import in_virtual_time

SHARE = PanicScope(instance_uid=UID)
SCOPE = instance_scope(UID)
OTHERS = Decimal("0.030")


async def beats(word: GuardianWord, for_s: float) -> None:
    for _ in range(round(for_s)):
        word.hear()
        await anyio.sleep(1.0)


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
            await beats(life.halts.guardian, 20)
            assert closes(life) == 0
            claims.let_go(UID, "panic")
        assert [report.exit_code for report in reports] == [0]
        assert life.venue.signed() == OTHERS

    held(story)


def test_what_the_guardian_has_closed_of_a_share_is_booked_before_anything_more_of_it_is_closed() -> None:
    """Nobody told of it: the private stream is down, and what the instance decides is as old as its last fill."""

    async def story(life: OrderWorld, _reports: list[PanicReport]) -> None:
        port, claims = life.ports[0], guardians(life)
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
            await beats(life.halts.guardian, LONGEST_S - 5)
            assert closes(life) == 0
            await beats(life.halts.guardian, LONGEST_S)
        assert life.venue.signed() == OTHERS

    held(story)


@pytest.mark.parametrize("scope", [PanicScope(), PanicScope(symbol="BTCUSDT")])
def test_a_panic_of_more_than_one_instance_waits_for_no_guardian_with_what_is_nobodys(scope: PanicScope) -> None:
    async def story(life: OrderWorld, reports: list[PanicReport]) -> None:
        guardians(life).hold("somebody", "panic")
        await panic(life, reports, scope)
        assert [report.exit_code for report in reports] == [0]
        assert reports[0].duration_s < 4.0

    held(story)


def test_a_guardian_that_is_heard_no_more_holds_no_panic_up_for_long() -> None:
    async def story(life: OrderWorld, reports: list[PanicReport]) -> None:
        guardians(life).hold(UID, "panic")
        life.halts.guardian.hear()
        await panic(life, reports)
        assert [report.exit_code for report in reports] == [0]
        assert reports[0].duration_s < 15.0

    held(story)


def test_a_share_that_nobody_else_holds_a_part_of_waits_for_nobody() -> None:
    async def body() -> None:
        life, reports = build(), list[PanicReport]()
        async with life.running():
            await entered(life, settled_s=1.0)
            guardians(life).hold(UID, "panic")
            life.halts.guardian.hear()
            await panic(life, reports)
            assert (reports[0].exit_code, life.venue.signed()) == (0, Decimal(0))
            assert reports[0].duration_s < 4.0

    in_virtual_time(body)


@pytest.mark.parametrize(("heard_s", "waits_s"), [(None, HEARD_WITHIN_S), (0.0, HEARD_WITHIN_S), (60.0, LONGEST_S)])
def test_a_claim_of_a_guardian_is_heeded_for_as_long_as_it_may_be_there(heard_s: float | None, waits_s: float) -> None:
    clock = virtual_world().clock
    word = GuardianWord(clock, ShareClaims(virtual_world().disk, STATE, DAEMON, GUARDIAN))
    asked_s, heeded_s = clock.mono_s(), 0
    while word.may_act(asked_s, asked_s):
        if heard_s:
            word.hear()
        clock.advance(1.0)
        heeded_s += 1
    assert heeded_s == waits_s


def test_of_two_that_claim_at_one_moment_at_least_one_sees_the_other() -> None:
    disk = virtual_world().disk
    daemon, guardian = ShareClaims(disk, STATE, DAEMON, GUARDIAN), ShareClaims(disk, STATE, GUARDIAN, DAEMON)
    assert daemon.hold(UID, "exit")
    assert guardian.hold(UID, "panic")
    assert (daemon.theirs(UID), guardian.theirs(UID)) == (True, True)
    daemon.hold(UID, "another exit")
    daemon.let_go(UID, "exit")
    assert guardian.theirs(UID)
    daemon.let_go(UID, "another exit")
    daemon.let_go(UID, "another exit")
    assert (daemon.theirs(UID), guardian.theirs(UID), guardian.theirs("somebody")) == (True, False, False)


def test_a_disk_that_takes_no_file_keeps_nobody_from_closing() -> None:
    disk = virtual_world().disk
    disk.fail("replace", "*closing*")
    daemon, guardian = ShareClaims(disk, STATE, DAEMON, GUARDIAN), ShareClaims(disk, STATE, GUARDIAN, DAEMON)
    assert (daemon.hold(UID, "exit"), daemon.is_held(UID, "exit")) == (True, True)
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
