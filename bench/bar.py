"""
One closed bar of a running instance: columns of a Play of twenty nodes extended by one bar, then `decide`.

    python bench/bar.py

Timed: `PlayEngine.on_bar` per bar, one call after the other over a day of seeded minutes behind an hour of history. Not timed:
compilation, warm-up, and everything outside the engine. The engine is flat or in a position as its rules say, and every order
is filled at the next bar's price, so that all paths are in the figure. Each of `PASSES` samples is the mean over a day; the
percentiles are of all single bars.
"""

import gc
import time
from itertools import pairwise
from statistics import mean

import _setup  # noqa: F401 - before anything that imports a kernel
from _figures import tell, tell_percentiles

from playd.core.orders import Action
from playd.engine.messages import EngineFill
from playd.engine.play_engine import PlayEngine
from playd.market.synthetic import SyntheticFeed
from playd.plays.compile import compile_program
from playd.plays.load import load_play

NODES = 20
PASSES = 7
HISTORY = 6_000
BARS = 1_440
MINUTE_MS = 60_000

PLAY = """
version: "3.0.0"
name: twenty_nodes
symbol: BTCUSDT
timeframes: {low_tf: 1m, med_tf: 5m, high_tf: 1h, exec: low_tf}
account: {}
features:
  fast: {indicator: ema, params: {length: 5}}
  slow: {indicator: ema, params: {length: 13}}
  mean: {indicator: sma, params: {length: 50}}
  rsi: {indicator: rsi, params: {length: 14}}
  atr: {indicator: atr, params: {length: 14}}
  trend: {indicator: macd, params: {fast: 12, slow: 26, signal: 9}}
  bands: {indicator: bbands, params: {length: 20, std: 2.0}}
  strength: {indicator: adx, params: {length: 14}}
  channel: {indicator: donchian, params: {lower_length: 20, upper_length: 20}}
actions:
  entry_long: {all: [[fast, cross_above, slow], [rsi, "<", 70], [close, "<", bands.upper], [close, ">", channel.lower]]}
  entry_short: {all: [[fast, cross_below, slow], [rsi, ">", 30], [close, ">", bands.lower]]}
  exit_long: {any: [[fast, cross_below, slow], [trend.histogram, "<", -1000000]]}
  exit_short: {any: [[fast, cross_above, slow], [strength.adx, ">", 1000]]}
position_policy: {mode: long_short, exit_mode: first_hit}
risk:
  stop_loss_pct: 2
  take_profit_pct: 4
  max_position_pct: 10
"""


def one_pass(feed: SyntheticFeed) -> list[float]:
    """Microseconds of each bar of a day."""
    play = load_play(PLAY, "bar.yml")
    program = compile_program(play, MINUTE_MS)
    if len(program.nodes) != NODES:
        raise SystemExit(f"the Play has {len(program.nodes)} nodes, {NODES} are to be measured")
    engine = PlayEngine(program, play, feed.instrument("BTCUSDT"), 10_000.0)
    start_ms = feed.start_ms
    engine.warm(feed.candles("BTCUSDT", start_ms - HISTORY * MINUTE_MS, start_ms))
    day = feed.candles("BTCUSDT", start_ms, start_ms + BARS * MINUTE_MS)
    bars = [day.at(i) for i in range(len(day))]
    tick = float(feed.instrument("BTCUSDT").tick)
    taken_us, fills = list[float](), 0
    for bar, following in pairwise(bars):
        began_s = time.perf_counter()
        decision = engine.on_bar(bar)
        taken_us.append((time.perf_counter() - began_s) * 1e6)
        for order in decision.orders if decision else ():
            reason = "entry" if order.action is Action.ENTER else order.reason
            ticks = round(following.open / tick)
            engine.on_fill(
                EngineFill(order.action, order.side, order.qty_steps, ticks, 0.1, following.open_time_ms, reason, False)
            )
            fills += 1
    if fills < 20:
        raise SystemExit(f"only {fills} fills in a day: the Play does not do what is to be measured")
    return taken_us


def main() -> None:
    feed = SyntheticFeed(1)
    one_pass(feed)
    gc.disable()
    days = [one_pass(feed) for _ in range(PASSES)]
    tell("one closed bar, 20 nodes: on_bar", [mean(day) for day in days], "µs", limit=50)
    tell_percentiles("one closed bar, 20 nodes: on_bar", [each for day in days for each in day], "µs", {50: None, 99: 1000.0})


if __name__ == "__main__":
    main()
