"""
Anchor events: the bars at which an anchored indicator starts over, read from a swing (play-language 5.4).

`swing_high`, `swing_low`, `swing_any`: a pivot of that side was accepted. `pair_high`, `pair_low`, `pair_any`: a bullish, a
bearish, any pair was completed. `manual`: the first bar alone, for which no swing is needed.
"""

from typing import Final

from playd.kernels.compiled import Row, part
from playd.kernels.spec import InputName, Params, ParamSpec
from playd.kernels.structures.spec import BEARISH, BULLISH

ANCHOR_SOURCES: Final = ("swing_any", "swing_high", "swing_low", "pair_any", "pair_high", "pair_low", "manual")
MANUAL: Final = "manual"

ANCHOR_INPUTS: Final[tuple[InputName, ...]] = (
    "swing.high_accepted",
    "swing.low_accepted",
    "swing.pair_version",
    "swing.pair_direction",
)

ANCHOR_SOURCE: Final = ParamSpec("anchor_source", "word", "swing_any", words=ANCHOR_SOURCES)
ANCHOR_STRUCTURE: Final = ParamSpec("anchor_structure", "structure")
"""Which swing is meant. Its outputs are inputs; no kernel sees the id."""

BEGUN, PAIRS, BARS = range(3)
"""Places in the state: 1 after the first bar, pairs of the swing so far, bars since the anchor (0: none yet)."""

STATE_SIZE: Final = 3


def source_code(params: Params) -> float:
    """Place of the anchor's source in `ANCHOR_SOURCES`, for `pack`."""
    return float(ANCHOR_SOURCES.index(str(params[ANCHOR_SOURCE.name])))


@part
def is_anchor(source: float, high: float, low: float, pairs: float, direction: float, state: Row) -> bool:
    """
    Whether the bar with these values of `ANCHOR_INPUTS` is an anchor; remembers what the next bar is compared with.

    Two pairs completed on one bar are one of each direction.
    """
    first = state[BEGUN] == 0.0
    new = 0.0 if first else pairs - state[PAIRS]
    state[BEGUN], state[PAIRS] = 1.0, pairs
    if source == 0.0:
        return bool(high != 0.0 or low != 0.0)
    if source == 1.0:
        return bool(high != 0.0)
    if source == 2.0:
        return bool(low != 0.0)
    if source == 3.0:
        return bool(new > 0.0)
    if source == 4.0:
        return bool(new > 1.0 or (new == 1.0 and direction == BULLISH))
    if source == 5.0:
        return bool(new > 1.0 or (new == 1.0 and direction == BEARISH))
    return bool(first)
