"""
The Plays of a drill, so that every drill has one position that stays, one that comes and goes, one entry that rests, one
instance that never trades and a shadow.

`held` is nearly always in the market and leaves it only far away; `busy` trades every few minutes and leaves by signal, stop
and target.
"""

import re
from typing import Final

_HEAD: Final = """version: "3.0.0"
name: {name}
symbol: {symbol}
timeframes: {{low_tf: 1m, med_tf: 5m, high_tf: 1h, exec: low_tf}}
account:
  starting_equity_usdt: 10000
  max_leverage: 3
  fee_model: {{taker_bps: 5.5, maker_bps: 2.0}}
  slippage_bps: 2.0
features:
  fast: {{indicator: ema, params: {{length: 3}}}}
  slow: {{indicator: ema, params: {{length: 7}}}}
"""

_HELD: Final = """actions:
  entry_long: {all: [[fast, ">", slow]]}
  entry_short: {all: [[fast, "<", slow]]}
position_policy: {mode: long_short, exit_mode: sl_tp_only}
risk_model:
  stop_loss: {type: percent, value: 6.0}
  take_profit: {type: percent, value: 6.0}
  sizing: {model: percent_equity, value: 10}
"""

_BUSY: Final = """  rsi_7: {indicator: rsi, params: {length: 7}}
  atr_7: {indicator: atr, params: {length: 7}}
actions:
  entry_long: {all: [[fast, cross_above, slow]]}
  entry_short: {all: [[fast, cross_below, slow]]}
  exit_long: {all: [[rsi_7, ">", 66]]}
  exit_short: {all: [[rsi_7, "<", 34]]}
position_policy: {mode: long_short, exit_mode: first_hit}
risk_model:
  stop_loss: {type: atr_multiple, value: 2.0, atr_feature_id: atr_7}
  take_profit: {type: rr_ratio, value: 1.5}
  sizing: {model: percent_equity, value: 10}
"""

_IDLE: Final = _HELD.replace('[fast, ">", slow]', '[fast, "<", 0]').replace('[fast, "<", slow]', '[slow, "<", 0]')

_RESTING: Final = _HELD.replace(
    "position_policy:", "entry: {order_type: LIMIT, limit_offset_pct: 9.0, expire_after_bars: 400}\nposition_policy:", 1
).replace("stop_loss: {type: percent, value: 6.0}", "stop_loss: {type: percent, value: 30.0}", 1)
"""Its entries wait where no price comes in an hour, however long a drill takes; levels are percent of the margin."""

TIMED_BARS: Final = 15
_TIMED: Final = (
    _HELD.replace("exit_mode: sl_tp_only", f"exit_mode: first_hit, time_exit_bars: {TIMED_BARS}")
    .replace("stop_loss: {type: percent, value: 6.0}", "stop_loss: {type: percent, value: 60.0}")
    .replace("take_profit: {type: percent, value: 6.0}", "take_profit: {type: percent, value: 60.0}")
)
"""In the market for a quarter of an hour at a time, with levels that no price reaches."""

HELD, BUSY, RESTING, IDLE, SHADOW = "held", "busy", "resting", "idle", "shadow"
HELD_SYMBOL: Final = "BTCUSDT"
BUSY_SYMBOL: Final = "ETHUSDT"
RESTING_SYMBOL: Final = "SOLUSDT"
TIMED: Final = "timed"
TIMED_SYMBOL: Final = "XRPUSDT"

PLAYS: Final = {
    HELD: _HEAD.format(name=HELD, symbol=HELD_SYMBOL) + _HELD,
    BUSY: _HEAD.format(name=BUSY, symbol=BUSY_SYMBOL) + _BUSY,
    RESTING: _HEAD.format(name=RESTING, symbol=RESTING_SYMBOL) + _RESTING,
    IDLE: _HEAD.format(name=IDLE, symbol="XRPUSDT") + _IDLE,
    SHADOW: _HEAD.format(name=SHADOW, symbol="SOLUSDT") + _BUSY,
}
"""Play files by the name of their instance."""


_CROWDED: Final = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT")


def crowd(count: int) -> dict[str, str]:
    """So many more Plays that trade every few minutes, each of another size, over a handful of symbols."""
    made = {}
    for number in range(count):
        name = f"crowd-{number:02}"
        sized = _BUSY.replace("value: 10}", f"value: {10 + (number + 1) / 1000:.3f}}}")
        made[name] = _HEAD.format(name=name, symbol=_CROWDED[number % len(_CROWDED)]) + sized
    return made


def with_limit_entries(play: str, *, expire_after_bars: int = 5) -> str:
    """The same Play, entering by limit orders that rest beside the price for some bars."""
    entry = f"entry: {{order_type: LIMIT, limit_offset_pct: 0.02, expire_after_bars: {expire_after_bars}}}\n"
    return play.replace("position_policy:", f"{entry}position_policy:", 1)


def with_trailing_stop(play: str) -> str:
    """The same Play, with a stop that follows the price from the first bar on."""
    trailing = "  trailing: {atr_feature_id: atr_7, atr_multiplier: 1.5, activation_pct: 0.0}\n"
    return play.replace("  sizing:", f"{trailing}  sizing:", 1)


def another(play: str, name: str, symbol: str) -> str:
    """The same Play under another name, on another symbol."""
    for key, value in (("name", name), ("symbol", symbol)):
        play = re.sub(rf"^{key}: .*$", f"{key}: {value}", play, count=1, flags=re.MULTILINE)
    return play


STOPPED, REACHED, TRAILED = "stopped", "reached", "trailed"
_LEVELS: Final = "  stop_loss: {{type: percent, value: {stop}}}\n  take_profit: {{type: percent, value: {target}}}\n"
_NEAR, _FAR = 1.0, 60.0
"""Percent of the margin: a third of a percent of the price, which comes every few minutes, and twenty, which do not."""


def _levelled(name: str, symbol: str, stop: float, target: float) -> str:
    usual = _LEVELS.format(stop="6.0", target="6.0")
    return (_HEAD.format(name=name, symbol=symbol) + _HELD).replace(usual, _LEVELS.format(stop=stop, target=target))


def _trailed(symbol: str) -> str:
    """Its stop is far away until the price has gone a third of a percent its way; then it follows the best close."""
    far = _levelled(TRAILED, symbol, _FAR, _FAR)
    return far.replace("  sizing:", "  trailing: {trail_pct: 0.2, activation_pct: 0.33}\n  sizing:", 1)


DUE_WHILE_AWAY: Final = {
    STOPPED: _levelled(STOPPED, "BNBUSDT", _NEAR, _FAR),
    REACHED: _levelled(REACHED, "ADAUSDT", _FAR, _NEAR),
    TRAILED: _trailed("AVAXUSDT"),
}
"""One whose stop is due soon, one whose target is, and one whose stop begins to follow the price. They need eight markets."""


def timed_on(symbol: str) -> str:
    """A Play that is in the market for a quarter of an hour at a time, on a symbol."""
    return _HEAD.format(name=TIMED, symbol=symbol) + _TIMED


WHILE_AWAY: Final = {
    **PLAYS,
    BUSY: with_trailing_stop(PLAYS[BUSY]),
    IDLE: another(PLAYS[IDLE], IDLE, "DOGEUSDT"),
    TIMED: timed_on(TIMED_SYMBOL),
}
"""The same, with a stop that follows the price and a position that is left by time."""
