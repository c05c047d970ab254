"""`playd play import`: files with older spellings, rewritten and reported."""

import sys
from pathlib import PurePath
from typing import Final

from playd.cli.inputs import play_path
from playd.control.render import json_text
from playd.core.errors import RecordError, SettingsError
from playd.plays.importing.importer import Imported, import_play
from playd.supervisor.plays import read_play_text
from playd.world.ports import World
from playd.world.real import real_world

EXIT_REFUSED: Final = 6


def import_file(given: str, out: str, *, as_json: bool) -> int:
    """
    Report every change, check the result, and write it to `out`, or to standard output.

    0 when the result is a good Play, 6 when it is refused or needs a decision; it is written all the same, for the author to
    go on with. Raises `SettingsError` when `out` is the file itself, `RecordError` when it cannot be written.
    """
    world = real_world()
    path = play_path(world, given)
    target = world.process.working_dir() / PurePath(out) if out else None
    text = read_play_text(world.disk, path)
    if target is not None and _is_same(world, target, path):
        raise SettingsError(f"-o {out}: is the file itself, expected another; an import never overwrites what it reads")
    imported = import_play(text, str(path))
    if target is not None:
        try:
            world.disk.write_replace(target, imported.text.encode(), keep_previous=False, mode=0o640)
        except OSError as error:
            raise RecordError(f"{target}: {error.strerror or error}") from error
    if as_json:
        print(json_text(_as_json(imported, str(path), out)))
    else:
        _print(imported, str(path), out)
    return EXIT_REFUSED if imported.failed else 0


def _is_same(world: World, target: PurePath, path: PurePath) -> bool:
    """Whether two paths are one file, also through a link: then size, time and bytes agree."""
    disk = world.disk
    if target == path or not disk.exists(target):
        return target == path
    return disk.stat(target) == disk.stat(path) and disk.read_bytes(target) == disk.read_bytes(path)


def _print(imported: Imported, source: str, out: str) -> None:
    for change in imported.changes:
        print(change.line_of(source), file=sys.stderr)
    for problem in imported.problems:
        print(problem.line_of(source), file=sys.stderr)
    for finding in imported.findings:
        print(finding.line_of(out or "the result"), file=sys.stderr)
    meanings = sum(bool(change.meaning) for change in imported.changes)
    verdict = "needs work" if imported.failed else "is good"
    print(f"{source}: {len(imported.changes)} changes, {meanings} of meaning; the result {verdict}", file=sys.stderr)
    if not out:
        print(imported.text, end="")


def _as_json(imported: Imported, source: str, out: str) -> dict[str, object]:
    return {
        "ok": not imported.failed,
        "file": source,
        "out": out or None,
        "changes": [change.as_json() for change in imported.changes],
        "problems": [
            {"line": problem.mark.line, "column": problem.mark.column, "path": problem.path, "text": problem.text}
            for problem in imported.problems
        ],
        "findings": [finding.as_json() for finding in imported.findings],
        "text": imported.text,
    }
