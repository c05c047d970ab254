"""What stands above the tables of the later chapters."""

from typing import Final

INDICATORS: Final = """\
An indicator is a feature: `id: {indicator: name, params: {…}, tf: clock, source: …}`. Every parameter has a default. Its
outputs are `id.output`; the one in bold is what `id` alone means. *Values* is what the numbers can be at all, *first* the place
of the first one, counted from 0 at the first value of its inputs; `div` divides and rounds down. With `source: other_feature`
it begins where that does. "Fades over" are the bars loaded beyond the first value, see [warm-up](#time); an anchored indicator
is loaded behind its swing.

Where TA-Lib has the function its numbers are the same to 1e-9, with TA-Lib's defaults (`mfi` below a money flow of 1 apart);
else they are TradingView's, or what is said here. Windows include the present bar. A missing input makes every window that
holds it missing; averages without a window begin anew behind it. A zero divisor gives what is said below, and missing where
nothing is said.
"""

STRUCTURES: Final = """\
A detector stands below its clock: `- {type: name, key: id, params: {…}, uses: …}`. Its outputs are `id.output`, a field is
always needed. Nothing is ever changed in the past: a pivot that is known three bars late appears three bars late. A *bar index*
is the open time of a bar divided by its length, so that differences are numbers of bars. Where ATR is meant, one that is
missing or 0 counts as none.

In a warm-up `swing` and `displacement` stand for that of the structure in `uses`, which is loaded first. An ATR of its own
needs {ATR} bars.

Numbers and levels are missing until something sets them and are kept then until something newer does; what is said to be so "on
this bar" is not kept. Versions only grow, and begin with 0 at the first loaded bar.
"""

OPTIONAL_USES: Final[dict[tuple[str, str], str]] = {
    ("fibonacci", "trend"): " with `use_trend_anchor`, and only then (W311)",
    ("order_block", "displacement"): ", optional",
    ("order_block", "swing"): ", accepted and not looked at (W311)",
}
"""Where naming a structure is not simply needed."""

CANDLES: Final = """\
There are no named candle patterns (hammer, engulfing …): a pattern is a condition on candles and what they were before. As
setups:

```yaml
setups:
  # An up candle whose body covers that of the down candle before it.
  bullish_engulfing:
    - [close, ">", open]
    - [{feature_id: close, offset: 1}, "<", {feature_id: open, offset: 1}]
    - [close, ">=", {feature_id: open, offset: 1}]
    - [open, "<=", {feature_id: close, offset: 1}]
  # A lower wick of twice the body, below an up candle that closes near its high.
  hammer:
    - [close, ">", open]
    - [[open, "-", low], ">=", {"*": [[close, "-", open], 2]}]
    - [[high, "-", close], "<=", {"*": [[high, "-", low], 0.1]}]
  # Wholly inside the candle before.
  inside_bar:
    - [high, "<", {feature_id: high, offset: 1}]
    - [low, ">", {feature_id: low, offset: 1}]
```

Sizes against the market are multiples of an `atr` (`[[close, "-", open], ">", {"*": [atr_14, 1.2]}]`); gaps of three candles
are `fair_value_gap`, strong candles `displacement`. Of another clock than the execution clock a candle is seen through
features: `{indicator: ema, params: {length: 1}, tf: 1h, source: open}` is the open of the hour.
"""

MARKETS: Final = """\
`validation.pattern`, and `--pattern` of `playd backtest`; `playd synth show NAME` draws one. Each begins at about 50,000 USDT
on 2025-01-01 00:00 UTC, is drawn from a seed, and has as many bars of the execution clock as `validation.bars` says; without it
2,000, or what the slowest clock needs for its first value and 200 more. Nothing comes before the first bar, so that a trial
begins with unknown conditions. There are no funding rates and no open interest; a second symbol goes through the same pattern
in its own way. Further noise comes on top of every way.

"""

VERDICTS: Final = """\
Every decision has a verdict: a close of the execution clock, or of the minute where an action names a minute's price. `playd
play explain … --stats` counts them. In capitals are the ordinary ones. In demo, live and paper an entry then meets the gates of
its account, which have codes of their own (`playctl show NAME --pipeline`).

"""

FINDINGS: Final = """\
E refuses the Play, W does not (`playd play check --strict` lets it).

"""

CANNOT: Final = """\
* Trade two symbols, or both legs of a pair: the second symbol is read. Spot, inverse and USDC contracts are no symbols of a
  Play.
* Hold two positions, both directions, or a position of several entries; turn a position around in one decision.
* Decide more often than once a minute, or on a candle that has not closed. There are no ticks, no book, no trades, no seconds;
  no clocks of `8h`, a week or a month (`session_levels` and `vwap` know weeks, `vwap` months).
* Ask what it holds: a condition knows no entry price, no profit, no size, no equity, no order. What depends on those is
  `trailing`, `break_even`, `time_exit_bars`, `cooldown_bars`, `max_entries_per_day` and `max_drawdown_pct`.
* Remember: there are no variables that rules set. What was is seen through `offset`, windows, and what structures keep.
* Have several targets. A share of the position is closed by exit actions with `percent`; stop and target are for all that is
  left.
* Change stop or target by a rule. They are set at the entry and moved by `trailing` and `break_even`.
* Size by confidence or volatility other than by `risk_based`, whose stop may be a multiple of the ATR.
* Send orders of other kinds: entries are market or limit orders with their stop, exits market orders, targets market or limit.
* Know in which mode it runs, call a program, read a file or the net, or read another Play.
"""
