"""Setups that pile up are refused before anybody visits a billion conditions, or more levels than Python has calls."""

import pytest

from playd.core.limits import PLAY_CASES, PLAY_CONDITIONS, PLAY_PARTS, PLAY_RULE_DEPTH, PLAY_SETUPS
from playd.plays.load import check_play
from tests.unit.plays.plays_of import play_text


def chain(length: int, step: str) -> str:
    """Setups of which each is made of the one before it."""
    links = (f"  s{k}: {step.replace('BEFORE', f'{{setup: s{k - 1}}}')}" for k in range(1, length))
    return "\n".join(("setups:", '  s0: [[close, ">", open]]', *links))


TWICE, ONCE = "{any: [BEFORE, {not: BEFORE}]}", "{not: BEFORE}"


def refusal(length: int, step: str) -> str:
    play, report = check_play(play_text(f"{{setup: s{length - 1}}}", more=chain(length, step)), "small.yml")
    errors = report.lines("E")
    assert (play is None) == bool(errors)
    assert len(errors) <= 1
    return errors[0] if errors else ""


@pytest.mark.parametrize(("length", "step"), [(5, TWICE), (9, TWICE), (40, ONCE)])
def test_a_short_chain_of_setups_is_a_play(length: int, step: str) -> None:
    assert refusal(length, step) == ""


def test_a_chain_that_doubles_is_refused_at_once_with_its_size() -> None:
    """Thirty setups, each of which uses the one before it twice, are a billion conditions."""
    assert f"conditions once its setups are written out, expected at most {PLAY_CONDITIONS} conditions" in refusal(30, TWICE)


def test_a_chain_that_is_too_deep_is_refused_by_its_levels() -> None:
    assert f"more than {PLAY_RULE_DEPTH} levels once its setups are written out" in refusal(PLAY_SETUPS, ONCE)


def refusals(actions: str) -> list[str]:
    text = play_text("[close, '>', open]").replace("actions:", "was:", 1)
    head, _, rest = text.partition("was:")
    after = rest[rest.index("\nposition_policy") :]
    _, report = check_play(f"{head}actions:\n{actions}{after}", "small.yml")
    return [finding.text for finding in report.ordered() if finding.code == "E106"]


def test_what_machine_code_is_made_for_by_its_number_has_a_bound() -> None:
    """A kernel of a thousand inputs cannot be compiled, and each number of inputs is one of its own."""
    one, most = "[close, '>', open]", f"expected at most {PLAY_PARTS}"
    parts = ", ".join([one] * (PLAY_PARTS + 1))
    found = f"found {PLAY_PARTS + 1} expressions side by side, {most}; nest them:"
    assert refusals(f"  entry_long: {{any: [{parts}]}}\n") == [f"{found} several `any` in one `any`"]
    assert refusals(f"  entry_long: [{parts}]\n") == [f"{found} several `all` in one `all`"]
    assert refusals(f"  entry_long: {{any: [{{any: [{parts[: parts.rindex(', [')]}]}}, {one}]}}\n") == []
    cases = ", ".join([f"{{when: {one}, emit: [entry_long]}}"] * (PLAY_CASES + 1))
    (text,) = refusals(f"  - {{id: a, cases: [{cases}]}}\n")
    assert (
        text == f"found {PLAY_CASES + 1} cases, expected at most {PLAY_CASES} in one block: each is held against all before it"
    )
    blocks = "".join(f"  - {{id: b{k}, cases: [{{when: {one}, emit: [entry_long]}}]}}\n" for k in range(PLAY_PARTS + 1))
    assert refusals(blocks) == [f"found entry_long at {PLAY_PARTS + 1} places, {most}"]


def cases_of(count: int, conditions: int) -> str:
    parts = ", ".join(["&one [close, '>', open]", *["*one"] * (conditions - 1)])
    cases = ", ".join([f"{{when: {{all: [{parts}]}}, emit: [entry_long]}}"] * count)
    return f"  - {{id: a, cases: [{cases}], else: {{emit: [exit_long]}}}}\n"


@pytest.mark.parametrize(("count", "conditions"), [(PLAY_CASES, 1), (90, 1), (28, 10), (40, 5), (25, 12), (PLAY_CASES, 20)])
def test_conditions_of_earlier_cases_are_there_once(count: int, conditions: int) -> None:
    assert refusals(cases_of(count, conditions)) == []


def test_all_rules_together_have_a_bound() -> None:
    blocks = "".join(cases_of(5, 100).replace("id: a", f"id: b{k}") for k in range(PLAY_CONDITIONS // 505 + 1))
    (found,) = refusals(blocks)
    assert found.startswith("found 5050 conditions in all rules, once their setups are written out, expected at most 5000")


def chained(features: str) -> list[str]:
    _, report = check_play(play_text("[close, '>', open]", features=f"{{{features}}}"), "small.yml")
    return [f"{finding.path} {finding.text}" for finding in report.ordered() if finding.code == "E304"]


def test_a_chain_of_sources_has_as_many_levels_as_a_rule_and_a_circle_is_named_once() -> None:
    link = "f{0}: {{indicator: ema, params: {{length: 3}}, source: f{1}}}"
    first = "f0: {indicator: ema, params: {length: 3}}"
    assert chained(", ".join([first, *(link.format(k, k - 1) for k in range(1, PLAY_RULE_DEPTH))])) == []
    (found,) = chained(", ".join([first, *(link.format(k, k - 1) for k in range(1, 400))]))
    assert found.startswith(f"features.f{PLAY_RULE_DEPTH}.source found a chain of more than {PLAY_RULE_DEPTH} sources")
    (circle,) = chained(", ".join([link.format(9, 1), link.format(0, 2), link.format(1, 0), link.format(2, 1)]))
    assert "found a cycle of sources, f1 → f0 → f2 → f1" in circle


def test_more_setups_than_anybody_writes_are_refused_by_their_number() -> None:
    assert f"E106 setups: found 2000 setups, expected at most {PLAY_SETUPS}" in refusal(2000, ONCE)


def test_a_cycle_is_named_as_one() -> None:
    setups = "setups: {a: {any: [{setup: b}, {setup: b}]}, b: {any: [{setup: a}, {setup: a}]}}"
    _, report = check_play(play_text("{setup: a}", more=setups), "small.yml")
    assert [finding.code for finding in report.ordered()] == ["E432"]
