"""A halt of an instance is neither lost with a changed declaration nor left where nobody can name it."""

from dataclasses import replace
from pathlib import PurePath

import pytest

from playd.core.modes import Mode
from playd.orders.halts import Halts, Level, instance_scope
from playd.orders.ledger import Ledger
from playd.supervisor import own_halts
from playd.supervisor.states import State
from playd.world.virtual import virtual_world
from tests.simulation.order_world import MemoryJournal
from tests.unit.supervisor.test_supervisor import crashing, house, record, steady, until

STATE_DIR = PurePath("/state")
OLD = replace(record("alpha"), uid="old")
NEW = replace(record("alpha"), uid="new")


@pytest.fixture
def halts() -> Halts:
    world = virtual_world()
    world.disk.mkdir(STATE_DIR)
    ledger = Ledger.open(world.disk, world.clock, STATE_DIR / "ledger.sqlite")
    return Halts(ledger, world.disk, world.clock, MemoryJournal(), STATE_DIR)


def held(halts: Halts, uid: str) -> list[tuple[str, int, str]]:
    return [(halt.code, int(halt.level), halt.actor) for halt in halts.in_force(instance_scope(uid))]


def test_who_changes_a_play_in_the_settings_lifts_nothing_by_it(halts: Halts) -> None:
    halts.raise_level(instance_scope("old"), Level.PANIC, "PANIC", "out", actor="uid:1(a)")
    halts.raise_level(instance_scope("old"), Level.FREEZE, "OPERATOR", "mine", actor="uid:1(a)")
    halts.raise_level(instance_scope("old"), Level.HALT, "INSTANCE_DRAWDOWN", "lost too much")
    own_halts.give_up(halts, OLD, "crashes")
    own_halts.hand_over(halts, OLD, NEW)
    own_halts.forget_others(halts, {"new"}, "daemon")
    assert held(halts, "old") == []
    assert held(halts, "new") == [
        ("OPERATOR", 5, "uid:1(a)"),
        ("PANIC", 4, "uid:1(a)"),
        ("INSTANCE_DRAWDOWN", 2, "daemon"),
    ]
    assert halts.frozen(instance_scope("new")) is not None  # the freeze came after the panic, and still does


def test_with_real_money_the_failure_goes_along_too(halts: Halts) -> None:
    own_halts.give_up(halts, replace(OLD, mode=Mode.LIVE), "crashes")
    own_halts.hand_over(halts, replace(OLD, mode=Mode.LIVE), replace(NEW, mode=Mode.LIVE))
    assert held(halts, "new") == [("INSTANCE_FAILED", 2, "daemon")]


@pytest.mark.parametrize(("mode", "left"), [(Mode.PAPER, []), (Mode.LIVE, ["INSTANCE_FAILED"])])
@pytest.mark.anyio
async def test_a_quarantine_is_a_halt_that_ends_with_it_but_for_real_money(mode: Mode, left: list[str]) -> None:
    async with house() as home:
        slot = home.add("alpha", crashing(RuntimeError("boom")))
        slot.record = replace(slot.record, mode=mode)
        home.start(slot)
        await until(slot, State.FAILED)
        await slot.ended.wait()
        scope = instance_scope(slot.record.uid)
        (halt,) = home.halts.in_force(scope)
        assert (halt.code, halt.level) == ("INSTANCE_FAILED", Level.HALT)
        home.commands().reset_failed("alpha", "me")
        assert [each.code for each in home.halts.in_force(scope)] == left


@pytest.mark.anyio
async def test_halts_of_an_instance_go_with_it_and_those_of_others_stay() -> None:
    async with house() as home:
        one, other = home.add("alpha", steady), home.add("beta", steady)
        for slot in (one, other):
            home.halts.raise_level(instance_scope(slot.record.uid), Level.HALT, "INSTANCE_DRAWDOWN", "lost too much")
        home.halts.raise_level(instance_scope("of-before"), Level.PAUSE, "OPERATOR", "of an instance that is gone")
        home.halts.raise_level("symbol:paper/BTCUSDT", Level.HALT, "NAKED", "x")
        await home.commands().remove("alpha", "me")
        scopes = {halt.scope for halt in home.halts.in_force()}
        assert scopes == {instance_scope(other.record.uid), "symbol:paper/BTCUSDT"}
