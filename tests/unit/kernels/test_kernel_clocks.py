"""What one clock shows to another: as-of alignment, offset, derived sources (play-language 2.6, 3.2, 4.3)."""

from math import nan

import numpy as np
import pytest

from playd.kernels import asof, offset
from playd.kernels.catalog import CATALOG
from playd.kernels.sources import SOURCES
from tests.kernel_runs import Floats, run_kernel, series_of_the_language

HOUR_MS = 3_600_000
QUARTER_MS = HOUR_MS // 4


def align(values: list[float], closes_h: list[float], targets_h: list[float], step_ms: int = HOUR_MS) -> list[float]:
    rows = [np.array(values), np.array(closes_h) * HOUR_MS, np.array(targets_h) * HOUR_MS]
    table = run_kernel(asof.kernel(), rows, asof.pack(step_ms), np.zeros(asof.STATE_SIZE), 1)
    return [float(value) for value in table[0]]


def test_a_quarter_sees_the_hour_of_the_worked_example() -> None:
    hours = [8.0, 9.0, 10.0, 11.0]
    assert align(hours, hours, [9.75, 10.0, 10.25, 10.5, 10.75, 11.0]) == [9.0, 10.0, 10.0, 10.0, 10.0, 11.0]


def test_an_hour_is_seen_by_the_bar_that_closes_with_it_and_not_before() -> None:
    just_before = np.nextafter(10.0, 0.0)
    assert align([9.0, 10.0], [9.0, 10.0], [just_before, 10.0]) == [9.0, 10.0]


def test_before_the_first_closed_bar_a_column_is_missing() -> None:
    assert np.isnan(align([10.0], [10.0], [9.0, 9.75])).all()


def test_a_gap_is_bridged_by_one_bar_and_no_more() -> None:
    """The hour that closed at 10:00 is used while T − 2 h < 10:00, that is until just before 12:00."""
    found = align([10.0, 13.0], [10.0, 13.0], [10.75, 11.0, 11.75, 12.0, 12.75, 13.0])
    assert np.array_equal(found, [10.0, 10.0, 10.0, nan, nan, 13.0], equal_nan=True)


def test_a_faster_clock_shows_its_last_closed_bar() -> None:
    quarters = [10.0, 10.25, 10.5, 10.75, 11.0]
    assert align(quarters, quarters, [10.0, 11.0], step_ms=QUARTER_MS) == [10.0, 11.0]


def test_a_missing_value_stays_missing() -> None:
    assert np.isnan(align([9.0, nan], [9.0, 10.0], [10.0])).all()


def test_rows_that_are_not_written_yet_are_not_seen() -> None:
    """A store with room to grow: the close times beyond its last bar are NaN, the values there are old memory."""
    found = align([9.0, 10.0, -777.0], [9.0, 10.0, nan], [10.0, 10.75, 11.0])
    assert found == [10.0, 10.0, 10.0]


def test_an_alignment_continues_after_rows_were_dropped() -> None:
    values = np.array([8.0, 9.0, 10.0, 11.0])
    closes, targets = values * HOUR_MS, np.array([9.0, 10.0, 11.0]) * HOUR_MS
    state, table = np.zeros(asof.STATE_SIZE), np.zeros((1, 3))
    kernel, params = asof.kernel(), asof.pack(HOUR_MS)
    kernel((values, closes, targets), params, state, table, 0, 1)
    dropped = 1
    state[asof.SOURCE_ROWS_USED] -= dropped
    kernel((values[dropped:].copy(), closes[dropped:].copy(), targets), params, state, table, 1, 3)
    assert table[0].tolist() == [9.0, 10.0, 11.0]


def shifted(values: Floats, bars: int, cuts: tuple[int, ...] = ()) -> list[float]:
    table = run_kernel(offset.kernel(), [values], offset.pack(bars), np.zeros(offset.STATE_SIZE), 1, cuts)
    return [float(value) for value in table[0]]


def test_offset_is_the_value_so_many_bars_back() -> None:
    values = np.array([1.0, nan, 3.0, 4.0, 5.0])
    assert np.array_equal(shifted(values, 2), [nan, nan, 1.0, nan, 3.0], equal_nan=True)
    assert np.array_equal(shifted(values, 0), values, equal_nan=True)
    assert np.isnan(shifted(values, 5000)).all()


def test_offset_does_not_depend_on_chunks() -> None:
    values = np.arange(20.0)
    for bars in range(25):
        for cuts in ((1,), (3, 4, 11), tuple(range(1, 20))):
            assert np.array_equal(shifted(values, bars), shifted(values, bars, cuts), equal_nan=True)


def test_derived_sources_follow_their_formulas() -> None:
    rows = series_of_the_language()
    expected = {
        "hl2": (rows["high"] + rows["low"]) / 2,
        "hlc3": (rows["high"] + rows["low"] + rows["close"]) / 3,
        "ohlc4": (rows["open"] + rows["high"] + rows["low"] + rows["close"]) / 4,
    }
    for name, spec in SOURCES.items():
        found = run_kernel(spec.kernel, [rows[row] for row in spec.inputs], np.zeros(0), np.zeros(0), 1)[0]
        assert np.array_equal(found, expected[name])


def test_a_chained_indicator_starts_at_its_sources_first_valid_bar() -> None:
    """sma 9 of rsi 14: first valid at 14 + 8."""
    rows = series_of_the_language()
    rsi, sma = CATALOG["rsi"], CATALOG["sma"]
    source = run_kernel(rsi.kernel, [rows["src"]], rsi.pack({"length": 14}), np.zeros(4), 1)[0]
    found = run_kernel(sma.kernel, [source, rows["index"]], sma.pack({"length": 9}), np.zeros(3), 1)[0]
    assert np.flatnonzero(~np.isnan(found))[0] == 22
    assert found[22] == pytest.approx(source[14:23].mean(), rel=1e-12)
