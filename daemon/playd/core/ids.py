"""
Identities that are pure functions of what they name.

The link id of an order depends only on the decision behind it, so that the same decision can never become two orders, after
any crash or replay: the exchange itself refuses the second (110072).
"""

import hashlib
from functools import lru_cache
from typing import Final

from playd.core.orders import Action

LINK_ID_PREFIX: Final = "pd"
GUARDIAN_PREFIX: Final = "pdg"

ACTION_LETTER: Final[dict[Action, str]] = {
    Action.ENTER: "e",
    Action.ADD: "a",
    Action.REDUCE: "r",
    Action.EXIT: "x",
    Action.STOP: "s",
    Action.TARGET: "t",
    Action.FLATTEN: "f",
    Action.CANCEL: "c",
}


_ACTION_OF: Final = {letter: action for action, letter in ACTION_LETTER.items()}

_BODY_BYTES: Final = 15
"""Bytes of a digest that 24 base32 characters hold."""


_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS: Final = [first + second for first in _LETTERS for second in _LETTERS]
_PLACES: Final = range(8 * _BODY_BYTES - 10, -1, -10)


def _body(fields: str) -> str:
    """The 24 lower-case base32 characters of a digest, two at a time: this runs between a decision and its order."""
    number = int.from_bytes(hashlib.sha256(fields.encode()).digest()[:_BODY_BYTES])
    return "".join([_PAIRS[number >> place & 1023] for place in _PLACES])


@lru_cache(maxsize=1024)
def instance_tag(instance_uid: str) -> str:
    """Six characters that mark every link id of one instance."""
    return _body(instance_uid)[:6]


def intent_id(instance_uid: str, cause: str, action: Action, leg: int) -> str:
    """Identity of an intent, readable in tables: `uid/cause/action/leg`."""
    return f"{instance_uid}/{cause}/{action}/{leg}"


@lru_cache(maxsize=1024)
def link_id(instance_uid: str, cause: str, action: Action, leg: int, attempt: int) -> str:
    """
    Link id of an order: 34 characters of the venue's alphabet.

    `pd`, action letter, instance tag, `-`, then 24 base32 characters of SHA-256 over the five fields.
    """
    fields = "\n".join((instance_uid, cause, action, str(leg), str(attempt)))
    return f"{LINK_ID_PREFIX}{ACTION_LETTER[action]}{instance_tag(instance_uid)}-{_body(fields)}"


def action_of(link: str) -> Action | None:
    """What an order of playd's format does, as its link id says; None for the guardian's and for unknown letters."""
    return _ACTION_OF.get(link[2:3]) if is_ours(link) else None


def guardian_link_id(owner_uid: str, account: str, symbol: str, position_idx: int, since_ms: int, attempt: int) -> str:
    """
    Link id of an order of the guardian: action letter `g`, the owner's tag, then what the order is for.

    `since_ms` is when the guardian first saw the danger, so that a repeat of the same attempt is refused by the venue itself.
    """
    fields = "\n".join(("guardian", owner_uid, account, symbol, str(position_idx), str(since_ms), str(attempt)))
    return f"{GUARDIAN_PREFIX}{instance_tag(owner_uid)}-{_body(fields)}"


def is_guardians(link: str) -> bool:
    """Whether a link id is one of the guardian's."""
    return is_ours(link) and link.startswith(GUARDIAN_PREFIX)


def is_ours(link: str) -> bool:
    """Whether a link id has playd's format, of whatever instance."""
    return len(link) == 34 and link.startswith(LINK_ID_PREFIX) and link[9] == "-"


def tag_of(link: str) -> str:
    """The instance tag inside a link id of playd's format."""
    return link[3:9]
