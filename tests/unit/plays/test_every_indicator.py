"""Whatever the catalog holds, a Play can name, compile and compute, with the types of the tables (play-language 4.4, 5.3)."""

import numpy as np
import pytest

from playd.core.errors import PlayError
from playd.kernels.catalog import CATALOG
from playd.kernels.spec import ColumnType, OutputSpec
from tests.unit.plays.plays_of import columns_of, load, market

OUTPUTS = [(name, output) for name, spec in CATALOG.items() for output in spec.outputs]
every_output = pytest.mark.parametrize(("name", "output"), OUTPUTS, ids=[f"{name}.{output.name}" for name, output in OUTPUTS])
CLOSES = [100.0 + 8.0 * np.sin(k / 5.0) + 0.01 * k for k in range(300)]


SWING = "structures: {exec: [{type: swing, key: sw, params: {left: 3, right: 3}}]}"


TWO = "reference: {symbol: ETHUSDT}"
BOTH = market(CLOSES).beside(market([close**0.9 for close in CLOSES]))


def parts(name: str) -> dict[str, str]:
    """The sections of a Play whose feature `x` is that indicator, with the swing or the second symbol that it needs."""
    anchored = any(param.kind == "structure" for param in CATALOG[name].params)
    more = SWING if anchored else TWO if "reference" in CATALOG[name].inputs else ""
    return {"features": f"{{x: {{indicator: {name}}}}}", "more": more}


@every_output
def test_an_output_can_be_compared_and_gets_its_column(name: str, output: OutputSpec) -> None:
    columns = columns_of(load(f'{{all: [["x.{output.name}", ">", 0]]}}', **parts(name)), BOTH)
    assert len(columns.column(f"x.{output.name}")) == len(CLOSES)


@pytest.mark.parametrize("name", CATALOG)
def test_a_bare_id_is_the_primary_output(name: str) -> None:
    if CATALOG[name].primary is None:
        with pytest.raises(PlayError, match=r"E412 .*expected x\.long"):
            load('{all: [[x, ">", 0]]}', **parts(name))
    else:
        play = load('{all: [[x, ">", 0]]}', **parts(name))
        columns = columns_of(play, BOTH)
        assert np.array_equal(columns.column("x"), columns.column(f"x.{CATALOG[name].primary}"), equal_nan=True)


@every_output
def test_only_whole_numbers_can_be_equal(name: str, output: OutputSpec) -> None:
    condition = f'{{all: [["x.{output.name}", "==", 1]]}}'
    if output.type is ColumnType.FLOAT:
        with pytest.raises(PlayError, match="E421"):
            load(condition, **parts(name))
    else:
        load(condition, **parts(name))


def test_psar_is_the_only_one_without_a_primary_output() -> None:
    assert [name for name, spec in CATALOG.items() if spec.primary is None] == ["psar"]


@pytest.mark.parametrize("name", ["macd", "ppo", "kvo", "uo"])
def test_fast_must_be_less_than_slow(name: str) -> None:
    with pytest.raises(PlayError, match="E306"):
        load('{all: [[x, ">", 0]]}', features=f"{{x: {{indicator: {name}, params: {{fast: 30, slow: 30}}}}}}")


def test_tsi_takes_its_two_lengths_in_any_order() -> None:
    load('{all: [[x, ">", 0]]}', features="{x: {indicator: tsi, params: {fast: 25, slow: 13}}}")


def test_an_indicator_can_be_the_source_of_another() -> None:
    chain = "{x: {indicator: roc, params: {length: 3}}, y: {indicator: linreg, source: x}, z: {indicator: stochrsi, source: y}}"
    columns = columns_of(load('{all: [["z.k", ">=", 0]]}', features=chain), market(CLOSES))
    assert np.flatnonzero(~np.isnan(columns.column("z.k")))[0] == 3 + 13 + 31
