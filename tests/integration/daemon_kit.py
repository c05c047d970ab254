"""A real `playd run` as a process, and `playctl` beside it. Waits are for lines of the log, each with a deadline."""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache as once
from io import StringIO
from pathlib import Path
from queue import Empty, Queue
from tempfile import TemporaryDirectory
from time import monotonic
from typing import IO, Any, Final
from unittest.mock import patch

from playd.cli.playctl import main as playctl
from playd.control.client import ControlClient
from tests.answers import check_answer
from tests.crash.nursery import Life, Nursery
from tests.records import check_journals

ROOT: Final = Path(__file__).parents[2]
WITHIN_S: Final = 120.0
"""Includes a first compilation of every kernel on a busy machine."""


def environment(state: Path, cache: Path | None = None) -> dict[str, str]:
    """The environment of a program under test: nothing of the developer's own settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PLAYD_", "BYBIT_", "TRADING_"))}
    ours = {name: os.environ[name] for name in ("PLAYD_HTTP__LISTEN", "PLAYD_DAEMON__BALLAST")}
    return {**kept, **ours, "PLAYD_STATE_DIR": str(state), "NUMBA_CACHE_DIR": str(cache or ROOT / ".cache" / "numba")}


def program(name: str, *arguments: str) -> list[str]:
    """The command line of `playd` or `playctl` of this checkout."""
    return [sys.executable, "-c", f"from playd.cli.{name} import main; main()", *arguments]


def run(name: str, *arguments: str, state: Path, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        program(name, *arguments),
        capture_output=True,
        text=True,
        env=environment(state),
        cwd=cwd,
        timeout=WITHIN_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )


_call: Final = ControlClient.call


async def _checked(client: ControlClient, method: str, params: dict[str, Any], **how: Any) -> dict[str, Any]:
    """A call whose answer is what its schema says, whichever command asked for it and whatever state the daemon is in."""
    result = await _call(client, method, params, **how)
    check_answer(result)
    return result


def ctl(state: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """
    `playctl` against the daemon of a state directory, from its entry point on but in this process.

    A test asks dozens of times, and what a process of its own takes half a second for is its start. `run` starts one. Every
    answer on the way is held against its schema.
    """
    said, told = StringIO(), StringIO()
    with (
        Path(os.devnull).open() as nobody,
        patch.dict(os.environ, environment(state), clear=True),
        patch.object(sys, "argv", ["playctl", *arguments]),
        patch.object(sys, "stdin", nobody),
        patch.object(ControlClient, "call", _checked),
        redirect_stdout(said),
        redirect_stderr(told),
    ):
        try:
            playctl()
            code: str | int | None = 0
        except SystemExit as ended:
            code = ended.code
    assert code is None or isinstance(code, int), code
    return subprocess.CompletedProcess(arguments, code or 0, said.getvalue(), told.getvalue())


def ctl_json(state: Path, *arguments: str) -> Any:
    """What `playctl … --json` printed."""
    result = ctl(state, *arguments, "--json")
    assert result.stdout, result.stderr
    return json.loads(result.stdout)


class DaemonProcess:
    """A running daemon. `lines` are its log lines so far, as objects."""

    def __init__(self, process: "subprocess.Popen[str] | NursedDaemon", state: Path) -> None:
        self.process = process
        self.state = state
        self.lines: list[dict[str, Any]] = []
        self._queue: Queue[str | None] = Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        stream = self.process.stderr
        assert stream is not None
        for line in stream:
            self._queue.put(line)
        self._queue.put(None)

    def wait_for(self, event: str, within_s: float = WITHIN_S, **fields: Any) -> dict[str, Any]:
        """The next log line of this event with these fields. Fails when it does not come or the daemon ends."""
        until_s = monotonic() + within_s
        while (left_s := until_s - monotonic()) > 0:
            try:
                line = self._queue.get(timeout=left_s)
            except Empty:
                break
            assert line is not None, f"the daemon ended with {self.process.wait()}:\n{self.text}"
            found = json.loads(line) if line.startswith("{") else {"event": "?", "msg": line}
            self.lines.append(found)
            if found["event"] == event and all(found.get(name) == value for name, value in fields.items()):
                return found
        raise AssertionError(f"no {event} {fields} within {within_s:g} s:\n{self.text}")

    def close(self) -> None:
        """Read what is left of a daemon that has ended."""
        self._reader.join(WITHIN_S)

    @property
    def text(self) -> str:
        """The last lines, for messages of failed tests."""
        return "\n".join(str(line) for line in self.lines[-30:])

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and its exit code."""
        self.process.send_signal(with_signal)
        return self.process.wait(timeout=WITHIN_S)


class NursedDaemon(Life):
    """A daemon of the nursery, as `Popen` has its child: `stderr` is what it logs."""

    def __init__(self, pid: int, told: IO[bytes], stderr: IO[str]) -> None:
        super().__init__(pid, told)
        self.stderr = stderr


@once
def nursery() -> Nursery:
    """One for all tests of this process."""
    found = Nursery("tests.integration.daemon_nursery")
    atexit.register(found.close)
    return found


@contextmanager
def nursed(arguments: list[str], variables: dict[str, str]) -> Iterator[NursedDaemon]:
    """`playd` with these arguments, forked from a process that has loaded it."""
    with TemporaryDirectory() as directory:
        pipes = {name: f"{directory}/{name}" for name in ("said", "ended")}
        for path in pipes.values():
            os.mkfifo(path)
        said, ended = (os.open(pipes[name], os.O_RDONLY | os.O_NONBLOCK) for name in ("said", "ended"))
        with open(said, encoding="utf-8") as stderr, open(ended, "rb", buffering=0) as told:
            born = nursery().bear({"arguments": arguments, "environment": variables, **pipes})
            os.set_blocking(said, True)
            yield NursedDaemon(born["pid"], told, stderr)


@contextmanager
def started(arguments: list[str], variables: dict[str, str]) -> "Iterator[subprocess.Popen[str]]":
    """`playd` with these arguments, from the first line of Python on."""
    with subprocess.Popen(
        program("playd", *arguments),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env=variables,
        cwd=ROOT,
    ) as process:
        yield process


@contextmanager
def daemon(state: Path, *arguments: str, config: Path | None = None, cache: Path | None = None) -> Iterator[DaemonProcess]:
    """
    `playd run` until the block ends. With a kernel cache of its own, `cache`, it is a process that has loaded nothing.

    What its journal and its guardian's hold then is held against the golden lines.
    """
    chosen = ("--config", str(config)) if config is not None else ()
    begun = nursed if cache is None else started
    with begun(["run", *chosen, *arguments], environment(state, cache)) as process:
        running = DaemonProcess(process, state)
        try:
            yield running
        finally:
            process.kill()
            process.wait()
            running.close()
    check_journals(state)


def settings(directory: Path, instances: dict[str, str], extra: str = "") -> Path:
    """A configuration directory with these instances (name to Play file), all on paper."""
    directory.mkdir(parents=True, exist_ok=True)
    tables = [f'[instances.{name}]\nplay = "{play}"\nmode = "paper"\n' for name, play in instances.items()]
    (directory / "playd.toml").write_text("\n".join([extra, *tables]))
    return directory
