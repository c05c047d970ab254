"""
What indicators over the last n values share: extremes and sums that slide, at a cost that does not depend on n.

Sums are carried from bar to bar and summed afresh, oldest to newest, at every bar whose index is a multiple of RESUM_BARS, and
whenever so much has been subtracted that rounding could show: they stay within 1e-9 relative of the direct sums. Extremes slide
by blocks of n (van Herk, Gil and Werman): the window is the tail of the last whole block and the head of the present one.
"""

from typing import Final

from playd.kernels.compiled import Row, inlined, part

RESUM_BARS: Final = 512
"""512 additions lose at most 512 · 2⁻⁵³ ≈ 6e-14 of the largest sum in between."""

CANCELLED: Final = 1e-3
"""Below this part of the largest sum, that loss could pass 6e-11 of the present one."""


@part
def _note_tails(tails: Row) -> None:
    """A block is complete: each value becomes the least from it on."""
    least = tails[len(tails) - 1]
    for k in range(len(tails) - 2, -1, -1):
        least = tails[k] if tails[k] < least else least
        tails[k] = least


@inlined
def least_of_last(tails: Row, bars: int, head: float, value: float) -> tuple[float, float]:
    """
    The least of the present block and of the last n values, this one included; the latter is meaningless before there are n.

    `bars`: place of the value in its block of n = len(tails), `head`: the least of the block before it. Tails that are not
    needed any more make room for the values of the present block, from which the next tails are made. The highest is asked for
    with −value.
    """
    head = value if bars == 0 or value < head else head
    tails[bars] = value
    if bars + 1 < len(tails):
        tail = tails[bars + 1]
        return head, tail if tail < head else head
    _note_tails(tails)
    return head, head


@part
def _sum_of_ring(ring: Row, newest: int) -> float:
    """Σ of a ring, oldest to newest."""
    total = 0.0
    for k in range(newest + 1, len(ring)):
        total += ring[k]
    for k in range(newest + 1):
        total += ring[k]
    return total


@inlined
def slide(ring: Row, place: int, full: bool, sums: tuple[float, float], value: float, on_grid: bool) -> tuple[float, float]:
    """
    The sum of the last n values and its largest size since resummed, once `value` has taken the oldest one's place in the ring.

    `full`: whether the ring held n values before; if not, nothing leaves. `on_grid`: whether it is time to sum afresh.
    """
    total = sums[0] + (value - ring[place] if full else value)
    ring[place] = value
    largest = max(sums[1], abs(total))
    if full and (on_grid or abs(total) < largest * CANCELLED):
        total = _sum_of_ring(ring, place)
        largest = abs(total)
    return total, largest


@part
def sum_of_last(x: Row, t: int, length: int) -> float:
    """Σ x of the window that ends at t."""
    total = 0.0
    for k in range(t - length + 1, t + 1):
        total += x[k]
    return total


@part
def weighted_sums_of_last(x: Row, t: int, length: int) -> tuple[float, float]:
    """Σ x_i and Σ i·x_i (i = 1 oldest … n newest) of the window that ends at t."""
    total, weighted = 0.0, 0.0
    for k in range(1, length + 1):
        total += x[t - length + k]
        weighted += k * x[t - length + k]
    return total, weighted


@part
def has_missing(x: Row) -> bool:
    """Whether a value is missing or infinite."""
    count = 0
    for k in range(len(x)):
        count += 0 if x[k] - x[k] == 0.0 else 1
    return count > 0
