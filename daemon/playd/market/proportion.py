"""What a number that came over a wire may be, before anything is counted by it or written out."""

from decimal import Decimal
from typing import Final

DIGITS_MAX: Final = 30
"""
Digits before or behind the point. No price, amount, rate or time has as many: a time in milliseconds has 13 before it, a fee 18
behind it. Written out such a number is a short text, and sums and quotients of two stay far from the bounds of a decimal.
"""


def in_proportion(number: Decimal) -> bool:
    """Whether a number is finite, and nought or neither too large nor too small to be one of a market's."""
    return number.is_finite() and (not number or -DIGITS_MAX <= number.adjusted() <= DIGITS_MAX)
