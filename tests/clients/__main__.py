"""
`python -m tests.clients [nautilus] [freqtrade]`: sessions of real programs on a local exchange of their own.

Each program gets an environment below `.cache/clients`, made the first time; nothing of it is needed for anything else.
"""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clients import freqtrade_session
from tests.tidy.source import ROOT

REQUIREMENTS = {"nautilus": "nautilus_trader==1.221.0", "freqtrade": "freqtrade==2026.9"}


def interpreter(name: str) -> Path:
    """The interpreter of a client's environment, which is made when it is not there."""
    directory = ROOT / ".cache" / "clients" / name
    python, done = directory / "bin" / "python", directory / "installed"
    if not done.exists() or done.read_text() != REQUIREMENTS[name]:
        print(f"installing {REQUIREMENTS[name]} in {directory.relative_to(ROOT)}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", directory], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", REQUIREMENTS[name]], check=True)
        done.write_text(REQUIREMENTS[name])
    return python


@contextmanager
def exchange(state: Path) -> Iterator[dict[str, str]]:
    """An exchange in the machine's time, and how to reach it."""
    command = [Path(sys.executable).parent / "playd", "exchange", "serve", "--synthetic", "3", "--now", "--port", "0"]
    process = subprocess.Popen([*command, "--state", state], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        said = {}
        for line in process.stdout:
            name, value = line[:12].strip(), line[12:].strip()
            said[name] = value
            if name == "ledger":
                break
        yield {"rest_url": said["REST"], "key": said["api key"], "secret": said["api secret"]}
    finally:
        process.terminate()
        process.wait()


def session(name: str, state: Path) -> int:
    """Run one client's session; 0 when all of it came true."""
    python = interpreter(name)
    with exchange(state) as access:
        if name == "freqtrade":
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            return freqtrade_session.run(python, state / "bot", port=port, **access)
        words = [access["rest_url"], access["key"], access["secret"]]
        lives = ([python, "-m", "tests.clients.nautilus_session", *words, life] for life in ("first", "second"))
        return max(subprocess.run(life, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}).returncode for life in lives)


def main() -> None:
    failed = []
    for name in sys.argv[1:] or list(REQUIREMENTS):
        print(f"\n{REQUIREMENTS[name]}", flush=True)
        with tempfile.TemporaryDirectory() as state:
            if session(name, Path(state)):
                failed.append(name)
    sys.exit(f"not as it should be: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
