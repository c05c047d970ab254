"""
What `rsi`, `cmo` and `stochrsi` share: the Wilder means g and l of the rises and the falls of a series.

Both are the mean of the first n, then a ← (a(n−1) + x)/n, so that nothing slides and nothing drifts.
"""

from collections.abc import Sequence

from playd.kernels.compiled import MISSING, Row, Table, inlined
from playd.kernels.exponential import wilder_step


@inlined
def moves_step(seen: float, gain: float, loss: float, change: float, length: float) -> tuple[float, float, float]:
    """
    One more value into g and l, `change` from the one before: values since the last missing one, g, l.

    `seen`: values before this one, counted up to length + 1. The means are there when it passes `length`; until then they are
    sums, and with the first value, which has none before it, nothing.
    """
    rise = change if change > 0.0 else 0.0
    fall = -change if change < 0.0 else 0.0
    if seen > length:
        return seen, wilder_step(gain, rise, length), wilder_step(loss, fall, length)
    if seen == 0.0:
        return 1.0, 0.0, 0.0
    if seen == length:
        return seen + 1.0, (gain + rise) / length, (loss + fall) / length
    return seen + 1.0, gain + rise, loss + fall


def balance(inputs: Sequence[Row], params: Row, state: Row, outputs: Table, lo: int, hi: int) -> None:
    """
    100(g − s·l)/(g + l), 0 if nothing moved. Params: length, s (0 or 1). State: those of `moves_step`, the last value.

    The quotient comes first, so that 100 and 0 are exact. A missing value restarts the seeds.
    """
    x, value = inputs[0], outputs[0]
    length, share = params[0], params[1]
    seen, gain, loss, last = state[0], state[1], state[2], state[3]
    for t in range(lo, hi):
        seen, gain, loss = moves_step(seen, gain, loss, x[t] - last, length)
        last = x[t]
        moved = gain + loss
        value[t] = MISSING
        if (moved + last) - (moved + last) != 0.0:  # x is missing, or a sum has overflowed
            seen = 0.0
        elif seen > length:
            value[t] = 100.0 * ((gain - share * loss) / moved) if moved != 0.0 else 0.0
    state[0], state[1], state[2], state[3] = seen, gain, loss, last
