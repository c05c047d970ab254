"""An instance that failed can be stopped: what it left at the venue goes, and so does its failure; a halt stays."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from playd.core.errors import StateError
from playd.core.modes import Mode
from playd.orders.halts import Level, instance_scope
from playd.orders.panic import PanicScope
from playd.supervisor.commands import FLATTEN
from playd.supervisor.errors import CommandRefused, NotRunning
from playd.supervisor.slot import Slot
from playd.supervisor.states import State
from tests.unit.supervisor.test_stopping import hold, order
from tests.unit.supervisor.test_supervisor import Desk, House, crashing, house, steady, until

pytestmark = pytest.mark.anyio


async def failed(home: House, mode: Mode = Mode.PAPER, error: Exception | None = None) -> Slot:
    slot = home.add("alpha", crashing(error or RuntimeError("boom")))
    slot.record = replace(slot.record, mode=mode)
    home.start(slot)
    await until(slot, State.FAILED)
    await slot.ended.wait()
    return slot


async def test_a_stop_takes_its_entries_back_and_its_failure_away_and_leaves_its_halt() -> None:
    async with house() as home:
        slot = await failed(home)
        desk = home.accounts.given = Desk()
        desk.slot = slot
        order(home, slot, "OPEN")
        home.transitions.clear()
        await home.commands().stop("alpha", "keep", "me")
        assert home.transitions == [
            ("alpha", State.FAILED, State.STOPPING),
            ("alpha", State.STOPPING, State.STOPPED),
        ]
        assert [uid for uid, _ in desk.cancelled] == ["uid-alpha"]
        kept = home.records.load()[0]
        assert (kept.failed_code, kept.desired, len(kept.restarts)) == ("", "stopped", 3)
        assert [halt.level for halt in home.halts.in_force(instance_scope("uid-alpha"))] == [Level.HALT]
        home.lives["alpha"] = steady
        home.start(slot)
        with anyio.fail_after(60):
            await slot.settled.wait()
        assert slot.state is State.PAUSED


async def test_its_position_is_closed_by_a_stop_that_says_so_and_stays_by_another() -> None:
    async with house() as home:
        slot = await failed(home, Mode.DEMO)
        hold(home, slot, "0.5")
        desk, closed = Desk(), list[PanicScope]()
        home.accounts.given, desk.slot = desk, slot

        async def panic(scope: PanicScope, *, actor: str, reason: str, code: str) -> Any:
            home.halts.raise_level(scope.halt_scope("paper"), Level.PANIC, code, reason, actor=actor)
            closed.append(scope)
            return SimpleNamespace(exit_code=0)

        desk.panic = panic  # type: ignore[attr-defined]
        with pytest.raises(CommandRefused, match="say what becomes of it"):
            await home.commands().stop("alpha", None, "me")
        with pytest.raises(CommandRefused, match="nothing of it runs"):
            await home.commands().stop("alpha", "manage", "me")
        assert (slot.state, closed) == (State.FAILED, [])
        await home.commands().stop("alpha", "flatten", "me")
        assert [scope.instance_uid for scope in closed] == ["uid-alpha"]
        assert slot.state is State.STOPPED
        assert Level.PANIC not in [halt.level for halt in home.halts.in_force()], "one command asked for both"


async def test_a_panic_that_somebody_raised_before_stays_behind_a_flatten() -> None:
    async with house() as home:
        slot, desk = home.add("alpha", steady), Desk()
        home.accounts.given, desk.slot = desk, slot

        async def panic(scope: PanicScope, *, actor: str, reason: str, code: str) -> Any:
            home.halts.raise_level(scope.halt_scope("paper"), Level.PANIC, code, reason, actor=actor)
            return SimpleNamespace(exit_code=0)

        desk.panic = panic  # type: ignore[attr-defined]
        home.halts.raise_level(instance_scope("uid-alpha"), Level.PANIC, "PANIC", "the exchange is odd", actor="somebody")
        home.start(slot)
        await home.commands().stop("alpha", "flatten", "me")
        assert slot.state is State.PANICKED or slot.state is State.STOPPED
        assert [halt.text for halt in home.halts.in_force()] == ["the exchange is odd"]
        home.halts.lift(home.halts.in_force()[0].id, by="somebody", note="")
        home.start(slot)
        await slot.settled.wait()
        await home.commands().stop("alpha", "flatten", "me")
        assert FLATTEN not in [halt.text for halt in home.halts.in_force()]


async def test_a_panic_that_a_person_raises_while_a_flatten_is_under_way_stays_behind_it() -> None:
    async with house() as home:
        slot, desk = home.add("alpha", steady), Desk()
        home.accounts.given, desk.slot = desk, slot

        async def panic(scope: PanicScope, *, actor: str, reason: str, code: str) -> Any:
            home.halts.raise_level(scope.halt_scope("paper"), Level.PANIC, code, reason, actor=actor)
            home.halts.raise_level(scope.halt_scope("paper"), Level.PANIC, "PANIC", "the exchange is odd", actor="somebody")
            return SimpleNamespace(exit_code=0)

        desk.panic = panic  # type: ignore[attr-defined]
        home.start(slot)
        await slot.settled.wait()
        await home.commands().stop("alpha", "flatten", "me")
        assert [(halt.level, halt.actor) for halt in home.halts.in_force()] == [(Level.PANIC, "somebody")]


@pytest.mark.parametrize("mode", [Mode.SHADOW, Mode.PAPER])
async def test_a_flatten_without_anybody_who_could_say_what_is_open_changes_nothing(mode: Mode) -> None:
    async with house() as home:
        slot = await failed(home, mode)
        before = slot.record
        levels = [halt.level for halt in home.halts.in_force()]
        with pytest.raises(NotRunning):
            await home.commands().stop("alpha", "flatten", "me")
        assert [halt.level for halt in home.halts.in_force()] == levels
        assert (slot.record, slot.state) == (before, State.FAILED)


async def test_one_that_is_removed_while_it_is_stopped_is_not_written_again() -> None:
    async with house() as home:
        slot, desk = await failed(home), Desk()
        home.accounts.given, desk.slot = desk, slot

        async def cancel_entries(*, instance_uid: str) -> int:
            await home.commands().remove("alpha", "somebody")
            return 0

        desk.cancel_entries = cancel_entries  # type: ignore[method-assign,assignment]
        await home.commands().stop("alpha", "keep", "me")
        assert home.records.load() == []


@pytest.mark.parametrize(("state", "told"), [("UNKNOWN", "0"), ("OPEN", "0"), ("CANCELLED", "0.4")])
async def test_one_whose_entry_may_be_filled_yet_is_not_removed(state: str, told: str) -> None:
    """Its account would be closed with it, and the position stand there with nobody to check its stop or to close it."""
    async with house() as home:
        slot = home.add("alpha", steady)
        order(home, slot, state)
        home.records._ledger.write("UPDATE orders SET venue_cum_qty = ?", (told,))
        with pytest.raises(CommandRefused, match="an order that is not over") as refused:
            await home.commands().remove("alpha", "me")
        assert refused.value.hint == "playctl orders --owner alpha --all"
        assert list(home.supervisor.slots) == ["alpha"]
        home.records._ledger.write("UPDATE orders SET state = 'CANCELLED', cum_qty = venue_cum_qty")
        await home.commands().remove("alpha", "me")
        assert home.records.load() == []


async def test_one_whose_panic_was_lifted_a_moment_ago_can_be_started() -> None:
    async with house() as home:
        slot = home.add("alpha", steady)
        halt = home.halts.raise_level(instance_scope(slot.record.uid), Level.PANIC, "PANIC", "", actor="me")
        home.supervisor.look_around()
        home.halts.lift(halt.id, by="me", note="")
        assert slot.state is State.PANICKED
        home.start(slot)
        await until(slot, State.RUNNING)


async def test_the_entries_of_a_failed_life_wait_when_it_is_started_again() -> None:
    async with house(cooldown_s=60.0) as home:
        slot = await failed(home, error=StateError("cut"))
        home.supervisor.reset_failed(slot, "mended", by="me")
        home.lives["alpha"] = steady
        home.start(slot)
        assert "cooldown" in slot.facts.causes


async def test_entries_wait_behind_a_panic_that_was_lifted_too() -> None:
    async with house(cooldown_s=60.0) as home:
        slot = home.add("alpha", steady)
        home.start(slot)
        await slot.settled.wait()
        halt = home.halts.raise_level(instance_scope(slot.record.uid), Level.PANIC, "PANIC", "", actor="me")
        home.supervisor.look_around()
        home.halts.lift(halt.id, by="me", note="")
        home.supervisor.look_around()
        with anyio.fail_after(60):
            await slot.ended.wait()
        home.start(slot)
        assert "cooldown" in slot.facts.causes
