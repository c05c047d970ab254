"""Laws of a position under its stop: every (cover, event) pair, and every way that readings and the clock can lead."""

from itertools import product

import pytest

from playd.orders.cover import AT_REST, TABLE, Cover, CoverAct, CoverEvent, Patience, Step, due, event_of, following
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

GRAVER = {
    E.SEES_SIZE: {C.CLOSING},
    E.SEES_TRIGGERING: {C.SILENT, C.CLOSING},
    E.SEES_NAKED: {C.ALARMED, C.CLOSING},
}
"""What may have been decided before such a reading, and stays decided."""

AGES_S = (0.0, 5.0, 30.0, 60.0)
ACT_S = 30.0
HALTS_S = (5.0, 60.0)
"""A halt before the position is closed, as it is set, and one that would come behind that."""

DANGER = {C.TRIGGERING, C.SILENT, C.NAKED, C.ALARMED}


@pytest.mark.parametrize(("cover", "event"), PAIRS)
def test_a_reading_does_nothing_and_makes_no_danger_less_than_it_shows(cover: Cover, event: CoverEvent) -> None:
    step = following(cover, event)

    if event in SHOWS:
        assert step.act is A.NOTHING
        assert step.after in {SHOWS[event], *GRAVER.get(event, ())}
    else:
        assert step.after in {A.CLOSE: {C.CLOSING}, A.HALT: {C.ALARMED}, A.CALL: {C.SILENT}}.get(step.act, {cover})


@pytest.mark.parametrize("cover", [C.MISPLACED, C.NAKED, C.ALARMED])
def test_a_position_beyond_its_stop_is_closed_until_it_is_seen_under_it_again(cover: Cover) -> None:
    closing = following(cover, E.BEYOND).after
    for event in (E.SEES_NAKED, E.SEES_SIZE, E.SEES_TRIGGERING):
        closing = following(closing, event).after

    assert following(closing, E.STEP_DUE) == Step(C.CLOSING, A.CLOSE)
    assert following(closing, E.SEES_PLANNED) == Step(C.PLANNED)


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
    clocks = {(cover, event) for cover, row in TABLE.items() for event in row if event not in (*SHOWS, E.BEYOND)}

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
