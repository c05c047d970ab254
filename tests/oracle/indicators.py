"""Batch indicators in the most literal form: a direct transcription of each definition, with lists and loops."""

import math
from collections.abc import Sequence
from itertools import pairwise

NAN = math.nan
Series = list[float]


def sma(x: Sequence[float], n: int) -> Series:
    return [NAN if i < n - 1 else math.fsum(x[i - n + 1 : i + 1]) / n for i in range(len(x))]


def _first(x: Sequence[float]) -> int:
    return next((i for i, value in enumerate(x) if not math.isnan(value)), len(x))


def ema(x: Sequence[float], n: int) -> Series:
    out = [NAN] * len(x)
    start = _first(x) + n - 1
    if start < len(x):
        out[start] = sum(x[start - n + 1 : start + 1]) / n
        for i in range(start + 1, len(x)):
            out[i] = out[i - 1] + 2 / (n + 1) * (x[i] - out[i - 1])
    return out


def rma(x: Sequence[float], n: int) -> Series:
    out = [NAN] * len(x)
    start = _first(x) + n - 1
    if start < len(x):
        out[start] = sum(x[start - n + 1 : start + 1]) / n
        for i in range(start + 1, len(x)):
            out[i] = (out[i - 1] * (n - 1) + x[i]) / n
    return out


def rsi(x: Sequence[float], n: int) -> Series:
    gains = [NAN] + [max(b - a, 0.0) for a, b in pairwise(x)]
    losses = [NAN] + [max(a - b, 0.0) for a, b in pairwise(x)]
    pairs = zip(rma(gains, n), rma(losses, n), strict=True)
    return [NAN if math.isnan(g) else (100 * g / (g + down) if g + down else 0.0) for g, down in pairs]


def true_range(h: Sequence[float], low: Sequence[float], c: Sequence[float]) -> Series:
    return [NAN] + [max(h[i] - low[i], abs(h[i] - c[i - 1]), abs(low[i] - c[i - 1])) for i in range(1, len(c))]


def atr(h: Sequence[float], low: Sequence[float], c: Sequence[float], n: int) -> Series:
    return rma(true_range(h, low, c), n)


def bbands(x: Sequence[float], n: int, k: float) -> dict[str, Series]:
    middle = sma(x, n)
    sd = [
        NAN if i < n - 1 else math.sqrt(math.fsum((v - middle[i]) ** 2 for v in x[i - n + 1 : i + 1]) / n)
        for i in range(len(x))
    ]
    return {
        "middle": middle,
        "upper": [m + k * s for m, s in zip(middle, sd, strict=True)],
        "lower": [m - k * s for m, s in zip(middle, sd, strict=True)],
    }


def donchian(h: Sequence[float], low: Sequence[float], lower_n: int, upper_n: int) -> dict[str, Series]:
    start = max(lower_n, upper_n) - 1
    upper = [NAN if i < start else max(h[i - upper_n + 1 : i + 1]) for i in range(len(h))]
    lower = [NAN if i < start else min(low[i - lower_n + 1 : i + 1]) for i in range(len(h))]
    return {"upper": upper, "lower": lower, "middle": [(a + b) / 2 for a, b in zip(upper, lower, strict=True)]}


def macd(x: Sequence[float], fast: int, slow: int, signal: int) -> dict[str, Series]:
    quick = [NAN] * len(x)
    if slow - 1 < len(x):
        quick[slow - 1] = sum(x[slow - fast : slow]) / fast
        for i in range(slow, len(x)):
            quick[i] = quick[i - 1] + 2 / (fast + 1) * (x[i] - quick[i - 1])
    line = [a - b for a, b in zip(quick, ema(x, slow), strict=True)]
    smooth = ema(line, signal)
    line = [NAN if math.isnan(s) else v for v, s in zip(line, smooth, strict=True)]
    return {"macd": line, "signal": smooth, "histogram": [a - b for a, b in zip(line, smooth, strict=True)]}


def supertrend(h: Sequence[float], low: Sequence[float], c: Sequence[float], n: int, m: float) -> dict[str, Series]:
    a = atr(h, low, c, n)
    trend, direction = [NAN] * len(c), [NAN] * len(c)
    up = down = 0.0
    for i in range(n, len(c)):
        middle = (h[i] + low[i]) / 2
        raw_low, raw_up = middle - m * a[i], middle + m * a[i]
        if i == n:
            down, up, d = raw_low, raw_up, -1.0
        else:
            down = raw_low if raw_low > down or c[i - 1] < down else down
            up = raw_up if raw_up < up or c[i - 1] > up else up
            d = (1.0 if c[i] > up else -1.0) if direction[i - 1] == -1 else (-1.0 if c[i] < down else 1.0)
        direction[i] = d
        trend[i] = down if d == 1 else up
    return {"trend": trend, "direction": direction}


def psar(h: Sequence[float], low: Sequence[float], af0: float, af: float, most: float) -> dict[str, Series]:
    accelerations, reversals = [NAN] * len(h), [NAN] * len(h)
    falling = low[0] - low[1] > 0 and low[0] - low[1] > h[1] - h[0]
    up, a = not falling, af0
    extreme, sar = (h[1], low[0]) if up else (low[1], h[0])
    for t in range(1, len(h)):
        last_high, last_low = (h[t], low[t]) if t == 1 else (h[t - 1], low[t - 1])
        turned = low[t] <= sar if up else h[t] >= sar
        if turned and up:
            sar, a, extreme, up = max(extreme, last_high, h[t]), af0, low[t], False
            sar = max(sar + a * (extreme - sar), last_high, h[t])
        elif turned:
            sar, a, extreme, up = min(extreme, last_low, low[t]), af0, h[t], True
            sar = min(sar + a * (extreme - sar), last_low, low[t])
        elif up:
            extreme, a = (h[t], min(a + af, most)) if h[t] > extreme else (extreme, a)
            sar = min(sar + a * (extreme - sar), last_low, low[t])
        else:
            extreme, a = (low[t], min(a + af, most)) if low[t] < extreme else (extreme, a)
            sar = max(sar + a * (extreme - sar), last_high, h[t])
        accelerations[t], reversals[t] = a, float(turned)
    return {"af": accelerations, "reversal": reversals}
