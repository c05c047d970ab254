"""
Laws that every kernel obeys, found in the catalog and not listed here: whoever adds a kernel is bound by them at once.

Markets and cuts are drawn by Hypothesis; the seed of a counterexample is printed with it.
"""

from itertools import pairwise
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playd.kernels.catalog import CATALOG, OPERATORS
from tests.kernel_cases import BARS, CASES, candles, extra_of, interpreted, operand_rows, operator_case, params_of
from tests.kernel_runs import candle_rows, run_kernel, same_bits

laws = settings(deadline=None, max_examples=15, print_blob=True)
"""Of errors planted in each second kernel (state lost at a cut, a bar too few or too many read) none needed the twelfth."""

every_kernel = pytest.mark.parametrize("name", CASES)
every_indicator = pytest.mark.parametrize("name", CATALOG)
cuts_of_a_run = st.lists(st.integers(0, BARS), max_size=8)


@every_kernel
@laws
@given(data=st.data())
def test_any_chunking_gives_the_same_bits(name: str, data: st.DataObject) -> None:
    case = data.draw(CASES[name])
    assert same_bits(case.run(), case.run(cuts=data.draw(cuts_of_a_run)))
    assert same_bits(case.run(), case.run(cuts=range(1, BARS)))


@every_kernel
@laws
@given(data=st.data())
def test_a_future_bar_never_changes_a_past_output(name: str, data: st.DataObject) -> None:
    case = data.draw(CASES[name])
    now = data.draw(st.integers(0, BARS))
    future = data.draw(st.sampled_from([0.0, 1.0, 1e6, np.nan]))
    rows = tuple(np.where(np.arange(BARS) < now, row, future if np.isnan(row).any() else 1.0) for row in case.rows)
    assert same_bits(case.run()[:, :now], case.run(rows=rows)[:, :now])


@every_kernel
@laws
@given(data=st.data())
def test_a_kernel_needs_only_its_state_and_its_look_back(name: str, data: st.DataObject) -> None:
    """
    Older bars and bars to come are garbage at each call, and at each call the rows lie at another distance from the array's
    start: whoever drops old bars, or goes on from a copy of the state, gets the same bits.
    """
    case = data.draw(CASES[name])
    cuts, moves = data.draw(cuts_of_a_run), np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    expected, state = case.run(), np.zeros(case.state_size)
    for lo, hi in pairwise([0, *sorted(cuts), BARS]):
        oldest = max(lo - case.lookback, 0)
        shift = int(moves.integers(-oldest, 50))
        rows = tuple(np.full(BARS + 50, 1e9) for _ in case.rows)
        for row, source in zip(rows, case.rows, strict=True):
            row[shift + oldest : shift + hi] = source[oldest:hi]
        table, state = np.full((case.outputs, BARS + 50), -777.0), state.copy()
        case.kernel(rows, case.params, state, table, shift + lo, shift + hi)
        assert same_bits(expected[:, lo:hi], table[:, shift + lo : shift + hi])


@every_kernel
@laws
@given(data=st.data())
def test_a_kernel_writes_only_its_state_and_its_outputs(name: str, data: st.DataObject) -> None:
    """The declared state is all there is: what lies around it, the inputs and the params keep their bits."""
    case = data.draw(CASES[name])
    lo, hi = sorted((data.draw(st.integers(0, BARS)), data.draw(st.integers(0, BARS))))
    guarded = np.full(case.state_size + 16, -777.0)
    guarded[8:-8] = 0.0
    rows, params = tuple(row.copy() for row in case.rows), case.params.copy()
    table = np.full((case.outputs, BARS), -777.0)
    case.kernel(rows, params, guarded[8:-8], table, 0, lo)
    case.kernel(rows, params, guarded[8:-8], table, lo, hi)
    assert np.all(guarded[:8] == -777.0)
    assert np.all(guarded[-8:] == -777.0)
    assert np.all(table[:, hi:] == -777.0)
    assert same_bits(params, case.params)
    assert all(same_bits(row, source) for row, source in zip(rows, case.rows, strict=True))


@every_kernel
@settings(laws, max_examples=10)
@given(data=st.data())
def test_machine_code_computes_what_the_written_order_says(name: str, data: st.DataObject) -> None:
    """The same functions, interpreted: no fused, reassociated or approximated operation anywhere."""
    case = data.draw(CASES[name])
    with np.errstate(all="ignore"):
        written = run_kernel(interpreted(case.recurrence), case.rows, case.params, np.zeros(case.state_size), case.outputs)
    assert same_bits(case.run(), written)


