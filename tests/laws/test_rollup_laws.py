"""Slow candles made of base candles: whole arrays and single bars give the same, and both give what grouping by hand gives."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from playd.kernels import rollup
from tests.kernel_runs import Floats, same_bits, walk

BARS = 300
MINUTE_MS = 60_000
laws = settings(deadline=None, max_examples=25, print_blob=True)
slow_minutes = st.sampled_from([1, 3, 5, 15, 30, 60, 120, 1440])


@st.composite
def base_candles(draw: st.DrawFn) -> Floats:
    """Minutes with holes, from anywhere in a day; whole-number volumes, so that sums are exact in any order."""
    seed, first = draw(st.integers(0, 2**32 - 1)), draw(st.integers(28_000_000, 28_001_440))
    random = np.random.default_rng(seed)
    rows = walk(BARS, seed)
    keep = random.random(BARS) >= draw(st.sampled_from([0.0, 0.1, 0.7]))
    hole = draw(st.integers(0, BARS))
    keep[hole : hole + draw(st.sampled_from([0, 40, 200]))] = False
    keep[0] = True
    opens = (first + np.arange(BARS)) * float(MINUTE_MS)
    volume = random.integers(0, 1000, size=BARS).astype(np.float64)
    columns = (opens, rows["open"], rows["high"], rows["low"], rows["close"], volume)
    return np.array([column[keep] for column in columns])


def roll(base: Floats, minutes: int, cuts: tuple[int, ...] = ()) -> tuple[Floats, list[int]]:
    """The slow candles, and how many there were after each piece."""
    kernel, params, state = rollup.kernel(), rollup.pack(MINUTE_MS, minutes * MINUTE_MS), np.zeros(rollup.STATE_SIZE)
    slow = np.full((rollup.ROWS, base.shape[1] + 1), -777.0)
    edges, filled, counts = [0, *sorted(cuts), base.shape[1]], 0, []
    rows = tuple(row.copy() for row in base)
    for lo, hi in pairwise(edges):
        filled = kernel(rows, params, state, slow, lo, hi, filled)
        counts.append(filled)
    assert np.all(slow[:, filled:] == -777.0)
    return slow[:, :filled], counts


def group(base: Floats, minutes: int) -> Floats:
    """The slow candles that `base` has begun, by NumPy."""
    opens, first, high, low, last, volume = base
    slot = opens // (minutes * MINUTE_MS)
    starts = np.flatnonzero(np.concatenate(([True], slot[1:] != slot[:-1])))
    ends = np.append(starts[1:], len(slot)) - 1
    return np.array(
        [
            slot[starts] * minutes * MINUTE_MS,
            first[starts],
            np.maximum.reduceat(high, starts),
            np.minimum.reduceat(low, starts),
            last[ends],
            np.add.reduceat(volume, starts),
        ]
    )


def finished(base: Floats, minutes: int) -> Floats:
    """Of these the finished ones: the last one only if its last base bar is there."""
    slow = group(base, minutes)
    closed = base[0, -1] + MINUTE_MS
    return slow[:, slow[0] + minutes * MINUTE_MS <= closed]


@laws
@given(base_candles(), slow_minutes, st.lists(st.integers(0, BARS), max_size=6), st.integers(0, 2**32 - 1))
def test_missing_values_are_left_out_and_the_times_stay(base: Floats, minutes: int, cuts: list[int], seed: int) -> None:
    """A second symbol has the first one's bars; what it lacks is as if it were absent, and a bar without any is missing."""
    there: NDArray[np.bool_] = np.less(np.random.default_rng(seed).random(base.shape[1]), 0.3)
    there[-1] = True  # so that both end with the same bar
    other = np.where(there | (np.arange(6) == 0)[:, None], base, np.nan)
    slow, _ = roll(other, minutes, tuple(cut % (base.shape[1] + 1) for cut in cuts))
    assert same_bits(slow[0], finished(base, minutes)[0])
    alone = {bar[0]: bar for bar in group(base[:, there], minutes).T}
    for bar in slow.T:
        assert same_bits(bar[1:], alone[bar[0]][1:] if bar[0] in alone else np.full(5, np.nan))


@laws
@given(base_candles(), slow_minutes)
def test_slow_candles_are_what_grouping_gives(base: Floats, minutes: int) -> None:
    assert same_bits(roll(base, minutes)[0], finished(base, minutes))


@laws
@given(base_candles(), slow_minutes, st.lists(st.integers(0, BARS), max_size=6))
def test_whole_arrays_chunks_and_single_bars_give_the_same(base: Floats, minutes: int, cuts: list[int]) -> None:
    bars = base.shape[1]
    whole = roll(base, minutes)[0]
    assert same_bits(whole, roll(base, minutes, tuple(min(cut, bars) for cut in cuts))[0])
    assert same_bits(whole, roll(base, minutes, tuple(range(1, bars)))[0])


@laws
@given(base_candles(), slow_minutes)
def test_a_slow_candle_comes_no_earlier_than_it_closes_and_no_later_than_the_next_base_bar(base: Floats, minutes: int) -> None:
    bars = base.shape[1]
    _, counts = roll(base, minutes, tuple(range(1, bars)))
    for bar in range(bars):
        assert counts[bar] == finished(base[:, : bar + 1], minutes).shape[1]


def minutes_of(*at: int) -> Floats:
    """Base candles at minutes after an hour's start; open, close = the minute, high and low around it, volume 1."""
    clock = np.array(at, dtype=np.float64)
    return np.array([clock * MINUTE_MS, clock, clock + 0.5, clock - 0.5, clock + 0.25, np.ones(len(at))])


def test_absent_base_bars_are_left_out_and_an_empty_slow_bar_is_absent() -> None:
    slow, counts = roll(minutes_of(0, 1, 3, 11, 14), 5, cuts=(1, 2, 3, 4))
    assert counts == [0, 0, 0, 1, 2]
    assert slow[0].tolist() == [0.0, 10.0 * MINUTE_MS]
    assert slow[:, 0].tolist() == [0.0, 0.0, 3.5, -0.5, 3.25, 3.0]
    assert slow[:, 1].tolist() == [10.0 * MINUTE_MS, 11.0, 14.5, 10.5, 14.25, 2.0]


def test_a_slow_bar_that_the_data_begins_inside_of_is_made_of_what_is_there() -> None:
    slow, _ = roll(minutes_of(2, 3, 4, 5, 6, 7, 8, 9), 5)
    assert slow[0].tolist() == [0.0, 5.0 * MINUTE_MS]
    assert slow[:, 0].tolist() == [0.0, 2.0, 4.5, 1.5, 4.25, 3.0]


def test_a_step_that_does_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="300000 ms cannot be made of bars of 180000 ms"):
        rollup.pack(180_000, 300_000)
