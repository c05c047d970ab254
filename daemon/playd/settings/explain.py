"""What the model says about a wrong value, in the words of an operator: found, expected, unit, range."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic_core import ErrorDetails

from playd.settings.fields import Section
from playd.settings.layers import field_at
from playd.settings.toml_lines import Path
from playd.settings.unsupported import instead_of
from playd.settings.words import dashed


def describe(fault: ErrorDetails) -> tuple[Path, str]:
    """The key at fault and what is wrong with it."""
    path = tuple(part for part in fault["loc"] if isinstance(part, str) and part != "[key]")
    found = fault["input"]
    match fault["type"]:
        case "missing":
            return path, "is missing"
        case "enum" | "literal_error":
            return path, _one_of(found, fault.get("ctx", {}))
        case "extra_forbidden":
            return path, _unknown(path)
        case "greater_than_equal" | "less_than_equal":
            return path, f"found {_shown(found)}, expected {_range(path)}"
        case "string_pattern_mismatch":
            meant_by = dashed(found) if isinstance(found, str) else ""
            return path, f"{_shown(found)} is no name: expected up to 32 of a-z, 0-9 and -, not beginning with -{meant_by}"
        case _:
            text = fault["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
            expected = text if text.startswith("expected") else f"expected {text}"
            return path, f"found {_shown(found)}, {expected}{_unit(path)}"


def _unknown(path: Path) -> str:
    """What is wrong with a key of an element of a list, such as a route of alerts."""
    if (instead := instead_of(path)) is not None:
        return f"is not supported: {instead}"
    field = field_at(path[:-1])
    elements = [each for each in get_args(field.annotation if field else None) if isinstance(each, type)]
    names = [key.alias or name for each in elements if issubclass(each, Section) for name, key in each.model_fields.items()]
    return "is an unknown key here" + (meant(path[-1], names) or f", expected one of {', '.join(names)}")


def _one_of(found: object, context: Mapping[str, Any]) -> str:
    words = [word.strip(" '") for word in str(context["expected"]).replace(" or ", ",").split(",")]
    return f"found {_shown(found)}, expected one of {', '.join(words)}{meant(found, words)}"


def meant(found: object, words: Sequence[str]) -> str:
    """The nearest valid word as a question, or nothing. What variables call `real` is `live` everywhere else."""
    close = ["live"] if found == "real" and "live" in words else difflib.get_close_matches(str(found), words, 1)
    return f"; did you mean {close[0]}?" if close else ""


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return repr(value) if isinstance(value, str) else str(value)


def bounds(path: Path) -> tuple[Any, Any]:
    """Least and greatest allowed value of a key, None where there is no bound."""
    field = field_at(path)
    limits = {type(limit).__name__: limit for limit in (field.metadata if field else ())}
    return getattr(limits.get("Ge"), "ge", None), getattr(limits.get("Le"), "le", None)


def unit(path: Path) -> str:
    """Unit of a key, empty when it has none."""
    field = field_at(path)
    extra = field.json_schema_extra if field else None
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


def _unit(path: Path) -> str:
    return f" in {unit(path)}" if unit(path) else ""


def _range(path: Path) -> str:
    lo, hi = bounds(path)
    suffix = f" {unit(path)}" if unit(path) else ""
    if lo is None:
        return f"at most {hi}{suffix}"
    return f"at least {lo}{suffix}" if hi is None else f"{lo} to {hi}{suffix}"
