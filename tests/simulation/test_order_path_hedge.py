"""A symbol in hedge mode has a long and a short position at once; nobody here opens one, caps count and a panic closes both."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
import pytest

from playd.core.modes import Environment
from playd.core.orders import OrderRequest, Side, VenuePosition
from playd.orders.guardian.flatten import Flattener
from playd.orders.guardian.hands import Hands
from playd.orders.guardian.share import GuardianShare
from playd.orders.order_book import FOREIGN
from playd.orders.panic import PanicReport, PanicScope
from playd.orders.risk_limits import RiskLimits
from playd.orders.second_look import LOOK_EVERY_S
from playd.orders.settings import OrderSettings
from playd.orders.shown import LIST_LAG_S
from playd.orders.strangers import StrangerRefused
from playd.venues.port import PositionUpdate, Priority
from tests.simulation.fake_venue import SYMBOL, FakeVenue
from tests.simulation.order_world import READY, UID, OrderWorld, build, entered, entry
from tests.simulation.venue_rows import Held, order_row, position_row
from tests.simulation.venue_script import WriteFault
from tests.virtual_time import LoopClock, in_virtual_time

HEDGED = "ETHUSDT"
MODE_DIFFERS = 10001
LONG, SHORT = 1, 2
ADOPTED: dict[str, Any] = {"stop": None, "key": "k", "actor": "me"}


class HedgeVenue(FakeVenue):
    """One symbol is in hedge mode: of it two positions stand side by side, and an order names the one that it means."""

    def __init__(self, clock: LoopClock) -> None:
        super().__init__(clock)
        self.sides = {LONG: Decimal("0.040"), SHORT: Decimal("-0.015")}
        self.thin = 0
        """So many orders find only a half of what they want."""

    def open_sides(self) -> list[VenuePosition]:
        now_ms = self.clock.wall_ms()
        rows = [
            (idx, position_row(HEDGED, Held(signed, self.price), self.price, Decimal(0), now_ms))
            for idx, signed in self.sides.items()
        ]
        return [replace(row, position_idx=idx) for idx, row in rows]

    async def positions(self, symbol: str | None = None, *, priority: Priority) -> Sequence[VenuePosition]:
        others = [row for row in await super().positions(symbol, priority=priority) if row.symbol != HEDGED]
        sides = [row for row in self.open_sides() if symbol or row.signed_qty] if symbol in (None, HEDGED) else []
        return [*others, *sides]

    def _accept(self, request: OrderRequest) -> int:
        if request.symbol != HEDGED:
            return super()._accept(request)
        if request.position_idx not in self.sides:
            return MODE_DIFFERS
        if request.link_id in self.links:
            return 110072
        held = self.sides[request.position_idx]
        if not request.reduce_only or held * (1 if request.side is Side.SELL else -1) <= 0:
            return 110017
        self.links.add(request.link_id)
        self.effects.append(request)
        self._ids += 1
        wanted = qty = min(request.qty, abs(held))
        if self.thin:
            self.thin, qty = self.thin - 1, (wanted / 2).quantize(Decimal("0.001"))
        self.sides[request.position_idx] -= qty if held > 0 else -qty
        self._execute(HEDGED, request.side, qty, self.price, request.link_id, f"o-{self._ids}", "", qty)
        order = order_row(f"o-{self._ids}", request, wanted, self.clock.wall_ms())
        status = "Filled" if qty == wanted else "Cancelled"
        self._report(replace(order, status=status, cum_qty=qty, avg_price=self.price, position_idx=request.position_idx))
        return 0


def told(story: Callable[[OrderWorld, HedgeVenue], Awaitable[None]], limits: RiskLimits | None = None) -> None:
    async def body() -> None:
        venue = HedgeVenue(LoopClock())
        life = build(venue, settings=replace(OrderSettings.of(Environment.LOCAL), limits=limits or RiskLimits()))
        async with life.running():
            await story(life, venue)

    in_virtual_time(body)


def closed(report: PanicReport) -> dict[tuple[str, Decimal], tuple[Decimal, Decimal | None]]:
    return {(each.symbol, each.before): (each.closed, each.remaining) for each in report.positions}


BOTH = {
    (HEDGED, Decimal("0.040")): (Decimal("0.040"), Decimal(0)),
    (HEDGED, Decimal("-0.015")): (Decimal("0.015"), Decimal(0)),
}


@pytest.mark.parametrize("scope", [PanicScope(), PanicScope(symbol=HEDGED)])
@pytest.mark.parametrize("fault", [WriteFault.NONE, WriteFault.LOST_BEFORE, WriteFault.LOST_AFTER, WriteFault.THROTTLED])
def test_a_panic_closes_the_long_and_the_short_of_a_symbol_in_hedge_mode_each_once(
    scope: PanicScope, fault: WriteFault
) -> None:
    async def story(life: OrderWorld, venue: HedgeVenue) -> None:
        venue.script.writes = [fault, fault]
        report = await life.account.panic(scope, actor="me", reason="test")

        assert (report.exit_code, report.problems) == (0, ())
        assert closed(report) == BOTH
        assert {order.position_idx: order.side for order in venue.effects} == {LONG: Side.SELL, SHORT: Side.BUY}
        assert len(venue.effects) == 2
        assert life.account.desk.fills.position(FOREIGN, HEDGED).signed_qty == 0

    told(story)


def test_the_next_attempt_at_a_side_that_was_closed_in_part_means_the_same_side() -> None:
    async def story(life: OrderWorld, venue: HedgeVenue) -> None:
        venue.thin = 3
        report = await life.account.panic(PanicScope(), actor="me", reason="test")
        assert report.exit_code == 0
        assert closed(report) == BOTH
        assert {order.position_idx for order in venue.placed} == {LONG, SHORT}

    told(story)


def test_what_a_hand_has_closed_of_one_side_meanwhile_keeps_the_other_side_from_nothing() -> None:
    async def story(life: OrderWorld, venue: HedgeVenue) -> None:
        venue.before_place = lambda _order: venue.sides.update({SHORT: Decimal(0)})
        report = await life.account.panic(PanicScope(), actor="me", reason="test")
        assert report.exit_code == 0
        assert venue.sides == {LONG: Decimal(0), SHORT: Decimal(0)}

    told(story)


def test_a_panic_of_one_instance_leaves_both_sides_of_somebody_else_alone() -> None:
    async def story(life: OrderWorld, venue: HedgeVenue) -> None:
        await entered(life)
        report = await life.account.panic(PanicScope(instance_uid=UID), actor="me", reason="test")
        assert report.exit_code == 0
        assert venue.signed(SYMBOL) == 0
        assert venue.sides == {LONG: Decimal("0.040"), SHORT: Decimal("-0.015")}

    told(story)


async def test_a_panic_that_dies_between_the_two_sides_is_ended_by_the_next_life() -> None:
    venue = HedgeVenue(LoopClock())
    life = build(venue)
    async with life.running():
        venue.script.writes = [WriteFault.NONE, *[WriteFault.LOST_BEFORE] * 1000]
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: life.account.panic(PanicScope(), actor="me", reason="test"))
            await anyio.sleep(0.5)
            group.cancel_scope.cancel()
    venue.script.writes = []
    life = life.crash()
    async with life.running():
        await anyio.sleep(60.0)
        assert venue.sides == {LONG: Decimal(0), SHORT: Decimal(0)}
        assert len(venue.effects) == 2


@pytest.mark.parametrize("what", ["close", "adopt"])
def test_nothing_of_a_symbol_in_hedge_mode_is_adopted_or_closed_as_though_it_were_one_position(what: str) -> None:
    async def story(life: OrderWorld, venue: HedgeVenue) -> None:
        strangers = life.account.strangers
        venue.sides[SHORT] = Decimal(0)
        await life.account.reconcile("test")
        asked = strangers.close(HEDGED, key="k") if what == "close" else strangers.adopt(HEDGED, UID, **ADOPTED)
        with pytest.raises(StrangerRefused) as refused:
            await asked
        assert refused.value.code == "HEDGE_MODE"
        assert f"panic symbol:main/{HEDGED}" in str(refused.value)
        assert venue.placed == []

    told(story)


async def test_the_guardian_and_the_emergency_command_close_both_sides_too() -> None:
    venue = HedgeVenue(LoopClock())
    hands = Hands(venue, GuardianShare(venue.clock), ())
    report = await Flattener("main", hands, venue.clock, {}, lambda _step, _text: None).run(PanicScope())
    assert report.exit_code == 0
    assert closed(report) == BOTH
    assert len(venue.effects) == 2
    venue.close_stream()


class FlatHedge(FakeVenue):
    """Every symbol is in hedge mode, which only a look at it alone shows while nothing is open."""

    async def positions(self, symbol: str | None = None, *, priority: Priority) -> Sequence[VenuePosition]:
        found = await super().positions(symbol, priority=priority)
        return [replace(row, position_idx=idx) for row in found for idx in (LONG, SHORT)] if symbol else found


async def test_a_flat_symbol_in_hedge_mode_is_no_account_in_one_way_mode() -> None:
    for venue, mode in ((FakeVenue(LoopClock()), "one_way"), (FlatHedge(LoopClock()), f"hedge {SYMBOL}")):
        life = build(venue)
        async with life.running():
            await life.register()
            await life.account.reconciler.run("test")
            (row,) = life.ledger.rows("SELECT position_mode FROM accounts")
            assert row["position_mode"] == mode
            assert life.account.reconciler.hedged() == ({SYMBOL} if "hedge" in mode else set())


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (RiskLimits(gross_pct=Decimal(30)), ("EXPOSURE", "32.5")),  # 2000, 750 and 500 of 10 000
        (RiskLimits(max_positions=2), ("POSITIONS", "3")),
        (RiskLimits(net_pct=Decimal("17.5"), gross_pct=Decimal("32.5"), max_positions=3), ("SENT", "")),  # 1250 and 500
    ],
)
def test_caps_count_both_sides_that_a_hand_holds(limits: RiskLimits, said: tuple[str, str]) -> None:
    async def story(life: OrderWorld, _venue: HedgeVenue) -> None:
        port = await life.register()
        verdict = await port.submit(entry(), READY)

        assert (verdict.code, verdict.refusal.value if verdict.refusal is not None else "") == said
        await anyio.sleep(2 * LOOK_EVERY_S + 1)
        assert [halt for halt in life.halts.in_force() if halt.code == "INVARIANT"] == []

    told(story, limits)


def test_a_side_that_a_hand_opens_counts_from_its_execution_on() -> None:
    """Before any reading shows it, and also where it leaves nothing of the other side in the books."""

    async def story(life: OrderWorld, venue: HedgeVenue) -> None:
        port = await life.register()
        venue._execute(HEDGED, Side.SELL, Decimal("0.025"), venue.price, "", "by-hand", "", Decimal(0))
        await anyio.sleep(0.1)
        assert life.account.desk.fills.position(FOREIGN, HEDGED).signed_qty == 0
        verdict = await port.submit(entry(), READY)

        assert verdict.refusal is not None
        assert (verdict.code, verdict.refusal.value) == ("EXPOSURE", "45.0")  # 2000, 2000 and 500
        listed = [(each.side, each.qty) for each in life.account.strangers.listed()]
        assert listed == [(Side.BUY, Decimal("0.040")), (Side.SELL, Decimal("0.015"))]  # as it was shown

    told(story, RiskLimits(gross_pct=Decimal(44)))


def test_a_second_look_counts_both_sides_that_a_hand_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(life: OrderWorld, _venue: HedgeVenue) -> None:
        port = await life.register()
        await anyio.sleep(2 * LOOK_EVERY_S + 1)
        monkeypatch.setattr("playd.orders.gateway.judge", lambda _: None)
        assert (await port.submit(entry(), READY)).code == "SENT"
        await anyio.sleep(2 * LOOK_EVERY_S + 1)
        (text,) = [halt.text for halt in life.halts.in_force() if halt.code == "INVARIANT"]
        assert "3250.00 USDT are open with it, at most " in text

    told(story, RiskLimits(gross_pct=Decimal(25)))


def test_sides_that_the_stream_showed_stay_beside_a_list_that_lags_and_go_with_one_that_does_not() -> None:
    async def story(life: OrderWorld, venue: HedgeVenue) -> None:
        for each in venue.open_sides():
            venue._tell(PositionUpdate(replace(each, seq=each.seq + 1), venue.clock.wall_ms()))
        venue.sides = {LONG: Decimal(0), SHORT: Decimal(0)}
        await anyio.sleep(LIST_LAG_S / 4)
        async with anyio.create_task_group() as group:
            group.start_soon(life.account.reconciler.run, "test")  # it reads, and once more behind a moment
            await anyio.sleep(LIST_LAG_S / 4)
            assert [each.side for each in life.account.strangers.listed()] == [Side.BUY, Side.SELL]
        assert not life.account.desk.shown.hedged(HEDGED)

    told(story)


def test_what_a_hand_holds_of_both_sides_alike_is_listed_and_keeps_instances_off_its_symbol() -> None:
    async def story(life: OrderWorld, venue: HedgeVenue) -> None:
        venue.sides[SHORT] = -venue.sides[LONG]
        for _ in range(2):
            await life.account.reconcile("test")
        facts = life.account.gateway._facts.gather(entry(symbol=HEDGED), 60_000, intent_exists=False)

        assert facts.unresolved == "0.040 and -0.040 on ETHUSDT is nobody's here"
        listed = [(each.side, each.qty, each.price) for each in life.account.strangers.listed()]
        assert listed == [(Side.BUY, Decimal("0.040"), venue.price), (Side.SELL, Decimal("0.040"), venue.price)]
        with pytest.raises(StrangerRefused) as refused:
            await life.account.strangers.close(HEDGED, key="k")
        assert refused.value.code == "HEDGE_MODE"

    told(story)
