"""
The host of a daemon and a guardian that a drill makes in processes of their own (`playd.cli.drill_daemon`): its disk fails on
command (`failing_disk`), somebody sets its clock, names are not resolved; the daemon's Play has a bug, or it dies at a call.

All of it is commanded by files in one directory: `disk.json`, `clock.json`, `names.json`, `engine.json` and `death.json`.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

import orjson

from playd.ops.drills.failing_disk import FailingDisk
from playd.ops.drills.mortal import Death, MortalDisk, mortal_requests
from playd.world.ports import Clock, Disk, Net, World

if TYPE_CHECKING:  # the guardian computes nothing, and starts without what does
    import aiohttp

    from playd.core.candles import Candle
    from playd.engine.messages import Decision
    from playd.engine.play_engine import PlayEngine

DISK: Final = "disk.json"
CLOCK: Final = "clock.json"
NAMES: Final = "names.json"
"""While it is there no name of a host is resolved."""

ENGINE: Final = "engine.json"
"""Every engine of the named `play` raises at each bar."""

DEATH: Final = "death.json"
"""The call at which the process is killed, see `mortal`."""

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


class NamelessNet:
    """Implements `Net` over this machine's: sessions whose names are not resolved while the command is there."""

    def __init__(self, inner: Net, disk: Disk, command: PurePath) -> None:
        self._inner = inner
        self._disk = disk
        self._command = command

    def http_session(self, *, timeout_s: float, headers: Mapping[str, str] | None = None) -> "aiohttp.ClientSession":
        from playd.world.real.connector import Connector
        from playd.world.real.net import session

        return session(timeout_s=timeout_s, headers=headers, connector=Connector(self._resolves))

    def _resolves(self) -> bool:
        return not self._disk.exists(self._command)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def break_engines(disk: Disk, command: PurePath) -> None:
    """
    From now on, in this process, engines raise at each bar whose Play the command names. A bug has no port to come through.
    """
    from playd.engine.play_engine import PlayEngine

    sound = PlayEngine.on_bar

    def on_bar(engine: "PlayEngine", candle: "Candle") -> "Decision | None":
        if disk.exists(command) and orjson.loads(disk.read_bytes(command))["play"] == engine.play.name:
            raise ZeroDivisionError("on command")
        return sound(engine, candle)

    setattr(PlayEngine, "on_bar", on_bar)  # noqa: B010 - for every engine there is, of whatever module made it


def on_its_host(world: World, directory: PurePath) -> World:
    """A world on such a host: disk, clock and names are those of everybody there."""
    disk: Any = FailingDisk(world.disk, directory / DISK)
    net: Any = NamelessNet(world.net, world.disk, directory / NAMES)
    clock = SetClock(world.clock, world.disk, directory / CLOCK)
    return replace(world, disk=disk, clock=clock, net=net)


def on_bad_host(world: World, directory: PurePath) -> World:
    """The same for the daemon, with what is its own: its death and the bug of a Play."""
    death = Death(world.disk, directory / DEATH)
    mortal_requests(death)
    break_engines(world.disk, directory / ENGINE)
    host = on_its_host(world, directory)
    disk: Any = MortalDisk(host.disk, death)
    return replace(host, disk=disk)
