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
    (mean·(n−1) + value)/n, with the quotients (n−1)/n and 1/n in place of the division.

    They do not change from bar to bar, so that what a bar waits for is one product and one sum. What the rounding of the two
    quotients does to the mean is less than n·10⁻¹⁵ of it.
    """
    return mean * ((length - 1.0) / length) + value * (1.0 / length)
