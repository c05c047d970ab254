"""The order path from decision to booked fill, over a venue that behaves."""

from dataclasses import replace
from decimal import Decimal

import anyio

from playd.core.modes import Environment
from playd.core.orders import Action, OrderState
from playd.orders.fills import FillEvent, OrderEnded
from playd.orders.risk_limits import RiskLimits
from playd.orders.settings import OrderSettings
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, build, entered, entry, leave, taken


async def test_an_entry_is_filled_protected_and_told_once() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        verdict = await port.submit(entry(), READY)
        await anyio.sleep(0.1)

        assert verdict.code == "SENT"
        events = taken(port)
        assert [type(event) for event in events] == [FillEvent]
        fill = events[0]
        assert isinstance(fill, FillEvent)
        assert (fill.action, fill.link_id, fill.order_done) == (Action.ENTER, verdict.link_id, True)
        assert port.position().position.signed_qty == Decimal("0.010")
        assert life.account.desk.book.need(verdict.link_id).state is OrderState.FILLED
        assert life.account.protection.open_check(SYMBOL) == ""
        assert life.account.views.positions()[0].protected


async def test_the_journal_tells_the_way_of_an_entry_from_its_intent_to_its_check() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        verdict = await port.submit(entry(), READY)
        await anyio.sleep(1.0)
        told = [(kind, data) for kind, data in life.journal.records if kind != "auth.checked"]
        kinds = [kind for kind, _ in told]
        assert kinds[0] == "intent.created"
        assert [kind for kind in kinds if kind.startswith("order.")][:2] == ["order.sent", "order.reply"]
        assert {"fill.booked", "stop.placed", "fill.check"} <= set(kinds)
        (check,) = (data for kind, data in told if kind == "fill.check")
        assert (check["result"], check["expected"], check["seen"]) == ("verified", "0.010", "0.010")
        states = [data["state"] for kind, data in told if kind == "order.state" and data["link_id"] == verdict.link_id]
        assert states[-1:] == ["FILLED"]


async def test_an_exit_closes_the_position_and_the_stop_goes_with_it() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        verdict = await port.submit(leave(), READY)
        await anyio.sleep(0.1)

        assert verdict.code == "SENT"
        assert life.venue.signed() == 0
        assert [type(event).__name__ for event in taken(port)] == ["FillEvent", "FillEvent"]
        assert life.account.views.positions() == []
        assert [row.state for row in life.account.desk.book.live()] == []


async def test_a_stop_at_the_venue_belongs_to_the_instance_that_entered() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        life.venue.hit_stop()
        await anyio.sleep(0.1)

        stopped = taken(port)[-1]
        assert isinstance(stopped, FillEvent)
        assert (stopped.action, stopped.reason, stopped.order_done) == (Action.STOP, "sl", True)
        assert port.position().position.signed_qty == 0


async def test_the_stop_of_a_position_that_grew_is_on_record_as_large_as_the_position() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
        venue, book = life.venue, life.account.desk.book
        stop = venue.orders[venue.book[SYMBOL].stop_order_id]
        grown = replace(stop, qty=Decimal("0.018"), updated_ms=stop.updated_ms + 1)
        life.account.desk.booking.order_seen(grown, "stream")
        row = book.find_by_venue_id(stop.venue_order_id)
        assert row is not None
        assert (row.qty, row.state) == (Decimal("0.018"), OrderState.OPEN)


async def test_a_stop_that_closes_more_than_anybody_had_told_of_it_halts_nothing() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
        venue, book = life.venue, life.account.desk.book
        stop = book.find_by_venue_id(venue.book[SYMBOL].stop_order_id)
        assert stop is not None
        book.update(stop.link_id, qty="0.004")  # as it was when the first part of the entry was filled
        venue.hit_stop()
        await anyio.sleep(0.1)
        row = book.need(stop.link_id)
        assert (row.qty, row.cum_qty, row.state) == (Decimal("0.010"), Decimal("0.010"), OrderState.FILLED)
        assert life.halts.in_force() == []


async def test_an_intent_names_the_limits_that_it_was_judged_by() -> None:
    limits = RiskLimits(hard_order_usd=Decimal(5000))
    life = build(settings=replace(OrderSettings.of(Environment.LOCAL), limits=limits))
    async with life.running():
        port = await life.register()
        await port.submit(entry(), READY)
        desk = life.account.desk
        (named,) = desk.ledger.rows("SELECT json_extract(gates, '$.limits') AS key FROM intents")

        assert desk.on_record.read(OrderSettings, named["key"]).limits == limits


async def test_an_entry_cut_to_a_ceiling_tells_its_fill_and_then_that_no_more_will_come() -> None:
    limits = RiskLimits(order_usd=Decimal(260))
    life = build(settings=replace(OrderSettings.of(Environment.LOCAL), limits=limits))
    async with life.running():
        port = await life.register()
        verdict = await port.submit(entry(), READY)
        await anyio.sleep(0.1)
        events = taken(port)
        again = await port.submit(entry(), READY)
        verdict_of_bar = life.account.desk.verdicts.find(UID, 60_000, 60_000)

        assert verdict_of_bar is not None
        assert verdict_of_bar.detail == "signal; 0.010 cut to 0.005 because micro_order_usd is 260"
        assert [type(event) for event in events] == [FillEvent, OrderEnded]
        assert isinstance(events[1], OrderEnded)
        assert (events[1].reason, events[1].action) == ("cut", Action.ENTER)
        assert port.position().position.signed_qty == life.venue.signed() == Decimal("0.005")
        assert (again.code, again.link_id) == ("SENT", verdict.link_id)  # decided again after a restart: the same order
        assert len(life.venue.placed) == 1


async def test_what_was_cut_is_told_behind_the_bytes_that_left() -> None:
    limits = RiskLimits(order_usd=Decimal(260))
    life, told_before = build(settings=replace(OrderSettings.of(Environment.LOCAL), limits=limits)), []

    def cuts() -> list[str]:
        return [data["sent"] for kind, data in life.journal.records if kind == "order.state" and "asked" in data]

    async with life.running():
        port = await life.register()
        life.venue.before_place = lambda _order: told_before.append(cuts())
        await port.submit(entry(), READY)
        await anyio.sleep(1.0)
        await port.submit(leave(), READY)
        assert told_before == [[], ["0.005"]]
        await anyio.sleep(1.0)
        assert cuts() == ["0.005", "0.005"]
