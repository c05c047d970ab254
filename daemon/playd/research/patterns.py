"""
The 38 shapes of synthetic markets (play-language 12.3), each as a row of stretches of the path of execution closes.

Where the language leaves it open: a stretch holds the bars whose `f` lies in it, an amount "spread evenly" is divided by their
number, and x is (bars since the stretch began) / (bars of the stretch). "Noise …" stands in place of ε; an amount with z in it
is a step like any other, and ε comes on top.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

B: Final = 50_000.0
"""Price before the first bar."""

_N, _M, _R, _PH = 0.3, 0.20, 0.08, 0.02
_FLOOR: Final = 0.05 * B


@dataclass(frozen=True, slots=True)
class Point:
    """
    Where the path stands when the close of bar `k` is wanted.

    Attributes:
        count, f: Bars of the path, k / count.
        x, bars, since: Position inside the stretch 0…1, bars of the stretch, bars of it before this one.
        previous, start: Close of the bar before, and of the bar before the stretch.
        z, u: This bar's normal number and its three uniform ones.
        sigma: Standard deviation of an execution bar, as a fraction.
    """

    k: int
    count: int
    f: float
    x: float
    bars: int
    since: int
    previous: float
    start: float
    z: float
    u: tuple[float, float, float]
    sigma: float

    def cyc(self, q: float) -> float:
        """q whole waves over the stretch."""
        return math.sin(2 * math.pi * q * self.x)

    def rev(self, share: float, target: float) -> float:
        """A step of a share of the way to the target."""
        return share * (target - self.previous)

    def linear(self, first: float, last: float) -> float:
        """From first to last over the stretch."""
        return first + (last - first) * self.x

    def noise(self, times: float) -> float:
        """`times` σ·b·z."""
        return times * self.sigma * B * self.z

    @property
    def kappa(self) -> float:
        """Smaller noise on long paths."""
        return min(1.0, math.sqrt(200 / self.count))


Amount = Callable[[Point], float]


def _epsilon(p: Point) -> float:
    return p.noise(_N)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a path up to f = `end`: a step, or the level itself, plus noise, then `bound`."""

    end: float
    amount: Amount
    level: bool = False
    noise: Amount = _epsilon
    bound: Callable[[Point, float], float] = lambda p, price: price


Shape = Sequence[Stretch]


