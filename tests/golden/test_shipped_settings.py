"""The shipped configuration says what the model says."""

import re
import tomllib
from decimal import Decimal
from pathlib import Path, PurePath

from playd.settings import load
from playd.settings.document import schema_text, shipped_file
from playd.world.virtual import virtual_world

CONFIG = Path(__file__).parents[2] / "config"


def test_the_shipped_file_is_the_generated_one() -> None:
    assert (CONFIG / "playd.toml").read_text() == shipped_file(), "run `make generated`"


def test_the_shipped_schema_is_the_generated_one() -> None:
    assert (CONFIG / "schema" / "playd.schema.json").read_bytes() == schema_text(), "run `make generated`"


def test_the_shipped_file_changes_nothing() -> None:
    assert _digest_of(shipped_file()) == load(virtual_world()).digest


def test_each_default_in_the_shipped_file_is_the_default() -> None:
    sections = shipped_file().split("#[accounts.NAME]")[0]
    uncommented = re.sub(r"(?m)^#([a-z_]+ = )", r"\1", sections)
    assert tomllib.loads(uncommented, parse_float=Decimal)["market"]["speed"] == 60
    assert _digest_of(uncommented) == load(virtual_world()).digest


def _digest_of(text: str) -> str:
    world = virtual_world()
    world.disk.mkdir(PurePath("/config"))
    world.disk.write_replace(PurePath("/config/playd.toml"), text.encode())
    return load(world).digest
