"""The ledger stays fast while it grows: no query of the order path reads a growing table from end to end."""

from dataclasses import replace
from decimal import Decimal
from pathlib import PurePath

import anyio
import pytest

from playd.core.modes import Environment
from playd.orders import order_pages
from playd.orders.ledger import Ledger
from playd.orders.order_pages import latest_orders, place_of
from playd.orders.panic import PanicScope
from playd.orders.risk_limits import RiskLimits
from playd.orders.rows import OrderRow
from playd.orders.settings import OrderSettings
from playd.orders.views import Wanted, latest_fills
from playd.world.virtual import virtual_world
from tests.simulation.order_world import READY, UID, build, entered, entry, leave
from tests.simulation.venue_script import WriteFault

GROWING = (
    *("bars", "judged", "intents", "orders", "order_events", "executions"),
    *("fill_checks", "outbox", "budgets", "equity", "recon_runs"),
)
COUNTED = RiskLimits(
    day_usd=Decimal(10**6), week_notional_pct=Decimal(600), entries_per_hour_account=60, gross_pct=Decimal(150)
)


async def test_no_query_of_the_order_path_scans_a_growing_table() -> None:
    life = build(settings=replace(OrderSettings.of(Environment.LOCAL), limits=COUNTED))
    connection, seen = life.ledger._connection, set[str]()
    connection.set_trace_callback(seen.add)
    async with life.running():
        port = await entered(life, settled_s=0.1)
        life.venue.script.writes = [WriteFault.LOST_BEFORE]
        await port.submit(leave(), READY)
        await anyio.sleep(5.0)
        await port.submit(entry(180_000), READY)
        await anyio.sleep(200.0)
        life.account.views.positions()
        latest_fills(life.ledger, Wanted(), limit=10)
        life.account.desk.verdicts.latest(UID, 60_000, 10)
        await life.account.panic(PanicScope(), actor="me", reason="test")
        connection.set_trace_callback(None)
        reads = [sql for sql in seen if sql.startswith(("SELECT", "UPDATE", "INSERT"))]
        plans = {sql: [row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")] for sql in reads}

    scans = [
        (detail, sql)
        for sql, details in plans.items()
        for detail in details
        if detail.startswith("SCAN") and detail.split()[1] in GROWING and "INDEX" not in detail
    ]
    assert len(reads) > 50
    assert scans == []


@pytest.mark.anyio
async def test_pages_of_orders_hold_each_once_in_pieces_and_whatever_comes_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_pages, "PIECE", 7)
    world = virtual_world()
    world.disk.mkdir(PurePath("/state"))
    ledger = Ledger.open(world.disk, world.clock, PurePath("/state/ledger.sqlite"))
    for n in range(40):
        _order(ledger, f"pd-{n * 17 % 40:02}", created_ms=n // 3)
    seen: list[OrderRow] = []
    while page := await latest_orders(ledger, Wanted(), limit=6, behind=place_of(seen[-1]) if seen else None):
        seen += [row for _, row in page]
        _order(ledger, f"pe-{len(seen)}", created_ms=1000)  # one that comes while somebody turns the page
    expected = sorted((f"pd-{n * 17 % 40:02}" for n in range(40)), key=lambda link: (-(int(link[3:]) * 33 % 40 // 3), link))
    assert [row.link_id for row in seen] == expected
    assert [row.link_id for _, row in await latest_orders(ledger, Wanted(symbol="X"), limit=6)] == []


def _order(ledger: Ledger, link_id: str, created_ms: int) -> None:
    ledger.write(
        "INSERT INTO orders (link_id, attempt, account, owner, action, symbol, side, type, tif, qty, reduce_only, state,"
        " created_ms, last_event_ms) VALUES (?, 0, 'main', 'u1', 'enter', 'BTCUSDT', 'Buy', 'Market', 'IOC', '1', 0,"
        " 'FILLED', ?, 1)",
        (link_id, created_ms),
    )


async def test_the_newest_verdicts_are_found_without_reading_the_others() -> None:
    life = build()
    connection, seen = life.ledger._connection, set[str]()
    connection.set_trace_callback(seen.add)
    async with life.running():
        life.account.desk.verdicts.latest(UID, 60_000, 10)
        connection.set_trace_callback(None)
        (asked,) = [sql for sql in seen if "FROM bars" in sql and "LIMIT" in sql]
        details = [row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {asked}")]
    assert not [detail for detail in details if "TEMP B-TREE" in detail], details
