"""The indicators give the published conformance vectors, to all nine printed digits."""

from pathlib import Path

import numpy as np
import pytest

from playd.kernels.catalog import CATALOG
from playd.kernels.spec import Params
from tests.kernel_runs import first_valid, flat_market, run_indicator, series_of_the_language

VECTORS = [
    line.split()
    for line in (Path(__file__).parent / "indicator_vectors.txt").read_text().splitlines()
    if not line.startswith("#")
]
PARAMS: dict[str, Params] = {"ema": {"length": 21}}
"""The vectors use the defaults everywhere else."""


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector[0])
def test_an_output_has_the_published_values(vector: list[str]) -> None:
    label, first, at_first, *later = vector
    name, _, field = label.partition(".")
    spec = CATALOG[name]
    values = run_indicator(spec, series_of_the_language(), PARAMS.get(name))[field or "value"]
    found = [first_valid(values), values[int(first)], values[40], values[100], values[199]]
    texts = ["missing" if np.isnan(value) else f"{value:.9g}" for value in found[1:]]
    assert [first, at_first, *later] == [str(found[0]), *texts]


WITHOUT_VECTOR = {
    *("psar.direction", "session_levels.prev_week_high", "session_levels.prev_week_low"),
    *("anchored_vwap.bars_since_anchor", "anchored_vwap"),
    *("ratio", "spread", "zscore"),
    *(f"anchored_volume_profile.{output.name}" for output in CATALOG["anchored_volume_profile"].outputs),
}
"""Printed nowhere, no week is complete within the series, or it needs a second symbol."""


def test_every_indicator_and_output_has_a_vector() -> None:
    expected = {
        spec.name if spec.primary == "value" else f"{spec.name}.{output.name}"
        for spec in CATALOG.values()
        for output in spec.outputs
    }
    assert expected - WITHOUT_VECTOR == {vector[0] for vector in VECTORS}


NAN = np.nan
FLAT = {
    # Printed in 16.2.
    "rsi": {"value": 0.0},
    "cmo": {"value": 0.0},
    "cci": {"value": 0.0},
    "willr": {"value": 0.0},
    "mfi": {"value": 0.0},
    "uo": {"value": 0.0},
    "stoch": {"k": 0.0, "d": 0.0},
    "stochrsi": {"k": 0.0, "d": 0.0},
    "adx": {"adx": 0.0, "dmp": 0.0, "dmn": 0.0, "adxr": 0.0},
    "natr": {"value": 0.0},
    "aroon": {"up": 100.0, "down": 100.0, "osc": 0.0},
    "bbands": {"lower": 100.0, "middle": 100.0, "upper": 100.0, "bandwidth": 0.0, "percent_b": NAN},
    "kama": {"value": 100.0},
    "vortex": {"vip": NAN, "vim": NAN},
    "cmf": {"value": 0.0},
    "tsi": {"tsi": NAN, "signal": NAN},
    "supertrend": {"trend": 100.0, "direction": -1.0, "long": NAN, "short": 100.0},
    # What the definitions say.
    **{name: {"value": 100.0} for name in ("ema", "sma", "wma", "dema", "tema", "trima", "zlma", "alma", "linreg")},
    **{name: {"value": 100.0} for name in ("midprice", "ohlc4", "vwap")},
    **{name: {"value": 0.0} for name in ("atr", "mom", "roc")},
    "obv": {"value": 1000.0},
    "macd": {"macd": 0.0, "signal": 0.0, "histogram": 0.0},
    "ppo": {"ppo": 0.0, "signal": 0.0, "histogram": 0.0},
    "trix": {"trix": 0.0, "signal": NAN},  # from bar 60
    "kc": {"lower": 100.0, "basis": 100.0, "upper": 100.0},
    "donchian": {"lower": 100.0, "middle": 100.0, "upper": 100.0},
    "psar": {"long": NAN, "short": 100.0, "af": 0.02, "reversal": 1.0, "direction": -1.0},  # turns at every touch
    "squeeze": {"sqz": 0.0, "on": 0.0, "off": 0.0, "no_sqz": 1.0},
    "dm": {"dmp": 0.0, "dmn": 0.0},
    "kvo": {"kvo": 0.0, "signal": NAN},  # from bar 67
    "volume_profile": {
        "poc": 100.0,
        "vah": 100.0,
        "val": 100.0,
        "poc_volume": 50_000.0,
        "above_poc": 0.0,
        "in_value_area": 1.0,
    },
    # The second symbol is as flat and as dear.
    "ratio": {"value": 1.0},
    "spread": {"value": 0.0},
    "zscore": {"value": NAN},
    # No pivot, so that there is no anchor.
    "anchored_vwap": {"value": NAN, "bars_since_anchor": NAN},
    "anchored_volume_profile": {output.name: NAN for output in CATALOG["anchored_volume_profile"].outputs},
    "session_levels": {
        "prev_day_high": NAN,
        "prev_day_low": NAN,
        "current_day_high": 100.0,
        "current_day_low": 100.0,
        "prev_week_high": NAN,
        "prev_week_low": NAN,
    },
}


@pytest.mark.parametrize("name", FLAT)
def test_a_flat_market_gives_the_published_values(name: str) -> None:
    outputs = run_indicator(CATALOG[name], flat_market(60))
    assert FLAT[name] == pytest.approx({field: values[-1] for field, values in outputs.items()}, abs=0, rel=0, nan_ok=True)


def test_in_a_flat_market_fisher_falls_to_where_its_clamp_holds_it() -> None:
    """v = 0.67v − 0.33 tends to −1 and is held at −0.999; fisher to twice the transform of that."""
    values = run_indicator(CATALOG["fisher"], flat_market(60))
    assert values["fisher"][-1] == pytest.approx(np.log(0.001 / 1.999), rel=1e-9)


def test_every_indicator_has_a_flat_market_row() -> None:
    assert set(CATALOG) == {*FLAT, "fisher"}
