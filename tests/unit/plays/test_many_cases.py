"""A block of many cases costs what its cases are: it is part of all later ones, and not visited or told anew for each."""

import sys
from collections.abc import Callable
from typing import Any

from playd.control.explain_rows import explanation
from playd.control.explain_text import explanation_text
from playd.control.record_answers import Node
from playd.engine.explain import Explainer
from playd.engine.patterns import tree_paths
from playd.ops.drills.undisturbed import told_truths, truths
from playd.plays.load import load_play
from playd.plays.rule_tree import action_rules
from tests.unit.plays.plays_of import columns_of, market, play_text


def block_text(cases: int, conditions: int, leaves: str = "exit_long") -> str:
    parts = ", ".join(["&one [close, '<', low]", *["*one"] * (conditions - 1)])
    rules = ", ".join([f"{{when: {{all: [{parts}]}}, emit: [entry_long]}}"] * cases)
    head, _, rest = play_text("[close, '>', open]").partition("actions:")
    after = rest[rest.index("\nposition_policy") :]
    leaving = f"  - {{id: out, cases: [{{when: [close, '>', open], emit: [{leaves}]}}]}}"
    return f"{head}actions:\n  - {{id: many, cases: [{rules}]}}\n{leaving}{after}"


def calls_of(work: Callable[[], Any]) -> int:
    count = 0

    def look(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(look)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def test_the_paths_of_a_rule_are_found_with_one_visit_of_each_case() -> None:
    rules = [one.root for one in action_rules(load_play(block_text(60, 40), "many"))]
    paths = tree_paths(rules)
    assert len(paths) > 60 * 40
    assert calls_of(lambda: tree_paths(rules)) < 20 * len(paths)


def test_each_case_is_explained_once() -> None:
    play = load_play(block_text(12, 60), "many")
    columns = columns_of(play, market([100.0, 101.0, 102.0]))
    explainer = Explainer(columns, int(columns.close_times_ms(columns.program.decision_clock)[-1]))
    (entering,) = (one.root for one in action_rules(play) if one.action == "entry_long")
    assert calls_of(lambda: explainer.node(entering)) < 80 * len(tree_paths([entering]))  # about 40 each; anew 250


def nodes_of(node: Node) -> list[Node]:
    return [node, *(inner for child in node["children"] for inner in nodes_of(child))]


def test_an_explanation_tells_each_case_in_full_once_and_before_later_ones_by_its_place_and_truth() -> None:
    play = load_play(block_text(12, 60), "many")
    candles = market([100.0, 101.0, 102.0])
    columns = columns_of(play, candles)
    close_ms = int(columns.close_times_ms(columns.program.decision_clock)[-1])
    told = explanation(play, columns, close_ms, None)
    tree = next(one["tree"] for one in told["actions"] if one["action"] == "entry_long")
    nodes = nodes_of(tree)
    assert 12 * 60 < len(nodes) < 13 * 70
    last = tree["children"][-1]["children"]
    assert [one["path"] for one in last[0]["children"]] == [f"actions[0].cases[11].when.all[{k}]" for k in range(60)]
    assert [(one["text"], one["truth"], one["children"]) for one in last[1]["children"]] == [
        (f"actions[0].cases[{k}].when", False, []) for k in range(11)
    ]
    assert explanation_text("many", {**told}).count("actions[0].cases[3].when  ") == 8


def test_a_run_that_nothing_disturbed_tells_of_cases_what_an_explanation_does() -> None:
    play = load_play(block_text(3, 2), "many")
    candles = market([100.0, 101.0, 102.0])
    columns = columns_of(play, candles)
    close_ms = int(columns.close_times_ms(columns.program.decision_clock)[-1])
    assert truths(play, candles, close_ms) == told_truths(explanation(play, columns, close_ms, None))


def test_an_action_that_one_case_emits_twice_is_told_once() -> None:
    play = load_play(block_text(1, 1, "{action: exit_long, percent: 50}, exit_long"), "many")
    (leaving,) = (one for one in action_rules(play) if one.action == "exit_long")
    assert [one.rule for one in leaving.emissions] == ["actions[1].cases[0].when"] * 2
    assert leaving.root is leaving.emissions[0].root
