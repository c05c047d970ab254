"""The catalog says what the tables of the Play language say (4.4, 5.2, 5.3)."""

import pytest

from playd.kernels.catalog import CATALOG, OPERATORS
from playd.kernels.spec import ColumnType

MINUTE_MS = 60_000

Entry = tuple[dict[str, object], tuple[str, ...], str | None]
"""Defaults, outputs, primary."""

VALUE = ("value",)


def of_length(default: int, *names: str) -> dict[str, Entry]:
    """Indicators of one length and one value."""
    return {name: ({"length": default}, VALUE, "value") for name in names}


TABLE: dict[str, Entry] = {
    **of_length(20, "ema", "sma", "wma", "dema", "tema", "trima", "zlma", "cmf"),
    **of_length(14, "linreg", "rsi", "cmo", "cci", "willr", "atr", "natr", "mfi", "midprice"),
    **of_length(10, "kama", "roc", "mom"),
    "obv": ({}, VALUE, "value"),
    "ohlc4": ({}, VALUE, "value"),
    "alma": ({"length": 10, "sigma": 6.0, "offset": 0.85}, VALUE, "value"),
    "uo": ({"fast": 7, "medium": 14, "slow": 28}, VALUE, "value"),
    "vwap": ({"anchor": "D"}, VALUE, "value"),
    "macd": ({"fast": 12, "slow": 26, "signal": 9}, ("macd", "signal", "histogram"), "macd"),
    "ppo": ({"fast": 12, "slow": 26, "signal": 9}, ("ppo", "signal", "histogram"), "ppo"),
    "trix": ({"length": 18, "signal": 9}, ("trix", "signal"), "trix"),
    "tsi": ({"fast": 13, "slow": 25, "signal": 13}, ("tsi", "signal"), "tsi"),
    "bbands": ({"length": 20, "std": 2.0}, ("lower", "middle", "upper", "bandwidth", "percent_b"), "middle"),
    "stoch": ({"k": 14, "smooth_k": 3, "d": 3}, ("k", "d"), "k"),
    "stochrsi": ({"length": 14, "rsi_length": 14, "k": 3, "d": 3}, ("k", "d"), "k"),
    "adx": ({"length": 14}, ("adx", "dmp", "dmn", "adxr"), "adx"),
    "aroon": ({"length": 25}, ("up", "down", "osc"), "osc"),
    "kc": ({"length": 20, "scalar": 2.0}, ("lower", "basis", "upper"), "basis"),
    "donchian": ({"lower_length": 20, "upper_length": 20}, ("lower", "middle", "upper"), "middle"),
    "supertrend": ({"length": 10, "multiplier": 3.0}, ("trend", "direction", "long", "short"), "trend"),
    "psar": ({"af0": 0.02, "af": 0.02, "max_af": 0.2}, ("long", "short", "af", "reversal", "direction"), None),
    "squeeze": (
        {"bb_length": 20, "bb_std": 2.0, "kc_length": 20, "kc_scalar": 1.5},
        ("sqz", "on", "off", "no_sqz"),
        "sqz",
    ),
    "vortex": ({"length": 14}, ("vip", "vim"), "vip"),
    "dm": ({"length": 14}, ("dmp", "dmn"), "dmp"),
    "fisher": ({"length": 9}, ("fisher", "signal"), "fisher"),
    "kvo": ({"fast": 34, "slow": 55, "signal": 13}, ("kvo", "signal"), "kvo"),
    "volume_profile": (
        {"num_buckets": 50, "lookback": 50, "value_area_pct": 0.70},
        ("poc", "vah", "val", "poc_volume", "above_poc", "in_value_area"),
        "poc",
    ),
    "anchored_vwap": ({"anchor_source": "swing_any"}, ("value", "bars_since_anchor"), "value"),
    "anchored_volume_profile": (
        {"num_buckets": 50, "lookback": 50, "value_area_pct": 0.70, "anchor_source": "swing_any"},
        ("poc", "vah", "val", "poc_volume", "above_poc", "in_value_area", "bars_since_anchor"),
        "poc",
    ),
    "ratio": ({}, VALUE, "value"),
    "spread": ({"beta": 1.0, "length": 100}, VALUE, "value"),
    "zscore": ({"of": "spread", "beta": 1.0, "length": 100}, VALUE, "value"),
    "session_levels": (
        {},
        ("prev_day_high", "prev_day_low", "current_day_high", "current_day_low", "prev_week_high", "prev_week_low"),
        "prev_day_high",
    ),
}


def test_the_catalog_holds_every_indicator() -> None:
    """47 of one symbol, and three that read a second one."""
    assert set(TABLE) == set(CATALOG)
    assert len(TABLE) == 47 + 3
    assert {name for name, spec in CATALOG.items() if "reference" in spec.inputs} == {"ratio", "spread", "zscore"}


