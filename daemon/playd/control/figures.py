"""Figures as they travel to people: value, unit, age and source, because a number without them is a guess."""

from datetime import UTC, datetime
from decimal import Context, Decimal
from typing import Final, Literal

from playd.control.answer_parts import Figure

_AVERAGED: Final = Context(prec=12)

Source = Literal["venue", "ledger", "computed", "stream"]


def figure(
    value: Decimal | float | str | None, unit: str, source: Source, age_s: float | None, why_missing: str = ""
) -> Figure:
    """
    One figure for the wire; the value as decimal text, or null with the reason.

    `age_s` is the time since `source` last said so, None when it never did.
    """
    body: Figure = {"value": plain(value), "unit": unit, "source": source, "age_s": rounded(age_s)}
    if body["value"] is None:
        body["why"] = why_missing or "unknown"
    return body


def plain(value: Decimal | float | str | None) -> str | None:
    """Decimal text without exponent; floats by their shortest text that reads back the same."""
    if value is None or isinstance(value, str):
        return value
    exact = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
    return format(exact, "f") if exact.is_finite() else None


def averaged(price: Decimal) -> Decimal:
    """A price that is a quotient, without the digits that no venue has: there are as many of them as there is room for."""
    return _AVERAGED.plus(price)


def rounded(age_s: float | None) -> float | None:
    """An age to the millisecond."""
    return None if age_s is None else round(age_s, 3)


def rfc3339(time_ms: int) -> str:
    """UTC with milliseconds, e.g. `2024-01-01T00:00:00.000Z`."""
    moment = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z"
