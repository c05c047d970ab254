"""Setups that pile up are refused before anybody visits a billion conditions, or more levels than Python has calls."""

import pytest

from playd.core.limits import PLAY_CONDITIONS, PLAY_RULE_DEPTH, PLAY_SETUPS
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


@pytest.mark.parametrize("step", [ONCE, TWICE])
def test_a_chain_that_is_too_deep_is_refused_by_its_levels(step: str) -> None:
    assert f"more than {PLAY_RULE_DEPTH} levels once its setups are written out" in refusal(PLAY_SETUPS, step)


def test_more_setups_than_anybody_writes_are_refused_by_their_number() -> None:
    assert f"E106 setups: found 2000 setups, expected at most {PLAY_SETUPS}" in refusal(2000, ONCE)


def test_a_cycle_is_named_as_one() -> None:
    setups = "setups: {a: {any: [{setup: b}, {setup: b}]}, b: {any: [{setup: a}, {setup: a}]}}"
    _, report = check_play(play_text("{setup: a}", more=setups), "small.yml")
    assert [finding.code for finding in report.ordered()] == ["E432"]
