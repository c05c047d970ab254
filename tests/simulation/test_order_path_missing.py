"""Orders that the venue's list does not hold any more, reports that come in another order, clocks that are set."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.orders import Action, IntentClass, OrderState, Side, VenuePosition
from playd.orders.fills import FillEvent, OrderEnded
from playd.orders.opened import total
from playd.venues.port import OrderUpdate, Priority
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, OrderWorld, build, entered, entry, taken
from tests.simulation.test_order_path_cancels import resting
from tests.simulation.venue_script import EventFault, Script, WriteFault
from tests.virtual_time import LoopClock


def stop_order(life: OrderWorld) -> str:
    return life.venue.book[SYMBOL].stop_order_id


def state_of(life: OrderWorld, venue_order_id: str) -> OrderState:
    found = life.account.desk.book.find_by_venue_id(venue_order_id)
    assert found is not None
    return found.state


async def test_a_stop_that_is_missing_from_the_list_before_its_fill_is_told_is_in_doubt_and_contradicts_nothing() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        gone = stop_order(life)
        row = life.venue.orders.pop(gone)
        await life.account.reconcile("test")
        doubt = state_of(life, gone), (await port.submit(entry(120_000), READY)).code
        life.venue.orders[gone] = row
        life.venue.hit_stop()
        await anyio.sleep(5.0)

        assert doubt == (OrderState.UNKNOWN, "UNRESOLVED")
        assert state_of(life, gone) is OrderState.FILLED
        assert [event.reason for event in taken(port) if isinstance(event, FillEvent)] == ["signal", "sl"]
        assert life.halts.in_force() == []


async def test_a_stop_that_ended_unheard_keeps_nobody_from_the_next_entry() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
    life.venue.hit_stop()
    life = life.crash()
    async with life.running():
        port = await life.register()
        assert (await port.submit(entry(180_000), READY)).code == "SENT"
        assert [row for row in life.account.desk.book.live() if row.state is OrderState.UNKNOWN] == []


@pytest.mark.parametrize("ours", [True, False])
async def test_an_order_that_is_nowhere_at_the_venue_any_more_ends_after_a_minute_of_proof(ours: bool) -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        gone = stop_order(life)
        if not ours:
            gone = "by-hand"
            order = replace(life.venue.orders[stop_order(life)], venue_order_id=gone, stop_order_type="", parent_link_id="")
            life.venue._report(replace(order, status="New", reduce_only=False))
            await anyio.sleep(1.0)
        life.venue.orders.pop(gone)
        await life.account.reconcile("test")
        await anyio.sleep(50.0)
        during = state_of(life, gone)
        await anyio.sleep(25.0)

        assert during is (OrderState.UNKNOWN if ours else OrderState.ORPHAN)
        assert state_of(life, gone) is OrderState.CANCELLED
        assert life.halts.in_force() == []
        assert (await port.submit(entry(180_000), READY)).code == "SENT"


@pytest.mark.parametrize("what", ["an entry is gone", "an order of others is there"])
async def test_an_order_whose_news_got_lost_is_found_by_the_look_between_two_runs(what: str) -> None:
    life = build()
    async with life.running():
        port = await resting(life)
        await anyio.sleep(20.0)
        runs = life.ledger.rows("SELECT 1 FROM recon_runs")
        life.venue.script.events = [EventFault.LOST] * 3
        ours = next(iter(life.venue.orders.values()))
        if what == "an entry is gone":
            life.venue._report(replace(ours, status="Cancelled", cancel_type="CancelByUser"))
        else:
            life.venue._report(replace(ours, venue_order_id="by-hand", link_id=""))
        await anyio.sleep(life.settings.exposure_check_s + 5)

        if what == "an entry is gone":
            assert [event.reason for event in taken(port) if isinstance(event, OrderEnded)] == ["cancelled"]
        else:
            assert [each.id for each in life.account.strangers.listed()] == ["v:by-hand"]
        assert len(life.ledger.rows("SELECT 1 FROM recon_runs")) == len(runs) + 1


async def test_one_look_that_finds_several_things_has_one_full_run() -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.account.protection.reconcile_soon += ["exposure"] * 3
        await anyio.sleep(5.0)

        assert len(life.ledger.rows("SELECT 1 FROM recon_runs WHERE \"trigger\" = 'exposure'")) == 1


async def test_the_end_of_an_order_is_believed_although_its_fill_bears_a_later_time() -> None:
    life = build()
    async with life.running():
        port = await resting(life)
        life.venue.script.events = [EventFault.NONE, EventFault.LOST]
        life.venue.fill_part(Decimal("0.004"))
        await anyio.sleep(1.0)
        working = next(order for order in life.venue.orders.values() if not order.reduce_only)
        ended = replace(working, status="Cancelled", updated_ms=life.venue.execution_rows[-1].time_ms - 1)
        life.venue.orders[working.venue_order_id] = ended
        life.venue._tell(OrderUpdate(ended, 0))
        await anyio.sleep(1.0)

        assert state_of(life, working.venue_order_id) is OrderState.CANCELLED
        assert [event.reason for event in taken(port) if isinstance(event, OrderEnded)] == ["cancelled"]


@pytest.mark.parametrize("step_ms", [-3_600_000, 3_600_000])
async def test_a_wall_clock_that_is_set_makes_no_order_older_or_younger(step_ms: int, monkeypatch: pytest.MonkeyPatch) -> None:
    life = build(script=Script(writes=[WriteFault.LOST_BEFORE]))
    async with life.running():
        port = await life.register()
        lost = (await port.submit(entry(), READY)).link_id
        wall_ms = LoopClock.wall_ms
        monkeypatch.setattr(LoopClock, "wall_ms", lambda clock: wall_ms(clock) + step_ms)
        await anyio.sleep(50.0)
        early = life.account.desk.book.need(lost).state
        await anyio.sleep(25.0)

        assert (early, life.account.desk.book.need(lost).state) == (OrderState.UNKNOWN, OrderState.NEVER_ARRIVED)
        life.venue.script.events = [EventFault.LOST] * 20
        acked = (await port.submit(entry(120_000), READY)).link_id
        monkeypatch.setattr(LoopClock, "wall_ms", lambda clock: wall_ms(clock))
        await anyio.sleep(8.0)

        assert life.account.desk.book.need(acked).state is OrderState.FILLED


async def test_an_entry_that_a_hand_makes_larger_counts_as_what_it_is_and_pauses_its_symbol() -> None:
    life = build()
    async with life.running():
        port = await resting(life)
        order = next(iter(life.venue.orders.values()))
        life.venue._report(replace(order, qty=Decimal("0.020"), price=Decimal(49_990)))
        await anyio.sleep(1.0)
        row = life.account.desk.book.need(order.link_id)
        halted = [halt.code for halt in life.halts.in_force()]
        life.venue.fill_resting()
        await anyio.sleep(1.0)

        assert (row.open_qty, row.price, halted) == (Decimal("0.020"), Decimal(49_990), ["MANUAL_AMEND"])
        assert port.position().position.signed_qty == life.venue.signed() == Decimal("0.020")
        assert [halt.code for halt in life.halts.in_force()] == ["MANUAL_AMEND"]


async def test_a_stop_that_has_to_be_put_back_again_and_again_stops_entries_and_is_put_back_all_the_same() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        await port.submit(entry(), READY)
        seen = []
        for _ in range(4):
            await anyio.sleep(20.0)
            life.venue.script.events = [EventFault.LOST] * 2
            life.venue.remove_stop()
            await life.account.reconcile("test")
            await anyio.sleep(20.0)
            assert life.venue.stop_of() == entry().stop
            seen.append([halt.code for halt in life.halts.in_force() if halt.code == "REPAIRS"])

        assert seen == [[], [], [], ["REPAIRS"]]


async def test_what_a_hand_adds_to_an_entry_is_reserved_of_the_day_until_it_fills_or_ends() -> None:
    life = build()
    caps = life.account.desk.caps
    async with life.running():
        await resting(life)
        order = next(iter(life.venue.orders.values()))
        days = [total(caps.opened(entry().bar_close_ms))]
        for qty in ("0.020", "0.005"):
            life.venue._report(replace(order, qty=Decimal(qty)))
            await anyio.sleep(1.0)
            days.append(total(caps.opened(entry().bar_close_ms)))
        life.venue.fill_resting()
        await anyio.sleep(1.0)

        assert [*days, total(caps.opened(entry().bar_close_ms))] == [500, 1000, 250, 250]


async def test_an_entry_that_fills_in_parts_under_a_moved_stop_is_no_repair() -> None:
    life = build()
    async with life.running():
        port = await resting(life)
        for n in range(5):
            life.venue.fill_part(Decimal("0.002"))  # the venue sets the stop that the entry carries, again
            await anyio.sleep(20.0)
            stop = Decimal(49_700 + n)
            move = replace(entry(120_000 + 60_000 * n), action=Action.STOP, intent_class=IntentClass.PROTECT, stop=stop)
            await port.submit(replace(move, side=Side.SELL), READY)
            await anyio.sleep(40.0)
            assert life.venue.stop_of() == stop

        assert life.halts.in_force() == []


async def test_a_dry_run_says_what_would_be_booked_and_books_nothing() -> None:
    life = build()
    async with life.running():
        port = await resting(life)
        await anyio.sleep(20.0)
        life.venue.script.events = [EventFault.LOST] * 20
        life.venue.fill_resting()
        life.venue.open_foreign(Decimal("0.003"))
        ledger = life.ledger
        tables = [row["name"] for row in ledger.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
        before = {name: [tuple(row) for row in ledger.rows(f"SELECT * FROM {name}")] for name in tables}
        told = len(life.journal.records)
        report = await life.account.reconcile("test", dry_run=True)

        assert [(each.cls, each.theirs) for each in report.differences if each.cls in ("R2", "R5")] == [
            ("R2", "FILLED 0.01 of 0.01"),
            ("R5", "Trade Buy 0.003 at 50000.0"),
        ]
        assert report.result == "diff"
        assert {name: [tuple(row) for row in ledger.rows(f"SELECT * FROM {name}")] for name in tables} == before
        assert [kind for kind, _ in life.journal.records[told:]] == []
        assert port.position().position.signed_qty == 0
        assert (await life.account.reconcile("test")).result == "match"
        assert port.position().position.signed_qty == Decimal("0.010")


async def test_a_dry_run_tells_nothing_of_what_moved_while_it_read() -> None:
    life = build()
    async with life.running():
        await resting(life)
        read = life.venue.positions

        async def crossed(symbol: str | None = None, *, priority: Priority) -> Sequence[VenuePosition]:
            rows = await read(symbol, priority=priority)
            if priority is Priority.RECONCILE:
                life.venue.fill_part(Decimal("0.002"))
                await anyio.sleep(0.1)
            return rows

        life.venue.positions = crossed  # type: ignore[method-assign]
        assert (await life.account.reconcile("test", dry_run=True)).differences == ()


async def test_a_run_says_of_each_kind_of_thing_whether_it_agrees_and_of_none_that_it_could_not_read() -> None:
    life = build()
    async with life.running():
        await entered(life)
        agreed = await life.account.reconcile("test")
        life.venue.book[SYMBOL].signed = Decimal("0.011")
        life.venue.deposit -= 5
        differing = await life.account.reconcile("test")
        life.venue.script.failing_reads = 1
        blind = await life.account.reconcile("test")
        assert agreed.kinds == dict.fromkeys(("orders", "positions", "executions", "wallet"), "match")
        assert differing.kinds == {**agreed.kinds, "positions": "diff", "wallet": "diff"}
        assert blind.kinds == dict.fromkeys(agreed.kinds, "blind")
        stored = life.ledger.rows("SELECT kinds FROM recon_runs ORDER BY id DESC LIMIT 2")
        assert stored[1]["kinds"] == "orders:match positions:diff executions:match wallet:diff"
