"""
Bans of our address, kept where every later life of the daemon finds them.

The venue bans an address for ten minutes when it sends too much. A restart does not end that, and asking again prolongs it.
"""

from typing import Final

from playd.core.record import Recorder
from playd.orders.ledger import Ledger

VENUE_ADDRESS: Final = "venue"
"""The address from which all requests to the venue leave; there is one."""


class Bans:
    """`until_ms` of one address in the ledger's `meta`."""

    def __init__(self, ledger: Ledger, journal: Recorder, address: str = VENUE_ADDRESS) -> None:
        self._ledger = ledger
        self._journal = journal
        self._key = f"ban_until_ms:{address}"

    @property
    def until_ms(self) -> int:
        """End of the last known ban on the wall clock; zero when there was none."""
        return int(self._ledger.meta(self._key) or 0)

    def keep(self, until_ms: int) -> None:
        """Store the end of a ban; synced on return. Raises `RecordError`."""
        self._ledger.set_meta(self._key, str(until_ms))
        self._ledger.commit()
        self._journal.append("rate.ban", {"until_ms": until_ms})
