"""
The host of a daemon that a drill makes in a process of its own (`playd.cli.drill_daemon`): its disk fails on command
(`failing_disk`), somebody sets its clock, and a service manager waits for its beat, which the drill is.

All of it goes through files in one directory: `disk.json` and `clock.json` are commands, `beats` is what the manager hears.
"""

import math
from dataclasses import replace
from pathlib import PurePath
from typing import Any, Final

import orjson

from playd.ops.drills.failing_disk import FailingDisk
from playd.world.ports import Clock, Disk, Process, World

DISK: Final = "disk.json"
CLOCK: Final = "clock.json"
BEATS: Final = "beats"

WATCHDOG_S: Final = 20.0
"""The period of the unit that is shipped."""

_BEAT: Final = "WATCHDOG=1"
_LOOK_S: Final = 0.1


class SetClock:
    """Implements `Clock` over another one: wall time is wrong by `ahead_ms` of the command, monotonic time is not touched."""

    def __init__(self, inner: Clock, disk: Disk, command: PurePath) -> None:
        self._inner = inner
        self._disk = disk
        self._command = command
        self._ahead_ms = 0
        self._looked_s = -math.inf

    def wall_ms(self) -> int:
        if self.mono_s() - self._looked_s >= _LOOK_S:
            self._looked_s = self.mono_s()
            self._ahead_ms = self._read()
        return self._inner.wall_ms() + self._ahead_ms

    def mono_s(self) -> float:
        return self._inner.mono_s()

    def _read(self) -> int:
        try:
            return int(orjson.loads(self._disk.read_bytes(self._command))["ahead_ms"])
        except FileNotFoundError:
            return 0


class WatchedProcess:
    """A process whose service manager counts its beats: `beats` holds how many there were."""

    def __init__(self, inner: Process, disk: Disk, beats: PurePath) -> None:
        self._inner = inner
        self._disk = disk
        self._beats = beats
        self._count = 0

    def sd_notify(self, text: str) -> bool:
        if _BEAT in text.splitlines():
            self._count += 1
            self._disk.write_replace(self._beats, str(self._count).encode(), keep_previous=False)
        return True

    def watchdog_period_s(self) -> float:
        return WATCHDOG_S

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def on_bad_host(world: World, directory: PurePath) -> World:
    """A world on such a host."""
    disk: Any = FailingDisk(world.disk, directory / DISK)
    process: Any = WatchedProcess(world.process, world.disk, directory / BEATS)
    return replace(world, disk=disk, process=process, clock=SetClock(world.clock, world.disk, directory / CLOCK))
