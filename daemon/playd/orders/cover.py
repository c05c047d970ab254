"""
How a position stands under its stop, as one pure table: (cover, event) → cover, and what is to be done about it.

A reading of the venue says what is there, the clock says how long that has been so. Whoever reads, waits and sends is
`protection`; here is what follows from what. A pair that is not in the table changes nothing: an answer of the venue takes
time, and what was asked for may be over when it comes.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from playd.orders.fill_check import Finding


class Cover(StrEnum):
    """What is known of a symbol's position."""

    UNREAD = "unread"  # nobody has read it in this life
    PLANNED = "planned"  # as the books have it: flat, or of their size under their stop
    DIFFERS = "differs"  # of another size or side than the books have, under some stop
    MISPLACED = "misplaced"  # under a stop at another price than planned
    TRIGGERING = "triggering"  # the planned stop stands and the mark is beyond it: it should fire any moment
    SILENT = "silent"  # it did not, a person was called, and nobody wants it closed without one
    NAKED = "naked"  # under no stop that limits its loss
    ALARMED = "alarmed"  # so for so long that its symbol is halted
    CLOSING = "closing"  # it cannot be protected: exits close it


class CoverEvent(StrEnum):
    """What can be learned about it."""

    SEES_PLANNED = "sees_planned"
    SEES_SIZE = "sees_size"
    SEES_WRONG_STOP = "sees_wrong_stop"
    SEES_TRIGGERING = "sees_triggering"
    SEES_NAKED = "sees_naked"
    STEP_DUE = "step_due"  # the pause behind the last thing that was done is over
    HALT_DUE = "halt_due"  # naked for too long to let anybody enter
    CLOSE_DUE = "close_due"  # naked, or under a silent stop, for too long
    ALARM_DUE = "alarm_due"  # under a silent stop for too long, where nothing is closed without a person
    BEYOND = "beyond"  # the market is beyond the stop that was to be set


class CoverAct(StrEnum):
    """What is to be done."""

    NOTHING = "nothing"
    LOOK = "look"  # read it again
    REPAIR = "repair"  # set its stop and read it again
    SET_BACK = "set_back"  # the same, unless a move of ours is on its way
    HALT = "halt"  # no new risk on its symbol
    CLOSE = "close"  # close every owner's share that is not being closed
    CALL = "call"  # halt its symbol because of a silent stop


@dataclass(frozen=True, slots=True)
class Step:
    after: Cover
    act: CoverAct = CoverAct.NOTHING


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a position may be naked before its symbol is halted, and before it is closed, if it may be closed at all."""

    halt_s: float
    act_s: float
    closes: bool


_C = Cover
_E = CoverEvent
_A = CoverAct

_READINGS: Final = {
    _E.SEES_PLANNED: Step(_C.PLANNED),
    _E.SEES_SIZE: Step(_C.DIFFERS),
    _E.SEES_WRONG_STOP: Step(_C.MISPLACED),
    _E.SEES_TRIGGERING: Step(_C.TRIGGERING),
    _E.SEES_NAKED: Step(_C.NAKED),
}


TABLE: Final[dict[Cover, dict[CoverEvent, Step]]] = {
    _C.UNREAD: _READINGS,
    _C.PLANNED: _READINGS,
    _C.DIFFERS: _READINGS,
    _C.MISPLACED: {
        **_READINGS,
        _E.STEP_DUE: Step(_C.MISPLACED, _A.SET_BACK),
        _E.BEYOND: Step(_C.CLOSING, _A.CLOSE),
    },
    _C.TRIGGERING: {
        **_READINGS,
        _E.STEP_DUE: Step(_C.TRIGGERING, _A.LOOK),
        _E.CLOSE_DUE: Step(_C.CLOSING, _A.CLOSE),
        _E.ALARM_DUE: Step(_C.SILENT, _A.CALL),
    },
    _C.SILENT: {
        **_READINGS,
        _E.SEES_TRIGGERING: Step(_C.SILENT),
        _E.STEP_DUE: Step(_C.SILENT, _A.LOOK),
        _E.CLOSE_DUE: Step(_C.CLOSING, _A.CLOSE),
    },
    _C.NAKED: {
        **_READINGS,
        _E.STEP_DUE: Step(_C.NAKED, _A.REPAIR),
        _E.HALT_DUE: Step(_C.ALARMED, _A.HALT),
        _E.CLOSE_DUE: Step(_C.CLOSING, _A.CLOSE),
        _E.BEYOND: Step(_C.CLOSING, _A.CLOSE),
    },
    _C.ALARMED: {
        **_READINGS,
        _E.SEES_NAKED: Step(_C.ALARMED),
        _E.STEP_DUE: Step(_C.ALARMED, _A.REPAIR),
        _E.CLOSE_DUE: Step(_C.CLOSING, _A.CLOSE),
        _E.BEYOND: Step(_C.CLOSING, _A.CLOSE),
    },
    # The sizes of a position that is being closed differ for moments, and a fill that was late may be left of it.
    _C.CLOSING: {
        **_READINGS,
        _E.SEES_SIZE: Step(_C.CLOSING),
        _E.SEES_TRIGGERING: Step(_C.CLOSING),
        _E.SEES_NAKED: Step(_C.CLOSING),
        _E.STEP_DUE: Step(_C.CLOSING, _A.CLOSE),
    },
}

_EVENT_OF: Final = {
    Finding.VERIFIED: _E.SEES_PLANNED,
    Finding.SIZE: _E.SEES_SIZE,
    Finding.WRONG_STOP: _E.SEES_WRONG_STOP,
    Finding.TRIGGERING: _E.SEES_TRIGGERING,
    Finding.NO_STOP: _E.SEES_NAKED,
    Finding.USELESS_STOP: _E.SEES_NAKED,
}

AT_REST: Final = frozenset({_C.UNREAD, _C.PLANNED, _C.DIFFERS})
"""Covers that nothing is done about here: a difference of size is the reconciliation's."""


def following(cover: Cover, event: CoverEvent) -> Step:
    """What an event leads to, and what it asks for. A pair that the table lacks changes nothing."""
    return TABLE[cover].get(event, Step(cover))


def event_of(finding: Finding) -> CoverEvent:
    """The event that a reading stands for."""
    return _EVENT_OF[finding]


def due(cover: Cover, age_s: float, patience: Patience, *, step_due: bool) -> CoverEvent | None:
    """
    What the clock says of a position that has been in danger for `age_s`; `step_due`: the pause behind the last step is over.

    One event at a time, the most urgent first; the next look tells the next.
    """
    if cover in AT_REST:
        return None
    if cover is Cover.NAKED and age_s >= patience.halt_s:
        return CoverEvent.HALT_DUE
    if age_s >= patience.act_s and cover in (Cover.NAKED, Cover.ALARMED, Cover.TRIGGERING, Cover.SILENT):
        if patience.closes:
            return CoverEvent.CLOSE_DUE
        if cover is Cover.TRIGGERING:
            return CoverEvent.ALARM_DUE
    return CoverEvent.STEP_DUE if step_due else None
