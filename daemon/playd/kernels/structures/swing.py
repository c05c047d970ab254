"""
swing: the highs and lows that price turned at, their significance, and the pairs that they form (play-language 6.2).

Fractal: a high is a pivot once `right` bars have passed and it is strictly above every other high of the `left` bars before
and the `right` bars after it. Zigzag: an extreme is a pivot once price has come back from it by a multiple of the ATR.

The fractal asks, when a bar comes, whether it is above the `left` bars before it, and `right` bars later whether it is above
those too. Both are sliding extremes by blocks (`kernels.sliding`), so that a bar costs the same whatever the window. Highs are
handled as lows of −high.

Nothing is ever changed in the past: a pivot is known `right` bars late, or when the zigzag reverses.
"""

from collections.abc import Collection, Sequence
from hashlib import blake2b

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.sliding import least_of_last
from playd.kernels.spec import ColumnType, ParamSpec, integer
from playd.kernels.structures.carried import show
from playd.kernels.structures.spec import (
    ATR_KEY,
    BEARISH,
    BIASES,
    BULLISH,
    Complaint,
    Output,
    Settings,
    StructureSpec,
    Text,
    Warmups,
    count_out,
    flag_out,
    float_out,
    index_out,
    number,
    word_out,
)

LEVEL, IDX, SIDE_VERSION, SIGNIFICANCE, MAJOR, ACCEPTED, REPLACED, PAIR_LEVEL, PAIR_IDX = range(0, 18, 2)
"""Outputs, and places of their present values in the state, of the highs; those of the lows stand one behind."""

VERSION, LAST_IDX, LAST_SIDE, DIRECTION, PAIR_VERSION, ANCHOR = range(18, 24)
"""Outputs that belong to both sides. LAST_SIDE: 1 high, 2 low."""

OUTPUTS = 24
BEGUN, PENDING_SIDE, PENDING_LEVEL, PENDING_IDX, BARS, ZIGZAG_SIDE, EXTREME, EXTREME_IDX = range(24, 32)
"""
Places in the state behind the outputs: whether there was a bar; the pivot that waits for its opposite (side 0 none, 1 high, 2
low); bars so far; the zigzag's direction (0 not begun, 1 up, 2 down) and its extreme.
"""

FRACTAL = 32
"""
Place of what the fractal keeps: for the highs, then for the lows, the sliding extreme of `left` bars and that of `right` bars;
then the ring of the last `right` bars: per bar the −high and the low, missing unless below the bars before it, and the index.
"""

PLACE, HEAD, LEAST, TAILS = range(4)
"""Places in a sliding extreme: place in the present block, the least in it, the least of the window; then the tails."""

ZIGZAG, LEFT, RIGHT, MULTIPLIER, MAJOR_FROM, MIN_ATR, MIN_PCT, ALTERNATE = range(8)
"""Places in the params. A filter of 0 is off."""


@part
def _pair(state: Row, side: int, level: float, idx: float) -> None:
    """A pivot joins the waiting one of the other side, and waits in its turn."""
    if state[PENDING_SIDE] == 2.0 - side:
        other = 1 - side
        state[PAIR_LEVEL + side], state[PAIR_IDX + side] = level, idx
        state[PAIR_LEVEL + other], state[PAIR_IDX + other] = state[PENDING_LEVEL], state[PENDING_IDX]
        state[DIRECTION] = BULLISH if side == 0 else BEARISH
        state[PAIR_VERSION] += 1.0
        state[ANCHOR] = state[PAIR_VERSION]
    state[PENDING_SIDE], state[PENDING_LEVEL], state[PENDING_IDX] = side + 1.0, level, idx


@part
def _pivot(state: Row, params: Row, side: int, level: float, idx: float, atr: float) -> None:
    """Take a pivot (side 0: high, 1: low) unless a filter holds it back."""
    previous = state[LEVEL + side]
    move = abs(level - previous)
    if move < params[MIN_ATR] * atr and atr > 0.0:
        return
    if 100.0 * move / previous < params[MIN_PCT]:
        return
    if params[ALTERNATE] != 0.0 and state[LAST_SIDE] == side + 1.0:
        if (level <= previous and side == 0) or (level >= previous and side == 1):
            return
        state[REPLACED + side] = 1.0
    significance = move / atr if atr > 0.0 else MISSING
    state[LEVEL + side], state[IDX + side] = level, idx
    state[ACCEPTED + side] = 1.0
    state[VERSION] += 1.0
    state[SIDE_VERSION + side] += 1.0
    state[LAST_IDX], state[LAST_SIDE] = idx, side + 1.0
    state[SIGNIFICANCE + side] = significance if significance - significance == 0.0 else MISSING
    state[MAJOR + side] = 1.0 if significance >= params[MAJOR_FROM] else 0.0
    _pair(state, side, level, idx)


