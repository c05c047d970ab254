"""
derived_zone: zones around ratios of the last swing, kept in slots, newest first.

When the swing's pair_version (version without use_paired_source) has changed and both levels exist with high − low > 0: for
each ratio in the order of `levels`, centre = high − ratio·(high − low), or high + ratio·(high − low) in mode extension, and
the zone centre·(1 ∓ width_pct/2) goes into slot 0, so that the last ratio ends there. Cut to max_active.

Then every zone: one bar older (0 on the bar of its making). An active one is `inside` if lower ≤ C ≤ upper; that is a touch,
on every such bar. Later than on the bar of its making, C < lower·(1 − break_tolerance_pct) or C > upper·(1 +
break_tolerance_pct) breaks it. Aggregates look at active zones; first is the lowest slot. Empty slots are missing,
last_touch_age too before the first touch. anchor_idx is the bar on which the zone was made. instance_id is the 4-byte BLAKE2b,
big-endian, of `derived_zone|version|highidx|lowidx|round(ratio·10⁶)|mode`. Delay: that of the swing.

A zone takes half a microsecond to be named, which is most of what a bar costs where pivots are confirmed every ten bars. The
rest is the writing of ten columns per slot.
"""

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np

from playd.kernels.compiled import MISSING, Row, Table, part
from playd.kernels.spec import ParamSpec, integer
from playd.kernels.structures.blake2b import BLOCK_BYTES, Text, digest_of_4_bytes, write_integer, write_text
from playd.kernels.structures.spec import (
    Complaint,
    Output,
    Settings,
    StructureSpec,
    Use,
    count_out,
    flag_out,
    float_out,
    index_out,
    number,
    numbers,
    slot_name,
    word_out,
)

STATES: Final = ("none", "active", "broken")
EMPTY, ACTIVE, BROKEN = 0.0, 1.0, 2.0

FIELDS: Final = 10
"""
Outputs of a slot. The state keeps them in the same order: lower, upper, state, anchor, age, touches, last touch's age,
identity, touched, inside.
"""

SLOTS: Final = 1 + BLOCK_BYTES // 8
"""Where the slots begin in the state."""

PAIRED: Final = 2
UNPAIRED: Final = 7
"""Where the five inputs begin that the swing gives: version, high, low, their indices."""

RATIOS: Final = 4
"""Where the ratios begin in the params; each is followed by its millionths."""

_HEAD: Final = np.frombuffer(b"derived_zone|", dtype=np.uint8)
_BAR: Final = np.frombuffer(b"|", dtype=np.uint8)
_RETRACEMENT: Final = np.frombuffer(b"|retracement", dtype=np.uint8)
_EXTENSION: Final = np.frombuffer(b"|extension", dtype=np.uint8)


BREAK_TOLERANCE, LASTING_TOLERANCE = 0.001, 0.005
"""Fractions of the price: the default, and what a zone needs to outlive a few bars."""


@part
def _identity(room: Row, version: float, high_index: float, low_index: float, millionths: float, extends: bool) -> float:
    """The number that names a zone. Versions and indices are integers below 2⁵³, so the text fits into `room`, one block."""
    room[:] = 0.0
    text: Text = room.view(np.uint8)
    length = write_text(text, 0, _HEAD)
    length = write_integer(text, length, int(version))
    length = write_text(text, length, _BAR)
    length = write_integer(text, length, int(high_index))
    length = write_text(text, length, _BAR)
    length = write_integer(text, length, int(low_index))
    length = write_text(text, length, _BAR)
    length = write_integer(text, length, int(millionths))
    length = write_text(text, length, _EXTENSION if extends else _RETRACEMENT)
    return float(digest_of_4_bytes(text, length))


@part
def _insert(zones: Row, lower: float, upper: float, index: float, identity: float) -> None:
    """A new zone into slot 0; the others move back, the last one out."""
    for k in range(len(zones) - 1, FIELDS - 1, -1):
        zones[k] = zones[k - FIELDS]
    zones[0], zones[1], zones[2], zones[3] = lower, upper, ACTIVE, index
    zones[4], zones[5], zones[6], zones[7] = -1.0, 0.0, MISSING, identity


@part
def _age(zones: Row, close: float, tolerance: float) -> None:
    """One bar for every zone."""
    for at in range(0, len(zones), FIELDS):
        status, lower, upper = zones[at + 2], zones[at], zones[at + 1]
        if status == EMPTY:
            return
        zones[at + 4] += 1.0
        inside = status == ACTIVE and lower <= close <= upper
        zones[at + 8] = zones[at + 9] = 1.0 if inside else 0.0
        if inside:
            zones[at + 5] += 1.0
            zones[at + 6] = 0.0
        elif status == ACTIVE:
            zones[at + 6] += 1.0
        if zones[at + 4] > 0.0 and (close < lower * (1.0 - tolerance) or close > upper * (1.0 + tolerance)):
            zones[at + 2] = BROKEN


