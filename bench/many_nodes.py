"""
A Play of sixty nodes on four clocks over a year of one-minute bars.

    python bench/many_nodes.py

Timed: `run_backtest` from the checked Play and 525,600 candles in memory to trades and equity, with every roll-up, kernel and
alignment on the way to a decision. Not timed: compilation (the first call). The second figure also keeps every column, as an
explanation needs them.
"""

import gc
import time
from collections.abc import Callable
from statistics import median

import _setup  # noqa: F401 - before anything that imports a kernel
from _figures import tell

from playd.core.instrument import synthetic_instrument
from playd.market.patterns.candles import synthetic_market
from playd.plays.columns import Columns
from playd.plays.compile import compile_program
from playd.plays.load import load_play
from playd.research.backtest import run_backtest

LEAST_NODES = 60
LIMIT_MS = 250.0
DAYS = 365
PASSES = 7

PLAY = """
version: "3.0.0"
name: many_nodes
symbol: BTCUSDT
timeframes: {low_tf: 1m, med_tf: 15m, high_tf: 4h, exec: low_tf}
account: {}
features:
  fast: {indicator: ema, params: {length: 9}}
  slow: {indicator: ema, params: {length: 21}}
  mean: {indicator: sma, params: {length: 50}}
  rsi: {indicator: rsi}
  atr: {indicator: atr}
  bands: {indicator: bbands}
  momentum: {indicator: macd}
  channel: {indicator: donchian}
  strength: {indicator: adx}
  quarter_fast: {indicator: ema, params: {length: 9}, tf: med_tf}
  quarter_slow: {indicator: ema, params: {length: 21}, tf: med_tf}
  quarter_rsi: {indicator: rsi, tf: med_tf}
  quarter_trend: {indicator: supertrend, tf: med_tf}
  quarter_atr: {indicator: atr, tf: med_tf}
  quarter_squeeze: {indicator: squeeze, tf: med_tf}
  hour_fast: {indicator: ema, params: {length: 9}, tf: 1h}
  hour_slow: {indicator: ema, params: {length: 21}, tf: 1h}
  hour_strength: {indicator: adx, tf: 1h}
  hour_stoch: {indicator: stoch, tf: 1h}
  slow_mean: {indicator: sma, params: {length: 20}, tf: high_tf}
  slow_channel: {indicator: kc, tf: high_tf}
structures:
  med_tf:
    - {type: swing, key: turns, params: {left: 3, right: 3, atr_key: quarter_atr}}
    - {type: trend, key: waves, uses: turns}
    - {type: market_structure, key: breaks, uses: turns}
  high_tf:
    - {type: swing, key: slow_turns, params: {left: 2, right: 2}}
    - {type: zone, key: demand, params: {zone_type: demand, width_atr: 1}, uses: slow_turns}
setups:
  up:
    all:
      - [quarter_fast, ">", quarter_slow]
      - [quarter_trend.direction, "==", 1]
      - [hour_fast, ">", hour_slow]
      - [close, ">", slow_mean]
      - any: [[waves.direction, "==", 1], [breaks.bias, "==", 1], [demand.state, "==", active]]
  quiet:
    any:
      - [quarter_squeeze.on, "==", 1]
      - {not: [hour_strength, ">", 25]}
      - [hour_stoch.k, "<", 80]
actions:
  entry_long:
    all:
      - {setup: up}
      - {setup: quiet}
      - [fast, cross_above, slow]
      - [rsi, between, [30, 70]]
      - [close, "<", bands.upper]
      - [close, ">", [channel.lower, "+", atr]]
      - [momentum.histogram, ">", 0]
      - {occurred_within: {bars: 30, expr: [[strength, ">", 20]]}}
      - [quarter_rsi, "<", 75]
      - [close, "<", slow_channel.upper]
  exit_long:
    any: [[fast, cross_below, slow], [close, "<", mean]]
position_policy: {mode: long_only, exit_mode: first_hit}
risk_model:
  stop_loss: {type: atr_multiple, value: 3, atr_feature_id: atr}
  take_profit: {type: percent, value: 4}
  sizing: {model: percent_equity, value: 10}
"""


def measure(name: str, work: Callable[[], object], note: str, limit: float | None = None) -> None:
    """Time some passes after one that is not counted, and print the figure with the processor's time beside the clock's."""
    work()
    taken, busy = [], []
    for _ in range(PASSES):
        gc.collect()
        start, start_busy = time.perf_counter(), time.process_time()
        work()
        taken.append((time.perf_counter() - start) * 1e3)
        busy.append((time.process_time() - start_busy) * 1e3)
    tell(name, taken, "ms", limit=limit, note=f"{median(busy):.0f} ms of processor time, {note}")


def main() -> None:
    """Print both figures."""
    play = load_play(PLAY, "many_nodes")
    candles = synthetic_market("trending", seed=1, exec_minutes=1440, exec_bars=DAYS, symbol="BTCUSDT")
    program, instrument = compile_program(play, candles.step_ms), synthetic_instrument(play.symbol, float(candles.open[0]))
    assert len(program.nodes) >= LEAST_NODES, len(program.nodes)
    result = run_backtest(play, candles, instrument)
    note = f"{len(program.nodes)} nodes on {len(program.clocks)} clocks, {len(candles)} bars, {len(result.trade_rows)} trades"
    measure("backtest of many nodes", lambda: run_backtest(play, candles, instrument), note, LIMIT_MS)

    def every_column() -> None:
        Columns(program, len(candles)).extend_many(candles)

    measure("every column of it", every_column, f"{len(program.columns)} columns")


if __name__ == "__main__":
    main()
