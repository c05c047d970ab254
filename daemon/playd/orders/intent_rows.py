"""A stored intent: what the order path goes on with, and whether another intent under its identity asks for the same."""

import sqlite3
from dataclasses import dataclass
from decimal import Decimal

from playd.core.canonical import digest
from playd.core.orders import Action, Intent, IntentClass, Side
from playd.orders.rows import decimal, plain, text


@dataclass(frozen=True, slots=True)
class IntentRow:
    """The part of a stored intent that the order path goes on with."""

    id: str
    instance: str
    action: str
    intent_class: str
    symbol: str
    side: str
    qty: Decimal
    reason: str
    cause: str
    bar_close_ms: int
    leg: int
    outcome: str
    parameters_digest: str
    price_ref: Decimal
    stop: Decimal | None
    target: Decimal | None
    tif: str

    def as_intent(self, account: str) -> Intent:
        """What a further attempt needs of it; the rest of the decision is in the ledger alone."""
        return Intent(
            instance_uid=self.instance,
            instance="",
            account=account,
            symbol=self.symbol,
            cause=self.cause,
            action=Action(self.action),
            leg=self.leg,
            intent_class=IntentClass(self.intent_class),
            side=Side(self.side),
            qty=self.qty,
            price_ref=self.price_ref,
            bar_close_ms=0,
            expires_ms=0,
            reason=self.reason,
            target=self.target,
        )


def intent_row(row: sqlite3.Row) -> IntentRow:
    """One row of `intents`."""
    return IntentRow(
        id=row["id"],
        instance=row["instance"],
        action=row["action"],
        intent_class=row["class"],
        symbol=row["symbol"],
        side=row["side"],
        qty=Decimal(row["qty"]),
        reason=row["reason"],
        cause=row["cause"],
        bar_close_ms=row["bar_close_ms"],
        leg=row["leg"],
        outcome=row["outcome"],
        parameters_digest=row["parameters_digest"],
        price_ref=Decimal(row["price_ref"]),
        stop=decimal(row["stop"]),
        target=decimal(row["targets"]),
        tif=row["tif"],
    )


def parameters_digest(intent: Intent) -> str:
    """
    Digest of what an intent asks for, its time in force aside, which stands in a column of its own. Equal numbers give equal
    ones however they are written: a finer step or tick of the venue writes the same order with more digits.
    """
    return _parameters_digest(intent, _short(intent.qty), _short(intent.stop), _short(intent.target), _short(intent.price))


def is_other(stored: IntentRow, intent: Intent) -> bool:
    """
    Whether an intent asks for another order than the one on record under its identity, which is a contradiction.

    Of one that was recovered nobody knows what it asked for, and an older program kept no time in force. That one also took
    the digest of the numbers as they were written.
    """
    if stored.tif not in ("", intent.time_in_force):
        return True
    if stored.parameters_digest in ("", parameters_digest(intent)):
        return False
    pairs = ((stored.qty, intent.qty), (stored.stop, intent.stop), (stored.target, intent.target))
    if any(there != asked for there, asked in pairs):
        return True
    qty, stop, target = text(stored.qty), text(stored.stop), text(stored.target)
    return stored.parameters_digest != _parameters_digest(intent, qty, stop, target, text(intent.price))


def _parameters_digest(intent: Intent, qty: str | None, stop: str | None, target: str | None, price: str | None) -> str:
    return digest([intent.symbol, intent.intent_class, intent.side, qty, stop, target, intent.order_type, price])


def _short(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
