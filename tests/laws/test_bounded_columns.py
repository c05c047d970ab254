"""
Laws of columns that forget: bars dropped from the front at any moments, and columns that go on from an image, have the bits of
columns that kept everything; decisions, trades and explanations too.
"""

from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from playd.core.candles import Candles
from playd.core.errors import StateError
from playd.core.timeframes import MINUTE_MS
from playd.engine.explain import NOT_KEPT, ActionTruth, Explainer, NodeTruth
from playd.engine.play_engine import PlayEngine
from playd.engine.shadow import ShadowBook
from playd.plays.columns import Columns
from playd.plays.compile import compile_program
from playd.plays.keep import Keep
from playd.plays.load import load_play
from playd.plays.model import Play
from playd.plays.program import Program
from playd.plays.rule_tree import action_rules
from playd.research.backtest import run_backtest
from playd.research.forge.play import forge_play
from playd.research.pattern_market import pattern_market
from tests.engine_desk import BTC
from tests.laws.test_columns_laws import markets
from tests.laws.test_engine_laws import MARKETS, Market, Shadow, ShadowRun, assert_same, part, plays

EXAMPLES = sorted((Path(__file__).parents[2] / "config" / "plays").glob("*.yml"))
FORGED = range(12)
MOST_MINUTES = 4000
laws = settings(deadline=None, max_examples=5, print_blob=True, suppress_health_check=[HealthCheck.too_slow])

KEEPS = st.builds(Keep, base_bars=st.integers(1, 400), least_bars=st.integers(0, 40))


@cache
def example(path: Path) -> Program:
    return compile_program(load_play(path.read_text(encoding="utf-8"), path.name), MINUTE_MS)


def everything(program: Program, candles: Candles) -> Columns:
    columns = Columns(program, len(candles))
    columns.extend_many(candles)
    return columns


def assert_newest_bits(whole: Columns, bounded: Columns) -> None:
    """What is left has the bits of the same bars of `whole`, and every bar was counted."""
    for clock in range(len(whole.program.clocks)):
        closes, gone = whole.close_times_ms(clock), bounded.dropped(clock)
        assert bounded.close_times_ms(clock).tobytes() == closes[gone:].tobytes()
    for number, column in enumerate(whole.program.columns):
        gone = bounded.dropped(column.clock)
        assert bounded.row(number).tobytes() == whole.row(number)[gone:].tobytes(), column.name
    assert (bounded.anchor_ms, bounded.reference_ms) == (whole.anchor_ms, whole.reference_ms)


def forget_and_resume(program: Program, candles: Candles, keep: Keep, seed: int) -> Columns:
    """Columns that take pieces of the candles and single ones, trim at random, and now and then go on from their image."""
    random = np.random.default_rng(seed)
    columns = Columns(program, int(random.integers(0, 64)), keep=keep)
    cuts = [0, *sorted(random.integers(0, len(candles) + 1, 8).tolist()), len(candles)]
    for lo, hi in pairwise(cuts):
        if random.random() < 0.5:
            columns.extend_many(candles.places(lo, hi))
        else:
            for i in range(lo, hi):
                if columns.trim_due or random.random() < 0.02:
                    columns.trim()
                columns.extend_one(candles.at(i))
        if hi and random.random() < 0.6:
            image = columns.image(int(random.integers(0, 30)))
            columns = Columns(program, int(random.integers(0, 64)), keep=keep)
            columns.resume(type(image).of(image.head(), image.body))
    return columns


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
@given(candles=markets(), keep=KEEPS, seed=st.integers(0, 2**32 - 1))
@laws
def test_columns_that_forget_have_the_bits_of_columns_that_do_not(path: Path, candles: Candles, keep: Keep, seed: int) -> None:
    program = example(path)
    assert_newest_bits(everything(program, candles), forget_and_resume(program, candles, keep, seed))


