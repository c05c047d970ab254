"""Every older spelling of play-language 15.2 becomes the Play that it meant, and the report names the change."""

import re

import pytest

from playd.core.errors import PlayError
from playd.plays.importing.importer import Imported, import_play
from playd.plays.load import load_play
from playd.plays.questions import MARKER

BASE = """
version: "3.0.0"
name: foreign
symbol: BTCUSDT
timeframes: {low_tf: 15m, med_tf: 1h, high_tf: D, exec: low_tf}
account: {starting_equity_usdt: 10000, max_leverage: 2}
features:
  ema_9: {indicator: ema, params: {length: 9}}
  dc: {indicator: donchian, params: {lower_length: 20, upper_length: 20}}
  kc: {indicator: kc, params: {length: 20, scalar: 1.5}}
  tsi: {indicator: tsi, params: {slow: 25, fast: 13}}
  vtx: {indicator: vortex, params: {length: 14}}
  atr_14: {indicator: atr}
  slow_ema: {indicator: ema, params: {length: 20}, tf: 1h}
structures:
  exec:
    - {type: swing, key: swing, params: {left: 5, right: 5}}
    - {type: trend, key: trend, uses: swing}
    - {type: market_structure, key: ms, uses: swing}
  med_tf:
    - {type: swing, key: swing_h, params: {left: 3, right: 3}}
setups:
  up: {all: [[close, ">", ema_9]]}
actions:
  entry_long:
    all:
      - {setup: up}
      - [vtx.vip, ">", vtx.vim]
      - [close, ">", swing_h.high_level]
      - [close, ">", dc.lower]
  exit_long: {all: [[ms.bias, "==", -1]]}
position_policy: {mode: long_only, exit_mode: first_hit}
risk: {stop_loss_pct: 2, take_profit_pct: 4, max_position_pct: 10}
"""


def replaced(*pairs: tuple[str, str]) -> str:
    text = BASE
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


def hash_of(text: str) -> str:
    return load_play(text, "f.yml").play_hash


def imported(text: str) -> Imported:
    return import_play(text, "f.yml")


