"""The order of closed bars, as a law over any order of arrival."""

from hypothesis import given
from hypothesis import strategies as st

from playd.core.candles import Candle
from playd.core.limits import BARS_HELD, BARS_KEPT
from playd.market.bars import BarLine, ClosedBar, Offer, Source

STEP = 60_000


def bar(number: int, close: float = 1.0) -> ClosedBar:
    return ClosedBar("BTCUSDT", Candle(number * STEP, 1.0, 1.0, 1.0, close, 1.0), 0.0, Source.STREAM, late=False)


def opens(line: BarLine, after: int) -> list[int]:
    found = []
    cursor = after * STEP
    while (each := line.after(cursor)) is not None:
        cursor = each.candle.open_time_ms
        found.append(cursor // STEP)
    return found


@given(st.lists(st.integers(1, 30), max_size=80))
def test_bars_come_out_once_each_in_order_and_never_across_a_gap(numbers: list[int]) -> None:
    line = BarLine(STEP)
    line.start_behind(0)
    for number in numbers:
        line.offer(bar(number))
    whole = 0
    while whole + 1 in set(numbers):
        whole += 1
    assert opens(line, 0) == list(range(1, whole + 1))
    beyond = [number for number in set(numbers) if number > whole]
    assert line.gap == (((whole + 1) * STEP, min(beyond) * STEP) if beyond else None)
    assert line.newest_ms == max([*numbers, 0]) * STEP


@given(st.permutations(range(1, 20)))
def test_any_order_of_arrival_gives_the_same_bars(numbers: list[int]) -> None:
    line = BarLine(STEP)
    line.start_behind(0)
    for number in numbers:
        line.offer(bar(number))
    assert opens(line, 0) == list(range(1, 20))
    assert line.gap is None


def test_a_copy_is_equal_or_a_revision_and_the_first_stays() -> None:
    line = BarLine(STEP)
    assert line.offer(bar(5)) is Offer.TAKEN
    assert line.offer(bar(5)) is Offer.EQUAL
    assert line.offer(bar(5, close=2.0)) is Offer.REVISED
    found = line.find(5 * STEP)
    assert found is not None
    assert found.candle.close == 1.0


def test_a_bar_older_than_everything_kept_is_old() -> None:
    line = BarLine(STEP)
    line.offer(bar(5))
    assert line.offer(bar(3)) is Offer.OLD


def test_a_hole_of_the_venue_is_skipped_only_when_told() -> None:
    line = BarLine(STEP)
    line.offer(bar(1))
    line.offer(bar(4))
    assert opens(line, 0) == [1]
    line.skip_hole()
    assert opens(line, 0) == [1, 4]


def test_a_long_outage_keeps_a_bounded_number_of_bars_beyond_the_gap() -> None:
    line = BarLine(STEP)
    line.offer(bar(0))
    for number in range(2, 2 * BARS_HELD):
        assert line.offer(bar(number)) is (Offer.HELD if number < BARS_HELD + 2 else Offer.DROPPED)
    assert line.offer(bar(2)) is Offer.HELD, "a copy of one that is held"
    assert line.offer(bar(1)) is Offer.TAKEN
    gap = line.gap
    assert gap is not None
    assert gap[0] == (BARS_HELD + 2) * STEP
    assert line.newest_ms == (2 * BARS_HELD - 1) * STEP


def test_readers_behind_the_kept_bars_are_told_by_the_floor() -> None:
    line = BarLine(STEP)
    for number in range(1, BARS_KEPT + 11):
        line.offer(bar(number))
    assert line.floor_ms == 10 * STEP
    assert opens(line, 10) == list(range(11, BARS_KEPT + 11))
