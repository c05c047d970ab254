"""
Machine code for every Play of this daemon, loaded or compiled before the first connection is made.

A first compilation takes seconds and holds the event loop; done later it would cost heartbeats and connections.
"""

from collections.abc import Iterable
from pathlib import PurePath
from typing import Final

import structlog

from playd.core.errors import PlayError
from playd.market.feed import CandleFeed
from playd.ops.notify import ServiceManager
from playd.plays.compile import compile_program
from playd.supervisor.plays import read_play
from playd.supervisor.rehearsal import EXEC_BARS, rehearse
from playd.world.ports import World

EXTEND_S: Final = 60.0
SLOW_S: Final = 1.0

_log = structlog.get_logger()


def rehearse_plays(world: World, feed: CandleFeed, paths: Iterable[PurePath], service: ServiceManager) -> None:
    """Rehearse each Play on candles of the feed; one that cannot be read or fed is left to admission and its reasons."""
    started_s = world.clock.mono_s()
    _log.info("kernels.loading", msg="the first start of a version compiles them, which takes up to a minute")
    count = 0
    for path in dict.fromkeys(paths):
        try:
            play = read_play(world.disk, path)
            program = compile_program(play, feed.step_ms)
        except PlayError:
            continue
        service.extend(EXTEND_S, f"loading kernels of {play.name}")
        symbol = play.symbol if play.symbol in feed.symbols else feed.symbols[0]
        candles = feed.candles(symbol, feed.start_ms - 4 * EXEC_BARS * program.exec_step_ms, feed.start_ms)
        rehearse(program, play, feed.instrument(symbol), candles)
        count += 1
    took_s = world.clock.mono_s() - started_s
    if took_s > SLOW_S:
        _log.info("kernels.compiled", value=count, unit="plays", took_ms=round(took_s * 1000))
