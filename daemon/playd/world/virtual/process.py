"""A process that tells what it was asked to do instead of doing it."""

import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import PurePath
from types import MappingProxyType
from typing import NoReturn

import anyio

from playd.world.ports import ChildSignal, Signal


class ProcessExit(BaseException):
    """What `exit` raises here. Not an `Exception`: no supervised edge may survive it."""

    def __init__(self, code: int) -> None:
        super().__init__(f"the process ends with {code}")
        self.code = code


_DEADLY = {ChildSignal.TERM: -15, ChildSignal.ABRT: -6, ChildSignal.KILL: -9}


class VirtualChild:
    """`Child` in which nothing runs: it lives until a signal or a test ends it, and remembers what it was sent."""

    def __init__(self, pid: int) -> None:
        self.sent: list[ChildSignal] = []
        self._pid = pid
        self._code: int | None = None
        self._ended = anyio.Event()

    @property
    def pid(self) -> int:
        return self._pid

    @property
    def code(self) -> int | None:
        return self._code

    async def wait(self) -> int:
        while self._code is None:
            await self._ended.wait()
        return self._code

    def send(self, signal: ChildSignal) -> None:
        if self._code is None:
            self.sent.append(signal)
            if signal in _DEADLY:
                self.end(_DEADLY[signal])

    def end(self, code: int) -> None:
        """Its program is over."""
        if self._code is None:
            self._code = code
            self._ended.set()


class VirtualProcess:
    """`Process` that keeps notifications in `notified`, text for the terminal in `stderr`, and receives signals by `send`."""

    def __init__(self) -> None:
        self.notified: list[str] = []
        self.stderr = bytearray()
        self.journal: list[bytes] | None = None
        """Entries that a journal has taken, None without one."""
        self.umask = 0o022
        self.managed = True
        """Whether a service manager listens."""
        self.watchdog_s: float | None = None
        self.ran: list[tuple[str, ...]] = []
        self.commands: list[tuple[tuple[str, ...], str]] = []
        self.command_code = 0
        """What every operator's program ends with."""
        self.children: list[VirtualChild] = []
        self._signals: deque[Signal] = deque()
        self._signalled = anyio.Event()

    @property
    def pid(self) -> int:
        return 4242

    @property
    def uid(self) -> int:
        return 1000

    @property
    def boot_id(self) -> str:
        return "virtual"

    def working_dir(self) -> PurePath:
        return PurePath("/")

    @contextlib.contextmanager
    def signals(self) -> Iterator[AsyncIterator[Signal]]:
        yield self._receive()

    async def _receive(self) -> AsyncIterator[Signal]:
        while True:
            while self._signals:
                yield self._signals.popleft()
            self._signalled = anyio.Event()
            await self._signalled.wait()

    def send(self, signal: Signal) -> None:
        """Deliver a signal to whoever is inside `signals`, now or later."""
        self._signals.append(signal)
        self._signalled.set()

    def sd_notify(self, text: str) -> bool:
        if self.managed:
            self.notified.append(text)
        return self.managed

    @property
    def logs_to_journal(self) -> bool:
        return self.journal is not None

    def journal_send(self, entry: bytes) -> bool:
        if self.journal is None:
            return False
        self.journal.append(entry)
        return True

    def watchdog_period_s(self) -> float | None:
        return self.watchdog_s

    def rss_bytes(self) -> int:
        return 64 * 1024 * 1024

    def open_files(self) -> int:
        return 16

    def is_terminal(self) -> bool:
        return False

    def write_stderr(self, data: bytes) -> None:
        self.stderr += data

    def set_umask(self, mask: int) -> None:
        self.umask = mask

    async def run_module(self, module: str, arguments: Sequence[str]) -> int:
        """Remembered in `ran`; nothing runs."""
        self.ran.append((module, *arguments))
        return 0

    async def run_attached(self, command: Sequence[str]) -> int:
        """Remembered in `commands`; nothing runs."""
        self.commands.append((tuple(command), ""))
        return self.command_code

    async def run_command(self, command: Sequence[str], text: str) -> int:
        """Remembered in `commands`; nothing runs."""
        self.commands.append((tuple(command), text))
        return self.command_code

    @contextlib.asynccontextmanager
    async def start_module(
        self, module: str, arguments: Sequence[str], *, log: PurePath, variables: Mapping[str, str] = MappingProxyType({})
    ) -> AsyncIterator[VirtualChild]:
        """Remembered in `ran` and `children`; nothing runs and nothing is logged."""
        self.ran.append((*(f"{name}={value}" for name, value in variables.items()), module, *arguments))
        child = VirtualChild(self.pid + 1 + len(self.children))
        self.children.append(child)
        try:
            yield child
        finally:
            child.send(ChildSignal.KILL)

    @contextlib.asynccontextmanager
    async def notifications(self, path: PurePath) -> AsyncIterator[AsyncIterator[str]]:
        """Nothing comes: nothing runs that could tell."""

        async def silence() -> AsyncIterator[str]:
            await anyio.sleep_forever()
            yield ""

        yield silence()

    def become_module(self, module: str, arguments: Sequence[str]) -> NoReturn:
        """Remembered in `ran`; the process of before is over."""
        self.ran.append((module, *arguments))
        raise ProcessExit(0)

    def exit(self, code: int) -> NoReturn:
        raise ProcessExit(code)
