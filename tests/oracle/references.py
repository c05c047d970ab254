"""
An independent reference for every indicator: TA-Lib where it has the function, else the definition as a batch formula.

`REFERENCES` says for each name how its outputs are computed from candle rows and parameters, and how closely a recurrence can
be expected to agree. `tests/laws/test_agreement.py` compares, and refuses a catalog with a name that is not here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import exp, floor, log
from typing import Any

import numpy as np
import talib
from talib._ta_lib import MA_Type

from tests.indicator_kit import windows
from tests.kernel_runs import Floats, Rows
from tests.oracle import indicators as oracle
from tests.oracle.calendar import session_levels, vwap
from tests.oracle.pairs import ratio, spread, zscore

Outputs = Mapping[str, Floats]


@dataclass(frozen=True)
class Reference:
    """
    Attributes:
        read: Outputs by name from rows and parameters. Outputs that it leaves out are compared elsewhere.
        size: Of operands whose difference is taken: agreement is asked to 1e-9 of the value plus 1e-14 of this.
        of_price: Whether `size` is counted in prices.
        least: Parameters of which TA-Lib knows no lower values than these.
        between: Parameters with the range to draw them from.
        volume: Factor for the market's volumes.
    """

    read: Callable[..., Outputs]
    size: float = 0.0
    of_price: bool = False
    least: Mapping[str, int] = field(default_factory=dict)
    between: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    volume: float = 1.0


def _padded(values: Floats, bars: int) -> Floats:
    """Values at the end of `bars` bars, missing before."""
    return np.concatenate([np.full(bars - len(values), np.nan), values])


def _mean(values: Floats, length: int) -> Floats:
    """Plain means; a window with a missing value is missing."""
    return _padded(windows(values, length).mean(axis=1), len(values))


def _ema(values: Floats, length: int) -> Floats:
    return np.array(oracle.ema(values.tolist(), length))


def _true_range(rows: Rows) -> Floats:
    return np.array(oracle.true_range(rows["high"].tolist(), rows["low"].tolist(), rows["close"].tolist()))


def _price(rows: Rows) -> Floats:
    return (rows["high"] + rows["low"] + rows["close"]) / 3


def _of_close(function: Callable[..., Floats], **more: Any) -> Reference:
    """An indicator of one series and one length."""
    return Reference(lambda rows, length: {"value": function(rows["close"], length)}, least={"length": 2}, **more)


def _of_candle(function: Callable[..., Floats], **more: Any) -> Reference:
    """An indicator of high, low, close and one length."""
    return Reference(
        lambda rows, length: {"value": function(rows["high"], rows["low"], rows["close"], length)}, least={"length": 2}, **more
    )


def _zlma(rows: Rows, length: int) -> Outputs:
    close, lag = rows["close"], (length - 1) // 2
    return {"value": _ema(_padded(2 * close[lag:] - close[: len(close) - lag], len(close)), length)}


def _alma(rows: Rows, length: int, sigma: float, offset: float) -> Outputs:
    peak, width = offset * (length - 1), length / sigma
    weights = np.array([exp(-((k - peak) ** 2) / (2 * width**2)) for k in range(length)])
    means = windows(rows["close"], length) @ weights / weights.sum()
    return {"value": _padded(means, len(rows["close"]))}


def _cmf(rows: Rows, length: int) -> Outputs:
    high, low, volume = rows["high"], rows["low"], rows["volume"]
    flow = volume * (2 * rows["close"] - low - high) / (high - low)
    return {"value": _padded(windows(flow, length).sum(axis=1) / windows(volume, length).sum(axis=1), len(high))}


def _mfi(rows: Rows, length: int) -> Outputs:
    return {"value": talib.MFI(rows["high"], rows["low"], rows["close"], rows["volume"], length)}


def _uo(rows: Rows, fast: int, medium: int, slow: int) -> Outputs:
    """Before the longest window is full there is nothing; TA-Lib sorts its lengths, the weights belong to the names here."""
    low, close = rows["low"], rows["close"]
    last = _padded(close[:-1], len(close))
    bought, moved = close - np.minimum(low, last), np.maximum(rows["high"], last) - np.minimum(low, last)
    share = [_padded(windows(bought, n).sum(axis=1) / windows(moved, n).sum(axis=1), len(close)) for n in (fast, medium, slow)]
    return {"value": 100 * (4 * share[0] + 2 * share[1] + share[2]) / 7}


def _macd(rows: Rows, fast: int, slow: int, signal: int) -> Outputs:
    return dict(zip(("macd", "signal", "histogram"), talib.MACD(rows["close"], fast, slow, signal), strict=True))


def _ppo(rows: Rows, fast: int, slow: int, signal: int) -> Outputs:
    line = talib.PPO(rows["close"], fast, slow, MA_Type.EMA)
    return {"ppo": line, "signal": _ema(line, signal), "histogram": line - _ema(line, signal)}


def _trix(rows: Rows, length: int, signal: int) -> Outputs:
    line = talib.TRIX(rows["close"], length)
    return {"trix": line, "signal": _mean(line, signal)}


def _tsi(rows: Rows, fast: int, slow: int, signal: int) -> Outputs:
    longer, shorter = max(fast, slow), min(fast, slow)
    move = np.concatenate([[np.nan], np.diff(rows["close"])])
    line = 100 * _ema(_ema(move, longer), shorter) / _ema(_ema(np.abs(move), longer), shorter)
    return {"tsi": line, "signal": _ema(line, signal)}


def _stoch(rows: Rows, k: int, smooth_k: int, d: int) -> Outputs:
    quick, slow = talib.STOCH(rows["high"], rows["low"], rows["close"], k, smooth_k, MA_Type.SMA, d, MA_Type.SMA)
    return {"k": quick, "d": slow}


def _stochrsi(rows: Rows, length: int, rsi_length: int, k: int, d: int) -> Outputs:
    """TA-Lib's, whose raw line is smoothed by hand: it has no `k`."""
    raw, _ = talib.STOCHRSI(rows["close"], rsi_length, length, 1, MA_Type.SMA)
    quick = _mean(_padded(raw, len(rows["close"])), k)
    slow = _mean(quick, d)
    return {"k": np.where(np.isnan(slow), np.nan, quick), "d": slow}


