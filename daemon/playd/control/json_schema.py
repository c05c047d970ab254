"""
JSON Schemas of what each control method takes, generated from the models that check it: one file per method.

`python -m playd.control.json_schema DIRECTORY` writes them; a golden test holds the shipped ones to them.
"""

import sys
from pathlib import PurePath

import orjson

from playd.control.methods import CHANGES, LOOKS
from playd.world.ports import Disk
from playd.world.real import RealDisk


def schema_texts() -> dict[str, str]:
    """File name to text, e.g. `status.get.json`."""
    texts = {}
    for name, (params, _) in sorted((LOOKS | CHANGES).items()):
        schema = params.model_json_schema()
        schema |= {"title": name, "x-changes": name in CHANGES}
        texts[f"{name}.json"] = orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode() + "\n"
    return texts


def write_schemas(disk: Disk, directory: PurePath) -> None:
    """Write every schema into a directory. Raises `OSError`."""
    disk.mkdir(directory, mode=0o755)
    for name, text in schema_texts().items():
        disk.write_replace(directory / name, text.encode(), keep_previous=False, mode=0o644)


if __name__ == "__main__":
    write_schemas(RealDisk(), PurePath(sys.argv[1]))