ROWS = {
    "id": ([("name: foreign", "id: foreign")], [], "id: foreign -> name: foreign"),
    "id beside name": ([("name: foreign", "name: foreign\nid: card_7")], [], "id: card_7 -> removed"),
    "symbol_universe": ([("symbol: BTCUSDT", "symbol_universe: [BTCUSDT, ETHUSDT]")], [], "not traded now: ETHUSDT"),
    "timeframes.ltf": (
        [("{low_tf: 15m, med_tf: 1h, high_tf: D, exec: low_tf}", "{ltf: 15m, mtf: 1h, htf: D, exec_tf: ltf}")],
        [],
        "timeframes.ltf: 15m -> timeframes.low_tf: 15m",
    ),
    "timeframes.exec as a timeframe": (
        [("high_tf: D, exec: low_tf", 'high_tf: D, exec: "15m"')],
        [],
        "timeframes.exec: 15m -> timeframes.exec: low_tf",
    ),
    "tf_mapping": (
        [
            (
                "timeframes: {low_tf: 15m, med_tf: 1h, high_tf: D, exec: low_tf}",
                "tf_mapping: {ltf: 15m, mtf: '60', htf: 1d}\nexec_tf: 15m",
            )
        ],
        [],
        "exec_tf: 15m -> timeframes.exec: low_tf",
    ),
    "keys at the top": (
        [("timeframes: {low_tf: 15m, med_tf: 1h, high_tf: D, exec: low_tf}", "execution_tf: 15m\nmtf: 60\nhtf: 1D")],
        [],
        "mtf: 60 -> timeframes.med_tf: 1h",
    ),
    "one tf": (
        [("timeframes: {low_tf: 15m, med_tf: 1h, high_tf: D, exec: low_tf}", "tf: 15m"), ("  med_tf:\n", "  1h:\n")],
        [
            ("{low_tf: 15m, med_tf: 1h, high_tf: D, exec: low_tf}", "{low_tf: 15m, med_tf: 15m, high_tf: 15m, exec: low_tf}"),
            ("  med_tf:\n", "  1h:\n"),
        ],
        "(not written) -> timeframes.high_tf: 15m",
    ),
    "timeframe words": (
        [("high_tf: D", "high_tf: 1d"), ("tf: 1h}", 'tf: "60"}')],
        [],
        "timeframes.high_tf: 1d -> timeframes.high_tf: D",
    ),
    "operators": ([('[close, ">", ema_9]', "[close, gt, ema_9]"), ('[ms.bias, "==", -1]', "[ms.bias, eq, -1]")], [], "eq -> "),
    "long operators": ([('[close, ">", ema_9]', "{lhs: close, op: gt, rhs: ema_9}")], [], "op: gt -> "),
    "nested structures": (
        [
            ("  med_tf:\n    - {type: swing, key: swing_h", '  high_tf:\n    "1h":\n      - {type: swing, key: swing_h'),
            ("swing_h.high_level]", '"med_tf_1h.swing_h.high_level"]'),
        ],
        [],
        "structures.high_tf.1h",
    ),
    "nested structures on a clock without role": (
        [("  med_tf:\n    - {type: swing, key: swing_h", '  high_tf:\n    "4h":\n      - {type: swing, key: swing_h')],
        [("  med_tf:\n", "  4h:\n")],
        "structures.high_tf.4h",
    ),
    "structures.mtf": ([("  med_tf:\n", "  mtf:\n")], [], "structures.mtf -> structures.med_tf"),
    "structure named by its type": (
        [("    - {type: swing, key: swing, params: {left: 5, right: 5}}", "    - swing: {left: 5, right: 5}")],
        [],
        "structures.exec[0]: {swing: {left: 5, right: 5}} -> ",
    ),
    "structures.<type>": (
        [
            ("  med_tf:\n    - {type: swing, key: swing_h, params: {left: 3, right: 3}}\n", ""),
            (
                "structures:\n  exec:\n    - {type: swing, key: swing, params: {left: 5, right: 5}}",
                "structures:\n  swing: {left: 5, right: 5}\n  exec:",
            ),
            ('      - [close, ">", swing_h.high_level]\n', ""),
        ],
        [
            ("  med_tf:\n    - {type: swing, key: swing_h, params: {left: 3, right: 3}}\n", ""),
            ('      - [close, ">", swing_h.high_level]\n', ""),
        ],
        "structures.swing: {type: swing, key: swing, params: {left: 5, right: 5}} -> structures.exec",
    ),
    "market_structure_blocks": (
        [
            ("  med_tf:\n    - {type: swing, key: swing_h, params: {left: 3, right: 3}}\n", ""),
            (
                "actions:",
                "market_structure_blocks:\n  - {key: swing_h, type: swing, tf: 1h, params: {left: 3, right: 3}}\nactions:",
            ),
        ],
        [],
        "market_structure_blocks[0]: ",
    ),
    "structure among the features": (
        [
            ("  med_tf:\n    - {type: swing, key: swing_h, params: {left: 3, right: 3}}\n", ""),
            (
                "structures:",
                "  swing_h: {type: structure, structure_type: swing, tf: 1h, params: {left: 3, right: 3}}\nstructures:",
            ),
        ],
        [],
        "features.swing_h: ",
    ),
    "first generation fields": (
        [
            ("  med_tf:\n    - {type: swing, key: swing_h, params: {left: 3, right: 3}}\n", ""),
            ("swing_h.high_level]", "swing_high_level]"),
            ("[ms.bias,", "[trend_direction,"),
        ],
        [
            ("  med_tf:\n    - {type: swing, key: swing_h, params: {left: 3, right: 3}}\n", ""),
            ("swing_h.high_level]", "swing.high_level]"),
            ("[ms.bias,", "[trend.direction,"),
        ],
        "swing_high_level -> ",
    ),
    "first generation fields of a block": (
        [("[ms.bias,", "[trend.trend_state,")],
        [("[ms.bias,", "[trend.direction,")],
        "trend.trend_state -> ",
    ),
    "dotted prefix in a map": (
        [("swing_h.high_level]", "{feature_id: high_tf_1h.swing_h, field: high_level, offset: 1}]")],
        [("swing_h.high_level]", "{feature_id: swing_h, field: high_level, offset: 1}]")],
        "high_tf_1h.swing_h.high_level -> ",
    ),
    "ms.direction": ([("[ms.bias,", "[ms.direction,")], [], "ms.direction -> "),
    "event_type": (
        [('[ms.bias, "==", -1]', '[ms.event_type, "!=", 0]')],
        [('[ms.bias, "==", -1]', '{any: [[ms.bos_this_bar, "==", true], [ms.choch_this_bar, "==", 1]]}')],
        '[ms.event_type, "!=", 0] -> ',
    ),
    "donchian length": ([("{lower_length: 20, upper_length: 20}", "{length: 20}")], [], "lower_length, upper_length: 20"),
    "donchian period": ([("{lower_length: 20, upper_length: 20}", "{period: 20}")], [], "lower_length, upper_length: 20"),
    "kc multiplier": ([("scalar: 1.5", "multiplier: 1.5")], [], "params.multiplier: 1.5 -> features.kc.params.scalar: 1.5"),
    "tsi long and short": ([("{slow: 25, fast: 13}", "{long: 25, short: 13}")], [], "features.tsi.params.long: 25"),
    "period": ([("ema, params: {length: 9}", "ema, params: {period: 9}")], [], "params.period: 9 -> "),
    "vortex fields": ([('[vtx.vip, ">", vtx.vim]', '[vtx.plus, ">", vtx.minus]')], [], "vtx.minus -> "),
    "talib, mamode, offset": (
        [("{length: 9}", "{length: 9, talib: true, mamode: ema, offset: 0}")],
        [],
        "params.mamode: ema -> removed",
    ),
    "zigzag with left and right": (
        [("params: {left: 5, right: 5}", "params: {mode: atr_zigzag, left: 5, right: 5}")],
        [("params: {left: 5, right: 5}", "params: {mode: atr_zigzag}")],
        "params.left: 5 -> removed",
    ),
    "timeframe of a feature": (
        [("tf: 1h}", "timeframe: 1h}")],
        [],
        "features.slow_ema.timeframe: 1h -> features.slow_ema.tf: 1h",
    ),
    "depends_on": ([("key: trend, uses: swing", "key: trend, depends_on: {swing: swing}")], [], ".depends_on: "),
    "one-sided risk": (
        [("risk: {stop_loss_pct: 2, take_profit_pct: 4, ", "risk: {stop_loss_pct: 2, ")],
        [("take_profit_pct: 4", "take_profit: none")],
        "(meaning changed: the block had no effect before)",
    ),
    "risk_per_trade_pct": (
        [("max_position_pct: 10}", "max_position_pct: 10, risk_per_trade_pct: 1}")],
        [],
        "to size by it write risk_model.sizing",
    ),
    "risk.sizing": (
        [("max_position_pct: 10}", "sizing: {model: risk_based, value: 1}, tp_order_type: Limit}")],
        [
            (
                "risk: {stop_loss_pct: 2, take_profit_pct: 4, max_position_pct: 10}",
                "risk_model: {stop_loss: {type: percent, value: 2}, take_profit: {type: percent, value: 4}, "
                "sizing: {model: risk_based, value: 1}, tp_order_type: Limit}",
            )
        ],
        "-> risk_model: ",
    ),
    "take_profit_levels": (
        [("take_profit_pct: 4", "take_profit_levels: [{level_pct: 4, size_pct: 50}, {level_pct: 8, size_pct: 50}]")],
        [],
        "the whole position leaves at the first level",
    ),
    "trigger_by": (
        [("max_position_pct: 10}", "max_position_pct: 10, tp_trigger_by: MarkPrice, sl_trigger_by: LastPrice}")],
        [],
        "risk.sl_trigger_by",
    ),
    "risk.leverage": (
        [(", max_leverage: 2}", "}"), ("max_position_pct: 10}", "max_position_pct: 10, leverage: 2}")],
        [],
        "risk.leverage: 2 -> account.max_leverage: 2",
    ),
    "atr_key and atr_multiplier": (
        [
            (
                "risk: {stop_loss_pct: 2, take_profit_pct: 4, max_position_pct: 10}",
                "risk_model: {stop_loss: {type: atr_multiple, atr_multiplier: 2, atr_key: atr_14}, "
                "take_profit: {type: rr_ratio, value: 2}, sizing: {model: percent_equity, value: 10}}",
            )
        ],
        [
            (
                "risk: {stop_loss_pct: 2, take_profit_pct: 4, max_position_pct: 10}",
                "risk_model: {stop_loss: {type: atr_multiple, value: 2, atr_feature_id: atr_14}, "
                "take_profit: {type: rr_ratio, value: 2}, sizing: {model: percent_equity, value: 10}}",
            )
        ],
        "risk_model.stop_loss.atr_key: atr_14 -> risk_model.stop_loss.atr_feature_id: atr_14",
    ),
    "account": (
        [("{starting_equity_usdt: 10000, max_leverage: 2}", "{initial_capital_usdt: 10000, leverage: 2, fee_rate_pct: 0.06}")],
        [("max_leverage: 2}", "max_leverage: 2, fee_model: {taker_bps: 6}}")],
        "account.fee_rate_pct: 0.06 -> account.fee_model.taker_bps: 6",
    ),
    "account limits": (
        [("max_leverage: 2}", "max_leverage: 2, max_notional_usdt: 5, max_margin_usdt: 6}")],
        [],
        "account.max_margin_usdt: 6 -> removed",
    ),
    "risk_limits": (
        [("actions:", "risk_limits: {max_drawdown_pct: 20}\nactions:")],
        [("max_leverage: 2}", "max_leverage: 2, max_drawdown_pct: 20}")],
        "(meaning changed: it now stops the run)",
    ),
    "policy": (
        [
            (
                "exit_mode: first_hit}",
                "exit_mode: first_hit, max_positions: 3, pyramid_mode: add, allow_flip: true, allow_hedge: true}",
            )
        ],
        [],
        "position_policy.pyramid_mode: add -> removed",
    ),
    "actions that never did anything": (
        [
            (
                "  exit_long:",
                '  adjust_stop: {all: [[close, ">", open]]}\n  no_action: {all: [[close, ">", open]]}\n  exit_long:',
            )
        ],
        [],
        "actions.adjust_stop: ",
    ),
    "keys beside all": (
        [("  exit_long: {all:", '  exit_long: {min_bars: 3, any: [[close, ">", open]], metadata: {a: 1}, percent: 50, all:')],
        [("  exit_long: {all:", "  exit_long: {metadata: {a: 1}, percent: 50, all:")],
        "only `all` counted beside it",
    ),
    "dates in the description": (
        [("name: foreign", "name: foreign\ndescription: run with --start 2025-01-01 --end 2025-02-01")],
        [("name: foreign", "name: foreign\ndate_range: {start: 2025-01-01, end: 2025-02-01}")],
        "date_range: {start:",
    ),
    "test metadata": (
        [
            (
                "name: foreign",
                "name: foreign\n_test_metadata: {x: 1}\nexpected: {min_trades: 1, max_trades: 9, pnl_direction: long}",
            )
        ],
        [("name: foreign", "name: foreign\nexpected: {min_trades: 1}\nvalidation: {expect_direction: long}")],
        "expected.pnl_direction: long -> validation.expect_direction: long",
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_an_older_spelling_becomes_the_play_that_it_meant(row: str) -> None:
    old, new, words = ROWS[row]
    text = replaced(*old)
    if row != "dates in the description":  # these were words before, and still are
        with pytest.raises(PlayError):
            load_play(text, "f.yml")
    result = imported(text)
    assert not result.failed, result.findings
    assert hash_of(result.text) == hash_of(replaced(*new))
    assert any(words in change.line_of("f.yml") for change in result.changes), [one.line_of("f") for one in result.changes]
    again = imported(result.text)
    assert again.text == result.text
    assert not any(change.rewrites for change in again.changes)


UNDECIDED = {
    "which clock decides": ("exec: low_tf}", "exec_tf: 4h}", "which clock decides?"),
    "which swing": ("swing_h.high_level]", "swing_high_level]", "which swing?"),
    "which feature": ("{length: 9}}", "{length: 9}, source: indicator}", "which feature?"),
    "which event": ('[ms.bias, "==", -1]', '[ms.event_type, "==", 2]', "which event?"),
    "an unknown limit": ("actions:", "risk_limits: {max_daily_loss_pct: 5}\nactions:", "there is no such limit here"),
    "two sections of actions": ("actions:", "blocks: []\nactions:", "`actions` is written too"),
}


@pytest.mark.parametrize("case", UNDECIDED)
def test_what_cannot_be_decided_is_left_as_a_comment_and_fails(case: str) -> None:
    old, new, words = UNDECIDED[case]
    result = imported(replaced((old, new)))
    assert result.failed
    assert any(words in problem.text for problem in result.problems)
    assert re.search(rf"^ *{MARKER} .*{re.escape(words)}", result.text, re.MULTILINE)


def test_a_float_compared_with_eq_is_an_error_that_names_near_abs() -> None:
    result = imported(replaced(('[close, ">", ema_9]', "[close, eq, ema_9]")))
    assert [finding.code for finding in result.findings if finding.code.startswith("E")] == ["E421"]


def test_a_file_without_older_spellings_stays_to_the_letter() -> None:
    result = imported(BASE)
    assert result.text == BASE
    assert result.changes == ()


def test_what_decides_otherwise_than_before_is_reported_though_nothing_is_rewritten() -> None:
    text = replaced(
        ("{starting_equity_usdt: 10000", "{starting_equity_usdt: 5000"),
        (
            "      - {setup: up}",
            "      - {setup: up}\n"
            '      - {holds_for: {bars: 3, expr: [[slow_ema, ">", close]]}}\n'
            '      - {holds_for: {bars: 3, anchor_tf: 1h, expr: [[slow_ema, ">", close]]}}\n'
            '      - {occurred_within: {bars: 3, expr: [[ms.bos_this_bar, "==", true]]}}\n'
            '      - {holds_for_duration: {duration: 2h, expr: [[close, ">", open]]}}',
        ),
    )
    result = imported(text)
    assert result.text == text
    reasons = [change.meaning for change in result.changes]
    assert [reason.split()[0] for reason in reasons] == ["it", "closes", "closes", "a", "it"]


def test_structures_of_two_clocks_with_one_name_get_two() -> None:
    text = replaced(
        ("  med_tf:\n    - {type: swing, key: swing_h", '  high_tf:\n    "1h":\n      - {type: swing, key: swing'),
        ("swing_h.high_level]", '"high_tf_1h.swing.high_level"]'),
    )
    result = imported(text)
    assert not result.failed, result.findings
    assert hash_of(result.text) == hash_of(BASE.replace("swing_h", "swing_1h"))


def test_rules_of_the_first_generation_become_features_and_actions() -> None:
    old = """
id: first
version: "3.0.0"
symbol_universe: [BTCUSDT]
account: {starting_equity_usdt: 10000, max_leverage: 2}
tf_configs:
  exec:
    tf: 15m
    warmup_bars: 100
    feature_specs:
      - {indicator_type: ema, output_key: fast, params: {length: 9}}
      - {indicator_type: rsi, output_key: rsi_14, params: {length: 14}, input_source: close}
signal_rules:
  entry_rules:
    - direction: long
      conditions:
        - {indicator_key: fast, operator: cross_above, value: close}
        - {indicator_key: rsi_14, operator: gt, value: 50}
    - {direction: long, conditions: [[rsi_14, lt, 20]]}
  exit_rules:
    - {direction: long, conditions: [[rsi_14, gt, 80]]}
position_policy: {exit_mode: first_hit}
risk: {stop_loss_pct: 2, take_profit_pct: 4, max_position_pct: 10}
"""
    new = """
version: "3.0.0"
name: first
symbol: BTCUSDT
account: {starting_equity_usdt: 10000, max_leverage: 2}
timeframes: {low_tf: 15m, med_tf: 15m, high_tf: 15m, exec: low_tf}
features:
  fast: {indicator: ema, params: {length: 9}}
  rsi_14: {indicator: rsi}
actions:
  entry_long: {any: [{all: [[fast, cross_above, close], [rsi_14, ">", 50]]}, {all: [[rsi_14, "<", 20]]}]}
  exit_long: {any: [{all: [[rsi_14, ">", 80]]}]}
position_policy: {exit_mode: first_hit}
risk: {stop_loss_pct: 2, take_profit_pct: 4, max_position_pct: 10}
"""
    result = imported(old)
    assert not result.failed, [*result.findings, *result.problems]
    assert hash_of(result.text) == hash_of(new)


def test_a_case_that_did_nothing_still_keeps_those_below_it_from_acting() -> None:
    old = replaced(
        (
            BASE[BASE.index("actions:") : BASE.index("position_policy:")],
            """blocks:
  - id: main
    cases:
      - {when: [[close, "<", ema_9]], emit: [{action: no_action}]}
      - {when: [[vtx.vip, ">", vtx.vim]], emit: [{action: entry_long}, {action: adjust_stop}]}
      - {when: [[ms.bias, "==", -1]], emit: [exit_long]}
    else: {emit: [{action: no_action}]}
""",
        ),
    )
    result = imported(old)
    assert not result.failed, [*result.findings, *result.problems]
    whens = [case["when"] for case in load_play(result.text, "f.yml").normal_form["actions"][0]["cases"]]  # type: ignore[index]
    assert [list(when) for when in whens] == [["all"], ["all"]]
    assert all("not" in when["all"][0] for when in whens)


def test_a_breaker_block_uses_what_its_parameter_named() -> None:
    block = "    - {type: order_block, key: ob}\n    - {type: breaker_block, key: bb, uses: %s}\n  med_tf:"
    old = replaced(("  med_tf:", block % "ob, params: {ms_key: ms}"), ("[ms.bias,", "[bb.new_direction,"))
    new = replaced(("  med_tf:", block % "[ob, ms]"), ("[ms.bias,", "[bb.new_direction,"))
    result = imported(old)
    assert not result.failed, result.findings
    assert hash_of(result.text) == hash_of(new)


def test_both_anchors_of_a_fibonacci_become_the_trend() -> None:
    fib = (
        "    - {type: fibonacci, key: fib, uses: [swing, trend], params: {levels: [0.5], use_trend_anchor: true%s}}\n  med_tf:"
    )
    old = replaced(("  med_tf:", fib % ", use_paired_anchor: true"), ("swing_h.high_level]", '"fib.level[0.50]"]'))
    new = replaced(("  med_tf:", fib % ""), ("swing_h.high_level]", '"fib.level[0.5]"]'))
    result = imported(old)
    assert not result.failed, result.findings
    assert hash_of(result.text) == hash_of(new)


def test_text_that_is_no_document_is_refused() -> None:
    with pytest.raises(PlayError, match="E100"):
        imported("a: [")
