"""Levels that a start finds beside the ledger: panics of the guardian and kill files, as `Halts` takes them over."""

from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

from playd.cli.session import Session
from playd.control.protocol import JsonObject
from playd.core.errors import PlaydError
from playd.orders.kill_file import KILL_FILE
from playd.orders.panic_notes import CODE as GUARDIAN_PANIC
from playd.orders.panic_notes import notes_there

FILE_CODE: Final = "KILL_FILE"
"""As in `orders.halts`, which would take long to import."""


def levels_beside(session: Session, state: PurePath) -> Iterator[JsonObject]:
    """Rows as the table of halts has them in the ledger, the gravest first. What cannot be looked for is said."""
    disk = session.world.disk
    try:
        for note in notes_there(disk, state):
            raised_ms = note.time_ms or disk.stat(note.path).modified_ms
            yield _row(note.scope, 4, GUARDIAN_PANIC, note.reason, note.actor, raised_ms)
    except OSError as error:
        session.say(f"warning: panics of the guardian are left out: {error}")
    for file in _kill_files(session, state):
        session.say(f"the kill file {file} is there, or its directory is away: a start halts everything for as long as it is")
        raised_ms = disk.stat(file).modified_ms if _is_there(session, file) else session.world.clock.wall_ms()
        yield _row("all", 2, FILE_CODE, f"the kill file {file} is present, or its directory is away", "file", raised_ms)


def _row(scope: str, level: int, code: str, text: str, actor: str, raised_ms: int) -> JsonObject:
    return {"scope": scope, "level": level, "code": code, "text": text, "actor": actor, "raised_ms": raised_ms}


def _kill_files(session: Session, state: PurePath) -> Iterator[PurePath]:
    if _is_there(session, state / KILL_FILE):
        yield state / KILL_FILE
    extra = _extra_file(session)
    if extra is not None and (_is_there(session, extra) or not _is_there(session, extra.parent)):
        yield extra


def _is_there(session: Session, path: PurePath) -> bool:
    try:
        return session.world.disk.exists(path)
    except OSError:
        return True


def _extra_file(session: Session) -> PurePath | None:
    """The second kill file that the settings name. Without settings that can be read that is said."""
    from playd.settings import load  # only here: no look at a daemon that runs waits for it

    try:
        return load(session.world).settings.halt.extra_file
    except (PlaydError, OSError) as error:
        session.say(f"warning: whether halt.extra_file names a second kill file is not known: {error}")
        return None
