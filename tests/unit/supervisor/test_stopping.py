"""What a stop leaves behind: nothing that could open, entries that wait at the next start, a wish that outlives the daemon."""

from dataclasses import replace
from types import SimpleNamespace

import anyio
import anyio.lowlevel
import pytest

from playd.core.modes import Mode
from playd.orders.halts import Level
from playd.orders.panic import PanicScope
from playd.supervisor.admission import Refused
from playd.supervisor.commands import Incomplete
from playd.supervisor.errors import CommandRefused
from playd.supervisor.slot import Slot
from playd.supervisor.states import State
from tests.unit.supervisor.test_supervisor import Desk, House, crashing, house, steady

pytestmark = pytest.mark.anyio


async def test_entries_wait_after_a_stop_until_their_time_is_over_and_books_and_venue_agree() -> None:
    async with house(cooldown_s=0.05) as home:
        slot = home.add("alpha", steady)
        home.start(slot)
        assert "cooldown" not in slot.facts.causes
        await home.supervisor.stop(slot, "test")
        home.start(slot)
        assert "until books and venue agree" in slot.facts.causes["cooldown"]
        desk = home.accounts.given = Desk()
        home.world.clock.advance(0.05)
        with anyio.fail_after(60):
            while "cooldown" in slot.facts.causes:
                await slot.touched.wait()
        assert desk.asked == ["BTCUSDT"]
        await home.supervisor.stop(slot, "the daemon ends", cool_down=False)
        home.start(slot)
        assert "cooldown" not in slot.facts.causes


async def test_the_wait_of_entries_outlives_the_daemon() -> None:
    async with house(cooldown_s=60.0) as home:
        slot = home.add("alpha", crashing(RuntimeError("boom"), times=1))
        home.start(slot)
        with anyio.fail_after(60):
            await slot.settled.wait()
        assert "cooldown" in slot.facts.causes
        kept, world = slot.record, home.world
    async with house(world=world, cooldown_s=60.0) as home:
        home.lives["alpha"] = steady
        slot = home.supervisor.add(kept)
        home.start(slot)
        assert "cooldown" in slot.facts.causes


async def test_an_entry_that_leaves_while_its_instance_is_stopped_is_cancelled_too() -> None:
    async with house() as home:
        slot, desk = home.add("alpha", steady), Desk()
        home.accounts.given, desk.slot = desk, slot
        home.start(slot)
        await slot.settled.wait()
        await home.commands().stop("alpha", "keep", "me")
        assert desk.cancelled == [("uid-alpha", State.STOPPED)], "behind the end of its task nothing can leave any more"
        assert slot.record.desired == "stopped"


async def test_a_managed_stop_enters_no_more_ends_when_flat_and_outlives_the_daemon() -> None:
    async with house() as home:
        slot, desk = home.add("alpha", steady), Desk()
        home.accounts.given, desk.slot = desk, slot
        hold(home, slot, "0.5")
        home.start(slot)
        await slot.settled.wait()
        async with anyio.create_task_group() as group:
            group.start_soon(home.commands().stop, "alpha", "manage", "me")
            with anyio.fail_after(60):
                while not desk.cancelled:
                    await slot.touched.wait()
            assert (slot.state, slot.record.desired) == (State.STOPPING, "flat")
            assert home.records.load()[0].desired == "flat"
            slot.touch()
            await anyio.lowlevel.checkpoint()
            assert slot.active
            hold(home, slot, "0")
            slot.touch()
        assert (slot.state, slot.record.desired) == (State.STOPPED, "stopped")


async def test_a_shadow_that_is_to_leave_when_flat_is_managed_until_its_book_is() -> None:
    async with house() as home:
        slot = home.add("ghost", steady)
        slot.record = replace(slot.record, mode=Mode.SHADOW, account="shadow-ghost")
        hold(home, slot, "0.5")
        home.start(slot)
        await slot.settled.wait()
        home.commands().manage_until_flat(slot, "me")
        await anyio.wait_all_tasks_blocked()
        assert (slot.active, slot.state) == (True, State.STOPPING)
        hold(home, slot, "0")
        slot.touch()
        with anyio.fail_after(60):
            await slot.ended.wait()


async def test_who_is_started_again_while_it_leaves_does_not_leave() -> None:
    async with house() as home:
        slot, desk = home.add("alpha", steady), Desk()
        home.accounts.given, desk.slot = desk, slot
        hold(home, slot, "0.5")
        home.start(slot)
        await slot.settled.wait()
        commands = home.commands()
        commands.manage_until_flat(slot, "me")
        await anyio.wait_all_tasks_blocked()
        await commands.restart("alpha", "me")
        hold(home, slot, "0")
        slot.touch()
        await anyio.wait_all_tasks_blocked()
        assert (slot.active, slot.record.desired) == (True, "running")


async def test_one_that_could_not_begin_again_is_not_stopped_for_it() -> None:
    async with house() as home:
        slot = home.add("alpha", steady)
        home.start(slot)
        await slot.settled.wait()
        life = slot.scope
        home.admission = lambda _: Refused("PLAY_CHANGED", "the file was edited")
        with pytest.raises(CommandRefused, match="the file was edited"):
            await home.commands().restart("alpha", "me")
        assert (slot.active, slot.state, slot.scope) == (True, State.RUNNING, life)
        home.admission = lambda _: None
        await home.commands().restart("alpha", "me")
        assert slot.active
        assert slot.scope is not life