def _adx(rows: Rows, length: int) -> Outputs:
    candle = rows["high"], rows["low"], rows["close"], length
    functions = {"adx": talib.ADX, "dmp": talib.PLUS_DI, "dmn": talib.MINUS_DI, "adxr": talib.ADXR}
    return {name: function(*candle) for name, function in functions.items()}


def _dm(rows: Rows, length: int) -> Outputs:
    return {"dmp": talib.PLUS_DM(rows["high"], rows["low"], length), "dmn": talib.MINUS_DM(rows["high"], rows["low"], length)}


def _aroon(rows: Rows, length: int) -> Outputs:
    down, up = talib.AROON(rows["high"], rows["low"], length)
    return {"up": up, "down": down, "osc": talib.AROONOSC(rows["high"], rows["low"], length)}


def _bbands(rows: Rows, length: int, std: float) -> Outputs:
    close = rows["close"]
    mean, deviation = (
        _padded(values, len(close)) for values in (windows(close, length).mean(1), windows(close, length).std(1))
    )
    lower, upper = mean - std * deviation, mean + std * deviation
    with np.errstate(divide="ignore", invalid="ignore"):
        place = (close - lower) / (upper - lower)
    bandwidth = 100 * (upper - lower) / mean
    return {"lower": lower, "middle": mean, "upper": upper, "bandwidth": bandwidth, "percent_b": place}


def _donchian(rows: Rows, lower_length: int, upper_length: int) -> Outputs:
    first = max(lower_length, upper_length) - 1
    least, highest = talib.MIN(rows["low"], lower_length), talib.MAX(rows["high"], upper_length)
    least[:first] = highest[:first] = np.nan
    return {"lower": least, "middle": (least + highest) / 2, "upper": highest}


