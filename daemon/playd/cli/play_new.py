"""`playd play new`: a Play to start from."""

import re
import sys
from pathlib import PurePath
from typing import Final

from playd.core.errors import RecordError, SettingsError
from playd.plays.findings import did_you_mean, one_of
from playd.plays.templates import TEMPLATES, new_play
from playd.world.real import real_world

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")


def write_new(template: str, out: str, name: str) -> int:
    """
    Print a new Play, or write it to `out`, which must not exist. Its name is `name`, else the stem of `out` or the template's.

    Raises `SettingsError` for an unknown template or a name that cannot be used, `RecordError` when writing fails.
    """
    if template not in TEMPLATES:
        near = did_you_mean(template, TEMPLATES)
        raise SettingsError(f"--template {template!r}: expected {one_of(TEMPLATES)}{near}")
    name = name or PurePath(out).stem or template
    if not _NAME.match(name):
        raise SettingsError(f"--name {name!r}: expected 1 to 64 of A-Z a-z 0-9 _ . -")
    text = new_play(template, name)
    if not out:
        print(text, end="")
        return 0
    world = real_world()
    path = world.process.working_dir() / PurePath(out)
    if world.disk.exists(path):
        raise SettingsError(f"-o {out}: exists, expected a new file")
    try:
        world.disk.write_replace(path, text.encode(), keep_previous=False, mode=0o640)
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror or error}") from error
    print(f"{out}: written; `playd play check {out}` checks it", file=sys.stderr)
    return 0
