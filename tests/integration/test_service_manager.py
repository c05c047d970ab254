"""
The daemon under a service manager, as near as it gets without being process 1: the unit's environment, a notify socket, a
watchdog period, a credentials directory, SIGTERM.
"""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from time import monotonic

import pytest

from playd.control.methods import LOOKS
from tests.crash.harness import ALIAS, NAME, WITHIN_S, DaemonProcess, ExchangeProcess, read_rows, stage, wait_for
from tests.integration.daemon_kit import ROOT, ctl_json

pytestmark = pytest.mark.slow

UNIT = (ROOT / "systemd" / "playd.service").read_text()
COMPILED_WITHIN_S = 150.0
WATCHDOG_S = 1.5
"""Shorter than the unit's, so that the test need not wait for it."""


def of_unit(name: str) -> str:
    """A setting of the unit."""
    found = re.search(rf"(?m)^{name}=(.*)$", UNIT)
    assert found is not None, name
    return found[1]


class Manager:
    """What the service manager hears, in order, with the time of each word."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "notify"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self.heard: list[tuple[float, str]] = []

    def listen(self, within_s: float) -> None:
        """Take what arrives within a time, at least one datagram if there is one."""
        while select.select([self._socket], [], [], within_s)[0]:
            text = self._socket.recv(4096).decode()
            self.heard += [(monotonic(), word) for word in text.splitlines()]
            within_s = 0.0

    def wait_for(self, word: str, within_s: float = WITHIN_S, *, since_s: float = 0.0) -> float:
        """When a word was heard first, since a moment."""
        until_s = monotonic() + within_s
        while not (found := [at_s for at_s, heard in self.heard if heard.startswith(word) and at_s > since_s]):
            assert monotonic() < until_s, f"{word}: not within {within_s:g} s; heard {self.heard}"
            self.listen(0.1)
        return found[0]

    def said(self, word: str) -> list[float]:
        self.listen(0.0)
        return [at_s for at_s, heard in self.heard if heard.startswith(word)]

    def close(self) -> None:
        self._socket.close()


@contextmanager
def service(directory: Path, daemon: DaemonProcess, manager: Manager) -> Iterator["subprocess.Popen[bytes]"]:
    """The unit's process: directories as the unit names them, the key in the credentials directory and nowhere else."""
    places = {
        f"{kind}_DIRECTORY": directory / kind.lower() / of_unit(f"{kind.capitalize()}Directory")
        for kind in ("STATE", "RUNTIME", "CACHE", "CONFIGURATION")
    }
    for place in places.values():
        place.mkdir(parents=True, mode=0o700)
    credentials = directory / "credentials"
    credentials.mkdir(mode=0o700)
    key = (directory / "key").read_bytes()
    (credentials / f"bybit-{ALIAS}").write_bytes(key)
    (credentials / f"bybit-{ALIAS}").chmod(0o440)  # as systemd 254 and later show a file that one user may read
    (directory / "key").unlink()
    settings = (directory / "playd.toml").read_text()
    (places["CONFIGURATION_DIRECTORY"] / "playd.toml").write_text(re.sub(r"(?m)^credential_file.*$", "", settings))
    daemon.log = directory / "service.log"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PLAYD_", "BYBIT_", "TRADING_"))}
    ours = {name: os.environ[name] for name in ("PLAYD_HTTP__LISTEN", "PLAYD_DAEMON__BALLAST")}
    env = {
        **kept,
        **ours,
        **{name: str(place) for name, place in places.items()},
        "CREDENTIALS_DIRECTORY": str(credentials),
        "NOTIFY_SOCKET": str(manager.path),
        "WATCHDOG_USEC": str(round(WATCHDOG_S * 1e6)),
    }
    # WATCHDOG_PID names the process itself, which only the process can know.
    code = "import os; os.environ['WATCHDOG_PID'] = str(os.getpid()); from playd.cli.playd import main; main()"
    with daemon.log.open("wb") as log:
        process = subprocess.Popen([sys.executable, "-c", code, "run"], cwd=directory, env=env, stdout=log, stderr=log)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[tuple[ExchangeProcess, DaemonProcess, Manager]]:
    with stage(tmp_path) as (exchange, daemon), closing(Manager(tmp_path)) as manager:
        yield exchange, daemon, manager


