"""
Laws of the detectors of market structure, beside those of every kernel: what their outputs may hold, from the catalog alone.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playd.kernels.catalog import STRUCTURES
from playd.kernels.spec import ColumnType, Value
from tests.kernel_cases import BARS, structure_case

laws = settings(deadline=None, max_examples=25, print_blob=True)
every_structure = pytest.mark.parametrize("name", STRUCTURES)


@every_structure
@laws
@given(data=st.data())
def test_outputs_hold_what_their_types_say(name: str, data: st.DataObject) -> None:
    case = data.draw(structure_case(name))
    for output, row in zip(case.declared, case.run(), strict=True):
        assert np.all(np.isnan(row[: output.first])), output.name
        values = row[~np.isnan(row)]
        if output.steady:
            assert len(values) == BARS - output.first, output.name
        if output.type is not ColumnType.FLOAT:
            assert np.array_equal(values, np.floor(values)), output.name
        if output.type is ColumnType.BOOL:
            assert set(values.tolist()) <= {0.0, 1.0}, output.name
        if output.type is ColumnType.ENUM:
            assert np.all(values >= 0), output.name
            assert output.text or np.all(values < len(output.words)), output.name


@every_structure
@laws
@given(data=st.data())
def test_versions_begin_at_nothing_and_only_grow(name: str, data: st.DataObject) -> None:
    case = data.draw(structure_case(name))
    for output, row in zip(case.declared, case.run(), strict=True):
        if output.name == "version" or output.name.endswith("_version"):
            assert np.all(np.diff(row, prepend=0.0) >= 0), output.name


@every_structure
@laws
@given(data=st.data())
def test_an_infinity_never_leaves_a_detector(name: str, data: st.DataObject) -> None:
    case = data.draw(structure_case(name))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    huge = random.random(BARS) < 0.1
    wild = random.choice([1.7e308, -1.7e308, 1e300, 5e-324], size=(len(case.rows), int(huge.sum())))
    rows = tuple(row.copy() for row in case.rows)
    for row, values in zip(rows, wild, strict=True):
        row[huge] = values
    assert not np.any(np.isinf(case.run(rows=rows)))


@every_structure
def test_words_begin_with_the_one_that_holds_before_anything_happened(name: str) -> None:
    spec = STRUCTURES[name]
    needed: dict[str, Value] = {param.name: param.words[0] if param.words else 2 for param in spec.params if param.required}
    needed |= {param.name: (0.5,) for param in spec.params if param.kind == "numbers"}
    needed |= {"left": 2, "right": 2} if name == "swing" else {}
    for output in spec.outputs(spec.settled(needed)):
        if output.type is ColumnType.ENUM:
            assert output.text or output.words[0] == "none", output.name
