"""
Resident memory of a daemon with ten paper instances on the embedded exchange.

    python bench/memory.py [SECONDS]

The five example Plays, each on two symbols, on the synthetic market at `SPEED` times real time. VmRSS is read when the daemon
is ready and every ten seconds from then on; the figure held against the limit is the highest one. Growth is the difference
between the means of the first and the last minute (after one minute to settle), per day of market time: columns fill up to the
week that is kept (about 30 columns of 8 bytes per minute and instance); what grows behind that is told by `soak`.
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import mean

from _daemon import Child, daemon, several
from _figures import tell

SECONDS = 300
SPEED = 1200
EVERY_S = 10
SETTLE_S = 60


def main(seconds: int) -> None:
    with tempfile.TemporaryDirectory() as name, daemon(config=several(Path(name), 10), speed=SPEED) as child:
        tell("resident at READY, ten paper instances", [child.resident_mb], "MiB", limit=250.0)
        seen = _watch(child, seconds)
    note = f"{seconds} s at {SPEED} times real time, {seconds * SPEED / 86_400:.1f} days of market"
    tell("resident, highest", [max(seen)], "MiB", limit=250.0, note=note)
    settled = seen[SETTLE_S // EVERY_S :]
    share = max(1, 60 // EVERY_S)
    if len(settled) >= 3 * share:
        grown = mean(settled[-share:]) - mean(settled[:share])
        days = (len(settled) - share) * EVERY_S * SPEED / 86_400
        tell("growth per day of market", [grown / days], "MiB")


def _watch(child: Child, seconds: int) -> list[float]:
    seen, began_s = [child.resident_mb], time.monotonic()
    while time.monotonic() - began_s < seconds:
        time.sleep(EVERY_S)
        if child.process.poll() is not None:
            raise SystemExit("the daemon ended")
        seen.append(child.resident_mb)
    print("MiB every 10 s: " + " ".join(f"{each:.0f}" for each in seen))
    return seen


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
