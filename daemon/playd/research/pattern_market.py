"""The synthetic market that a Play is tried on: a pattern on the Play's own clock, long enough for its slowest one (12.2)."""

from typing import Final

from playd.core.candles import Candles
from playd.core.timeframes import MINUTE_MS
from playd.market.patterns.candles import synthetic_market
from playd.plays.compile import compile_program
from playd.plays.model import Play
from playd.plays.program import Program

_BARS: Final = 2000
_MORE: Final = 200
"""Execution bars after the first valid bar of the slowest clock."""


REFERENCE_SEED: Final = 1
"""What is added to the seed for the market of a second symbol: it has the same pattern, drawn with other noise."""


def pattern_market(play: Play, pattern: str, seed: int, bars: int | None = None) -> Candles:
    """
    One-minute candles of `bars` execution bars of the Play; None: what the Play needs. The symbol that a Play reads beside its
    own goes through the same pattern in its own way.

    Raises KeyError for an unknown pattern, `PlayError` for a Play that one-minute candles cannot feed.
    """
    program = compile_program(play, MINUTE_MS)
    minutes = program.exec_step_ms // MINUTE_MS
    count = bars or default_bars(program)
    candles = synthetic_market(pattern, seed=seed, exec_minutes=minutes, exec_bars=count, symbol=play.symbol)
    if play.reference is None:
        return candles
    other = seed + REFERENCE_SEED
    return candles.beside(synthetic_market(pattern, seed=other, exec_minutes=minutes, exec_bars=count, symbol=play.reference))


def default_bars(program: Program) -> int:
    """Execution bars: 2000, or as many as the slowest clock needs for its first value and 200 more."""
    slowest = max(range(len(program.clocks)), key=lambda number: program.clocks[number].step_ms)
    ready_ms = max((column.ready_ms for column in program.columns if column.clock == slowest), default=0)
    return max(_BARS, -(-ready_ms // program.exec_step_ms) + _MORE)
