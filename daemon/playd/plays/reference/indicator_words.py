"""Indicators of one series, or of one output, in words."""

from typing import Final

from playd.plays.reference.kind_words import KindWords
from playd.plays.reference.more_indicator_words import SEVERAL_OUTPUTS

PARAMETERS: Final[dict[str, str]] = {
    "length": "bars of the average or window",
    "fast": "bars of the fast average",
    "slow": "bars of the slow average",
    "signal": "bars of the average that is the signal",
    "lookback": "bars whose volume is counted",
    "num_buckets": "parts into which their price range is divided",
    "value_area_pct": "share of the volume that the value area holds, a fraction",
    "anchor_source": (
        "what starts it over: `swing_…` a pivot of that side, or of any, that is accepted; `pair_high` a bullish pair,"
        " `pair_low` a bearish one, `pair_any` any; `manual` the first loaded bar alone, which needs no swing (W304)"
    ),
    "anchor_structure": "id of the swing, on the same clock; may be left out where there is one only",
    "beta": "hedge ratio β, or `ols`: the slope of the least-squares line over the last `length` bars",
}
"""Parameters that mean the same in every indicator."""

_N1: Final = {"": "length - 1"}
_N: Final = {"": "length"}
_BACK: Final = {"length": "bars back that it compares with"}


def _value(text: str) -> dict[str, str]:
    return {"value": text}


