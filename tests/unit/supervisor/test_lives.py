"""How lives of an instance begin and end: by the table, whatever raises wherever, and never by what happened to its account."""

import types
from collections.abc import Generator
from dataclasses import replace
from typing import Any, cast

import anyio
import pytest

from playd.core.errors import RecordError
from playd.core.modes import Mode
from playd.orders.halts import Level, instance_scope
from playd.orders.instance_port import AccountEnded
from playd.supervisor import causes, supervisor, taking_back
from playd.supervisor.accounts import OpenAccount
from playd.supervisor.edge import first_of
from playd.supervisor.restart import RestartBudget
from playd.supervisor.slot import Slot
from playd.supervisor.states import State
from playd.supervisor.supervisor import Supervisor
from tests.unit.supervisor.test_stopping import order
from tests.unit.supervisor.test_supervisor import Desk, crashing, house, steady, until

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("level", "state"), [(Level.PAUSE, State.PAUSED), (Level.PANIC, State.PANICKED)])
async def test_whatever_holds_a_start_is_admitted_first(level: Level, state: State) -> None:
    async with house() as home:
        slot = home.add("alpha", steady)
        home.start(slot)
        await slot.settled.wait()
        await home.supervisor.stop(slot, "test")
        home.halts.raise_level(instance_scope(slot.record.uid), level, "OPERATOR", "lunch", actor="me")
        home.transitions.clear()
        home.start(slot)
        assert home.transitions == [
            ("alpha", State.STOPPED, State.WARMING),
            ("alpha", State.WARMING, state),
        ]
        assert slot.reasons[0].since_ms == home.world.clock.wall_ms()


async def test_the_end_of_an_account_is_no_crash_of_its_instances(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LOOK_S", 0.0)
    async with house() as home:
        home.accounts.given = Desk()
        slot = home.add("alpha", crashing(ExceptionGroup("a life", [AccountEnded("account a has ended")]), times=20))
        home.start(slot)
        await until(slot, State.DEGRADED)
        assert slot.facts.causes["venue_away"] == "account a has ended"
        with anyio.fail_after(60):
            while not slot.facts.warm:
                await slot.touched.wait()
        assert (slot.crashes, slot.record.restarts, slot.facts.failed) == (0, (), None)
        assert "cooldown" in slot.facts.causes or home.records.entries_held_until_ms("uid-alpha") == 0


async def test_entries_of_one_that_crashed_with_its_account_go_once_that_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking_back, "AFTER_CRASH_S", 0.0)
    monkeypatch.setattr(taking_back, "LOOK_S", 0.0)
    async with house(backoff_s=3600.0) as home:
        slot, desk = home.add("alpha", crashing(RuntimeError("boom"))), Desk()
        desk.slot = slot
        order(home, slot, "OPEN")
        home.start(slot)
        with anyio.fail_after(60):
            while not slot.crashes:
                await slot.touched.wait()
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        home.accounts.given = desk
        with anyio.fail_after(60):
            while not desk.cancelled:
                await slot.touched.wait()
        assert {uid for uid, _ in desk.cancelled} == {"uid-alpha"}


async def test_entries_of_a_daemon_that_died_go_when_their_instance_is_not_running_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(taking_back, "AFTER_CRASH_S", 0.0)

    async def warming(slot: Slot) -> None:
        await anyio.sleep_forever()

    for life, cancelled in ((warming, ["uid-alpha"]), (steady, [])):
        async with house() as home:
            slot, desk = home.add("alpha", life), Desk()
            home.accounts.given, desk.slot = desk, slot
            order(home, slot, "OPEN")
            home.start(slot)
            await anyio.wait_all_tasks_blocked()
            with anyio.fail_after(60):
                while len(desk.cancelled) < len(cancelled):
                    await slot.touched.wait()
            assert [uid for uid, _ in desk.cancelled] == cancelled


async def test_the_time_of_one_that_crashes_again_runs_on_and_ends_when_it_is_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking_back, "AFTER_CRASH_S", 3600.0)
    async with house() as home:
        slot = home.add("alpha", steady)
        of = home.supervisor._taking_back
        order(home, slot, "OPEN")
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(of.unless_back, slot)
            await anyio.wait_all_tasks_blocked()
            assert of._timed == {"uid-alpha"}
            with anyio.fail_after(60):
                home.start(slot)
                while of._timed:
                    await anyio.lowlevel.checkpoint()
        assert slot.facts.warm


