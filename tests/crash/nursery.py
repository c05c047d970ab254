"""A process that forks others: what it is told and tells, its children's first steps, and handles of them."""

import json
import os
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final, NoReturn

WITHIN_S: Final = 120.0
"""Includes a first compilation on a busy machine."""
FAILED: Final = 70
"""Exit code of a life that raised."""


class Nursery:
    """
    A process that has loaded modules and machine code and forks one life after the other, each told by one line or more.

    A life is a process like any other, and it begins in a tenth of the time.
    """

    def __init__(self, module: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
        )

    @property
    def told(self) -> IO[bytes]:
        """Where lives are told of."""
        assert self._process.stdout is not None
        return self._process.stdout

    def bear(self, options: dict[str, Any]) -> dict[str, Any]:
        """Fork a life; the first that is told of it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(options).encode() + b"\n")
        self._process.stdin.flush()
        assert select.select([self.told], [], [], WITHIN_S)[0], "no life was told of"
        found: dict[str, Any] = json.loads(self.told.readline())
        return found

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(WITHIN_S)
        self.told.close()


def born(live: Callable[[], int], log: str, failed: Callable[[], None] = lambda: None) -> NoReturn:
    """
    The child's side of a fork: its own log, no input, and nothing of the parent's clean-up at its end.

    It ends with what `live` returns. `failed` is called when that raises, once the reason is in the log.
    """
    opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in (1, 2):
        os.dup2(opened, number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    code = FAILED
    try:
        code = live()
    except BaseException:  # noqa: BLE001 - whatever it was, the child must not go on as its parent
        traceback.print_exc()
        sys.stderr.flush()
        failed()
    finally:
        sys.stderr.flush()
        os._exit(code)


class Birth:
    """One line per life, whatever becomes of it: a second one would be the next life's answer."""

    def __init__(self, told: int) -> None:
        """`told` is the descriptor of the pipe that all lives share."""
        self._told = told
        self._is_told = False

    def tell(self, line: dict[str, Any]) -> None:
        """Write the line, unless one was."""
        if not self._is_told:
            self._is_told = True
            os.write(self._told, json.dumps(line).encode() + b"\n")


class Forked:
    """What `Popen` does to its child, for a grandchild. Held by a descriptor: its number may be another one's some day."""

    def __init__(self, pid: int) -> None:
        self._handle: int | None = None
        with suppress(ProcessLookupError):  # it may be gone already
            self._handle = os.pidfd_open(pid)

    def send_signal(self, number: int) -> None:
        if self._handle is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    def kill(self) -> None:
        """Returns when it is gone."""
        self.send_signal(signal.SIGKILL)
        if self._handle is not None:
            assert select.select([self._handle], [], [], WITHIN_S)[0], "killed, and not gone"
            os.close(self._handle)
            self._handle = None


class Life(Forked):
    """What `Popen` says of its child, said of a child of the nursery, which tells of its end."""

    def __init__(self, pid: int, told: IO[bytes]) -> None:
        super().__init__(pid)
        self._pid = pid
        self._told = told
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self._hear(0.0)

    def wait(self, timeout: float | None = None) -> int:
        code = self._hear(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"life {self._pid}", timeout or 0.0)
        return code

    def _hear(self, within_s: float | None) -> int | None:
        if self.returncode is None and select.select([self._told], [], [], within_s)[0]:
            self.returncode = json.loads(self._told.readline())["code"]
        return self.returncode