def closes(name: str, sigma: float, z: NDArray[np.float64], u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Execution closes of a pattern. `z` has one number per bar, `u` three. KeyError for an unknown name."""
    count = len(z)
    stretches = [*SHAPES[name](count)]
    begins = [0.0, *(stretch.end for stretch in stretches)]
    edges = [math.ceil(begin * count - 1e-9) for begin in begins[:-1]] + [count]
    path = np.empty(count)
    previous = B
    for number, stretch in enumerate(stretches):
        first, last = edges[number], edges[number + 1]
        start, bars = previous, last - first
        for k in range(first, last):
            draws = (float(u[k, 0]), float(u[k, 1]), float(u[k, 2]))
            at = Point(k, count, k / count, (k - first) / bars, bars, k - first, previous, start, float(z[k]), draws, sigma)
            price = stretch.amount(at) + stretch.noise(at) + (0.0 if stretch.level else previous)
            previous = path[k] = max(stretch.bound(at, price), _FLOOR)
    return path


def _none(p: Point) -> float:
    return 0.0


def _spread(amount: float) -> Amount:
    """An amount in parts of b, spread evenly over the stretch."""
    return lambda p: amount * B / p.bars


def _to(target: float) -> Amount:
    """Evenly from where the stretch begins to the target."""
    return lambda p: (target - p.start) / p.bars


def _sigmas(times: float) -> Amount:
    return lambda p: p.noise(times)


def _steps(*parts: tuple[float, float]) -> list[Stretch]:
    """Stretches of evenly spread amounts: (end, amount in parts of b)."""
    return [Stretch(end, _spread(amount)) for end, amount in parts]


def _clean(sign: float, count: int) -> Shape:
    first = math.ceil(0.7 * count - 1e-9)
    return [*_steps((0.7, sign * _M), (0.85, -0.3 * sign * _M)), Stretch(1, lambda p: 0.8 * sign * _M * B / first)]


def _stairs() -> Shape:
    shape: list[Stretch] = []
    for step in range(4):
        rise, end = (step + 0.6) / 4, (step + 1) / 4
        shape += [Stretch(rise, _spread(_M / 4)), Stretch(end, lambda p: p.rev(0.1, p.start))]
    return shape


def _reflected(p: Point, price: float) -> float:
    low, high = B * (1 - _R / 2), B * (1 + _R / 2)
    price = 2 * high - price if price > high else price
    return 2 * low - price if price < low else price


def _triangle(ascending: bool) -> Shape:
    def edges(p: Point) -> tuple[float, float]:
        move = 0.8 * _R * B * p.f
        return B * (1 - _R / 2) + (move if ascending else 0), B * (1 + _R / 2) - (0 if ascending else move)

    def level(p: Point) -> float:
        support, resistance = edges(p)
        return (support + resistance) / 2 + (resistance - support) / 2 * p.cyc(4)

    def clamped(p: Point, price: float) -> float:
        support, resistance = edges(p)
        return min(max(price, support), resistance)

    return [Stretch(1, level, level=True, bound=clamped)]


def _range(end: float) -> Stretch:
    return Stretch(end, lambda p: B * (1 + _R / 4 * p.cyc(3)), level=True)


def _hunt(sign: float) -> Shape:
    """`sign` −1 hunts lows below the support, 1 highs above the resistance."""
    edge = B * (1 + sign * _R / 4)
    return [
        Stretch(0.5, lambda p: edge - sign * 0.5 * _R * B * abs(p.cyc(2)), level=True),
        Stretch(0.6, _to(edge * (1 + sign * _PH))),
        Stretch(0.75, _to(B)),
        Stretch(1, _spread(-sign * 0.3 * _M)),
    ]


def _choppy(p: Point) -> float:
    sign = 1.0 if p.previous <= B else -1.0
    if p.u[1] < 0.15:
        sign = 1.0 if p.u[2] < 0.5 else -1.0
    return sign * (0.5 + p.u[0]) * p.sigma * B


def _aligned(sign: float) -> Shape:
    return [Stretch(1, lambda p: B * (1 + sign * _M * p.f) + 0.03 * B * p.cyc(1) + 0.01 * B * p.cyc(4), level=True)]


def _pullback(sign: float) -> Shape:
    def line(p: Point) -> float:
        return B * (1 + sign * _M * p.f)

    def back(p: Point) -> float:
        return line(p) - sign * 0.3 * _M * B * math.sin(math.pi * p.x)

    return [Stretch(0.4, line, level=True), Stretch(0.6, back, level=True), Stretch(1, line, level=True)]


def _impulses(p: Point) -> float:
    every = max(30, p.count // 8)
    number, rest = divmod(p.k - 20, every)
    jump = (0.03 + 0.02 * p.u[0]) * B * (1 if number % 2 == 0 else -1) if p.k >= 20 and rest == 0 else 0.0
    return p.noise(0.3) + jump


def _gaps(count: int) -> Shape:
    size = {"jump": 0.0}

    def jumps(p: Point) -> float:
        every = max(2, p.bars // max(3, min(10, p.count // 20)))
        if p.since % every == 0:
            size["jump"] = (0.03 + 0.015 * p.u[0]) * B
            return size["jump"]
        return 0.3 * size["jump"] if p.since % every == 1 else 0.0

    return [Stretch(0.3, _none), Stretch(0.7, jumps), Stretch(1, lambda p: -0.4 * (p.start - B) / p.bars)]


def _equal() -> Shape:
    def tops(p: Point) -> float:
        top = 1.05 * B * (1 + (0.003 if int(4 * p.x) % 2 else -0.003))
        return B + (top - B) * (1 + p.cyc(4)) / 2

    return [
        Stretch(0.4, tops, level=True),
        Stretch(0.5, lambda p: 1.05 * B * (1 + 0.03 * (1 - abs(2 * p.x - 1))), level=True),
        Stretch(0.8, _to(0.95 * B)),
        Stretch(1, lambda p: B * (0.935 + 0.015 * p.cyc(3)), level=True),
    ]


def _order_block(count: int) -> Shape:
    first = math.ceil(0.2 * count - 1e-9)
    retest = {"price": B}

    def down(p: Point) -> float:
        retest["price"] = p.previous * 0.99 if p.since == 0 else retest["price"]
        return -0.01 * p.previous

    return [
        Stretch(0.2, _none),
        Stretch((first + 3) / count, down),
        Stretch((first + 6) / count, lambda p: 0.05 * p.previous),
        Stretch(0.6, _spread(0.2 * _M)),
        Stretch(0.8, lambda p: (retest["price"] - p.start) / p.bars),
        Stretch(1, _spread(0.3 * _M)),
    ]


def _noisy(share: float, target: Callable[[Point], float]) -> Amount:
    """Noise κ·n·b·z times a number that the stretch decides."""
    return lambda p: share * p.kappa * _N * B * p.z * target(p)


def _one(stretch: Stretch) -> Callable[[int], Shape]:
    return lambda count: [stretch]


def _fixed(shape: Shape) -> Callable[[int], Shape]:
    return lambda count: shape


def _pair(make: Callable[[float], Shape], sign: float) -> Callable[[int], Shape]:
    return lambda count: make(sign)


def _double(sign: float) -> Shape:
    return _steps((0.25, sign * _M), (0.5, -0.5 * sign * _M), (0.75, 0.5 * sign * _M), (1, -sign * _M))


def _v(sign: float) -> Shape:
    return _steps((0.5, sign * _M), (1, -sign * _M))


_SPIKE: Final = (Stretch(0.4, _sigmas(1)),)
_EDGE: Final = B * (1 + _R / 4)

SHAPES: Final[dict[str, Callable[[int], Shape]]] = {
    "trending": _fixed(
        [
            Stretch(0.5, lambda p: B * p.linear(1, 1.2), level=True, noise=_sigmas(1)),
            Stretch(1, lambda p: B * p.linear(1.2, 1.1), level=True, noise=_sigmas(1)),
        ]
    ),
    "ranging": _one(Stretch(1, lambda p: p.rev(0.1, B), noise=_sigmas(1))),
    "volatile": _one(Stretch(1, lambda p: math.copysign(10 * p.sigma * B, p.z) if p.u[0] < 0.05 else p.noise(2))),
    "multi_tf_aligned": _one(Stretch(1, lambda p: B * (1 + 0.15 * p.cyc(2) + 0.05 * p.cyc(8)), level=True, noise=_sigmas(1))),
    "trend_up_clean": lambda count: _clean(1, count),
    "trend_down_clean": lambda count: _clean(-1, count),
    "trend_grinding": _one(Stretch(1, _spread(0.5 * _M))),
    "trend_parabolic": _one(Stretch(1, lambda p: _M * B / p.count * (1 + 3 * p.f))),
    "trend_exhaustion": _fixed(
        [Stretch(0.6, _spread(_M)), Stretch(0.75, _none, noise=_sigmas(2)), Stretch(1, _spread(-0.6 * _M))]
    ),
    "trend_stairs": _fixed(_stairs()),
    "range_tight": _one(Stretch(1, lambda p: p.rev(0.2, B), noise=lambda p: 0.005 * B * p.z)),
    "range_wide": _one(Stretch(1, _sigmas(1.5), bound=_reflected)),
    "range_ascending": _fixed(_triangle(ascending=True)),
    "range_descending": _fixed(_triangle(ascending=False)),
    "reversal_v_bottom": _pair(_v, -1),
    "reversal_v_top": _pair(_v, 1),
    "reversal_double_bottom": _pair(_double, -1),
    "reversal_double_top": _pair(_double, 1),
    "breakout_clean": _fixed([_range(0.6), *_steps((0.7, 0.3 * _M), (1, 0.5 * _M))]),
    "breakout_false": _fixed(
        [_range(0.5), *_steps((0.6, 2 * _PH), (0.8, -_R)), Stretch(1, lambda p: p.rev(0.1, B * (1 - _R / 4)))]
    ),
    "breakout_retest": _fixed(
        [
            _range(0.4),
            Stretch(0.5, lambda p: 0.1 * _EDGE / p.bars),
            Stretch(0.65, lambda p: p.rev(0.15, _EDGE)),
            Stretch(1, _spread(0.5 * _M)),
        ]
    ),
    "vol_squeeze_expand": _fixed(
        [
            Stretch(0.6, _none, noise=_noisy(1, lambda p: p.linear(0.02, 0.004))),
            Stretch(0.75, _spread(0.3 * _M), noise=_noisy(0.10, lambda p: 1)),
            Stretch(1, _spread(0.3 * _M), noise=_noisy(0.03, lambda p: 1)),
        ]
    ),
    "vol_spike_recover": _fixed([*_SPIKE, *_steps((0.5, -0.2), (0.7, 0.2)), Stretch(1, _sigmas(1))]),
    "vol_spike_continue": _fixed([*_SPIKE, *_steps((0.55, -0.2)), Stretch(1, _spread(-0.06), noise=_sigmas(1.5))]),
    "vol_decay": _one(Stretch(1, _none, noise=_noisy(1, lambda p: p.linear(0.105, 0.015)))),
    "liquidity_hunt_lows": _pair(_hunt, -1),
    "liquidity_hunt_highs": _pair(_hunt, 1),
    "choppy_whipsaw": _one(Stretch(1, _choppy, bound=lambda p, price: min(max(price, 0.95 * B), 1.05 * B))),
    "accumulation": _one(Stretch(1, _spread(0.3 * _M), noise=_sigmas(0.4))),
    "distribution": _one(Stretch(1, _spread(-0.3 * _M), noise=_sigmas(0.4))),
    "mtf_aligned_bull": _pair(_aligned, 1),
    "mtf_aligned_bear": _pair(_aligned, -1),
    "mtf_pullback_bull": _pair(_pullback, 1),
    "mtf_pullback_bear": _pair(_pullback, -1),
    "displacement_impulse": _one(Stretch(1, _impulses)),
    "trending_with_gaps": _gaps,
    "equal_highs_lows": _fixed(_equal()),
    "ob_retest": _order_block,
}
"""Name of a pattern to its stretches for a path of so many bars."""
