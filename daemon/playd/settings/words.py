"""The nearest known word, for messages about an unknown one; and names that mean something else already."""

import difflib
import re
from collections.abc import Iterable
from typing import Final

TAKEN: Final = ("all", "foreign")
"""What scopes, targets and owners call everything, and what is nobody's here: no instance is called that."""

OWN_ACCOUNTS: Final = ("shadow-", "paper-")
"""How the ledger names the own accounts of instances, before their uid: no account of the settings is called like them."""


def nearest_word(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?`, or nothing when no known word is near."""
    close = difflib.get_close_matches(word, [*known], 1)
    return f"; did you mean {close[0]}?" if close else ""


def dashed(name: str, most: int = 32) -> str:
    """`; did you mean ema-cross?` of `EMA_cross`: a name that is one but for its letters, or nothing."""
    meant = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return f"; did you mean {meant}?" if meant and meant != name and len(meant) <= most else ""
