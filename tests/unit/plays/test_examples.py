"""The shipped examples: one for each way to trade that a newcomer looks for, each explained, each seen to trade."""

from functools import cache
from pathlib import Path

import pytest

from playd.plays.load import load_play
from playd.plays.model import Play
from playd.research.trial_run import run_trial

EXAMPLES = sorted((Path(__file__).parents[3] / "config" / "plays").glob("*.yml"))


@cache
def play_of(path: Path) -> Play:
    return load_play(path.read_text(encoding="utf-8"), path.name)


TRIED = [path for path in EXAMPLES if play_of(path).trial.min_trades is not None]


def test_there_is_an_example_of_every_way_to_trade() -> None:
    tags = {tag for path in EXAMPLES for tag in play_of(path).tags}
    families = "momentum bracket mean_reversion ensemble breakout trend scalping order_blocks liquidity squeeze structures"
    assert set(families.split()) <= tags
    assert len(EXAMPLES) >= 20


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_named_as_its_file_and_begins_with_what_it_is(path: Path) -> None:
    assert play_of(path).name == path.stem
    head = path.read_text(encoding="utf-8").partition("version:")[0]
    assert head.startswith("# ")
    assert len(head) > 80


@pytest.mark.parametrize("path", TRIED, ids=lambda path: path.stem)
def test_an_example_trades_on_its_own_market_as_it_expects(path: Path) -> None:
    trial = run_trial(play_of(path))
    assert trial.passed, trial.expectations
