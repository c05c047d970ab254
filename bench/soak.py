"""
What grows in a daemon that runs for long: paper instances on the embedded exchange, as fast as the machine goes.

    python bench/soak.py [SECONDS [INSTANCES]]

Every five seconds memory, open files, threads and the files below the state directory are looked at; market time is that of the
newest verdict in the ledger. After a third of the time to settle, growth is a straight line through the looks, per month of
market. Records on disk grow with what happens; memory, open files and threads must not. At the end the daemon is started again
on what it left. Bars that no instance has decided, though it has one before and one behind, are counted in the ledger.
"""

import os
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import linear_regression

from _daemon import Child, daemon, several
from _figures import tell

SECONDS = 240
COUNT = 4
SPEED = 100_000
EVERY_S = 5
DAY_MS = 86_400_000
MONTH_MS = 30 * DAY_MS
MIB = 2**20
COUNTED = ("open files", "threads")


def main(seconds: int, count: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        config, state = several(directory, count), directory / "state"
        with daemon(config=config, speed=SPEED, state=state) as child:
            looks = _watch(child, seconds)
        with daemon(config=config, speed=SPEED, state=state) as child:
            again_s = child.ready_s
        missing, bars = _missing_bars(state)
    tell("bars missing per million", [missing / bars * 1e6], "", limit=0.0, note=f"{missing} of {bars}")
    days = (looks[-1]["market_ms"] - looks[0]["market_ms"]) / DAY_MS
    print(f"{count} instances, {days:.1f} days of market in {seconds} s")
    settled = looks[len(looks) // 3 :]
    months = [look["market_ms"] / MONTH_MS for look in settled]
    for figure in sorted({figure for look in settled for figure in look} - {"market_ms"}):
        values = [look.get(figure, 0.0) for look in settled]
        unit = "" if figure in COUNTED else "MiB"
        slope, _ = linear_regression(months, values)
        tell(f"{figure}, growth per month", [slope], unit, note=f"from {values[0]:.4g} to {values[-1]:.4g} {unit}")
    tell("start again to READY", [again_s], "s")


def _watch(child: Child, seconds: int) -> list[dict[str, float]]:
    looks, began_s = [_look(child)], time.monotonic()
    while time.monotonic() - began_s < seconds:
        time.sleep(EVERY_S)
        if child.process.poll() is not None:
            raise SystemExit("the daemon ended")
        looks.append(_look(child))
    return [look for look in looks if look["market_ms"]]


def _missing_bars(state: Path) -> tuple[int, int]:
    """How many bars between the first and the last of an instance have no verdict, and how many bars have one."""
    query = "SELECT count(*), (max(close_ms) - min(close_ms)) / clock_ms + 1 FROM bars GROUP BY instance, clock_ms"
    with closing(sqlite3.connect(f"file:{state / 'ledger.sqlite'}?mode=ro", uri=True, timeout=10)) as ledger:
        rows = ledger.execute(query).fetchall()
    there = sum(count for count, _ in rows)
    return sum(wanted for _, wanted in rows) - there, there


def _look(child: Child) -> dict[str, float]:
    process = Path(f"/proc/{child.process.pid}")
    files = {path: path.stat().st_size for path in child.state.rglob("*") if path.is_file()}
    folders: dict[str, float] = {}
    for path, size in files.items():
        top = path.relative_to(child.state).parts[0]
        folders[f"state/{top}"] = folders.get(f"state/{top}", 0.0) + size / MIB
    return {
        **folders,
        "market_ms": child.market_ms,
        "resident": child.resident_mb,
        "open files": len(os.listdir(process / "fd")),
        "threads": len(os.listdir(process / "task")),
    }


if __name__ == "__main__":
    arguments = [int(one) for one in sys.argv[1:]]
    main(*(arguments + [SECONDS, COUNT][len(arguments) :]))
