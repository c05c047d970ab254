"""
The law that backtest and live decide the same rests on: columns do not depend on how the candles came.

Whole history, random pieces, bar by bar, with room or without: the same bits, on every clock, with gaps in the data.
"""

from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playd.core.candles import Candles
from playd.plays.columns import Columns
from playd.plays.compile import compile_program
from playd.plays.load import load_play
from playd.plays.program import SIGNALS, Program

MINUTE_MS = 60_000
PLAYS = sorted((Path(__file__).parents[2] / "config" / "plays").glob("*.yml"))
laws = settings(deadline=None, max_examples=10, print_blob=True)


@cache
def program_of(path: Path) -> Program:
    return compile_program(load_play(path.read_text(encoding="utf-8"), path.name), MINUTE_MS)


@st.composite
def markets(draw: st.DrawFn) -> Candles:
    """Up to 1500 minutes of two symbols, starting anywhere in a day, some of them missing, of the second one more."""
    seed, bars = draw(st.integers(0, 2**32 - 1)), draw(st.integers(2, 1500))
    random = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.002, bars)))
    open_ = np.concatenate(([100.0], close[:-1]))
    high = np.maximum(open_, close) * (1.0 + random.random(bars) * 0.001)
    low = np.minimum(open_, close) * (1.0 - random.random(bars) * 0.001)
    keep = random.random(bars) >= draw(st.sampled_from([0.0, 0.0, 0.05, 0.6]))
    hole = draw(st.integers(0, bars))
    keep[hole : hole + draw(st.sampled_from([0, 20, 200]))] = False
    keep[0] = True
    first_ms = (28_928_160 + draw(st.integers(0, 1440))) * MINUTE_MS
    times = (first_ms + MINUTE_MS * np.arange(bars)).astype(np.int64)[keep]
    volume = random.random(bars) * 9.0
    candles = Candles("BTCUSDT", MINUTE_MS, times, open_[keep], high[keep], low[keep], close[keep], volume[keep])
    there = random.random(len(times)) >= draw(st.sampled_from([0.0, 0.05, 0.9]))
    first, top, bottom, last, traded = (row[keep][there] ** 0.9 for row in (open_, high, low, close, volume))
    return candles.beside(Candles("ETHUSDT", MINUTE_MS, times[there], first, top, bottom, last, traded))


def pieces(candles: Candles, cuts: list[int]) -> list[Candles]:
    times = candles.open_time_ms
    edges = [0, *sorted(cut % len(times) for cut in cuts), len(times)]
    return [candles.places(lo, hi) for lo, hi in pairwise(edges)]


def whole(program: Program, candles: Candles) -> Columns:
    columns = Columns(program, len(candles))
    columns.extend_many(candles)
    return columns


def assert_same_bits(expected: Columns, actual: Columns) -> None:
    for name in expected.program.names:
        assert expected.column(name).tobytes() == actual.column(name).tobytes(), name
    for clock in range(len(expected.program.clocks)):
        assert expected.close_times_ms(clock).tolist() == actual.close_times_ms(clock).tolist()


@pytest.mark.parametrize("path", PLAYS, ids=lambda path: path.stem)
@given(candles=markets(), cuts=st.lists(st.integers(0, 1500), max_size=12), room=st.sampled_from([0, 1, 700, 5000]))
@laws
def test_pieces_give_the_bits_of_the_whole(path: Path, candles: Candles, cuts: list[int], room: int) -> None:
    program = program_of(path)
    piecewise = Columns(program, room)
    for piece in pieces(candles, cuts):
        piecewise.extend_many(piece)
    assert_same_bits(whole(program, candles), piecewise)


@pytest.mark.parametrize("path", PLAYS, ids=lambda path: path.stem)
@given(candles=markets(), cuts=st.lists(st.integers(0, 1500), max_size=12), room=st.sampled_from([0, 700, 5000]))
@laws
def test_signals_have_the_same_bits_when_nothing_else_is_kept(path: Path, candles: Candles, cuts: list[int], room: int) -> None:
    program = program_of(path)
    lean = Columns(program, room, signals_only=True)
    for piece in pieces(candles, cuts):
        lean.extend_many(piece)
    expected = whole(program, candles)
    for name in SIGNALS:
        signal, kept = expected.signal(name), lean.signal(name)
        assert (signal is None) == (kept is None)
        assert signal is None or kept is None or signal.tobytes() == kept.tobytes(), name


def test_a_column_on_the_way_to_the_signals_is_refused_when_only_signals_are_kept() -> None:
    program = program_of(next(path for path in PLAYS if path.stem == "ema_cross_rsi"))
    columns = Columns(program, 8, signals_only=True)
    with pytest.raises(KeyError, match="not kept"):
        columns.column("ema_fast")


@pytest.mark.parametrize("path", PLAYS, ids=lambda path: path.stem)
@given(candles=markets(), warm=st.integers(0, 1500))
@laws
def test_bar_by_bar_gives_the_bits_of_the_whole(path: Path, candles: Candles, warm: int) -> None:
    program = program_of(path)
    live = Columns(program, 64)
    history, rest = pieces(candles, [warm])
    live.extend_many(history)
    for i in range(len(rest)):
        candle = rest.at(i)
        decision_due = live.extend_one(candle)
        closes = live.close_times_ms(program.decision_clock)
        assert decision_due == (len(closes) > 0 and closes[-1] == candle.open_time_ms + MINUTE_MS)
    assert_same_bits(whole(program, candles), live)


@pytest.mark.parametrize("path", PLAYS, ids=lambda path: path.stem)
@given(candles=markets(), end=st.integers(1, 1500))
@laws
def test_later_candles_never_change_earlier_values(path: Path, candles: Candles, end: int) -> None:
    program = program_of(path)
    history, _ = pieces(candles, [end])
    if not len(history):
        return
    before, after = whole(program, history), whole(program, candles)
    for name, column in program.names.items():
        count = before.row(column).shape[0]
        assert before.column(name).tobytes() == after.column(name)[:count].tobytes(), name
