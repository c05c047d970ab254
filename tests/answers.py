"""
Whether an answer of the control socket is what its shipped schema says: types, keys that must be there, and none beside them.

The schemas leave room for keys to come; a key that the daemon sends today is declared today.
"""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, Final

SHIPPED: Final = Path(__file__).parents[1] / "config" / "schema" / "control"
_OURS: Final = "playd."
_SAID_ONLY: Final = {"$defs", "$schema", "$id", "title", "description", "required", "properties", "default"}

_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


@cache
def result_schema(method: str) -> dict[str, Any]:
    """The shipped schema of what a method answers."""
    found: dict[str, Any] = json.loads((SHIPPED / f"{method}.result.json").read_text())
    return found


def check_answer(result: dict[str, Any]) -> None:
    """Fail unless a result fits the schema that it names; what the guardian says has none."""
    name, _, _ = result["schema"].partition("/")
    if name.startswith(_OURS):
        schema = result_schema(name.removeprefix(_OURS))
        wrong = [*faults(result, schema, schema, "result")]
        assert not wrong, f"{name}: " + "; ".join(wrong[:10])


def check_data(method: str, data: Any) -> None:
    """The same of what a method itself returned, for tests that bring it to an answer without a socket."""
    schema = result_schema(method)
    wrong = faults(data, schema["properties"]["data"], schema, "data")
    assert not wrong, f"{method}: " + "; ".join(wrong[:10])


def faults(value: Any, schema: dict[str, Any], root: dict[str, Any], place: str) -> list[str]:
    """What is wrong with a value, each with its place. A keyword of JSON Schema that nobody checks here is a fault too."""
    if reference := schema.get("$ref"):
        return faults(value, root["$defs"][reference.removeprefix("#/$defs/")], root, place)
    if choices := schema.get("anyOf"):
        tried = [faults(value, each, root, place) for each in choices]
        return [] if not all(tried) else max(tried, key=lambda each: (len(each[0]), -len(each)))
    found = []
    if (kind := schema.get("type")) is not None:
        is_right = isinstance(value, _TYPES[kind]) and not (isinstance(value, bool) and kind in ("integer", "number"))
        if not is_right:
            return [f"{place}: found {value!r}, expected {kind}"]
    for keyword, wanted in schema.items():
        if keyword == "const" and value != wanted:
            found.append(f"{place}: found {value!r}, expected {wanted!r}")
        elif keyword == "enum" and value not in wanted:
            found.append(f"{place}: found {value!r}, expected one of {wanted}")
        elif keyword == "pattern" and not re.search(wanted, value):
            found.append(f"{place}: found {value!r}, expected {wanted}")
        elif keyword == "items":
            found += [fault for n, each in enumerate(value) for fault in faults(each, wanted, root, f"{place}[{n}]")]
        elif keyword not in {"const", "enum", "pattern", "items", "type", "additionalProperties", *_SAID_ONLY}:
            found.append(f"{place}: nobody checks the keyword {keyword}")
    if isinstance(value, dict):
        found += _keys(value, schema, root, place)
    return found


def _keys(value: dict[str, Any], schema: dict[str, Any], root: dict[str, Any], place: str) -> list[str]:
    declared, others = schema.get("properties"), schema.get("additionalProperties")
    found = [f"{place}: no {name}" for name in schema.get("required", ()) if name not in value]
    for name, each in value.items():
        if declared is not None and name in declared:
            found += faults(each, declared[name], root, f"{place}.{name}")
        elif isinstance(others, dict):
            found += faults(each, others, root, f"{place}.{name}")
        elif others is not True and declared is not None:
            found.append(f"{place}.{name}: declared nowhere")
    return found
