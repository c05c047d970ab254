"""Laws of a position under its stop: every (cover, event) pair, and every way that readings and the clock can lead."""

from itertools import product

import pytest

from playd.orders.cover import AT_REST, TABLE, Cover, CoverAct, CoverEvent, Patience, due, event_of, following
from playd.orders.fill_check import Finding

C, E, A = Cover, CoverEvent, CoverAct
PAIRS = list(product(Cover, CoverEvent))
SHOWS = {
    E.SEES_PLANNED: C.PLANNED,
    E.SEES_SIZE: C.DIFFERS,
    E.SEES_WRONG_STOP: C.MISPLACED,
    E.SEES_TRIGGERING: C.TRIGGERING,
    E.SEES_NAKED: C.NAKED,
}
"""What a reading shows."""

REMEMBERS = {
    (C.ALARMED, E.SEES_NAKED),
    (C.SILENT, E.SEES_TRIGGERING),
    (C.CLOSING, E.SEES_SIZE),
    (C.CLOSING, E.SEES_TRIGGERING),
    (C.CLOSING, E.SEES_NAKED),
}
"""Where a reading does not undo what was decided before it."""

DONE = {
    (C.MISPLACED, E.STEP_DUE): A.SET_BACK,
    (C.TRIGGERING, E.STEP_DUE): A.LOOK,
    (C.SILENT, E.STEP_DUE): A.LOOK,
    (C.NAKED, E.STEP_DUE): A.REPAIR,
    (C.ALARMED, E.STEP_DUE): A.REPAIR,
    (C.CLOSING, E.STEP_DUE): A.CLOSE,
    (C.NAKED, E.HALT_DUE): A.HALT,
    (C.TRIGGERING, E.ALARM_DUE): A.CALL,
    **{(cover, E.CLOSE_DUE): A.CLOSE for cover in (C.TRIGGERING, C.SILENT, C.NAKED, C.ALARMED)},
    **{(cover, E.BEYOND): A.CLOSE for cover in (C.MISPLACED, C.NAKED, C.ALARMED)},
}
"""Everything that is ever done; a reading alone does nothing."""

AGES_S = (0.0, 5.0, 30.0, 60.0)
ACT_S = 30.0
HALTS_S = (5.0, 60.0)
"""A halt before the position is closed, as it is set, and one that would come behind that."""

DANGER = {C.TRIGGERING, C.SILENT, C.NAKED, C.ALARMED}


@pytest.mark.parametrize(("cover", "event"), PAIRS)
def test_every_pair_leads_where_the_reading_or_the_clock_says(cover: Cover, event: CoverEvent) -> None:
    step, act = following(cover, event), DONE.get((cover, event), A.NOTHING)

    assert step.act is act
    if (cover, event) in REMEMBERS:
        assert step.after is cover
    elif event in SHOWS:
        assert step.after is SHOWS[event]
    elif act is A.CLOSE:
        assert step.after is C.CLOSING
    else:
        assert step.after is {A.HALT: C.ALARMED, A.CALL: C.SILENT}.get(act, cover)


def test_every_finding_is_an_event_that_is_in_the_table_of_every_cover() -> None:
    events = {event_of(finding) for finding in Finding}

    assert events == set(SHOWS)
    assert all(events <= set(row) for row in TABLE.values())


@pytest.mark.parametrize("closes", [True, False])
def test_the_clock_asks_only_for_what_the_table_has_and_every_pair_of_it_comes(closes: bool) -> None:
    asked = {
        (cover, event)
        for cover, age_s, halt_s, step_due in product(Cover, AGES_S, HALTS_S, (True, False))
        if (event := due(cover, age_s, Patience(halt_s, ACT_S, closes), step_due=step_due)) is not None
    }
    clocks = {pair for pair in DONE if pair[1] is not E.BEYOND}

    assert asked <= clocks
    assert clocks - asked == {pair for pair in clocks if pair[1] is (E.ALARM_DUE if closes else E.CLOSE_DUE)}
    assert not any(cover in AT_REST for cover, _ in asked)


@pytest.mark.parametrize("closes", [True, False])
def test_whatever_was_seen_in_whatever_order_a_position_in_danger_is_dealt_with_in_time(closes: bool) -> None:
    """All lives of one position as a graph: covers joined with how long the danger lasts, readings and the clock as arrows."""
    covers, visited = set[Cover](), set[tuple[Cover, CoverEvent]]()
    for halt_s in HALTS_S:
        patience = Patience(halt_s, ACT_S, closes)
        covers |= _live(patience, visited)
        for cover in DANGER:
            bare = cover in (C.NAKED, C.ALARMED)
            assert _left_alone(cover, patience) is (C.CLOSING if closes else C.ALARMED if bare else C.SILENT)
    print(f"positions: {len(covers)} covers, {len(visited)} pairs of (cover, event), all that this policy knows")

    assert covers == set(Cover) - ({C.SILENT} if closes else set())
    assert visited >= {(cover, event) for cover, row in TABLE.items() for event in row if _can_come(cover, event, closes)}


def _live(patience: Patience, visited: set[tuple[Cover, CoverEvent]]) -> set[Cover]:
    """Follow every arrow from the beginning; the covers that are reached. `visited` collects the pairs on the way."""
    start = (C.UNREAD, 0.0)
    seen, frontier = {start}, [start]
    while frontier:
        cover, age_s = frontier.pop()
        arrows = [(event, age_s) for event in (*SHOWS, E.BEYOND)]
        for later_s in (each for each in AGES_S if each >= age_s):
            event = due(cover, later_s, patience, step_due=True)
            arrows += [] if event is None else [(event, later_s)]
        for event, now_s in arrows:
            visited.add((cover, event))
            after = following(cover, event).after
            began = event in SHOWS and cover not in DANGER
            joint = (after, 0.0 if began or after not in DANGER else now_s)
            if joint not in seen:
                seen.add(joint)
                frontier.append(joint)
    return {cover for cover, _ in seen}


def _left_alone(cover: Cover, patience: Patience) -> Cover:
    """Where the clock alone leads a position that no reading ever shows otherwise."""
    while (event := due(cover, AGES_S[-1], patience, step_due=False)) is not None:
        cover = following(cover, event).after
    return cover


def _can_come(cover: Cover, event: CoverEvent, closes: bool) -> bool:
    """Whether the policy lets this pair happen."""
    return event is not (E.ALARM_DUE if closes else E.CLOSE_DUE) and (cover is not C.SILENT or not closes)
