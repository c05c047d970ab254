"""Intents and orders as rows: what is returned is what is stored, and no decision is stored twice."""

import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path, PurePath

import pytest

from playd.core.canonical import digest
from playd.core.ids import link_id
from playd.core.orders import Action, OrderRequest, OrderState, Side
from playd.orders.intent_rows import is_other
from playd.orders.ledger import Ledger
from playd.orders.order_book import OrderBook
from playd.world.real import real_world
from playd.world.virtual import ManualClock
from tests.simulation.order_world import entry


def open_book(path: Path) -> tuple[Ledger, OrderBook]:
    clock = ManualClock()
    ledger = Ledger.open(real_world().disk, clock, PurePath(path / "ledger.sqlite"))
    return ledger, OrderBook(ledger, clock, "main")


@pytest.mark.parametrize("bracket", [True, False])
def test_the_row_of_a_new_order_is_the_row_in_the_ledger(tmp_path: Path, bracket: bool) -> None:
    ledger, book = open_book(tmp_path)
    intent = entry()
    request = OrderRequest(
        link_id=link_id(intent.instance_uid, intent.cause, intent.action, intent.leg, 0),
        symbol=intent.symbol,
        side=Side.SELL,
        qty=Decimal("0.010"),
        order_type="Limit" if bracket else "Market",
        time_in_force="IOC",
        price=Decimal("50000.5") if bracket else None,
        reduce_only=not bracket,
        stop=Decimal("49500") if bracket else None,
        target=Decimal("51000") if bracket else None,
        slippage_tolerance_pct=None if bracket else Decimal("0.5"),
    )
    row = book.insert_order(intent, book.insert_intent(intent, b"{}"), 0, request)
    events = ledger.rows("SELECT n, source, before, after, received_ms FROM order_events WHERE link_id = ?", (row.link_id,))

    assert book.need(row.link_id) == row
    assert row.request() == request
    assert row.state is OrderState.SENT
    assert [tuple(event) for event in events] == [
        (1, "intent", "", "INTENT", row.created_ms),
        (2, "send", "INTENT", "SENT", row.signed_ms),
    ]
    ledger.close()


def test_a_decision_has_one_intent_whatever_else_it_says(tmp_path: Path) -> None:
    ledger, book = open_book(tmp_path)
    book.insert_intent(entry(), b"{}")
    with pytest.raises(sqlite3.IntegrityError):
        book.insert_intent(entry(qty="0.020"), b"{}")
    with pytest.raises(sqlite3.IntegrityError):
        ledger.write("UPDATE intents SET leg = 1")  # another decision under this one's name
    book.insert_intent(replace(entry(), action=Action.ADD), b"{}")

    assert len(ledger.rows("SELECT * FROM intents")) == 2
    ledger.close()


WRITTEN_ANEW = {
    "qty": Decimal("0.0100"),
    "stop": Decimal("49500.00"),
    "target": Decimal("51000.000"),
    "price": Decimal("50000"),
}
"""The order of the test below in units of a finer step and tick."""


@pytest.mark.parametrize("by_an_older_program", [False, True])
def test_an_order_that_is_written_with_more_digits_is_no_other_order(tmp_path: Path, by_an_older_program: bool) -> None:
    ledger, book = open_book(tmp_path)
    price = Decimal("50000" if by_an_older_program else "50000.0")
    asked = replace(entry(), order_type="Limit", price=price, target=Decimal("51000.0"))
    identity = book.insert_intent(asked, b"{}")
    if by_an_older_program:
        told = [asked.symbol, asked.intent_class, asked.side, "0.010", "49500.0", "51000.0", "Limit", "50000"]
        ledger.write("UPDATE intents SET parameters_digest = ?", (digest(told),))
    stored = book.intent(identity)
    assert stored is not None
    assert (stored.qty, stored.stop, stored.target) == (asked.qty, asked.stop, asked.target)
    assert not is_other(stored, replace(asked, **WRITTEN_ANEW))
    for name, value in WRITTEN_ANEW.items():
        assert is_other(stored, replace(asked, **{name: value + 1}))
    assert is_other(stored, replace(asked, stop=None))
    ledger.close()
