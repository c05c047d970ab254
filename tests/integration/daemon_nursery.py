"""
Daemons of tests as processes: `python -m tests.integration.daemon_nursery` forks a `playd run` per line of options (JSON).

What a daemon loads takes longer than most tests of one. Here it is loaded once; the rest is `playd run` from its command line
on, with an environment of its own. Any number may live at a time, so each has a keeper, which waits for its end and tells its
code.
"""

import gc
import json
import os
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

from playd.cli import daemon  # noqa: F401 - what `playd run` imports when it is asked for
from playd.cli.playd import main as playd
from playd.core.instrument import synthetic_instrument
from playd.core.timeframes import MINUTE_MS
from playd.market.synthetic import SyntheticFeed
from playd.plays.compile import compile_program
from playd.plays.load import load_play
from playd.supervisor.rehearsal import rehearse
from tests.crash.nursery import born

PLAYS = Path(__file__).parents[2] / "config" / "plays"
REHEARSED = ("ema_cross_rsi", "bollinger_reversion")
"""The Plays of the embedded default."""
MINUTES = 500


def warm_up() -> None:
    """Have the machine code of most daemons in memory before the first is forked."""
    feed = SyntheticFeed(1)
    for stem in REHEARSED:
        play = load_play((PLAYS / f"{stem}.yml").read_text(), stem)
        candles = feed.candles(play.symbol, feed.start_ms, feed.start_ms + MINUTES * MINUTE_MS)
        rehearse(
            compile_program(play, candles.step_ms), play, synthetic_instrument(play.symbol, float(candles.open[0])), candles
        )
    gc.collect()
    gc.freeze()


def live(given: dict[str, Any]) -> int:
    """One life of a daemon; its exit code."""
    os.environ.clear()
    os.environ.update(given["environment"])
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.argv = ["playd", *given["arguments"]]
    try:
        playd()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def keep(given: dict[str, Any]) -> None:
    """Fork a daemon, tell its number on standard output and its code, once it ended, to the pipe of its own."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ended = os.open(given["ended"], os.O_WRONLY)
    said = os.open(given["said"], os.O_WRONLY)  # before anybody is told of a daemon: a reader of nobody's pipe is at its end
    pid = os.fork()
    if pid == 0:
        os.close(ended)
        born(partial(live, given), given["said"])
    os.close(said)
    os.write(1, json.dumps({"pid": pid}).encode() + b"\n")
    _, status = os.waitpid(pid, 0)
    os.write(ended, json.dumps({"code": os.waitstatus_to_exitcode(status)}).encode() + b"\n")
    os._exit(0)


def main() -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # keepers are nobody's business
    warm_up()
    for line in sys.stdin:
        if os.fork() == 0:
            keep(json.loads(line))


if __name__ == "__main__":
    main()
