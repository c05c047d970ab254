"""Windows in their bars form give the worked examples of the Play language (4.7)."""

from collections.abc import Sequence
from math import nan

import numpy as np
import pytest

from playd.kernels import asof
from playd.kernels.catalog import OPERATORS
from tests.kernel_runs import Floats, run_kernel

T, F, U = 1.0, 0.0, nan
MINUTE_MS = 60_000
QUARTER_MS, HOUR_MS = 15 * MINUTE_MS, 60 * MINUTE_MS


def window(name: str, truths: Sequence[float] | Floats, *extra: float) -> Floats:
    spec = OPERATORS[name]
    row = np.array(truths, dtype=np.float64)
    truth: Floats = run_kernel(spec.kernel(1), [row], spec.pack((), extra), np.zeros(spec.state_size), 1)[0]
    return truth


def above(values: Floats, level: float) -> Floats:
    spec = OPERATORS[">"]
    truth: Floats = run_kernel(spec.kernel(2), [values, values], spec.pack((None, level), ()), np.zeros(0), 1)[0]
    return truth


def seen_from(values: Floats, closes: Floats, step_ms: int, targets: Floats) -> Floats:
    state = np.zeros(asof.STATE_SIZE)
    seen: Floats = run_kernel(asof.kernel(), [values, closes, targets], asof.pack(step_ms), state, 1)[0]
    return seen


class TestWorkedExample1:
    """15m closes 10:00 101 · 10:15 99 · 10:30 102 · 10:45 103 · 11:00 104, now 11:00."""

    over = above(np.array([101.0, 99.0, 102.0, 103.0, 104.0]), 100.0)
    under = 1.0 - over

    def test_holds_for_three_bars_is_true(self) -> None:
        assert window("holds_for", self.over, 3)[-1] == T

    def test_holds_for_four_bars_is_false(self) -> None:
        assert window("holds_for", self.over, 4)[-1] == F

    def test_the_dip_occurred_within_five_bars(self) -> None:
        assert window("occurred_within", self.under, 5)[-1] == T

    def test_four_of_five_are_true(self) -> None:
        assert window("count_true", self.over, 5, 4)[-1] == T

    def test_five_of_five_are_not(self) -> None:
        assert window("count_true", self.over, 5, 5)[-1] == F


def test_worked_example_2_a_window_counts_bars_of_its_own_clock() -> None:
    """15m at 10:15 looks at 09:45 (hour closed 09:00), 10:00 and 10:15 (hour closed 10:00)."""
    hours = np.array([8.0, 9.0, 10.0]) * HOUR_MS
    quarters = np.arange(8.0 * HOUR_MS, 10.25 * HOUR_MS + 1, QUARTER_MS)
    ema = np.array([40.0, 40.0, 60.0])
    truth = above(seen_from(ema, hours, HOUR_MS, quarters), 50.0)
    assert truth[-3:].tolist() == [F, T, T]
    assert window("holds_for", truth, 3)[-1] == F
    assert window("holds_for", truth, 2)[-1] == T


def test_worked_example_3_a_minute_condition_reads_the_closed_execution_bar() -> None:
    """Minutes 10:14, 10:15, 10:16; ema_fast is that of 10:00 for 10:14 and that of 10:15 for the other two."""
    closes = np.array([10.0, 10.25]) * HOUR_MS
    minutes = np.array([10 * 60 + 14, 10 * 60 + 15, 10 * 60 + 16]) * float(MINUTE_MS)
    ema_fast = seen_from(np.array([100.0, 103.0]), closes, QUARTER_MS, minutes)
    assert ema_fast.tolist() == [100.0, 103.0, 103.0]
    last_price = np.array([100.5, 102.0, 104.0])
    compare, cross = OPERATORS[">"], OPERATORS["cross_above"]
    truth = run_kernel(compare.kernel(2), [last_price, ema_fast], compare.pack((None, None), ()), np.zeros(0), 1)[0]
    assert truth.tolist() == [T, F, T]
    assert window("holds_for", truth, 3)[-1] == F
    crossed = run_kernel(cross.kernel(2), [last_price, ema_fast], cross.pack((None, None), ()), np.zeros(cross.state_size), 1)[
        0
    ]
    assert crossed[1:].tolist() == [F, T]


def test_worked_example_4_bars_before_the_first_are_unknown() -> None:
    assert np.isnan(window("holds_for", [T, T], 3)[-1])
    assert window("holds_for", [F, T], 3)[-1] == F
    assert window("occurred_within", [F, T], 3)[-1] == T
    assert np.isnan(window("occurred_within", [F, F], 3)[-1])


@pytest.mark.parametrize(
    ("truths", "holds", "occurred", "two_of_three"),
    [
        ([T, T, T], T, T, T),
        ([T, F, T], F, T, T),
        ([F, F, T], F, T, F),
        ([T, U, T], U, T, T),
        ([F, U, T], F, T, U),
        ([F, U, F], F, U, F),
        ([U, U, F], F, U, U),
        ([F, F, F], F, F, F),
        ([U, U, U], U, U, U),
    ],
)
def test_windows_follow_their_table(truths: list[float], holds: float, occurred: float, two_of_three: float) -> None:
    """The window of three bars, after other bars have left it."""
    history = [T, F, U, F, T, *truths]
    found = [window("holds_for", history, 3), window("occurred_within", history, 3), window("count_true", history, 3, 2)]
    assert np.array_equal([values[-1] for values in found], [holds, occurred, two_of_three], equal_nan=True)


def test_a_window_of_one_bar_is_the_bar() -> None:
    truths = [T, F, U, T]
    for name in ("holds_for", "occurred_within"):
        assert np.array_equal(window(name, truths, 1), truths, equal_nan=True)
