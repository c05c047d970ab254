"""Doubt, refusal, replay and waiting: what the gateway and the resolver do with answers that are not "taken"."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
import pytest

from playd.core.errors import LinkError
from playd.core.modes import Environment
from playd.core.orders import Action, IntentClass, OrderRequest, OrderState, Side, VenuePosition
from playd.orders.fills import FillEvent, OrderEnded
from playd.orders.halts import Level, account_scope, instance_scope, symbol_scope
from playd.orders.risk_limits import RiskLimits
from playd.orders.settings import OrderSettings
from playd.venues.port import ExecutionUpdate, Priority
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, build, entered, entry, leave, taken
from tests.simulation.venue_script import EventFault, Script, WriteFault
from tests.virtual_time import in_virtual_time

DEMO = replace(
    OrderSettings.of(Environment.DEMO),
    limits=RiskLimits(Decimal(5000), Decimal(1200), 20, 12, 60),
)
QUOTED = replace(READY, bid=Decimal("49999.0"), ask=Decimal("50001.0"), quote_age_s=0.1)


async def test_an_entry_whose_answer_was_lost_is_found_by_look_up_and_never_sent_again() -> None:
    life = build(script=Script(writes=[WriteFault.LOST_AFTER]))
    async with life.running():
        life.venue.stream_up = False  # nothing arrives by itself
        port = await life.register()
        verdict = await port.submit(entry(), READY)
        await anyio.sleep(3.0)

        assert verdict.code == "UNKNOWN"
        assert len(life.venue.placed) == 1
        assert life.account.desk.book.need(verdict.link_id).state is OrderState.FILLED
        assert [type(event) for event in taken(port)] == [FillEvent]


async def test_a_fill_is_booked_and_its_stop_verified_while_the_answer_hangs() -> None:
    life = build(script=Script(writes=[WriteFault.SLOW]))
    async with life.running(), anyio.create_task_group() as tasks:
        port = await life.register()
        tasks.start_soon(port.submit, entry(), READY)
        await anyio.sleep(0.1)
        row = life.account.desk.book.need(life.venue.placed[0].link_id)
        assert (row.state, row.code) == (OrderState.FILLED, None), "nothing was answered yet"
        assert life.account.protection.open_check(SYMBOL) == ""
        (share,) = life.account.desk.fills.shares()
        assert share.verified_ms


async def test_an_entry_that_never_arrived_is_declared_so_only_after_a_minute_of_proof() -> None:
    life = build(script=Script(writes=[WriteFault.LOST_BEFORE]))
    async with life.running():
        port = await life.register()
        verdict = await port.submit(entry(), READY)
        row = life.account.desk.book.need
        await anyio.sleep(59.0)
        assert row(verdict.link_id).state is OrderState.UNKNOWN
        second = await port.submit(entry(120_000), READY)
        assert second.code == "UNRESOLVED"
        await anyio.sleep(10.0)

        assert row(verdict.link_id).state is OrderState.NEVER_ARRIVED
        assert len(life.venue.placed) == 1
        ended = taken(port)
        assert [(type(event), getattr(event, "reason", "")) for event in ended] == [(OrderEnded, "never_arrived")]
        third = await port.submit(entry(180_000), READY)
        assert third.code == "SENT"


@pytest.mark.parametrize("read", ["order_realtime", "order_history", "executions"])
def test_one_of_the_three_reads_that_fails_proves_nothing(read: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(*_given: object, **_more: object) -> None:
        raise LinkError("read failed")

    async def body() -> None:
        life = build(script=Script(writes=[WriteFault.LOST_BEFORE]))
        async with life.running():
            port = await life.register()
            verdict = await port.submit(entry(), READY)
            monkeypatch.setattr(life.venue, read, failing)
            await anyio.sleep(300.0)
            assert life.account.desk.book.need(verdict.link_id).state is OrderState.UNKNOWN

    in_virtual_time(body)


async def test_failing_reads_prove_nothing() -> None:
    life = build(script=Script(writes=[WriteFault.LOST_BEFORE]))
    async with life.running():
        port = await life.register()
        verdict = await port.submit(entry(), READY)
        life.venue.script.failing_reads = 1_000_000
        await anyio.sleep(300.0)
        state = life.account.desk.book.need(verdict.link_id).state
        halted = [halt.code for halt in life.halts.in_force(symbol_scope("main", SYMBOL))]
        life.venue.script.failing_reads = 0
        await anyio.sleep(100.0)

        assert state is OrderState.UNKNOWN
        assert "UNKNOWN_ORDER" in halted
        assert life.account.desk.book.need(verdict.link_id).state is OrderState.NEVER_ARRIVED


@pytest.mark.parametrize(
    ("code", "halted"),
    [
        (110007, None),
        (10001, None),
        (110009, None),
        (110074, symbol_scope("main", SYMBOL)),
        (110040, account_scope("main")),
        (10005, account_scope("main")),
    ],
)
async def test_a_definite_refusal_ends_the_entry_and_halts_what_the_code_speaks_of(code: int, halted: str | None) -> None:
    life = build(script=Script(codes=[code]))
    async with life.running():
        port = await life.register()
        await anyio.sleep(1.0)
        verdict, sent_s = await port.submit(entry(), READY), life.account.desk.clock.mono_s()
        await anyio.sleep(0.1)

        assert verdict.code == "REJECTED"
        assert [(type(event), getattr(event, "reason", "")) for event in taken(port)] == [(OrderEnded, "rejected")]
        assert [halt.scope for halt in life.halts.in_force()] == ([halted] if halted else [])
        if halted == symbol_scope("main", SYMBOL):
            await anyio.sleep(5.0)
            assert life.account.desk.rules_mono_s[SYMBOL] >= sent_s, "what has become of the symbol is read at once"


async def test_a_throttled_entry_goes_out_again_under_its_own_link_id() -> None:
    life = build(script=Script(writes=[WriteFault.THROTTLED]))
    async with life.running():
        port = await life.register()
        verdict = await port.submit(entry(), READY)

        assert verdict.code == "SENT"
        assert len({order.link_id for order in life.venue.placed}) == 1
        assert len(life.venue.placed) == 2


async def test_an_exit_in_doubt_is_sent_again_until_it_is_definite_and_closes_once() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        life.venue.script.writes = [WriteFault.LOST_BEFORE, WriteFault.LOST_BEFORE, WriteFault.LOST_AFTER]
        verdict = await port.submit(leave(), READY)
        await anyio.sleep(10.0)

        exits = [order for order in life.venue.placed if order.reduce_only]
        assert verdict.code == "UNKNOWN"
        assert len({order.link_id for order in exits}) == 1
        assert sum(1 for order in life.venue.effects if order.reduce_only) == 1
        assert port.position().position.signed_qty == 0
        assert [type(event) for event in taken(port)] == [FillEvent, FillEvent]


async def test_an_exit_is_not_declared_absent_when_a_copy_went_out_during_the_last_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    life = build(script=Script(writes=[WriteFault.NONE, WriteFault.LOST_BEFORE]))
    async with life.running():
        port = await entered(life)
        first = await port.submit(leave(), READY)
        frozen = life.halts.raise_level(account_scope("main"), Level.FREEZE, "OPERATOR", "look", actor="me")
        positions, copies = life.venue.positions, list[int]()

        async def during_a_copy(symbol: str | None = None, *, priority: Priority) -> Sequence[VenuePosition]:
            found = await positions(symbol, priority=priority)
            if priority is Priority.RESOLVE and not copies:
                life.venue.script.writes = [WriteFault.DELAYED]
                life.halts.lift(frozen.id, by="me", note="go on")
                await anyio.sleep(2.0)
                copies.append(len(life.venue.placed))
            return found

        monkeypatch.setattr(life.venue, "positions", during_a_copy)
        await anyio.sleep(200.0)
        assert copies == [3], "the entry, the exit, and its copy"
        assert life.account.desk.book.need(first.link_id).state is OrderState.FILLED
        assert {order.link_id for order in life.venue.placed[1:]} == {first.link_id}
        assert not life.venue.signed()


async def test_exits_climb_the_tolerance_ladder_until_everything_is_closed() -> None:
    life = build(settings=DEMO)
    async with life.running():
        port = await life.register()
        await port.submit(entry(qty="0.020"), QUOTED)
        await anyio.sleep(0.1)
        life.venue.fill_share = Decimal("0.5")
        await port.submit(leave(qty="0.020"), QUOTED)
        await anyio.sleep(0.05)
        life.venue.fill_share = Decimal(1)
        await anyio.sleep(5.0)

        exits = [order for order in life.venue.effects if order.reduce_only]
        tolerances = [order.slippage_tolerance_pct for order in exits]
        assert tolerances[:4] == [Decimal("0.3"), Decimal(1), Decimal(3), None]
        assert set(tolerances[4:]) <= {None}
        assert life.venue.signed() == 0
        assert not [event for event in taken(port) if isinstance(event, OrderEnded)]


async def test_an_exit_is_never_larger_than_the_share() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        await port.submit(leave(qty="0.030"), READY)
        await anyio.sleep(0.1)

        assert life.venue.effects[-1].qty == Decimal("0.010")
        assert (await port.submit(leave(180_000), READY)).code == "FLAT"


async def test_outside_the_local_exchange_an_entry_is_an_ioc_limit_with_a_band() -> None:
    life = build(settings=DEMO)
    async with life.running():
        port = await life.register()
        await port.submit(entry(), QUOTED)
        bought = life.venue.placed[-1]
        await anyio.sleep(0.1)
        await port.submit(leave(), QUOTED)
        await anyio.sleep(0.1)
        sold_verdict = await port.submit(entry(180_000, side=Side.SELL), QUOTED)

        assert (bought.order_type, bought.time_in_force, bought.price) == ("Limit", "IOC", Decimal("50101.0"))
        bands = life.ledger.rows("SELECT band_bps FROM intents ORDER BY created_ms")
        assert [row["band_bps"] for row in bands] == ["20", None, "20"], "of entries, and of nothing that leaves"
        assert sold_verdict.code == "SENT"
        assert life.venue.placed[-1].price == Decimal("49899.1")


async def test_the_day_cap_counts_reservations_and_gives_back_what_did_not_fill() -> None:
    life = build(settings=DEMO)
    async with life.running():
        port = await life.register()
        life.venue.fill_share = Decimal(0)
        await port.submit(entry(60_000), QUOTED)
        await anyio.sleep(0.1)
        life.venue.fill_share = Decimal(1)
        codes = []
        for minute in (2, 4, 6):
            codes.append((await port.submit(entry(60_000 * minute), QUOTED)).code)
            await anyio.sleep(0.1)
            await port.submit(leave(60_000 * (minute + 1)), QUOTED)
            await anyio.sleep(0.1)

        assert codes == ["SENT", "SENT", "DAY_CAP"]


async def test_a_signal_that_grew_old_waiting_for_the_rate_budget_is_dropped_unsent() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.budget.wait_s = 31.0
        verdict = await port.submit(entry(), READY)
        life.budget.missing_stops = 2
        behind = await port.submit(entry(120_000), READY)

        assert (verdict.code, behind.code) == ("RATE_EXPIRED", "RATE_EXPIRED")
        assert ("stops" in verdict.text, "2 stops that are missing" in behind.text) == (False, True)
        assert life.venue.placed == []


async def test_a_halt_raised_while_an_entry_waits_for_the_rate_budget_stops_it() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.budget.wait_s = 0.01
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(port.submit, entry(), READY)
            await anyio.sleep(0.005)
            life.halts.raise_level(instance_scope(UID), Level.PAUSE, "TEST", "now")
        await anyio.sleep(1.0)

        assert life.venue.placed == []


async def test_the_same_decision_again_sends_nothing() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        again = await port.submit(entry(), READY)
        await port.submit(leave(), READY)
        await anyio.sleep(0.1)
        exit_again = await port.submit(leave(), READY)
        other = await port.submit(entry(qty="0.020"), READY)

        assert (again.code, exit_again.code) == ("SENT", "SENT")
        assert other.code == "REPLAY"
        assert [(halt.code, int(halt.level)) for halt in life.halts.in_force()] == [("INTENT_CHANGED", 2)]
        assert len(life.venue.placed) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"time_in_force": "GTC"},
        {"order_type": "Limit"},
        {"price": Decimal("49990.0")},
        {"stop": Decimal("49400.0")},
        {"target": Decimal("51000.0")},
        {"side": Side.SELL},
        {"qty": Decimal("0.011")},
    ],
    ids=lambda changed: next(iter(changed)),
)
async def test_whatever_is_asked_for_in_another_way_under_a_used_identity_is_refused_and_halts(changed: dict[str, Any]) -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
    life = life.crash()
    async with life.running():
        port = await life.register()
        other = await port.submit(replace(entry(), **changed), READY)
        assert other.code == "REPLAY"
        assert [(halt.code, int(halt.level)) for halt in life.halts.in_force()] == [("INTENT_CHANGED", 2)]
        (incident,) = [each for each in life.account.desk.incidents.open_ones() if each.kind == "INTENT_CHANGED"]
        assert incident.severity == "critical"
        halted = life.ledger.row("SELECT evidence FROM halts WHERE code = 'INTENT_CHANGED'")
        assert halted is not None
        assert halted["evidence"] == incident.name
        assert len(life.venue.placed) == 1


async def test_an_intent_of_a_program_that_kept_no_time_in_force_is_known_by_the_rest() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        life.ledger.write("UPDATE intents SET tif = ''")
        again = await port.submit(replace(entry(), time_in_force="GTC"), READY)
        assert (again.code, life.halts.in_force()) == ("SENT", [])


async def test_a_bar_has_one_verdict_and_the_first_one_stands() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        first = port.record_verdict(60_000, "NO_SIGNAL", "root of entry_long is false")
        second = port.record_verdict(60_000, "HOLD", "")
        await port.submit(entry(120_000), replace(READY, ready=False, not_ready="ema"))
        verdicts = life.account.desk.verdicts.latest(UID, 60_000, 10)

        assert (first, second) == (True, False)
        assert [(bar.close_ms, bar.verdict) for bar in verdicts] == [(120_000, "WARMING"), (60_000, "NO_SIGNAL")]


async def test_a_moved_stop_is_in_force_at_the_venue_and_in_the_plan() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.1)
        move = replace(leave(), action=Action.STOP, intent_class=IntentClass.PROTECT, stop=Decimal("49800.0"))
        verdict = await port.submit(move, READY)
        await anyio.sleep(0.1)

        assert verdict.code == "AMENDED"
        events = life.ledger.rows("SELECT source, code, detail FROM order_events WHERE request = 'trading-stop' ORDER BY n")
        assert [(row["source"], row["code"]) for row in events] == [("send", None), ("reply", 0)]
        assert events[0]["detail"].startswith("to 49800.0 by ")
        assert life.venue.stop_of() == Decimal("49800.0")
        assert port.position().stop == Decimal("49800.0")


@pytest.mark.parametrize("code", [110017, 110003, 10006])
async def test_a_refused_repeat_of_an_exit_that_got_through_contradicts_nothing(code: int) -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=0.5)
        venue = life.venue
        venue.script.writes, venue.script.hidden_reads = [WriteFault.LOST_AFTER], 2
        venue.script.events = [EventFault.LOST] * 9  # nothing of the first copy is told before the second is answered

        def refused(_order: OrderRequest) -> None:
            if len(venue.placed) == 2:  # the venue looks at the position before it looks at the link id
                venue.links.clear()
                venue.script.codes, venue.script.events = [code], []
                for row in venue.execution_rows[-1:]:
                    venue._tell(ExecutionUpdate(row, 0))

        venue.before_place = refused
        await port.submit(leave(), READY)
        await anyio.sleep(20.0)

        exits = life.account.desk.book.of_intent(f"{UID}/120000/exit/0")
        assert [row.state for row in exits] == [OrderState.FILLED]
        assert venue.signed() == 0
        assert [each.kind for each in life.account.desk.incidents.latest(9) if each.kind == "CONTRADICTION"] == []
        assert life.halts.in_force(symbol_scope("main", SYMBOL)) == []


async def test_an_exit_of_a_symbol_that_is_not_traded_halts_it_and_is_done_when_it_trades_again() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        life.venue.script.codes = [110074]
        await port.submit(leave(), READY)
        await anyio.sleep(0.1)
        halted = [(halt.code, int(halt.level)) for halt in life.halts.in_force(symbol_scope("main", SYMBOL))]
        await anyio.sleep(30.0)

        assert halted == [("SYMBOL_REFUSED", 2)]
        assert life.venue.signed() == 0
