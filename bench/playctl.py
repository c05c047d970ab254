"""
`playctl status` from start to exit of its process, against a running daemon with two paper instances.

    python bench/playctl.py
"""

import subprocess
import time

from _daemon import BIN, Child, daemon
from _figures import tell

RUNS = 15


def main() -> None:
    with daemon() as child:
        _status_s(child)
        tell("playctl status, start to exit", [_status_s(child) for _ in range(RUNS)], "s", limit=0.5)


def _status_s(child: Child) -> float:
    began_s = time.perf_counter()
    subprocess.run([str(BIN / "playctl"), "status", "--socket", str(child.socket)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began_s


if __name__ == "__main__":
    main()
