"""Patterns of which the size of the moves is the point."""

import math
from collections.abc import Callable
from typing import Final

from playd.market.patterns.path import MOVE, NOISE, Amount, B, Point, Shape, Stretch, always, nothing, sigmas, spread, steps


def _noisy(share: Callable[[Point], float]) -> Amount:
    """Noise κ·n·b·z times a number that the stretch decides."""
    return lambda p: p.kappa * NOISE * B * p.z * share(p)


def _impulses(p: Point) -> float:
    every = max(30, p.count // 8)
    number, rest = divmod(p.k - 20, every)
    jump = (0.03 + 0.02 * p.u[0]) * B * (1 if number % 2 == 0 else -1) if p.k >= 20 and rest == 0 else 0.0
    return p.noise(0.3) + jump


_QUIET: Final = Stretch(0.4, sigmas(1))

VOLATILITY: Final[dict[str, Shape]] = {
    "volatile": always(Stretch(1, lambda p: math.copysign(10 * p.sigma * B, p.z) if p.u[0] < 0.05 else p.noise(2))),
    "vol_squeeze_expand": always(
        Stretch(0.6, nothing, noise=_noisy(lambda p: p.linear(0.02, 0.004))),
        Stretch(0.75, spread(0.3 * MOVE), noise=_noisy(lambda p: 0.10)),
        Stretch(1, spread(0.3 * MOVE), noise=_noisy(lambda p: 0.03)),
    ),
    "vol_spike_recover": always(_QUIET, *steps((0.5, -0.2), (0.7, 0.2)), Stretch(1, sigmas(1))),
    "vol_spike_continue": always(_QUIET, *steps((0.55, -0.2)), Stretch(1, spread(-0.06), noise=sigmas(1.5))),
    "vol_decay": always(Stretch(1, nothing, noise=_noisy(lambda p: p.linear(0.105, 0.015)))),
    "displacement_impulse": always(Stretch(1, _impulses)),
}
