"""
Bans of our address, kept where every later life of the daemon finds them.

The venue bans an address for ten minutes when it sends too much. A restart does not end that, and asking again prolongs it.
"""

import sqlite3
from typing import Final

from playd.core.record import Recorder
from playd.orders.ledger import Ledger

_KEY: Final = "ban_until_ms:"
VENUE_ADDRESS: Final = "venue"
"""The address from which all requests to the venue leave; there is one."""


def banned_until_ms(ledger: Ledger, address: str = VENUE_ADDRESS) -> int:
    """End of the last known ban of an address on the wall clock; zero when there was none."""
    return int(ledger.meta(_KEY + address) or 0)


def stored_until_ms(connection: sqlite3.Connection) -> int:
    """The same of the venue's address, in a ledger that somebody else may write. Raises `sqlite3.Error`."""
    found = connection.execute("SELECT value FROM meta WHERE key = ?", (_KEY + VENUE_ADDRESS,)).fetchone()
    return int(found[0]) if found is not None else 0


class Bans:
    """`until_ms` of one address in the ledger's `meta`."""

    def __init__(self, ledger: Ledger, journal: Recorder, address: str = VENUE_ADDRESS) -> None:
        self._ledger = ledger
        self._journal = journal
        self._address = address

    @property
    def until_ms(self) -> int:
        """See `banned_until_ms`."""
        return banned_until_ms(self._ledger, self._address)

    def keep(self, until_ms: int) -> None:
        """Store the end of a ban; synced on return. Raises `RecordError`."""
        self._ledger.set_meta(_KEY + self._address, str(until_ms))
        self._ledger.commit()
        self._journal.append("rate.ban", {"until_ms": until_ms})
