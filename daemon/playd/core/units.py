"""
Prices and quantities as integer counts of tick and step.

`to_units` is the only place where a float becomes a count, in every mode; `from_units` the only way back. A unit (tick or
step) is an exact fraction `num/den`, so that a count times its unit is the float nearest to the decimal text of the price:
`from_units(500_101, 1, 10) == float("50010.1")`, whatever path the number took.
"""

import math
from decimal import Decimal
from typing import Final

from playd.core.machine import kept

DOWN: Final = 0
UP: Final = 1

_SNAP: Final = 1e-9
"""A quotient this close (relative) to a whole number is that number: it hides the error of a decimal unit in binary."""


@kept
def to_units(value: float, num: int, den: int, side: int) -> int:
    """
    Count of units `num/den` in `value`, rounded down (`DOWN`) or up (`UP`) unless `value` is a whole count already.

    `value` must be finite; callers refuse NaN and infinities before they come here.
    """
    quotient = value / (num / den)
    nearest = round_half_even(quotient)
    if abs(quotient - nearest) <= _SNAP * max(1.0, abs(quotient)):
        return int(nearest)
    return math.floor(quotient) if side == DOWN else math.ceil(quotient)


@kept
def round_half_even(value: float) -> float:
    """Nearest whole number, ties to even."""
    floor = math.floor(value)
    rest = value - floor
    if rest > 0.5 or (rest == 0.5 and floor % 2.0 == 1.0):
        return floor + 1.0
    return floor


@kept
def from_units(count: int, num: int, den: int) -> float:
    """Value of `count` units: the float nearest to the exact decimal, because both integers are exact below 2**53."""
    return float(count * num) / float(den)


def text_to_units(text: str, unit: Decimal) -> int:
    """Exact count of `unit` in a decimal text from the wire. Raises `ValueError` when it is not a whole count."""
    quotient = Decimal(text) / unit
    count = int(quotient)
    if quotient != count:
        raise ValueError(f"{text} is not a whole multiple of {unit}")
    return count


def units_to_text(count: int, unit: Decimal) -> str:
    """Decimal text for the wire, without exponent, e.g. 500100 ticks of 0.1 are `50010.0`."""
    return format(count * unit, "f")