@part
def _take(extreme: Row, value: float) -> None:
    """One more value into a sliding extreme; while there are fewer than a window, it is that of all."""
    place, tails = int(extreme[PLACE]), extreme[TAILS:]
    extreme[HEAD], extreme[LEAST] = least_of_last(tails, place, extreme[HEAD], value)
    extreme[PLACE] = place + 1 if place + 1 < len(tails) else 0


@part
def _begin(state: Row, params: Row) -> None:
    """Before the first bar: what nothing has set is missing, and every value is below no bar."""
    state[BEGUN] = 1.0
    state[LEVEL : IDX + 2] = MISSING
    state[SIGNIFICANCE : SIGNIFICANCE + 2] = MISSING
    state[PAIR_LEVEL : PAIR_IDX + 2] = MISSING
    state[LAST_IDX] = MISSING
    if params[ZIGZAG] == 0.0:
        left, right = TAILS + int(params[LEFT]), TAILS + int(params[RIGHT])
        ring = FRACTAL + 2 * (left + right)
        state[FRACTAL:ring] = np.inf
        state[ring:] = MISSING
        for extreme in (FRACTAL, FRACTAL + left, FRACTAL + left + right, FRACTAL + 2 * left + right):
            state[extreme + PLACE] = 0.0


@part
def _candidate(before: Row, after: Row, value: float, ring: Row, place: int, ready: bool) -> float:
    """
    One more −high, or low, for a side of the fractal; `ring[place]` is its candidate of `right` bars ago.

    Returns that candidate if nothing since has reached it, else missing.
    """
    candidate = ring[place]
    ring[place] = value if ready and value < before[LEAST] else MISSING
    _take(before, value)
    _take(after, value)
    return candidate if candidate < after[LEAST] else MISSING


