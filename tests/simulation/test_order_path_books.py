"""The money of an account against the venue's log: what moved it is found out, or a person is called."""

from decimal import Decimal

import anyio

from playd.core.timeframes import DAY_MS
from tests.simulation.order_world import READY, OrderWorld, build, entry, leave


def told(life: OrderWorld) -> dict[str, str]:
    return {incident.kind: incident.severity for incident in life.account.desk.incidents.open_ones()}


async def until_midnight() -> OrderWorld:
    """The last minutes of a day whose beginning the books have seen."""
    life = build()
    now_ms = life.world.clock.wall_ms()
    life.ledger.set_meta("books_day:main", str(now_ms // DAY_MS))
    await anyio.sleep((DAY_MS - now_ms % DAY_MS) / 1000 - 500)
    return life


async def trade(life: OrderWorld, cause: int = 60_000) -> None:
    port = life.ports[-1]
    await port.submit(entry(cause), READY)
    await anyio.sleep(1.0)
    life.venue.price += 10
    await port.submit(leave(cause + 60_000), READY)
    await anyio.sleep(1.0)


async def test_trades_fees_and_funding_move_nothing_and_cost_no_read_of_the_log() -> None:
    life = build()
    async with life.running():
        await life.register()
        await life.account.reconcile("test")
        reads = life.venue.log_reads
        await trade(life)
        life.venue.pay_funding(Decimal("0.3"))
        await anyio.sleep(400.0)

        assert told(life) == {}
        assert life.venue.log_reads == reads


async def test_a_transfer_is_explained_by_the_log_also_when_it_came_while_nobody_watched() -> None:
    life = build()
    async with life.running():
        await life.register()
        await trade(life)
        life.venue.transfer(Decimal(-500))
        await anyio.sleep(130.0)
        assert told(life) == {}
    life.venue.transfer(Decimal(250))
    life = life.crash()
    async with life.running():
        await life.register()
        await trade(life, 300_000)
        await anyio.sleep(800.0)

        assert told(life) == {}
        explained = [data["explained_by"] for kind, data in life.journal.records if kind == "recon.diff"]
        assert explained == ["TRANSFER_OUT -500", "TRANSFER_IN 250"]


async def test_money_that_nothing_explains_is_a_warning_and_after_ten_minutes_critical() -> None:
    life = build()
    async with life.running():
        await life.register()
        await trade(life)
        life.venue.deposit -= 3
        await anyio.sleep(130.0)
        early = told(life)
        await anyio.sleep(700.0)

        assert (early, told(life)) == ({"BALANCE_MOVED": "warning"}, {"BALANCE_MOVED": "critical"})


async def test_an_execution_that_every_list_had_skipped_is_found_by_the_log_and_booked() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        await trade(life)
        await anyio.sleep(300.0)
        await trade(life, 300_000)
        await anyio.sleep(200.0)
        life.venue.stream_up = False
        life.venue.pay_funding(Decimal("0.7"), at_ms=life.world.clock.wall_ms() - 300_000)
        late = life.venue.execution_rows[-1]
        life.venue.stream_up = True
        await anyio.sleep(200.0)

        assert life.account.desk.fills.known(late.exec_id)
        assert port.position().position.funding == Decimal("0.7")
        assert told(life) == {}


async def test_a_past_day_is_compared_with_the_log_once_and_kept_as_evidence() -> None:
    life = await until_midnight()
    async with life.running():
        await life.register()
        await trade(life)
        await anyio.sleep(900.0)
        await trade(life, 300_000)  # of the next day, which tells that this one is over
        await anyio.sleep(200.0)
        rows = life.ledger.rows("SELECT kind, subject, passed, body FROM evidence")

        assert [(row["kind"], row["subject"], row["passed"]) for row in rows] == [("books_day", "main", 1)]
        assert '"realised_usdt":{"ledger":"0.100' in rows[0]["body"]


async def test_a_day_whose_log_says_otherwise_calls_a_person() -> None:
    life = await until_midnight()
    async with life.running():
        await life.register()
        await trade(life)
        await anyio.sleep(400.0)
        life.ledger.write("UPDATE executions SET fee = '5' WHERE n = 2")
        await anyio.sleep(500.0)
        await trade(life, 300_000)
        await anyio.sleep(200.0)

        assert told(life)["BOOKS_DIFFER"] == "critical"
        assert [row["passed"] for row in life.ledger.rows("SELECT passed FROM evidence")] == [0]
