"""Both sides of a symbol in hedge mode, from readings that are late, lost or of another mode."""

from dataclasses import replace
from decimal import Decimal

import pytest

from playd.core.orders import VenuePosition
from playd.orders.exposure import LONG, SHORT
from playd.orders.shown import LIST_LAG_S, Shown
from tests.simulation.venue_rows import Held, position_row

SYMBOL = "ETHUSDT"


def row(signed: str, idx: int, seq: int = 1, mark: str = "2000") -> VenuePosition:
    return replace(position_row(SYMBOL, Held(Decimal(signed), seq=seq), Decimal(mark), Decimal(0), 0), position_idx=idx)


def sides(shown: Shown, booked: str) -> dict[int, str]:
    return {idx: str(signed) for idx, signed in shown.sides(SYMBOL, Decimal(booked)).items()}


PAIR = (row("4", LONG), row("-3", SHORT))


@pytest.mark.parametrize(
    ("booked", "expected"),
    [
        ("1", {LONG: "4", SHORT: "-3"}),
        ("2", {LONG: "5", SHORT: "-3"}),  # one more was bought: the long grows, or the short was closed in part
        ("-2", {LONG: "4", SHORT: "-6"}),
    ],
)
def test_what_is_booked_and_not_shown_yet_counts_on_the_side_that_it_makes_larger(
    booked: str, expected: dict[int, str]
) -> None:
    shown = Shown({SYMBOL: 2})
    shown.take_all(PAIR, (), 0.0)

    assert sides(shown, booked) == expected


@pytest.mark.parametrize("booked", ["0", "3", "5", "-1"])
def test_a_reading_that_is_newer_than_the_books_makes_no_other_side_of_what_they_lack(booked: str) -> None:
    shown = Shown({SYMBOL: 6})
    shown.take(row("4", LONG, seq=7))

    assert sides(shown, booked) == {LONG: "4"}


def test_what_the_books_have_nothing_left_of_is_held_all_the_same() -> None:
    shown = Shown({})
    shown.take_all([row("3", LONG), row("-3", SHORT)], (), 0.0)

    assert shown.held({}) == [(SYMBOL, LONG, Decimal(3)), (SYMBOL, SHORT, Decimal(-3))]
    assert Shown({}).held({"BTCUSDT": Decimal(2), SYMBOL: Decimal(0)}) == [("BTCUSDT", 0, Decimal(2))]


def test_a_reading_that_is_older_than_the_newest_of_its_side_says_nothing() -> None:
    shown = Shown({})
    shown.take(row("4", LONG, seq=7))
    shown.take(row("-3", SHORT, seq=6))
    shown.take(row("9", LONG, seq=5))

    assert sides(shown, "1") == {LONG: "4", SHORT: "-3"}


def test_what_a_complete_list_lacks_is_flat_but_for_what_moved_while_it_was_read() -> None:
    shown = Shown({})
    shown.take_all(PAIR, (), 0.0)
    shown.take_all([], {SYMBOL}, 0.0)
    assert sides(shown, "1") == {LONG: "4", SHORT: "-3"}

    shown.take_all([row("4", LONG)], (), 0.0)
    assert sides(shown, "4") == {LONG: "4"}
    shown.take_all([], (), 0.0)
    assert shown.held({SYMBOL: Decimal(0)}) == []


def test_a_list_that_lags_behind_the_stream_hides_no_pair() -> None:
    shown = Shown({})
    for each in PAIR:
        shown.take(each, streamed_s=10.0)
    shown.take_all([], (), 10.0 + LIST_LAG_S / 2)
    assert sides(shown, "1") == {LONG: "4", SHORT: "-3"}

    shown.take_all([row("4", LONG)], (), 10.0 + LIST_LAG_S)
    assert sides(shown, "4") == {LONG: "4"}
    shown.take_all([], (), 10.0 + LIST_LAG_S)
    assert shown.held({}) == []


def test_a_list_that_is_up_to_date_lets_the_next_one_which_lags_hide_no_pair() -> None:
    shown = Shown({})
    for each in PAIR:
        shown.take(each, streamed_s=10.0)
    shown.take_all(PAIR, (), 10.0 + LIST_LAG_S / 4)
    shown.take_all([], (), 10.0 + LIST_LAG_S / 2)
    assert sides(shown, "1") == {LONG: "4", SHORT: "-3"}


def test_a_side_that_the_stream_showed_closed_is_not_open_again_by_a_list_that_lags_behind_it() -> None:
    shown = Shown({})
    shown.take(row("0", LONG, seq=2), streamed_s=10.0)
    shown.take_all([], (), 10.5)
    shown.take_all([row("4", LONG)], (), 11.0)

    assert shown.held({}) == []


def test_a_side_that_changes_its_size_voids_a_list_that_was_read_meanwhile() -> None:
    shown = Shown({})
    shown.take(row("4", LONG))
    before = dict(shown.version)
    shown.take(row("4", LONG, seq=2))
    assert shown.version == before
    shown.take(row("5", LONG, seq=3))
    assert shown.version != before


def test_a_symbol_that_is_in_one_way_mode_again_has_one_position() -> None:
    shown = Shown({})
    shown.take_all(PAIR, (), 0.0)
    shown.take(row("2", 0, seq=2, mark="2100"))

    assert sides(shown, "2") == {0: "2"}
    assert (shown.mark(SYMBOL), shown.mark("BTCUSDT")) == (Decimal(2100), None)
