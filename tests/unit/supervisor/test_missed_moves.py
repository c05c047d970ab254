"""A stop that moved in a missed bar, and that a later missed bar touched: the position is left, for that bar, at that price."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from playd.core.candles import Candle
from playd.core.orders import Action, Side
from playd.engine.messages import Decision, EngineOrder, EnginePosition
from playd.supervisor.missed_moves import MissedMoves

UNITS = cast("Any", SimpleNamespace(tick=Decimal("0.5")))
MOVES = EngineOrder(Action.STOP, Side.SELL, 10, 190, None, 100.0, 100.0, "sl")
LEAVES = EngineOrder(Action.EXIT, Side.SELL, 10, None, None, 100.0, 100.0, "sl")


def decided(*orders: EngineOrder, verdict: str = "HOLD") -> Decision:
    return Decision(60_000, verdict, "", orders, {}, 1000.0)


def held(side: Side = Side.BUY, stop_ticks: int | None = 190, entered_ms: int = 0) -> EnginePosition:
    return EnginePosition(side, 10, 100.0, stop_ticks, None, entered_ms)


def candle(low: float, high: float) -> Candle:
    return Candle(60_000, low, high, low, high, 1.0)


@pytest.mark.parametrize(
    ("side", "low", "high", "touched"),
    [
        (Side.BUY, 94.5, 97.0, True),
        (Side.BUY, 95.0, 97.0, True),
        (Side.BUY, 95.5, 97.0, False),
        (Side.SELL, 94.0, 95.0, True),
        (Side.SELL, 94.0, 96.0, True),
        (Side.SELL, 94.0, 94.5, False),
    ],
)
def test_a_minute_that_touches_a_stop_which_moved_meanwhile_is_due(
    side: Side, low: float, high: float, *, touched: bool
) -> None:
    missed, position = MissedMoves(), held(side)
    missed.note(decided(MOVES, verdict="AMENDED"), position)
    missed.meet(position, candle(low, high), UNITS)
    assert missed.due == touched
    found = missed.leaving(decided(), lambda: LEAVES)
    assert [order.price_ref for order in found.orders] == ([95.0] if touched else [])
    assert found.verdict == ("EXITED" if touched else "HOLD")


def test_a_stop_that_did_not_move_is_the_venues_business() -> None:
    missed = MissedMoves()
    missed.meet(held(), candle(90.0, 97.0), UNITS)
    missed.note(decided(), held())
    missed.meet(held(), candle(90.0, 97.0), UNITS)
    assert not missed.due


def test_another_position_has_no_part_in_the_moves_of_the_one_before() -> None:
    missed = MissedMoves()
    missed.note(decided(MOVES), held())
    missed.meet(held(entered_ms=60_000), candle(90.0, 97.0), UNITS)
    assert not missed.due
    missed.meet(None, candle(90.0, 97.0), UNITS)
    assert not missed.due


def test_a_touch_waits_for_the_next_decision_at_the_price_of_the_stop_that_was_touched() -> None:
    missed = MissedMoves()
    missed.note(decided(MOVES), held())
    missed.meet(held(), candle(90.0, 97.0), UNITS)
    missed.meet(held(), candle(96.0, 97.0), UNITS)
    assert missed.due
    (order,) = missed.leaving(decided(MOVES, verdict="AMENDED"), lambda: LEAVES).orders
    assert (order.action, order.price_ref) == (Action.EXIT, 95.0)
    missed.meet(held(), candle(90.0, 97.0), UNITS)
    assert not missed.due, "it is left once"


def test_whoever_leaves_for_another_reason_leaves_once() -> None:
    missed = MissedMoves()
    missed.note(decided(MOVES), held())
    missed.meet(held(), candle(90.0, 97.0), UNITS)
    found = decided(LEAVES, verdict="EXITED")

    def never() -> EngineOrder | None:
        raise AssertionError("the engine was asked to leave twice")

    assert missed.leaving(found, never) is found
    missed.note(decided(MOVES), held())
    missed.note(found, held())
    missed.meet(held(), candle(90.0, 97.0), UNITS)
    assert not missed.due