async def test_one_that_is_not_warm_in_its_time_says_so_and_what_it_waits_for() -> None:
    async def life(slot: Slot) -> None:
        await going_on.wait()
        await steady(slot)

    going_on = anyio.Event()
    async with house() as home:
        slot = home.add("alpha", life)
        home.accounts._open["paper-alpha"] = OpenAccount(cast("Any", None), step="start barrier: instrument rules")
        home.start(slot)
        await anyio.wait_all_tasks_blocked()
        home.supervisor.look_around()
        assert slot.state is State.WARMING
        home.world.clock.advance(causes.CAUGHT_UP_WITHIN_S)
        home.supervisor.look_around()
        assert slot.state is State.DEGRADED
        text = slot.facts.causes["not_caught_up"]
        assert "60 s" in text
        assert "account paper-alpha: start barrier: instrument rules" in text
        home.accounts.given = Desk()
        going_on.set()
        await until(slot, State.RUNNING)


async def test_one_that_waits_out_a_back_off_is_not_called_late() -> None:
    async def life(slot: Slot) -> None:
        slot.set("warm", warm=True)
        await crash.wait()
        raise RuntimeError("boom")

    crash = anyio.Event()
    async with house(backoff_s=3600.0) as home:
        slot = home.add("alpha", life)
        home.accounts.given = Desk()
        home.start(slot)
        await slot.settled.wait()
        home.world.clock.advance(causes.CAUGHT_UP_WITHIN_S * 2)
        crash.set()
        with anyio.fail_after(60):
            while "restarting" not in slot.facts.causes:
                await slot.touched.wait()
        home.supervisor.look_around()
        assert "not_caught_up" not in slot.facts.causes


async def test_a_record_that_was_lost_as_the_account_ended_ends_the_daemon() -> None:
    lost = ExceptionGroup("a life", [AccountEnded("account a has ended"), RecordError("disk")])

    async def live() -> None:
        async with house() as home:
            home.accounts.given = Desk()
            slot = home.add("alpha", crashing(lost, times=1))
            home.start(slot)
            await until(slot, State.RUNNING)

    with pytest.raises(ExceptionGroup) as caught:
        await live()
    assert first_of(caught.value, RecordError) is not None


@types.coroutine
def raising_at(coroutine: Any, number: int, error: Exception, seen: list[int]) -> Generator[Any, Any, Any]:
    """What a coroutine does, but that its await of that number raises."""
    step, given = coroutine.send, None
    while True:
        try:
            waited_for = step(given)
        except StopIteration as end:
            return end.value
        seen[0] += 1
        if seen[0] == number:
            step, given = coroutine.throw, error
            continue
        try:
            given, step = (yield waited_for), coroutine.send
        except BaseException as thrown:  # noqa: BLE001 - whatever it is, it is the coroutine's to catch
            step, given = coroutine.throw, cast("Any", thrown)


@pytest.mark.parametrize("mode", [Mode.PAPER, Mode.SHADOW])
async def test_whichever_await_of_its_task_raises_the_end_is_a_failure_that_the_supervisor_has_seen(
    monkeypatch: pytest.MonkeyPatch, mode: Mode
) -> None:
    async def life(slot: Slot) -> None:
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        raise RuntimeError("a crash by itself")

    supervise, number = Supervisor._supervise, 0
    raised = True
    while raised:
        number, seen = number + 1, [0]

        async def watched(self: Supervisor, *given: Any, at: int = number, seen: list[int] = seen) -> None:
            await raising_at(supervise(self, *given), at, ValueError(f"raised at await {at}"), seen)

        monkeypatch.setattr(Supervisor, "_supervise", watched)
        async with house() as home:
            home.supervisor._rules = replace(home.supervisor._rules, restarts=RestartBudget(1, 900_000, (0.0,)))
            slot = home.add("alpha", life)
            home.start(slot)
            with anyio.fail_after(60):
                await slot.ended.wait()
            assert slot.state is State.FAILED, f"await {number}"
            assert not slot.active
            assert slot.engine is None
        raised = seen[0] >= number
    assert number > 4