@pytest.mark.parametrize("name", TABLE)
def test_defaults_outputs_and_primary_are_those_of_the_table(name: str) -> None:
    spec = CATALOG[name]
    assert TABLE[name] == (spec.defaults(), tuple(output.name for output in spec.outputs), spec.primary)


@pytest.mark.parametrize(
    ("name", "output", "bars"),
    [
        ("ema", "value", 19 + 80),
        ("sma", "value", 19),
        ("wma", "value", 19),
        ("dema", "value", 38 + 120),
        ("tema", "value", 57 + 160),
        ("trima", "value", 19),
        ("zlma", "value", 28 + 80),
        ("kama", "value", 10 + 40),
        ("alma", "value", 9),
        ("linreg", "value", 13),
        ("rsi", "value", 14 + 112),
        ("roc", "value", 10),
        ("mom", "value", 10),
        ("cmo", "value", 14 + 112),
        ("cci", "value", 13),
        ("willr", "value", 13),
        ("atr", "value", 14 + 112),
        ("natr", "value", 14 + 112),
        ("mfi", "value", 14),
        ("cmf", "value", 19),
        ("obv", "value", 0),
        ("midprice", "value", 13),
        ("ohlc4", "value", 0),
        ("uo", "value", 28),
        ("macd", "signal", 33 + 104),
        ("ppo", "ppo", 25 + 104),
        ("ppo", "histogram", 33 + 104),
        ("trix", "trix", 52 + 144),
        ("trix", "signal", 60 + 144),
        ("tsi", "tsi", 37 + 150),
        ("tsi", "signal", 49 + 150),
        ("bbands", "upper", 19),
        ("stoch", "k", 17),
        ("stochrsi", "d", 31 + 112),
        ("adx", "dmp", 14 + 112),
        ("adx", "adx", 27 + 112),
        ("adx", "adxr", 40 + 112),
        ("aroon", "osc", 25),
        ("kc", "basis", 20 + 80),
        ("donchian", "lower", 19),
        ("supertrend", "trend", 10 + 80),
        ("psar", "long", 1 + 50),
        ("squeeze", "sqz", 38),
        ("squeeze", "no_sqz", 20),
        ("vortex", "vip", 14),
        ("dm", "dmp", 13 + 112),
        ("fisher", "fisher", 8 + 20),
        ("fisher", "signal", 9 + 20),
        ("kvo", "kvo", 55 + 220),
        ("kvo", "signal", 67 + 220),
        ("vwap", "value", 1440),
        ("volume_profile", "poc", 49),
        ("session_levels", "prev_week_high", 8 * 1440),
        ("ratio", "value", 0),
        ("spread", "value", 0),
        ("zscore", "value", 99),
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


def test_outputs_are_floats_but_for_flags_and_directions() -> None:
    others = {
        f"{spec.name}.{output.name}": output.type
        for spec in CATALOG.values()
        for output in spec.outputs
        if output.type is not ColumnType.FLOAT
    }
    flags = (
        "supertrend.direction psar.reversal psar.direction squeeze.on squeeze.off squeeze.no_sqz "
        "volume_profile.above_poc volume_profile.in_value_area anchored_volume_profile.above_poc "
        "anchored_volume_profile.in_value_area anchored_volume_profile.bars_since_anchor anchored_vwap.bars_since_anchor"
    )
    assert others == dict.fromkeys(flags.split(), ColumnType.INT)


def test_lengths_and_numbers_have_the_ranges_of_the_table() -> None:
    """Lengths are 1…2000 unless the table gives another range; fast is below slow but for tsi."""
    from_two = ["zlma", "kama", "linreg", "rsi", "cmo", "cci", "willr", "mfi", "midprice", "adx", "aroon", "vortex", "dm"]
    from_two += ["spread", "zscore"]
    ranges = {
        (spec.name, param.name): (param.lo, param.hi)
        for spec in CATALOG.values()
        for param in spec.params
        if param.kind == "int" and (param.lo, param.hi) != (1, 2000)
    }
    assert ranges == {
        **{(name, "length"): (2, 2000) for name in from_two},
        **{(name, "num_buckets"): (2, 500) for name in ("volume_profile", "anchored_volume_profile")},
        **{(name, "lookback"): (2, 2000) for name in ("volume_profile", "anchored_volume_profile")},
    }
    assert {name for name, spec in CATALOG.items() if spec.rising == (("fast", "slow"),)} == {"macd", "ppo", "kvo", "uo"}


def test_every_operator_of_the_language_is_there() -> None:
    words = "> >= < <= == != between near_abs near_pct in cross_above cross_below all any not + - * / %"
    assert set(OPERATORS) == {*words.split(), "holds_for", "occurred_within", "count_true"}
