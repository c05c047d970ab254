"""
What playd may ask of the machine, as six small protocols in one value, `World`.

Paths are `PurePath`: outside this package a path is a name, never a way to reach the disk. Disk methods are synchronous and
use no threads, so they block the loop; what is written through them is small (records, state files) or done before trading
starts. Every method that touches the machine raises the operating system's own `OSError` (`FileNotFoundError`,
`errno.ENOSPC`, `errno.EIO` …), also in the virtual world.
"""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol, TypeAlias

from anyio.abc import ByteStream

if TYPE_CHECKING:  # every program imports this file, and `playctl` must start without either
    import aiohttp
    import aiohttp.web
    from numpy.typing import NDArray

Column: TypeAlias = "NDArray[Any]"
"""One column of a Parquet file as a one-dimensional array."""


class Clock(Protocol):
    """Two clocks: `wall_ms` may step and is for stamps, `mono_s` never steps back and is for ages, deadlines and intervals."""

    def wall_ms(self) -> int:
        """UTC in epoch milliseconds."""
        ...

    def mono_s(self) -> float:
        """Seconds since an arbitrary start that is fixed for the process."""
        ...


class Appender(Protocol):
    """A file that only grows. What was written survives a crash of the machine once `sync` has returned."""

    @property
    def size(self) -> int:
        """Bytes in the file, those written here included."""
        ...

    def write(self, data: bytes) -> None:
        """Append `data` whole, in order. Raises `OSError`; a part of `data` may then be in the file (a torn tail)."""
        ...

    def sync(self) -> None:
        """Put what was written on the medium (fdatasync). Raises `OSError`: nothing since the last sync is sure then."""
        ...

    def close(self) -> None:
        """Close without syncing. Closing twice is allowed."""
        ...


class Lock(Protocol):
    """An advisory lock that the operating system drops when the process ends, however it ends."""

    def release(self) -> None:
        """Give the lock back; the file stays. Releasing twice is allowed."""
        ...


@dataclass(frozen=True, slots=True)
class FileStat:
    """Size in bytes, permission bits (e.g. `0o600`), owner's uid, modification time in epoch ms."""

    size: int
    mode: int
    uid: int
    modified_ms: int
    is_dir: bool


Synchronous = Literal["OFF", "NORMAL", "FULL", "EXTRA"]


