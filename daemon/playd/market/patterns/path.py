"""
The path of execution closes of a synthetic market, as a row of stretches, and what stretches do.

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

NOISE: Final = 0.3
"""Standard deviation of ε, in those of an execution bar (n)."""

MOVE: Final = 0.20
"""Size of a trend, in parts of B (M)."""

WIDTH: Final = 0.08
"""Width of a range, in parts of B (R)."""

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
    return p.noise(NOISE)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Part of a path up to f = `end`: a step, or the level itself, plus noise, then `bound`."""

    end: float
    amount: Amount
    level: bool = False
    noise: Amount = _epsilon
    bound: Callable[[Point, float], float] = lambda p, price: price


Shape = Callable[[int], Sequence[Stretch]]
"""The stretches of a path of so many bars."""


def closes(shape: Shape, sigma: float, z: NDArray[np.float64], u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Execution closes. `sigma`: of a bar, as a fraction. Per bar `z` has one normal number, `u` three uniform ones."""
    count = len(z)
    stretches = shape(count)
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


def nothing(p: Point) -> float:
    """No step beside the noise."""
    return 0.0


def spread(amount: float) -> Amount:
    """An amount in parts of B, spread evenly over the stretch."""
    return lambda p: amount * B / p.bars


def evenly_to(target: float) -> Amount:
    """Evenly from where the stretch begins to the target."""
    return lambda p: (target - p.start) / p.bars


def sigmas(times: float) -> Amount:
    """Noise of so many standard deviations of an execution bar."""
    return lambda p: p.noise(times)


def steps(*parts: tuple[float, float]) -> list[Stretch]:
    """Stretches of evenly spread amounts: (end, amount in parts of B)."""
    return [Stretch(end, spread(amount)) for end, amount in parts]


def always(*shape: Stretch) -> Shape:
    """The same stretches whatever the number of bars."""
    return lambda count: shape


def swinging_range(end: float) -> Stretch:
    """Three waves about B, half a range wide."""
    return Stretch(end, lambda p: B * (1 + WIDTH / 4 * p.cyc(3)), level=True)
