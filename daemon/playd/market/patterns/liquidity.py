"""Patterns about levels where orders rest: hunts, equal highs and lows, order blocks, gaps."""

import math
from collections.abc import Sequence
from typing import Final

from playd.market.patterns.path import MOVE, WIDTH, B, Point, Shape, Stretch, always, evenly_to, nothing, spread
from playd.market.patterns.turns import HUNT


def _hunt(sign: float) -> Shape:
    """`sign` −1 hunts lows below the support, 1 highs above the resistance."""
    edge = B * (1 + sign * WIDTH / 4)
    return always(
        Stretch(0.5, lambda p: edge - sign * 0.5 * WIDTH * B * abs(p.cyc(2)), level=True),
        Stretch(0.6, evenly_to(edge * (1 + sign * HUNT))),
        Stretch(0.75, evenly_to(B)),
        Stretch(1, spread(-sign * 0.3 * MOVE)),
    )


def _gaps(count: int) -> Sequence[Stretch]:
    size = {"jump": 0.0}

    def jumps(p: Point) -> float:
        every = max(2, p.bars // max(3, min(10, p.count // 20)))
        if p.since % every == 0:
            size["jump"] = (0.03 + 0.015 * p.u[0]) * B
            return size["jump"]
        return 0.3 * size["jump"] if p.since % every == 1 else 0.0

    return [Stretch(0.3, nothing), Stretch(0.7, jumps), Stretch(1, lambda p: -0.4 * (p.start - B) / p.bars)]


def _equal() -> Sequence[Stretch]:
    def tops(p: Point) -> float:
        top = 1.05 * B * (1 + (0.003 if int(4 * p.x) % 2 else -0.003))
        return B + (top - B) * (1 + p.cyc(4)) / 2

    return [
        Stretch(0.4, tops, level=True),
        Stretch(0.5, lambda p: 1.05 * B * (1 + 0.03 * (1 - abs(2 * p.x - 1))), level=True),
        Stretch(0.8, evenly_to(0.95 * B)),
        Stretch(1, lambda p: B * (0.935 + 0.015 * p.cyc(3)), level=True),
    ]


def _order_block(count: int) -> Sequence[Stretch]:
    first = math.ceil(0.2 * count - 1e-9)
    retest = {"price": B}

    def down(p: Point) -> float:
        retest["price"] = p.previous * 0.99 if p.since == 0 else retest["price"]
        return -0.01 * p.previous

    return [
        Stretch(0.2, nothing),
        Stretch((first + 3) / count, down),
        Stretch((first + 6) / count, lambda p: 0.05 * p.previous),
        Stretch(0.6, spread(0.2 * MOVE)),
        Stretch(0.8, lambda p: (retest["price"] - p.start) / p.bars),
        Stretch(1, spread(0.3 * MOVE)),
    ]


LIQUIDITY: Final[dict[str, Shape]] = {
    "liquidity_hunt_lows": _hunt(-1),
    "liquidity_hunt_highs": _hunt(1),
    "trending_with_gaps": _gaps,
    "equal_highs_lows": always(*_equal()),
    "ob_retest": _order_block,
}
