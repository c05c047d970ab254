"""The nearest known word, for messages about an unknown one."""

import difflib
from collections.abc import Iterable


def nearest_word(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?`, or nothing when no known word is near."""
    close = difflib.get_close_matches(word, [*known], 1)
    return f"; did you mean {close[0]}?" if close else ""