def _kc(rows: Rows, length: int, scalar: float) -> Outputs:
    width = scalar * _ema(_true_range(rows), length)
    basis = np.where(np.isnan(width), np.nan, _ema(rows["close"], length))
    return {"lower": basis - width, "basis": basis, "upper": basis + width}


def _supertrend(rows: Rows, length: int, multiplier: float) -> Outputs:
    high, low, close = (rows[name].tolist() for name in ("high", "low", "close"))
    read = {name: np.array(values) for name, values in oracle.supertrend(high, low, close, length, multiplier).items()}
    up, down = read["direction"] == 1, read["direction"] == -1
    return {**read, "long": np.where(up, read["trend"], np.nan), "short": np.where(down, read["trend"], np.nan)}


def _psar(rows: Rows, af0: float, af: float, max_af: float) -> Outputs:
    """TA-Lib's lines; the acceleration and the turns, which it does not tell, by the words of the definition."""
    signed = talib.SAREXT(rows["high"], rows["low"], 0, 0, af0, af, max_af, af0, af, max_af)
    read = oracle.psar(rows["high"].tolist(), rows["low"].tolist(), min(af0, max_af), af, max_af)
    return {
        **{name: np.array(values) for name, values in read.items()},
        "long": np.where(signed > 0, signed, np.nan),
        "short": np.where(signed < 0, -signed, np.nan),
        "direction": np.sign(signed),
    }


def _squeeze(rows: Rows, bb_length: int, bb_std: float, kc_length: int, kc_scalar: float) -> Outputs:
    close, bars = rows["close"], len(rows["close"])
    deviation = bb_std * _padded(windows(close, bb_length).std(axis=1), bars)
    outer, middle = _mean(close, bb_length), _mean(close, kc_length)
    reach = kc_scalar * _mean(_true_range(rows), kc_length)
    known = ~np.isnan(deviation + reach)
    inside = (outer - deviation > middle - reach) & (outer + deviation < middle + reach)
    outside = (outer - deviation < middle - reach) & (outer + deviation > middle + reach)
    highest, least = windows(rows["high"], kc_length).max(axis=1), windows(rows["low"], kc_length).min(axis=1)
    momentum = close[kc_length - 1 :] - ((highest + least) / 2 + middle[kc_length - 1 :]) / 2
    flags = {"on": inside, "off": outside, "no_sqz": ~inside & ~outside}
    return {
        "sqz": _padded(talib.LINEARREG(momentum, kc_length), bars),
        **{name: np.where(known, flag, np.nan) for name, flag in flags.items()},
    }


def _vortex(rows: Rows, length: int) -> Outputs:
    high, low, bars = rows["high"], rows["low"], len(rows["high"])
    moved = windows(_true_range(rows)[1:], length).sum(axis=1)
    steps = {"vip": high[1:] - low[:-1], "vim": low[1:] - high[:-1]}
    return {name: _padded(windows(np.abs(one), length).sum(axis=1) / moved, bars) for name, one in steps.items()}


def _fisher(rows: Rows, length: int) -> Outputs:
    middle = (rows["high"] + rows["low"]) / 2
    place, last, line = 0.0, 0.0, []
    for window in windows(middle, length):
        place = 0.66 * ((window[-1] - window.min()) / max(np.ptp(window), 0.001) - 0.5) + 0.67 * place
        place = 0.999 if place > 0.99 else -0.999 if place < -0.99 else place
        last = 0.5 * log((1 + place) / (1 - place)) + 0.5 * last
        line.append(last)
    return {"fisher": _padded(np.array(line), len(middle)), "signal": _padded(np.array(line[:-1]), len(middle))}


def _kvo(rows: Rows, fast: int, slow: int, signal: int) -> Outputs:
    volume = rows["volume"][1:]
    flow = np.concatenate([[np.nan], np.where(np.diff(_price(rows)) >= 0, volume, -volume)])
    line = _ema(flow, fast) - _ema(flow, slow)
    return {"kvo": line, "signal": _ema(line, signal)}


