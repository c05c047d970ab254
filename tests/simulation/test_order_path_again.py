"""
Everything decided again, as where the state of an instance is gone: what it asks for beside what is on record is asked of a
position of long ago, and the present one is none of its business.
"""

from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any, cast

import anyio
import pytest

from playd.core.orders import Action, Intent, IntentClass, Side
from playd.engine.messages import EngineFill, EngineOrder, EnginePosition
from playd.orders.fills import FillEvent
from playd.orders.gateway import FROZEN
from playd.orders.halts import Level, symbol_scope
from playd.orders.instance_port import InstancePort
from playd.supervisor.instance import EngineInstance
from playd.supervisor.translate import Identity
from tests.rows import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entry, leave, taken
from tests.simulation.test_order_path_missed import LEAVES, Acts, at_ms, beyond_is_refused, candle, ticks
from tests.unit.supervisor.test_corrections import STEP
from tests.virtual_time import WALL_START_MS

QTY = Decimal("0.010")
ADOPTED_MS = at_ms(5) + 30_000


class Again(Acts):
    """An engine that knows of no position yet; of the first that it is told, it asks for `levels`."""

    def __init__(self, last: int, script: dict[int, list[EngineOrder]], *, levels: str | None = None) -> None:
        super().__init__([candle(number, 50_300, 50_400) for number in range(last + 1)], script)
        self.position = None
        self.levels = levels

    def adopt(self, position: EnginePosition) -> None:
        self.position = position

    def on_fill(self, fill: EngineFill) -> EngineOrder | None:
        if fill.side is Side.SELL:
            return super().on_fill(fill)
        self.position = EnginePosition(Side.BUY, fill.qty_steps, 50_000.0, ticks("49500"), None, fill.time_ms)
        levels, self.levels = self.levels, None
        if levels is None:
            return None
        return EngineOrder(Action.STOP, Side.SELL, 10, ticks(levels), None, 50_000.0, 100.0, "levels")


def moves(cause: str, bar_close_ms: int, to: str) -> Intent:
    """The intent to move the stop of the position that `entry` opens."""
    return replace(
        entry(),
        cause=cause,
        bar_close_ms=bar_close_ms,
        action=Action.STOP,
        intent_class=IntentClass.PROTECT,
        side=Side.SELL,
        expires_ms=0,
        reason="sl",
        stop=Decimal(to),
    )


async def until(life: OrderWorld, time_ms: int) -> None:
    await anyio.sleep((time_ms - life.world.clock.wall_ms()) / 1000)


async def opened(life: OrderWorld, number: int) -> InstancePort:
    """Entered by the bar that closes when bar `number` opens."""
    port = await life.register()
    await until(life, max(at_ms(number), WALL_START_MS) + 1000)
    await port.submit(entry(at_ms(number)), READY)
    await anyio.sleep(2.0)
    assert life.venue.signed() == QTY
    return port


async def traded(life: OrderWorld, *, reopened: bool) -> None:
    """A position since bar 0, or one that was closed with bar 2 and another since bar 5; it is bar 7 by then."""
    port = await opened(life, 0)
    if reopened:
        await until(life, at_ms(2) + 1000)
        await port.submit(leave(at_ms(2)))
        await anyio.sleep(2.0)
        assert life.venue.signed() == 0
        port.close()
        port = await opened(life, 5)
    await until(life, at_ms(7))
    port.close()


