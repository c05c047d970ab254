"""A stop that moves in a missed bar is told once; one that a later missed bar touched is left at, for that bar and price."""

from dataclasses import replace
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


def moved(position: EnginePosition) -> MissedMoves:
    """A missed bar has moved its stop."""
    missed = MissedMoves()
    missed.hold(decided(MOVES, verdict="AMENDED"), position, "stop moves")
    return missed


def never() -> EngineOrder | None:
    raise AssertionError("the engine was asked to leave")


def test_a_move_is_held_back_until_everything_is_caught_up_and_then_told_once() -> None:
    missed, position = MissedMoves(), held()
    first = missed.hold(decided(MOVES, verdict="AMENDED"), position, "stop moves to 95")
    assert (first.verdict, first.detail, first.orders) == ("AMENDED", "stop moves to 95", ())
    later = replace(decided(MOVES, verdict="AMENDED"), close_ms=120_000)
    missed.hold(later, position, "stop moves to 95")
    assert missed.open
    assert missed.settled(position, never) == (later, MOVES)
    assert not missed.open
    assert missed.settled(position, never) is None


def test_what_else_a_missed_bar_decides_goes_its_way() -> None:
    missed, cancels = MissedMoves(), replace(LEAVES, action=Action.CANCEL)
    assert missed.hold(decided(cancels), held(), "cancelled").orders == (cancels,)
    assert not missed.open
    assert missed.hold(decided(MOVES, cancels), held(), "stop moves").orders == (cancels,)
    assert missed.open


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
    position = held(side)
    missed = moved(position)
    missed.meet(position, candle(low, high), UNITS)
    assert missed.due == touched
    if touched:
        found = missed.leaving(decided(), lambda: LEAVES)
        assert ([order.price_ref for order in found.orders], found.verdict) == ([95.0], "EXITED")
        assert (missed.due, missed.open) == (False, False), "it is left once"


def test_a_stop_that_did_not_move_is_the_venues_business() -> None:
    missed = MissedMoves()
    missed.meet(held(), candle(90.0, 97.0), UNITS)
    missed.hold(decided(), held(), "")
    missed.meet(held(), candle(90.0, 97.0), UNITS)
    assert not missed.due


@pytest.mark.parametrize("other", [None, held(entered_ms=60_000)])
def test_another_position_has_no_part_in_the_moves_of_the_one_before(other: EnginePosition | None) -> None:
    missed = moved(held())
    assert missed.settled(other, never) is None
    missed = moved(held())
    missed.meet(other, candle(90.0, 97.0), UNITS)
    assert (missed.due, missed.open) == (False, False)


def test_a_touch_waits_for_the_next_decision_or_the_end_at_the_price_of_the_stop_that_was_touched() -> None:
    for ends in (False, True):
        missed = moved(held())
        missed.meet(held(), candle(90.0, 97.0), UNITS)
        missed.meet(held(stop_ticks=192), candle(96.0, 97.0), UNITS)
        assert missed.due
        if ends:
            settled = missed.settled(held(), lambda: LEAVES)
            assert settled is not None
            order = settled[1]
        else:
            (order,) = missed.leaving(decided(MOVES, verdict="AMENDED"), lambda: LEAVES).orders
        assert (order.action, order.price_ref) == (Action.EXIT, 95.0)


def test_whoever_leaves_for_another_reason_leaves_once() -> None:
    missed, found = moved(held()), decided(LEAVES, verdict="EXITED")
    missed.meet(held(), candle(90.0, 97.0), UNITS)
    assert missed.leaving(found, never) is found
    assert missed.hold(found, held(), "") is found
    missed.meet(held(), candle(90.0, 97.0), UNITS)
    assert (missed.due, missed.open) == (False, False)
