"""Free space of the state directory: a warning, then no new risk, long before ledger and journal run out of room."""

import math
from pathlib import PurePath
from typing import Final

import anyio
import structlog

from playd.core.errors import RecordError
from playd.ops.ballast import Ballast
from playd.orders.halts import ALL, Halts, Level
from playd.settings.model import Disk as DiskSettings
from playd.world.ports import Disk

CODE: Final = "DISK"
_EVERY_S: Final = 10.0
_MIB: Final = 1024 * 1024
_WARN_SHARE: Final = 0.05
_MARGIN_SHARE: Final = 0.1
"""What has to be free beside the floor of a pause before it ends: space that moves about its floor raises one, not hundreds."""

_log = structlog.get_logger()


class FreeSpace:
    """
    Watches one directory and raises halts on `all`. The pause lifts itself with the space, the halt needs a person.

    Each level is in force for as long as the space is below its floor, the pause until there is a margin beside it, also behind
    a person who has lifted it.

    It also keeps the ballast: a ballast that had to be released is level 2 at once, and is held again when there is room.
    """

    def __init__(
        self, disk: Disk, state_dir: PurePath, settings: DiskSettings, halts: Halts, ballast: Ballast | None = None
    ) -> None:
        """`ballast` is None when the settings want none."""
        self._ballast = ballast
        self._disk = disk
        self._state_dir = state_dir
        self._settings = settings
        self._halts = halts
        self._level: Level | None = None
        self._warned = False

    @property
    def low(self) -> bool:
        """Whether what can be done without, such as recording, writes nothing any more."""
        return self.level is not Level.OPEN

    @property
    def level(self) -> Level:
        """What the space asked for when it was measured last; open before that."""
        return Level.OPEN if self._level is None else self._level

    def refusal(self, level: Level) -> str:
        """Why a halt of this rule may not be lifted: measured now, the space asks for its level. Empty when it does not."""
        free_mib = self.look()
        due_mib = self._settings.halt_mib if level >= Level.HALT else self._ends_mib
        return f"{free_mib} MiB free in {self._state_dir}, {due_mib} MiB expected" if self.level >= level else ""

    def look(self) -> int:
        """Measure once and act; returns the free MiB. Raises `RecordError` when nothing can be measured or recorded there."""
        try:
            free_bytes = self._disk.free_bytes(self._state_dir)
        except OSError as error:
            raise RecordError(f"{self._state_dir}: {error.strerror or error}: the state directory is gone") from error
        free_mib = free_bytes // _MIB
        level = self._level_for(free_mib)
        text = f"{free_mib} MiB free in {self._state_dir}"
        if level is Level.OPEN and self._level is not Level.OPEN:
            # At the first look too: a pause of the last run is in force until space was measured.
            self._halts.lift_pauses(ALL, CODE, text)
        self._level = level
        if self._ballast is not None and self._ballast.used.is_set():
            self._ballast.used = anyio.Event()
            self._halts.raise_level(ALL, Level.HALT, CODE, f"no space was left in {self._state_dir}, the ballast was released")
        for each in (Level.PAUSE, Level.HALT):
            # Both, because space may fall past a floor in one step; each time, because one that is in force stays as it is, and
            # one that a person lifted while there is no room has to be in force again.
            if each <= level:
                self._halts.raise_level(ALL, each, CODE, text)
        if self._ballast is not None:
            self._ballast.hold(free_bytes, self._settings.pause_mib * _MIB)
        self._warn(free_mib, text)
        return free_mib

    async def watch(self) -> None:
        """Look every 10 s, and at once when the ballast was released, until cancelled."""
        while True:
            self.look()
            with anyio.move_on_after(_EVERY_S):
                if self._ballast is None:
                    await anyio.sleep(_EVERY_S)
                else:
                    await self._ballast.used.wait()

    @property
    def _ends_mib(self) -> int:
        """What must be free for a pause to end."""
        return math.ceil(self._settings.pause_mib * (1 + _MARGIN_SHARE))

    def _level_for(self, free_mib: int) -> Level:
        if free_mib < self._settings.halt_mib:
            return Level.HALT
        return Level.PAUSE if free_mib < (self._ends_mib if self.low else self._settings.pause_mib) else Level.OPEN

    def _warn(self, free_mib: int, text: str) -> None:
        total_mib = self._disk.total_bytes(self._state_dir) // _MIB
        low = free_mib < max(self._settings.warn_mib, total_mib * _WARN_SHARE)
        if low and not self._warned:
            _log.warning("disk.low", msg=text, value=free_mib, unit="MiB")
        self._warned = low
