"""Patterns that go somewhere: trends, slow drifts, and trends of several clocks at once."""

import math
from collections.abc import Sequence
from typing import Final

from playd.market.patterns.path import MOVE, B, Point, Shape, Stretch, always, nothing, sigmas, spread, steps


def _clean(sign: float) -> Shape:
    def shape(count: int) -> Sequence[Stretch]:
        first = math.ceil(0.7 * count - 1e-9)
        last = Stretch(1, lambda p: 0.8 * sign * MOVE * B / first)
        return [*steps((0.7, sign * MOVE), (0.85, -0.3 * sign * MOVE)), last]

    return shape


def _stairs() -> list[Stretch]:
    shape: list[Stretch] = []
    for step in range(4):
        rise, end = (step + 0.6) / 4, (step + 1) / 4
        shape += [Stretch(rise, spread(MOVE / 4)), Stretch(end, lambda p: p.rev(0.1, p.start))]
    return shape


def _aligned(sign: float) -> Stretch:
    return Stretch(1, lambda p: B * (1 + sign * MOVE * p.f) + 0.03 * B * p.cyc(1) + 0.01 * B * p.cyc(4), level=True)


def _pullback(sign: float) -> Shape:
    def line(p: Point) -> float:
        return B * (1 + sign * MOVE * p.f)

    def back(p: Point) -> float:
        return line(p) - sign * 0.3 * MOVE * B * math.sin(math.pi * p.x)

    return always(Stretch(0.4, line, level=True), Stretch(0.6, back, level=True), Stretch(1, line, level=True))


TRENDS: Final[dict[str, Shape]] = {
    "trending": always(
        Stretch(0.5, lambda p: B * p.linear(1, 1.2), level=True, noise=sigmas(1)),
        Stretch(1, lambda p: B * p.linear(1.2, 1.1), level=True, noise=sigmas(1)),
    ),
    "trend_up_clean": _clean(1),
    "trend_down_clean": _clean(-1),
    "trend_grinding": always(Stretch(1, spread(0.5 * MOVE))),
    "trend_parabolic": always(Stretch(1, lambda p: MOVE * B / p.count * (1 + 3 * p.f))),
    "trend_exhaustion": always(
        Stretch(0.6, spread(MOVE)), Stretch(0.75, nothing, noise=sigmas(2)), Stretch(1, spread(-0.6 * MOVE))
    ),
    "trend_stairs": always(*_stairs()),
    "accumulation": always(Stretch(1, spread(0.3 * MOVE), noise=sigmas(0.4))),
    "distribution": always(Stretch(1, spread(-0.3 * MOVE), noise=sigmas(0.4))),
    "multi_tf_aligned": always(Stretch(1, lambda p: B * (1 + 0.15 * p.cyc(2) + 0.05 * p.cyc(8)), level=True, noise=sigmas(1))),
    "mtf_aligned_bull": always(_aligned(1)),
    "mtf_aligned_bear": always(_aligned(-1)),
    "mtf_pullback_bull": _pullback(1),
    "mtf_pullback_bear": _pullback(-1),
}
