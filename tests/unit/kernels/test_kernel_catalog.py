"""The catalog says what the tables of the Play language say (4.4, 5.2, 5.3)."""

import pytest

from playd.kernels.catalog import CATALOG, OPERATORS
from playd.kernels.spec import ColumnType

MINUTE_MS = 60_000

TABLE: dict[str, tuple[dict[str, object], tuple[str, ...], str | None]] = {
    "ema": ({"length": 20}, ("value",), "value"),
    "sma": ({"length": 20}, ("value",), "value"),
    "rsi": ({"length": 14}, ("value",), "value"),
    "atr": ({"length": 14}, ("value",), "value"),
    "vwap": ({"anchor": "D"}, ("value",), "value"),
    "macd": ({"fast": 12, "slow": 26, "signal": 9}, ("macd", "signal", "histogram"), "macd"),
    "bbands": ({"length": 20, "std": 2.0}, ("lower", "middle", "upper", "bandwidth", "percent_b"), "middle"),
    "adx": ({"length": 14}, ("adx", "dmp", "dmn", "adxr"), "adx"),
    "donchian": ({"lower_length": 20, "upper_length": 20}, ("lower", "middle", "upper"), "middle"),
    "supertrend": ({"length": 10, "multiplier": 3.0}, ("trend", "direction", "long", "short"), "trend"),
}


def test_the_catalog_holds_the_first_ten_indicators() -> None:
    assert set(TABLE) == set(CATALOG)


@pytest.mark.parametrize("name", TABLE)
def test_defaults_outputs_and_primary_are_those_of_the_table(name: str) -> None:
    spec = CATALOG[name]
    assert TABLE[name] == (spec.defaults(), tuple(output.name for output in spec.outputs), spec.primary)


@pytest.mark.parametrize(
    ("name", "output", "bars"),
    [
        ("ema", "value", 19 + 80),
        ("sma", "value", 19),
        ("rsi", "value", 14 + 112),
        ("atr", "value", 14 + 112),
        ("macd", "signal", 33 + 104),
        ("bbands", "upper", 19),
        ("adx", "dmp", 14 + 112),
        ("adx", "adx", 27 + 112),
        ("adx", "adxr", 40 + 112),
        ("donchian", "lower", 19),
        ("supertrend", "trend", 10 + 80),
        ("vwap", "value", 1440),
    ],
)
def test_the_warm_up_is_first_plus_fade(name: str, output: str, bars: int) -> None:
    spec = CATALOG[name]
    assert bars == spec.warmup(spec.defaults(), MINUTE_MS, output)


def test_without_an_output_the_warm_up_is_that_of_the_latest() -> None:
    spec = CATALOG["adx"]
    assert spec.warmup(spec.defaults(), MINUTE_MS) == spec.warmup(spec.defaults(), MINUTE_MS, "adxr")


@pytest.mark.parametrize(("anchor", "hours"), [("1h", 1), ("12h", 12), ("D", 24), ("W", 168), ("M", 744)])
def test_vwap_warms_for_one_period_of_its_anchor(anchor: str, hours: int) -> None:
    spec = CATALOG["vwap"]
    assert hours * 4 == spec.warmup({"anchor": anchor}, 15 * MINUTE_MS)


def test_only_direction_is_not_a_float() -> None:
    others = {output.name for spec in CATALOG.values() for output in spec.outputs if output.type is not ColumnType.FLOAT}
    assert others == {"direction"}


def test_every_operator_of_the_language_is_there() -> None:
    words = "> >= < <= == != between near_abs near_pct in cross_above cross_below all any not + - * / %"
    assert set(OPERATORS) == {*words.split(), "holds_for", "occurred_within", "count_true"}
