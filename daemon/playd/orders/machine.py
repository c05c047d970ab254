"""
The order state machine as one pure table: (state, event) → next state, or a contradiction.

Events are facts, already judged by their source. A late copy of older news keeps the state; news that cannot follow what we
know is a contradiction, which the caller stores, alarms about and answers with a halt of the symbol.
"""

from enum import StrEnum
from typing import Final

from playd.core.orders import OrderState


class OrderEvent(StrEnum):
    """What can be learned about an order."""

    SEND = "send"  # handed to the transport
    ACK = "ack"  # reply: taken
    REFUSE = "refuse"  # reply: definitely had no effect
    DOUBT = "doubt"  # no reply, or one that does not say
    QUIET = "quiet"  # taken, then no news for too long
    MISSING = "missing"  # was there, and a complete list does not hold it any more
    SEEN_OPEN = "seen_open"  # venue: New, Untriggered
    SEEN_PARTIAL = "seen_partial"  # venue: PartiallyFilled
    EXECUTED = "executed"  # an execution was booked, not yet the whole quantity
    SEEN_FILLED = "seen_filled"  # venue: Filled, and every execution is booked
    SEEN_CANCELLED = "seen_cancelled"  # venue: Cancelled, Deactivated
    SEEN_REJECTED = "seen_rejected"  # venue: Rejected
    PROVED_ABSENT = "proved_absent"  # resolver: all evidence that it never arrived
    DROP = "drop"  # withdrawn by us, provably unsent
    ADOPT = "adopt"  # operator: this orphan is ours from now on


class Contradiction(Exception):
    """A report that cannot be true together with what the ledger holds."""

    def __init__(self, state: OrderState, event: OrderEvent) -> None:
        super().__init__(f"order is {state} and now reported {event}")
        self.state = state
        self.event = event


_S = OrderState
_E = OrderEvent

_REPORTS: Final = {
    _E.SEEN_OPEN: _S.OPEN,
    _E.SEEN_PARTIAL: _S.PARTIAL,
    _E.EXECUTED: _S.PARTIAL,
    _E.SEEN_FILLED: _S.FILLED,
    _E.SEEN_CANCELLED: _S.CANCELLED,
    _E.SEEN_REJECTED: _S.REJECTED,
}

TABLE: Final[dict[OrderState, dict[OrderEvent, OrderState]]] = {
    _S.INTENT: {
        **_REPORTS,
        _E.SEND: _S.SENT,
        _E.ACK: _S.ACKED,
        _E.REFUSE: _S.REJECTED,
        _E.DOUBT: _S.UNKNOWN,
        _E.DROP: _S.DROPPED,
        _E.MISSING: _S.UNKNOWN,
    },
    _S.SENT: {
        **_REPORTS,
        _E.SEND: _S.SENT,
        _E.ACK: _S.ACKED,
        _E.REFUSE: _S.REJECTED,
        _E.DOUBT: _S.UNKNOWN,
        _E.MISSING: _S.UNKNOWN,
    },
    _S.ACKED: {
        **_REPORTS,
        _E.ACK: _S.ACKED,
        _E.DOUBT: _S.ACKED,
        _E.QUIET: _S.UNKNOWN,
        _E.MISSING: _S.UNKNOWN,
    },
    # The stream overtook the reply: what the reply says is older news, unless it says "had no effect".
    _S.OPEN: {
        **_REPORTS,
        _E.ACK: _S.OPEN,
        _E.DOUBT: _S.OPEN,
        _E.QUIET: _S.OPEN,
        _E.MISSING: _S.UNKNOWN,
    },
    _S.PARTIAL: {
        **{event: state for event, state in _REPORTS.items() if event is not _E.SEEN_REJECTED},
        _E.ACK: _S.PARTIAL,
        _E.DOUBT: _S.PARTIAL,
        _E.QUIET: _S.PARTIAL,
        _E.SEEN_OPEN: _S.PARTIAL,
        _E.MISSING: _S.UNKNOWN,
    },
    # A refused repeat says nothing about the first copy: it may have got through and be the reason of the refusal.
    _S.UNKNOWN: {
        **_REPORTS,
        _E.SEND: _S.UNKNOWN,
        _E.ACK: _S.ACKED,
        _E.REFUSE: _S.UNKNOWN,
        _E.DOUBT: _S.UNKNOWN,
        _E.QUIET: _S.UNKNOWN,
        _E.MISSING: _S.UNKNOWN,
        _E.PROVED_ABSENT: _S.NEVER_ARRIVED,
    },
    _S.FILLED: {
        event: _S.FILLED
        for event in (_E.ACK, _E.DOUBT, _E.QUIET, _E.MISSING, _E.SEEN_OPEN, _E.SEEN_PARTIAL, _E.EXECUTED, _E.SEEN_FILLED)
    },
    _S.CANCELLED: {
        event: _S.CANCELLED
        for event in (_E.ACK, _E.DOUBT, _E.QUIET, _E.MISSING, _E.SEEN_OPEN, _E.SEEN_PARTIAL, _E.EXECUTED, _E.SEEN_CANCELLED)
    },
    _S.REJECTED: {event: _S.REJECTED for event in (_E.ACK, _E.REFUSE, _E.DOUBT, _E.MISSING, _E.QUIET, _E.SEEN_REJECTED)},
    _S.NEVER_ARRIVED: {event: _S.NEVER_ARRIVED for event in (_E.MISSING, _E.PROVED_ABSENT)},
    _S.DROPPED: {event: _S.DROPPED for event in (_E.DROP, _E.MISSING)},
    _S.ORPHAN: {
        _E.SEEN_OPEN: _S.ORPHAN,
        _E.SEEN_PARTIAL: _S.ORPHAN,
        _E.EXECUTED: _S.ORPHAN,
        _E.SEEN_FILLED: _S.FILLED,
        _E.SEEN_CANCELLED: _S.CANCELLED,
        _E.SEEN_REJECTED: _S.REJECTED,
        _E.MISSING: _S.ORPHAN,
        _E.ADOPT: _S.OPEN,
    },
}


def following(state: OrderState, event: OrderEvent) -> OrderState | None:
    """The state after `event`, the same state when the event is no news, None when the two contradict each other."""
    return TABLE[state].get(event)


_VENUE_STATUS: Final = {
    "Created": _E.SEEN_OPEN,
    "New": _E.SEEN_OPEN,
    "Untriggered": _E.SEEN_OPEN,
    "Triggered": _E.SEEN_OPEN,
    "Active": _E.SEEN_OPEN,
    "PartiallyFilled": _E.SEEN_PARTIAL,
    "Filled": _E.SEEN_FILLED,
    "Cancelled": _E.SEEN_CANCELLED,
    "PartiallyFilledCanceled": _E.SEEN_CANCELLED,
    "Deactivated": _E.SEEN_CANCELLED,
    "Rejected": _E.SEEN_REJECTED,
}


def event_of_status(status: str) -> OrderEvent | None:
    """The event that a venue's status word stands for; None for a word we do not know (the caller alarms)."""
    return _VENUE_STATUS.get(status)
