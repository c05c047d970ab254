"""
Speed of every kernel over one million seeded one-minute bars, compilation excluded.

    python bench/kernels.py [NAME ...]

Per kernel, in nanoseconds per bar: one pass over all bars, blocks of 4096 bars, and one pass with every length ten times as
long, which shows whether the cost grows with the window; in microseconds, one bar as live calls it. Beside them the time of
TA-Lib for the same outputs, where it has them. Defaults for all other parameters; processor time, the quickest of several
passes.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import _setup  # noqa: F401 - before numba, which reads the place of its cache once
import numpy as np
import talib
from talib._ta_lib import MA_Type

sys.path.insert(0, str(Path(__file__).parents[1]))

from _figures import tell

from playd.kernels import asof, offset, rollup
from playd.kernels.catalog import CATALOG, OPERATORS, STRUCTURES
from playd.kernels.compiled import Kernel
from playd.kernels.spec import IndicatorSpec, Params
from playd.kernels.structures.spec import Settings
from tests.kernel_runs import Floats, Rows, prefixed, run_structure, structure_inputs, walk

BARS = 1_000_000
BLOCK = 4096
SINGLE_BARS = 5_000
PASSES = 7
ENOUGH_S = 0.6
"""No further pass once those before have taken so long together."""

STRUCTURE_PARAMS: dict[str, Settings] = {
    "swing": {"left": 5, "right": 5},
    "fibonacci": {"levels": (0.382, 0.5, 0.618)},
    "zone": {"zone_type": "demand", "width_atr": 1.0},
    "rolling_window": {"size": 20, "source": "high", "mode": "max"},
    "derived_zone": {"levels": (0.382, 0.5, 0.618), "max_active": 5},
}
"""What has no default."""

LITERALS = {"tolerance": [1.0], "values": [1.0, 2.0], "bars": [20.0], "min_true": [3.0]}

SMA, EMA = MA_Type.SMA, MA_Type.EMA

TALIB: dict[str, Callable[[Floats, Floats, Floats, Floats, Floats], object]] = {
    "ema": lambda o, h, low, c, v: talib.EMA(c, 20),
    "sma": lambda o, h, low, c, v: talib.SMA(c, 20),
    "wma": lambda o, h, low, c, v: talib.WMA(c, 20),
    "dema": lambda o, h, low, c, v: talib.DEMA(c, 20),
    "tema": lambda o, h, low, c, v: talib.TEMA(c, 20),
    "trima": lambda o, h, low, c, v: talib.TRIMA(c, 20),
    "kama": lambda o, h, low, c, v: talib.KAMA(c, 10),
    "linreg": lambda o, h, low, c, v: talib.LINEARREG(c, 14),
    "rsi": lambda o, h, low, c, v: talib.RSI(c, 14),
    "roc": lambda o, h, low, c, v: talib.ROC(c, 10),
    "mom": lambda o, h, low, c, v: talib.MOM(c, 10),
    "cmo": lambda o, h, low, c, v: talib.CMO(c, 14),
    "cci": lambda o, h, low, c, v: talib.CCI(h, low, c, 14),
    "willr": lambda o, h, low, c, v: talib.WILLR(h, low, c, 14),
    "atr": lambda o, h, low, c, v: talib.ATR(h, low, c, 14),
    "natr": lambda o, h, low, c, v: talib.NATR(h, low, c, 14),
    "mfi": lambda o, h, low, c, v: talib.MFI(h, low, c, v, 14),
    "obv": lambda o, h, low, c, v: talib.OBV(c, v),
    "midprice": lambda o, h, low, c, v: talib.MIDPRICE(h, low, 14),
    "ohlc4": lambda o, h, low, c, v: talib.AVGPRICE(o, h, low, c),
    "uo": lambda o, h, low, c, v: talib.ULTOSC(h, low, c, 7, 14, 28),
    "macd": lambda o, h, low, c, v: talib.MACD(c, 12, 26, 9),
    "ppo": lambda o, h, low, c, v: talib.EMA(talib.PPO(c, 12, 26, EMA), 9),
    "trix": lambda o, h, low, c, v: talib.SMA(talib.TRIX(c, 18), 9),
    "bbands": lambda o, h, low, c, v: talib.BBANDS(c, 20, 2.0, 2.0, SMA),
    "stoch": lambda o, h, low, c, v: talib.STOCH(h, low, c, 14, 3, SMA, 3, SMA),
    "stochrsi": lambda o, h, low, c, v: talib.STOCHRSI(c, 14, 14, 3, SMA),
    "adx": lambda o, h, low, c, v: [one(h, low, c, 14) for one in (talib.ADX, talib.PLUS_DI, talib.MINUS_DI, talib.ADXR)],
    "aroon": lambda o, h, low, c, v: (talib.AROON(h, low, 25), talib.AROONOSC(h, low, 25)),
    "donchian": lambda o, h, low, c, v: (talib.MIN(low, 20), talib.MAX(h, 20)),
    "psar": lambda o, h, low, c, v: talib.SAREXT(h, low, 0, 0, 0.02, 0.02, 0.2, 0.02, 0.02, 0.2),
    "dm": lambda o, h, low, c, v: (talib.PLUS_DM(h, low, 14), talib.MINUS_DM(h, low, 14)),
}
"""The calls that give the same outputs, as far as TA-Lib has them (no bandwidth, %b, smoothed stochrsi)."""


@dataclass(frozen=True)
class Job:
    """A kernel with something to do; `longer` are its params and state size with every length ten times as long."""

    name: str
    kernel: Kernel
    inputs: Sequence[Floats]
    params: Floats
    state_size: int
    outputs: int
    longer: tuple[Floats, int] | None = None


def candles() -> Rows:
    """The million bars, with what a swing of five bars to each side says of them."""
    rows = walk(BARS, seed=1, price=50_000.0, step=5e-4)
    swing = prefixed("swing", run_structure("swing", rows, {"left": 5, "right": 5}))
    return {**rows, **{name: np.ascontiguousarray(row) for name, row in swing.items()}}


def indicator_jobs(rows: Rows) -> Iterator[Job]:
    """Every indicator with its defaults."""
    for name, spec in CATALOG.items():
        params, inputs = spec.defaults(), [rows[row] for row in spec.inputs]
        longer = ten_times(spec, params)
        more = (spec.pack(longer), spec.state_size(longer)) if longer != params else None
        yield Job(name, spec.kernel, inputs, spec.pack(params), spec.state_size(params), len(spec.outputs), more)


def ten_times(spec: IndicatorSpec, params: Params) -> Params:
    """Every number of bars ten times as large, as far as it may be."""
    lengths = [one for one in spec.params if one.kind == "int" and one.name != "num_buckets"]
    return {**params, **{one.name: min(10 * int(params[one.name]), int(one.hi)) for one in lengths}}


def structure_jobs(rows: Rows) -> Iterator[Job]:
    """Every detector, reading what those before it found."""
    known: dict[str, Floats] = {}
    for name, spec in STRUCTURES.items():
        params = spec.settled(STRUCTURE_PARAMS.get(name, {}))
        used = {use.kind for use in spec.uses}
        inputs = structure_inputs(name, rows, params, known)
        yield Job(name, spec.kernel, inputs, spec.pack(params, used), spec.state_size(params), len(spec.outputs(params)))
        if any(name == use.kind for other in STRUCTURES.values() for use in other.uses):
            known |= prefixed(name, run_structure(name, rows, params, known))


def other_jobs(rows: Rows) -> Iterator[Job]:
    """Operators and transforms."""
    truths = [np.array(np.random.default_rng(seed).random(BARS) < 0.5, dtype=np.float64) for seed in range(4)]
    for name, operator in OPERATORS.items():
        count = operator.inputs or 4
        inputs = (truths if operator.takes_truth else [rows["close"], rows["open"], rows["high"]])[:count]
        literals = [value for extra in operator.extras for value in LITERALS[extra]]
        yield Job(name, operator.kernel(count), inputs, operator.pack([None] * count, literals), operator.state_size, 1)
    yield Job("offset 5", offset.kernel(), [rows["close"]], offset.pack(5), offset.STATE_SIZE, 1)
    closes = rows["time"] + 60_000.0
    slow = closes[14::15].copy()
    yield Job("asof 15m", asof.kernel(), [rows["close"][: len(slow)], slow, closes], asof.pack(900_000), asof.STATE_SIZE, 1)


def best_s(work: Callable[[], object]) -> float:
    """The quickest of several runs, in seconds."""
    taken: list[float] = []
    while len(taken) < 2 or (len(taken) < PASSES and sum(taken) < ENOUGH_S):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def measure(job: Job, rows: Rows) -> tuple[float, float | None]:
    """Print a line of the table; nanoseconds per bar of this kernel, and of TA-Lib."""
    inputs, table = tuple(job.inputs), np.zeros((job.outputs, BARS))

    def run(bars: int, block: int, params: Floats, size: int) -> None:
        state = np.zeros(size)
        for lo in range(0, bars, block):
            job.kernel(inputs, params, state, table, lo, min(lo + block, bars))

    own = (job.params, job.state_size)
    whole, blocks = (best_s(partial(run, BARS, block, *own)) / BARS * 1e9 for block in (BARS, BLOCK))
    single_us = best_s(lambda: run(SINGLE_BARS, 1, *own)) / SINGLE_BARS * 1e6
    longer = "" if job.longer is None else f"{best_s(partial(run, BARS, BARS, *job.longer)) / BARS * 1e9:8.1f}"
    line = f"{job.name:24s} {whole:8.1f} {blocks:8.1f} {longer:>8s} {single_us:8.2f}"
    reference = TALIB.get(job.name)
    if reference is None:
        print(line, flush=True)
        return whole, None
    ohlcv = [rows[name] for name in ("open", "high", "low", "close", "volume")]
    other = best_s(lambda: reference(*ohlcv)) / BARS * 1e9
    print(f"{line} {other:8.1f} {whole / other:6.2f}", flush=True)
    return whole, other


def measure_rollup(rows: Rows) -> None:
    """The rollup has its own signature: a million minutes to quarters of an hour."""
    base = tuple(rows[name] for name in ("time", "open", "high", "low", "close", "volume"))
    params, slow, kernel = rollup.pack(60_000, 900_000), np.zeros((rollup.ROWS, BARS // 15 + 2)), rollup.kernel()

    def run(bars: int, block: int) -> None:
        state, filled = np.zeros(rollup.STATE_SIZE), 0
        for lo in range(0, bars, block):
            filled = kernel(base, params, state, slow, lo, min(lo + block, bars), filled)

    whole, blocks = (best_s(partial(run, BARS, block)) / BARS * 1e9 for block in (BARS, BLOCK))
    single_us = best_s(lambda: run(SINGLE_BARS, 1)) / SINGLE_BARS * 1e6
    print(f"{'rollup 15m':24s} {whole:8.1f} {blocks:8.1f} {'':>8s} {single_us:8.2f}", flush=True)


def main(names: list[str]) -> None:
    """Print the table, of all kernels or of those named, and the figures that have a limit."""
    rows = candles()
    print(f"{'ns per bar':24s} {'one pass':>8s} {'blocks':>8s} {'10x long':>8s} {'us one':>8s} {'TA-Lib':>8s} {'times':>6s}")
    indicators = [measure(job, rows) for job in indicator_jobs(rows) if not names or job.name in names]
    structures = [measure(job, rows)[0] for job in structure_jobs(rows) if not names or job.name in names]
    for job in other_jobs(rows):
        if not names or job.name in names:
            measure(job, rows)
    if names:
        return
    measure_rollup(rows)
    pairs = [(own, other) for own, other in indicators if other is not None]
    tell("all indicators", [sum(own for own, _ in indicators)], "ns/bar", note=f"{len(indicators)} indicators")
    ratio = sum(own for own, _ in pairs) / sum(other for _, other in pairs)
    tell("against TA-Lib, sum", [ratio], "times", limit=2, note=f"{len(pairs)} functions")
    tell("against TA-Lib, the worst", [max(own / other for own, other in pairs)], "times", limit=4)
    tell("structures, median", [median(structures)], "ns/bar", limit=100, note=f"up to {max(structures):.0f}")


if __name__ == "__main__":
    main(sys.argv[1:])
