"""The ledger stays fast while it grows: no query of the order path reads a growing table from end to end."""

import anyio

from playd.orders.panic import PanicScope
from playd.orders.views import Wanted, latest_fills
from tests.simulation.order_world import READY, UID, build, entry, leave
from tests.simulation.venue_script import WriteFault
from tests.virtual_time import in_virtual_time

GROWING = ("bars", "intents", "orders", "order_events", "executions", "fill_checks", "outbox", "equity", "recon_runs")


def test_no_query_of_the_order_path_scans_a_growing_table() -> None:
    async def body() -> None:
        life = build()
        connection, seen = life.ledger._connection, set[str]()
        connection.set_trace_callback(seen.add)
        async with life.running():
            port = await life.register()
            await port.submit(entry(), READY)
            await anyio.sleep(0.1)
            life.venue.script.writes = [WriteFault.LOST_BEFORE]
            await port.submit(leave(), READY)
            await anyio.sleep(5.0)
            await port.submit(entry(180_000), READY)
            await anyio.sleep(200.0)
            life.account.views.positions()
            latest_fills(life.ledger, Wanted(), limit=10)
            life.account.desk.verdicts.latest(UID, 10)
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

    in_virtual_time(body)
