"""Numbers as the wire writes them, decimal text without exponent; and whole numbers as users write them."""

from decimal import Context, Decimal
from typing import Final

_EXACT: Final = Context(prec=80)
"""Enough digits for sums of doubles between 1e12 and 1e-30 to lose nothing."""

_DIGITS_MAX: Final = 18
"""As many as a column of the records holds."""

_ZERO: Final = Decimal(0)
_ONE: Final = Decimal(1)


def plain(value: Decimal) -> str:
    """Shortest text of a decimal, e.g. `10000`, `-0.25`."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def float_text(value: float) -> str:
    """Shortest text that reads back as the same double."""
    text = repr(value)
    if "e" in text:
        return format(Decimal(text), "f")
    return text[:-2] if text.endswith(".0") else text


def decimal_of(value: float) -> Decimal:
    """The decimal of `float_text(value)`: what a client reads, and what the books count."""
    return Decimal(repr(value))


def exact_sum(*terms: Decimal) -> Decimal:
    """Sum without rounding."""
    total = _ZERO
    for term in terms:
        total = _EXACT.add(total, term)
    return total


def exact_product(*factors: Decimal) -> Decimal:
    """Product without rounding."""
    product = _ONE
    for factor in factors:
        product = _EXACT.multiply(product, factor)
    return product


def rounded(value: Decimal, digits: Decimal) -> Decimal:
    """The nearest multiple of `digits`, a power of ten, however large the value: what `quantize` alone raises for."""
    return value.quantize(digits, context=_EXACT)


def whole_number(text: str) -> int | None:
    """The number that a user's text is, None for what is none, or is larger than records can hold."""
    return int(text) if text.isdecimal() and len(text) <= _DIGITS_MAX else None
