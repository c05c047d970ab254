"""What reconciliation counts and waits for outlives a restart; what others hold is listed though no execution told of it."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.instrument import Instrument
from playd.core.reply_codes import ReplyClass
from playd.orders.books import UNEXPLAINED_S
from playd.orders.halts import account_scope, symbol_scope
from playd.orders.order_book import FOREIGN
from playd.orders.reconcile import RepairKind
from playd.venues.pages import noted
from playd.venues.port import Priority, Reply
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entered, entry
from tests.simulation.venue_rows import Held
from tests.simulation.venue_script import EventFault
from tests.virtual_time import in_virtual_time

OTHER = "ETHUSDT"


def incidents(life: OrderWorld) -> dict[str, str]:
    return {each.kind: each.severity for each in life.account.desk.incidents.open_ones()}


def codes(life: OrderWorld, scope: str) -> list[str]:
    return [halt.code for halt in life.halts.in_force(scope)]


async def test_repairs_of_an_hour_are_counted_over_the_deaths_of_the_daemon() -> None:
    life = build()
    async with life.running():
        await entered(life)
    for _ in range(life.settings.repairs_symbol_hour + 1):
        life = life.crash()
        async with life.running():
            await life.register()
            life.venue.remove_stop()
            await anyio.sleep(10.0)
            assert life.venue.book[SYMBOL].stop
    assert codes(life, symbol_scope("main", SYMBOL)) == ["REPAIRS"]


async def test_money_that_nothing_explains_is_critical_in_time_although_the_daemon_restarts_meanwhile() -> None:
    life = build()
    async with life.running():
        await entered(life)
        await life.account.reconcile("test")
        life.venue.deposit -= 5  # and no row of the log says why
        await life.account.reconcile("test")
        assert incidents(life) == {"BALANCE_MOVED": "warning"}
        await anyio.sleep(UNEXPLAINED_S / 2)
    life = life.crash()
    async with life.running():
        await life.register()
        await anyio.sleep(UNEXPLAINED_S / 2)
        await life.account.reconcile("test")
        assert incidents(life)["BALANCE_MOVED"] == "critical"


async def test_a_position_of_others_that_no_execution_tells_of_is_listed_at_the_second_look_and_keeps_nobody_from_trading() -> (
    None
):
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.book[OTHER] = Held(signed=Decimal("0.5"), entry=Decimal(50_000))
        first = await life.account.reconcile("test")
        assert life.account.desk.fills.net(OTHER) == 0
        await life.account.reconcile("test")
        listed = [(each.symbol, each.qty) for each in life.account.strangers.listed()]
        third = await life.account.reconcile("test")
        assert (first.result, listed, third.result) == ("diff", [(OTHER, Decimal("0.5"))], "match")
        assert incidents(life) == {"FOREIGN_POSITION": "warning"}
        assert (life.halts.in_force(), life.account.desk.condition.not_ready()) == ([], "")
        assert (await port.submit(entry(), READY)).code == "SENT"

        life.venue.book[OTHER].signed = Decimal(0)  # gone, and no execution told of that either
        for _ in range(2):
            await life.account.reconcile("test")
        assert life.account.strangers.listed() == []
        assert life.account.desk.fills.position(FOREIGN, OTHER).realised == 0
        assert (await life.account.reconcile("test")).result == "match"


@pytest.mark.parametrize("theirs", ["0", "0.004"])
def test_a_position_of_ours_that_differs_on_a_symbol_listed_no_longer_halts_and_nothing_is_booked(theirs: str) -> None:
    async def nothing_listed(_symbols: Sequence[str]) -> dict[str, Instrument]:
        return {}

    async def body() -> None:
        life = build()
        async with life.running():
            await entered(life)
        life = life.crash()
        life.venue.instruments = nothing_listed  # type: ignore[method-assign]
        life.venue.book[SYMBOL].signed = Decimal(theirs)  # and no execution tells of it
        await life.start()
        planned = await life.account.reconcile("test", dry_run=True)
        for report in (planned, *[await life.account.reconcile("test") for _ in range(3)]):
            found = [(each.kind, each.key) for each in report.repairs if each.key.endswith(SYMBOL)]
            assert found == [(RepairKind.HALT, SYMBOL)]
        shares = life.account.desk.fills.shares()
        assert [(each.owner, each.position.signed_qty) for each in shares] == [(UID, Decimal("0.010"))]
        assert "POSITION_DIFFERS" in codes(life, symbol_scope("main", SYMBOL))
        assert not life.account.desk.condition.reconciled

    in_virtual_time(body)


async def test_an_execution_of_others_that_comes_late_is_booked_once() -> None:
    life = build()
    async with life.running():
        await life.register()
        life.venue.script.events = [EventFault.LOST] * 20
        life.venue.script.lagging_lists = 1
        life.venue.open_foreign(Decimal("0.5"), OTHER)
        await life.account.reconcile("test")
        await life.account.reconcile("test")
        assert life.account.desk.fills.net(OTHER) == Decimal("0.5")


async def test_leverage_is_set_back_on_record_and_read_back() -> None:
    life = build()
    async with life.running():
        await life.register()
        desk = life.account.desk
        desk.settings = replace(desk.settings, leverage=Decimal(3), leverage_kept=True)
        read, stated = life.venue._position, [Decimal(10)]
        life.venue._position = lambda symbol: replace(read(symbol), leverage=stated[0])  # type: ignore[method-assign]
        asked: list[Decimal] = []

        async def set_leverage(_symbol: str, leverage: Decimal) -> Reply:
            asked.append(leverage)
            stated[0] = leverage if len(asked) > 1 else stated[0]  # the first time it says so and does not
            return Reply(ReplyClass.ACCEPTED, 0, "")

        life.venue.set_leverage = set_leverage  # type: ignore[method-assign]
        life.account.reconciler.leverage_seen(SYMBOL, Decimal(10))
        life.account.protection.position_seen(life.venue._position(SYMBOL))
        for _ in range(3):
            await life.account.reconcile("test")
        assert asked == [Decimal(3)] * 2
        told = [data.get("became", "before") for kind, data in life.journal.records if kind == "recon.repair"]
        assert told == ["before", "the venue still shows 10", "before", "the venue shows it"]
        assert codes(life, account_scope("main")) == []


async def test_a_stop_that_is_put_back_is_on_record_before_it_and_behind_it() -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.venue.remove_stop()
        await anyio.sleep(10.0)
        told = [data for kind, data in life.journal.records if kind == "stop.repaired"]
        assert [(data["stop"], data.get("code")) for data in told] == [("49500.0", None), ("49500.0", 0)]


async def test_a_task_that_a_run_begins_reads_for_itself() -> None:
    life = build()
    async with life.running():

        async def read(_argument: str) -> None:
            await life.venue.positions(priority=Priority.RECONCILE)

        with noted() as pages:
            assert life.account.desk.spawn(read, "")
            await anyio.sleep(1.0)
        assert pages == []
