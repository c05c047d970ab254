"""
`python -m tests.clients [nautilus] [nautilus-rust] [freqtrade] [node]`: sessions of real programs on a local exchange of their
own. Without a name all of them, but for those whose interpreter this machine does not have.

Each program gets an environment below `.cache/clients`, made the first time; nothing of it is needed for anything else.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clients import freqtrade_session
from tests.tidy.source import ROOT

REQUIREMENTS = {
    "nautilus": "nautilus_trader==1.221.0",
    "nautilus-rust": "nautilus_trader==1.231.0",
    "freqtrade": "freqtrade==2026.9",
    "node": "bybit-api@4.7.7",
}
NODE_SESSION = Path(__file__).with_name("node_session.js")
NEWER_PYTHONS = ("python3.12", "python3.13", "python3.14")
"""What the Rust core of nautilus_trader runs under."""


def tool_of(name: str) -> str:
    """What a client's environment is made with; empty when this machine has no such thing."""
    if name == "node":
        return "npm" if shutil.which("npm") and shutil.which("node") else ""
    if name != "nautilus-rust":
        return sys.executable
    found = [
        tool
        for tool in NEWER_PYTHONS
        if shutil.which(tool) and subprocess.run([tool, "-V"], capture_output=True).returncode == 0
    ]
    return found[0] if found else ""


def environment(name: str) -> Path:
    """The directory with a client's environment, which is made when it is not there."""
    directory = ROOT / ".cache" / "clients" / name
    done = directory / "installed"
    if not done.exists() or done.read_text() != REQUIREMENTS[name]:
        print(f"installing {REQUIREMENTS[name]} in {directory.relative_to(ROOT)}", flush=True)
        if name == "node":
            directory.mkdir(parents=True, exist_ok=True)
            subprocess.run(["npm", "install", "--silent", "--prefix", directory, REQUIREMENTS[name]], check=True)
        else:
            subprocess.run([tool_of(name), "-m", "venv", "--clear", directory], check=True)
            subprocess.run([directory / "bin" / "pip", "install", "--quiet", REQUIREMENTS[name]], check=True)
        done.write_text(REQUIREMENTS[name])
    return directory


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
    directory = environment(name)
    python = directory / "bin" / "python"
    with exchange(state) as access:
        words = [access["rest_url"], access["key"], access["secret"]]
        if name == "node":
            return subprocess.run(["node", NODE_SESSION, *words], cwd=directory).returncode
        if name == "freqtrade":
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            return freqtrade_session.run(python, state / "bot", port=port, **access)
        lives = ([python, "-m", "tests.clients.nautilus_session", *words, life] for life in ("first", "second"))
        return max(subprocess.run(life, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}).returncode for life in lives)


def main() -> None:
    failed = []
    for name in sys.argv[1:] or list(REQUIREMENTS):
        print(f"\n{REQUIREMENTS[name]}", flush=True)
        if not tool_of(name):
            needs = "node and npm" if name == "node" else f"one of {', '.join(NEWER_PYTHONS)}"
            print(f"left out: it needs {needs} on the PATH", flush=True)
            failed += [name] if sys.argv[1:] else []
            continue
        with tempfile.TemporaryDirectory() as state:
            if session(name, Path(state)):
                failed.append(name)
    sys.exit(f"not as it should be: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
