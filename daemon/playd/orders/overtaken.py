"""
Whether an exit is still about what is there: between a person's word and its turn lie ten minutes, or, in a ledger that was
restored, days. Reads the ledger only, and goes by the order in which it was written: a clock that is set makes nothing newer.
"""

from typing import Final

import orjson

from playd.core.orders import Side
from playd.orders.desk import Desk
from playd.orders.halts import scopes_of
from playd.orders.intent_rows import IntentRow
from playd.orders.order_book import FOREIGN
from playd.orders.room import held_by

BY_HAND: Final = "closed by hand"
"""Reason of a close that a person asked for."""

_NEWEST: Final = 2**63 - 1
"""A number that no row is behind."""

OPENED_SINCE: Final = "opened_since"
"""Outcome of an exit whose share was gone before it was done, and was opened or adopted anew: what is there now is not its."""


def overtaken(desk: Desk, intent: IntentRow) -> str:
    """
    The outcome of a close whose order was not sent yet and shall not be; empty while it stands. It is withdrawn by a freeze of
    its share since its word, lifted or not, and has nothing to do where the share is gone, or was opened or adopted since.
    """
    owner, symbol = intent.instance, intent.symbol
    _, halt = _behind(desk, intent)
    if desk.frozen(symbol, owner) or desk.halts.was_frozen(halt, *scopes_of(owner, desk.alias, symbol)):
        return "withdrawn"
    if held_by(desk, owner, symbol, Side(intent.side)) <= 0:
        return "flat"
    return OPENED_SINCE if opened_since(desk, intent) else ""


def opened_since(desk: Desk, intent: IntentRow) -> bool:
    """Whether what an instance holds came into the books behind the decision to close what it held then."""
    opened_ms = desk.fills.position(intent.instance, intent.symbol).opened_ms
    if intent.instance == FOREIGN or not opened_ms:
        return False
    newest, _ = _behind(desk, intent)
    where = "account = ? AND owner = ? AND symbol = ? AND venue_ms = ?"
    values = (desk.alias, intent.instance, intent.symbol, opened_ms)
    # By number first: what is newer than an exit is little, what an instance ever executed may be much.
    if desk.ledger.row(f"SELECT 1 FROM executions NOT INDEXED WHERE n > ? AND {where} LIMIT 1", (newest, *values)) is None:
        return False
    first = desk.ledger.row(f"SELECT min(n) FROM executions WHERE {where}", values)
    return first is not None and first[0] > newest


def _behind(desk: Desk, intent: IntentRow) -> tuple[int, int]:
    """
    The numbers of the newest execution and the newest halt that were on record when an exit was.

    An older program kept none. What it has left of a person's word is told by our clock, as it was then; of an exit that a Play
    decided nothing counts as newer.
    """
    row = desk.ledger.row("SELECT gates, created_ms FROM intents WHERE id = ?", (intent.id,))
    gates = {} if row is None else orjson.loads(row["gates"])
    if "behind" in gates:
        execution, halt = gates["behind"]
        return int(execution), int(halt)
    if row is None or intent.reason != BY_HAND:
        return _NEWEST, _NEWEST
    execution, halt = (
        desk.ledger.row(sql, (row["created_ms"],))
        for sql in ("SELECT max(n) FROM executions WHERE received_ms <= ?", "SELECT max(id) FROM halts WHERE raised_ms < ?")
    )
    return (execution and execution[0]) or 0, (halt and halt[0]) or 0
