"""Running kernels in tests: candle rows by name, whole or in chunks, and the conformance series of the Play language."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from playd.kernels.catalog import CATALOG, STRUCTURES
from playd.kernels.compiled import Kernel
from playd.kernels.spec import IndicatorSpec, Params
from playd.kernels.structures.spec import Settings
from playd.research.validation.kernel_cases import rows_of
from playd.research.validation.structure_vectors import conformance_series

Floats = NDArray[np.float64]
Rows = Mapping[str, Floats]

MINUTE_MS = 60_000


def candle_rows(
    open_: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    volume: Floats,
    *,
    first_index: int = 28_928_160,
    step_ms: int = MINUTE_MS,
) -> dict[str, Floats]:
    """
    Every row that an indicator can ask for, without gaps, from the bar with index `first_index` on.

    A price inside each candle stands for that of a second symbol.
    """
    index = np.arange(first_index, first_index + len(close), dtype=np.float64)
    rows = {"open": open_, "high": high, "low": low, "close": close, "volume": volume}
    return {**rows, "src": close.copy(), "reference": (open_ + low) / 2.0, "index": index, "time": index * step_ms}


def series_of_the_language() -> dict[str, Floats]:
    """200 bars of 15 minutes from 2025-01-01 00:00 UTC (play-language 16.1)."""
    return rows_of(conformance_series())


def flat_market(bars: int) -> dict[str, Floats]:
    """O = H = L = C = 100, V = 1000, from a UTC midnight on."""
    price, volume = np.full(bars, 100.0), np.full(bars, 1000.0)
    return candle_rows(price, price.copy(), price.copy(), price.copy(), volume)


def walk(bars: int, seed: int, *, price: float = 100.0, step: float = 0.002) -> dict[str, Floats]:
    """A seeded random walk whose open is the last close, from a UTC midnight on."""
    random = np.random.default_rng(seed)
    close = price * np.exp(np.cumsum(random.normal(size=bars) * step))
    open_ = np.concatenate(([price], close[:-1]))
    high = np.maximum(open_, close) * (1 + random.random(bars) * step)
    low = np.minimum(open_, close) * (1 - random.random(bars) * step)
    return candle_rows(open_, high, low, close, random.random(bars) * 100 + 1)


def run_kernel(
    kernel: Kernel, inputs: Sequence[Floats], params: Floats, state: Floats, outputs: int, cuts: Sequence[int] = ()
) -> Floats:
    """The kernel's outputs over all bars, called once per piece between `cuts`."""
    bars = len(inputs[-1])
    table = np.full((outputs, bars), -777.0)
    edges = [0, *sorted(cuts), bars]
    for lo, hi in pairwise(edges):
        kernel(tuple(inputs), params, state, table, lo, hi)
    return table


def run_indicator(spec: IndicatorSpec, rows: Rows, params: Params | None = None, cuts: Sequence[int] = ()) -> dict[str, Floats]:
    """
    Outputs of an indicator by name, with its defaults for the parameters that are not given.

    An anchored one reads the swing in `rows`, else one of 5 bars to each side.
    """
    settled = {**spec.defaults(), **(params or {})}
    if any(name.startswith("swing.") for name in spec.inputs) and "swing.pair_version" not in rows:
        rows = {**rows, **prefixed("swing", run_structure("swing", rows, {"left": 5, "right": 5}))}
    inputs = [rows[name] for name in spec.inputs]
    state = np.zeros(spec.state_size(settled))
    table = run_kernel(spec.kernel, inputs, spec.pack(settled), state, len(spec.outputs), cuts)
    return {output.name: table[row] for row, output in enumerate(spec.outputs)}


def run_structure(
    name: str, rows: Rows, params: Settings | None = None, used: Rows | None = None, cuts: Sequence[int] = ()
) -> dict[str, Floats]:
    """Outputs of a structure by name, with its defaults. `used`: as for `structure_inputs`."""
    spec = STRUCTURES[name]
    settled = spec.settled(params or {})
    kinds = {row.partition(".")[0] for row in used or ()}
    inputs, outputs = structure_inputs(name, rows, settled, used), spec.outputs(settled)
    table = run_kernel(spec.kernel, inputs, spec.pack(settled, kinds), np.zeros(spec.state_size(settled)), len(outputs), cuts)
    return {output.name: table[row] for row, output in enumerate(outputs)}


def structure_inputs(name: str, rows: Rows, settled: Settings, used: Rows | None = None) -> list[Floats]:
    """
    Input rows of a structure.

    `used`: rows of the structures that it uses, as `prefixed` gives them. `atr` is of length 14 unless `rows` has another.
    """
    spec, known = STRUCTURES[name], {**rows, **(used or {})}
    if "atr" in spec.inputs and "atr" not in known:
        known["atr"] = run_indicator(CATALOG["atr"], rows)["value"]
    if "source" in settled:
        known["src"] = rows[str(settled["source"])]
    return [known[row] if row in known else known["close"] for row in spec.inputs]


def prefixed(kind: str, outputs: Rows) -> dict[str, Floats]:
    """Outputs of a structure under the names that a structure which uses it reads: `swing.high_level`."""
    return {f"{kind}.{name}": row for name, row in outputs.items()}


def same_bits(left: Floats, right: Floats) -> bool:
    """Equal to the last bit; missing equals missing."""
    return np.array_equal(left, right, equal_nan=True)


def first_valid(values: Floats) -> int | None:
    """Index of the first value that is not missing."""
    valid = np.flatnonzero(~np.isnan(values))
    return int(valid[0]) if len(valid) else None
