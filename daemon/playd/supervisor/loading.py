"""
What a start costs, in small steps: machine code is loaded kernel by kernel, columns are warmed span by span. Columns of
corrected candles are made anew in the same steps.

Before each step a turn of the loop is taken (`supervisor/turns.py`), so that nobody's bar waits for more than one step of
somebody else's start, however many start together.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from playd.core.candles import Candles
from playd.engine.play_engine import PlayEngine
from playd.plays.column_image import ColumnImage
from playd.plays.columns import NEVER, Columns
from playd.plays.compile import compile_steps
from playd.plays.model import Play
from playd.plays.program import Program
from playd.plays.steps import Steps, T

WARM_SPAN: Final = 10_000
"""Candles warmed in one step: a week of minutes, of a Program of up to `NODES_AT_ONCE`."""

NODES_AT_ONCE: Final = 25
"""With `WARM_SPAN` candles ten milliseconds of work; one of more nodes is warmed by fewer candles in a step."""

Turn = Callable[[], Awaitable[None]]
"""Returns when the loop is free for one step of work."""


async def load_program(play: Play, base_step_ms: int, turn: Turn) -> Program:
    """The Program of a Play whose kernels were compiled before. Raises `PlayError` as `compile_program` does."""
    program = await _in_turns(compile_steps(play, base_step_ms), turn)
    for node in program.nodes:
        await turn()
        _ = node.kernel  # asking for it loads it, which takes some milliseconds
    return program


def span_of(program: Program) -> int:
    """Candles that a Program is warmed by in one step."""
    return WARM_SPAN * NODES_AT_ONCE // max(NODES_AT_ONCE, len(program.nodes))


async def warm_up(engine: PlayEngine, candles: Candles, turn: Turn) -> None:
    """Extend the columns of an engine by closed candles, without decisions."""
    await _take(candles, engine.columns.program, engine.warm, turn)


async def columns_anew(columns: Columns, candles: Candles, image: ColumnImage | None, turn: Turn) -> ColumnImage:
    """
    Columns like these made of candles, all since the anchor or those from the last one of `image` on, while these stay in use:
    an image of every row that is kept, to be taken over in one step.
    """
    fresh = columns.beside()
    await turn()
    if image is not None:
        fresh.resume(image)
        candles = candles.places(1, len(candles))
    await _take(candles, fresh.program, fresh.extend_many, turn)
    await turn()
    return fresh.image(NEVER)


async def _in_turns(steps: Steps[T], turn: Turn) -> T:
    while True:
        await turn()
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


async def _take(candles: Candles, program: Program, take: Callable[[Candles], None], turn: Turn) -> None:
    span = span_of(program)
    for first in range(0, len(candles), span):
        await turn()
        take(candles.places(first, first + span))
