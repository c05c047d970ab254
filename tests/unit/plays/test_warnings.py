"""Each warning of the language is given where it is due, and a Play that deserves none gets none."""

import pytest

from playd.plays.load import check_play

GOOD = """
version: "3.0.0"
name: quiet
symbol: BTCUSDT
timeframes: {low_tf: 15m, med_tf: 1h, high_tf: 4h, exec: low_tf}
account: {max_leverage: 2}
features:
  rsi: {indicator: rsi}
  slow: {indicator: ema, params: {length: 50}, tf: 4h}
  bb: {indicator: bbands}
structures:
  exec:
    - {type: swing, key: sw, params: {left: 3, right: 3}}
    - {type: displacement, key: move}
    - {type: order_block, key: ob, uses: move}
  med_tf:
    - {type: swing, key: sw_h, params: {left: 3, right: 3}}
actions:
  entry_long: {all: [[rsi, "<", 30], [close, ">", slow], [bb.bandwidth, ">", 1], [close, ">", sw.low_level],
    [close, ">", sw_h.low_level], [ob.active_bull_count, ">", 0]]}
  exit_long: {any: [[rsi, ">", 70]]}
position_policy: {mode: long_only, exit_mode: first_hit}
risk: {stop_loss_pct: 3, take_profit_pct: 6, max_position_pct: 20}
"""

RULE = '[close, ">", slow]'
DUE = {
    "W301": ("tf: 4h}", "tf: 2h}"),
    "W302": (RULE, '[close, ">", slow], [mark_price, ">", slow]'),
    "W303": (RULE, '[close, ">", slow], [open_interest, ">", 0]'),
    "W304": ("slow: {indicator: ema, params: {length: 50}, tf: 4h}", "slow: {indicator: obv, tf: 4h}"),
    "W305": (RULE, '[close, ">", slow], [close, ">", high]'),
    "W306": (
        "    - {type: displacement",
        "    - {type: derived_zone, key: dz, uses: sw, params: {levels: [0.5], max_active: 2}}\n    - {type: displacement",
    ),
    "W307": ('[bb.bandwidth, ">", 1]', '[bb.bandwidth, "<", 0.05]'),
    "W310": ("sw_h.low_level]", 'sw_h.low_level], [sw_h.low_accepted, "==", true]'),
    "W311": ("uses: move}", "uses: [move, sw]}"),
    "W453": ("exit_long: {any", "entry_short: {any: [[rsi, '>', 80]]}\n  exit_long: {any"),
    "W501": ("stop_loss_pct: 3", "stop_loss: none"),
    "W503": (
        '  exit_long: {any: [[rsi, ">", 70]]}\nposition_policy: {mode: long_only, exit_mode: first_hit}',
        "position_policy: {mode: long_only, exit_mode: signal}",
    ),
    "W504": ("max_position_pct: 20", "max_position_pct: 20, sl_order_type: Limit"),
    "W505": (", max_position_pct: 20", ""),
    "W601": ("name: quiet", "name: quiet\ndescription: try --start 2025-01-01"),
    "W602": ("name: quiet", "name: quiet\nvariables: {n: 3}"),
    "W603": (
        "mode: long_only,",
        'mode: long_only, trading_windows: [{from: "09:00", to: "17:00", zone: Europe/London}],',
    ),
    "W604": ("name: quiet", "name: quiet\n# import: which of them?"),
}


def warnings(text: str) -> list[str]:
    play, report = check_play(text, "f.yml")
    assert play is not None, report.lines("E")
    return [finding.code for finding in report.findings]


def test_a_size_that_nobody_wrote_is_told() -> None:
    bare = GOOD.replace("risk: {stop_loss_pct: 3, take_profit_pct: 6, max_position_pct: 20}", "")
    assert "W505" in warnings(bare)
    assert "W505" not in warnings(bare.replace("max_leverage: 2", "max_leverage: 2, risk_per_trade_pct: 1"))


def test_a_play_without_anything_odd_has_no_warning() -> None:
    assert warnings(GOOD) == []


@pytest.mark.parametrize("code", DUE)
def test_a_warning_is_given_where_it_is_due(code: str) -> None:
    old, new = DUE[code]
    assert GOOD.count(old) == 1
    assert code in warnings(GOOD.replace(old, new))
