"""A stop that moves in a missed bar is told once; one that a later missed bar touched is left at, for that bar and price."""

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import pytest

from playd.core.candles import Candle
from playd.core.orders import Action, Intent, IntentClass, Side
from playd.engine.messages import Decision, EngineOrder, EnginePosition
from playd.supervisor.missed_moves import MissedMoves

UNITS = cast("Any", SimpleNamespace(tick=Decimal("0.5")))
MOVES = EngineOrder(Action.STOP, Side.SELL, 10, 190, None, 100.0, 100.0, "sl")
LEAVES = EngineOrder(Action.EXIT, Side.SELL, 10, None, None, 100.0, 100.0, "sl")
LATE = replace(LEAVES, reason="catch_up: sl")
REDUCES = replace(LEAVES, action=Action.REDUCE, qty_steps=5)
ADDS = replace(LEAVES, action=Action.ADD, side=Side.BUY)
CANCELS = replace(LEAVES, action=Action.CANCEL)
CLOSE_MS = 120_000


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


def touched(position: EnginePosition) -> MissedMoves:
    """And a later one has touched it."""
    missed = moved(position)
    missed.meet(position, candle(90.0, 97.0), CLOSE_MS, UNITS)
    return missed


class Engine:
    """Of an engine what a missed bar asks for."""

    position = held()

    def __init__(self) -> None:
        self.ended: list[Action] = []
        self.left = 0

    def describe(self, _orders: object) -> str:
        return "stop moves to 95"

    def on_levels_refused(self) -> EngineOrder:
        self.left += 1
        return LEAVES

    def on_order_ended(self, action: Action, _reason: str) -> None:
        self.ended.append(action)


def exits(missed: MissedMoves) -> tuple[Decimal, str]:
    """Price and cause of an exit."""
    intent = Intent(
        *("uid", "test", "main", "BTCUSDT", "60000", Action.EXIT, 0, IntentClass.EXIT, Side.SELL),
        *(Decimal(10), Decimal(100), 60_000, 0, "sl"),
    )
    caused = missed.caused(intent)
    return caused.price_ref, caused.cause


def test_a_move_is_held_back_until_the_venue_has_it() -> None:
    missed, position = MissedMoves(), held()
    first = missed.hold(decided(MOVES, verdict="AMENDED"), position, "stop moves to 95")
    assert (first.verdict, first.detail, first.orders) == ("AMENDED", "stop moves to 95", ())
    later = replace(decided(MOVES, verdict="AMENDED"), close_ms=120_000)
    missed.hold(later, position, "stop moves to 95")
    assert missed.open
    assert missed.held(position) == (later, MOVES)
    assert missed.open
    missed.forget()
    assert missed.held(position) is None
    assert not missed.open


@pytest.mark.parametrize("other", [CANCELS, REDUCES, LEAVES, ADDS])
def test_what_else_a_missed_bar_decides_goes_its_way_and_leaves_the_move_held(other: EngineOrder) -> None:
    missed = MissedMoves()
    assert missed.hold(decided(other), held(), "").orders == (other,)
    assert not missed.open
    assert missed.hold(decided(MOVES, other), held(), "stop moves").orders == (other,)
    assert missed.open
    assert missed.hold(decided(other), held(), "").orders == (other,)
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
    missed.meet(position, candle(low, high), CLOSE_MS, UNITS)
    assert missed.due == touched
    assert exits(missed) == ((Decimal("95.0"), "120000") if touched else (Decimal(100), "60000"))


def test_a_stop_that_did_not_move_is_the_venues_business() -> None:
    missed = MissedMoves()
    missed.meet(held(), candle(90.0, 97.0), CLOSE_MS, UNITS)
    missed.hold(decided(), held(), "")
    missed.meet(held(), candle(90.0, 97.0), CLOSE_MS, UNITS)
    assert not missed.due


@pytest.mark.parametrize("other", [None, held(entered_ms=60_000)])
def test_another_position_has_no_part_in_the_moves_of_the_one_before(other: EnginePosition | None) -> None:
    missed = touched(held())
    assert missed.held(other) is None
    assert (missed.due, missed.open) == (False, False)
    missed = moved(held())
    missed.meet(other, candle(90.0, 97.0), CLOSE_MS, UNITS)
    assert (missed.due, missed.open) == (False, False)


def test_the_first_bar_that_touched_is_the_cause_whenever_the_position_is_left() -> None:
    missed = touched(held())
    missed.meet(held(stop_ticks=192), candle(90.0, 97.0), 240_000, UNITS)
    missed.hold(replace(decided(MOVES), close_ms=300_000), held(), "")
    assert exits(missed) == (Decimal("95.0"), "120000")


@pytest.mark.parametrize("other", [REDUCES, LEAVES, ADDS, CANCELS, MOVES])
def test_the_exit_of_a_touched_stop_takes_the_place_of_whatever_changes_the_position(other: EngineOrder) -> None:
    missed, engine = touched(held()), Engine()
    found = missed.decided(decided(other), cast("Any", engine), leaving=False)
    assert found.verdict == "EXITED"
    assert found.orders == ((CANCELS, LATE) if other is CANCELS else (LATE,))
    assert engine.ended == ([Action.ADD] if other is ADDS else []), "an entry that is not sent is over"


def test_a_position_that_is_being_left_is_left_once_and_again_where_that_was_refused() -> None:
    missed, engine = touched(held()), Engine()
    assert missed.decided(decided(MOVES), cast("Any", engine), leaving=True).orders == ()
    assert engine.left == 0
    assert missed.decided(decided(), cast("Any", engine), leaving=False).orders == (LATE,)
    assert missed.due, "the position is still there"
    assert missed.decided(decided(), cast("Any", engine), leaving=False).orders == (LATE,)


def test_a_move_that_the_venue_refuses_is_left_at() -> None:
    missed = moved(held())
    missed.refused(UNITS)
    assert exits(missed) == (Decimal("95.0"), "60000")