_ONE_OUTPUT: Final[dict[str, KindWords]] = {
    "alma": KindWords(
        "Arnaud Legoux moving average: weights in the form of a bell. A missing value makes the windows that hold it missing.",
        _value("the average"),
        _N1,
        params={
            "sigma": "how narrow the bell is: `length` / `sigma` bars wide",
            "offset": "its middle: 0 oldest bar, 1 newest",
        },
    ),
    "atr": KindWords(
        "Average true range: Wilder's mean of the true range. The first bar has no true range.",
        _value("in units of price"),
        _N,
        "8 * length",
    ),
    "cci": KindWords(
        "Commodity channel index: how far the typical price (H+L+C)/3 is from its mean, in mean distances times 0.015. A flat"
        " window gives 0.",
        _value("around 0, ±100 is far"),
        _N1,
    ),
    "cmf": KindWords(
        "Chaikin money flow: volume weighted by where each bar closes in its range. A bar without range counts 0; missing"
        " while the volume of the window is 0.",
        _value("−1 all at the lows, 1 all at the highs"),
        _N1,
    ),
    "cmo": KindWords(
        "Chande momentum oscillator: rises less falls, over both. 0 where nothing moved.",
        _value("−100 falls only, 100 rises only"),
        _N,
        "8 * length",
    ),
    "dema": KindWords(
        "Double exponential average: 2·e₁ − e₂, e₂ being the average of e₁.",
        _value("the average"),
        {"": "2 * (length - 1)"},
        "6 * length",
    ),
    "ema": KindWords(
        "Exponential moving average, α = 2/(length+1), begun with the plain mean of the first `length` values.",
        _value("the average"),
        _N1,
        "4 * length",
    ),
    "kama": KindWords(
        "Kaufman's adaptive average: quick where price goes one way, slow where it goes to and fro.",
        _value("the average"),
        _N,
        "4 * length",
        {"length": "bars over which the efficiency of the movement is measured"},
    ),
    "linreg": KindWords(
        "Least-squares line over the last `length` values, at the newest of them.", _value("the end of the line"), _N1
    ),
    "mfi": KindWords(
        "Money flow index: volume times typical price where that rose, over where it rose or fell; an equal one counts for"
        " neither. 0 below a flow of 1.",
        _value("0…100"),
        _N,
    ),
    "midprice": KindWords(
        "The middle between the highest high and the lowest low of the last `length` bars.", _value("the middle"), _N1
    ),
    "mom": KindWords("Momentum: the value less that `length` bars ago.", _value("in units of the source"), _N, params=_BACK),
    "natr": KindWords("`atr` in percent of the close; 0 if the close is 0.", _value("percent of the price"), _N, "8 * length"),
    "obv": KindWords(
        "On-balance volume: begins with the volume of the first loaded bar, then adds the volume of a bar that rose and"
        " takes that of one that fell; an equal one changes nothing. Its level depends on the first loaded bar (W304):"
        " compare its changes. A missing bar begins it anew.",
        _value("in units of volume"),
        {"": "0"},
    ),
    "ohlc4": KindWords("Average price of the bar, (O+H+L+C)/4.", _value("the average price"), {"": "0"}),
    "ratio": KindWords(
        "Close over the close of the second symbol, bar by bar. Missing where either has no bar.",
        _value("the ratio"),
        {"": "0"},
    ),
    "roc": KindWords(
        "Rate of change in percent, 100·(x/x before − 1); 0 if the earlier value is 0.", _value("percent"), _N, params=_BACK
    ),
    "rsi": KindWords(
        "Relative strength index: Wilder's mean of the rises over that of rises and falls. 0 where nothing moved at all.",
        _value("0 falls only, 100 rises only"),
        _N,
        "8 * length",
    ),
    "sma": KindWords("Simple moving average: the mean of the last `length` values.", _value("the mean"), _N1),
    "spread": KindWords(
        "ln close − β · ln close of the second symbol. Missing where either has no bar.",
        _value("in units of the logarithm: 0.01 is about 1 %"),
        {"": "length - 1 if beta == 'ols' else 0"},
        params={"length": "bars over which β is found; only with `beta: ols` (E104)"},
    ),
    "tema": KindWords(
        "Triple exponential average: 3·e₁ − 3·e₂ + e₃, each the average of the one before.",
        _value("the average"),
        {"": "3 * (length - 1)"},
        "8 * length",
    ),
    "trima": KindWords("Triangular average: the middle of the window weighs most.", _value("the average"), _N1),
    "uo": KindWords(
        "Ultimate oscillator: buying pressure over true range in three windows, weighted 4, 2 and 1. A window without"
        " range counts 0.",
        _value("0…100"),
        {"": "max(medium, slow)"},
        params={
            "fast": "bars of the window that weighs 4",
            "medium": "of that which weighs 2",
            "slow": "of that which weighs 1",
        },
    ),
    "vwap": KindWords(
        "Volume-weighted typical price since the last UTC boundary of `anchor`. Missing before the first loaded boundary,"
        " while no volume was traded, and from a missing bar to the next boundary.",
        _value("the price"),
        {"": "0"},
        "the bars of one `anchor` period",
        {"anchor": "where it starts over: hours from midnight, `D`, `W` (Monday), `M` (the first), all UTC"},
    ),
    "willr": KindWords(
        "Williams' %R: where the close lies in the range of the last `length` bars; 0 if that has no width.",
        _value("−100 at the low, 0 at the high"),
        _N1,
    ),
    "wma": KindWords("Weighted moving average: the newest value weighs `length`, the oldest 1.", _value("the average"), _N1),
    "zlma": KindWords(
        "Zero-lag average: the exponential average of 2x − x some bars ago, (length−1)/2 of them rounded down.",
        _value("the average"),
        {"": "(length - 1) // 2 + length - 1"},
        "4 * length",
    ),
    "zscore": KindWords(
        "How many standard deviations (of the population) the `spread`, or the `ratio`, is from its mean of `length` bars."
        " Missing where it does not move at all, and where either symbol has no bar.",
        _value("standard deviations"),
        {"": "2 * (length - 1) if beta == 'ols' and of == 'spread' else length - 1"},
        params={"of": "what is scored", "length": "bars of mean and deviation, and of β with `ols`"},
    ),
}

INDICATORS: Final[dict[str, KindWords]] = dict(sorted({**_ONE_OUTPUT, **SEVERAL_OUTPUTS}.items()))
"""Every indicator of the catalog by its name."""


def parameters_of(name: str) -> dict[str, str]:
    """What each parameter of an indicator means."""
    return {**PARAMETERS, **INDICATORS[name].params}
