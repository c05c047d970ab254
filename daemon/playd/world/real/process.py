"""This process and its service manager."""

import contextlib
import os
import resource
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from subprocess import DEVNULL, PIPE
from types import MappingProxyType
from typing import Any, NoReturn

import anyio
import anyio.abc

from playd.world.ports import ChildSignal, Env, Signal

_NUMBERS = {Signal.TERM: signal.SIGTERM, Signal.INT: signal.SIGINT, Signal.HUP: signal.SIGHUP}
_CHILD_NUMBERS = {
    ChildSignal.TERM: signal.SIGTERM,
    ChildSignal.KILL: signal.SIGKILL,
    ChildSignal.ABRT: signal.SIGABRT,
    ChildSignal.STOP: signal.SIGSTOP,
    ChildSignal.CONT: signal.SIGCONT,
}
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_JOURNAL = Path("/run/systemd/journal/socket")
_STATM = Path("/proc/self/statm")
_DESCRIPTORS = "/proc/self/fd"


class RealChild:
    """`Child` of the running interpreter."""

    def __init__(self, process: anyio.abc.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def code(self) -> int | None:
        return self._process.returncode

    async def wait(self) -> int:
        return await self._process.wait()

    def send(self, signal: ChildSignal) -> None:
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended, and the loop does not know yet
                self._process.send_signal(_CHILD_NUMBERS[signal])


class RealProcess:
    """`Process` of the running interpreter."""

    def __init__(self, env: Env) -> None:
        self._notify_address = env.get("NOTIFY_SOCKET")
        self._journal_stream = env.get("JOURNAL_STREAM")
        self._watchdog_usec = env.get("WATCHDOG_USEC")
        self._watchdog_pid = env.get("WATCHDOG_PID")

    @property
    def pid(self) -> int:
        return os.getpid()

    @property
    def uid(self) -> int:
        return os.getuid()

    @property
    def boot_id(self) -> str:
        return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""

    def working_dir(self) -> PurePath:
        return PurePath(Path.cwd())

    @contextlib.contextmanager
    def signals(self) -> Iterator[AsyncIterator[Signal]]:
        with anyio.open_signal_receiver(*_NUMBERS.values()) as received:
            yield (Signal(number.name) async for number in received)

    def sd_notify(self, text: str) -> bool:
        if not self._notify_address:
            return False
        address = "\0" + self._notify_address[1:] if self._notify_address.startswith("@") else self._notify_address
        # A manager that went away must not take trading with it: the message is lost, the caller is told.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as channel:
            try:
                channel.sendto(text.encode(), address)
            except OSError:
                return False
        return True

    @property
    def logs_to_journal(self) -> bool:
        if not self._journal_stream:
            return False
        try:
            stderr = os.fstat(2)
        except OSError:
            return False
        return self._journal_stream == f"{stderr.st_dev}:{stderr.st_ino}"  # the variable alone is inherited by anybody

    def journal_send(self, entry: bytes) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as channel:
            try:
                channel.sendto(entry, str(_JOURNAL))
            except OSError:
                return False
        return True

    def watchdog_period_s(self) -> float | None:
        if not self._watchdog_usec or not self._watchdog_usec.isdigit():
            return None
        if self._watchdog_pid and self._watchdog_pid != str(self.pid):
            return None
        return int(self._watchdog_usec) / 1e6

    def rss_bytes(self) -> int:
        if _STATM.exists():
            return int(_STATM.read_text().split()[1]) * resource.getpagesize()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def open_files(self) -> int:
        return len(os.listdir(_DESCRIPTORS))

    def is_terminal(self) -> bool:
        return sys.stderr is not None and sys.stderr.isatty()

    def write_stderr(self, data: bytes) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.buffer.write(data)
            sys.stderr.buffer.flush()

    def set_umask(self, mask: int) -> None:
        os.umask(mask)

    async def run_module(self, module: str, arguments: Sequence[str]) -> int:
        # A session of its own: Ctrl-C is for us, and we end the child.
        command = [sys.executable, "-m", module, *arguments]
        async with await _begun(command, stdin=DEVNULL, stdout=DEVNULL, stderr=None) as process:
            return await process.wait()

    async def run_attached(self, command: Sequence[str]) -> int:
        # In our own session: Ctrl-C and the terminal's size are the child's too.
        with anyio.CancelScope(shield=True):
            begun = await anyio.open_process(list(command), stdin=None, stdout=None, stderr=None)
        async with begun as process:
            return await process.wait()

    async def run_command(self, command: Sequence[str], text: str) -> int:
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        async with await _begun(list(command), stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, env=environment) as process:
            if process.stdin is not None:
                # A program need not read what it is given; what it made of it is in its exit code.
                with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                    await process.stdin.send(text.encode())
                await process.stdin.aclose()
            return await process.wait()

    @contextlib.asynccontextmanager
    async def start_module(
        self, module: str, arguments: Sequence[str], *, log: PurePath, variables: Mapping[str, str] = MappingProxyType({})
    ) -> AsyncIterator[RealChild]:
        command = [sys.executable, "-m", module, *arguments]
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            env = {**os.environ, **variables}
            process = await _begun(command, stdin=DEVNULL, stdout=descriptor, stderr=descriptor, env=env)
        finally:
            os.close(descriptor)
        child = RealChild(process)
        try:
            yield child
        finally:
            with anyio.CancelScope(shield=True):
                child.send(ChildSignal.KILL)
                await process.aclose()

    @contextlib.asynccontextmanager
    async def notifications(self, path: PurePath) -> AsyncIterator[AsyncIterator[str]]:
        async with await anyio.create_unix_datagram_socket(local_path=str(path), local_mode=0o600) as channel:
            try:
                yield (packet.decode(errors="replace") async for packet, _ in channel)
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)

    def become_module(self, module: str, arguments: Sequence[str]) -> NoReturn:
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(sys.executable, [sys.executable, "-m", module, *arguments])

    def exit(self, code: int) -> NoReturn:
        os._exit(code)


async def _begun(command: Sequence[str], **streams: Any) -> anyio.abc.Process:
    """A child in a session of its own. Its beginning is not given up in the middle: nobody would know whom to end."""
    with anyio.CancelScope(shield=True):
        process = await anyio.open_process(command, start_new_session=True, **streams)
    return process  # noqa: RET504 - to the type checker a scope may swallow what happens in it
