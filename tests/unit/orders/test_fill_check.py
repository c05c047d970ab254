"""What counts as protected, and which stop is set where one is missing."""

from dataclasses import replace
from decimal import Decimal

import pytest

from playd.orders.fill_check import Finding, compare, planned_stop
from tests.unit.orders.test_reconcile import expected, position


@pytest.mark.parametrize(
    ("ours", "seen", "finding"),
    [
        (expected("1"), position("1"), Finding.VERIFIED),
        (expected("0"), position("0"), Finding.VERIFIED),
        (expected("1"), position("1", stop="0"), Finding.NO_STOP),
        (expected("1"), position("1", stop="101"), Finding.USELESS_STOP),
        (expected("-1"), position("-1", stop="99"), Finding.USELESS_STOP),
        (expected("-1", stop="110"), position("-1", stop="110"), Finding.VERIFIED),
        (expected("1", stop="101"), position("1", stop="101"), Finding.TRIGGERING),
        (expected("-1", stop=None), position("-1", stop="99"), Finding.TRIGGERING),
        (expected("2", stop="101"), position("1", stop="101"), Finding.SIZE),
        (expected("1"), position("2"), Finding.SIZE),
        (expected("1"), position("-1", stop="110"), Finding.SIZE),
        (expected("1"), position("0"), Finding.SIZE),
        (expected("0"), position("1", stop="0"), Finding.NO_STOP),
        (expected("1"), position("1", stop="90.1"), Finding.VERIFIED),
        (expected("1"), position("1", stop="90.2"), Finding.WRONG_STOP),
        (expected("1", stop=None), position("1", stop="42"), Finding.VERIFIED),
        (expected("1", stop=None), position("1", stop="0"), Finding.NO_STOP),
        (expected("1", ours=False), position("1", stop="0"), Finding.VERIFIED),
    ],
)
def test_a_reading_is_judged(ours: dict, seen: object, finding: Finding) -> None:  # type: ignore[type-arg]
    assert compare(ours["BTCUSDT"], seen) is finding  # type: ignore[arg-type]


def test_the_planned_stop_is_set_while_the_market_has_not_passed_it() -> None:
    assert planned_stop(expected("1")["BTCUSDT"], position("1"), Decimal(3)) == 90
    assert planned_stop(expected("1", stop="101")["BTCUSDT"], position("1"), Decimal(3)) is None
    assert planned_stop(expected("-1", stop="99")["BTCUSDT"], position("-1"), Decimal(3)) is None


def test_without_a_plan_the_stop_is_a_distance_from_mark_rounded_towards_the_market() -> None:
    nothing = expected("1", stop=None)["BTCUSDT"]

    assert planned_stop(nothing, position("1", mark="100.05"), Decimal(3)) == Decimal("97.1")
    assert planned_stop(nothing, position("-1", mark="100.05"), Decimal(3)) == Decimal("103.0")


def test_a_fallback_lies_within_half_the_way_to_liquidation() -> None:
    nothing = expected("1", stop=None)["BTCUSDT"]

    assert planned_stop(nothing, replace(position("1", mark="100"), liq_price=Decimal(98)), Decimal(3)) == 99
    assert planned_stop(nothing, replace(position("-1", mark="100"), liq_price=Decimal(102)), Decimal(3)) == 101
    assert planned_stop(nothing, replace(position("1", mark="100"), liq_price=Decimal(40)), Decimal(3)) == 97
