"""
`playctl` from start to exit of its process: `--help`, and `status` of a daemon with two and with fifty paper instances.

    python bench/playctl.py
"""

import subprocess
import tempfile
import time
from pathlib import Path

from _daemon import BIN, Child, daemon, several
from _figures import tell

RUNS = 15
MANY = 50


def main() -> None:
    _took_s("--help")
    tell("playctl --help, start to exit", [_took_s("--help") for _ in range(RUNS)], "s", limit=0.15)
    with daemon() as child:
        _tell_status(child, "two instances")
    with tempfile.TemporaryDirectory() as name, daemon(config=several(Path(name), MANY)) as child:
        _tell_status(child, f"{MANY} instances")


def _tell_status(child: Child, what: str) -> None:
    words = ("status", "--socket", str(child.socket))
    _took_s(*words)
    tell(f"playctl status, {what}, start to exit", [_took_s(*words) for _ in range(RUNS)], "s", limit=0.3)


def _took_s(*words: str) -> float:
    began_s = time.perf_counter()
    done = subprocess.run([str(BIN / "playctl"), *words], check=False, stdout=subprocess.DEVNULL)
    if done.returncode not in (0, 9):  # 9: answered, and something is not well
        raise SystemExit(f"playctl {' '.join(words)} ended with {done.returncode}")
    return time.perf_counter() - began_s


if __name__ == "__main__":
    main()
