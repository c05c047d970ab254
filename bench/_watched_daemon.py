"""
A whole `playd run` in this process, with a watch on its loop: `_watched_daemon.py CONFIG STATE SPEED SECONDS RESULT`.

The loop's own watch looks a hundred times a second instead of ten, and keeps every lag and the processor time between two
looks, which is that of the longest turn between them and a little more; each bar's way from its arrival to the decision of each
instance is noted. `SECONDS` after READY the daemon gets SIGTERM, and what was seen is written to `RESULT`.
"""

import gc
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from threading import Timer

import _setup  # noqa: F401 - before anything that imports a kernel

from playd.cli.daemon import run_daemon
from playd.cli.run_options import RunOptions
from playd.market.bars import ClosedBar
from playd.ops import loop_watch
from playd.ops.loop_watch import LoopWatch
from playd.ops.meters import Meters
from playd.supervisor.surroundings import ShellAround

LOOK_EVERY_S = 0.01


class Seen:
    """What was seen since READY, in milliseconds. `bars` are the waits of all instances by the open time of the bar."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.ready_s = 0.0
        self.cpu_s = 0.0
        self.lag_ms: list[float] = []
        self.turn_ms: dict[str, list[float]] = {"start": [], "run": []}
        """Processor time of the loop's thread between two looks: before READY, and from then on."""
        self.looked_s: float | None = None
        self.compute_ms: list[float] = []
        self.bars: dict[int, list[float]] = {}

    def begin(self) -> None:
        self.ready_s, self.cpu_s = time.perf_counter(), _cpu_s()
        Timer(self.seconds, os.kill, (os.getpid(), signal.SIGTERM)).start()

    def look(self) -> None:
        before_s, self.looked_s = self.looked_s, time.thread_time()
        if before_s is not None:
            self.turn_ms["run" if self.ready_s else "start"].append((self.looked_s - before_s) * 1e3)

    @property
    def watching(self) -> bool:
        return 0 < self.ready_s <= time.perf_counter() < self.ready_s + self.seconds


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def watch(seen: Seen) -> None:
    """Put the watch around the parts of the daemon that tell it something."""
    observe, begin_anew = Meters.observe, LoopWatch.begin_anew
    taken, computed = ShellAround.bar_taken, ShellAround.bar_computed
    bars: dict[int, tuple[ClosedBar, float]] = {}

    def observed(meters: Meters, name: str, value_s: float, *labels: str) -> None:
        if name == "loop_lag_seconds":
            seen.look()
            if seen.watching:
                seen.lag_ms.append(value_s * 1e3)
        observe(meters, name, value_s, *labels)

    def begun(loop: LoopWatch) -> None:
        begin_anew(loop)
        seen.begin()

    def bar_taken(around: ShellAround, bar: ClosedBar) -> None:
        taken(around, bar)
        bars[id(around)] = bar, time.perf_counter()

    def bar_computed(around: ShellAround) -> None:
        computed(around)
        bar, began_s = bars[id(around)]
        if seen.watching and not bar.late:
            seen.compute_ms.append((time.perf_counter() - began_s) * 1e3)
            seen.bars.setdefault(bar.candle.open_time_ms, []).append((time.monotonic() - bar.received_mono_s) * 1e3)

    loop_watch.EVERY_S = LOOK_EVERY_S  # type: ignore[misc]
    Meters.observe = observed  # type: ignore[method-assign, assignment]
    LoopWatch.begin_anew = begun  # type: ignore[method-assign, assignment]
    ShellAround.bar_taken, ShellAround.bar_computed = bar_taken, bar_computed  # type: ignore[method-assign, assignment]


def main(config: str, state: str, speed: str, seconds: str, result: str) -> int:
    gc.freeze()  # as `playd run` does behind its imports
    seen = Seen(float(seconds))
    watch(seen)
    code = run_daemon(RunOptions(config=config, state=state, speed=float(speed)))
    lasts = [max(waits) for waits in seen.bars.values()]
    told = {
        "lag_ms": seen.lag_ms,
        "turn_ms": seen.turn_ms,
        "compute_ms": seen.compute_ms,
        "last_ms": lasts,
        "bars": len(seen.compute_ms),
    }
    Path(result).write_text(json.dumps({**told, "cpu_s": _cpu_s() - seen.cpu_s, "seconds": time.perf_counter() - seen.ready_s}))
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
