"""What nobody here decided: foreign orders, a second daemon, the venue's own hand, and positions that do not add up."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.errors import LinkError
from playd.core.ids import link_id
from playd.core.orders import Action, IntentClass, OrderState, Side, VenuePosition
from playd.core.reply_codes import ReplyClass
from playd.orders.fills import FillEvent, FundingEvent, OrderEnded
from playd.orders.halts import account_scope, symbol_scope
from playd.orders.order_book import FOREIGN
from playd.orders.panic import PanicScope
from playd.venues.port import ExecutionUpdate, Priority, Reply
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entered, entry, leave, taken


def codes(life: OrderWorld, scope: str) -> list[str]:
    return [halt.code for halt in life.halts.in_force(scope)]


async def test_a_foreign_order_is_an_orphan_that_blocks_entries_until_it_is_gone() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.by_hand()
        await anyio.sleep(0.1)
        orphan = life.account.desk.book.live()[0]
        blocked = await port.submit(entry(), READY)
        order = life.venue.orders[orphan.venue_order_id]
        life.venue._report(replace(order, status="Cancelled", cancel_type="CancelByUser"))
        await anyio.sleep(0.1)
        free = await port.submit(entry(120_000), READY)

        assert (orphan.state, orphan.owner) == (OrderState.ORPHAN, FOREIGN)
        assert (blocked.code, free.code) == ("UNRESOLVED", "SENT")


async def test_our_format_with_an_unknown_tag_means_a_second_daemon_and_halts_the_account() -> None:
    life = build()
    async with life.running():
        await life.register()
        life.venue.by_hand(link_id("stranger", "60000", Action.ENTER, 0, 0))
        await anyio.sleep(0.1)

        assert codes(life, account_scope("main")) == ["SECOND_DAEMON"]


async def test_a_panic_of_the_account_cancels_resting_entries_of_everybody() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.resting = True
        await port.submit(entry(), READY)
        life.venue.by_hand()
        await anyio.sleep(0.1)
        report = await life.account.panic(PanicScope(), actor="me", reason="test")

        assert (report.exit_code, report.cancelled) == (0, 2)
        assert {order.status for order in life.venue.orders.values()} == {"Cancelled"}
        assert [event.reason for event in taken(port) if isinstance(event, OrderEnded)] == ["cancelled"]


async def test_a_position_that_does_not_add_up_stops_entries_at_once_and_halts_the_symbol_when_it_stays() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        life.venue.book[SYMBOL].signed = Decimal("0.011")  # no execution tells why
        report = await life.account.reconcile("test")
        first = codes(life, symbol_scope("main", SYMBOL))
        refused = await port.submit(entry(180_000), READY)
        await life.account.reconcile("test")

        assert report.result == "diff"
        assert [difference.cls for difference in report.differences] == ["R6"]
        assert first in ([], ["POSITION_DIFFERS"])
        assert refused.code in ("ACCOUNT_NOT_READY", "HALTED")
        assert codes(life, symbol_scope("main", SYMBOL)) == ["POSITION_DIFFERS"]


async def test_a_dry_run_repairs_and_halts_nothing() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
        life.venue.book[SYMBOL].signed = Decimal("0.5")
        for _ in range(3):
            report = await life.account.reconcile("test", dry_run=True)

        assert report.result == "diff"
        assert report.repairs != ()
        assert life.halts.in_force() == []


def incidents(life: OrderWorld) -> dict[str, str]:
    return {incident.kind: incident.scope for incident in life.account.desk.incidents.open_ones()}


async def test_a_position_opened_by_hand_on_another_symbol_is_told_and_nothing_is_expected_of_it() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.open_foreign(Decimal("0.5"), "ETHUSDT")
        await anyio.sleep(60.0)
        told = incidents(life)
        sent = await port.submit(entry(), READY)
        life.venue.close_by_hand("ETHUSDT")
        await anyio.sleep(1.0)

        assert told == {"FOREIGN_POSITION": symbol_scope("main", "ETHUSDT")}
        assert (life.halts.in_force(), sent.code) == ([], "SENT")
        assert incidents(life) == {}


async def test_a_position_opened_by_hand_on_our_symbol_refuses_entries_whose_stop_would_move_its_own() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.open_foreign(Decimal("0.5"))
        await anyio.sleep(1.0)
        refused = await port.submit(entry(), READY)
        life.venue.close_by_hand()
        await anyio.sleep(1.0)
        sent = await port.submit(entry(120_000), READY)

        assert (refused.code, sent.code) == ("UNRESOLVED", "SENT")
        assert life.halts.in_force() == []


async def test_a_position_that_vanished_without_a_word_is_looked_into_between_two_full_runs() -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.venue.book[SYMBOL].signed = Decimal(0)
        await anyio.sleep(35.0)
        last = life.account.reconciler.last

        assert last is not None
        assert (last.trigger, last.result) == ("exposure", "diff")


async def test_one_failed_look_at_the_positions_is_made_good_at_once_and_halts_nobody() -> None:
    life = build()
    async with life.running():
        await entered(life)
        read = life.venue.positions
        failed: list[str | None] = []

        async def once(symbol: str | None = None, *, priority: Priority) -> Sequence[VenuePosition]:
            if not failed:
                failed.append(symbol)
                raise LinkError("read failed")
            return await read(symbol, priority=priority)

        life.venue.positions = once  # type: ignore[method-assign]
        await anyio.sleep(100.0)

        assert failed
        assert life.account.desk.halts.in_force() == []
        assert life.account.desk.condition.not_ready() == ""


async def test_leverage_changed_by_hand_pauses_the_account_until_it_is_set_back() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        life.account.desk.settings = replace(life.account.desk.settings, leverage_kept=True)
        read, stated = life.venue._position, [Decimal(10)]
        life.venue._position = lambda symbol: replace(read(symbol), leverage=stated[0])  # type: ignore[method-assign]
        asked: list[tuple[str, Decimal]] = []

        async def set_leverage(symbol: str, leverage: Decimal) -> Reply:
            asked.append((symbol, leverage))
            stated[0] = leverage
            return Reply(ReplyClass.ACCEPTED, 0, "")

        life.venue.set_leverage = set_leverage  # type: ignore[method-assign]
        report = await life.account.reconcile("test")
        paused, early = codes(life, account_scope("main")), [*asked]
        await port.submit(leave(), READY)
        await anyio.sleep(1.0)
        await life.account.reconcile("test")

        assert [difference.cls for difference in report.differences] == ["R9"]
        assert (paused, early) == (["ACCOUNT_MODE"], [])
        assert (codes(life, account_scope("main")), asked) == ([], [(SYMBOL, Decimal(3))])
        assert "ACCOUNT_MODE" not in incidents(life)
        stated[0] = Decimal(10)  # while nothing is open, which no list of open positions shows
        await anyio.sleep(3700.0)
        assert asked == [(SYMBOL, Decimal(3))] * 2


async def test_leverage_that_a_hand_sets_back_while_something_is_open_lifts_the_pause() -> None:
    life = build()
    async with life.running():
        await entered(life)
        life.account.desk.settings = replace(life.account.desk.settings, leverage_kept=True)
        read, stated = life.venue._position, [Decimal(10)]
        life.venue._position = lambda symbol: replace(read(symbol), leverage=stated[0])  # type: ignore[method-assign]
        await life.account.reconcile("test")
        paused = codes(life, account_scope("main"))
        stated[0] = Decimal(3)
        await life.account.reconcile("test")

        assert (paused, codes(life, account_scope("main"))) == (["ACCOUNT_MODE"], [])
        assert "ACCOUNT_MODE" not in incidents(life)


FORCED = [
    ("BustTrade", "CreateByLiq"),
    ("Trade", "CreateByTakeOver_PassThrough"),
    ("AdlTrade", "CreateByAdl_PassThrough"),
    ("Trade", "CreateByAdminClosing"),
    ("Delivery", ""),
    ("Trade", "CreateBySettle"),
    ("Trade", "CreateByAWordOfNextYear"),
]


@pytest.mark.parametrize(("exec_type", "create_type"), FORCED)
async def test_what_the_venue_closes_is_booked_to_its_owner_and_halts_the_symbol(exec_type: str, create_type: str) -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        life.venue.stream_up = False
        life.venue.price = Decimal(49_000)
        life.venue.close_by_hand()
        life.venue.stream_up = True
        forced = replace(life.venue.execution_rows[-1], exec_type=exec_type, create_type=create_type)
        life.venue.execution_rows[-1] = forced
        life.venue._tell(ExecutionUpdate(forced, 0))
        await anyio.sleep(0.1)
        event = taken(port)[-1]

        assert isinstance(event, FillEvent)
        assert (event.reason, event.order_done) == ("liquidation", True)
        assert codes(life, symbol_scope("main", SYMBOL)) == ["FORCED_CLOSE"]
        assert port.position().position.signed_qty == 0
        assert port.position().position.realised == -10
        life.account.desk.put_on_record()
        called = [(data["type"], data["create_type"]) for kind, data in life.journal.records if kind == "position.liquidated"]
        is_end = exec_type == "Delivery" or create_type == "CreateBySettle"
        assert called == ([] if is_end else [(exec_type, create_type)])


async def test_an_execution_of_an_unknown_kind_moves_nothing_halts_its_symbol_and_has_the_position_read() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        unknown = replace(life.venue.execution_rows[-1], exec_id="novel", exec_type="NextYears")
        life.venue.execution_rows.append(unknown)
        life.venue._tell(ExecutionUpdate(unknown, 0))
        await anyio.sleep(3.0)

        assert port.position().position.signed_qty == life.venue.signed()
        assert codes(life, symbol_scope("main", SYMBOL)) == ["EXECUTION_TYPE"]
        assert life.ledger.rows("SELECT result FROM fill_checks WHERE link_id = 'novel'")[0]["result"] == "verified"


async def test_funding_reaches_the_holder_and_moves_no_position() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        row = life.venue.execution_rows[-1]
        funding = replace(row, exec_id="f-1", exec_type="Funding", fee=Decimal("0.05"), link_id="", venue_order_id="x")
        life.venue.execution_rows.append(funding)
        life.venue._tell(ExecutionUpdate(funding, 0))
        await anyio.sleep(0.1)
        event = taken(port)[-1]

        assert isinstance(event, FundingEvent)
        assert event.amount_usdt == Decimal("0.05")
        assert port.position().position.signed_qty == Decimal("0.010")
        assert port.position().position.funding == Decimal("0.05")


async def test_executions_beyond_the_order_are_booked_and_alarmed() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        again = replace(life.venue.execution_rows[-1], exec_id="e-99", seq=99)
        life.venue.execution_rows.append(again)
        life.venue._tell(ExecutionUpdate(again, 0))
        await anyio.sleep(0.1)

        assert port.position().position.signed_qty == Decimal("0.020")
        assert "OVERFILL" in codes(life, symbol_scope("main", SYMBOL))


async def test_a_leftover_stop_beside_no_position_is_swept() -> None:
    life = build()
    async with life.running():
        await entered(life, settled_s=0.1)
        stop_id = life.venue.book[SYMBOL].stop_order_id
        life.venue.book[SYMBOL].stop_order_id = ""  # the venue forgets to clear it
        life.venue.close_by_hand()
        await anyio.sleep(0.1)
        report = await life.account.reconcile("test")
        await anyio.sleep(0.1)

        assert [difference.cls for difference in report.differences] == ["R8"]
        assert life.venue.orders[stop_id].status == "Cancelled"
        swept = [data for kind, data in life.journal.records if kind == "recon.repair" and data["kind"] == "sweep"]
        assert [data.get("became") for data in swept] == [None, "gone at the venue"]


async def test_an_instance_may_only_submit_for_itself() -> None:
    life = build()
    refused = 0
    async with life.running():
        port = await life.register(UID)
        for intent in (entry(uid="somebody"), entry(symbol="ETHUSDT")):
            try:
                await port.submit(intent, READY)
            except ValueError:
                refused += 1

    assert refused == 2


@pytest.mark.parametrize("code", [10028, 110028, 3400045])
@pytest.mark.parametrize("leaving", [True, False])
async def test_a_reply_about_the_mode_of_the_account_halts_it_whatever_the_order_was(code: int, leaving: bool) -> None:
    life = build()
    async with life.running():
        port = await life.register()
        if leaving:
            await port.submit(entry(), READY)
            await anyio.sleep(1.0)
        life.venue.script.codes = [code]
        verdict = await port.submit(leave(), READY) if leaving else await port.submit(entry(), READY)
        halted = codes(life, account_scope("main"))
        await anyio.sleep(20.0)
        again = await port.submit(entry(240_000), READY)

        assert (halted, again.code) == (["ACCOUNT_REFUSED"], "HALTED")
        assert verdict.code == ("SENT" if leaving else "REJECTED")
        assert life.venue.signed() == 0, "an exit goes on until it is done"


async def test_a_stop_moved_by_hand_is_set_back_and_pauses_the_symbol_and_one_of_ours_does_not() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        move = replace(leave(), action=Action.STOP, intent_class=IntentClass.PROTECT, stop=Decimal("49700.0"))
        life.venue.script.refused_stops = 1
        await port.submit(move)  # the old stop stays, and is one that was asked for once
        await anyio.sleep(5.0)
        own = codes(life, symbol_scope("main", SYMBOL)), life.venue.stop_of()
        life.venue.remove_stop()
        await anyio.sleep(2.4)  # it was put back a moment ago when a hand moves it once more
        life.venue.book[SYMBOL].stop = Decimal("49123.0")
        life.venue._tell_position(SYMBOL)
        await anyio.sleep(2.5)

        assert own == ([], Decimal("49700.0"))
        assert life.venue.stop_of() == Decimal("49700.0")
        assert codes(life, symbol_scope("main", SYMBOL)) == ["MANUAL_STOP"]


@pytest.mark.parametrize(
    ("cancel_type", "kind", "halted"),
    [("CancelByUser", "MANUAL_STOP", ["MANUAL_STOP"]), ("CancelByPrepareLiq", "STOP_LOST", [])],
)
async def test_a_stop_that_is_cancelled_under_its_position_is_told_and_set_again(
    cancel_type: str, kind: str, halted: list[str]
) -> None:
    life = build()
    async with life.running():
        await entered(life)
        position = life.venue.book[SYMBOL]
        order = life.venue.orders[position.stop_order_id]
        position.stop, position.seq = Decimal(0), position.seq + 1
        life.venue._report(replace(order, status="Deactivated", cancel_type=cancel_type))
        await anyio.sleep(3.0)

        assert life.venue.stop_of() == entry().stop
        assert kind in incidents(life)
        assert codes(life, symbol_scope("main", SYMBOL)) == halted


@pytest.mark.parametrize(
    ("by_hand", "ours", "theirs"), [("0.003", "-0.007", "0"), ("0.010", "0", "0"), ("0.030", "0", "0.020")]
)
async def test_an_entry_that_meets_a_position_opened_in_the_same_instant_closes_that_first(
    by_hand: str, ours: str, theirs: str
) -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.before_place = lambda _order: life.venue.open_foreign(Decimal(by_hand)) if not life.venue.effects else None
        await port.submit(entry(side=Side.SELL), READY)
        await anyio.sleep(1.0)
        fills, events = life.account.desk.fills, taken(port)
        filled = sum((each.execution.qty for each in events if isinstance(each, FillEvent)), Decimal(0))

        assert fills.position(UID, SYMBOL).signed_qty == Decimal(ours) == -filled
        assert fills.position(FOREIGN, SYMBOL).signed_qty == Decimal(theirs)
        assert [each.reason for each in events if isinstance(each, OrderEnded)] == ["cut"]
        assert life.account.desk.book.live() == [] or all(row.protective for row in life.account.desk.book.live())
        assert "ENTRY_NETTED" in [each.kind for each in life.account.desk.incidents.latest(10)]

        await port.submit(leave(side=Side.BUY), READY)
        await anyio.sleep(1.0)
        assert not fills.position(UID, SYMBOL).signed_qty
        assert life.venue.signed() == Decimal(theirs)
