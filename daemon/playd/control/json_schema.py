"""
JSON Schemas of what each control method takes and answers: `METHOD.json` and `METHOD.result.json`.

The first is generated from the model that checks its parameters, the second from the return type of the method, to which the
type checker holds its code. `python -m playd.control.json_schema DIRECTORY` writes them; a golden test holds the shipped ones
to them.
"""

import sys
from pathlib import PurePath
from typing import Any, Final, get_type_hints

import orjson
from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import TypedDict

from playd.control.answer_parts import Time, Warned
from playd.control.dispatch import schema_name
from playd.control.methods import CHANGES, LOOKS, Body
from playd.world.ports import Disk
from playd.world.real import RealDisk

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class Result(TypedDict):
    """What stands around every answer: its schema, when it was made, and what else a person should know."""

    schema: str
    ts: Time
    data: Any
    warnings: list[Warned]


class _Untitled(GenerateJsonSchema):
    """Keys are their own titles."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schema_texts() -> dict[str, str]:
    """File name to text, e.g. `status.get.json` and `status.get.result.json`."""
    texts = {}
    for name, (params, body) in sorted((LOOKS | CHANGES).items()):
        taken = params.model_json_schema() | {"title": name, "x-changes": name in CHANGES}
        texts[f"{name}.json"] = _text(taken)
        texts[f"{name}.result.json"] = _text(result_schema(name, body))
    return texts


def result_schema(name: str, body: Body) -> dict[str, Any]:
    """The schema of the whole result object of a method. Keys that it does not name may be added to any object of it."""
    answered = get_type_hints(body, include_extras=True)["return"]
    shape = TypedDict("Result", {**get_type_hints(Result, include_extras=True), "data": answered})  # type: ignore[misc]
    found = TypeAdapter(shape).json_schema(schema_generator=_Untitled, mode="serialization")
    found["properties"]["schema"] = {"const": schema_name(name)}
    return {**found, "$schema": DIALECT, "$id": schema_name(name), "title": name, "description": Result.__doc__}


def write_schemas(disk: Disk, directory: PurePath) -> None:
    """Write every schema into a directory. Raises `OSError`."""
    disk.mkdir(directory, mode=0o755)
    for name, text in schema_texts().items():
        disk.write_replace(directory / name, text.encode(), keep_previous=False, mode=0o644)


def _text(schema: dict[str, Any]) -> str:
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n"


if __name__ == "__main__":
    write_schemas(RealDisk(), PurePath(sys.argv[1]))
