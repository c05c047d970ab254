"""Series that nothing loads are missing, which the checker and the explanation say (play-language 4.3, 4.12)."""

import numpy as np
import pytest

from playd.engine.explain import Explainer
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
