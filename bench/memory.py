"""
Resident memory of a daemon with ten paper instances on the embedded exchange.

    python bench/memory.py [SECONDS]

The five example Plays, each on two symbols, on the synthetic market at `SPEED` times real time. VmRSS is read when the daemon
is ready and every ten seconds from then on; the figure held against the limit is the highest one. Growth is the difference
between the means of the first and the last minute (after one minute to settle), per day of market time: columns fill up to the
three days that are kept (about 30 columns of 8 bytes per minute and instance); what grows behind that is told by `soak`.
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
        seen, days = _watch(child, seconds)
    note = f"{days:.1f} days of market in {seconds} s"
    tell("resident, highest", [max(seen)], "MiB", limit=250.0, note=note)
    settled = seen[SETTLE_S // EVERY_S :]
    share = max(1, 60 // EVERY_S)
    if len(settled) >= 3 * share:
        grown = mean(settled[-share:]) - mean(settled[:share])
        tell("growth per day of market", [grown / (days * (len(settled) - share) / len(seen))], "MiB")


def _watch(child: Child, seconds: int) -> tuple[list[float], float]:
    """Resident memory at each look, and the days of market that passed from the second look on."""
    seen, began_s, first_ms = [child.resident_mb], time.monotonic(), 0
    while time.monotonic() - began_s < seconds:
        time.sleep(EVERY_S)
        if child.process.poll() is not None:
            raise SystemExit("the daemon ended")
        seen.append(child.resident_mb)
        first_ms = first_ms or child.market_ms
    print("MiB every 10 s: " + " ".join(f"{each:.0f}" for each in seen))
    return seen, (child.market_ms - first_ms) / 86_400_000


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SECONDS)
