"""Five example Plays decide and trade the same bits in a backtest and in the daemon, over the wire at full speed."""

from dataclasses import replace
from pathlib import Path

import pytest

from playd.cli.parity import Side, compare, first_difference, side_of
from playd.core.timeframes import MINUTE_MS
from playd.market.synthetic import SyntheticFeed
from playd.plays.compile import compile_program
from playd.plays.load import load_play
from playd.plays.model import Play
from playd.world.real import real_world
from tests.integration.daemon_kit import ROOT

pytestmark = pytest.mark.slow

DECIDED = 20_000
SEED = 8
"""A market on which even the rarest of the five trades."""
PLAYS = [
    ROOT / f"config/plays/{stem}.yml"
    for stem in ("bollinger_reversion", "donchian_breakout", "ema_cross_rsi", "mtf_trend", "short_momentum")
]
"""Named, because each takes seconds: a new example does not join by itself."""


def loaded(path: Path) -> Play:
    return load_play(path.read_text(), str(path))


@pytest.mark.parametrize("path", PLAYS, ids=lambda path: path.stem)
def test_backtest_and_daemon_are_the_same_bits_over_twenty_thousand_minutes(path: Path) -> None:
    play = loaded(path)
    warm_minutes = compile_program(play, MINUTE_MS).warmup_ms // MINUTE_MS
    minutes = DECIDED + min(warm_minutes, DECIDED // 3) + 300
    feed = SyntheticFeed(SEED)
    candles = feed.candles(play.symbol, feed.start_ms, feed.start_ms + minutes * MINUTE_MS)
    result, daemon = compare(real_world(), play, candles)
    assert len(result.candles) >= DECIDED
    assert len(result.trades) >= 8
    assert first_difference(side_of(result), daemon) is None


HEAD = """
version: "3.0.0"
name: more
symbol: BTCUSDT
timeframes: {low_tf: 1m, med_tf: 15m, high_tf: 1h, exec: low_tf}
account: {max_leverage: 3, slippage_bps: 5}
features:
  fast: {indicator: ema, params: {length: 9}}
  slow: {indicator: sma, params: {length: 21}}
  rsi: {indicator: rsi, params: {length: 10}}
  atr: {indicator: atr, params: {length: 5}}
position_policy: {mode: long_short, exit_mode: first_hit}
"""
CROSS = """
actions:
  entry_long: {all: [["fast", cross_above, "slow"]]}
  entry_short: {all: [["fast", cross_below, "slow"]]}
"""
MORE = {
    "a list of exits, each with its share": """
actions:
  - id: out
    cases:
      - {when: ["rsi", between, [60, 74]], emit: [{action: exit_long, percent: 33}]}
      - {when: ["rsi", "<", 40], emit: [{action: exit_short, percent: 70}]}
  - id: in
    cases:
      - {when: ["fast", cross_above, "slow"], emit: [exit_short, entry_long]}
      - {when: ["fast", cross_below, "slow"], emit: [exit_long, entry_short]}
risk: {stop_loss_pct: 3, take_profit_pct: 6, max_position_pct: 20}
""",
    "levels from the fill, some beyond the market at once, targets that rest": CROSS
    + """
risk_model:
  stop_loss: {type: atr_multiple, value: 0.35, atr_feature_id: atr}
  take_profit: {type: rr_ratio, value: 0.5}
  tp_order_type: Limit
  anchor: fill
  sizing: {model: percent_equity, value: 20}
""",
    "limit entries that rest, expire, and go with an exit": """
actions:
  entry_long: {all: [["fast", cross_above, "slow"]]}
  entry_short: {all: [["fast", cross_below, "slow"]]}
  exit_long: {all: [["rsi", "<", 42]]}
risk_model:
  stop_loss: {type: atr_multiple, value: 1.2, atr_feature_id: atr}
  take_profit: {type: rr_ratio, value: 2}
  sizing: {model: percent_equity, value: 20}
entry: {order_type: LIMIT, limit_offset_pct: 0.02, expire_after_bars: 5}
""",
    "looked at every minute, limits that rest with levels from the fill": """
actions:
  entry_long: {all: [["last_price", cross_above, "fast"]]}
  entry_short: {all: [["rsi", "<", 45]]}
  exit_long: {all: [{holds_for: {bars: 4, expr: [["last_price", "<", "slow"]]}}], metadata: {at: {feature_id: last_price}}}
risk_model:
  stop_loss: {type: atr_multiple, value: 0.5, atr_feature_id: atr}
  take_profit: {type: rr_ratio, value: 0.6}
  tp_order_type: Limit
  anchor: fill
  sizing: {model: percent_equity, value: 20}
entry: {order_type: LIMIT, limit_offset_pct: 0.01, expire_after_bars: 2}
""",
    "limit entries that take at once or never": CROSS
    + """
risk: {stop_loss_pct: 0.6, take_profit_pct: 1.2, max_position_pct: 20}
entry: {order_type: LIMIT, time_in_force: IOC}
""",
}
"""What no example Play has."""


@pytest.mark.parametrize("more", MORE)
def test_what_no_example_has_is_the_same_too(more: str) -> None:
    head = HEAD.replace("low_tf: 1m", "low_tf: 5m") if "last_price" in MORE[more] else HEAD
    play = load_play(head + MORE[more], "more.yml")
    feed = SyntheticFeed(SEED)
    candles = feed.candles(play.symbol, feed.start_ms, feed.start_ms + 2_000 * MINUTE_MS)
    result, daemon = compare(real_world(), play, candles)
    assert len(result.trades) >= 20
    assert first_difference(side_of(result), daemon) is None


def test_a_difference_is_found_wherever_it_is() -> None:
    trade = {"entry_time_ms": 60_000, "exit_time_ms": 120_000, "entry_price": 1.0}
    side = Side([(60_000, "ENTERED"), (120_000, "NO_SIGNAL")], [trade])
    assert first_difference(side, side) is None
    other = first_difference(side, replace(side, verdicts=[(60_000, "ENTERED"), (120_000, "HALTED")]))
    assert other is not None
    assert (other.what, other.time_ms, other.backtest, other.daemon) == ("decision", 120_000, "NO_SIGNAL", "HALTED")
    other = first_difference(side, replace(side, trades=[{**trade, "entry_price": 1.0000000000000002}]))
    assert other is not None
    assert other.what == "trade 1: entry_price"
    other = first_difference(side, replace(side, trades=[]))
    assert other is not None
    assert "missing" in other.what
