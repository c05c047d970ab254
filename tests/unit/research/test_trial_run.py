"""`playd play test` holds a Play to what it wrote about itself."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from playd.cli.playd import app
from playd.core.timeframes import MINUTE_MS
from playd.plays.compile import compile_program
from playd.plays.load import load_play
from playd.research.pattern_market import default_bars
from playd.research.trial_run import run_trial
from tests.unit.plays.plays_of import load, play_text

CROSS = "{all: [[close, cross_above, ema]]}"
EMA = "{ema: {indicator: ema, params: {length: 9}}}"


def outcome(more: str) -> dict[str, bool]:
    trial = run_trial(load(CROSS, features=EMA, exec_tf="5m", more=more))
    return {one.key: one.met for one in trial.expectations}


def test_expectations_are_met_or_not_one_by_one() -> None:
    written = (
        "validation: {pattern: trend_stairs, bars: 600, expect_direction: %s, expect_entries: [1, %d],"
        " min_win_rate: %s, max_drawdown_pct: %s}\nexpected: {min_trades: %d}"
    )
    assert set(outcome(written % ("long", 500, 0.0, 90, 1)).values()) == {True}
    assert set(outcome(written % ("short", 1, 1.0, 0.001, 500)).values()) == {False}


def test_the_market_is_the_one_that_the_play_names() -> None:
    trial = run_trial(load(CROSS, features=EMA, exec_tf="5m", more="validation: {pattern: ranging, bars: 300, seed: 7}"))
    assert (trial.pattern, trial.seed, trial.bars, len(trial.result.candles)) == ("ranging", 7, 300, 1500)
    assert trial.expectations == ()


def test_a_slow_clock_makes_the_trial_longer() -> None:
    play = load('{all: [[close, ">", ema]]}', features="{ema: {indicator: ema, params: {length: 50}, tf: D}}", exec_tf="15m")
    assert default_bars(compile_program(play, MINUTE_MS)) == 50 * 96 + 200
    assert default_bars(compile_program(load(CROSS, features=EMA), MINUTE_MS)) == 2000


def test_both_entries_at_one_time_are_counted() -> None:
    text = play_text('{all: [[close, ">", open]]}', more="validation: {bars: 60}").replace(
        "  exit_long:", '  entry_short: {all: [[close, ">", open]]}\n  exit_long:'
    )
    both = load_play(text.replace("{exit_mode: first_hit}", "{exit_mode: first_hit, mode: long_short}"), "f.yml")
    assert run_trial(both).both_true > 0


@pytest.mark.parametrize(("least", "code"), [(1, 0), (10_000, 1)])
def test_the_command_fails_when_an_expectation_does(tmp_path: Path, least: int, code: int) -> None:
    path = tmp_path / "mine.yml"
    path.write_text(play_text(CROSS, features=EMA, more=f"validation: {{bars: 400}}\nexpected: {{min_trades: {least}}}"))
    done = CliRunner().invoke(app, ["play", "test", str(path)])
    assert done.exit_code == code
    assert f"(expected at least {least})" in done.stdout
    answer = orjson.loads(CliRunner().invoke(app, ["play", "test", "--json", str(path)]).stdout)
    assert answer["expectations"][0]["met"] is (code == 0)
