"""`playd play forge`: random valid Plays, for those who test the language or what reads it."""

import sys
from pathlib import PurePath

from playd.core.errors import RecordError, SettingsError
from playd.research.forge.play import Parts, forge_play
from playd.world.real import real_world


def forge_plays(seed: int, count: int, parts: Parts, out: str) -> int:
    """
    Print one forged Play, or write `count` of them as `forge-SEED-NUMBER.yml` below `out`, which must not have these files.

    Raises `SettingsError` for several Plays without a directory, and for files that exist; `RecordError` when writing fails.
    """
    if not out:
        if count > 1:
            raise SettingsError(f"--count {count}: a Play is a file, expected -o DIR for more than one")
        print(forge_play(seed, 0, parts), end="")
        return 0
    world = real_world()
    directory = world.process.working_dir() / PurePath(out)
    paths = [directory / f"forge-{seed}-{number}.yml" for number in range(count)]
    existing = [path.name for path in paths if world.disk.exists(path)]
    if existing:
        raise SettingsError(f"-o {out}: {existing[0]} exists, expected a directory without it")
    try:
        world.disk.mkdir(directory)
        for number, path in enumerate(paths):
            text = forge_play(seed, number, parts)
            world.disk.write_replace(path, text.encode(), keep_previous=False, mode=0o640)
    except OSError as error:
        raise RecordError(f"{directory}: {error.strerror or error}") from error
    print(f"{count} Plays written to {out}", file=sys.stderr)
    return 0
