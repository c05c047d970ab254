"""How one key of the settings is declared: type, default, unit, range, one line of help."""

from decimal import Decimal
from pathlib import PurePath
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _finite_decimal(value: object) -> Decimal:
    """Numbers of TOML are read exactly; a money amount may also be written as text."""
    text = str(value) if isinstance(value, int | float | str | Decimal) and not isinstance(value, bool) else ""
    try:
        number = Decimal(text)
    except ArithmeticError:
        raise ValueError("expected a number") from None
    if not number.is_finite():
        raise ValueError("expected a finite number")
    return number


def _finite_float(value: object) -> float:
    return float(_finite_decimal(None if isinstance(value, str) else value))


def _whole_number(value: object) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole:
        raise ValueError("expected a whole number")
    return cast("int", value)


Exact = Annotated[Decimal, BeforeValidator(_finite_decimal)]
"""Money, percent and basis points: what was written, not the float next to it."""

Seconds = Annotated[float, BeforeValidator(_finite_float)]
Factor = Annotated[float, BeforeValidator(_finite_float)]
Whole = Annotated[int, BeforeValidator(_whole_number)]

OptionalPath = Annotated[PurePath | None, BeforeValidator(lambda value: None if value == "" else value)]
"""A path, or an empty text for none."""


Looser = Literal["", "up", "down"]
"""Which way of changing a key takes more risk; empty where neither does."""


class Section(BaseModel):
    """Base of all tables: frozen, and without room for a key nobody declared."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def key(
    default: Any,
    help_text: str,
    *,
    unit: str = "",
    lo: float | Decimal | None = None,
    hi: float | Decimal | None = None,
    file_only: bool = False,
    live: bool = False,
    looser: Looser = "",
) -> Any:
    """
    Declare a key. `lo` and `hi` are inclusive; `...` as default makes the key required.

    `file_only` keys cannot be set by environment or flag: what they open must be written down where it can be reviewed.
    `live` keys take effect at a reload, all others at the next start. `looser` says which way of changing one takes more risk.
    """
    extra = {"unit": unit, "file_only": file_only, "live": live, "looser": looser}
    return Field(default, ge=lo, le=hi, description=help_text, json_schema_extra=extra)  # type: ignore[arg-type]