@part
def _fractals(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    highs, lows, index, atrs = inputs[0], inputs[1], inputs[2], inputs[3]
    left, right = int(params[LEFT]), int(params[RIGHT])
    side = 2 * TAILS + left + right
    high_before, high_after = state[FRACTAL : FRACTAL + TAILS + left], state[FRACTAL + TAILS + left : FRACTAL + side]
    low_before = state[FRACTAL + side : FRACTAL + side + TAILS + left]
    low_after, ring = state[FRACTAL + side + TAILS + left : FRACTAL + 2 * side], state[FRACTAL + 2 * side :]
    bar = int(state[BARS])
    for t in range(lo, hi):
        state[ACCEPTED], state[ACCEPTED + 1], state[REPLACED], state[REPLACED + 1] = 0.0, 0.0, 0.0, 0.0
        place = 3 * (bar % right)
        at, ring[place + 2] = ring[place + 2], index[t]
        high = _candidate(high_before, high_after, -highs[t], ring, place, bar >= left)
        low = _candidate(low_before, low_after, lows[t], ring, place + 1, bar >= left)
        if high == high:
            _pivot(state, params, 0, -high, at, atrs[t])
        if low == low:
            _pivot(state, params, 1, low, at, atrs[t])
        bar += 1
        show(outputs, t, state, OUTPUTS)
    state[BARS] = bar


@part
def _zigzag(state: Row, params: Row, high: float, low: float, idx: float, atr: float) -> None:
    if not atr > 0.0:
        return
    reach = params[MULTIPLIER] * atr
    extreme = state[EXTREME]
    if state[ZIGZAG_SIDE] == 0.0:
        state[ZIGZAG_SIDE], state[EXTREME], state[EXTREME_IDX] = 1.0, high, idx
    elif state[ZIGZAG_SIDE] == 1.0:
        if high > extreme:
            state[EXTREME], state[EXTREME_IDX], extreme = high, idx, high
        if low < extreme - reach:
            _pivot(state, params, 0, extreme, state[EXTREME_IDX], atr)
            state[ZIGZAG_SIDE], state[EXTREME], state[EXTREME_IDX] = 2.0, low, idx
    else:
        if low < extreme:
            state[EXTREME], state[EXTREME_IDX], extreme = low, idx, low
        if high > extreme + reach:
            _pivot(state, params, 1, extreme, state[EXTREME_IDX], atr)
            state[ZIGZAG_SIDE], state[EXTREME], state[EXTREME_IDX] = 1.0, high, idx


def swing(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """Inputs: high, low, index, atr. Params and state: see the places above."""
    highs, lows, index, atrs = inputs[0], inputs[1], inputs[2], inputs[3]
    if state[BEGUN] == 0.0 and lo < hi:
        _begin(state, params)
    if params[ZIGZAG] == 0.0:
        _fractals(inputs, params, state, outputs, lo, hi)
        return
    for t in range(lo, hi):
        state[ACCEPTED : REPLACED + 2] = 0.0
        _zigzag(state, params, highs[t], lows[t], index[t], atrs[t])
        show(outputs, t, state, OUTPUTS)


def _anchor_hash(values: Sequence[float]) -> str:
    """Hex of BLAKE2b over what makes the pair."""
    high_idx, high, low_idx, low, direction = values
    text = f"{high_idx:.0f}|{high:.8f}|{low_idx:.0f}|{low:.8f}|{BIASES[int(direction)]}"
    return blake2b(text.encode(), digest_size=8).hexdigest()


ANCHOR_TEXT = Text(
    ("swing.pair_high_idx", "swing.pair_high_level", "swing.pair_low_idx", "swing.pair_low_level", "swing.pair_direction"),
    _anchor_hash,
)
"""The text that identifies a pair, for structures that use a swing. The column holds the pair's version."""


def _window(params: Settings) -> int:
    return integer(params, "left") + integer(params, "right") + 1


def _is_zigzag(params: Settings) -> bool:
    return params.get("mode") == "atr_zigzag"


def _first(params: Settings) -> int:
    return 0 if _is_zigzag(params) else _window(params) - 1


def _outputs(params: Settings) -> tuple[Output, ...]:
    first = _first(params)
    own_text = Text(tuple(name.removeprefix("swing.") for name in ANCHOR_TEXT.reads), _anchor_hash)
    return (
        *(float_out("high_level", first), float_out("low_level", first)),
        *(index_out("high_idx", first), index_out("low_idx", first)),
        *(count_out("high_version"), count_out("low_version")),
        *(float_out("high_significance", first), float_out("low_significance", first)),
        *(flag_out("high_is_major"), flag_out("low_is_major")),
        *(flag_out("high_accepted"), flag_out("low_accepted")),
        *(flag_out("high_replaced_pending"), flag_out("low_replaced_pending")),
        *(float_out("pair_high_level", first), float_out("pair_low_level", first)),
        *(index_out("pair_high_idx", first), index_out("pair_low_idx", first)),
        count_out("version"),
        index_out("last_confirmed_pivot_idx", first),
        word_out("last_confirmed_pivot_type", ("none", "high", "low")),
        word_out("pair_direction"),
        count_out("pair_version"),
        Output("pair_anchor_hash", ColumnType.ENUM, text=own_text),
    )


def _pack(params: Settings, used: Collection[str]) -> Row:
    zigzag = _is_zigzag(params)
    bars = (0, 0) if zigzag else (integer(params, "left"), integer(params, "right"))
    filters = [number(params, name) if params[name] is not None else 0.0 for name in ("min_atr_move", "min_pct_move")]
    scale = (number(params, "atr_multiplier"), number(params, "major_threshold"))
    return np.array([zigzag, *bars, *scale, *filters, number(params, "strict_alternation")], dtype=np.float64)


def _check(written: Settings) -> tuple[Complaint, ...]:
    if not _is_zigzag(written):
        found = [
            Complaint("E103", name, f"found no `{name}` with mode fractal, expected an integer 1…500 bars")
            for name in ("left", "right")
            if name not in written
        ]
        if "atr_multiplier" in written:
            text = "found `atr_multiplier`, which has no effect with mode fractal, expected it with mode atr_zigzag alone"
            found.append(Complaint("E104", "atr_multiplier", text))
        return tuple(found)
    return tuple(
        Complaint(
            "E104", name, f"found `{name}`, which has no effect with mode atr_zigzag, expected it with mode fractal alone"
        )
        for name in ("left", "right")
        if name in written
    )


def _fade(params: Settings, used: Warmups) -> int:
    return 500 if _is_zigzag(params) else 10 * _window(params)


def _state_size(params: Settings) -> int:
    if _is_zigzag(params):
        return FRACTAL
    left, right = integer(params, "left"), integer(params, "right")
    return FRACTAL + 2 * (2 * TAILS + left + right) + 3 * right


SPEC = StructureSpec(
    name="swing",
    params=(
        ParamSpec("mode", "word", "fractal", words=("fractal", "atr_zigzag")),
        ParamSpec("left", "int", lo=1, hi=500),
        ParamSpec("right", "int", lo=1, hi=500),
        ATR_KEY,
        ParamSpec("atr_multiplier", "float", 2.0, lo=0.0, above_lo=True),
        ParamSpec("major_threshold", "float", 1.5, lo=0.0, above_lo=True),
        ParamSpec("min_atr_move", "float", lo=0.0, above_lo=True),
        ParamSpec("min_pct_move", "float", lo=0.0, above_lo=True),
        ParamSpec("strict_alternation", "bool", default=False),
    ),
    inputs=("high", "low", "index", "atr"),
    outputs=_outputs,
    fade=_fade,
    state_size=_state_size,
    pack=_pack,
    recurrence=swing,
    check=_check,
)
