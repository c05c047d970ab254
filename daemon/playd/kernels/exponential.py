"""Averages that several indicators carry: exponential ones and Wilder's, both seeded with the mean of their first n values."""

from playd.kernels.compiled import inlined, part


@part
def ema_step(seen: float, mean: float, value: float, length: float, alpha: float) -> tuple[float, float]:
    """One more value into it: values so far (up to length), mean (their sum while seeding)."""
    if seen >= length:
        return seen, mean + alpha * (value - mean)
    seen += 1.0
    mean += value
    return seen, mean / length if seen == length else mean


@inlined
def wilder_step(mean: float, value: float, length: float) -> float:
    """
    (mean·(n−1) + value)/n, as TA-Lib rounds it: the product and the sum first, then times 1/n.

    The same bits matter where a market stands still: what remains of an average then is told by its rounding alone, and an
    oscillator of an oscillator makes a swing of it.
    """
    return (mean * (length - 1.0) + value) * (1.0 / length)
