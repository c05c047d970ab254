"""The programs of a drill as processes: a local exchange, a daemon, a guardian, and commands that run to their end."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Any, Final, TypeVar

import anyio
import orjson

from playd.ops.drills.report import CannotRun
from playd.world.ports import Child, ChildSignal, World

T = TypeVar("T")

PLAYD: Final = "playd.cli.playd"
PLAYCTL: Final = "playd.cli.playctl"
ON_A_BAD_HOST: Final = "playd.cli.drill_daemon"
START_WITHIN_S: Final = 120.0
"""With every kernel to compile, on a busy machine."""
END_WITHIN_S: Final = 40.0
COMMAND_WITHIN_S: Final = 90.0
LOOK_S: Final = 0.05


async def until(condition: Callable[[], Awaitable[T]], within_s: float) -> T | None:
    """The first true answer of `condition`, or None when there is none in time."""
    with anyio.move_on_after(within_s):
        while True:
            found = await condition()
            if found:
                return found
            await anyio.sleep(LOOK_S)
    return None


def epoch_ms(text: str) -> int:
    """The moment of an ISO text with its offset, as logs and answers of our programs have it; epoch ms, UTC."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


class Program:
    """One program, over as many lives as a drill gives it. Whatever still lives when `stack` closes is killed."""

    def __init__(
        self,
        world: World,
        stack: AsyncExitStack,
        name: str,
        arguments: Sequence[str],
        directory: PurePath,
        module: str = PLAYD,
    ) -> None:
        self.module = module
        self._world = world
        self._stack = stack
        self._name = name
        self._directory = directory
        self.arguments = tuple(arguments)
        self.variables: Mapping[str, str] = {}
        """Of its environment, beside ours."""
        self._lives = 0
        self.child: Child | None = None

    @property
    def log(self) -> PurePath:
        """What this life has written; every life has a file of its own."""
        return self._directory / f"{self._name}-{self._lives}.log"

    @property
    def alive(self) -> bool:
        return self.child is not None and self.child.code is None

    async def launch(self) -> Child:
        """Begin a life, without waiting for anything."""
        self._lives += 1
        started = self._world.process.start_module(self.module, self.arguments, log=self.log, variables=self.variables)
        self.child = await self._stack.enter_async_context(started)
        return self.child

    async def start(self, ready: Callable[[], Awaitable[bool]]) -> None:
        """Begin a life and wait until it is ready. Raises `CannotRun` with the end of its log."""
        child = await self.launch()

        async def settled() -> bool:
            return child.code is not None or await ready()

        if await until(settled, START_WITHIN_S) is None or child.code is not None:
            how = f"ended with {child.code}" if child.code is not None else f"was not ready within {START_WITHIN_S:g} s"
            raise CannotRun(f"{self._name} {how}; its log ends: {self.text()[-600:]}")

    def send(self, signal: ChildSignal) -> None:
        """Send the running life a signal."""
        if self.child is not None:
            self.child.send(signal)

    async def kill(self) -> None:
        """End it as a power cut would."""
        self.send(ChildSignal.KILL)
        await self.ended(END_WITHIN_S)

    async def stop(self) -> int | None:
        """Ask it to end; its exit code, None when it does not end in time."""
        self.send(ChildSignal.TERM)
        return await self.ended(END_WITHIN_S)

    async def ended(self, within_s: float) -> int | None:
        """Its exit code, None when it does not end in time."""
        if self.child is not None:
            with anyio.move_on_after(within_s):
                return await self.child.wait()
        return None

    def text(self) -> str:
        """All that this life has written."""
        disk = self._world.disk
        return disk.read_bytes(self.log).decode(errors="replace") if disk.exists(self.log) else ""

    def said(self, event: str) -> list[dict[str, Any]]:
        """Lines of an event in this life's log, which is JSON."""
        mark = f'"event":"{event}"'
        return [orjson.loads(line) for line in self.text().splitlines() if line.startswith("{") and mark in line]


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that came to its end. `text` is what it printed, messages and data together."""

    code: int
    text: str

    @property
    def data(self) -> Any:
        """The JSON of a command that was asked for it; messages may stand around it. Raises `ValueError` when there is none."""
        starts = [place for mark in ("{\n", "[\n", "{}", "[]") if (place := self.text.find(mark)) >= 0]
        if not starts:
            raise ValueError(f"no JSON in {self.text[:200]!r}")
        found, _ = json.JSONDecoder().raw_decode(self.text, min(starts))
        return found


async def command(world: World, module: str, arguments: Sequence[str], log: PurePath) -> Ran:
    """Run a command of ours to its end. Raises `CannotRun` when it takes too long."""
    async with world.process.start_module(module, arguments, log=log) as child:
        with anyio.move_on_after(COMMAND_WITHIN_S):
            code = await child.wait()
            return Ran(code, world.disk.read_bytes(log).decode(errors="replace"))
    raise CannotRun(f"{module} {' '.join(arguments)}: no end within {COMMAND_WITHIN_S:g} s")