@part
def _report(outputs: Table, t: int, zones: Row, version: float) -> None:
    """Copy the slots, and sum up the active ones."""
    count, inside, first, row = 0, 0.0, -1, 0
    for at in range(0, len(zones), FIELDS):
        if zones[at + 2] == EMPTY:
            break
        for k in range(FIELDS):
            outputs[at + k, t] = zones[at + k]
        row = at + FIELDS
        if zones[at + 2] == ACTIVE:
            count += 1
            inside = max(inside, zones[at + 9])
            first = at if first < 0 else first
    for at in range(row, len(zones), FIELDS):
        for k in range(FIELDS):
            outputs[at + k, t] = MISSING
        outputs[at + 2, t] = outputs[at + 5, t] = outputs[at + 8, t] = outputs[at + 9, t] = 0.0
    end, some = len(zones), first >= 0
    outputs[end, t] = count
    outputs[end + 1, t] = 1.0 if some else 0.0
    outputs[end + 2, t] = outputs[end + 3, t] = inside
    outputs[end + 4, t] = zones[first] if some else MISSING
    outputs[end + 5, t] = zones[first + 1] if some else MISSING
    outputs[end + 6, t] = outputs[end + 7, t] = first // FIELDS if some else MISSING
    outputs[end + 8, t] = version


def derived_zone(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    Inputs: close, index; of the swing pair_version, pair_high_level, pair_low_level, pair_high_idx, pair_low_idx, and the same
    five without `pair_`. Params: row where the swing begins, sign (1 for extension), width_pct, break_tolerance_pct, ratios.

    State: the last version; room for the text of an identity; slots.
    """
    closes, index = inputs[0], inputs[1]
    source, sign, width, tolerance = int(params[0]), params[1], params[2], params[3]
    versions, high_levels, low_levels = inputs[source], inputs[source + 1], inputs[source + 2]
    high_indices, low_indices = inputs[source + 3], inputs[source + 4]
    version, room, zones = state[0], state[1:SLOTS], state[SLOTS:]
    for t in range(lo, hi):
        if versions[t] != version:
            version = versions[t]
            high, span = high_levels[t], high_levels[t] - low_levels[t]
            for k in range(RATIOS, len(params) if span > 0.0 else 0, 2):
                centre = high + sign * params[k] * span
                lower, upper = centre * (1.0 - width / 2.0), centre * (1.0 + width / 2.0)
                if lower - lower == 0.0 and upper - upper == 0.0:
                    identity = _identity(room, version, high_indices[t], low_indices[t], params[k + 1], sign > 0.0)
                    _insert(zones, lower, upper, index[t], identity)
        _age(zones, closes[t], tolerance)
        _report(outputs, t, zones, version)
    state[0] = version


def _slot(n: int) -> tuple[Output, ...]:
    return (
        float_out(slot_name(n, "lower")),
        float_out(slot_name(n, "upper")),
        word_out(slot_name(n, "state"), STATES),
        index_out(slot_name(n, "anchor_idx")),
        index_out(slot_name(n, "age_bars")),
        count_out(slot_name(n, "touch_count")),
        index_out(slot_name(n, "last_touch_age")),
        index_out(slot_name(n, "instance_id")),
        flag_out(slot_name(n, "touched_this_bar")),
        flag_out(slot_name(n, "inside")),
    )


def _outputs(params: Settings) -> tuple[Output, ...]:
    slots = (output for n in range(integer(params, "max_active")) for output in _slot(n))
    return (
        *slots,
        count_out("active_count"),
        flag_out("any_active"),
        flag_out("any_touched"),
        flag_out("any_inside"),
        float_out("first_active_lower"),
        float_out("first_active_upper"),
        index_out("first_active_idx"),
        index_out("newest_active_idx"),
        count_out("source_version"),
    )


def _pack(params: Settings, used: Collection[str]) -> Row:
    source = PAIRED if params["use_paired_source"] else UNPAIRED
    sign = 1.0 if params["mode"] == "extension" else -1.0
    ratios = [value for ratio in numbers(params, "levels") for value in (ratio, round(ratio * 1_000_000))]
    return np.array([source, sign, number(params, "width_pct"), number(params, "break_tolerance_pct"), *ratios])


def _check(written: Settings) -> tuple[Complaint, ...]:
    if number({"break_tolerance_pct": BREAK_TOLERANCE, **written}, "break_tolerance_pct") >= LASTING_TOLERANCE:
        return ()
    text = "found a zone that lives only while price stays within a hair of it; write `break_tolerance_pct` 0.005 or more"
    return (Complaint("W306", "break_tolerance_pct", text),)


SPEC = StructureSpec(
    name="derived_zone",
    params=(
        ParamSpec("levels", "numbers", lo=-10.0, hi=10.0, required=True, most=32),
        ParamSpec("max_active", "int", lo=1, hi=32, required=True),
        ParamSpec("mode", "word", "retracement", words=("retracement", "extension")),
        ParamSpec("width_pct", "float", 0.002, lo=0.0, above_lo=True),
        ParamSpec("use_paired_source", "bool", default=True),
        ParamSpec("break_tolerance_pct", "float", BREAK_TOLERANCE, lo=0.0),
    ),
    inputs=(
        "close",
        "index",
        "swing.pair_version",
        "swing.pair_high_level",
        "swing.pair_low_level",
        "swing.pair_high_idx",
        "swing.pair_low_idx",
        "swing.version",
        "swing.high_level",
        "swing.low_level",
        "swing.high_idx",
        "swing.low_idx",
    ),
    outputs=_outputs,
    fade=lambda params, used: 0,
    state_size=lambda params: SLOTS + FIELDS * integer(params, "max_active"),
    pack=_pack,
    recurrence=derived_zone,
    uses=(Use("swing"),),
    check=_check,
)
