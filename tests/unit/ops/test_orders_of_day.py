"""Orders of a UTC day are counted once each, also over a restart, and too many of them are told once."""

from dataclasses import replace
from pathlib import Path, PurePath

import pytest

from playd.core.ids import link_id
from playd.core.orders import OrderRequest, OrderState
from playd.core.timeframes import DAY_MS
from playd.ops.orders_of_day import KIND, OrdersOfDay
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.orders.order_book import OrderBook
from playd.orders.rows import OrderRow
from playd.world.real import RealDisk
from playd.world.virtual import ManualClock
from tests.simulation.order_world import MemoryJournal, entry


def sent(book: OrderBook, cause: int) -> OrderRow:
    intent = entry(cause)
    link = link_id(intent.instance_uid, intent.cause, intent.action, intent.leg, 0)
    request = OrderRequest(link, intent.symbol, intent.side, intent.qty, "Market", stop=intent.stop)
    return book.insert_order(intent, book.insert_intent(intent, b"{}"), 0, request)


def test_a_day_counts_each_order_once_also_over_a_restart_and_warns_once(tmp_path: Path) -> None:
    clock = ManualClock()
    ledger = Ledger.open(RealDisk(), clock, PurePath(tmp_path / "ledger.sqlite"))
    book, incidents = OrderBook(ledger, clock, "main"), Incidents(ledger, clock, MemoryJournal())
    first = OrdersOfDay(ledger, clock.wall_ms, incidents, 3)
    for cause in (1, 2):
        row = sent(book, cause)
        first.heard("main", row)
        first.heard("main", replace(row, state=OrderState.ACKED))
    first.heard("main", replace(row, link_id="v:of-somebody-else", signed_ms=None))
    assert (first.row("main").used, incidents.open_ones()) == (2, [])
    second = OrdersOfDay(ledger, clock.wall_ms, incidents, 3)
    for cause in (3, 4):
        second.heard("main", sent(book, cause))
    assert (second.row("main").used, second.row("main").by_owner) == (4, {entry().instance_uid: 4})
    assert [(each.kind, each.scope, each.count) for each in incidents.open_ones()] == [(KIND, "account:main", 1)]
    clock.advance(DAY_MS / 1000)
    assert second.row("main").used == 0
    assert incidents.open_ones() == []


def test_only_the_first_look_at_an_account_reads_the_ledger_and_ends_what_yesterday_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    ledger = Ledger.open(RealDisk(), clock, PurePath(tmp_path / "ledger.sqlite"))
    book, incidents = OrderBook(ledger, clock, "main"), Incidents(ledger, clock, MemoryJournal())
    OrdersOfDay(ledger, clock.wall_ms, incidents, 1).heard("main", sent(book, 1))
    assert len(incidents.open_ones()) == 1
    clock.advance(DAY_MS / 1000)
    behind_restart = OrdersOfDay(ledger, clock.wall_ms, incidents, 1)
    assert behind_restart.row("main").used == 0
    assert incidents.open_ones() == []
    clock.advance(DAY_MS / 1000)
    row = sent(book, 2)
    monkeypatch.setattr(ledger, "rows", lambda *given: pytest.fail("the order path reads every order there ever was"))
    behind_restart.heard("main", row)
    assert behind_restart.row("main").used == 1
