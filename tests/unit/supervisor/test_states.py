"""States follow from facts; only the transitions of the table happen."""

import itertools
from dataclasses import replace

import pytest

from playd.core.errors import Broken
from playd.supervisor.states import TRANSITIONS, Facts, Life, Reason, State, check_transition, reasons_of, state_of

ACTIVE = Facts(life=Life.ACTIVE, warm=True)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (Facts(), State.CREATED),
        (Facts(life=Life.ACTIVE), State.WARMING),
        (ACTIVE, State.RUNNING),
        (ACTIVE.with_cause("feed_stale", "30 s"), State.DEGRADED),
        (replace(ACTIVE, halt_level=1), State.PAUSED),
        (replace(ACTIVE, halt_level=2), State.PAUSED),
        (replace(ACTIVE, halt_level=3), State.PAUSED),
        (replace(ACTIVE, halt_level=5), State.PAUSED),
        (replace(ACTIVE, halt_level=4), State.PANICKED),
        (replace(ACTIVE, halt_level=1).with_cause("feed_stale", ""), State.PAUSED),
        (replace(ACTIVE, life=Life.STOPPING, halt_level=1), State.STOPPING),
        (replace(ACTIVE, life=Life.STOPPING, halt_level=4), State.PANICKED),
        (replace(ACTIVE, life=Life.STOPPED, halt_level=4), State.STOPPED),
        (replace(ACTIVE, failed=Reason("crash", ""), halt_level=4), State.FAILED),
    ],
)
def test_the_gravest_state_is_shown(facts: Facts, expected: State) -> None:
    assert state_of(facts) is expected


def test_every_state_but_running_has_a_reason() -> None:
    for life, level, warm, cause, failed in itertools.product(Life, range(6), (False, True), (False, True), (False, True)):
        facts = Facts(life=life, halt_level=level, warm=warm, failed=Reason("x", "") if failed else None)
        facts = facts.with_cause("feed_stale", "old") if cause else facts
        assert bool(reasons_of(facts)) is (state_of(facts) is not State.RUNNING)


def test_all_reasons_are_listed_gravest_first() -> None:
    facts = replace(ACTIVE, halt_level=1, halt=Reason("operator", "lunch")).with_cause("feed_stale", "30 s")
    assert [reason.code for reason in reasons_of(facts)] == ["operator", "feed_stale"]


def test_a_cause_can_go() -> None:
    assert state_of(ACTIVE.with_cause("feed_stale", "").without_cause("feed_stale")) is State.RUNNING


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (State.STOPPED, State.RUNNING),
        (State.CREATED, State.RUNNING),
        (State.FAILED, State.RUNNING),
        (State.STOPPED, State.STOPPING),
        (State.PANICKED, State.RUNNING),
        (State.CREATED, State.PAUSED),
        (State.STOPPED, State.PANICKED),
        (State.FAILED, State.STOPPED),
    ],
)
def test_a_transition_outside_the_table_is_our_bug(before: State, after: State) -> None:
    with pytest.raises(Broken):
        check_transition(before, after)


def test_staying_is_no_transition() -> None:
    for state in State:
        check_transition(state, state)
        assert (state, state) not in TRANSITIONS


def test_every_state_can_be_left_and_reached_again() -> None:
    """No state is a trap: from each, every other one can be reached by transitions."""
    for start in State:
        reached = {start}
        while more := {after for before, after in TRANSITIONS if before in reached} - reached:
            reached |= more
        assert reached == set(State)
