"""Every form of a condition means what the language says, and two spellings of one thing are one thing."""

import re

import numpy as np
import pytest

from playd.core.errors import PlayError
from playd.plays.compile import compile_program
from playd.plays.load import load_play
from tests.unit.plays.plays_of import load, market, play_text, truths, values

T, F, U = True, False, None
FEATURES = (
    "{fast: {indicator: ema, params: {length: 2}}, slow: {indicator: ema, params: {length: 3}}, rsi: {indicator: rsi},"
    " bb: {indicator: bbands, params: {length: 3}}, st: {indicator: supertrend, params: {length: 2, multiplier: 1.0}}}"
)
UP = market([100, 101, 102, 103, 104])


@pytest.mark.parametrize(
    ("expected", "condition"),
    [
        ([F, F, F, T, T], '[close, ">", 102]'),
        ([F, F, T, T, T], '[close, ">=", 102]'),
        ([T, T, F, F, F], '[102, ">", close]'),
        ([F, T, T, T, F], "[close, between, [101, 103]]"),
        ([F, T, T, T, F], "{lhs: close, op: between, rhs: {low: 101, high: 103}}"),
        ([F, F, F, F, F], "[close, between, [high, low]]"),
        ([F, T, T, T, F], "[close, near_abs, 102, 1]"),
        ([F, T, T, T, F], "[close, near_pct, 102, 0.9805]"),
        ([F, T, T, T, F], "{lhs: close, op: near_abs, rhs: 102, tolerance: 1}"),
        ([U, F, F, T, F], "[close, cross_above, 102]"),
        ([U, F, F, T, F], "[102, cross_below, close]"),
        ([U, F, F, F, F], "[close, cross_below, 102]"),
        ([F, T, T, T, T], '[[close, "-", open], ">", 0.5]'),
        ([F, T, T, T, T], '[{"-": [close, open]}, ">", 0.5]'),
        ([F, F, F, F, T], '[close, ">", [[100, "+", 1], "*", {"/": [102, 100]}]]'),
        ([F, T, F, T, F], '[[close, "%", 2], ">", 0.5]'),
        ([U, U, U, U, U], '[[close, "/", 0], ">", 0.5]'),
        ([U, F, F, F, T], '[{feature_id: close, offset: 1}, ">", 102]'),
        ([T, T, T, T, T], '[1, "<", 2]'),
        ([F, F, F, T, T], '{lhs: close, op: ">", rhs: 102}'),
        ([T, T, T, F, F], '{not: [close, ">", 102]}'),
        ([T, T, T, F, F], '{not: [[close, ">", 102]]}'),
        ([T, T, F, F, T], '{any: [[close, "<", 102], [close, ">", 103]]}'),
        ([F, F, F, T, F], '{all: [[close, ">", 102], [close, "<", 104]]}'),
        ([F, F, F, T, F], '[[close, ">", 102], [close, "<", 104]]'),
        ([F, F, F, T, F], '{all: [[[close, ">", 102], [close, "<", 104]], {any: [[close, ">", 0]]}]}'),
        ([U, U, U, U, U], '{any: [[rsi, ">", 0], [close, "<", 0]]}'),
        ([T, T, T, T, T], '{any: [[rsi, ">", 0], [close, ">", 0]]}'),
        ([F, F, F, F, F], '{all: [[rsi, ">", 0], [close, "<", 0]]}'),
        ([U, U, F, T, F], '[st.direction, "==", 1]'),
        ([U, U, T, F, T], '[st.direction, "!=", 1]'),
        ([U, U, F, T, F], "[st.direction, in, [1, 0]]"),
    ],
)
def test_a_condition_has_its_truths(expected: list[bool | None], condition: str) -> None:
    candles = market([100, 101, 102, 140, 80]) if "st." in condition else UP
    assert expected == truths(condition, candles, features=FEATURES)


def test_crossing_needs_touching_from_the_other_side() -> None:
    """The table of play-language 4.6: previous and present price against 100."""
    for previous, now, above, below in ((100, 101, T, F), (99, 100, F, F), (101, 101, F, F), (100, 99, F, T)):
        candles = market([previous, now])
        assert [U, above] == truths("[close, cross_above, 100]", candles)
        assert [U, below] == truths("[close, cross_below, 100]", candles)


def test_a_bare_id_is_the_primary_output() -> None:
    assert np.array_equal(values("bb", UP, features=FEATURES), values("bb.middle", UP, features=FEATURES), equal_nan=True)
    assert np.array_equal(values("fast", UP, features=FEATURES), values("fast.value", UP, features=FEATURES), equal_nan=True)
    assert np.array_equal(
        values("{feature_id: bb.upper}", UP, features=FEATURES), values("bb.upper", UP, features=FEATURES), equal_nan=True
    )


