"""`playd play fmt`: Play files in canonical form."""

import sys
from collections.abc import Sequence
from typing import Final

from playd.cli.inputs import play_path
from playd.core.errors import Broken, PlayError, RecordError
from playd.plays.document import read_document
from playd.plays.findings import Report
from playd.plays.formatting import format_play, too_large
from playd.plays.load import load_play
from playd.supervisor.plays import read_play_text
from playd.world.real import real_world

EXIT_NOT_CANONICAL: Final = 1


def format_plays(given: Sequence[str], *, check: bool, write: bool) -> int:
    """
    Print each file in canonical form, or name those that differ (`check`), or rewrite them (`write`).

    Every file is read before anything is written. Raises `PlayError` with the findings of all files that are refused.
    """
    world = real_world()
    paths = [play_path(world, one) for one in given]
    texts, refusals = [], []
    for path in paths:
        text = read_play_text(world.disk, path)
        try:
            texts.append((path, text, canonical_text(text, str(path))))
        except PlayError as error:
            refusals += error.findings
    if refusals:
        raise PlayError(refusals)
    differing = [path for path, text, canonical in texts if text != canonical]
    if check:
        for path in differing:
            print(path)
        return EXIT_NOT_CANONICAL if differing else 0
    for path, text, canonical in texts:
        if not write:
            print(canonical, end="")
        elif text != canonical:
            try:
                mode = world.disk.stat(path).mode
                world.disk.write_replace(path, canonical.encode(), keep_previous=False, mode=mode)
            except OSError as error:
                raise RecordError(f"{path}: {error.strerror or error}") from error
            print(f"{path}: rewritten", file=sys.stderr)
    return 0


def canonical_text(text: str, source: str) -> str:
    """The canonical form of a Play that loads. Raises `PlayError` for one that does not, or whose form would be too large."""
    play = load_play(text, source)
    root = read_document(text, Report(source))
    assert root is not None  # it loads
    canonical = format_play(text, root)
    if why := too_large(canonical):
        raise PlayError([f"{source}: {why}; the file is left as it is"])
    if load_play(canonical, source).play_hash != play.play_hash:
        raise Broken(f"{source}: the canonical form does not decide the same; the file was not touched")
    return canonical