@every_indicator
@laws
@given(data=st.data())
def test_outputs_begin_where_declared_and_stay(name: str, data: st.DataObject) -> None:
    spec = CATALOG[name]
    params, rows = data.draw(params_of(spec)), data.draw(candles(missing=False))
    rows["volume"][rows["volume"] == 0.0] = 1.0
    table = run_kernel(
        spec.kernel, [rows[row] for row in spec.inputs], spec.pack(params), np.zeros(spec.state_size(params)), len(spec.outputs)
    )
    for output, values in zip(spec.outputs, table, strict=True):
        first = output.first(params)
        assert np.all(np.isnan(values[:first])), output.name
        if not output.gaps:
            assert np.all(np.isfinite(values[first:])), output.name


@every_indicator
@laws
@given(data=st.data())
def test_after_a_missing_bar_an_indicator_begins_anew(name: str, data: st.DataObject) -> None:
    spec = CATALOG[name]
    params, rows = data.draw(params_of(spec)), data.draw(candles(missing=False))
    bar = data.draw(st.integers(0, BARS - 2))
    for row in ("open", "high", "low", "close", "volume", "src"):
        rows[row][bar] = np.nan
    inputs, packed = [rows[row] for row in spec.inputs], spec.pack(params)
    whole = run_kernel(spec.kernel, inputs, packed, np.zeros(spec.state_size(params)), len(spec.outputs))
    anew = run_kernel(
        spec.kernel, [row[bar + 1 :].copy() for row in inputs], packed, np.zeros(spec.state_size(params)), len(spec.outputs)
    )
    assert np.all(np.isnan(whole[:, bar]))
    assert same_bits(whole[:, bar + 1 :], anew)


@every_indicator
@laws
@given(data=st.data())
def test_an_infinity_never_leaves_a_kernel(name: str, data: st.DataObject) -> None:
    spec = CATALOG[name]
    params, rows = data.draw(params_of(spec)), data.draw(candles(missing=False))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    huge = random.random(BARS) < 0.1
    for row in ("open", "high", "low", "close", "volume", "src"):
        rows[row][huge] = random.choice([1.7e308, -1.7e308, 1e300, 5e-324], size=int(huge.sum()))
    table = run_kernel(
        spec.kernel, [rows[row] for row in spec.inputs], spec.pack(params), np.zeros(spec.state_size(params)), len(spec.outputs)
    )
    assert not np.any(np.isinf(table))


@pytest.mark.parametrize("name", [name for name, spec in OPERATORS.items() if spec.truth])
@laws
@given(data=st.data())
def test_truth_is_one_zero_or_unknown(name: str, data: st.DataObject) -> None:
    truth = data.draw(operator_case(name)).run()
    assert np.all(np.isnan(truth) | (truth == 0.0) | (truth == 1.0))


@pytest.mark.parametrize("name", [name for name, spec in OPERATORS.items() if not spec.takes_truth])
@laws
@given(data=st.data())
def test_a_number_means_the_same_as_a_column_of_it(name: str, data: st.DataObject) -> None:
    spec = OPERATORS[name]
    count = spec.inputs or 2
    rows = operand_rows(spec, count, data.draw(st.integers(0, 2**32 - 1)))
    numbers = [data.draw(st.none() | st.integers(-3, 3).map(float)) for _ in range(count)]
    extra = data.draw(extra_of(spec))
    columns = tuple(row if number is None else np.full(BARS, number) for row, number in zip(rows, numbers, strict=True))
    with_numbers = run_kernel(spec.kernel(count), rows, spec.pack(numbers, extra), np.zeros(spec.state_size), 1)
    with_columns = run_kernel(spec.kernel(count), columns, spec.pack([None] * count, extra), np.zeros(spec.state_size), 1)
    first = 1 if spec.state_size else 0  # a number has a previous value even at the first bar, a column has not
    assert same_bits(with_numbers[:, first:], with_columns[:, first:])


@pytest.mark.parametrize("name", ["all", "any"])
@laws
@given(data=st.data())
def test_the_order_of_children_has_no_effect(name: str, data: st.DataObject) -> None:
    case = data.draw(operator_case(name))
    shuffled = tuple(data.draw(st.permutations(case.rows)))
    assert same_bits(case.run(), case.run(rows=shuffled))


@every_indicator
def test_parameters_have_defaults_inside_their_range(name: str) -> None:
    for param in CATALOG[name].params:
        if param.kind == "word":
            assert param.default in param.words
        elif param.kind != "structure":  # which one it is, is found in the Play
            assert param.lo <= float(str(param.default)) <= param.hi < inf or param.hi == inf
            assert not (param.above_lo and param.default == param.lo)


def test_rows_with_another_layout_are_refused() -> None:
    """A strided view would silently be another machine code; it is a TypeError instead."""
    spec = CATALOG["ema"]
    every_second = candle_rows(*(np.ones(20) for _ in range(5)))["src"][::2]
    with pytest.raises(TypeError):
        spec.kernel((every_second,), spec.pack({"length": 2}), np.zeros(2), np.empty((1, 10)), 0, 10)
