"""Indicators of several outputs in words."""

from typing import Final

from playd.plays.reference.kind_words import KindWords

_PROFILE: Final = {
    "poc": "point of control: middle of the fullest part, the lowest of equals",
    "vah": "upper end of the value area, the middle of its last part",
    "val": "lower end of it",
    "poc_volume": "volume of the fullest part",
    "above_poc": "1 if the close is above `poc`, else 0",
    "in_value_area": "1 if the close is in the value area, ends included, else 0",
}
_SINCE_ANCHOR: Final = {"bars_since_anchor": "bars since the event, its own is 1"}
_SMOOTH_D: Final = {"k": "the smoothed value", "d": "its average"}

SEVERAL_OUTPUTS: Final[dict[str, KindWords]] = {
    "adx": KindWords(
        "Average directional index: how strong a trend is, whichever way it goes. Zero divisors give 0, or leave `adx` as"
        " it is.",
        {
            "adx": "strength",
            "dmp": "directional index of rises",
            "dmn": "directional index of falls",
            "adxr": "mean of `adx` now and `length` − 1 bars ago",
        },
        {"adx": "2 * length - 1", "dmp": "length", "dmn": "length", "adxr": "3 * length - 2"},
        "8 * length",
    ),
    "anchored_volume_profile": KindWords(
        "`volume_profile` of the bars since the last event of a swing, at most the newest `lookback`. Missing before the"
        " first event, and from a missing bar to the next event.",
        {**_PROFILE, **_SINCE_ANCHOR},
        {"": "0"},
        params={"lookback": "most bars that are counted"},
    ),
    "anchored_vwap": KindWords(
        "Volume-weighted typical price since the last event of a swing, its bar included. A fractal pivot is known `right`"
        " bars late, and it starts over when it is known. Missing before the first event, and from a missing bar to the"
        " next event.",
        {"value": "the price; missing while no volume was traded", **_SINCE_ANCHOR},
        {"": "0"},
    ),
    "aroon": KindWords(
        "How recent the extremes of the last `length` + 1 bars are; the newest of equal ones counts.",
        {"up": "100 if the highest high is now, 0 if it is oldest", "down": "the same of the lowest low", "osc": "up − down"},
        {"": "length"},
        params={"length": "bars before the present one"},
    ),
    "bbands": KindWords(
        "Bollinger bands: the mean and `std` standard deviations (of the population) on both sides.",
        {
            "lower": "lower band",
            "middle": "the mean",
            "upper": "upper band",
            "bandwidth": "width in **percent** of the middle: 5 means 5 % (W307)",
            "percent_b": "place of the source in the bands, a fraction: 0 lower, 1 upper; missing where they have no width",
        },
        {"": "length - 1"},
        params={"std": "standard deviations"},
    ),
    "dm": KindWords(
        "Directional movement as Wilder's sums, in units of price.",
        {"dmp": "of rises", "dmn": "of falls"},
        {"": "length - 1"},
        "8 * length",
    ),
    "donchian": KindWords(
        "Channel of extremes. The present bar is in it, so `close > upper` can never be true (W305): compare with `offset: 1`.",
        {"lower": "lowest low", "middle": "their mean", "upper": "highest high"},
        {"": "max(lower_length, upper_length) - 1"},
        params={"lower_length": "bars of the lower side", "upper_length": "bars of the upper side"},
    ),
    "fisher": KindWords(
        "Fisher transform of the place of (H+L)/2 in its range of `length` bars.",
        {"fisher": "the transform", "signal": "the transform one bar ago"},
        {"fisher": "length - 1", "signal": "length"},
        "20",
    ),
    "kc": KindWords(
        "Keltner channel: an exponential average and `scalar` average true ranges on both sides.",
        {"lower": "lower band", "basis": "the average", "upper": "upper band"},
        {"": "length"},
        "4 * length",
        {"scalar": "average true ranges"},
    ),
    "kvo": KindWords(
        "Klinger volume oscillator: fast less slow average of the volume, counted up where the typical price did not fall,"
        " else down.",
        {"kvo": "in units of volume", "signal": "its average"},
        {"kvo": "slow", "signal": "slow + signal - 1"},
        "4 * slow",
    ),
    "macd": KindWords(
        "Distance of a fast from a slow exponential average.",
        {"macd": "in units of the source", "signal": "its average", "histogram": "macd − signal"},
        {"": "slow + signal - 2"},
        "4 * slow",
    ),
    "ppo": KindWords(
        "`macd` in percent of the slow average.",
        {"ppo": "percent", "signal": "its average", "histogram": "ppo − signal"},
        {"ppo": "slow - 1", "": "slow + signal - 2"},
        "4 * slow",
    ),
    "psar": KindWords(
        "Parabolic stop and reverse. It has no primary output: name a field. A bar that touches the stop turns it.",
        {
            "long": "stop below a rising market; missing while it falls",
            "short": "stop above a falling one; missing while it rises",
            "af": "acceleration after the bar",
            "reversal": "1 on a bar that turned it, else 0",
            "direction": "1 rising, −1 falling",
        },
        {"": "1"},
        "50",
        {"af0": "acceleration after a turn", "af": "how much a new extreme adds", "max_af": "its bound"},
    ),
    "session_levels": KindWords(
        "Extremes of UTC days and of weeks from Monday. A day or week counts only if its first bar was loaded. A missing"
        " bar makes all of them missing until the next period begins.",
        {
            "prev_day_high": "high of yesterday",
            "prev_day_low": "low of yesterday",
            "current_day_high": "high of today so far, this bar included",
            "current_day_low": "low of today so far",
            "prev_week_high": "high of last week",
            "prev_week_low": "low of last week",
        },
        {"": "0"},
        "the bars of eight days",
    ),
    "squeeze": KindWords(
        "Whether the Bollinger bands lie inside the Keltner channel, and where momentum is heading. Exactly one of the"
        " flags is 1.",
        {
            "sqz": "momentum: end of a least-squares line, in units of price",
            "on": "1 while the bands lie inside",
            "off": "1 while they lie outside",
            "no_sqz": "1 while neither",
        },
        {"sqz": "2 * (kc_length - 1)", "": "max(bb_length - 1, kc_length)"},
        params={
            "bb_length": "bars of the bands",
            "bb_std": "standard deviations of the bands",
            "kc_length": "bars of the channel",
            "kc_scalar": "average true ranges of the channel",
        },
    ),
    "stoch": KindWords(
        "Stochastic oscillator: where the close lies in the range of the last `k` bars; 0 if that has no width.",
        _SMOOTH_D,
        {"": "k + smooth_k + d - 3"},
        params={
            "k": "bars of the range",
            "smooth_k": "bars of the average that is `k`",
            "d": "bars of the average that is `d`",
        },
    ),
    "stochrsi": KindWords(
        "`stoch` of the rsi: where it lies in its own range; 0 if that has no width.",
        _SMOOTH_D,
        {"": "length + rsi_length + k + d - 3"},
        "8 * rsi_length",
        {
            "length": "bars of the range",
            "rsi_length": "bars of the rsi",
            "k": "bars of the average that is `k`",
            "d": "bars of the average that is `d`",
        },
    ),
    "supertrend": KindWords(
        "Bands `multiplier` average true ranges around the middle of the bar that only tighten; the trend turns when the"
        " close leaves the band that it follows. It begins with −1.",
        {
            "trend": "the band that is followed",
            "direction": "1 up, −1 down",
            "long": "the band while up, else missing",
            "short": "the band while down, else missing",
        },
        {"": "length"},
        "8 * length",
        {"length": "bars of the average true range", "multiplier": "average true ranges"},
    ),
    "trix": KindWords(
        "Percent change of a triple exponential average from one bar to the next.",
        {"trix": "percent", "signal": "its mean"},
        {"trix": "3 * (length - 1) + 1", "signal": "3 * (length - 1) + signal"},
        "8 * length",
        {"signal": "bars of the mean that is the signal"},
    ),
    "tsi": KindWords(
        "True strength index: twice averaged changes over twice averaged distances. The larger of `fast` and `slow` is the"
        " first average, whichever it is. Missing where nothing moved, which begins the signal anew.",
        {"tsi": "−100…100", "signal": "its average"},
        {"tsi": "slow + fast - 1", "signal": "slow + fast + signal - 2"},
        "6 * max(fast, slow)",
        {"fast": "bars of one average", "slow": "bars of the other"},
    ),
    "volume_profile": KindWords(
        "How the volume of the last `lookback` bars is spread over prices, each bar's evenly over its range. The value"
        " area grows from the fullest part by the larger neighbour, the upper of equals. Missing if no volume was traded.",
        _PROFILE,
        {"": "lookback - 1"},
    ),
    "vortex": KindWords(
        "Vortex: upward and downward movement over true range. Missing where there was no range.",
        {"vip": "upward", "vim": "downward"},
        {"": "length"},
    ),
}
"""Indicators whose outputs are more than `value`, and the two anchored ones."""
