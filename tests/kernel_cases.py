"""
Kernels of the catalog with drawn parameters over drawn markets, for laws that hold for every one of them.

Markets and cuts are drawn by Hypothesis; the seed of a counterexample is printed with it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, TypeVar, cast

import numpy as np
from hypothesis import strategies as st

from playd.kernels.catalog import CATALOG, OPERATORS, STRUCTURES
from playd.kernels.compiled import Kernel
from playd.kernels.operators.spec import OperatorSpec
from playd.kernels.sources import SOURCES
from playd.kernels.spec import IndicatorSpec, ParamSpec, Scalar
from playd.kernels.structures.spec import Output, Settings
from tests.kernel_runs import Floats, prefixed, run_indicator, run_kernel, run_structure, structure_inputs, walk

BARS = 240
LONGEST = 40
"""Lengths are drawn up to here, so that BARS leaves room for every seed."""


Function = TypeVar("Function", bound=Callable[..., Any])


class Market(dict[str, Floats]):
    """Candle rows that print as what they were drawn from."""

    def __init__(self, rows: dict[str, Floats], origin: str) -> None:
        super().__init__(rows)
        self.origin = origin

    def __repr__(self) -> str:
        return f"Market({self.origin})"


@dataclass(frozen=True)
class Case:
    """One kernel, ready to run over drawn rows. `declared`: what a detector says of its outputs."""

    origin: str
    kernel: Kernel = field(repr=False)
    recurrence: Kernel = field(repr=False)
    rows: tuple[Floats, ...] = field(repr=False)
    params: Floats
    state_size: int
    lookback: int
    outputs: int
    declared: tuple[Output, ...] = field(default=(), repr=False)

    def run(self, cuts: Sequence[int] = (), rows: tuple[Floats, ...] | None = None) -> Floats:
        return run_kernel(self.kernel, rows or self.rows, self.params, np.zeros(self.state_size), self.outputs, cuts)


def interpreted(function: Function) -> Function:
    """A compiled function as Python runs it, together with everything compiled that it calls."""
    source: Any = getattr(function, "py_func", function)
    known = dict(source.__globals__)
    known |= {name: interpreted(known[name]) for name in source.__code__.co_names if hasattr(known.get(name), "py_func")}
    return cast(Function, FunctionType(source.__code__, known, source.__name__, source.__defaults__, source.__closure__))


def value_of(param: ParamSpec) -> st.SearchStrategy[Any]:
    if param.kind == "word":
        return st.sampled_from(param.words)
    if param.kind == "bool":
        return st.booleans()
    if param.kind == "numbers":
        return st.lists(st.sampled_from([-0.272, 0.0, 0.382, 0.5, 0.618, 1.0, 1.618]), min_size=1, max_size=4, unique=True).map(
            tuple
        )
    if param.kind == "int":
        return st.integers(int(param.lo), min(int(param.hi), LONGEST))
    numbers = st.floats(max(param.lo, 0.1), min(param.hi, 10.0))
    return numbers | st.sampled_from(param.words) if param.words else numbers


@st.composite
def params_of(draw: st.DrawFn, spec: IndicatorSpec) -> dict[str, Scalar]:
    params = {param.name: draw(value_of(param)) for param in spec.params if param.kind != "structure"}
    for less, more in spec.rising:
        low, high = sorted((int(params[less]), int(params[more])))
        params[less], params[more] = low, max(high, low + 1)
    return params


@st.composite
def candles(draw: st.DrawFn, missing: bool = True) -> Market:
    """A walk with flat stretches and, if wanted, missing candles."""
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    price, step = draw(st.sampled_from([1e-6, 1.0, 100.0, 65_000.0])), draw(st.sampled_from([1e-4, 0.01]))
    flat, holes = draw(st.booleans()), missing and draw(st.booleans())
    rows = walk(BARS, seed, price=price, step=step)
    rows["reference"] = walk(BARS, seed + 1, price=price, step=step)["close"]
    if flat:
        start, length = random.integers(0, BARS - 60), random.integers(2, 60)
        for name in ("open", "high", "low", "close", "src", "reference"):
            rows[name][start : start + length] = rows["close"][start]
        rows["volume"][start : start + length] = 0.0
    if holes:
        for bar in random.integers(0, BARS, size=3):
            for name in ("open", "high", "low", "close", "volume", "src"):
                rows[name][bar] = np.nan
        rows["reference"][random.integers(0, BARS, size=2)] = np.nan
    first_index = draw(st.integers(1_000_000, 1_000_600))
    index = np.arange(first_index, first_index + BARS, dtype=np.float64)
    origin = f"{seed=}, {price=}, {step=}, {flat=}, {holes=}, {first_index=}"
    return Market({**rows, **_pivots(random), "index": index, "time": index * 900_000.0}, origin)


def _pivots(random: np.random.Generator) -> dict[str, Floats]:
    """What a swing says at each bar, without the bars that made it: pivots are frequent, and some complete one or two pairs."""
    high, low = (random.random((2, BARS)) < 0.15).astype(np.float64)
    pairs = np.minimum(random.integers(0, 3, BARS), high + low)
    rows = {"high_accepted": high, "low_accepted": low, "pair_version": np.cumsum(pairs)}
    return prefixed("swing", {**rows, "pair_direction": random.integers(1, 3, BARS).astype(np.float64)})


@st.composite
def indicator_case(draw: st.DrawFn, name: str, missing: bool = True) -> Case:
    spec = CATALOG[name]
    params, rows = draw(params_of(spec)), draw(candles(missing))
    return Case(
        f"{rows!r}, {params}",
        spec.kernel,
        spec.recurrence,
        tuple(rows[row] for row in spec.inputs),
        spec.pack(params),
        spec.state_size(params),
        spec.lookback(params),
        len(spec.outputs),
    )


@st.composite
def extra_of(draw: st.DrawFn, spec: OperatorSpec) -> list[float]:
    """Literals that an operator takes beside its operands."""
    bars = draw(st.integers(1, LONGEST))
    drawn = {
        "tolerance": [draw(st.sampled_from([0.0, 0.5, 1.0, 25.0]))],
        "bars": [float(bars)],
        "min_true": [float(draw(st.integers(1, bars)))],
        "values": [float(value) for value in draw(st.lists(st.integers(-3, 3), min_size=1, max_size=4))],
    }
    return [value for extra in spec.extras for value in drawn[extra]]


def operand_rows(spec: OperatorSpec, count: int, seed: int) -> tuple[Floats, ...]:
    """Few different values, so that equality and crossing happen, with missing ones. 0 and 1 where truths are wanted."""
    random = np.random.default_rng(seed)
    low, high = (0, 1) if spec.takes_truth else (-3, 3)
    rows = [random.integers(low, high, size=BARS, endpoint=True).astype(np.float64) for _ in range(count)]
    for row in rows:
        row[random.random(BARS) < 0.1] = np.nan
    return tuple(rows)


@st.composite
def operator_case(draw: st.DrawFn, name: str) -> Case:
    spec = OPERATORS[name]
    count = spec.inputs or draw(st.integers(1, 5))
    operands = [None if spec.takes_truth else draw(st.none() | st.integers(-3, 3).map(float)) for _ in range(count)]
    params = spec.pack(operands, draw(extra_of(spec)))
    seed = draw(st.integers(0, 2**32 - 1))
    rows = operand_rows(spec, count, seed)
    return Case(
        f"{seed=}, {operands=}", spec.kernel(count), spec.recurrence, rows, params, spec.state_size, spec.lookback(params), 1
    )


@st.composite
def source_case(draw: st.DrawFn, name: str) -> Case:
    spec, rows = SOURCES[name], draw(candles())
    return Case(repr(rows), spec.kernel, spec.recurrence, tuple(rows[row] for row in spec.inputs), np.zeros(0), 0, 0, 1)


@st.composite
def structure_params(draw: st.DrawFn, name: str) -> Settings:
    """Parameters as a file may write them: what the detector complains of is left out, or added."""
    spec = STRUCTURES[name]
    params = {param.name: param for param in spec.params if param.kind != "feature"}
    written = {one.name: draw(value_of(one)) for one in params.values() if one.required or draw(st.booleans())}
    for _ in range(len(params)):
        for complaint in spec.check(written):
            if complaint.code == "E103":
                written[complaint.param] = draw(value_of(params[complaint.param]))
            elif complaint.code.startswith("E"):
                del written[complaint.param]
    assert not [one for one in spec.check(written) if one.code.startswith("E")]
    return written


@st.composite
def used_rows(draw: st.DrawFn, name: str, rows: Market) -> dict[str, Floats]:
    """Outputs of drawn structures of every kind that a detector needs, and of some that it can do without."""
    spec, known = STRUCTURES[name], dict[str, Floats]()
    for use in spec.uses:
        further = draw(used_rows(use.kind, rows))
        known |= prefixed(use.kind, run_structure(use.kind, rows, draw(structure_params(use.kind)), further))
    return known


@st.composite
def structure_case(draw: st.DrawFn, name: str) -> Case:
    """Candles are whole wherever a detector runs, so that none is missing here; its ATR begins later."""
    spec, rows = STRUCTURES[name], draw(candles(missing=False))
    rows["atr"] = run_indicator(CATALOG["atr"], rows, {"length": draw(st.integers(1, 20))})["value"]
    written, known = draw(structure_params(name)), draw(used_rows(name, rows))
    settled = spec.settled(written)
    left_out = {use.kind for use in spec.uses if not use.needed(settled) and draw(st.booleans())}
    known = {row: values for row, values in known.items() if row.partition(".")[0] not in left_out}
    return Case(
        f"{rows!r}, {written}, without {left_out}",
        spec.kernel,
        spec.recurrence,
        tuple(structure_inputs(name, rows, settled, known)),
        spec.pack(settled, {use.kind for use in spec.uses} - left_out),
        spec.state_size(settled),
        spec.lookback(settled),
        len(spec.outputs(settled)),
        spec.outputs(settled),
    )


CASES = {
    **{f"indicator {name}": indicator_case(name) for name in CATALOG},
    **{f"structure {name}": structure_case(name) for name in STRUCTURES},
    **{f"operator {name}": operator_case(name) for name in OPERATORS},
    **{f"source {name}": source_case(name) for name in SOURCES},
}