_PROFILE = ("poc", "vah", "val", "poc_volume", "above_poc", "in_value_area")


def profile_at(rows: Rows, t: int, bars: int, buckets: int, share: float) -> list[float]:
    """The six outputs of a volume profile over so many bars that end at t, bucket by bucket."""
    inside = range(t - bars + 1, t + 1)
    bottom, top = min(rows["low"][k] for k in inside), max(rows["high"][k] for k in inside)
    width = (top - bottom) / buckets
    ends = {k: [min(buckets - 1, floor((rows[side][k] - bottom) / width)) for side in ("low", "high")] for k in inside}
    volumes = []
    for one in range(buckets):
        over = [k for k in inside if ends[k][0] <= one <= ends[k][1]]
        volumes.append(sum((rows["volume"][k] / (ends[k][1] - ends[k][0] + 1) for k in over), 0.0))
    fullest = volumes.index(max(volumes))
    area, held = {fullest}, volumes[fullest]
    while held < share * sum(volumes) * (1 - 1e-9) and len(area) < buckets:  # rounding alone adds no bucket
        neighbours = [one for one in (max(area) + 1, min(area) - 1) if 0 <= one < buckets]
        chosen = max(neighbours, key=lambda one: volumes[one])  # the first of equal ones, which is the upper
        area.add(chosen)
        held += volumes[chosen]
    poc, vah, val = (bottom + (one + 0.5) * width for one in (fullest, max(area), min(area)))
    close = rows["close"][t]
    return [poc, vah, val, volumes[fullest], float(close > poc), float(val <= close <= vah)]


EVERY = 37
"""Profiles are compared at every so-many-th bar: a plain one takes a millisecond."""


def _profiles(rows: Rows, bars: Mapping[int, int], num_buckets: int, value_area_pct: float) -> dict[str, Floats]:
    """Profiles at the bars that are compared, each over as many bars as `bars` says; missing where that is nothing."""
    table = np.full((len(_PROFILE), len(rows["close"])), np.nan)
    for t in range(0, len(rows["close"]), EVERY):
        if bars[t]:
            table[:, t] = profile_at(rows, t, bars[t], num_buckets, value_area_pct)
    return dict(zip(_PROFILE, table, strict=True))


def _volume_profile(rows: Rows, num_buckets: int, lookback: int, value_area_pct: float) -> Outputs:
    bars = {t: lookback if t >= lookback - 1 else 0 for t in range(len(rows["close"]))}
    return _profiles(rows, bars, num_buckets, value_area_pct)


def bars_since_anchor(rows: Rows, source: str) -> Floats:
    """1 at a bar at which the source says to start over, read from the outputs of the swing; missing before the first."""
    found = np.full(len(rows["close"]), np.nan)
    for t in range(len(found)):
        pairs = rows["swing.pair_version"][t] - (rows["swing.pair_version"][t - 1] if t else 0.0)
        direction = rows["swing.pair_direction"][t]
        bullish, bearish = (pairs == 2 or (pairs == 1 and direction == side) for side in (1.0, 2.0))
        high, low = rows["swing.high_accepted"][t] == 1.0, rows["swing.low_accepted"][t] == 1.0
        pivots = {"swing_high": high, "swing_low": low, "swing_any": high or low, "manual": t == 0}
        events = pivots | {"pair_high": bullish, "pair_low": bearish, "pair_any": bullish or bearish}
        found[t] = 1.0 if events[source] else found[t - 1] + 1.0 if t else np.nan
    return found


def _anchored_vwap(rows: Rows, anchor_source: str) -> Outputs:
    bars = bars_since_anchor(rows, anchor_source)
    value = np.full(len(bars), np.nan)
    for t in np.flatnonzero(~np.isnan(bars)).tolist():
        since = slice(t + 1 - int(bars[t]), t + 1)
        value[t] = (_price(rows)[since] * rows["volume"][since]).sum() / rows["volume"][since].sum()
    return {"value": value, "bars_since_anchor": bars}


