"""A `playd run` as a child process, for benchmarks that look at it from outside."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from _setup import REPO, scratch

BIN = Path(sys.executable).parent
READY_WITHIN_S = 120
_SIZE = re.compile(r"(sizing: *\{model: *\w+, value: *)([\d.]+)")

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT")


@dataclass(frozen=True)
class Child:
    """A daemon that said `daemon.ready`, and how long that took from its `exec` on."""

    process: subprocess.Popen[bytes]
    ready_s: float
    state: Path

    @property
    def resident_mb(self) -> float:
        """VmRSS in units of 2**20 bytes."""
        return resident_mb(self.process.pid)

    @property
    def market_ms(self) -> int:
        """Close of the newest bar with a verdict, in market time; 0 before the first."""
        with closing(sqlite3.connect(f"file:{self.state / 'ledger.sqlite'}?mode=ro", uri=True, timeout=10)) as ledger:
            return int(ledger.execute("SELECT max(close_ms) FROM bars").fetchone()[0] or 0)

    @property
    def socket(self) -> Path:
        return self.state / "run" / "control.sock"


def resident_mb(pid: int) -> float:
    """VmRSS of a process in units of 2**20 bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def resized(text: str, more: float) -> str:
    """An example Play whose sizes are larger by so much, which makes it another Play."""
    return _SIZE.sub(lambda found: f"{found[1]}{float(found[2]) + more:.3f}", text)


def several(directory: Path, count: int) -> Path:
    """A configuration with so many paper instances: five example Plays, each on one symbol after the other, in other sizes."""
    lines = ["[supervisor]", f"max_instances = {max(count, 50)}"]
    plays = sorted((REPO / "config" / "plays").glob("*.yml"))[:5]
    for index in range(count):
        copy, number = divmod(index, len(plays))
        name = f"{plays[number].stem.replace('_', '-')}-{copy}"
        text = re.sub(r"(?m)^symbol:.*$", f"symbol: {SYMBOLS[(number + copy) % len(SYMBOLS)]}", plays[number].read_text())
        (directory / f"{name}.yml").write_text(resized(text, copy / 1000))
        lines += [f"[instances.{name}]", f'play = "{name}.yml"', 'mode = "paper"']
    path = directory / "playd.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


@contextmanager
def daemon(*, config: Path | None = None, speed: float = 0.0, state: Path | None = None) -> Iterator[Child]:
    """Start one, on a fresh state directory unless given, and wait until it is ready; SIGTERM ends it with the block."""
    with tempfile.TemporaryDirectory(dir=scratch()) as name:
        state, log = state or Path(name) / "state", Path(name) / "log"
        command = [str(BIN / "playd"), "run", "--state", str(state), "--speed", f"{speed:g}"]
        if config is not None:
            command += ["--config", str(config)]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        with log.open("wb") as sink:
            began_s = time.perf_counter()
            process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, cwd=REPO, env=environment)
            try:
                yield Child(process, _ready_s(process, log, began_s), state)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(30)


def _ready_s(process: subprocess.Popen[bytes], log: Path, began_s: float) -> float:
    while time.perf_counter() - began_s < READY_WITHIN_S:
        if b'"daemon.ready"' in log.read_bytes():
            return time.perf_counter() - began_s
        if process.poll() is not None:
            break
        time.sleep(0.005)
    raise SystemExit(f"the daemon did not become ready:\n{log.read_text()[-2000:]}")
