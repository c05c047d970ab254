"""
Whether a close by hand is still about what is there: between its word and its turn lie ten minutes, or, in a ledger that was
restored, days. Reads the ledger only.
"""

from typing import Final

from playd.core.orders import Side
from playd.orders.desk import Desk
from playd.orders.halts import scopes_of
from playd.orders.order_book import FOREIGN, IntentRow
from playd.orders.room import held_by

BY_HAND: Final = "closed by hand"
"""Reason of a close that a person asked for."""


def overtaken(desk: Desk, intent: IntentRow) -> str:
    """
    The outcome of a close whose order was not sent yet and shall not be; empty while it stands. It is withdrawn by a freeze of
    its share since its word, lifted or not, and has nothing to do where the share is gone, or was opened or adopted since.
    """
    owner, symbol = intent.instance, intent.symbol
    since_ms = _created_ms(desk, intent)
    if desk.frozen(symbol, owner) or desk.halts.was_frozen(since_ms, *scopes_of(owner, desk.alias, symbol)):
        return "withdrawn"
    return "flat" if held_by(desk, owner, symbol, Side(intent.side)) <= 0 or opened_since(desk, intent) else ""


def opened_since(desk: Desk, intent: IntentRow) -> bool:
    """Whether what an instance holds came into the books behind a person's word: by our clock, which both were noted by."""
    opened_ms = desk.fills.position(intent.instance, intent.symbol).opened_ms
    if intent.reason != BY_HAND or intent.instance == FOREIGN or not opened_ms:
        return False
    found = desk.ledger.row(
        "SELECT min(received_ms) FROM executions WHERE account = ? AND owner = ? AND symbol = ? AND venue_ms = ?",
        (desk.alias, intent.instance, intent.symbol, opened_ms),
    )
    return found is not None and found[0] is not None and int(found[0]) > _created_ms(desk, intent)


def _created_ms(desk: Desk, intent: IntentRow) -> int:
    found = desk.ledger.row("SELECT created_ms FROM intents WHERE id = ?", (intent.id,))
    return 0 if found is None else int(found[0])
