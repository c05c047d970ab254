"""
Speed of backtests and of one live decision.

    python bench/backtest.py

One million seeded one-minute candles are in memory; the Play is EMA 9/21 with an RSI filter at 10 % of equity. Timed as
"run": `run_backtest` from the checked Play and the candles to trade records and equity in arrays, columns included. Not in it:
compilation (the first call), and what is only made when asked for, timed on its own: trade records as values, metrics, hashes.
Best and median of `PASSES` runs.
"""

import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from statistics import median

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from playd.core.candles import Candles
from playd.core.instrument import Instrument
from playd.engine import records as e
from playd.engine.decide import decide
from playd.engine.play_engine import PlayEngine
from playd.engine.rules import build_rules, build_state, build_week
from playd.plays.columns import Columns
from playd.plays.compile import compile_program
from playd.plays.load import load_play
from playd.plays.model import Play
from playd.research.backtest import BacktestResult, run_backtest

BARS = 1_000_000
PASSES = 9
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


def timed_ms(work: Callable[[], object]) -> list[float]:
    """Milliseconds of each pass, after one that compiles."""
    work()
    taken = []
    for _ in range(PASSES):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1e3)
    return taken


def show(name: str, taken_ms: list[float], note: str = "") -> None:
    print(f"{name:34s} best {min(taken_ms):8.2f} ms   median {median(taken_ms):8.2f} ms   {note}")


def backtests(candles: Candles) -> None:
    for stop, target in ((2, 4), (0.2, 0.4)):
        play = load_play(PLAY.format(stop=stop, target=target), "bench.yml")
        result = run_backtest(play, candles, BTC)
        taken = timed_ms(lambda play=play: run_backtest(play, candles, BTC))  # type: ignore[misc]
        show(f"run, stop {stop} %, target {target} %", taken, f"{len(result.trade_rows):,} trades")
        asked_for(play, candles)
    program = compile_program(play, MINUTE_MS)
    show("  of which columns", timed_ms(lambda: Columns(program, BARS).extend_many(candles)))


def asked_for(play: Play, candles: Candles) -> None:
    """What is made when somebody asks."""

    def once(ask: Callable[[BacktestResult], object]) -> list[float]:
        taken = []
        for _ in range(3):
            result = run_backtest(play, candles, BTC)
            start = time.perf_counter()
            ask(result)
            taken.append((time.perf_counter() - start) * 1e3)
        return taken

    show("  asked for: trades as values", once(lambda result: result.trades))
    show("  asked for: metrics", once(lambda result: result.metrics))
    show("  asked for: hashes", once(lambda result: result.hashes))


def live(candles: Candles) -> None:
    """One decision, and one whole bar of a PlayEngine."""
    play = load_play(PLAY.format(stop=2, target=4), "bench.yml")
    rules, state, week = build_rules(play, BTC, MINUTE_MS), build_state(10_000.0), build_week(())
    signals, intent = np.zeros(1, e.SIGNALS), np.zeros(1, e.INTENT)
    decide(state, rules, signals, week, 0, 50_000.0, intent)
    start = time.perf_counter()
    for i in range(LIVE_BARS):
        decide(state, rules, signals, week, i * MINUTE_MS, 50_000.0, intent)
    print(f"{'one decide call':34s} {(time.perf_counter() - start) / LIVE_BARS * 1e6:13.2f} µs")
    engine = PlayEngine(compile_program(play, MINUTE_MS), play, BTC, 10_000.0, capacity=LIVE_BARS + 1)
    bars = [candles.at(i) for i in range(LIVE_BARS)]
    engine.on_bar(bars[0])
    start = time.perf_counter()
    for bar in bars[1:]:
        engine.on_bar(bar)
    print(f"{'one PlayEngine.on_bar, all columns':34s} {(time.perf_counter() - start) / LIVE_BARS * 1e6:13.2f} µs")


if __name__ == "__main__":
    candles = market()
    backtests(candles)
    live(candles)
