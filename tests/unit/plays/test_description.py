"""What `playd play show` prints names everything that decides."""

from pathlib import Path

import pytest

from playd.plays.compile import compile_program
from playd.plays.describe import describe_play, describe_program
from playd.plays.load import load_play
from playd.plays.program import SIGNALS
from tests.unit.plays.plays_of import load

EXAMPLES = sorted((Path(__file__).parents[3] / "config" / "plays").glob("*.yml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_free_of_warnings_apart_from_those_it_shows(path: Path) -> None:
    assert load_play(path.read_text(encoding="utf-8"), path.name).warnings == ()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_description_names_clocks_nodes_and_hash(path: Path) -> None:
    play = load_play(path.read_text(encoding="utf-8"), path.name)
    program = compile_program(play, 60_000)
    text = describe_play(play) + describe_program(program)
    assert play.play_hash[:16] in text
    assert all(clock.name in text for clock in program.clocks)
    assert all(any(program.columns[one].name in text for one in node.outputs) for node in program.nodes)


def test_the_words_of_signals_are_those_of_the_engine() -> None:
    from playd.engine.records import SIGNALS as ENGINE_SIGNALS

    assert ENGINE_SIGNALS.names == SIGNALS


def test_history_covers_the_fading_of_seeds_and_the_reach_of_windows() -> None:
    """EMA 50 of the hour: 49 bars and 200 to fade, and one hour because history may begin inside an hour."""
    slow = compile_program(load('[hour, ">", 1]', features="{hour: {indicator: ema, params: {length: 50}, tf: 1h}}"), 60_000)
    assert slow.warmup_ms == 250 * 60 * 60_000
    window = compile_program(load('{holds_for: {bars: 30, expr: [[close, ">", 1]]}}'), 60_000)
    assert window.warmup_ms == 30 * 60_000


def test_readiness_is_the_first_bar_with_a_value() -> None:
    features = "{rsi: {indicator: rsi}, mean: {indicator: sma, params: {length: 5}, source: rsi}}"
    first = compile_program(load('[mean, ">", {feature_id: rsi, offset: 2}]', features=features), 60_000).readiness()
    assert (first["rsi"], first["mean"], first["actions.entry_long"]) == (14, 18, 18)
