"""What counts as protected, and which stop is set where one is missing."""

from dataclasses import replace
from decimal import Decimal

import pytest

from playd.core.candles import Candle
from playd.orders.fill_check import Fallback, Finding, compare, planned_stop
from playd.orders.hourly_range import HOUR_MS, hourly_range, needed_since_ms
from tests.unit.orders.test_reconcile import expected, position

PCT = Fallback(Decimal(3))


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
    assert planned_stop(expected("1")["BTCUSDT"], position("1"), PCT) == 90
    assert planned_stop(expected("1", stop="101")["BTCUSDT"], position("1"), PCT) is None
    assert planned_stop(expected("-1", stop="99")["BTCUSDT"], position("-1"), PCT) is None


def test_a_stop_planned_under_a_finer_tick_is_set_on_the_coarser_one_towards_the_market() -> None:
    for signed, stop, found in (("1", "91.5", 92), ("-1", "108.5", 108)):
        coarse = replace(expected(signed, stop=stop)["BTCUSDT"], tick=Decimal(2))
        assert planned_stop(coarse, position(signed), PCT) == found


def test_without_a_plan_the_stop_is_a_distance_from_mark_rounded_towards_the_market() -> None:
    nothing = expected("1", stop=None)["BTCUSDT"]

    assert planned_stop(nothing, position("1", mark="100.05"), PCT) == Decimal("97.1")
    assert planned_stop(nothing, position("-1", mark="100.05"), PCT) == Decimal("103.0")


def test_a_fallback_lies_within_half_the_way_to_liquidation() -> None:
    nothing = expected("1", stop=None)["BTCUSDT"]

    assert planned_stop(nothing, replace(position("1", mark="100"), liq_price=Decimal(98)), PCT) == 99
    assert planned_stop(nothing, replace(position("-1", mark="100"), liq_price=Decimal(102)), PCT) == 101
    assert planned_stop(nothing, replace(position("1", mark="100"), liq_price=Decimal(40)), PCT) == 97


def test_a_fallback_is_measured_from_the_entry_where_the_market_says_how_far_it_goes() -> None:
    nothing, wide = expected("1", stop=None)["BTCUSDT"], Fallback(Decimal(3), Decimal(12))
    long = replace(position("1", mark="95.05"), entry_price=Decimal(100))
    short = replace(position("-1", mark="105.05"), entry_price=Decimal(100))

    assert planned_stop(nothing, long, wide) == Decimal("88.0")
    assert planned_stop(nothing, short, wide) == Decimal("112.0")
    assert planned_stop(nothing, replace(long, liq_price=Decimal("90.05")), wide) == Decimal("92.6")
    assert planned_stop(nothing, replace(long, mark_price=Decimal(88)), wide) is None
    assert planned_stop(nothing, long, replace(wide, wide=Decimal(100))) == Decimal("92.2"), "a market that went to pieces"


def test_of_several_owners_the_stop_that_is_reached_first_is_set() -> None:
    both = replace(expected("2", stop=None)["BTCUSDT"], nearest=Decimal(97))

    assert planned_stop(both, position("2"), PCT) == 97
    assert planned_stop(replace(both, nearest=Decimal(101)), position("2"), PCT) is None
    assert compare(both, position("2", stop="42")) is Finding.VERIFIED


def test_an_hourly_range_is_the_mean_of_fourteen_true_ranges_or_unknown() -> None:
    now_ms = 1_000 * HOUR_MS + 12_345
    hours = [
        Candle(first + half * HOUR_MS // 2, 100.0, 100.0 + up, 100.0 - half, 100.0, 1.0)
        for n, first in enumerate(range(needed_since_ms(now_ms), now_ms - HOUR_MS, HOUR_MS))
        for half, up in ((0, 2.0 if n else 50.0), (1, 1.0))
    ]

    assert hourly_range(hours, now_ms) == 3
    gap = [replace(candle, open=120.0, high=120.0, low=119.0, close=119.0) for candle in hours[-2:]]
    assert hourly_range([*hours[:-2], *gap], now_ms) == Decimal("4.214285714285714"), "13 times 3 and once 20"
    assert hourly_range(hours[2:], now_ms) is None
    assert hourly_range([], now_ms) is None
