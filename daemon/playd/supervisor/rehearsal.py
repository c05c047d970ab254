"""
A rehearsal before the first bar: every compiled function an engine needs is loaded by using it once on a throw-away engine.

Loading machine code takes seconds on first use. Done here, before the instance says that it is warm, it delays nobody's
decision and nobody's exit.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from playd.core.candles import Candle, Candles
from playd.core.instrument import Instrument
from playd.core.orders import Action, Side
from playd.core.units import UP, to_units
from playd.engine.messages import EngineFill
from playd.engine.play_engine import PlayEngine
from playd.plays.model import Play
from playd.plays.program import Program

EXEC_BARS: Final = 2
EQUITY_USDT: Final = 10_000.0


BARS_A_STEP: Final = 16
"""
Bars between two points at which whoever rehearses may let others go on: some milliseconds; fewer of a Program of more nodes
than `NODES_AT_ONCE`.
"""

NODES_AT_ONCE: Final = 100


def rehearse(program: Program, play: Play, instrument: Instrument, history: Candles) -> None:
    """Run the newest bars of `history` through a throw-away engine, with an entry, an exit and a snapshot between them."""
    for _ in rehearsal(program, play, instrument, history):
        pass


def rehearsal(program: Program, play: Play, instrument: Instrument, history: Candles) -> Iterator[None]:
    """
    `rehearse` in steps: it goes on when it is asked for the next. What is called for the first time, which loads machine code,
    has a step of its own.
    """
    tail = EXEC_BARS * program.exec_step_ms // program.base_step_ms
    if len(history) <= tail:
        return
    bars = max(1, BARS_A_STEP * NODES_AT_ONCE // max(NODES_AT_ONCE, len(program.nodes)))
    yield
    engine = PlayEngine(program, play, instrument, EQUITY_USDT)
    first = int(history.open_time_ms[-tail])
    yield
    engine.warm(history.between(first - 2 * tail * program.base_step_ms, first))
    for number, index in enumerate(range(len(history) - tail, len(history))):
        if number <= 1 or index % bars == 0:
            yield
        for step in _bar(engine, instrument, history.at(index)):
            step()
            if number == 0:
                yield
    engine.restore(engine.snapshot())


def _bar(engine: PlayEngine, instrument: Instrument, candle: Candle) -> tuple[Callable[[], object], ...]:
    """What may happen to an engine at one bar, all of it."""
    price_ticks, time_ms = to_units(candle.close, *instrument.tick_fraction, UP), candle.open_time_ms
    return (
        partial(engine.on_bar, candle),
        partial(_fill, engine, Action.ENTER, Side.BUY, price_ticks, time_ms),
        partial(engine.on_order_ended, Action.ENTER, "rehearsal"),
        partial(_fill, engine, Action.EXIT, Side.SELL, price_ticks, time_ms),
        partial(engine.on_order_ended, Action.EXIT, "rehearsal"),
        partial(engine.on_funding, 0.0),
    )


def _fill(engine: PlayEngine, action: Action, side: Side, price_ticks: int, time_ms: int) -> None:
    engine.on_fill(
        EngineFill(
            action=action,
            side=side,
            qty_steps=1,
            price_ticks=price_ticks,
            fee_usdt=0.0,
            time_ms=time_ms,
            reason="signal",
            is_maker=False,
        )
    )