@pytest.mark.slow
@pytest.mark.parametrize("number", FORGED)
def test_a_forged_play_forgets_without_a_trace(number: int) -> None:
    """Columns, trades, verdicts, equity and explanations of everything that is kept."""
    play = load_play(forge_play(31, number), "f.yml")
    bars = max(60, min(400, MOST_MINUTES * MINUTE_MS // play.timeframes.exec_ms))
    candles = pattern_market(play, play.trial.pattern, number, bars)
    program, keep = compile_program(play, candles.step_ms), Keep(base_bars=len(candles) // 6, least_bars=5)
    assert_newest_bits(everything(program, candles), forget_and_resume(program, candles, keep, number))
    result = run_backtest(play, candles, BTC)
    run = bounded_run(play, candles, keep)
    run.end(candles)
    assert_same(result, run)
    assert_explains_the_same(play, result.columns, run.shadow.engine.columns)


def engine_of(play: Play, candles: Candles, keep: Keep) -> PlayEngine:
    return PlayEngine(compile_program(play, candles.step_ms), play, BTC, play.backtest.equity_usdt, keep=keep)


def bounded_run(play: Play, candles: Candles, keep: Keep) -> ShadowRun:
    run = ShadowRun(Shadow(engine_of(play, candles, keep), ShadowBook(play, BTC, play.backtest.slippage_bps)), [])
    run.feed(candles, 0, len(candles))
    return run


def assert_explains_the_same(play: Play, whole: Columns, bounded: Columns) -> None:
    """Every bar that a bounded engine explains, in every node; the reason of an unknown may be gone, but is then said to be."""
    for close_ms in bounded.close_times_ms(bounded.program.decision_clock)[bounded.explained_from :: 7].tolist():
        for rule in action_rules(play):
            expected, found = Explainer(whole, close_ms).action(rule), Explainer(bounded, close_ms).action(rule)
            assert found == as_said(expected, found)


def as_said(expected: ActionTruth, found: ActionTruth) -> ActionTruth:
    """`expected` with the reasons that `found` calls forgotten."""
    stopped = (
        None if expected.stopped_by is None or found.stopped_by is None else node_as(expected.stopped_by, found.stopped_by)
    )
    return replace(expected, tree=node_as(expected.tree, found.tree), stopped_by=stopped)


def node_as(expected: NodeTruth, found: NodeTruth) -> NodeTruth:
    forgotten = found.unknown is not None and expected.unknown is not None and found.unknown.reason == NOT_KEPT
    children = tuple(node_as(*pair) for pair in zip(expected.children, found.children, strict=True))
    return replace(expected, unknown=found.unknown if forgotten else expected.unknown, children=children)


@settings(laws, max_examples=10)
@given(plays(), MARKETS, KEEPS)
def test_an_engine_that_forgets_trades_like_a_backtest(play: Play, market: Market, keep: Keep) -> None:
    """Trades with their notes too, however long after the decision they close."""
    candles = market.candles()
    run = bounded_run(play, candles, keep)
    run.end(candles)
    assert_same(run_backtest(play, candles, BTC), run)


@settings(laws, max_examples=10)
@given(plays(), MARKETS, KEEPS, st.data())
def test_an_engine_goes_on_from_an_image_and_a_snapshot(play: Play, market: Market, keep: Keep, data: st.DataObject) -> None:
    """The image is older than the snapshot, as it is on a disk: the candles between them come from the history."""
    candles = market.candles()
    imaged = data.draw(st.integers(1, len(candles) - 1))
    stop = data.draw(st.integers(imaged, len(candles) - 1))
    whole = bounded_run(play, candles, keep)
    broken = bounded_run(play, part(candles, 0, imaged), keep)
    image = broken.shadow.engine.columns.image(keep.least_bars)
    broken.feed(candles, imaged, stop)
    before = broken.shadow.engine
    after = engine_of(play, candles, keep)
    after.resume(image)
    after.warm(part(candles, imaged, stop))
    after.restore(before.snapshot())
    book = ShadowBook(play, BTC, play.backtest.slippage_bps)
    book.restore(broken.shadow.book.snapshot())
    broken.shadow = Shadow(after, book)
    broken.feed(candles, stop, len(candles))
    assert [decision.orders for decision in broken.decisions] == [decision.orders for decision in whole.decisions]
    assert [*before.trades, *after.trades] == whole.shadow.engine.trades
    assert after.snapshot() == whole.shadow.engine.snapshot()


@settings(laws, max_examples=5)
@given(candles=markets(), keep=KEEPS, data=st.data())
def test_columns_built_anew_from_an_image_are_those_of_the_corrected_candles(
    candles: Candles, keep: Keep, data: st.DataObject
) -> None:
    path = EXAMPLES[0]
    play, program = load_play(path.read_text(encoding="utf-8"), path.name), example(path)
    imaged = data.draw(st.integers(1, len(candles)))
    engine = PlayEngine(program, play, BTC, 10_000.0, keep=keep)
    engine.warm(candles.places(0, imaged))
    image = engine.columns.image(keep.least_bars)
    engine.warm(replace(candles.places(imaged, len(candles)), close=candles.open[imaged:]))
    engine.rewarm(candles.places(imaged - 1, len(candles)), image)
    assert_newest_bits(everything(program, candles), engine.columns)


@pytest.mark.slow
def test_memory_does_not_grow_with_time() -> None:
    program, keep = example(next(path for path in EXAMPLES if path.stem == "mtf_trend")), Keep(200, 10)
    candles = everything_long()
    columns = Columns(program, 0, keep=keep)
    sizes = []
    for i in range(0, len(candles), 500):
        columns.extend_many(candles.places(i, i + 500))
        columns.trim()
        sizes.append(max(len(columns.open_times_ms(clock)) for clock in range(len(program.clocks))))
    assert max(sizes[60:]) == max(sizes[:60])
    assert all(columns.dropped(clock) for clock in range(len(program.clocks)))


def everything_long() -> Candles:
    times = 1_735_689_600_000 + MINUTE_MS * np.arange(60_000, dtype=np.int64)
    close = 100.0 + np.sin(np.arange(60_000) / 50.0)
    return Candles("BTCUSDT", MINUTE_MS, times, close, close + 0.1, close - 0.1, close, np.ones(60_000))


def test_an_image_of_another_program_is_refused() -> None:
    one, other = (example(path) for path in EXAMPLES[:2])
    columns = Columns(one, 8)
    columns.extend_many(everything_long().places(0, 50))
    with pytest.raises(StateError, match="another Program"):
        Columns(other, 8).resume(columns.image(5))


def test_an_image_with_a_piece_missing_is_refused() -> None:
    columns = Columns(example(EXAMPLES[0]), 8)
    columns.extend_many(everything_long().places(0, 50))
    image = columns.image(5)
    with pytest.raises(StateError, match="expected"):
        Columns(example(EXAMPLES[0]), 8).resume(replace(image, body=image.body[:-8]))