async def test_a_flatten_that_is_done_is_answered_without_its_own_level() -> None:
    async with house() as home:
        slot, desk = home.add("alpha", steady), Desk()
        home.accounts.given, desk.slot = desk, slot

        async def panic(scope: PanicScope, *, actor: str, reason: str, code: str) -> SimpleNamespace:
            home.halts.raise_level(scope.halt_scope("paper"), Level.PANIC, code, reason, actor=actor)
            home.supervisor.look_around()
            return SimpleNamespace(exit_code=0)

        desk.panic = panic  # type: ignore[attr-defined]
        home.start(slot)
        await slot.settled.wait()
        answered = await home.commands().stop("alpha", "flatten", "me")
        assert (answered.state, answered.facts.halt) == (State.STOPPED, None)


async def test_a_flatten_that_leaves_something_stops_nothing_and_lifts_nothing() -> None:
    async with house() as home:
        slot, desk = home.add("alpha", steady), Desk()
        home.accounts.given, desk.slot = desk, slot

        async def panic(scope: PanicScope, *, actor: str, reason: str, code: str) -> SimpleNamespace:
            home.halts.raise_level(scope.halt_scope("paper"), Level.PANIC, code, reason, actor=actor)
            return SimpleNamespace(exit_code=11)

        desk.panic = panic  # type: ignore[attr-defined]
        home.start(slot)
        await slot.settled.wait()
        with pytest.raises(Incomplete):
            await home.commands().stop("alpha", "flatten", "me")
        assert slot.active
        assert [halt.level for halt in home.halts.in_force()] == [Level.PANIC]


async def test_entries_of_an_account_that_is_not_open_yet_hold_a_managed_stop_and_are_cancelled_once_it_is() -> None:
    async with house() as home:
        slot, desk = home.add("alpha", steady), Desk()
        desk.slot = slot
        order(home, slot, "OPEN")
        home.start(slot)
        await slot.settled.wait()
        home.commands().manage_until_flat(slot, "a person before this start")
        await anyio.wait_all_tasks_blocked()
        assert slot.active, "its entry may still fill"
        home.accounts.given = desk
        slot.touch()
        await anyio.wait_all_tasks_blocked()
        assert desk.cancelled == [("uid-alpha", State.STOPPING)]
        order(home, slot, "CANCELLED")
        slot.touch()
        with anyio.fail_after(60):
            await slot.ended.wait()


async def test_entries_of_an_account_between_two_lives_are_cancelled_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("playd.supervisor.taking_back.LOOK_S", 0.0)
    async with house() as home:
        slot, desk = home.add("alpha", steady), Desk()
        desk.slot = slot
        order(home, slot, "OPEN")
        home.start(slot)
        await slot.settled.wait()
        await home.commands().stop("alpha", "keep", "me")
        home.accounts.given = desk
        with anyio.fail_after(60):
            while not desk.cancelled:
                await slot.touched.wait()
        assert desk.cancelled == [("uid-alpha", State.STOPPED)]


async def test_entries_are_asked_of_each_account_that_opens_until_the_ledger_knows_of_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("playd.supervisor.taking_back.LOOK_S", 0.0)
    async with house() as home:
        slot, first, second = home.add("alpha", steady), Desk(), Desk()
        home.accounts.given, first.slot, second.slot = first, slot, slot
        home.start(slot)
        await slot.settled.wait()
        order(home, slot, "OPEN")
        await home.commands().stop("alpha", "keep", "me")
        home.accounts.given = None  # it ends before its cancel is answered
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        home.accounts.given = second
        with anyio.fail_after(60):
            while not second.cancelled:
                await slot.touched.wait()
        order(home, slot, "CANCELLED")
        home.accounts.given = third = Desk()
        for _ in range(20):
            await anyio.lowlevel.checkpoint()
        assert [len(desk.cancelled) for desk in (first, second, third)] == [1, 1, 0]


async def test_entries_that_a_stopped_instance_left_behind_are_cancelled_by_the_next_daemon() -> None:
    async with house() as home:
        slot = home.add("alpha", steady)
        order(home, slot, "OPEN")
        home.start(slot)
        await slot.settled.wait()
        await home.commands().stop("alpha", "keep", "me")
        kept, world = slot.record, home.world
    async with house(world=world) as home:
        slot = home.supervisor.add(kept)
        desk = home.accounts.given = Desk()
        desk.slot = slot
        home.supervisor.watch_idle()
        await anyio.wait_all_tasks_blocked()
        assert desk.cancelled == [("uid-alpha", slot.state)]


def order(home: House, slot: Slot, state: str) -> None:
    """An order of an instance in the ledger."""
    home.records._ledger.write(
        "INSERT OR REPLACE INTO orders (link_id, attempt, account, owner, action, symbol, side, type, tif, qty, reduce_only,"
        " state, created_ms, last_event_ms) VALUES ('l', 1, ?, ?, 'enter', ?, 'Buy', 'Limit', 'GTC', '1', 0, ?, 1, 1)",
        (slot.record.account, slot.record.uid, slot.record.symbol, state),
    )


def hold(home: House, slot: Slot, qty: str) -> None:
    """Book a position to an instance."""
    home.records._ledger.write(
        "INSERT OR REPLACE INTO virtual_positions (account, instance, symbol, position_idx, signed_qty, avg_price, realised,"
        " fees, funding, opened_ms) VALUES (?, ?, ?, 0, ?, '1', '0', '0', '0', 1)",
        (slot.record.account, slot.record.uid, slot.record.symbol, qty),
    )
