"""
How long a Play takes to load and compile when its kernels are in the cache.

    python bench/load_play.py

Processor time, in processes of their own, of reading and checking the text of an example Play, compiling it to a Program and
loading its machine code from the disk. As the first Play of a process, its import of Numba apart; as the next one after another
Play, which is what a running daemon does; and the same Play again, whose code is there. Not timed: other imports, and the first
compilation of the kernels. Beside them a whole `playd play check`, from start to exit.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import _setup  # before anything that imports a kernel
from _figures import tell

LIMIT_MS = 50.0
PASSES = 9
BEFORE = "ema_cross_rsi"
PLAYS = ("mtf_trend", "order_block_gap", "supertrend_follow")


def one_process(names: list[str]) -> None:
    """Print what the import of Numba and loading these Plays took, one after the other, in milliseconds."""
    from playd.core.timeframes import MINUTE_MS
    from playd.plays.compile import compile_program
    from playd.plays.load import load_play

    start = time.process_time()
    import playd.kernels.machine  # noqa: F401 - what the first node that runs imports

    taken = [(time.process_time() - start) * 1e3]
    for name in names:
        text = (_setup.REPO / "config" / "plays" / f"{name}.yml").read_text(encoding="utf-8")
        start = time.process_time()
        for node in compile_program(load_play(text, name), MINUTE_MS).nodes:
            _ = node.kernel
        taken.append((time.process_time() - start) * 1e3)
    print(json.dumps(taken))


def in_a_process(*names: str) -> list[float]:
    """Milliseconds of the import and of each, in a process of their own."""
    done = subprocess.run([sys.executable, __file__, *names], check=True, capture_output=True, text=True)
    taken: list[float] = json.loads(done.stdout)
    return taken


def check_ms(name: str) -> float:
    """Processor time of a process that checks a Play."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    file = str(_setup.REPO / "config" / "plays" / f"{name}.yml")
    subprocess.run([Path(sys.executable).with_name("playd"), "play", "check", file], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime) * 1e3


def main() -> None:
    """Print the figures."""
    in_a_process(BEFORE, *PLAYS)  # fills the cache
    first = [in_a_process(BEFORE) for _ in range(PASSES)]
    tell("import of Numba", [taken[0] for taken in first], "ms")
    tell("first Play of a process, that import apart", [taken[1] for taken in first], "ms", limit=LIMIT_MS)
    for name in PLAYS:
        found = [in_a_process(BEFORE, name, name) for _ in range(PASSES)]
        tell(f"{name}, next", [taken[2] for taken in found], "ms", limit=LIMIT_MS)
        tell(f"{name}, again", [taken[3] for taken in found], "ms", limit=LIMIT_MS)
    tell("playd play check", [check_ms(PLAYS[0]) for _ in range(PASSES)], "ms")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        one_process(sys.argv[1:])
    else:
        main()