class Disk(Protocol):
    """Files. There is one way to replace a file and one way to append to one, and both say what survives a crash."""

    def read_bytes(self, path: PurePath) -> bytes:
        """The whole file. Raises `FileNotFoundError`."""
        ...

    def read_from(self, path: PurePath, offset: int, max_bytes: int) -> bytes:
        """At most `max_bytes` from `offset` on; fewer at the end of the file, empty behind it. Raises `FileNotFoundError`."""
        ...

    def write_replace(self, path: PurePath, data: bytes, *, keep_previous: bool = True, mode: int = 0o600) -> None:
        """
        Replace a file so that a reader, or a crash at any instant, sees the old bytes or the new ones, never a mixture.

        Temporary file in the same directory, write, fsync, rename, fsync directory. With `keep_previous` the bytes that were
        there stay as `<name>.prev`. The parent directory must exist. Raises `OSError`; the old file is then untouched.
        """
        ...

    def open_append(self, path: PurePath, *, mode: int = 0o600) -> Appender:
        """Open for appending, creating the file (and syncing its directory) when it is missing. The caller closes it."""
        ...

    def truncate(self, path: PurePath, size: int) -> None:
        """Cut a file to `size` bytes and sync it. For the recovery of torn tails only."""
        ...

    def allocate(self, path: PurePath, size: int) -> None:
        """Create a file of `size` bytes whose blocks are really reserved. Raises `OSError` (ENOSPC)."""
        ...

    def open_sqlite(
        self, path: PurePath, *, read_only: bool = False, synchronous: Synchronous = "FULL", mode: int = 0o600
    ) -> sqlite3.Connection:
        """
        Open a database in autocommit mode (`isolation_level=None`): transactions are written as `BEGIN IMMEDIATE` … `COMMIT`.

        WAL, foreign keys on, 5 s busy time-out, `synchronous` as asked. Rows are `sqlite3.Row`. The caller closes it.
        """
        ...

    def copy_sqlite(self, source: PurePath, target: PurePath, *, mode: int = 0o600) -> None:
        """
        Write the present state of a database, committed transactions only, to the new file `target`, and sync it.

        Others may write to `source` meanwhile: the copy is one consistent moment. Raises `FileExistsError` when `target` is
        there, `sqlite3.Error` when the database cannot be read, `OSError`; no half copy is left.
        """
        ...

    def read_parquet(self, path: PurePath, columns: Sequence[str] | None = None) -> dict[str, Column]:
        """
        Columns of a Parquet file, all of them unless named, in file order.

        Timestamps come as `datetime64`, in UTC. NULL in a number becomes NaN (the column is then float64); in other types
        the array has dtype object and holds None. Raises `FileNotFoundError`, or `ValueError` with the reason when the file
        is not Parquet, is damaged, or lacks a named column.
        """
        ...

    def write_parquet(self, path: PurePath, columns: Mapping[str, Column], *, mode: int = 0o640) -> None:
        """Write columns of equal length as one Parquet file, replacing the file as `write_replace` does (nothing kept)."""
        ...

    def exists(self, path: PurePath) -> bool:
        """Whether a file or directory is there; a link counts as what it leads to."""
        ...

    def stat(self, path: PurePath) -> FileStat:
        """Raises `FileNotFoundError`."""
        ...

    def list(self, path: PurePath) -> list[str]:
        """Names in a directory, sorted. Raises `FileNotFoundError` or `NotADirectoryError`."""
        ...

    def mkdir(self, path: PurePath, *, mode: int = 0o700) -> None:
        """Create a directory and its missing parents; nothing happens when it is there."""
        ...

    def chmod(self, path: PurePath, mode: int) -> None:
        """Set the mode of a file or directory. Raises `FileNotFoundError`."""
        ...

    def remove(self, path: PurePath) -> None:
        """Remove a file and sync its directory. Raises `FileNotFoundError`."""
        ...

    def remove_tree(self, path: PurePath) -> None:
        """Remove a directory and all below it, without following links. Raises `FileNotFoundError`, `NotADirectoryError`."""
        ...

    def rename(self, source: PurePath, target: PurePath) -> None:
        """Move within one file system, replacing `target`, and sync both directories."""
        ...

    def free_bytes(self, path: PurePath) -> int:
        """Bytes an ordinary user may still write on the file system that holds `path`."""
        ...

    def total_bytes(self, path: PurePath) -> int:
        """Size of the file system that holds `path`."""
        ...

    def lock(self, path: PurePath, text: str) -> Lock:
        """
        Take the lock file at `path` at once and write `text` (who holds it) into it.

        Raises `LockError` with the holder's text when another process, or another `lock` here, has it.
        """
        ...

    def is_locked(self, path: PurePath) -> bool:
        """
        Whether somebody holds the lock file at `path`; False where there is none.

        Whoever takes the lock in the very moment of the question may be refused, and asks again.
        """
        ...


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of a Unix socket, from the kernel. `name` is empty when the uid has no name."""

    pid: int
    uid: int
    gid: int
    name: str

    @property
    def actor(self) -> str:
        """How records name this peer: `uid:0(root)`."""
        return f"uid:{self.uid}({self.name})"


UnixHandler = Callable[[ByteStream, Peer], Awaitable[None]]
"""Serves one connection. The stream is closed when the handler returns or raises."""


class Net(Protocol):
    """HTTP, WebSocket and Unix sockets, client and server."""

    def http_session(self, *, timeout_s: float, headers: Mapping[str, str] | None = None) -> "aiohttp.ClientSession":
        """
        A client session (REST and `ws_connect`) for the running loop; used as `async with`, closed by whoever opened it.

        `timeout_s` bounds a whole REST request. Cookies are not kept, proxies of the environment are not used, replies are
        not raised for status. For `ws_connect` pass your own `heartbeat` and `timeout`; the session's bound does not apply.
        """
        ...

    def serve_http(self, app: "aiohttp.web.Application", host: str, port: int) -> AbstractAsyncContextManager[int]:
        """
        Serve until the block ends; yields the port really bound (ask with port 0 for a free one).

        Raises `OSError` when the address is taken. On leaving, open requests get 2 s, WebSockets are closed with 1001.
        """
        ...

    def serve_unix(self, path: PurePath, handler: UnixHandler, *, mode: int = 0o660) -> AbstractAsyncContextManager[None]:
        """
        Accept connections on a Unix socket until the block ends; each runs `handler` in a task of the block's own group.

        A stale socket file is replaced, a live one raises `OSError` (EADDRINUSE). The file is removed at the end. An
        exception of a handler ends the block: handlers catch what they can survive.
        """
        ...

    def connect_unix(self, path: PurePath) -> AbstractAsyncContextManager[ByteStream]:
        """A connection to a Unix socket. Raises `OSError` (`FileNotFoundError`, `ConnectionRefusedError`)."""
        ...


class Random(Protocol):
    """Randomness. Identities of orders never come from here: they are functions of the decision (`core.ids`)."""

    def random(self) -> float:
        """Uniform in [0, 1), for jitter."""
        ...

    def token(self, nbytes: int) -> str:
        """`nbytes` of unguessable randomness as hex."""
        ...

    def uid8(self) -> str:
        """Eight characters `a-z0-9` that name an instance once and for all."""
        ...


class Env(Protocol):
    """The environment as it was at start."""

    def get(self, name: str) -> str | None:
        """The value of a variable; None where it is not set."""
        ...

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        ...

    def forget(self, names: Sequence[str]) -> None:
        """Remove variables here and from the process environment, so that neither children nor dumps inherit a secret."""
        ...


class Signal(StrEnum):
    """The signals playd listens to."""

    TERM = "SIGTERM"
    INT = "SIGINT"
    HUP = "SIGHUP"


class ChildSignal(StrEnum):
    """What may be done to a process of our own making."""

    TERM = "SIGTERM"
    KILL = "SIGKILL"
    ABRT = "SIGABRT"
    STOP = "SIGSTOP"
    CONT = "SIGCONT"


class Child(Protocol):
    """A module of ours that runs in a process of its own."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    @property
    def code(self) -> int | None:
        """Its exit code once it has ended, minus the signal's number when one ended it; None while it runs or is stopped."""
        ...

    async def wait(self) -> int:
        """Its exit code, once it has ended."""
        ...

    def send(self, signal: ChildSignal) -> None:
        """Send it a signal. One that has ended gets none."""
        ...


