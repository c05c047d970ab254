"""A fault script from a file, for exchanges of our own."""

from pathlib import PurePath

from playd.core.errors import SettingsError
from playd.venues.exchange.faults.model import Fault
from playd.venues.exchange.faults.script import read_script
from playd.world.ports import World


def read_fault_file(world: World, path: PurePath) -> tuple[Fault, ...]:
    """The faults of a script file. Raises `SettingsError` with everything that is wrong with it."""
    try:
        text = world.disk.read_bytes(path).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: cannot be read as a fault script: {error}") from error
    return read_script(text, str(path))
