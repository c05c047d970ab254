"""A second symbol that is read and never traded: names, what is wrong with them, and columns (play-language 2.9, 5.5)."""

import numpy as np
import pytest

from playd.core.candles import Candles
from playd.core.errors import PlayError
from playd.plays.columns import Columns
from playd.plays.compile import compile_program
from playd.plays.load import check_play, load_play, on_symbol
from tests.unit.plays.plays_of import START_MS, columns_of, load, market, play_text, truths, values

TWO = "reference: {symbol: ETHUSDT}"
CLOSES = [100.0 + 3.0 * np.sin(k / 3.0) for k in range(60)]
OTHERS = [50.0 + np.cos(k / 4.0) for k in range(60)]


def both(absent: tuple[int, ...] = ()) -> Candles:
    return market(CLOSES).beside(market(OTHERS, absent=absent))


def findings(condition: str, **parts: str) -> list[str]:
    _, report = check_play(play_text(condition, **parts), "small.yml")
    return [f"{finding.code} {finding.path}" for finding in report.ordered()]


def test_its_candle_fields_are_columns_of_the_execution_clock() -> None:
    found = {name: values(f"reference.{name}", both(), more=TWO) for name in ("open", "high", "low", "close", "volume")}
    assert found["close"].tolist() == OTHERS
    assert found["high"].tolist() == [max(OTHERS[max(k - 1, 0)], OTHERS[k]) + 1 for k in range(60)]
    assert found["volume"].tolist() == [10.0] * 60
    assert values("{feature_id: reference.close, offset: 2}", both(), more=TWO)[2:].tolist() == OTHERS[:-2]
    assert (
        values("{feature_id: reference, field: low}", both(), more=TWO).tolist()
        == values("reference.low", both(), more=TWO).tolist()
    )


def test_its_close_is_a_source_of_features_on_any_clock() -> None:
    mean, move = "x: {indicator: sma, params: {length: 3}", "y: {indicator: mom, params: {length: 1}, tf: 3m"
    features = f"{{{mean}, source: reference}}, {move}, source: reference}}}}"
    columns = columns_of(load('{all: [["x", ">", 0], ["y", ">", 0]]}', features=features, more=TWO), both())
    assert columns.column("x")[2:] == pytest.approx([np.mean(OTHERS[k - 2 : k + 1]) for k in range(2, 60)])
    assert columns.column("y")[1:] == pytest.approx([OTHERS[3 * k + 2] - OTHERS[3 * k - 1] for k in range(1, 20)])


def test_a_bar_that_it_lacks_is_missing_and_nothing_is_carried_over() -> None:
    candles = both(absent=(10, 11, 12, 13, 30))
    found = values("reference.close", candles, more=TWO)
    assert np.flatnonzero(np.isnan(found)).tolist() == [10, 11, 12, 13, 30]
    known = truths('{all: [["reference.close", ">", 0]]}', candles, more=TWO)
    assert [k for k, truth in enumerate(known) if truth is None] == [10, 11, 12, 13, 30]


def test_a_slow_bar_of_it_is_made_of_the_minutes_that_it_has() -> None:
    features = "{x: {indicator: ratio, tf: 3m}}"
    columns = columns_of(load('{all: [["x", ">", 0]]}', features=features, more=TWO), both(absent=(4, 8, 9, 10, 11)))
    found = columns.column("x")
    assert np.flatnonzero(np.isnan(found)).tolist() == [3]  # minutes 9, 10 and 11 are all of a bar
    assert found[1] == CLOSES[5] / OTHERS[5]
    assert found[2] == CLOSES[8] / OTHERS[7]


def test_one_candle_at_a_time_gives_the_bits_of_the_whole() -> None:
    candles = both(absent=(0, 7, 20, 21, 22))
    play = load('{all: [["z", ">", 0]]}', features="{z: {indicator: zscore, params: {beta: ols, length: 5}, tf: 3m}}", more=TWO)
    program = compile_program(play, candles.step_ms)
    live = Columns(program, 4)
    for k in range(len(candles)):
        live.extend_one(candles.at(k))
    assert live.column("z").tobytes() == columns_of(play, candles).column("z").tobytes()
    assert live.reference_ms == candles.open_time_ms[1]


def test_candles_of_one_symbol_are_refused_where_two_are_read() -> None:
    play = load('{all: [["reference.close", ">", 0]]}', more=TWO)
    with pytest.raises(ValueError, match="reference symbol"):
        columns_of(play, market(CLOSES))


