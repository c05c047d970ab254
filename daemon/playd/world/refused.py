"""What a start says of a file or directory of the state that the system does not let it open."""

import errno
from pathlib import PurePath

from playd.core.errors import PlaydError, RecordError, StateError, is_full


def cannot_open(path: PurePath, error: OSError) -> PlaydError:
    """
    The error to raise: 74 where the medium refuses and a later start may find it mended, else 78, because somebody put
    something else there or took its rights away. It names the very file where the system does.
    """
    text = f"{error.filename or path}: cannot be opened: {error.strerror or error}"
    if is_full(error) or error.errno in (errno.EROFS, errno.EIO):
        return RecordError(f"{text}; see the runbook disk-full")
    return StateError(f"{text}; see the runbook restore-after-a-crash")
