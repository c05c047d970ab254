"""How long whoever is in doubt waits between two requests for the same thing."""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Final

_PAUSES_S: Final = (0.5, 1.0, 2.0, 5.0)


def repeat_pauses_s() -> Iterator[float]:
    """
    The pauses before the first, second, ... repetition of a request whose answer was not definite, in seconds; without an end.

    They grow: what was lost for a moment is found again soon, and a venue in trouble is not asked more often than it bears.
    """
    return chain(_PAUSES_S, repeat(_PAUSES_S[-1]))
