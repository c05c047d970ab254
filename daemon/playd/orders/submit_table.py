"""
What to do about a reply to an order request, as one table: (class of request, class of reply) → reaction.

The reaction is data, so that the protocol can be read and tested line by line; what each answer leads to is told in
`daemon/decisions/` 065.
"""

from enum import StrEnum
from typing import Final

from playd.core.orders import IntentClass
from playd.core.reply_codes import ReplyClass


class Reaction(StrEnum):
    """What the gateway does next."""

    TAKEN = "taken"  # the venue has it: wait for the private stream
    AGAIN_LATER = "again_later"  # no effect: same link id after the pause, while still wanted
    RESYNC = "resync"  # no effect: sample the clock, sign again, same link id, once
    UNKNOWN = "unknown"  # never send again, the resolver decides
    UNKNOWN_REPEAT = "unknown_repeat"  # look up, then the same link id until a definite answer
    REFUSED = "refused"  # no effect: the order is over
    REFUSED_SYMBOL_HALT = "refused_symbol_halt"
    REFUSED_ACCOUNT_HALT = "refused_account_halt"
    REFUSED_INCIDENT = "refused_incident"  # our bug: over, with a critical incident
    CHECK_POSITION = "check_position"  # flat is success, else a new attempt with the real quantity
    NEXT_RUNG = "next_rung"  # refused, but the position is still there: next step of the ladder
    KEEP_TRYING = "keep_trying"  # refused for a reason outside the order: same intent again every 5 s


_ENTRY: Final = {
    ReplyClass.ACCEPTED: Reaction.TAKEN,
    ReplyClass.NO_CHANGE: Reaction.UNKNOWN,
    ReplyClass.LATER: Reaction.AGAIN_LATER,
    ReplyClass.CLOCK: Reaction.RESYNC,
    ReplyClass.DOUBT: Reaction.UNKNOWN,
    ReplyClass.EXISTS: Reaction.UNKNOWN,
    ReplyClass.GONE: Reaction.UNKNOWN,
    ReplyClass.FUNDS: Reaction.REFUSED,
    ReplyClass.LIMITS: Reaction.REFUSED,
    ReplyClass.QUOTA: Reaction.REFUSED,
    ReplyClass.SYMBOL: Reaction.REFUSED_SYMBOL_HALT,
    ReplyClass.DANGER: Reaction.REFUSED_ACCOUNT_HALT,
    ReplyClass.AUTH: Reaction.REFUSED_ACCOUNT_HALT,
    ReplyClass.BAN: Reaction.UNKNOWN,
    ReplyClass.MODE: Reaction.REFUSED_ACCOUNT_HALT,
    ReplyClass.BUG: Reaction.REFUSED_INCIDENT,
}

_EXIT: Final = {
    ReplyClass.ACCEPTED: Reaction.TAKEN,
    ReplyClass.NO_CHANGE: Reaction.CHECK_POSITION,
    ReplyClass.LATER: Reaction.AGAIN_LATER,
    ReplyClass.CLOCK: Reaction.RESYNC,
    ReplyClass.DOUBT: Reaction.UNKNOWN_REPEAT,
    ReplyClass.EXISTS: Reaction.UNKNOWN,
    ReplyClass.GONE: Reaction.CHECK_POSITION,
    ReplyClass.FUNDS: Reaction.NEXT_RUNG,
    ReplyClass.LIMITS: Reaction.NEXT_RUNG,
    ReplyClass.QUOTA: Reaction.KEEP_TRYING,
    ReplyClass.SYMBOL: Reaction.KEEP_TRYING,
    ReplyClass.DANGER: Reaction.KEEP_TRYING,
    ReplyClass.AUTH: Reaction.KEEP_TRYING,
    ReplyClass.BAN: Reaction.UNKNOWN_REPEAT,
    ReplyClass.MODE: Reaction.KEEP_TRYING,
    ReplyClass.BUG: Reaction.REFUSED_INCIDENT,
}

REACTION: Final[dict[IntentClass, dict[ReplyClass, Reaction]]] = {IntentClass.ENTRY: _ENTRY, IntentClass.EXIT: _EXIT}
"""Stops (`PROTECT`) and cancels are repeated by their own loops, which re-read the venue each time; see `protection`."""


def react(intent_class: IntentClass, reply_class: ReplyClass) -> Reaction:
    """The reaction to a reply. Total: every pair has one."""
    return REACTION[intent_class][reply_class]