class Process(Protocol):
    """This process: who it is, how it is told to stop, how it tells its manager that it lives."""

    @property
    def pid(self) -> int:
        """Our process id."""
        ...

    @property
    def uid(self) -> int:
        """The user id that we run as."""
        ...

    @property
    def boot_id(self) -> str:
        """Identity of this boot of the machine; empty where the system has none."""
        ...

    def working_dir(self) -> PurePath:
        """The directory that relative paths begin at."""
        ...

    def signals(self) -> AbstractContextManager[AsyncIterator[Signal]]:
        """Receive signals instead of dying from them while the block lasts."""
        ...

    def sd_notify(self, text: str) -> bool:
        """Send `KEY=value` lines to the service manager. False when there is none (no `NOTIFY_SOCKET`)."""
        ...

    @property
    def logs_to_journal(self) -> bool:
        """Whether what goes to standard error goes to the service manager's journal."""
        ...

    def journal_send(self, entry: bytes) -> bool:
        """Give the journal one entry in its native form. False when it did not take it."""
        ...

    def watchdog_period_s(self) -> float | None:
        """How often the service manager wants to hear `WATCHDOG=1`, or None when it does not watch this process."""
        ...

    def rss_bytes(self) -> int:
        """Resident memory."""
        ...

    def open_files(self) -> int:
        """Open file descriptors."""
        ...

    def is_terminal(self) -> bool:
        """Whether standard error is a terminal."""
        ...

    def write_stderr(self, data: bytes) -> None:
        """Write to standard error at once. A closed standard error is ignored: a log sink never stops trading."""
        ...

    def set_umask(self, mask: int) -> None:
        """Permissions that no file made from now on gets."""
        ...

    async def run_module(self, module: str, arguments: Sequence[str]) -> int:
        """
        Run a module of ours as a program in a Python process of its own; its exit code. Cancelling ends that process.

        What it prints goes nowhere: the log has lines of its own. Its standard error is ours.
        """
        ...

    async def run_attached(self, command: Sequence[str]) -> int:
        """
        Run a program on this process's own terminal and streams, as if it had been typed there; its exit code.

        Cancelling ends it. Raises `OSError` when it cannot start.
        """
        ...

    async def run_command(self, command: Sequence[str], text: str) -> int:
        """
        Run a program of the operator's with `text` on its standard input; its exit code. Cancelling ends it.

        What it prints is dropped, and it inherits no environment but `PATH` and `HOME`. Raises `OSError` when it cannot start.
        """
        ...

    def start_module(
        self, module: str, arguments: Sequence[str], *, log: PurePath, variables: Mapping[str, str] = MappingProxyType({})
    ) -> AbstractAsyncContextManager[Child]:
        """
        A module of ours as a program in a process of its own while the block lasts; on leaving it is killed if it still runs.

        Its environment is ours, with `variables` beside it.
        What it writes to its standard streams is appended to the file `log`, created 0600; it reads nothing. Ctrl-C does not
        reach it. Raises `OSError`.
        """
        ...

    def notifications(self, path: PurePath) -> AbstractAsyncContextManager[AsyncIterator[str]]:
        """
        What programs tell whoever started them by `sd_notify`, while the block lasts: a service manager's side of the socket at
        `path`, which is made here and removed at the end. Raises `OSError`.
        """
        ...

    def become_module(self, module: str, arguments: Sequence[str]) -> NoReturn:
        """
        Go on as a module of ours, with a fresh interpreter in the same process: whatever was imported here is gone.

        Process number, environment and standard streams stay. Raises `OSError`.
        """
        ...

    def exit(self, code: int) -> NoReturn:
        """End the process at once, without unwinding. Only for what must not be survived (a failed sync: 74)."""
        ...


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside, handed down as one argument. Pass on the narrowest port that does."""

    clock: Clock
    disk: Disk
    net: Net
    random: Random
    env: Env
    process: Process
