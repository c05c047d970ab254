"""A start works in small steps, and the steps change nothing."""

import math
from dataclasses import replace
from functools import partial
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
from playd.plays.keep import Keep
from playd.plays.load import load_play
from playd.supervisor.loading import WARM_SPAN, columns_anew, load_program, span_of, warm_up
from tests.unit.supervisor.test_reading_in_turns import large_play

pytestmark = pytest.mark.anyio

PLAY = Path(__file__).parents[3] / "config" / "plays" / "ema_cross_rsi.yml"


def candles(count: int) -> Candles:
    closes = 4.0 + np.sin(np.arange(count) / 50.0) + np.cos(np.arange(count) / 7.0) / 10
    times = np.arange(count, dtype=np.int64) * MINUTE_MS
    return Candles("DOTUSDT", MINUTE_MS, times, closes, closes * 1.001, closes * 0.999, closes, np.ones(count))


async def test_a_program_of_more_nodes_is_made_and_warmed_in_more_steps() -> None:
    small, turns = load_play(PLAY.read_text(), str(PLAY)), list[str]()
    large = load_play(large_play(100), "large")

    async def turn(which: str) -> None:
        turns.append(which)

    programs = [await load_program(play, MINUTE_MS, partial(turn, play.name)) for play in (small, large)]
    spans = [span_of(program) for program in programs]
    assert spans[1] < 300 < 5_000 < spans[0]
    made = [turns.count(each.name) - len(program.nodes) for each, program in zip((small, large), programs, strict=True)]
    assert made[0] < 10 < 20 < made[1], "its kernels apart"


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
    span = span_of(program)
    assert steps == [span] * (len(history) // span) + [len(history) % span]
    assert all("others" in pair for pair in pairwise(order[order.index(span) :]))
    seen, expected = (engine._columns.last_signals() for engine in (in_steps, at_once))
    assert seen.keys() == expected.keys()
    assert all(seen[name] == expected[name] or (math.isnan(seen[name]) and math.isnan(expected[name])) for name in seen)


@pytest.mark.slow
@pytest.mark.parametrize("imaged", [0, 3 * WARM_SPAN])
async def test_columns_made_anew_in_steps_are_those_made_at_once_and_the_old_ones_are_in_use_until_then(imaged: int) -> None:
    play = load_play(PLAY.read_text(), str(PLAY))
    program = await load_program(play, MINUTE_MS, checkpoint)
    wrong, right, rules = candles(6 * WARM_SPAN + 7), candles(6 * WARM_SPAN + 7), synthetic_instrument("DOTUSDT", 4.0)
    wrong.close[-3], wrong.high[-3] = 5.9, 6.0
    engines = [PlayEngine(program, play, rules, 10_000.0, keep=Keep(2_000, 50)) for _ in range(2)]
    image = None
    if imaged:
        engines[0].warm(right.places(0, imaged))
        image = engines[0].columns.image(50)
        engines[0].warm(wrong.places(imaged, len(wrong)))
        engines[1].resume(image)
        engines[1].warm(right.places(imaged, len(right)))
    else:
        engines[0].warm(wrong)
        engines[1].warm(right)
    corrected, expected = (engine.columns for engine in engines)
    before = corrected.last_signals()
    known = right.places(max(imaged - 1, 0), len(right))
    turns = 0

    async def turn() -> None:
        nonlocal turns
        turns += 1
        assert engines[0].columns is corrected
        assert str(corrected.last_signals()) == str(before)
        await checkpoint()

    built = await columns_anew(corrected, known, image, turn)
    assert turns == 2 + math.ceil(len(known.places(1 if image else 0, len(known))) / span_of(program))
    engines[0].rewarm(right.places(len(right) - 1, len(right)), built)
    anew = engines[0].columns
    assert anew is not corrected
    assert anew.open_times_ms(0)[-1] == expected.open_times_ms(0)[-1]
    rows = min(anew.decision_count, expected.decision_count)
    assert rows >= 50
    for column in program.names.values():
        count = min(len(anew.row(column)), len(expected.row(column)))
        assert anew.row(column)[-count:].tobytes() == expected.row(column)[-count:].tobytes()
    following = right.at(len(right) - 1)
    later = replace(following, open_time_ms=following.open_time_ms + MINUTE_MS)
    assert str(engines[0].on_bar(later)) == str(engines[1].on_bar(later))
