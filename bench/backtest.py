"""
Speed of backtests and of one live decision.

    python bench/backtest.py

One million seeded one-minute candles are in memory; the Play is EMA 9/21 with an RSI filter at 10 % of equity, once with wide
and once with narrow stops, so that there are few and many trades. Timed as "run": `run_backtest` from the checked Play and the
candles to signals, trade records and equity in new arrays. Not in it: compilation (the first call), and what is only made when
asked for, each timed on its own: trade records as values, metrics, hashes, columns other than signals.

Each figure is the median of `PASSES` passes on the clock; its note has the range, and the median of processor time, because on
a busy machine the clock tells of the neighbours as well. The result hash shows whether two versions compute the same.
"""

import time
from collections.abc import Callable
from decimal import Decimal
from statistics import median

import _setup  # noqa: F401 - before anything that imports a kernel
import numpy as np
from _figures import tell

from playd.core.candles import Candles
from playd.core.instrument import Instrument
from playd.engine import records as e
from playd.engine.decide import decide
from playd.engine.play_engine import PlayEngine
from playd.engine.rules import build_rules, build_state, build_windows
from playd.plays.columns import Columns
from playd.plays.compile import compile_program
from playd.plays.load import load_play
from playd.plays.model import Play
from playd.research.backtest import BacktestResult, run_backtest

BARS = 1_000_000
PASSES = 9
RUN_LIMIT_MS = 50.0
LIVE_BARS = 20_000
MINUTE_MS = 60_000

BTC = Instrument("BTCUSDT", Decimal("0.1"), Decimal("0.001"), Decimal("0.001"), Decimal(100), Decimal(100), Decimal(5))

PLAY = """
version: "3.0.0"
name: bench
symbol: BTCUSDT
timeframes: {{low_tf: 1m, med_tf: 5m, high_tf: 1h, exec: low_tf}}
account: {{}}
features:
  fast: {{indicator: ema, params: {{length: 9}}}}
  slow: {{indicator: ema, params: {{length: 21}}}}
  rsi: {{indicator: rsi, params: {{length: 14}}}}
actions:
  entry_long: {{all: [[fast, cross_above, slow], [rsi, "<", 70]]}}
  entry_short: {{all: [[fast, cross_below, slow], [rsi, ">", 30]]}}
position_policy: {{mode: long_short}}
risk: {{stop_loss_pct: {stop}, take_profit_pct: {target}, max_position_pct: 10}}
"""


def market() -> Candles:
    """A random walk on the tick, 0.05 % per minute."""
    rng = np.random.default_rng(1)
    close = np.round(50_000.0 * np.exp(np.cumsum(rng.normal(0.0, 5e-4, BARS))), 1)
    open_ = np.concatenate((np.array([50_000.0]), close[:-1]))
    high = np.round(np.maximum(open_, close) * (1.0 + 2e-4 * rng.random(BARS)), 1)
    low = np.round(np.minimum(open_, close) * (1.0 - 2e-4 * rng.random(BARS)), 1)
    times = MINUTE_MS * np.arange(BARS, dtype=np.int64)
    return Candles("BTCUSDT", MINUTE_MS, times, open_, high, low, close, rng.random(BARS))


class Times:
    """Milliseconds of each pass, on the clock and of the processor."""

    def __init__(self) -> None:
        self.clock_ms: list[float] = []
        self.processor_ms: list[float] = []

    def take(self, work: Callable[[], object]) -> None:
        """One pass."""
        clock, processor = time.perf_counter(), time.process_time()
        work()
        self.processor_ms.append((time.process_time() - processor) * 1e3)
        self.clock_ms.append((time.perf_counter() - clock) * 1e3)

    def tell(self, name: str, *, limit: float | None = None, note: str = "") -> None:
        """The figure on the clock, with processor time in its note."""
        processor = f"processor {median(self.processor_ms):.4g} ms"
        tell(name, self.clock_ms, "ms", limit=limit, note=f"{processor}, {note}" if note else processor)


def repeated(work: Callable[[], object]) -> Times:
    """All passes of something, after one that compiles."""
    work()
    times = Times()
    for _ in range(PASSES):
        times.take(work)
    return times


def backtests(candles: Candles) -> None:
    for stop, target in ((2, 4), (0.2, 0.4)):
        play = load_play(PLAY.format(stop=stop, target=target), "bench.yml")
        result = run_backtest(play, candles, BTC)
        note = f"{len(result.trade_rows):,} trades, result {result.hashes['result_hash'][:16]}"
        del result
        times = repeated(lambda play=play: run_backtest(play, candles, BTC))  # type: ignore[misc]
        times.tell(f"run, stop {stop} %, target {target} %", limit=RUN_LIMIT_MS, note=note)
        asked_for(play, candles)
    program = compile_program(play, MINUTE_MS)
    signals = repeated(lambda: Columns(program, BARS, signals_only=True).extend_many(candles))
    signals.tell("  of which signals")


def asked_for(play: Play, candles: Candles) -> None:
    """What is made when somebody asks."""
    parts: dict[str, Callable[[BacktestResult], object]] = {
        "trades as values": lambda result: result.trades,
        "metrics": lambda result: result.metrics,
        "hashes": lambda result: result.hashes,
        "every column": lambda result: result.columns,
    }
    for name, ask in parts.items():
        ask(run_backtest(play, candles, BTC))
        times = Times()
        for _ in range(PASSES):
            result = run_backtest(play, candles, BTC)
            times.take(lambda ask=ask, result=result: ask(result))  # type: ignore[misc]
        times.tell(f"  asked for: {name}")


def live(candles: Candles) -> None:
    """One decision, and one whole bar of a PlayEngine."""
    play = load_play(PLAY.format(stop=2, target=4), "bench.yml")
    rules, state, windows = build_rules(play, BTC, MINUTE_MS), build_state(10_000.0), build_windows(())
    signals, intent = np.zeros(1, e.SIGNALS), np.zeros(1, e.INTENT)
    decide(state, rules, signals, windows, 0, 50_000.0, 50_000.0, intent)
    start = time.perf_counter()
    for i in range(LIVE_BARS):
        decide(state, rules, signals, windows, i * MINUTE_MS, 50_000.0, 50_000.0, intent)
    tell("one decide call", [(time.perf_counter() - start) / LIVE_BARS * 1e6], "µs", note=f"mean of {LIVE_BARS:,} calls")
    engine = PlayEngine(compile_program(play, MINUTE_MS), play, BTC, 10_000.0, capacity=LIVE_BARS + 1)
    bars = [candles.at(i) for i in range(LIVE_BARS)]
    engine.on_bar(bars[0])
    start = time.perf_counter()
    for bar in bars[1:]:
        engine.on_bar(bar)
    tell("one PlayEngine.on_bar", [(time.perf_counter() - start) / LIVE_BARS * 1e6], "µs", note=f"mean of {LIVE_BARS:,} bars")


if __name__ == "__main__":
    candles = market()
    backtests(candles)
    live(candles)
