"""Where a clause is named as what stopped an action, those that it looks at do not stand below it: it says which they are."""

from playd.plays.rule_tree import action_rules
from tests.unit.plays.plays_of import load


def texts_of(condition: str) -> list[str]:
    play = load(f"{{all: [[close, '>', open], {condition}]}}")
    rule = next(one for one in action_rules(play) if one.action == "entry_long")
    return [child.text for child in rule.root.children][1:]


def test_windows_and_denials_say_what_they_look_at() -> None:
    assert texts_of("{not: [close, '>', 5]}") == ["not close > 5"]
    assert texts_of("{occurred_within: {bars: 12, expr: [[close, '>', 5], [open, '<', 7]]}}") == [
        "occurred_within 12 bars: close > 5 and open < 7"
    ]
    assert texts_of("{not: {any: [[close, '>', 5], {holds_for: {bars: 3, expr: [open, '<', 7]}}]}}") == [
        "not close > 5 or holds_for 3 bars: open < 7"
    ]


def test_what_is_too_long_for_a_line_is_cut() -> None:
    (text,) = texts_of(f"{{not: {{any: [{', '.join('[close, cross_above, open]' for _ in range(9))}]}}}}")
    assert text.endswith(" …")
    assert len(text) < 80
