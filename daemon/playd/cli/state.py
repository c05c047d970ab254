"""`playd state`: what is in a state directory, whose it is, and whether it is whole. Reads only."""

from typing import Final

from playd.control.figures import rfc3339
from playd.control.ops_tables import STATE_FILES
from playd.control.render import Output, render_rows
from playd.core.errors import SettingsError
from playd.ops.state_files import look
from playd.settings import load
from playd.world.ports import World
from playd.world.real import real_world

DAMAGED: Final = 10
UNREAD: Final = 1


def list_state(state: str, config: str, *, as_json: bool, world: World | None = None) -> int:
    """
    Print every file; 10 when one is damaged, 1 when one could not be read. Raises `SettingsError` for a directory that is not
    there.
    """
    world = world or real_world()
    flags = {"daemon.state_dir": ("--state", str(world.process.working_dir() / state))} if state else {}
    directory = load(world, flags=flags, config=config or None).locations.state_dir
    if not world.disk.exists(directory):
        raise SettingsError(f"{directory}: found nothing there, expected a state directory")
    try:
        found = look(world.disk, directory)
    except OSError as error:
        raise SettingsError(f"{directory}: cannot be read: {error.strerror or error}") from error
    rows = [
        {
            "path": each.path,
            "kind": each.kind.name if each.kind is not None else "UNKNOWN: nobody here writes it",
            "owner": each.kind.owner if each.kind is not None else None,
            "written": each.kind.written if each.kind is not None else None,
            "version": each.version or None,
            "size_bytes": each.size,
            "mode": f"{each.mode:04o}",
            "modified": rfc3339(each.modified_ms),
            "check": each.check,
        }
        for each in found
    ]
    print(render_rows(rows, STATE_FILES, Output.JSON if as_json else Output.TABLE, empty=f"{directory} is empty"))
    if any(each.damaged for each in found):
        return DAMAGED
    return 0 if all(each.is_read for each in found) else UNREAD
