"""Backups while the daemon runs: one every so often, each made by a process of its own, so that trading never waits for one."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Final

import anyio
import structlog

from playd.core.errors import PlaydError
from playd.core.record import Recorder
from playd.ops.ages import Ages
from playd.ops.backup import FOLDER, Manifest, backups, newest_first
from playd.orders.halts import ALL
from playd.orders.incidents import Incidents
from playd.settings.model import Backup as BackupSettings
from playd.world.ports import World

MODULE: Final = "playd.cli.backup"
LOOK_EVERY_S: Final = 60.0
COMMAND_WITHIN_S: Final = 600.0
"""How long the operator's command may take to carry a backup away."""

_log = structlog.get_logger()


class BackupFailed(PlaydError):
    """The process that makes or checks backups ended with a failure; its own words are in the log."""


@dataclass(frozen=True, slots=True)
class BackupClock:
    """
    `run` for the schedule, `make` and `verify` for a person who asks.

    A failure is an incident `BACKUP_FAILED`, resolved by the next success; it never touches trading.
    """

    world: World
    state_dir: PurePath
    settings: BackupSettings
    floor_mib: int
    """What must be free behind a backup."""
    journal: Recorder
    incidents: Incidents
    making: anyio.Lock
    """Held while one is made: a second one waits."""
    digest: Callable[[], str]
    """Of the settings in force."""

    ages: Ages = field(init=False)
    made: list[Manifest] = field(default_factory=list)
    """The last one that this process made, if any."""

    verified_ms: dict[str, int] = field(default_factory=dict)
    """When this process found a backup whole, by name."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "ages", Ages(self.world.clock))

    async def run(self) -> None:
        """Make one whenever the newest is too old, the first one an interval after the start; until cancelled."""
        every_s = self.settings.every_min * 60.0
        if not every_s:
            return
        started_s = self.world.clock.mono_s()
        while True:
            await anyio.sleep(min(every_s, LOOK_EVERY_S))
            age_s = self.age_s()
            running_s = self.world.clock.mono_s() - started_s
            if running_s >= every_s and (age_s is None or age_s >= every_s):
                try:
                    await self.make()
                except BackupFailed as error:
                    _log.error("backup.failed", msg=str(error))
                    started_s = self.world.clock.mono_s() - every_s + LOOK_EVERY_S

    def listed(self) -> list[Manifest]:
        """What there is, newest first. Raises `OSError`."""
        return backups(self.world.disk, self.state_dir)

    def age_s(self) -> float | None:
        """
        Seconds since the newest backup whose age is known: of one that bears a time yet to come nobody knows it. None when
        there is none, or the folder cannot be read. Asked every few seconds.
        """
        disk, ages = self.world.disk, list[float]()
        try:
            # Behind a clock that was set back the last one made here need not be the one with the newest time.
            ours = [each for each in self.made if disk.exists(self.state_dir / FOLDER / each.name)]
            for found in (*ours, *newest_first(disk, self.state_dir)):
                if (age_s := self.ages.of(found.created_ms)) is not None:
                    ages.append(age_s)
                    if found not in ours:
                        break
        except OSError:
            return None
        return min(ages, default=None)

    async def make(self) -> Manifest:
        """Make one now, ship it if a command says so, and record it. Raises `BackupFailed`."""
        keep = self.settings
        async with self.making:
            numbers = (str(keep.keep_hourly), str(keep.keep_daily), str(self.floor_mib), self.digest())
            try:
                before = {each.name for each in self.listed()}
                code = await self.world.process.run_module(MODULE, ("make", str(self.state_dir), *numbers))
                made = next((each for each in self.listed() if each.name not in before), None)
            except OSError as error:
                raise self._failed(f"no backup was made: {error}") from error
            if code or made is None:
                raise self._failed(f"no backup was made: the process ended with {code}, its words are in the log")
            self.made[:] = [made]
            self.ages.of(made.created_ms)  # met now, whatever becomes of the clock
            await self._ship(made)
        self.journal.append("backup.done", {"backup": made.name, "bytes": made.size_bytes, "files": len(made.files)})
        self.incidents.resolve("BACKUP_FAILED", ALL, f"backup {made.name} was made")
        _log.info("backup.done", msg=made.name, value=made.size_bytes, unit="bytes")
        return made

    async def verify(self, name: str) -> bool:
        """Whether a backup is whole, looked at by a process of its own."""
        return await self.world.process.run_module(MODULE, ("verify", str(self.state_dir / FOLDER / name))) == 0

    async def _ship(self, made: Manifest) -> None:
        """Run `backup.command` with the backup's folder as its last word."""
        if not self.settings.command:
            return
        folder, code = str(self.state_dir / FOLDER / made.name), None
        try:
            command = [*shlex.split(self.settings.command), folder]
            with anyio.move_on_after(COMMAND_WITHIN_S):
                code = await self.world.process.run_command(command, "")
        except (OSError, ValueError) as error:
            raise self._failed(f"backup.command cannot be started: {error}") from error
        if code != 0:
            how = "did not end in time" if code is None else f"ended with {code}"
            raise self._failed(f"backup.command {how}; the backup itself is at {folder}")

    def _failed(self, text: str) -> BackupFailed:
        self.incidents.open("BACKUP_FAILED", "warning", ALL, text)
        return BackupFailed(text)