def test_the_service_manager_hears_the_truth(scene: tuple[ExchangeProcess, DaemonProcess, Manager], tmp_path: Path) -> None:
    """No READY before reconciliation, beats while it decides, STOPPING at once, and an end well within the unit's time."""
    exchange, daemon, manager = scene
    state = tmp_path / "state" / "playd"
    exchange.kill()
    with service(tmp_path, daemon, manager) as process:
        wait_for(lambda: daemon.said("account.waiting"), "the account waits for its venue", COMPILED_WITHIN_S)
        assert manager.said("READY=1") == []
        exchange.start()
        ready_s = manager.wait_for("READY=1")
        assert daemon.said("account.ready") == 1
        assert read_rows(state / "ledger.sqlite", "SELECT 1 FROM recon_runs WHERE result = 'match'")
        # Without a venue there was no clock to compare with, which is a pause that lifts itself.
        assert ctl_status(state, tmp_path) in ("running", "paused")
        exchange.market(held=False, speed=600.0)
        manager.wait_for("STATUS=1 ")
        beats = [at_s for at_s in wait_for_beats(manager, ready_s, 4) if at_s > ready_s]
        shortest_s = min(after - before for before, after in pairwise(beats))
        assert shortest_s < float(of_unit("WatchdogSec")) / 2, "the period is not the unit's"
        answers = everything_told(tmp_path / "runtime" / "playd" / "control.sock")
        manager.listen(0.0)  # a full queue takes nothing more
        process.send_signal(signal.SIGHUP)
        manager.wait_for("READY=1", since_s=manager.wait_for("RELOADING=1"))
        process.send_signal(signal.SIGTERM)
        manager.wait_for("EXTEND_TIMEOUT_USEC=", since_s=manager.wait_for("STOPPING=1"))
        assert process.wait(float(of_unit("TimeoutStopSec"))) == 0
    assert sorted(path.name for path in (tmp_path / "runtime" / "playd").iterdir()) == []
    assert (state / "ledger.sqlite").exists()
    assert (tmp_path / "cache" / "playd").exists()
    written = [path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file()]
    for secret in (exchange.secret, exchange.key):
        assert [text for text in (*answers, *written, daemon.log.read_bytes()) if secret.encode() in text] == []


def everything_told(path: Path) -> list[bytes]:
    """The answers of every look that needs no more than a name: none may hold a key, as no file and no log line may."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(30.0)
        client.connect(str(path))
        answers = []
        for method in (name for name, (params, _) in LOOKS.items() if not params.model_json_schema().get("required")):
            asked = {"name": NAME} if method == "preflight.run" else {}
            client.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": asked}).encode() + b"\n")
            answers.append(b"")
            while not answers[-1].endswith(b"\n"):
                answers[-1] += client.recv(1 << 20)
        assert len(answers) > 15
        assert all(b'"result"' in answer for answer in answers)
        return answers


def wait_for_beats(manager: Manager, since_s: float, count: int) -> list[float]:
    return wait_for(  # type: ignore[no-any-return]
        lambda: beats if len(beats := [at_s for at_s in manager.said("WATCHDOG=1") if at_s > since_s]) >= count else None,
        "beats of the watchdog",
    )


def ctl_status(state: Path, directory: Path) -> str:
    """The instance's state, asked over the service's socket."""
    socket_path = directory / "runtime" / "playd" / "control.sock"
    rows = ctl_json(state, "status", "--socket", str(socket_path))["instances"]
    return str(next(row["state"] for row in rows if row["name"] == NAME))
