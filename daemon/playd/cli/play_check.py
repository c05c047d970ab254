"""`playd play check`: every finding of every file at once, for people and for programs."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from playd.cli.inputs import play_path
from playd.cli.values import overrides_of
from playd.control.render import json_text
from playd.core.errors import PlayError
from playd.core.timeframes import MINUTE_MS
from playd.plays.compile import compile_program
from playd.plays.findings import Finding
from playd.plays.load import check_play
from playd.plays.model import Play, Scalar
from playd.supervisor.plays import read_play_text
from playd.world.ports import World
from playd.world.real import real_world

EXIT_REFUSED: Final = 6


@dataclass(frozen=True, slots=True)
class _Checked:
    """
    One file. `unreadable` says why nothing of it could be checked; else `findings` are in the order of the file.

    `play` is None exactly when there is an error.
    """

    source: str
    play: Play | None
    findings: tuple[Finding, ...] = ()
    unreadable: tuple[str, ...] = ()

    def count(self, kind: str) -> int:
        """How many errors (`E`) or warnings (`W`)."""
        return sum(finding.code.startswith(kind) for finding in self.findings) + (len(self.unreadable) if kind == "E" else 0)

    def good(self, strict: bool) -> bool:
        """Whether the file is accepted; `strict` accepts no warning either."""
        return self.play is not None and not (strict and self.count("W"))


def check_plays(given: Sequence[str], overrides: Sequence[str], *, as_json: bool, strict: bool) -> int:
    """Print every finding of every file; 0 when all are good, 6 when one is refused (with `strict`: or has a warning)."""
    values = overrides_of(overrides)
    checked = [_check(real_world(), one, values) for one in given]
    errors, warnings = (sum(one.count(kind) for one in checked) for kind in "EW")
    refused = errors or (strict and warnings)
    if as_json:
        files = [_as_json(one, strict) for one in checked]
        print(json_text({"ok": not refused, "errors": errors, "warnings": warnings, "files": files}))
        return EXIT_REFUSED if refused else 0
    for one in checked:
        for line in (*one.unreadable, *(finding.line_of(one.source) for finding in one.findings)):
            print(line, file=sys.stderr)
        if one.play is not None and one.good(strict):
            print(_summary(one.play))
    if len(checked) > 1 or refused:
        good = sum(one.good(strict) for one in checked)
        print(f"{good} of {len(checked)} files good, {errors} errors, {warnings} warnings", file=sys.stderr)
    return EXIT_REFUSED if refused else 0


def _check(world: World, given: str, overrides: Mapping[str, Scalar]) -> _Checked:
    try:
        path = play_path(world, given)
        source = _shown(path, world.process.working_dir())
        play, report = check_play(read_play_text(world.disk, path), source, overrides)
        if play is not None:
            compile_program(play, MINUTE_MS)
    except PlayError as error:
        return _Checked(given, None, unreadable=tuple(error.findings))
    return _Checked(source, play, tuple(report.ordered()))


def _shown(path: PurePath, here: PurePath) -> str:
    """A path as people write it: relative to where they are."""
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def _summary(play: Play) -> str:
    program = compile_program(play, MINUTE_MS)
    clocks = ", ".join(clock.name for clock in program.clocks)
    return (
        f"{play.name}: good; {play.symbol}, clocks {clocks}, {len(program.nodes)} nodes, "
        f"warm-up {program.warmup_ms // MINUTE_MS} minutes, hash {play.play_hash[:16]}"
    )


def _as_json(one: _Checked, strict: bool) -> dict[str, Any]:
    findings = [finding.as_json() for finding in one.findings]
    unreadable = [{"code": "E100", "line": None, "column": None, "path": "", "text": text} for text in one.unreadable]
    return {
        "file": one.source,
        "ok": one.good(strict),
        "name": one.play.name if one.play else None,
        "play_hash": one.play.play_hash if one.play else None,
        "findings": [*unreadable, *findings],
    }
