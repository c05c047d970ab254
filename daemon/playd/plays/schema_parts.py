"""Parts of the JSON Schema that are made from the tables of the checker: keys, maps, variables, references."""

from collections.abc import Collection, Sequence
from typing import Final

from playd.core.timeframes import TIMEFRAME_MS
from playd.plays.operands import REFERENCE
from playd.plays.reader import Key, Table
from playd.plays.tables import ROLES

Schema = dict[str, object]

_TYPES: Final = {"number": "number", "int": "integer", "bool": "boolean", "text": "string", "map": "object", "list": "array"}
VARIABLE: Final[Schema] = {"type": "string", "pattern": r"^\$[A-Za-z_][A-Za-z0-9_]*$"}
IDENTIFIER: Final = "^[A-Za-z_][A-Za-z0-9_]{0,63}$"


def ref(name: str) -> Schema:
    """What stands below that name in `$defs`."""
    return {"$ref": f"#/$defs/{name}"}


def or_variable(schema: Schema) -> Schema:
    """A scalar, or a variable in its place."""
    return {"anyOf": [schema, ref("variable")]}


def one_of_words(words: Collection[str]) -> Schema:
    """One of some words, or a variable."""
    return or_variable({"enum": list(words)})


def text_like(pattern: str) -> Schema:
    """Text of a form, or a variable."""
    return or_variable({"type": "string", "pattern": pattern})


def clock_word() -> Schema:
    """A timeframe or a role that stands for one."""
    return {"anyOf": [ref("timeframe"), {"enum": [*ROLES, "exec"]}]}


def key_schema(key: Key) -> Schema:
    """The schema of one key's value."""
    if key.kind in ("map", "list", "any"):
        return {"type": _TYPES[key.kind]} if key.kind != "any" else {}
    is_word = key.kind == "word"
    words: Schema = _any_case(key.words) if key.any_case else {"enum": list(key.words)}
    schema: Schema = words if is_word else {"type": _TYPES[key.kind]}
    if key.low is not None:
        schema["exclusiveMinimum" if key.above else "minimum"] = key.low
    if key.high is not None:
        schema["maximum"] = key.high
    if key.kind == "text" and key.default != "":
        schema["minLength"] = 1
    if key.words and not is_word:
        schema = {"anyOf": [schema, {"enum": list(key.words)}]}
    return or_variable(schema)


def map_schema(table: Table, **special: Schema) -> Schema:
    """The schema of a map; `special` replaces what the table alone cannot say."""
    properties: Schema = {}
    for key in table.keys:
        unit = f" [{key.unit}]" if key.unit else ""
        about: Schema = {"description": f"{key.meaning}{unit}"}
        if key.default is not None:
            about["default"] = key.default
        properties[key.name] = {**about, **special.get(key.name, key_schema(key))}
    required = [key.name for key in table.keys if key.required]
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def map_of(schema: Schema, taken: Collection[str] = ()) -> Schema:
    """Names to values of one kind; `taken` names cannot be used."""
    names: Schema = {"pattern": IDENTIFIER}
    if taken:
        names["not"] = {"enum": list(taken)}
    return {"type": "object", "propertyNames": names, "additionalProperties": schema}


def list_of(schema: Schema, *, least: int = 1, most: int | None = None) -> Schema:
    """A list of values of one kind."""
    return {"type": "array", "items": schema, "minItems": least, **({} if most is None else {"maxItems": most})}


def tuple_of(*items: Schema) -> Schema:
    """A list of as many values, each of its kind."""
    return {"type": "array", "prefixItems": list(items), "items": False, "minItems": len(items)}


def having_one_of(*names: str) -> Schema:
    """Exactly one of some keys is there."""
    return {"oneOf": [{"required": [name]} for name in names]}


def basics() -> Schema:
    """What the other parts point to."""
    return {
        "variable": VARIABLE,
        "timeframe": one_of_words([*TIMEFRAME_MS, "d"]),
        "reference": map_schema(REFERENCE),
    }


def _any_case(words: Sequence[str]) -> Schema:
    """Words that an editor proposes, and their every other spelling."""
    spellings = "|".join("".join(f"[{letter.upper()}{letter.lower()}]" for letter in word) for word in words)
    return {"anyOf": [{"enum": list(words)}, {"type": "string", "pattern": f"^({spellings})$"}]}
