"""The Play at the top of the reference, in pieces with what each of them says. Together the pieces are a whole Play file."""

from typing import Final

PIECES: Final = (
    ('version: "3.0.0"\n', "The version of the language, exactly this text, in quotes."),
    (
        "name: hourly_pullback\n",
        "What people call it. An instance gets a name of its own (`playctl add PLAY --as NAME`).",
    ),
    ("description: Pullback to a fast average while the hour and the structure point up\n", "Free text; nothing reads it."),
    ("tags: [pullback, structures]\n", "Labels. Like name and description they are not part of the Play's hash."),
    ("symbol: SOLUSDT\n", "The perpetual that is traded."),
    (
        "timeframes: {low_tf: 15m, med_tf: 1h, high_tf: 4h, exec: low_tf}\n",
        "Three clocks and which of them decides: every 15 minutes, when a candle has closed.",
    ),
    (
        "account: {starting_equity_usdt: 10000, max_leverage: 3, max_drawdown_pct: 20}\n",
        "Money of a backtest, leverage at the venue, and the loss from the highest equity at which it leaves the market"
        " and stops.",
    ),
    (
        "variables: {room: 0.6, risk_pct: 0.5}\n",
        "Values with a name. `playd backtest … --set room=0.8` tries another without touching the file.",
    ),
    ("features:\n", "Indicators, each under an id of its own."),
    (
        "  fast: {indicator: ema, params: {length: 21}}\n",
        "An average of the closes of 15 minutes: `tf` and `source` are left out, so they are `exec` and `close`. `fast` and"
        " `fast.value` are the same.",
    ),
    (
        "  hour: {indicator: ema, params: {length: 50}, tf: med_tf}\n",
        "The same on the clock of the role `med_tf`. At 10:15 it is the value of the hour that closed at 10:00.",
    ),
    (
        "  momentum: {indicator: macd}\n",
        "All parameters at their defaults. Its outputs are `momentum.macd`, `momentum.signal`, `momentum.histogram`;"
        " `momentum` alone is the first, which is its primary output.",
    ),
    ("  atr_14: {indicator: atr, params: {length: 14}}\n", "For the stop below."),
    ("structures:\n", "Detectors, below the clock on which they look."),
    ("  exec:\n", "The execution clock."),
    (
        "    - {type: swing, key: pivots, params: {left: 5, right: 3}}\n",
        "Pivots: known three bars after they happened. `key` is the id.",
    ),
    (
        "    - {type: market_structure, key: ms, uses: pivots}\n",
        "Reads the swing that `uses` names, which is on the same clock.",
    ),
    ("setups:\n", "Expressions with a name, to be used anywhere below."),
    (
        '  up: {all: [[close, ">", hour], [ms.bias, "==", 1]]}\n',
        "True when both are. `ms.bias` is an integer, so `==` is allowed; on a FLOAT it is refused (E421).",
    ),
    ("actions:\n", "What is done when."),
    ("  entry_long:\n", "Looked at while there is no position."),
    ("    all:\n", "True when all of the following are."),
    ("      - {setup: up}\n", "The setup above."),
    (
        '      - {occurred_within: {bars: 4, expr: [[low, "<=", fast]]}}\n',
        "At one of the last four closes, this one included, the low had touched the average.",
    ),
    (
        "      - [close, cross_above, fast]\n",
        "The last close was at or below the average, this one is above it.",
    ),
    (
        '      - [momentum.histogram, ">", {feature_id: momentum, field: histogram, offset: 1}]\n',
        "The histogram is higher than a bar ago: the long form of a reference takes an `offset`.",
    ),
    (
        '      - [[close, "-", fast], "<", {"*": [atr_14, $room]}]\n',
        "Arithmetic in its two spellings, and a variable: the close is less than `room` ATR above the average.",
    ),
    (
        "    metadata: {why: pullback, atr: {feature_id: atr_14}}\n",
        "Kept with the order and the trade. It never changes either.",
    ),
    (
        '  exit_long: {any: [[ms.choch_direction, "==", bearish], [close, cross_below, hour]]}\n',
        "Looked at while a long is open. `choch_direction` is a word and keeps its last value.",
    ),
    ("position_policy:\n", "How positions are opened and left."),
    ("  mode: long_only\n", "Which sides may be entered."),
    ("  exit_mode: first_hit\n", "Stop, target, exit action and time: whichever comes first."),
    ("  cooldown_bars: {exit: 2, stop: 8}\n", "No entry for two bars after an exit, for eight after a stop."),
    ("  time_exit_bars: 96\n", "What is still open after 96 bars, which are a day, is closed."),
    (
        '  trading_windows: [{days: [mon, tue, wed, thu, fri], from: "06:00", to: "22:00"}]\n',
        "Entries only then, in UTC. Exits are never held back.",
    ),
    ("risk_model:\n", "Stop, target and size."),
    (
        "  stop_loss: {type: atr_multiple, value: 2, atr_feature_id: atr_14}\n",
        "Two ATR below the close that decided. It goes to the venue in the same request as the entry.",
    ),
    ("  take_profit: {type: rr_ratio, value: 2.5}\n", "2.5 times as far above it as the stop is below."),
    (
        "  trailing: {atr_feature_id: atr_14, atr_multiplier: 3, activation_pct: 1}\n",
        "From 1 % of profit on the stop follows the best close, three ATR behind it.",
    ),
    (
        "  sizing: {model: risk_based, value: $risk_pct}\n",
        "So large that the stop costs half a percent of equity, before fees and slippage.",
    ),
    (
        "entry: {order_type: LIMIT, limit_offset_pct: 0.05, expire_after_bars: 2}\n",
        "A limit 0.05 % below the close, cancelled at the second close that has not filled it.",
    ),
    (
        "validation: {pattern: trend_stairs, bars: 1200, expect_direction: long}\n",
        "`playd play test` runs it on this synthetic market and looks at what it traded.",
    ),
    ("expected: {min_trades: 1}\n", "And how much."),
)
"""Lines of the file, one or more together, and what they say."""


def worked_play() -> str:
    """The whole file."""
    return "".join(text for text, _ in PIECES)
