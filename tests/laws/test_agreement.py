"""
Every kernel of the catalogs agrees with an independent reading of its definition. Found in the catalogs and not listed here: a
kernel without a reading fails.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playd.kernels.catalog import CATALOG, OPERATORS, STRUCTURES
from playd.kernels.spec import IndicatorSpec
from tests.indicator_kit import assert_same, markets
from tests.kernel_cases import BARS, candles, extra_of, operand_rows, params_of, structure_params, used_rows
from tests.kernel_runs import Floats, prefixed, run_indicator, run_kernel, run_structure
from tests.oracle.operators import OPERATOR_READINGS
from tests.oracle.references import EVERY, REFERENCES, Reference
from tests.oracle.structures import STRUCTURE_READINGS

laws = settings(deadline=None, max_examples=20, print_blob=True)
SIX_HOURS_MS = 21_600_000.0


@st.composite
def market_for(draw: st.DrawFn, spec: IndicatorSpec, reference: Reference) -> dict[str, Floats]:
    """A walk with what the indicator reads beside candles: a swing, or opens six hours apart with some bars absent."""
    rows: dict[str, Floats] = draw(markets())
    rows["volume"] *= reference.volume
    if "time" in spec.inputs:
        absent = draw(st.integers(2, 9))
        keep = np.arange(len(rows["time"])) % absent != 1
        times = 1_708_905_600_000.0 + draw(st.integers(0, 400)) * SIX_HOURS_MS + np.arange(len(keep)) * SIX_HOURS_MS
        rows = {name: row[keep].copy() for name, row in {**rows, "time": times}.items()}
    if any(name.startswith("swing.") for name in spec.inputs):
        rows = {**rows, **prefixed("swing", run_structure("swing", rows, {"left": 2, "right": draw(st.integers(1, 4))}))}
    return rows


@st.composite
def params_for(draw: st.DrawFn, spec: IndicatorSpec, reference: Reference) -> dict[str, Any]:
    params = dict(draw(params_of(spec)))
    for name, least in reference.least.items():
        params[name] = max(int(params[name]), least)
    for less, more in spec.rising:
        params[more] = max(int(params[more]), int(params[less]) + 1)
    return params | {name: draw(st.floats(*ends)) for name, ends in reference.between.items()}


def test_every_kernel_has_a_reading() -> None:
    assert set(REFERENCES) == set(CATALOG)
    assert set(STRUCTURE_READINGS) == set(STRUCTURES)
    assert set(OPERATOR_READINGS) == set(OPERATORS)


@pytest.mark.parametrize("name", CATALOG)
@laws
@given(data=st.data())
def test_an_indicator_agrees_with_its_reference(name: str, data: st.DataObject) -> None:
    spec, reference = CATALOG[name], REFERENCES[name]
    rows, params = data.draw(market_for(spec, reference)), data.draw(params_for(spec, reference))
    found, read = run_indicator(spec, rows, params), reference.read(rows, **params)
    assert set(read) == set(found)
    size = reference.size * (rows["close"].max() if reference.of_price else 1.0)
    bars = slice(None, None, EVERY if name.endswith("volume_profile") else 1)
    for output, values in found.items():
        assert_same(values[bars], read[output][bars], scale=size)


@pytest.mark.parametrize("name", STRUCTURES)
@laws
@given(data=st.data())
def test_a_structure_finds_what_its_second_reading_finds(name: str, data: st.DataObject) -> None:
    """Bit for bit, with drawn parameters and drawn structures under it, and an ATR that is missing at times."""
    rows = data.draw(candles(missing=False))
    rows["atr"] = run_indicator(CATALOG["atr"], rows, {"length": data.draw(st.integers(1, 20))})["value"]
    rows["atr"][100:120] = np.nan
    written, used = data.draw(structure_params(name)), data.draw(used_rows(name, rows))
    found = run_structure(name, rows, written, used)
    read = STRUCTURE_READINGS[name](rows, used, STRUCTURES[name].settled(written))
    for output, column in found.items():
        assert np.array_equal(column, np.array(read[output], dtype=np.float64), equal_nan=True), output


@pytest.mark.parametrize("name", OPERATORS)
@laws
@given(data=st.data())
def test_an_operator_says_what_its_reading_says(name: str, data: st.DataObject) -> None:
    spec, reading = OPERATORS[name], OPERATOR_READINGS[name]
    count = spec.inputs or data.draw(st.integers(1, 5))
    columns = operand_rows(spec, count, data.draw(st.integers(0, 2**32 - 1)))
    extra = data.draw(extra_of(spec))
    found = run_kernel(spec.kernel(count), columns, spec.pack([None] * count, extra), np.zeros(spec.state_size), 1)[0]
    known = [[None if np.isnan(value) else float(value) for value in row] for row in columns]
    read = [reading(known, t, extra) for t in range(BARS)]
    assert np.array_equal(found, [np.nan if value is None else float(value) for value in read], equal_nan=True)
