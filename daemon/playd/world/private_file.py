"""Files that hold a secret: read only when nobody but their owner, us or root, can read them."""

from pathlib import PurePath
from typing import Final

from playd.core.errors import CredentialError
from playd.world.ports import World

_READABLE_BY_OTHERS: Final = 0o077
_READABLE_BY_EVERYBODY: Final = 0o007


def read_private(world: World, path: PurePath) -> str:
    """
    The text of such a file. Raises `CredentialError` when it is missing, readable by others or owned by somebody else.

    What the service manager hands over in the directory of its credentials may show the bits of a group: from version 254 on
    it lets the service's user read root's file by an access list, whose mask stands in their place. The directory is for this
    service alone.
    """
    try:
        stat = world.disk.stat(path)
        data = world.disk.read_bytes(path)
    except OSError as error:
        raise CredentialError(f"credential file {path}: {error.strerror or error}") from None
    handed_over = path.parent == PurePath(world.env.get("CREDENTIALS_DIRECTORY") or path)
    if stat.mode & (_READABLE_BY_EVERYBODY if handed_over else _READABLE_BY_OTHERS):
        raise CredentialError(f"credential file {path} has mode {stat.mode & 0o777:03o}: others can read it; chmod 600")
    if stat.uid not in (0, world.process.uid):
        raise CredentialError(f"credential file {path} belongs to uid {stat.uid}, not to this daemon or root")
    return data.decode(errors="replace")
