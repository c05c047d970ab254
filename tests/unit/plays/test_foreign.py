"""Spellings of the 3.0 format that other people use and that load as they are (play-language 15.1)."""

import pytest

from playd.plays.load import load_play

BASE = """
version: "3.0.0"
name: "F_EDGE_001_everything"
description: |
  Coverage: the spellings that files of other people have.
  Expected: loads unchanged.

symbol: "BTCUSDT"

timeframes:
  low_tf: "15m"    # Fast: execution, entries
  med_tf: "1h"     # Medium
  high_tf: "D"     # Slow
  exec: "low_tf"   # pointer, not a value

account:
  starting_equity_usdt: 10000.0
  max_leverage: 3.0
  margin_mode: isolated_usdt
  min_trade_notional_usdt: 10.0
  fee_model:
    taker_bps: 5.5
    maker_bps: 2.0
  slippage_bps: 2.0

features:
  ema_9:
    indicator: ema
    params: {length: 9}
  ema_21: {indicator: ema, params: {length: 21}, tf: "15m"}
  atr_14: {indicator: atr, params: {length: 14}}
  bb: {indicator: bbands, params: {length: 20, std: 2.0}}
  macd_1h: {indicator: macd, tf: "1h"}
  tsi: {indicator: tsi, params: {fast: 25, slow: 13}}

structures:
  exec:
    - type: swing
      key: swing
      params: {left: 5, right: 5}
    - {type: market_structure, key: ms, uses: swing}
    - type: fibonacci
      key: fib
      uses: [swing]
      params:
        levels: [0.382, 0.5, 0.618, 1.0]
        mode: retracement
  med_tf: []

setups:
  long_bias: {all: [["close", ">", "ema_21"]]}

actions:
  entry_long:
    all:
      - {setup: long_bias}
      - ["ema_9", "cross_above", "ema_21"]
      - ["close", ">", {"-": ["ema_9", {"*": ["atr_14", 0.5]}]}]
      - {lhs: "close", op: between, rhs: {low: "fib.level[0.618]", high: "fib.level[0.382]"}}
      - ["ms.bos_this_bar", "==", true]
      - ["ms.bos_direction", "==", "bullish"]
      - ["close", ">", "bb.middle"]
      - {holds_for: {bars: 3, expr: [["close", ">", "fib.level[1.0]"]]}}
      - {not: [["macd_1h.macd", "<", 0]]}
  exit_long:
    any:
      - ["tsi", "<", 0]

position_policy:
  mode: long_only
  exit_mode: first_hit
  max_positions_per_symbol: 1
  allow_flip: false
  allow_scale_in: false
  allow_scale_out: false

risk:
  stop_loss_pct: 2.0
  take_profit_pct: 4.0
  max_position_pct: 50.0

validation: {pattern: trend_up_clean}
"""

SAME = [
    ('["ema_9", "cross_above", "ema_21"]', "{lhs: ema_9, op: cross_above, rhs: ema_21}"),
    ('["ema_9", "cross_above", "ema_21"]', "{lhs: {feature_id: ema_9}, op: cross_above, rhs: {feature_id: ema_21, offset: 0}}"),
    ('{"-": ["ema_9", {"*": ["atr_14", 0.5]}]}', '["ema_9", "-", ["atr_14", "*", 0.5]]'),
    ('{low: "fib.level[0.618]", high: "fib.level[0.382]"}', '["fib.level_0.618", "fib.level[0.3820]"]'),
    ('"==", true]', '"==", 1]'),
    ('"==", "bullish"]', '"==", "Bullish"]'),
    ('"bb.middle"', '"bb"'),
    ('"bb.middle"', "{feature_id: bb, field: middle}"),
    ('[["close", ">", "fib.level[1.0]"]]', '["close", ">", "fib.level_1"]'),
    ('[["close", ">", "fib.level[1.0]"]]', '{lhs: close, op: ">", rhs: "fib.level[1]"}'),
    ('{not: [["macd_1h.macd", "<", 0]]}', '{not: ["macd_1h", "<", 0.0]}'),
    ('{not: [["macd_1h.macd", "<", 0]]}', '{not: {lhs: macd_1h, op: "<", rhs: 0}}'),
    ('tf: "1h"}', "tf: med_tf}"),
    ('tf: "15m"}', "tf: exec}"),
    ('tf: "15m"}', "tf: low_tf}"),
    ('high_tf: "D"', "high_tf: d"),
    ("uses: [swing]", "uses: swing"),
    ("levels: [0.382, 0.5, 0.618, 1.0]", "levels: [0.382, 0.50, 0.6180, 1]"),
    ("validation: {pattern: trend_up_clean}", "synthetic: {pattern: ranging}\nexpected: {min_trades: 1}"),
    ("validation: {pattern: trend_up_clean}", "date_range: {start: 2025-01-01, end: 2025-06-30}\nentry: {order_type: market}"),
    (
        "  take_profit_pct: 4.0\n",
        "  take_profit: {type: percent, value: 4.0}\n  tp_order_type: Market\n  sl_order_type: market\n",
    ),
    (
        "risk:\n  stop_loss_pct: 2.0\n  take_profit_pct: 4.0\n  max_position_pct: 50.0",
        "risk_model:\n  stop_loss: {type: percent, value: 2.0}\n  take_profit: {type: percent, value: 4.0}\n"
        "  sizing: {model: percent_equity, value: 50.0, max_leverage: 3.0}\n  tp_order_type: Market",
    ),
    (
        '    any:\n      - ["tsi", "<", 0]',
        '    any:\n      - ["tsi.tsi", "<", 0]\n    percent: 100',
    ),
]


@pytest.mark.parametrize(("old", "new"), SAME)
def test_a_variant_loads_as_the_same_play(old: str, new: str) -> None:
    assert BASE.count(old) >= 1
    assert load_play(BASE.replace(old, new), "f.yml").play_hash == load_play(BASE, "f.yml").play_hash


def test_actions_as_blocks_decide_the_same() -> None:
    start, end = BASE.index("actions:"), BASE.index("position_policy:")
    body = BASE[start:end]
    exits, entries = body[body.index("    any:") :], body[body.index("    all:") : body.index("  exit_long:")]
    blocks = f"""actions:
  - id: exit_long
    cases:
      - when:
      {exits.replace(chr(10), chr(10) + "      ")}
        emit: [{{action: exit_long}}]
  - id: entry_long
    cases:
      - when:
      {entries.replace(chr(10), chr(10) + "      ")}
        emit: [entry_long]

"""
    assert load_play(BASE[:start] + blocks + BASE[end:], "f.yml").play_hash == load_play(BASE, "f.yml").play_hash


def test_nothing_is_warned_of_that_was_written_with_care() -> None:
    assert [line for line in load_play(BASE, "f.yml").warnings if "W602" in line or "W305" in line] == []
