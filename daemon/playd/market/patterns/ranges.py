"""Patterns that stay between two prices: ranges, triangles, whipsaws."""

from typing import Final

from playd.market.patterns.path import WIDTH, B, Point, Shape, Stretch, always, sigmas


def _reflected(p: Point, price: float) -> float:
    low, high = B * (1 - WIDTH / 2), B * (1 + WIDTH / 2)
    price = 2 * high - price if price > high else price
    return 2 * low - price if price < low else price


def _triangle(ascending: bool) -> Shape:
    def edges(p: Point) -> tuple[float, float]:
        move = 0.8 * WIDTH * B * p.f
        return B * (1 - WIDTH / 2) + (move if ascending else 0), B * (1 + WIDTH / 2) - (0 if ascending else move)

    def level(p: Point) -> float:
        support, resistance = edges(p)
        return (support + resistance) / 2 + (resistance - support) / 2 * p.cyc(4)

    def clamped(p: Point, price: float) -> float:
        support, resistance = edges(p)
        return min(max(price, support), resistance)

    return always(Stretch(1, level, level=True, bound=clamped))


def _choppy(p: Point) -> float:
    sign = 1.0 if p.previous <= B else -1.0
    if p.u[1] < 0.15:
        sign = 1.0 if p.u[2] < 0.5 else -1.0
    return sign * (0.5 + p.u[0]) * p.sigma * B


RANGES: Final[dict[str, Shape]] = {
    "ranging": always(Stretch(1, lambda p: p.rev(0.1, B), noise=sigmas(1))),
    "range_tight": always(Stretch(1, lambda p: p.rev(0.2, B), noise=lambda p: 0.005 * B * p.z)),
    "range_wide": always(Stretch(1, sigmas(1.5), bound=_reflected)),
    "range_ascending": _triangle(ascending=True),
    "range_descending": _triangle(ascending=False),
    "choppy_whipsaw": always(Stretch(1, _choppy, bound=lambda p, price: min(max(price, 0.95 * B), 1.05 * B))),
}
