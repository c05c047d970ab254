"""Of the share of an instance either the guardian or the daemon closes, whoever was asked first."""

from collections.abc import Awaitable, Callable
from decimal import Decimal

import anyio
import pytest

from playd.orders.guardian_word import LONGEST_S, GuardianWord
from playd.orders.halts import Level, instance_scope
from playd.orders.panic_report import PanicReport, PanicScope
from tests.simulation.order_world import UID, OrderWorld, build, entered
from tests.virtual_time import LoopClock, in_virtual_time

SHARE = PanicScope(instance_uid=UID)
SCOPE = instance_scope(UID)


async def beats(word: GuardianWord, closing: list[str], for_s: float) -> None:
    for _ in range(round(for_s)):
        word.hear(closing)
        await anyio.sleep(1.0)


def held(story: Callable[[OrderWorld, list[PanicReport]], Awaitable[None]]) -> None:
    """A position of one instance, and reports of the panics that the story asks for."""

    async def body() -> None:
        life, reports = build(), list[PanicReport]()
        async with life.running():
            await entered(life, settled_s=1.0)
            await story(life, reports)

    in_virtual_time(body)


async def panic(life: OrderWorld, reports: list[PanicReport], scope: PanicScope = SHARE) -> None:
    reports.append(await life.account.panic(scope, actor="me", reason="test"))


def closes(life: OrderWorld) -> int:
    return len([order for order in life.venue.placed if order.reduce_only])


def test_a_panic_of_an_instance_waits_while_the_guardian_says_that_it_closes_that_share_and_goes_on_then() -> None:
    async def story(life: OrderWorld, reports: list[PanicReport]) -> None:
        word = life.halts.guardian
        word.hear([SCOPE])
        async with anyio.create_task_group() as group:
            group.start_soon(panic, life, reports)
            await beats(word, [SCOPE], 20)
            assert closes(life) == 0
            await beats(word, [], 10)
        assert [report.exit_code for report in reports] == [0]
        assert life.venue.signed() == Decimal(0)

    held(story)


def test_a_guardian_that_names_a_share_for_longer_than_an_attempt_takes_holds_no_panic_up_for_ever() -> None:
    async def story(life: OrderWorld, reports: list[PanicReport]) -> None:
        word = life.halts.guardian
        word.hear([SCOPE])
        async with anyio.create_task_group() as group:
            group.start_soon(panic, life, reports)
            await beats(word, [SCOPE], LONGEST_S - 5)
            assert closes(life) == 0
            await beats(word, [SCOPE], 15)
        assert life.venue.signed() == Decimal(0)

    held(story)


@pytest.mark.parametrize("scope", [PanicScope(), PanicScope(symbol="BTCUSDT")])
def test_no_panic_of_more_than_one_instance_waits_for_the_guardian(scope: PanicScope) -> None:
    async def story(life: OrderWorld, reports: list[PanicReport]) -> None:
        life.halts.guardian.hear([SCOPE])
        await panic(life, reports, scope)
        assert [report.exit_code for report in reports] == [0]
        assert reports[0].duration_s < 4.0

    held(story)


def test_a_guardian_that_is_heard_no_more_holds_no_panic_up_for_long() -> None:
    async def story(life: OrderWorld, reports: list[PanicReport]) -> None:
        life.halts.guardian.hear([SCOPE])
        await panic(life, reports)
        assert [report.exit_code for report in reports] == [0]
        assert reports[0].duration_s < 15.0

    held(story)


def test_a_daemon_that_stood_still_hears_the_guardian_before_it_closes_a_share() -> None:
    async def story(life: OrderWorld, reports: list[PanicReport]) -> None:
        word = life.halts.guardian
        word.hear([])
        await anyio.sleep(30.0)
        async with anyio.create_task_group() as group:
            group.start_soon(panic, life, reports)
            await anyio.sleep(0.5)
            await beats(word, [SCOPE], 10)
            assert closes(life) == 0
            await beats(word, [], 10)
        assert [report.exit_code for report in reports] == [0]

    held(story)


@pytest.mark.parametrize("silent_s", [None, 0.0, 3.0])
def test_where_no_guardian_was_ever_heard_or_it_is_known_to_be_gone_nothing_waits(silent_s: float | None) -> None:
    async def body() -> None:
        clock = LoopClock()
        word = GuardianWord(clock)
        if silent_s is not None:
            word.hear([SCOPE])
            await anyio.sleep(60.0)
            word.miss()
            await anyio.sleep(silent_s)
        began_s = clock.mono_s()
        await word.until_through(SCOPE)
        waited_s = clock.mono_s() - began_s
        assert waited_s == 0.0 if silent_s != 0.0 else waited_s < 4.0

    in_virtual_time(body)


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
        assert (before, life.venue.signed()) == (Decimal("0.010"), Decimal(0))

    held(story)
