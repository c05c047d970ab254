"""Conditions mean what the tables of the Play language say (4.4–4.6, 4.10)."""

from collections.abc import Sequence
from itertools import permutations
from math import nan

import numpy as np
import pytest

from playd.kernels.catalog import OPERATORS
from tests.kernel_runs import Floats, run_kernel

T, F, U = 1.0, 0.0, nan
Operand = float | Sequence[float]


def evaluate(name: str, *operands: Operand, extra: Sequence[float] = ()) -> list[float]:
    """Values of an operator; an operand is a number or the values of a column."""
    spec = OPERATORS[name]
    bars = max(len(operand) for operand in operands if isinstance(operand, Sequence))
    rows: list[Floats] = []
    numbers: list[float | None] = []
    for operand in operands:
        column = isinstance(operand, Sequence)
        rows.append(np.array(operand if column else [nan] * bars, dtype=np.float64))
        numbers.append(None if isinstance(operand, Sequence) else operand)
    params = spec.pack(numbers, extra)
    table = run_kernel(spec.kernel(len(rows)), rows, params, np.zeros(spec.state_size), 1)
    return [float(value) for value in table[0]]


def same(found: Sequence[float], expected: Sequence[float]) -> bool:
    return np.array_equal(found, expected, equal_nan=True)


ALL = {(T, T): T, (T, U): U, (T, F): F, (U, U): U, (U, F): F, (F, F): F}
ANY = {(T, T): T, (T, U): T, (T, F): T, (U, U): U, (U, F): U, (F, F): F}


@pytest.mark.parametrize(("name", "table"), [("all", ALL), ("any", ANY)])
def test_all_and_any_follow_strong_kleene_logic(name: str, table: dict[tuple[float, float], float]) -> None:
    for (left, right), expected in table.items():
        assert same(evaluate(name, [left], [right]), [expected])
        assert same(evaluate(name, [right], [left]), [expected])


def test_not_keeps_unknown() -> None:
    assert same(evaluate("not", [T, U, F]), [F, U, T])


@pytest.mark.parametrize("children", [(F, U, T), (F, U), (U, T), (T, T, T, T, T), (T, U, T), (F, F, F)])
def test_more_than_two_children_follow_the_rule_in_any_order(children: tuple[float, ...]) -> None:
    every = F if F in children else (U if any(child != child for child in children) else T)
    some = T if T in children else (U if any(child != child for child in children) else F)
    for order in permutations(children):
        columns = [[child] for child in order]
        assert same(evaluate("all", *columns), [every])
        assert same(evaluate("any", *columns), [some])


def test_one_child_passes_through() -> None:
    assert same(evaluate("all", [T, U, F]), [T, U, F])
    assert same(evaluate("any", [T, U, F]), [T, U, F])


def test_the_examples_of_unknown_hold() -> None:
    missing_clause = evaluate(">", [nan], 5.0)
    assert same(evaluate("not", missing_clause), [U])
    assert same(evaluate("any", [U], [T]), [T])
    assert same(evaluate("not", evaluate("any", [F], [U])), [U])


@pytest.mark.parametrize(
    ("sign", "expected"),
    [
        (">", [F, F, T]),
        (">=", [F, T, T]),
        ("<", [T, F, F]),
        ("<=", [T, T, F]),
        ("==", [F, T, F]),
        ("!=", [T, F, T]),
    ],
)
def test_comparisons_are_exact_and_unknown_on_missing(sign: str, expected: list[float]) -> None:
    above, below = np.nextafter(1.0, 2.0), np.nextafter(1.0, 0.0)
    assert same(evaluate(sign, [below, 1.0, above], 1.0), expected)
    assert same(evaluate(sign, [below, 1.0, above], [1.0, 1.0, 1.0]), expected)
    assert same(evaluate(sign, 1.0, [above, 1.0, below]), expected)
    assert same(evaluate(sign, [nan, 1.0, nan], [1.0, nan, nan]), [U, U, U])


def test_between_includes_its_ends_and_reversed_bounds_are_false() -> None:
    assert same(evaluate("between", [39.0, 40.0, 50.0, 60.0, 61.0], 40.0, 60.0), [F, T, T, T, F])
    assert same(evaluate("between", [5.0, 5.0], [6.0, 4.0], [4.0, 6.0]), [F, T])


def test_between_is_unknown_if_any_of_the_three_is_missing() -> None:
    assert same(evaluate("between", [nan, 1.0, 1.0], [0.0, nan, 2.0], [2.0, 2.0, nan]), [U, U, U])


def test_near_abs_includes_its_tolerance() -> None:
    assert same(evaluate("near_abs", [75.0, 125.0, 74.0, nan], 100.0, extra=[25.0]), [T, T, F, U])
    assert same(evaluate("near_abs", [100.0, 101.0], 100.0, extra=[0.0]), [T, F])


def test_near_pct_is_a_part_of_the_right_side_and_unknown_at_zero() -> None:
    assert same(evaluate("near_pct", [100.5, 100.6, -199.5], [100.0, 100.0, -200.0], extra=[0.5]), [T, F, T])
    assert same(evaluate("near_pct", [0.0, 1.0, 1.0], [0.0, 0.0, nan], extra=[50.0]), [U, U, U])


def test_in_is_equality_with_one_of_the_values() -> None:
    assert same(evaluate("in", [0.0, 1.0, -1.0, nan], extra=[0.0, 1.0]), [T, T, F, U])


@pytest.mark.parametrize(
    ("previous", "now", "above", "below"),
    [
        (100.0, 101.0, T, F),
        (99.0, 100.0, F, F),
        (101.0, 101.0, F, F),
        (100.0, 99.0, F, T),
        (101.0, 100.0, F, F),
        (99.0, 101.0, T, F),
        (nan, 101.0, U, U),
        (99.0, nan, U, U),
    ],
)
def test_a_price_crosses_a_level_as_the_table_says(previous: float, now: float, above: float, below: float) -> None:
    assert same(evaluate("cross_above", [previous, now], 100.0), [U, above])
    assert same(evaluate("cross_below", [previous, now], 100.0), [U, below])
    assert same(evaluate("cross_above", [previous, now], [100.0, 100.0]), [U, above])
    assert same(evaluate("cross_above", 100.0, [previous, now]), [U, below])


def test_a_cross_is_unknown_if_the_right_side_was_or_is_missing() -> None:
    assert same(evaluate("cross_above", [99.0, 101.0], [nan, 100.0]), [U, U])
    assert same(evaluate("cross_below", [101.0, 99.0], [100.0, nan]), [U, U])


def test_a_cross_is_true_on_one_bar_only() -> None:
    assert same(evaluate("cross_above", [99.0, 101.0, 102.0, 103.0], 100.0), [U, T, F, F])


def test_arithmetic_is_ieee_and_missing_where_undefined() -> None:
    assert same(evaluate("+", [0.1], [0.2]), [0.1 + 0.2])
    assert same(evaluate("-", [1.0], 3.0), [-2.0])
    assert same(evaluate("*", 1.5, [3.0]), [4.5])
    assert same(evaluate("/", [1.0, 1.0, 0.0, nan], [4.0, 0.0, 0.0, 1.0]), [0.25, nan, nan, nan])
    assert same(evaluate("*", [1e200], [1e200]), [nan])


def test_modulo_has_the_sign_of_the_divisor() -> None:
    assert same(evaluate("%", [7.0, -7.0, 7.0, -7.0, 7.5], [3.0, 3.0, -3.0, -3.0, 2.0]), [1.0, 2.0, -2.0, -1.0, 1.5])
    assert same(evaluate("%", [7.0], [0.0]), [nan])
