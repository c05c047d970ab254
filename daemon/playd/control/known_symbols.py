"""What a venue says of a symbol that was named: of a mistyped one everybody could say that it is flat."""

from collections.abc import Awaitable, Collection
from typing import Final

import anyio

from playd.core.errors import LinkError, VenueError
from playd.supervisor.names import nearest

LISTED_WITHIN_S: Final = 2.0
"""So long a person waits for the venue's word on a symbol that nothing here has to do with."""

UNSURE: Final = "nobody could say whether there is such a symbol"


async def is_listed(asked: Awaitable[bool]) -> bool | None:
    """The venue's word on a symbol; None where it does not say so in time."""
    with anyio.move_on_after(LISTED_WITHIN_S):
        try:
            return await asked
        except (VenueError, LinkError):
            return None
    return None


def no_symbol(symbol: str, account: str, known: Collection[str]) -> str:
    """One sentence for a symbol that is not listed. Those that are known here are few of many: only the nearest is named."""
    near = nearest(symbol.upper(), known)
    return f"no such symbol at the venue of {account}: {symbol!r}" + (f"; did you mean {near!r}?" if near else "")
