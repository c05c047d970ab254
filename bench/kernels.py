"""
Speed of every kernel: ms per million bars as one pass and in blocks of 4096, and µs for one bar as live calls it.

    python bench/kernels.py [NAME ...]

Figures are the best of seven passes over one million seeded one-minute bars, defaults for all parameters, compilation excluded.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from playd.kernels import asof, offset, rollup
from playd.kernels.catalog import CATALOG, OPERATORS, STRUCTURES
from playd.kernels.compiled import Kernel
from playd.kernels.structures.spec import Settings
from tests.kernel_runs import Floats, Rows, prefixed, run_structure, structure_inputs, walk

BARS = 1_000_000
BLOCK = 4096
SINGLE_BARS = 20_000
PASSES = 7

Job = tuple[str, Kernel, Sequence[Floats], Floats, int, int]
"""Name, kernel, rows, params, state size, outputs."""

STRUCTURE_PARAMS: dict[str, Settings] = {
    "swing": {"left": 5, "right": 5},
    "fibonacci": {"levels": (0.382, 0.5, 0.618)},
    "zone": {"zone_type": "demand", "width_atr": 1.0},
    "rolling_window": {"size": 20, "source": "high", "mode": "max"},
    "derived_zone": {"levels": (0.382, 0.5, 0.618), "max_active": 5},
}
"""What has no default."""

LITERALS = {"tolerance": [1.0], "values": [1.0, 2.0], "bars": [20.0], "min_true": [3.0]}


def jobs() -> Iterator[Job]:
    """Every kernel of the catalog with something to do."""
    rows = walk(BARS, seed=1, price=50_000.0, step=5e-4)
    truths = [np.array(np.random.default_rng(seed).random(BARS) < 0.5, dtype=np.float64) for seed in range(4)]
    swing = prefixed("swing", run_structure("swing", rows, {"left": 5, "right": 5}))
    rows |= {name: np.ascontiguousarray(row) for name, row in swing.items()}
    for name, indicator in CATALOG.items():
        params = indicator.defaults()
        inputs = [rows[row] for row in indicator.inputs]
        packed, size = indicator.pack(params), indicator.state_size(params)
        yield name, indicator.kernel, inputs, packed, size, len(indicator.outputs)
    yield from structure_jobs(rows)
    for name, operator in OPERATORS.items():
        count = operator.inputs or 4
        inputs = (truths if operator.takes_truth else [rows["close"], rows["open"], rows["high"]])[:count]
        literals = [value for extra in operator.extras for value in LITERALS[extra]]
        yield name, operator.kernel(count), inputs, operator.pack([None] * count, literals), operator.state_size, 1
    yield "offset 5", offset.kernel(), [rows["close"]], offset.pack(5), offset.STATE_SIZE, 1
    closes = rows["time"] + 60_000.0
    slow = closes[14::15].copy()
    yield "asof 15m", asof.kernel(), [rows["close"][: len(slow)], slow, closes], asof.pack(900_000), asof.STATE_SIZE, 1


def structure_jobs(rows: Rows) -> Iterator[Job]:
    """Every detector, reading what those before it found."""
    known: dict[str, Floats] = {}
    for name, spec in STRUCTURES.items():
        params = spec.settled(STRUCTURE_PARAMS.get(name, {}))
        used = {use.kind for use in spec.uses}
        inputs = structure_inputs(name, rows, params, known)
        outputs = spec.outputs(params)
        yield name, spec.kernel, inputs, spec.pack(params, used), spec.state_size(params), len(outputs)
        if any(name == use.kind for other in STRUCTURES.values() for use in other.uses):
            known |= prefixed(name, run_structure(name, rows, params, known))


def best_s(work: Callable[[], None]) -> float:
    """The quickest of PASSES runs, in seconds."""
    taken = []
    for _ in range(PASSES):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def measure(job: Job) -> str:
    """One line of the table."""
    name, kernel, inputs, params, size, outputs = job
    rows, table = tuple(inputs), np.zeros((outputs, BARS))

    def run(bars: int, block: int) -> None:
        state = np.zeros(size)
        for lo in range(0, bars, block):
            kernel(rows, params, state, table, lo, min(lo + block, bars))

    whole, blocks = best_s(lambda: run(BARS, BARS)) * 1e3, best_s(lambda: run(BARS, BLOCK)) * 1e3
    single_us = best_s(lambda: run(SINGLE_BARS, 1)) / SINGLE_BARS * 1e6
    return f"{name:16s} {whole:8.2f} {blocks:8.2f} {single_us:8.2f}"


def measure_rollup() -> str:
    """The rollup has its own signature: a million minutes to quarters of an hour."""
    rows = walk(BARS, seed=1)
    base = tuple(rows[name] for name in ("time", "open", "high", "low", "close", "volume"))
    params, slow, kernel = rollup.pack(60_000, 900_000), np.zeros((rollup.ROWS, BARS // 15 + 2)), rollup.kernel()

    def run(bars: int, block: int) -> None:
        state, filled = np.zeros(rollup.STATE_SIZE), 0
        for lo in range(0, bars, block):
            filled = kernel(base, params, state, slow, lo, min(lo + block, bars), filled)

    whole, blocks = best_s(lambda: run(BARS, BARS)) * 1e3, best_s(lambda: run(BARS, BLOCK)) * 1e3
    single_us = best_s(lambda: run(SINGLE_BARS, 1)) / SINGLE_BARS * 1e6
    return f"{'rollup 15m':16s} {whole:8.2f} {blocks:8.2f} {single_us:8.2f}"


def main(names: list[str]) -> None:
    """Print the table, of all kernels or of those named."""
    print(f"{'kernel':16s} {'ms/M':>8s} {'blocks':>8s} {'us/bar':>8s}")
    for job in jobs():
        if not names or job[0] in names:
            print(measure(job))
    if not names:
        print(measure_rollup())


if __name__ == "__main__":
    main(sys.argv[1:])
