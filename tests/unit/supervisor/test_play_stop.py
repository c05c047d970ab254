"""A Play that has stopped by its own rule trades again when a person resumes its instance, in this life or a later one."""

from collections.abc import Iterator
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any, cast

import pytest

from playd.core.candles import Candle
from playd.core.orders import Action, Side
from playd.engine.messages import EngineFill
from playd.engine.play_engine import PlayEngine
from playd.orders.halts import Halts, Level, instance_scope
from playd.orders.ledger import Ledger
from playd.plays.compile import compile_program
from playd.supervisor.play_stop import CODE, PlayStop
from playd.supervisor.surroundings import ShellAround
from playd.world.virtual import virtual_world
from playd.world.virtual.clock import ManualClock
from tests.engine_desk import BTC, MINUTE_MS, START_MS, play_of
from tests.simulation.order_world import MemoryJournal

UID = "abcd2345"
PLAY = play_of(account="{max_drawdown_pct: 1}")


@pytest.fixture
def halts() -> Iterator[Halts]:
    world = virtual_world()
    world.disk.mkdir(PurePath("/state"))
    ledger = Ledger.open(world.disk, world.clock, PurePath("/state/ledger.sqlite"))
    yield Halts(ledger, world.disk, world.clock, MemoryJournal(), PurePath("/state"))
    ledger.close()


class Life:
    """One life of an engine, a bar at a time."""

    def __init__(self, halts: Halts, before: "Life | None" = None) -> None:
        self.engine = PlayEngine(compile_program(PLAY, MINUTE_MS), PLAY, BTC, 10_000.0)
        self.bars = 0
        if before is not None:
            for _ in range(before.bars):
                self._candle()
            self.engine.restore(before.engine.snapshot())
        self.stop = PlayStop(halts, UID, self.engine)

    def _candle(self, close: float = 50_000.0) -> str:
        open_ms = START_MS + self.bars * MINUTE_MS
        self.bars += 1
        decision = self.engine.on_bar(Candle(open_ms, 50_000.0, max(close, 50_000.0), min(close, 50_000.0), close, 1.0))
        return decision.verdict if decision is not None else ""

    def bar(self, close: float = 50_000.0) -> str:
        self.stop.before_bar()
        verdict = self._candle(close)
        self.stop.tell()
        return verdict

    def lose(self) -> None:
        """An entry, and a fall that is more than the Play bears."""
        qty = 2_000
        self.engine.on_fill(
            EngineFill(Action.ENTER, Side.BUY, qty, 500_000, 0.0, START_MS + self.bars * MINUTE_MS, "entry", False)
        )
        self.bar(49_900.0)
        assert self.engine.halted == "max_drawdown"
        self.engine.on_fill(
            EngineFill(Action.EXIT, Side.SELL, qty, 499_000, 0.0, START_MS + self.bars * MINUTE_MS, "max_drawdown", False)
        )


def held(halts: Halts) -> list[tuple[str, Level]]:
    return [(halt.code, halt.level) for halt in halts.in_force(instance_scope(UID))]


def resume(halts: Halts) -> None:
    for halt in halts.in_force(instance_scope(UID)):
        halts.lift(halt.id, by="me", note="looked")


def test_it_is_halted_with_its_play_and_goes_on_when_a_person_resumes_it(halts: Halts) -> None:
    life = Life(halts)
    assert life.bar() == "ENTERED"
    assert held(halts) == []
    life.lose()
    assert held(halts) == [(CODE, Level.HALT)]
    assert [life.bar(), life.bar()] == ["halted", "halted"]
    resume(halts)
    assert life.bar() == "ENTERED"
    assert life.engine.halted is None
    life.lose()
    assert held(halts) == [(CODE, Level.HALT)], "the next fall counts from the equity at which it went on"


def test_a_later_life_knows_whether_a_person_has_looked(halts: Halts) -> None:
    first = Life(halts)
    first.bar()
    first.lose()
    second = Life(halts, first)
    assert (second.bar(), held(halts)) == ("halted", [(CODE, Level.HALT)])
    resume(halts)
    third = Life(halts, second)
    assert third.bar() == "ENTERED"


def test_a_liquidation_is_on_record_before_any_state_is_kept_also_after_an_older_stop_that_was_lifted(halts: Halts) -> None:
    life = Life(halts)
    life.bar()
    life.lose()
    resume(halts)
    life.bar()
    slot = SimpleNamespace(touch=lambda: None)
    shell: ShellAround = cast(Any, ShellAround)(slot, *[None] * 11, life.stop)
    for action, side, reason in ((Action.ENTER, Side.BUY, "entry"), (Action.EXIT, Side.SELL, "liquidation")):
        when_ms = START_MS + life.bars * MINUTE_MS
        life.engine.on_fill(EngineFill(action, side, 10, 500_000, 0.0, when_ms, reason, False))
        shell.event_taken(cast(Any, None))
    assert life.engine.halted == "liquidation"
    assert held(halts) == [(CODE, Level.HALT)]
    later = Life(halts, life)
    later.bar()
    assert later.engine.halted == "liquidation"


def test_a_stop_that_is_not_on_record_is_told_by_the_next_life(halts: Halts) -> None:
    silent = Life(halts)
    silent.bar()
    silent.stop.tell = lambda: None  # type: ignore[method-assign]
    silent.lose()
    assert held(halts) == []
    assert (Life(halts, silent).bar(), held(halts)) == ("halted", [(CODE, Level.HALT)])


def test_a_state_that_is_kept_in_the_middle_of_a_bar_is_kept_behind_the_halt(halts: Halts) -> None:
    life = Life(halts)
    life.bar()
    when_ms = START_MS + life.bars * MINUTE_MS
    life.engine.on_fill(EngineFill(Action.ENTER, Side.BUY, 2_000, 500_000, 0.0, when_ms, "entry", False))
    life._candle(49_900.0)
    before, kept = held(halts), []
    keeper = SimpleNamespace(save=lambda _state, _written_ms: not kept.append(held(halts)))  # type: ignore[func-returns-value]
    given = None, ManualClock(), None, keeper, None, None, None, lambda: None, 0.05, None, None
    shell: ShellAround = cast(Any, ShellAround)(*given, play_stop=life.stop)
    shell.save(lambda: {}, now=True)
    assert (life.engine.halted, before) == ("max_drawdown", [])
    assert kept == [[(CODE, Level.HALT)]]
