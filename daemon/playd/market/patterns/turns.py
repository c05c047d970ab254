"""Patterns that turn: reversals, and breakouts that hold, fail or come back."""

from collections.abc import Sequence
from typing import Final

from playd.market.patterns.path import MOVE, WIDTH, B, Shape, Stretch, always, spread, steps, swinging_range

HUNT: Final = 0.02
"""How far beyond an edge a false move goes, in parts of the price (ph)."""

_EDGE: Final = B * (1 + WIDTH / 4)


def _v(sign: float) -> Shape:
    return always(*steps((0.5, sign * MOVE), (1, -sign * MOVE)))


def _double(sign: float) -> Shape:
    return always(*steps((0.25, sign * MOVE), (0.5, -0.5 * sign * MOVE), (0.75, 0.5 * sign * MOVE), (1, -sign * MOVE)))


def _false_breakout() -> Sequence[Stretch]:
    out = steps((0.6, 2 * HUNT), (0.8, -WIDTH))
    return [swinging_range(0.5), *out, Stretch(1, lambda p: p.rev(0.1, B * (1 - WIDTH / 4)))]


TURNS: Final[dict[str, Shape]] = {
    "reversal_v_bottom": _v(-1),
    "reversal_v_top": _v(1),
    "reversal_double_bottom": _double(-1),
    "reversal_double_top": _double(1),
    "breakout_clean": always(swinging_range(0.6), *steps((0.7, 0.3 * MOVE), (1, 0.5 * MOVE))),
    "breakout_false": always(*_false_breakout()),
    "breakout_retest": always(
        swinging_range(0.4),
        Stretch(0.5, lambda p: 0.1 * _EDGE / p.bars),
        Stretch(0.65, lambda p: p.rev(0.15, _EDGE)),
        Stretch(1, spread(0.5 * MOVE)),
    ),
}
