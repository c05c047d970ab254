"""Tolerant reading of the venue's numbers: almost all are texts, and absence has four spellings."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from playd.core.errors import Doubtful
from playd.market.proportion import in_proportion

Row = Mapping[str, Any]
ZERO = Decimal(0)
LARGEST: Final = 2**63 - 1
"""Whole numbers that a ledger can hold; what the venue counts and dates stays far below."""


def optional_decimal(row: Row, name: str) -> Decimal | None:
    """
    The field as an exact decimal; None for a missing key, null or empty text. Raises `Doubtful` for anything else, and for a
    number that nothing is priced or counted by: written out it would fill the memory.
    """
    value = row.get(name)
    if value is None or value == "":
        return None
    try:
        # `str` first: a JSON number arrives as a float, whose shortest text is what the venue wrote.
        number = Decimal(str(value))
    except InvalidOperation:
        raise Doubtful(f"field {name} is not a number: {str(value)[:40]!r}") from None
    if not number.is_finite():
        raise Doubtful(f"field {name} is not finite: {value}")
    if not in_proportion(number):
        raise Doubtful(f"field {name} is out of all proportion: {str(value)[:40]}")
    return number


def decimal(row: Row, name: str) -> Decimal:
    """Like `optional_decimal`, with zero for absence."""
    number = optional_decimal(row, name)
    return ZERO if number is None else number


def integer(row: Row, name: str, default: int = 0) -> int:
    """A whole number that may be a text or absent. Raises `Doubtful` for one that is none, or that nothing has so many of."""
    number = optional_decimal(row, name)
    if number is None:
        return default
    if not -LARGEST <= number <= LARGEST:
        raise Doubtful(f"field {name} is too large: {number:.3E}")
    return int(number)


def text(row: Row, name: str) -> str:
    """A text that may be absent or null."""
    value = row.get(name)
    return "" if value is None else str(value)


def objects(found: object) -> list[Row]:
    """A list of rows. Raises `Doubtful` for what is none, or has something else in it."""
    if isinstance(found, list) and all(isinstance(row, dict) for row in found):
        return found
    raise Doubtful(f"a list of objects was expected, {str(found)[:100]!r} came")