async def decided_again(life: OrderWorld, stage: Again) -> None:
    """All bars and events since the beginning, by an instance that does not catch up before the end of them."""
    port, engine = await life.register(after=0), cast("Any", stage)
    identity = Identity(UID, "test", "main", "d", life.account.desk.instruments[SYMBOL], STEP, 30_000)
    again = EngineInstance(identity, engine, port, engine, anchor_ms=0, last_open_ms=at_ms(-1), event_n=0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(partial(again.run, engine, missed_until_ms=at_ms(100)))
        await anyio.sleep(30.0)
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("reopened", [True, False])
async def test_an_exit_of_a_bar_that_is_decided_again_leaves_the_position_it_means_and_none_that_was_opened_since(
    reopened: bool,
) -> None:
    life = build()
    async with life.running():
        await traded(life, reopened=reopened)
        await decided_again(life, Again(6, {0: [LEAVES]}))

        assert life.venue.signed() == (QTY if reopened else 0)


@pytest.mark.parametrize("levels", ["45000", "50200"], ids=["possible", "beyond the market"])
@pytest.mark.parametrize("reopened", [True, False])
async def test_the_levels_of_a_fill_that_is_told_again_are_those_of_its_position_and_of_none_that_was_opened_since(
    levels: str, reopened: bool
) -> None:
    life = build()
    async with life.running():
        beyond_is_refused(life)
        await traded(life, reopened=reopened)
        await decided_again(life, Again(6, {}, levels=levels))

        own = (Decimal(0), Decimal(0)) if levels == "50200" else (QTY, Decimal(levels))
        expected = (QTY, Decimal(49_500)) if reopened else own
        plan = life.ports[-1].position().stop or Decimal(0)
        assert (life.venue.signed(), life.venue.stop_of()) == expected
        assert plan == expected[1]


@pytest.mark.parametrize("exits_with", [3, 7])
async def test_what_a_bar_before_an_adoption_decides_is_not_asked_of_the_adopted_position(exits_with: int) -> None:
    """It was opened before either bar, by somebody else, and handed over inside bar 5; its instance had decided one bar."""
    life = build()
    async with life.running():
        port = await life.register()
        port.record_verdict(at_ms(1), "HOLD", "")
        life.venue.open_foreign(QTY)
        await until(life, ADOPTED_MS)
        await life.account.strangers.adopt(SYMBOL, UID, stop=Decimal(49_000), key="k1", actor="me")
        await until(life, at_ms(9))
        port.close()
        await decided_again(life, Again(8, {exits_with: [LEAVES]}))

        assert life.venue.signed() == (QTY if exits_with == 3 else 0)


async def test_an_exit_of_a_bar_before_an_adoption_closes_nothing_of_it() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.open_foreign(QTY)
        await until(life, ADOPTED_MS)
        await life.account.strangers.adopt(SYMBOL, UID, stop=Decimal(49_000), key="k1", actor="me")
        verdicts = [await port.submit(leave(close_ms), before_ms=close_ms) for close_ms in (at_ms(4), at_ms(6))]
        await anyio.sleep(2.0)

        assert [verdict.code for verdict in verdicts] == ["FLAT", "SENT"]
        assert life.venue.signed() == 0


@pytest.mark.parametrize("moved_by", ["bar", "fill"])
async def test_levels_that_are_told_again_do_not_take_the_place_of_a_later_move_of_the_same_stop(moved_by: str) -> None:
    life = build()
    async with life.running():
        port = await opened(life, 0)
        await until(life, at_ms(3) + 1000)
        cause, bar_close_ms, signed = str(at_ms(3)), at_ms(3), QTY
        if moved_by == "fill":
            await port.submit(replace(entry(at_ms(3)), action=Action.ADD), READY)
            await anyio.sleep(2.0)
            added = taken(port)[-1]
            assert isinstance(added, FillEvent)
            cause, bar_close_ms, signed = f"fill:{added.execution.exec_id}", 0, 2 * QTY
        await port.submit(moves(cause, bar_close_ms, "49900"))
        assert life.venue.stop_of() == Decimal(49_900)
        await until(life, at_ms(7))
        port.close()
        await decided_again(life, Again(6, {}, levels="49400"))

        assert (life.venue.signed(), life.venue.stop_of()) == (signed, Decimal(49_900))
        assert life.ports[-1].position().stop == Decimal(49_900)


@pytest.mark.parametrize("frozen", [True, False])
async def test_an_exit_that_a_freeze_held_is_not_sent_when_its_bar_is_decided_again_and_another_is(frozen: bool) -> None:
    life = build()
    async with life.running():
        port = await opened(life, 0)
        await until(life, at_ms(2) + 500)
        if frozen:
            freeze = life.halts.raise_level(symbol_scope("main", SYMBOL), Level.FREEZE, "OPERATOR", "look", actor="me")
            assert (await port.submit(leave(at_ms(2)))).code == FROZEN
            life.halts.lift(freeze.id, by="me", note="seen")
        else:
            port.record_verdict(at_ms(2), "HOLD", "")
        await until(life, at_ms(7))
        port.close()
        await decided_again(life, Again(6, {1: [LEAVES]}))

        assert life.venue.signed() == (QTY if frozen else 0)


@pytest.mark.parametrize("exits_with", [3, 7])
async def test_a_bar_behind_a_gap_of_the_stream_closes_nothing_that_came_since(exits_with: int) -> None:
    """The instance has caught up, bars 3 to 7 are missing, and a position of somebody else is handed over inside bar 5."""
    life = build()
    async with life.running():
        port, stage = await life.register(), Again(-1, {exits_with: [LEAVES]})
        engine = cast("Any", stage)
        identity = Identity(UID, "test", "main", "d", life.account.desk.instruments[SYMBOL], STEP, 30_000)
        instance = EngineInstance(identity, engine, port, engine, anchor_ms=0, last_open_ms=at_ms(2), event_n=0)
        life.venue.open_foreign(QTY)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(instance.run, engine, missed_until_ms=at_ms(2)))
            await until(life, ADOPTED_MS)
            await life.account.strangers.adopt(SYMBOL, UID, stop=Decimal(49_000), key="k1", actor="me")
            await until(life, at_ms(8))
            assert instance.caught_up
            stage.bars = Again(7, {}).bars[:5]
            stage.more.set()
            await anyio.sleep(20.0)
            tasks.cancel_scope.cancel()

        assert life.venue.signed() == (QTY if exits_with == 3 else 0)