def test_a_slow_column_is_seen_from_its_close_on_and_not_before() -> None:
    """Hours close at bars 3, 7, 11 of 15 minutes; the values are the hour's close."""
    candles = market([float(i) for i in range(1, 13)], "15m")
    row = values("hour", candles, exec_tf="15m", features="{hour: {indicator: sma, params: {length: 1}, tf: 1h}}")
    assert [np.nan] * 3 + [4.0] * 4 + [8.0] * 4 + [12.0] == pytest.approx(row.tolist(), nan_ok=True)


def test_a_gap_is_bridged_by_one_slow_bar_and_no_more() -> None:
    candles = market([float(i) for i in range(1, 25)], "15m", absent=tuple(range(4, 14)))
    row = values("hour", candles, exec_tf="15m", features="{hour: {indicator: sma, params: {length: 1}, tf: 1h}}")
    # Left: bars 0-3 (hour 1), 14-23. At bar 14 (closes 03:45) the last closed hour is that of 01:00, stale since 03:00.
    assert [np.nan] * 3 + [4.0, np.nan, 16.0] == pytest.approx(row[:6].tolist(), nan_ok=True)


def test_offsets_count_on_the_clock_of_the_column() -> None:
    candles = market([float(i) for i in range(1, 13)], "15m")
    features = "{hour: {indicator: sma, params: {length: 1}, tf: 1h}}"
    row = values("{feature_id: hour, offset: 1}", candles, exec_tf="15m", features=features)
    assert [np.nan] * 7 + [4.0] * 4 + [8.0] == pytest.approx(row.tolist(), nan_ok=True)


def test_a_faster_feature_than_the_execution_clock_is_seen_at_its_last_close() -> None:
    candles = market([float(i) for i in range(1, 31)])
    row = values("minute", candles, exec_tf="15m", features="{minute: {indicator: sma, params: {length: 2}, tf: 1m}}")
    assert row.tolist() == [14.5, 29.5]


def test_timestamp_is_the_close_in_seconds() -> None:
    assert values("timestamp", UP)[0] == 1_735_689_660.0


def test_last_price_is_the_close_when_minutes_are_the_execution_clock() -> None:
    assert np.array_equal(values("last_price", UP), UP.close)


def test_a_setup_is_its_expression() -> None:
    setups = 'setups: {low: [[close, "<", 102]], high: {not: {setup: low}}}'
    assert truths("{setup: high}", UP, more=setups) == [F, F, T, T, T]


def test_a_variable_keeps_its_type_and_an_override_replaces_it() -> None:
    text = play_text('[close, ">", $floor]', more="variables: {floor: 102}")
    assert load_play(text, "f").play_hash == load("[close, '>', 102]").play_hash
    assert load_play(text, "f", {"floor": 103}).play_hash == load("[close, '>', 103]").play_hash
    with pytest.raises(PlayError, match=r"E440.*did you mean `floor`"):
        load_play(text, "f", {"flor": 103})


def test_equal_computations_are_one_node() -> None:
    twice = '{all: [[fast, ">", slow], {any: [[fast, ">", slow], {not: [[fast, ">", slow]]}]}]}'
    program = compile_program(
        load(
            twice,
            features=FEATURES.replace("length: 3}}, rsi", "length: 3}}, twin: {indicator: ema, params: {length: 2}}, rsi"),
        ),
        60_000,
    )
    assert [n.kind for n in program.nodes if n.kind != "<"] == ["ema", "ema", ">", "not", "any", "all"]


def test_what_nothing_refers_to_is_not_computed() -> None:
    program = compile_program(load('[close, ">", 1]', features=FEATURES), 60_000)
    assert {">", "<"} == {node.kind for node in program.nodes}
    assert len(program.clocks) == 1


def test_candles_that_are_too_slow_are_refused() -> None:
    with pytest.raises(PlayError, match="found candles of 5m, expected candles from which bars of 1m can be made"):
        compile_program(load('[close, ">", 1]'), 300_000)


@pytest.mark.parametrize(
    ("operand", "where"),
    [('[close, "*", nope]', "[0][2]"), ('{"*": [close, nope]}', "[0].*[1]"), ('{"+": [1, [nope, "/", 2]]}', "[0].+[1][0]")],
)
def test_the_path_of_an_operand_is_where_it_is_written(operand: str, where: str) -> None:
    with pytest.raises(PlayError, match=re.escape(f"actions.entry_long.all[0]{where}: found the unknown id `nope`")):
        load(f'{{all: [[{operand}, ">", 1]]}}')
