"""A start works in small steps, and the steps change nothing."""

import math
from itertools import pairwise
from pathlib import Path

import anyio
import numpy as np
import pytest
from anyio.lowlevel import checkpoint

from playd.core.candles import Candles
from playd.core.instrument import synthetic_instrument
from playd.core.timeframes import MINUTE_MS
from playd.engine.play_engine import PlayEngine
from playd.plays.load import load_play
from playd.supervisor.loading import WARM_SPAN, load_program, warm_up

pytestmark = pytest.mark.anyio

PLAY = Path(__file__).parents[3] / "config" / "plays" / "ema_cross_rsi.yml"


def candles(count: int) -> Candles:
    closes = 4.0 + np.sin(np.arange(count) / 50.0) + np.cos(np.arange(count) / 7.0) / 10
    times = np.arange(count, dtype=np.int64) * MINUTE_MS
    return Candles("DOTUSDT", MINUTE_MS, times, closes, closes * 1.001, closes * 0.999, closes, np.ones(count))


@pytest.mark.slow
async def test_columns_warmed_in_steps_are_those_warmed_at_once_and_others_run_between_two_steps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    play = load_play(PLAY.read_text(), str(PLAY))
    program = await load_program(play, MINUTE_MS, checkpoint)
    history = candles(6 * WARM_SPAN + 7)
    rules = synthetic_instrument("DOTUSDT", 4.0)
    at_once, in_steps = (PlayEngine(program, play, rules, 10_000.0) for _ in range(2))
    at_once.warm(history)
    order: list[str | int] = []
    warm = in_steps.warm

    def counted(span: Candles) -> None:
        order.append(len(span))
        warm(span)

    async def others() -> None:
        while True:
            order.append("others")
            await checkpoint()

    monkeypatch.setattr(in_steps, "warm", counted)
    async with anyio.create_task_group() as group:
        group.start_soon(others)
        await checkpoint()
        await warm_up(in_steps, history, checkpoint)
        group.cancel_scope.cancel()

    steps = [each for each in order if each != "others"]
    assert steps == [WARM_SPAN] * 6 + [7]
    assert all("others" in pair for pair in pairwise(order[order.index(WARM_SPAN) :]))
    seen, expected = (engine._columns.last_signals() for engine in (in_steps, at_once))
    assert seen.keys() == expected.keys()
    assert all(seen[name] == expected[name] or (math.isnan(seen[name]) and math.isnan(expected[name])) for name in seen)
