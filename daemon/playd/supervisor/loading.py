"""
What a start costs, in small steps: machine code is loaded kernel by kernel, columns are warmed span by span.

Between two steps the loop belongs to the others, so that nobody's bar waits for somebody else's start.
"""

from typing import Final

import anyio

from playd.core.candles import Candles
from playd.engine.play_engine import PlayEngine
from playd.plays.compile import compile_program
from playd.plays.model import Play
from playd.plays.program import Program

WARM_SPAN: Final = 20_000
"""Candles warmed in one step: a fortnight of minutes, some milliseconds of work."""


async def load_program(play: Play, base_step_ms: int) -> Program:
    """The Program of a Play whose kernels were compiled before. Raises `PlayError` as `compile_program` does."""
    program = compile_program(play, base_step_ms)
    for node in program.nodes:
        _ = node.kernel  # asking for it loads it, which takes some milliseconds
        await anyio.lowlevel.checkpoint()
    return program


async def warm_up(engine: PlayEngine, candles: Candles) -> None:
    """Extend the columns of an engine by closed candles, without decisions."""
    times = candles.open_time_ms
    for first in range(0, len(candles), WARM_SPAN):
        until = first + WARM_SPAN
        engine.warm(candles.between(int(times[first]), int(times[until]) if until < len(candles) else int(times[-1]) + 1))
        await anyio.lowlevel.checkpoint()
