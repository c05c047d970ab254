"""Files that hold a secret: read only when nobody but their owner, us or root, can read them."""

from pathlib import PurePath
from typing import Final

from playd.core.errors import CredentialError
from playd.world.ports import World

_READABLE_BY_OTHERS: Final = 0o077


def read_private(world: World, path: PurePath) -> str:
    """The text of such a file. Raises `CredentialError` when it is missing, readable by others or owned by somebody else."""
    try:
        stat = world.disk.stat(path)
        data = world.disk.read_bytes(path)
    except OSError as error:
        raise CredentialError(f"credential file {path}: {error.strerror or error}") from None
    if stat.mode & _READABLE_BY_OTHERS:
        raise CredentialError(f"credential file {path} has mode {stat.mode & 0o777:03o}: others can read it; chmod 600")
    if stat.uid not in (0, world.process.uid):
        raise CredentialError(f"credential file {path} belongs to uid {stat.uid}, not to this daemon or root")
    return data.decode(errors="replace")
