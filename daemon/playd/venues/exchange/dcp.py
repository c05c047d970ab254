"""
Disconnect protection (DCP): orders of a user are cancelled when every socket that asked for it has been gone for too long.

A user sets the window; a private socket that subscribes to a topic `dcp.…` arms it. Positions and what protects them stay.
The venue offers this to institutions only; here everybody has it.
"""

import math
from collections.abc import Callable
from typing import Final

import anyio

from playd.venues.exchange import arrivals
from playd.venues.exchange.books import Books
from playd.venues.exchange.minute import catch_up
from playd.venues.exchange.model import Account
from playd.venues.exchange.records import Records
from playd.venues.exchange.topics import Topics
from playd.venues.exchange.words import CancelType

PRODUCT: Final = "DERIVATIVES"
TOPIC: Final = "dcp.future"
WINDOW_S: Final = (3, 300)


class DisconnectProtection:
    """Windows by user, kept in the records. `apply` keeps and tells what the books have changed. `mono_s` is the clock."""

    def __init__(
        self, books: Books, topics: Topics, records: Records, mono_s: Callable[[], float], apply: Callable[[], None]
    ) -> None:
        self._books = books
        self._topics = topics
        self._records = records
        self._mono_s = mono_s
        self._apply = apply
        self._armed: set[int] = set()
        self._gone_s: dict[int, float] = {}
        self._changed = anyio.Event()

    def window_s(self, uid: int) -> int:
        """The user's window, 0 when it has set none."""
        return int(self._records.meta(f"dcp/{uid}") or 0)

    def set_window(self, uid: int, window_s: int) -> None:
        self._records.note(f"dcp/{uid}", str(window_s))
        self.look()

    def look(self) -> None:
        """Look again who is there: a socket came, went, or subscribed."""
        event, self._changed = self._changed, anyio.Event()
        event.set()

    async def run(self) -> None:
        """Cancel what is due, for ever."""
        while True:
            event = self._changed
            with anyio.move_on_after(self._until_next_s()):
                await event.wait()

    def _until_next_s(self) -> float:
        """Cancel what is due now; seconds until the next user's window ends."""
        now_s = self._mono_s()
        here = {client.uid for client in self._topics.clients(TOPIC) if client.uid is not None}
        self._armed |= here
        wait_s = math.inf
        for uid in sorted(self._armed - here):
            due_s = self._gone_s.setdefault(uid, now_s) + self.window_s(uid)
            if due_s > now_s:
                wait_s = min(wait_s, due_s - now_s)
            else:
                self._armed.discard(uid)
                self._cancel(self._books.accounts[uid])
        self._gone_s = {uid: gone_s for uid, gone_s in self._gone_s.items() if uid in self._armed - here}
        return wait_s

    def _cancel(self, account: Account) -> None:
        if self.window_s(account.uid) == 0:
            return
        for symbol in dict.fromkeys(order.symbol for order in account.orders.values()):
            catch_up(self._books, account, symbol)
        orders = [order for order in account.orders.values() if not order.stop_kind.protects]
        arrivals.end_orders(self._books, account, orders, CancelType.DISCONNECTED)
        self._apply()
