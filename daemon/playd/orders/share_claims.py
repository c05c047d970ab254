"""
Of the share of an instance one process closes at a time: the daemon or the guardian.

Two orders that only reduce can together close more than a share where others hold a part of the symbol. Each of the two has a
lock file of its own per instance. It takes its own first and looks at the other's then, so that of two that begin at one moment
at least one sees the other. The operating system drops the locks of a process that dies, and a stopped one keeps them.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final
from urllib.parse import quote

from playd.core.errors import LockError
from playd.world.ports import Disk, Lock

FOLDER: Final = PurePath("guardian", "closing")
DAEMON: Final = "daemon"
GUARDIAN: Final = "guardian"

WAIT_S: Final = 5.0
"""So long either waits for a claim of the other: a close that was lost is sent anew after 3 s, and seen a second later."""

_TRIES: Final = 3
"""Who looks at a lock has it for microseconds."""


@dataclass(slots=True)
class _Claim:
    """A lock of ours, and what it is held for. `lock` is None where none was to be had."""

    lock: Lock | None
    keys: set[str] = field(default_factory=set)


class ShareClaims:
    """
    The claims of one of the two processes, `mine`, beside those of the other.

    On a disk that takes no new file nothing can be claimed, and who claims goes on all the same, because a full disk must not
    keep a position open. `make_folder`, while there is room, leaves an empty file as the only thing that is to be made then.
    """

    def __init__(self, disk: Disk, state_dir: PurePath, mine: str, other: str) -> None:
        self._disk = disk
        self._folder = state_dir / FOLDER
        self._mine = mine
        self._other = other
        self._held: dict[str, _Claim] = {}

    def make_folder(self) -> None:
        """Raises `OSError`."""
        self._disk.mkdir(self._folder)

    def hold(self, owner: str, key: str) -> None:
        """Claim the share of instance `owner` for `key`, until `let_go` of the same; for several keys at once, if need be."""
        claim = self._held.get(owner)
        if claim is None:
            claim = self._held[owner] = _Claim(self._lock(owner))
        claim.keys.add(key)

    def _lock(self, owner: str) -> Lock | None:
        with suppress(OSError):
            self.make_folder()
            for _ in range(_TRIES):
                with suppress(LockError):
                    return self._disk.lock(self._path(owner, self._mine), "")
        return None

    def is_held(self, owner: str, key: str) -> bool:
        """Whether we claim it for `key`."""
        claim = self._held.get(owner)
        return claim is not None and key in claim.keys

    def let_go(self, owner: str, key: str) -> None:
        """Give a claim back; of one that is not held nothing happens."""
        claim = self._held.get(owner)
        if claim is None or key not in claim.keys:
            return
        claim.keys.discard(key)
        if not claim.keys:
            del self._held[owner]
            if claim.lock is not None:
                claim.lock.release()

    def theirs(self, owner: str) -> bool:
        """Whether the other process claims the share now. A disk that does not say so claims nothing."""
        try:
            return self._disk.is_locked(self._path(owner, self._other))
        except OSError:
            return False

    def their_last_ms(self, owner: str) -> int:
        """When the other process claimed the share last, by the disk's clock: another number is another claim. 0 for never."""
        try:
            return self._disk.stat(self._path(owner, self._other)).modified_ms
        except OSError:
            return 0

    def _path(self, owner: str, who: str) -> PurePath:
        return self._folder / f"{quote(owner, safe='')}.{who}.lock"
