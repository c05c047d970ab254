"""Small Plays to start from, each complete, in canonical form, and with the comments that a first reader needs."""

from typing import Final

_HEAD: Final = """\
version: "3.0.0"
name: {name}
symbol: BTCUSDT

account:
  starting_equity_usdt: 10000
  max_leverage: 2  # leverage set at the venue; sizes are in percent of equity times this

"""

_TREND: Final = """\
# Trend following: a fast average crosses a slow one while the hour points the same way; a trailing stop ends it.
{head}timeframes: {{low_tf: 15m, med_tf: 1h, high_tf: D, exec: low_tf}}  # exec names the role that decides

features:
  fast: {{indicator: ema, params: {{length: 12}}}}
  slow: {{indicator: ema, params: {{length: 26}}}}
  hour: {{indicator: ema, params: {{length: 50}}, tf: med_tf}}
  atr_14: {{indicator: atr}}

actions:
  entry_long:
    all:
      - [fast, cross_above, slow]
      - [close, ">", hour]
  exit_long: {{all: [[fast, cross_below, slow]]}}

position_policy:
  mode: long_only
  exit_mode: first_hit  # whatever comes first: stop, target or exit action

risk_model:
  stop_loss: {{type: atr_multiple, value: 2, atr_feature_id: atr_14}}
  take_profit: none  # the trailing stop takes the profit
  sizing: {{model: risk_based, value: 0.5}}  # lose half a percent of equity at the stop
  trailing: {{atr_feature_id: atr_14, atr_multiplier: 3, activation_pct: 1}}
"""

_REVERSION: Final = """\
# Mean reversion: outside the Bollinger bands and tired; back to the middle band.
{head}timeframes: {{low_tf: 5m, med_tf: 1h, high_tf: D, exec: low_tf}}

features:
  bb: {{indicator: bbands}}  # bb.lower, bb.middle, bb.upper, bb.bandwidth (percent), bb.percent_b
  rsi_7: {{indicator: rsi, params: {{length: 7}}}}

actions:
  entry_long:
    all:
      - [close, cross_above, bb.lower]
      - {{occurred_within: {{bars: 3, expr: [[rsi_7, "<", 30]]}}}}
  entry_short:
    all:
      - [close, cross_below, bb.upper]
      - {{occurred_within: {{bars: 3, expr: [[rsi_7, ">", 70]]}}}}
  exit_long: {{all: [[close, ">=", bb.middle]]}}
  exit_short: {{all: [[close, "<=", bb.middle]]}}

position_policy:
  mode: long_short
  exit_mode: first_hit
  time_exit_bars: 24  # what has not come back after two hours will not

risk_model:
  stop_loss: {{type: percent, value: 1, basis: price}}
  take_profit: {{type: percent, value: 2, basis: price}}
  sizing: {{model: percent_equity, value: 20}}
"""

_BREAKOUT: Final = """\
# Breakout: a new high of the channel with trend strength. The channel includes this bar, so it is compared one bar ago.
{head}timeframes: {{low_tf: 15m, med_tf: 1h, high_tf: D, exec: low_tf}}

features:
  channel: {{indicator: donchian, params: {{lower_length: 20, upper_length: 20}}}}
  adx_14: {{indicator: adx}}
  atr_14: {{indicator: atr}}

actions:
  entry_long:
    all:
      - [close, ">", {{feature_id: channel, field: upper, offset: 1}}]
      - [adx_14, ">", 20]

position_policy:
  mode: long_only
  exit_mode: sl_tp_only
  cooldown_bars: {{exit: 2, stop: 8}}

risk_model:
  stop_loss: {{type: atr_multiple, value: 2, atr_feature_id: atr_14}}
  take_profit: {{type: rr_ratio, value: 2}}  # twice the distance of the stop
  sizing: {{model: risk_based, value: 0.5}}
"""

_STRUCTURE: Final = """\
# Market structure: the hour is bullish, and the 15 minutes break structure upwards. The stop stands below the last low.
{head}timeframes: {{low_tf: 15m, med_tf: 1h, high_tf: D, exec: low_tf}}

structures:
  exec:
    - {{type: swing, key: swing, params: {{left: 5, right: 5}}}}
    - {{type: market_structure, key: ms, uses: swing}}
  med_tf:
    - {{type: swing, key: swing_1h, params: {{left: 3, right: 3}}}}
    - {{type: market_structure, key: ms_1h, uses: swing_1h}}

actions:
  entry_long:
    all:
      - [ms_1h.bias, "==", 1]
      - [ms.bos_this_bar, "==", true]
      - [ms.bos_direction, "==", bullish]
  exit_long:
    all:
      - [ms.choch_this_bar, "==", true]
      - [ms.choch_direction, "==", bearish]

position_policy:
  mode: long_only
  exit_mode: first_hit

risk_model:
  stop_loss: {{type: structure, long: swing.low_level, buffer_pct: 0.1}}
  take_profit: {{type: rr_ratio, value: 2}}
  sizing: {{model: risk_based, value: 0.5}}
"""

TEMPLATES: Final[dict[str, str]] = {
    "trend": _TREND,
    "reversion": _REVERSION,
    "breakout": _BREAKOUT,
    "structure": _STRUCTURE,
}
"""Name of a template to its text, with places for the head and the name."""


def new_play(template: str, name: str) -> str:
    """A Play of a template under a name of its own. KeyError for an unknown template."""
    return TEMPLATES[template].format(head=_HEAD.format(name=name))
