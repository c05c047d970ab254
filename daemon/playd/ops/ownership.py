"""
Who else gets at the state and the settings: each fault with the command that mends it.

A start is refused for the first one (77), `playd check` and `playd doctor` list all, and `doctor --fix` mends modes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Final

from playd.settings import Loaded
from playd.settings.locations import FILE_NAME, files
from playd.world.ports import World

OTHERS: Final = 0o077
ANYBODY_WRITES: Final = 0o002
STICKY: Final = 0o1000
"""On a directory like /tmp: everybody puts files there, and nobody touches those of others."""

UNUSED: Final = ("README.md", "evidence", "run", "exchange", "guardian", "runs", "recorded-*", ".ballast", "HALT")
"""
What a state directory may hold before its first daemon: the page of a checkout, reports of drills, backtests that were kept, a
socket, what the local exchange, the guardian, a recorded market below it and `doctor --fix` have made, a kill file.
"""


@dataclass(frozen=True, slots=True)
class Exposed:
    """One file or directory. `mode` is the one that it should have; None where its owner is wrong."""

    path: PurePath
    text: str
    command: str
    mode: int | None

    def __str__(self) -> str:
        return f"{self.path} {self.text}; {self.command}"


def exposed(world: World, loaded: Loaded) -> Iterator[Exposed]:
    """
    What others may read of the state or write of the settings. The state is the daemon's alone; settings may be read by
    everybody and written by nobody else; where they say which key is used, or where everybody may put files beside them, they
    belong to us or to root.
    """
    state = loaded.locations.state_dir
    if world.disk.exists(state):
        stat = world.disk.stat(state)
        if stat.uid not in (world.process.uid, 0):
            yield Exposed(state, f"belongs to uid {stat.uid}", f"chown -R {world.process.uid} {state}", None)
        if stat.mode & OTHERS and not _is_unused(world, state):
            text = f"has mode {stat.mode & 0o777:03o}: others get at what is in there"
            yield Exposed(state, text, f"chmod 700 {state}", 0o700)
    shared = world.disk.exists(config := loaded.locations.config_dir) and world.disk.stat(config).mode & STICKY
    by_us = shared or any(account.has_key for account in loaded.settings.accounts.values())
    for path in _settings(world, loaded):
        stat = world.disk.stat(path)
        if stat.mode & ANYBODY_WRITES and not stat.mode & STICKY:
            text = f"has mode {stat.mode & 0o777:03o}: anybody can change settings there"
            yield Exposed(path, text, f"chmod o-w {path}", stat.mode & 0o777 & ~ANYBODY_WRITES)
        if by_us and stat.uid not in (world.process.uid, 0):
            text = f"belongs to uid {stat.uid}, who could send orders and keys elsewhere"
            yield Exposed(path, text, f"chown {world.process.uid} {path}", None)


def close_if_unused(world: World, state: PurePath) -> None:
    """
    Make a directory of ours that no daemon has used yet ours alone: somebody made it by hand, or a checkout has it.

    One that anybody may write into was meant to be open, or was tampered with; a person decides about it.
    """
    if world.disk.exists(state) and _is_unused(world, state):
        world.disk.chmod(state, 0o700)


def _is_unused(world: World, state: PurePath) -> bool:
    stat = world.disk.stat(state)
    if stat.uid != world.process.uid or stat.mode & ANYBODY_WRITES:
        return False
    return all(any(fnmatchcase(name, known) for known in UNUSED) for name in world.disk.list(state))


def _settings(world: World, loaded: Loaded) -> list[PurePath]:
    """The files that were read, and the directories that they were found in."""
    places = loaded.locations
    main_file = places.config if places.config != places.config_dir else places.config_dir / FILE_NAME
    found = (places.config_dir, places.config_dir / "conf.d", *files(world, places.config_dir, main_file, required=False))
    return [path for path in dict.fromkeys(found) if world.disk.exists(path)]
