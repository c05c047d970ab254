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


def test_every_indicator_and_output_has_a_vector() -> None:
    expected = {
        spec.name if spec.primary == "value" else f"{spec.name}.{output.name}"
        for spec in CATALOG.values()
        for output in spec.outputs
    }
    assert expected == {vector[0] for vector in VECTORS}


FLAT = {
    "rsi": {"value": 0.0},
    "adx": {"adx": 0.0, "dmp": 0.0, "dmn": 0.0, "adxr": 0.0},
    "atr": {"value": 0.0},
    "bbands": {"lower": 100.0, "middle": 100.0, "upper": 100.0, "bandwidth": 0.0, "percent_b": np.nan},
    "supertrend": {"trend": 100.0, "direction": -1.0, "long": np.nan, "short": 100.0},
    "ema": {"value": 100.0},
    "sma": {"value": 100.0},
    "macd": {"macd": 0.0, "signal": 0.0, "histogram": 0.0},
    "donchian": {"lower": 100.0, "middle": 100.0, "upper": 100.0},
    "vwap": {"value": 100.0},
}


@pytest.mark.parametrize("name", CATALOG)
def test_a_flat_market_gives_the_published_values(name: str) -> None:
    outputs = run_indicator(CATALOG[name], flat_market(60))
    assert FLAT[name] == pytest.approx({field: values[-1] for field, values in outputs.items()}, abs=0, rel=0, nan_ok=True)