@pytest.mark.parametrize(
    ("condition", "parts", "expected"),
    [
        ('{all: [["reference.close", ">", 1]]}', {}, "E103 actions.entry_long.all[0][0]"),
        ('{all: [["x", ">", 1]]}', {"features": "{x: {indicator: zscore}}"}, "E103 features.x.indicator"),
        ('{all: [["x", ">", 1]]}', {"features": "{x: {indicator: ema, source: reference}}"}, "E103 features.x.source"),
        ('{all: [["reference", ">", 1]]}', {"more": TWO}, "E412 actions.entry_long.all[0][0]"),
        ('{all: [["reference.clos", ">", 1]]}', {"more": TWO}, "E411 actions.entry_long.all[0][0]"),
        (
            '{all: [["x", ">", 1]]}',
            {"features": "{x: {indicator: ema, source: reference.high}}", "more": TWO},
            "E304 features.x.source",
        ),
        ('{all: [["close", ">", 1]]}', {"more": "reference: {symbol: BTCUSDT}"}, "E202 reference.symbol"),
        ('{all: [["close", ">", 1]]}', {"more": "reference: {symbol: ethusdt}"}, "E201 reference.symbol"),
        ('{all: [["close", ">", 1]]}', {"more": "reference: {}"}, "E103 reference.symbol"),
        ('{all: [["close", ">", 1]]}', {"more": "reference: ETHUSDT"}, "E107 reference"),
        ('{all: [["close", ">", 1]]}', {"more": "reference: {symbl: ETHUSDT}"}, "E102 reference.symbl"),
        (
            '{all: [["x", ">", 1]]}',
            {"features": "{x: {indicator: spread, params: {length: 9}}}", "more": TWO},
            "E104 features.x.params.length",
        ),
        (
            '{all: [["x", ">", 1]]}',
            {"features": "{x: {indicator: zscore, params: {of: ratio, beta: 2}}}", "more": TWO},
            "E104 features.x.params.beta",
        ),
        (
            '{all: [["x", ">", 1]]}',
            {"features": "{x: {indicator: spread, params: {beta: olz}}}", "more": TWO},
            "E107 features.x.params.beta",
        ),
        (
            '{all: [["x", ">", 1]]}',
            {"features": "{x: {indicator: zscore, params: {of: price}}}", "more": TWO},
            "E105 features.x.params.of",
        ),
        (
            '{all: [["x", ">", 1]]}',
            {"features": "{x: {indicator: ratio, source: high}}", "more": TWO},
            "E303 features.x.source",
        ),
    ],
)
def test_what_is_wrong_is_named_once_by_its_code_and_place(condition: str, parts: dict[str, str], expected: str) -> None:
    assert [one for one in findings(condition, **parts) if one.startswith("E")] == [expected]


def test_a_second_symbol_that_nothing_reads_is_a_warning_and_needs_no_candles() -> None:
    assert findings('{all: [["close", ">", "high"]]}', more=TWO)[0] == "W602 reference"
    assert not compile_program(load('{all: [["close", ">", 1]]}', more=TWO), 60_000).reads_reference


def test_it_is_part_of_what_a_play_is() -> None:
    condition = '{all: [["reference.close", ">", 1]]}'
    one, same, other = (load(condition, more=f"reference: {{symbol: {name}}}") for name in ("ETHUSDT", "ETHUSDT", "SOLUSDT"))
    assert one.play_hash == same.play_hash != other.play_hash
    assert one.normal_form["reference"] == {"symbol": "ETHUSDT"}
    assert "reference" not in load('{all: [["close", ">", 1]]}').normal_form


def test_a_play_cannot_be_run_on_the_symbol_that_it_reads() -> None:
    play = load('{all: [["reference.close", ">", 1]]}', more=TWO)
    with pytest.raises(PlayError, match="E202"):
        on_symbol(play, "ETHUSDT")
    assert on_symbol(play, "SOLUSDT").reference == "ETHUSDT"


def test_a_variable_may_name_it() -> None:
    text = play_text('{all: [["reference.close", ">", 1]]}', more='reference: {symbol: "$two"}\nvariables: {two: ETHUSDT}')
    assert load_play(text, "v.yml").reference == "ETHUSDT"
    assert load_play(text, "v.yml", {"two": "SOLUSDT"}).reference == "SOLUSDT"


def test_candles_beside_each_other_come_apart_again() -> None:
    candles = both(absent=(5,))
    own, other = candles.apart()
    assert own.reference is None
    assert other.open_time_ms.tolist() == [START_MS + 60_000 * k for k in range(60) if k != 5]
    assert other.close.tolist() == [close for k, close in enumerate(OTHERS) if k != 5]
    assert candles.at(5).reference is None
    found = candles.between(START_MS + 60_000 * 4, START_MS + 60_000 * 7).at(2).reference
    assert found is not None
    assert found.close == OTHERS[6]
    with pytest.raises(ValueError, match="180000 ms beside"):
        market(CLOSES).beside(market(OTHERS, "3m"))


def test_a_second_symbol_that_is_written_wrong_is_named_once() -> None:
    features = "{x: {indicator: zscore}}"
    assert findings('{all: [["x", ">", "reference.close"]]}', features=features, more="reference: ETHUSDT") == [
        "E107 reference"
    ]