def _anchored_volume_profile(rows: Rows, num_buckets: int, lookback: int, value_area_pct: float, anchor_source: str) -> Outputs:
    bars = bars_since_anchor(rows, anchor_source)
    counts = {t: 0 if np.isnan(one) else min(int(one), lookback) for t, one in enumerate(bars)}
    return {**_profiles(rows, counts, num_buckets, value_area_pct), "bars_since_anchor": bars}


_FAST_SLOW = {"fast": 2, "slow": 2}
_OSCILLATOR = 1e4

REFERENCES: Mapping[str, Reference] = {
    "ema": _of_close(talib.EMA),
    "sma": _of_close(talib.SMA),
    "wma": _of_close(talib.WMA),
    "dema": _of_close(talib.DEMA),
    "tema": _of_close(talib.TEMA),
    "trima": _of_close(talib.TRIMA),
    "zlma": Reference(_zlma, size=1, of_price=True),
    "kama": _of_close(talib.KAMA),
    "alma": Reference(_alma, between={"sigma": (0.5, 20.0)}),
    "linreg": _of_close(talib.LINEARREG),
    "rsi": _of_close(talib.RSI),
    "roc": _of_close(talib.ROC),
    "mom": _of_close(talib.MOM),
    "cmo": _of_close(talib.CMO, size=100),
    "cci": _of_candle(talib.CCI, size=1e5),
    "willr": _of_candle(talib.WILLR, size=1e3),
    "atr": _of_candle(talib.ATR),
    "natr": _of_candle(talib.NATR),
    "mfi": Reference(_mfi, size=_OSCILLATOR, volume=1e4),  # flows above 1: releases of TA-Lib differ in what they do below
    "cmf": Reference(_cmf, size=100),
    "obv": Reference(lambda rows: {"value": talib.OBV(rows["close"], rows["volume"])}, size=_OSCILLATOR),
    "midprice": Reference(lambda rows, length: {"value": talib.MIDPRICE(rows["high"], rows["low"], length)}),
    "ohlc4": Reference(lambda rows: {"value": talib.AVGPRICE(rows["open"], rows["high"], rows["low"], rows["close"])}),
    "uo": Reference(_uo, size=_OSCILLATOR),
    "vwap": Reference(vwap),
    "macd": Reference(_macd, size=100, of_price=True, least=_FAST_SLOW),
    "ppo": Reference(_ppo, size=1e3, least=_FAST_SLOW),
    "trix": Reference(_trix, size=1e4),
    "tsi": Reference(_tsi, size=_OSCILLATOR),
    "bbands": Reference(_bbands, size=1e5, of_price=True),
    "stoch": Reference(_stoch, size=_OSCILLATOR),
    "stochrsi": Reference(_stochrsi, size=1e7, least={"rsi_length": 2}),
    "adx": Reference(_adx, size=100),
    "aroon": Reference(_aroon, size=100),
    "kc": Reference(_kc, size=100, of_price=True),
    "donchian": Reference(_donchian, least={"lower_length": 2, "upper_length": 2}),
    "supertrend": Reference(_supertrend),
    "psar": Reference(_psar, between={"af0": (0.001, 0.3), "af": (0.001, 0.1), "max_af": (0.05, 0.5)}),
    "squeeze": Reference(_squeeze, size=100, of_price=True, least={"kc_length": 2}),
    "vortex": Reference(_vortex),
    "dm": Reference(_dm),
    "fisher": Reference(_fisher, size=1e3),
    "kvo": Reference(_kvo, size=_OSCILLATOR),
    "anchored_vwap": Reference(_anchored_vwap),
    "volume_profile": Reference(_volume_profile),
    "anchored_volume_profile": Reference(_anchored_volume_profile),
    "session_levels": Reference(session_levels),
    "ratio": Reference(ratio),
    "spread": Reference(spread, size=1e7),
    "zscore": Reference(zscore, size=1e8),
}
"""By the name that Plays use."""
