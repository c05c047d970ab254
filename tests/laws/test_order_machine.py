"""Laws of the order state machine: every (state, event) pair, and all that two orders of quantity four can live through."""

from itertools import product

import pytest

from playd.core.orders import OrderState
from playd.orders.machine import TABLE, OrderEvent, event_of_status, following

S, E = OrderState, OrderEvent
PAIRS = list(product(OrderState, OrderEvent))
REPORTS = (E.SEEN_OPEN, E.SEEN_PARTIAL, E.EXECUTED, E.SEEN_FILLED, E.SEEN_CANCELLED, E.SEEN_REJECTED)

ARROWS = {
    S.INTENT: {S.SENT, S.ACKED, S.OPEN, S.PARTIAL, S.FILLED, S.CANCELLED, S.REJECTED, S.UNKNOWN, S.DROPPED},
    S.SENT: {S.ACKED, S.OPEN, S.PARTIAL, S.FILLED, S.CANCELLED, S.REJECTED, S.UNKNOWN},
    S.ACKED: {S.OPEN, S.PARTIAL, S.FILLED, S.CANCELLED, S.REJECTED, S.UNKNOWN},
    S.OPEN: {S.PARTIAL, S.FILLED, S.CANCELLED, S.REJECTED, S.UNKNOWN},
    S.PARTIAL: {S.FILLED, S.CANCELLED, S.UNKNOWN},
    S.UNKNOWN: {S.ACKED, S.OPEN, S.PARTIAL, S.FILLED, S.CANCELLED, S.REJECTED, S.NEVER_ARRIVED},
    S.ORPHAN: {S.OPEN, S.FILLED, S.CANCELLED, S.REJECTED},
}
"""Which state may follow which, written down a second time, with the skips forward that late news make."""


@pytest.mark.parametrize(("state", "event"), PAIRS)
def test_every_pair_has_an_answer_that_the_drawing_allows(state: OrderState, event: OrderEvent) -> None:
    after = following(state, event)

    assert after is None or after is state or after in ARROWS[state]


@pytest.mark.parametrize("state", [state for state in OrderState if state.terminal])
def test_a_final_state_never_changes(state: OrderState) -> None:
    assert {following(state, event) for event in OrderEvent} <= {state, None}


def test_only_doubt_leads_to_never_arrived_and_only_with_proof() -> None:
    causes = {
        (state, event) for state, event in PAIRS if following(state, event) is S.NEVER_ARRIVED and state is not S.NEVER_ARRIVED
    }

    assert causes == {(S.UNKNOWN, E.PROVED_ABSENT)}


def test_only_a_definite_answer_rejects() -> None:
    causes = {event for state, event in PAIRS if following(state, event) is S.REJECTED and state is not S.REJECTED}

    assert causes == {E.REFUSE, E.SEEN_REJECTED}


def test_a_refused_repeat_does_not_end_an_order_in_doubt() -> None:
    assert following(S.UNKNOWN, E.REFUSE) is S.UNKNOWN


def test_an_order_is_dropped_only_while_provably_unsent() -> None:
    assert {state for state in OrderState if following(state, E.DROP) is S.DROPPED} == {S.INTENT, S.DROPPED}


@pytest.mark.parametrize("state", [S.REJECTED, S.NEVER_ARRIVED, S.DROPPED])
@pytest.mark.parametrize("event", [E.EXECUTED, E.SEEN_FILLED, E.SEEN_OPEN])
def test_life_after_an_end_without_effect_is_a_contradiction(state: OrderState, event: OrderEvent) -> None:
    assert following(state, event) is None


@pytest.mark.parametrize(("state", "event"), PAIRS)
def test_the_same_news_twice_is_no_second_news(state: OrderState, event: OrderEvent) -> None:
    after = following(state, event)
    if after is None or event in (E.DOUBT, E.QUIET, E.MISSING, E.PROVED_ABSENT, E.ADOPT, E.SEND, E.DROP, E.REFUSE, E.ACK):
        return

    assert following(after, event) is after


def test_every_state_is_reached_and_every_way_can_end() -> None:
    reached, frontier = {S.INTENT, S.ORPHAN}, {S.INTENT, S.ORPHAN}
    while frontier:
        frontier = {after for state in frontier for after in TABLE[state].values()} - reached
        reached |= frontier
    can_end = {state for state in OrderState if state.terminal}
    for _ in OrderState:
        can_end |= {state for state in OrderState if any(after in can_end for after in TABLE[state].values())}

    assert reached == set(OrderState)
    assert can_end == set(OrderState)


def test_two_orders_of_quantity_four_never_influence_each_other_and_never_overfill() -> None:
    """All reachable joint states of two orders, executions one unit at a time; both machines are visited completely."""
    start = ((S.INTENT, 0), (S.INTENT, 0))
    seen, frontier = {start}, [start]
    while frontier:
        joint = frontier.pop()
        for index, event in product((0, 1), OrderEvent):
            state, executed = joint[index]
            executed = executed + 1 if event is E.EXECUTED and not state.terminal else executed
            if executed > 4:
                continue
            happening = E.SEEN_FILLED if executed == 4 and event is E.EXECUTED else event
            after = following(state, happening)
            if after is None:
                continue
            changed = [*joint]
            changed[index] = (after, executed)
            following_joint = (changed[0], changed[1])
            assert following_joint[1 - index] == joint[1 - index]
            if following_joint not in seen:
                seen.add(following_joint)
                frontier.append(following_joint)

    single = {joint[0] for joint in seen}
    print(f"orders: {len({state for state, _ in single})} states of one, {len(seen)} of two, {len(PAIRS)} pairs")
    assert len(seen) == len(single) ** 2
    assert {state for state, _ in single} == set(OrderState) - {S.ORPHAN}


def test_every_status_word_of_the_venue_is_known() -> None:
    words = "New PartiallyFilled Untriggered Triggered Filled Cancelled PartiallyFilledCanceled Deactivated Rejected"

    assert all(event_of_status(word) in REPORTS for word in words.split())
    assert event_of_status("Surprise") is None
