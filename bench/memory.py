"""
Resident memory of a daemon with ten paper instances on the embedded exchange, of each further instance, and of a guardian.

    python bench/memory.py [SECONDS]          300 unless told otherwise; twice that, and the starts

The five example Plays, each on two symbols, on the synthetic market at `SPEED` times real time, with a guardian beside them;
then thirty of the same in other sizes. VmRSS is read when the daemon is ready and every ten seconds from then on; the figure
held against the limit is the highest one, and a further instance is the difference of the two highest, by twenty. Growth is the
difference between the means of the first and the last minute (after one minute to settle), per day of market time: columns
fill up to the three days that are kept (about 30 columns of 8 bytes per minute and instance); what grows behind that is told
by `soak`.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean

from _daemon import BIN, Child, daemon, resident_mb, several
from _figures import tell

SECONDS = 300
SPEED = 1200
EVERY_S = 10
SETTLE_S = 60
FEW, MANY = 10, 30


def main(seconds: int) -> None:
    with tempfile.TemporaryDirectory() as name, daemon(config=several(Path(name), FEW), speed=SPEED) as child:
        tell(f"resident at READY, {FEW} paper instances", [child.resident_mb], "MiB", limit=250.0)
        with guardian(child) as process:
            seen, days = _watch(child, seconds)
            tell("resident, guardian", [resident_mb(process.pid)], "MiB", limit=60.0)
    few = max(seen)
    tell(
        f"resident, highest, {FEW} paper instances", [few], "MiB", limit=400.0, note=f"{days:.1f} days of market in {seconds} s"
    )
    settled = seen[SETTLE_S // EVERY_S :]
    share = max(1, 60 // EVERY_S)
    if len(settled) >= 3 * share:
        grown = mean(settled[-share:]) - mean(settled[:share])
        tell("growth per day of market", [grown / (days * (len(settled) - share) / len(seen))], "MiB")
    with tempfile.TemporaryDirectory() as name, daemon(config=several(Path(name), MANY), speed=SPEED) as child:
        seen, days = _watch(child, seconds)
    note = f"{MANY} instead of {FEW}, {days:.1f} days of market in {seconds} s"
    tell("resident, each further paper instance", [(max(seen) - few) / (MANY - FEW)], "MiB", limit=4.0, note=note)


@contextmanager
def guardian(child: Child) -> Iterator[subprocess.Popen[bytes]]:
    """The guardian of a daemon's state, while the block lasts."""
    command = [str(BIN / "playd"), "guardian", "--state", str(child.state)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
            if process.poll() is not None:
                raise SystemExit(f"the guardian ended with {process.returncode}")
        finally:
            process.terminate()


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
