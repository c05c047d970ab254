"""Every kernel of the catalogs ready to run over candles, with parameters, structures and operands to run it on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np

from playd.core.candles import Candles
from playd.kernels.catalog import CATALOG, OPERATORS, STRUCTURES
from playd.kernels.compiled import Kernel, Row, Table
from playd.kernels.operators.spec import OperatorSpec
from playd.kernels.spec import IndicatorSpec, Scalar
from playd.kernels.structures.spec import ATR, Output, Settings, StructureSpec
from playd.research.forge.draw import Draw
from playd.research.forge.structures import structure_params

Rows = Mapping[str, Row]

_MANY: Final = 3
"""Inputs of an operator that takes any number."""

_EXTRAS: Final[dict[str, tuple[float, ...]]] = {
    "tolerance": (0.5,),
    "bars": (2.0,),
    "min_true": (2.0,),
    "values": (0.0, 1.0),
}


@dataclass(frozen=True, slots=True)
class KernelCase:
    """One kernel with its inputs. `params` None for an operator. `declared`: outputs of a structure."""

    name: str
    kernel: Kernel = field(repr=False)
    inputs: tuple[Row, ...] = field(repr=False)
    packed: Row = field(repr=False)
    state_size: int
    outputs: tuple[str, ...]
    indicator: IndicatorSpec | None = field(default=None, repr=False)
    params: Mapping[str, Scalar] = field(default_factory=dict)
    declared: tuple[Output, ...] = field(default=(), repr=False)

    @property
    def bars(self) -> int:
        """Bars of the inputs."""
        return len(self.inputs[0])

    def run(self, cuts: Sequence[int] = ()) -> Table:
        """All outputs, with one call of the kernel for each piece between `cuts`, which rise."""
        table = np.full((len(self.outputs), self.bars), np.nan)
        state = np.zeros(self.state_size)
        for lo, hi in pairwise((0, *cuts, self.bars)):
            self.kernel(self.inputs, self.packed, state, table, lo, hi)
        return table


def rows_of(candles: Candles) -> dict[str, Row]:
    """Candle fields by the names that kernels give their inputs; a price within each candle stands for a second symbol."""
    fields = {name: getattr(candles, name).copy() for name in ("open", "high", "low", "close", "volume")}
    times = candles.open_time_ms.astype(np.float64)
    other = (fields["open"] + fields["high"]) / 2.0
    return {**fields, "src": fields["close"], "reference": other, "time": times, "index": times / candles.step_ms}


def indicator_case(spec: IndicatorSpec, rows: Rows) -> KernelCase:
    """An indicator with its defaults; structures that it reads are swings and others with drawn parameters."""
    known = dict(rows)
    for kind in {name.partition(".")[0] for name in spec.inputs if "." in name}:
        known |= _outputs_of(kind, rows)
    params = spec.defaults()
    inputs = tuple(known[name] for name in spec.inputs)
    names = tuple(output.name for output in spec.outputs)
    return KernelCase(spec.name, spec.kernel, inputs, spec.pack(params), spec.state_size(params), names, spec, params)


def structure_case(spec: StructureSpec, rows: Rows, written: Mapping[str, Settings] | None = None) -> KernelCase:
    """
    A structure and all structures that it may read, with drawn parameters.

    `written`: parameters by kind in place of drawn ones, the defaults for kinds that it does not have.
    """
    own = structure_params(Draw(len(spec.name), len(spec.params)), spec) if written is None else written.get(spec.name, {})
    settled = spec.settled(own)
    known = dict(rows)
    for use in spec.uses:
        known |= _outputs_of(use.kind, rows, written)
    if "source" in settled:
        known["src"] = rows[str(settled["source"])]
    if ATR in spec.inputs:
        known[ATR] = indicator_case(CATALOG[ATR], rows).run()[0]
    inputs = tuple(known[name] for name in spec.inputs)
    outputs = spec.outputs(settled)
    packed = spec.pack(settled, {use.kind for use in spec.uses})
    names = tuple(output.name for output in outputs)
    return KernelCase(spec.name, spec.kernel, inputs, packed, spec.state_size(settled), names, declared=outputs)


def _outputs_of(kind: str, rows: Rows, written: Mapping[str, Settings] | None = None) -> dict[str, Row]:
    """Outputs of a structure under the names that kernels which read it use: `swing.high_level`."""
    case = structure_case(STRUCTURES[kind], rows, written)
    return {f"{kind}.{name}": row for name, row in zip(case.outputs, case.run(), strict=True)}


def operator_case(spec: OperatorSpec, bars: int) -> KernelCase:
    """An operator over columns of few different values, so that equality and crossing happen, with missing ones."""
    count = spec.inputs or _MANY
    draw = Draw(bars, count)
    values = (0.0, 0.0, 1.0, 1.0, float("nan")) if spec.takes_truth else (-1.0, 0.0, 0.0, 1.0, 2.0, float("nan"))
    inputs = tuple(np.array([draw.one_of(values) for _ in range(bars)]) for _ in range(count))
    packed = spec.pack([None] * count, [value for extra in spec.extras for value in _EXTRAS[extra]])
    return KernelCase(spec.name, spec.kernel(count), inputs, packed, spec.state_size, ("value",))


def all_cases(candles: Candles) -> Iterator[KernelCase]:
    """Every indicator, structure and operator."""
    rows = rows_of(candles)
    yield from (indicator_case(spec, rows) for spec in CATALOG.values())
    yield from (structure_case(spec, rows) for spec in STRUCTURES.values())
    yield from (operator_case(spec, len(candles)) for spec in OPERATORS.values())
