"""What stands beside candles: seen at their closes where known, missing and told so where not (play-language 4.3, 4.12)."""

from dataclasses import replace

import numpy as np
import pytest

from playd.engine.explain import Explainer
from playd.plays.columns import Columns
from playd.plays.rule_tree import action_rules
from tests.unit.plays.plays_of import columns_of, load, market

CANDLES = market([100.0 + k for k in range(10)])


@pytest.mark.parametrize("name", ["funding_rate", "open_interest"])
def test_it_loads_with_a_warning_and_is_missing_at_every_bar(name: str) -> None:
    play = load(f'{{all: [[{name}, "<", 1]]}}')
    assert ["W303" in line and f"`{name}`" in line for line in play.warnings] == [True]
    columns = columns_of(play, CANDLES)
    assert np.isnan(columns.column(name)).all()
    assert np.isnan(columns.column("actions.entry_long")).all()


def test_what_does_not_need_it_still_fires() -> None:
    columns = columns_of(load('{any: [[funding_rate, "<", 1], [close, ">", 105]]}'), CANDLES)
    assert (columns.column("actions.entry_long") == 1.0).sum() == 4


@pytest.mark.parametrize("operand", ["open_interest", "{feature_id: open_interest, offset: 2}", '[open_interest, "/", 2]'])
def test_the_explanation_says_that_there_is_no_data(operand: str) -> None:
    play = load(f'{{all: [[{operand}, ">", 1]]}}')
    entry = next(rule for rule in action_rules(play) if rule.action == "entry_long")
    explained = Explainer(columns_of(play, CANDLES), int(CANDLES.open_time_ms[9]) + CANDLES.step_ms).action(entry)
    assert explained.stopped_by is not None
    assert explained.stopped_by.unknown is not None
    assert explained.stopped_by.unknown.reason == "no_data"


def test_what_is_known_is_seen_at_the_closes_of_the_execution_clock() -> None:
    """A bar of five minutes sees what the last of them says; an offset counts bars of five minutes; a gap in it is missing."""
    candles = market([100.0 + k for k in range(20)])
    rates = np.arange(20) / 1000.0
    rates[14] = np.nan
    candles = replace(candles, funding_rate=rates, open_interest=rates * 1e6)
    play = load('{all: [[{feature_id: funding_rate, offset: 1}, "<", 1], [open_interest, ">", 0]]}', exec_tf="5m")
    columns = columns_of(play, candles)
    assert columns.column("funding_rate").tolist()[:2] == [0.004, 0.009]
    assert np.isnan(columns.column("funding_rate")[2])
    assert columns.column("open_interest")[3] == 19_000.0
    one_by_one = Columns(columns.program, 0)
    for place in range(20):
        one_by_one.extend_one(candles.at(place))
    assert np.array_equal(one_by_one.column("actions.entry_long"), columns.column("actions.entry_long"), equal_nan=True)


def test_a_mark_price_of_its_own_is_the_one_that_conditions_see() -> None:
    candles = market([100.0] * 6)
    play = load('{all: [["mark_price", ">", "last_price"]]}')
    mark = replace(candles, close=candles.close + np.array([0, 1, 0, -1, 2, 0]))
    columns = columns_of(play, candles.with_mark(mark))
    assert columns.column("actions.entry_long").tolist() == [0, 1, 0, 0, 1, 0]
    assert not columns_of(play, candles).column("actions.entry_long").any()
