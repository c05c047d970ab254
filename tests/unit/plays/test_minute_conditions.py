"""Conditions on the price of a minute inside a slower bar (play-language 3.3, 4.7): when they are looked at, what they see."""

import pytest

from playd.core.errors import PlayError
from playd.engine.explain import Explainer
from playd.plays.columns import Columns
from playd.plays.compile import compile_program
from playd.plays.evaluation import evaluation_of
from playd.plays.load import load_play
from playd.plays.model import Play
from playd.plays.rule_tree import action_rules
from tests.unit.plays.plays_of import START_MS, columns_of, load, market, play_text, truths

MINUTE_MS = 60_000
T, F, U = True, False, None

# Sixteen minutes a row are one more than a bar: the price of the first bar's close is that of minute 14.
RISING = market([100.0 + i for i in range(45)])


def play_of(actions: str, *, more: str = "", exec_tf: str = "15m") -> Play:
    text = play_text("{all: [[close, '>', 0]]}", exec_tf=exec_tf, more=more)
    head, _, tail = text.partition("actions:")
    return load_play(f"{head}actions: {actions}\n{tail[tail.index('position_policy') :]}", "small.yml")


def at(columns: Columns, name: str) -> dict[int, float]:
    """A signal by the minute at whose end it stands, counted from the start."""
    row = columns.signal(name)
    assert row is not None
    closes = columns.close_times_ms(columns.program.decision_clock)
    return {(close_ms - START_MS) // MINUTE_MS: value for close_ms, value in zip(closes.tolist(), row.tolist(), strict=True)}


def test_a_minute_condition_sees_the_minute_and_the_last_closed_bar() -> None:
    """Minute k closes at 99 + k, so that the bar of 15 minutes that closes with minute 15 closes at 114."""
    row = truths('{all: [[last_price, ">", [close, "+", 3]]]}', RISING, exec_tf="15m")
    assert row[:14] == [U] * 14, "no bar has closed"
    assert row[14:19] == [F, F, F, F, T], "minute 15 sees the bar that closes with it"
    assert row[28:34] == [T, F, F, F, F, T]


def test_a_cross_on_minutes_compares_the_minute_before_with_the_bar_before() -> None:
    """At the close of a bar both sides step: (minute 29, bar of minute 15) with (minute 30, bar of minute 30)."""
    closes = [100.0] * 15 + [90.0] * 14 + [110.0] * 16
    row = truths('{all: [[last_price, cross_above, [close, "-", 5]]]}', market(closes), exec_tf="15m")
    assert [minute + 1 for minute, truth in enumerate(row) if truth] == [30]


def test_an_action_without_minute_prices_acts_at_closes_of_its_bar_only() -> None:
    play = play_of("{entry_long: {all: [[last_price, '>', 120]]}, exit_long: {all: [[close, '>', 100]]}}")
    columns = columns_of(play, RISING)
    assert [minute for minute, value in at(columns, "exit_long").items() if value == 1.0] == [15, 30, 45]
    assert next(minute for minute, value in at(columns, "entry_long").items() if value == 1.0) == 22
    assert columns.program.decision_step_ms == MINUTE_MS
    assert columns.program.exec_step_ms == 15 * MINUTE_MS


def test_a_block_is_looked_at_as_a_whole_and_another_one_on_its_own_clock() -> None:
    cases = "{when: [last_price, '>', 1000], emit: [exit_long]}, {when: [close, '>', 100], emit: [entry_long]}"
    other = "{id: b, cases: [{when: [close, '>', 100], emit: [entry_short]}]}"
    play = play_of(f"[{{id: a, cases: [{cases}]}}, {other}]")
    assert evaluation_of(play).blocks_ms == (MINUTE_MS, 15 * MINUTE_MS)
    columns = columns_of(play, RISING)
    assert [minute for minute, value in at(columns, "entry_long").items() if value == 1.0] == list(range(15, 46))
    assert [minute for minute, value in at(columns, "entry_short").items() if value == 1.0] == [15, 30, 45]


def test_a_setup_is_looked_at_on_the_clock_of_each_action_that_uses_it() -> None:
    """Two bars of the execution clock, or two minutes: one setup, two truths, each under its own path."""
    setup = '{holds_for: {bars: 20, expr: [[close, ">", 100]]}}'
    actions = "{entry_long: {all: [{setup: held}, [last_price, '>', 0]]}, exit_long: {all: [{setup: held}]}}"
    play = play_of(actions, more=f"setups: {{held: {setup}}}")
    columns = columns_of(play, RISING)
    assert next(minute for minute, truth in enumerate(columns.column("setups.held@1m").tolist(), 1) if truth == 1.0) == 34
    assert len(columns.column("setups.held")) == 3
    assert evaluation_of(play).setups_ms["held"] == {MINUTE_MS, 15 * MINUTE_MS}
    alone = play_of("{entry_long: {all: [{setup: held}, [last_price, '>', 0]]}}", more=f"setups: {{held: {setup}}}")
    assert "setups.held" in columns_of(alone, RISING).program.names


def test_levels_and_metadata_are_those_of_the_minute_that_decided() -> None:
    entry = "{all: [[last_price, '>', 0]], metadata: {price: {feature_id: last_price}, bar: {feature_id: close}}}"
    columns = columns_of(play_of(f"{{entry_long: {entry}}}"), RISING)
    assert columns.column("actions.entry_long.metadata.price")[20] == 120.0
    assert columns.column("actions.entry_long.metadata.bar")[20] == 114.0


@pytest.mark.parametrize(
    ("condition", "finding"),
    [
        ('{holds_for: {bars: 2, anchor_tf: 5m, expr: [[%s, ">", 0]]}}', "E441"),
        ('{holds_for_duration: {duration: 10m, expr: [[%s, ">", 0]]}}', "E442"),
        ('{count_true_duration: {duration: 30m, min_true: 3, expr: [[%s, ">", 0]]}}', "E106"),
    ],
)
def test_windows_are_measured_in_bars_of_the_clock_of_their_action(condition: str, finding: str) -> None:
    load(condition % "last_price", exec_tf="15m")
    with pytest.raises(PlayError, match=finding):
        load(condition % "close", exec_tf="15m")


def test_candles_slower_than_a_minute_are_refused() -> None:
    play = load('{all: [[last_price, ">", 0]]}', exec_tf="15m")
    with pytest.raises(PlayError, match="found candles of 5m, expected candles from which bars of 1m can be made"):
        compile_program(play, 5 * MINUTE_MS)


def test_the_explanation_of_a_minute_says_what_is_not_looked_at_now() -> None:
    play = play_of("{entry_long: {all: [[last_price, '>', 1000]]}, exit_long: {all: [[close, '>', 100]]}}")
    columns = columns_of(play, RISING)
    exit_, entry = action_rules(play)
    inside = Explainer(columns, START_MS + 20 * MINUTE_MS).action(exit_)
    assert inside.stopped_by is not None
    assert (inside.stopped_by.kind, inside.stopped_by.path, inside.stopped_by.text) == (
        "due",
        "timeframes.exec",
        "a 15m bar closes",
    )
    assert Explainer(columns, START_MS + 30 * MINUTE_MS).action(exit_).fired == ("actions.exit_long.all[0]",)
    waits = Explainer(columns, START_MS + 20 * MINUTE_MS).action(entry).stopped_by
    assert waits is not None
    assert waits.operands[0].value == 119.0
