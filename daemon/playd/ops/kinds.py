"""The catalogue of journal records. A kind that is not here cannot be written."""

from typing import Final

_BY_SUBJECT: Final[dict[str, str]] = {
    "daemon": "start ready stop config migrated",
    "instance": "transition restart",
    "bar": "verdict revised gap",
    "intent": "created dropped",
    "order": "sent reply state resolved contradiction",
    "fill": "booked check",
    "stop": "placed moved lost repaired",
    "position": "adopted foreign liquidated",
    "recon": "run diff repair",
    "halt": "raised lifted",
    "panic": "step result",
    "command": "received refused done",
    "slo": "open close",
    "incident": "open reopen repeat sla_breach ack note resolve",
    "alert": "sent dead",
    "rate": "refused ban",
    "clock": "step offset",
    "auth": "checked reloaded",
    "arm": "created confirmed revoked waived expired",
    "backup": "done restored",
    "journal": "opened segment trimmed break removed",
}

KINDS: Final = frozenset(f"{subject}.{word}" for subject, words in _BY_SUBJECT.items() for word in words.split())
"""Every kind of record, e.g. `order.sent`."""
