"""The guardian's panic: flat means verified flat with no entry left, a share is a share, and a ban is said at once."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
import pytest

from playd.core.errors import Throttled
from playd.core.ids import instance_tag, tag_of
from playd.core.orders import Execution, OrderRequest, Side, VenuePosition
from playd.core.reply_codes import ReplyClass
from playd.orders.guardian.flatten import OVERLAP_MS, Flattener
from playd.orders.guardian.hands import Hands
from playd.orders.guardian.plan import TOLERANCES_PCT, PlannedExit, PlannedPosition, PlannedShare
from playd.orders.guardian.share import GuardianShare
from playd.orders.panic_report import VERIFY_GAP_S, PanicReport, PanicScope
from playd.venues.port import Priority, Reply
from tests.simulation.fake_venue import SYMBOL, FakeVenue
from tests.unit.guardian.test_judge import planned, resting
from tests.virtual_time import LoopClock, in_virtual_time

UID, OTHER = "abcdefgh", "wxyz2345"
LINK = f"pde{instance_tag(UID)}-{'a' * 24}"

Body = Callable[[FakeVenue, Hands], Awaitable[None]]


def told(body: Body, venue_type: type[FakeVenue] = FakeVenue) -> None:
    async def run() -> None:
        venue = venue_type(LoopClock())
        await body(venue, Hands(venue, GuardianShare(venue.clock), ()))
        venue.close_stream()

    in_virtual_time(run)


async def panic(venue: FakeVenue, hands: Hands, scope: PanicScope, *plan: PlannedPosition, read_to_ms: int = 0) -> PanicReport:
    known = {(each.symbol, each.position_idx): each for each in plan}
    return await Flattener("main", hands, venue.clock, known, lambda _step, _text: None, read_to_ms=read_to_ms).run(scope)


async def entered(venue: FakeVenue, qty: str, link: str = LINK) -> None:
    await venue.place(OrderRequest(link, SYMBOL, Side.BUY, Decimal(qty), stop=Decimal(49_000)))


def test_an_order_that_waits_for_its_trigger_is_cancelled_because_it_could_open() -> None:
    async def body(venue: FakeVenue, hands: Hands) -> None:
        opens, protects = resting("by-hand", stop_type="Stop"), resting("protects", stop_type="Stop", reduce_only=True)
        venue.orders = {each.venue_order_id: replace(each, status="Untriggered") for each in (opens, protects)}
        report = await panic(venue, hands, PanicScope())
        assert report.exit_code == 0
        assert report.cancelled == 1
        assert report.duration_s >= VERIFY_GAP_S
        assert [order.status for order in venue.orders.values()] == ["Cancelled", "Untriggered"]

    told(body)


def test_an_entry_that_cannot_be_cancelled_is_not_called_flat() -> None:
    class Stubborn(FakeVenue):
        async def cancel(self, symbol: str, *, link_id: str = "", venue_order_id: str = "", priority: Priority) -> Reply:
            return Reply(ReplyClass.DOUBT, 10016, "internal error")

    async def body(venue: FakeVenue, hands: Hands) -> None:
        venue.orders = {"entry": resting(LINK)}
        report = await panic(venue, hands, PanicScope())
        assert report.exit_code == 11
        assert "10016" in str(report.problems)
        assert "not verified flat" in str(report.problems)

    told(body, Stubborn)


def test_a_panic_of_one_instance_closes_its_share_of_a_common_position() -> None:
    async def body(venue: FakeVenue, hands: Hands) -> None:
        await entered(venue, "0.040")
        shares = PlannedShare(UID, "mine", Decimal("0.010")), PlannedShare(OTHER, "other", Decimal("0.030"))
        position = replace(planned(), qty=Decimal("0.040"), shares=shares)
        for uid, left in ((OTHER, "0.010"), (UID, "0")):
            report = await panic(venue, hands, PanicScope(instance_uid=uid), position)
            assert report.exit_code == 0
            assert venue.signed() == Decimal(left)
            position = replace(position, shares=tuple(each for each in shares if each.owner != uid))

    told(body)


def test_what_an_entry_executed_after_the_last_plan_is_closed_too() -> None:
    async def body(venue: FakeVenue, hands: Hands) -> None:
        await entered(venue, "0.010")
        share = PlannedShare(UID, "mine", Decimal(0))
        position = replace(planned(), qty=Decimal(0), shares=(share,), entry_links=(LINK,))
        report = await panic(venue, hands, PanicScope(instance_uid=UID), position)
        assert report.exit_code == 0
        assert venue.signed() == 0
        assert [(each.before, each.closed, each.remaining) for each in report.positions] == [
            (Decimal("0.010"), Decimal("0.010"), Decimal(0))
        ]

    told(body)


def test_what_an_exit_executed_after_the_last_plan_is_not_closed_a_second_time() -> None:
    """The daemon stood still with an exit in doubt: what is left of the position is what a hand has opened."""

    async def body(venue: FakeVenue, hands: Hands) -> None:
        await entered(venue, "0.010")
        venue.open_foreign(Decimal("0.020"))
        link = LINK.replace("pde", "pdx")
        await venue.place(OrderRequest(link, SYMBOL, Side.SELL, Decimal("0.008"), reduce_only=True))
        share = PlannedShare(UID, "mine", Decimal("0.010"))
        position = replace(planned(), qty=Decimal("0.010"), shares=(share,), exits=(PlannedExit(link, Decimal(0)),))
        report = await panic(venue, hands, PanicScope(instance_uid=UID), position)
        assert (report.exit_code, venue.signed()) == (0, Decimal("0.020"))
        booked = replace(position, shares=(replace(share, qty=Decimal("0.002")),), exits=(PlannedExit(link, Decimal("0.008")),))
        venue.open_foreign(Decimal("0.002"))
        await panic(venue, hands, PanicScope(instance_uid=UID), booked)
        assert venue.signed() == Decimal("0.020")

    told(body)


async def test_a_ban_is_told_at_once_by_whoever_would_have_to_wait_for_its_end() -> None:
    venue = FakeVenue(LoopClock())
    share = GuardianShare(venue.clock)
    hands = Hands(venue, share, ())
    share.banned()
    writes: list[Callable[[], Awaitable[Any]]] = [
        lambda: hands.set_stop(SYMBOL, 0, Decimal(1)),
        lambda: hands.cancel(SYMBOL, "id"),
        lambda: hands.close(SYMBOL, 0, Side.SELL, Decimal(1), LINK, 0),
    ]
    with anyio.fail_after(1):
        for read in (hands.read, lambda: hands.max_order_qty(SYMBOL), lambda: hands.executed(SYMBOL, LINK)):
            with pytest.raises(Throttled, match="banned this address for another 600 s"):
                await read()
        assert [(await write()).reply_class for write in writes] == [ReplyClass.BAN] * 3
    assert venue.placed == []
    venue.close_stream()


def shared_position(qty: str, mine: str, seq: int | None) -> PlannedPosition:
    """A position of two instances as the plan has it since its newest execution was number `seq`."""
    shares = (
        PlannedShare(UID, "mine", Decimal(mine), 0, seq),
        PlannedShare(OTHER, "other", Decimal(qty) - Decimal(mine), 0, seq),
    )
    return replace(planned(), qty=Decimal(qty), shares=shares)


def test_a_panic_of_one_instance_that_is_repeated_under_the_same_plan_closes_nothing_of_another() -> None:
    """The daemon stands still, so that its plan goes on telling of a share that the first panic has closed."""

    async def body(venue: FakeVenue, hands: Hands) -> None:
        await entered(venue, "0.040")
        plan = shared_position("0.040", "0.010", venue.execution_rows[-1].seq)
        reports = [await panic(venue, hands, PanicScope(instance_uid=UID), plan) for _ in range(3)]
        assert [report.exit_code for report in reports] == [0, 0, 0]
        assert venue.signed() == Decimal("0.030")

    told(body)


def test_what_a_panic_closes_of_a_common_position_carries_the_tag_of_its_instance() -> None:
    async def body(venue: FakeVenue, hands: Hands) -> None:
        await entered(venue, "0.040")
        await panic(venue, hands, PanicScope(instance_uid=UID), shared_position("0.040", "0.010", None))
        assert tag_of(venue.effects[-1].link_id) == instance_tag(UID)

    told(body)


def test_the_first_close_waits_for_no_cancel() -> None:
    class AtTwoASecond(FakeVenue):
        async def cancel(self, symbol: str, *, link_id: str = "", venue_order_id: str = "", priority: Priority) -> Reply:
            await anyio.sleep(0.5)
            return await super().cancel(symbol, link_id=link_id, venue_order_id=venue_order_id, priority=priority)

    async def body(venue: FakeVenue, hands: Hands) -> None:
        await entered(venue, "0.010")
        entries = [resting(f"pde{instance_tag(UID)}-{n:024}") for n in range(12)]
        venue.orders.update({each.venue_order_id: each for each in entries})
        began_s, closed_s = venue.clock.mono_s(), list[float]()
        venue.before_place = lambda _order: closed_s.append(venue.clock.mono_s())
        report = await panic(venue, hands, PanicScope())
        assert report.exit_code == 0
        assert closed_s[0] - began_s < 0.5
        assert report.cancelled == len(entries)

    told(body, AtTwoASecond)


async def test_the_pieces_of_a_large_position_climb_no_ladder_of_tolerances() -> None:
    venue = FakeVenue(LoopClock())
    hands = Hands(venue, GuardianShare(venue.clock), TOLERANCES_PCT)
    await entered(venue, "0.050")
    report = await panic(venue, hands, PanicScope(), replace(planned(), qty=Decimal("0.050"), max_order_qty=Decimal("0.010")))
    assert report.exit_code == 0
    assert {order.slippage_tolerance_pct for order in venue.effects if order.reduce_only} == {TOLERANCES_PCT[0]}
    venue.close_stream()


class LateReadings(FakeVenue):
    """Positions are told as they were a second ago."""

    def __init__(self, clock: LoopClock) -> None:
        super().__init__(clock)
        self._were: list[tuple[float, Sequence[VenuePosition]]] = []

    async def positions(self, symbol: str | None = None, *, priority: Priority) -> Sequence[VenuePosition]:
        found = await super().positions(symbol, priority=priority)
        self._were.append((self.clock.mono_s(), found))
        return next(
            seen for at_s, seen in reversed(self._were) if at_s <= self.clock.mono_s() - 1.0 or at_s == self._were[0][0]
        )


def test_the_pieces_of_a_share_close_no_more_than_the_share_where_readings_come_late() -> None:
    async def body(venue: FakeVenue, hands: Hands) -> None:
        await entered(venue, "0.040")
        plan = replace(shared_position("0.040", "0.020", None), max_order_qty=Decimal("0.010"))
        report = await panic(venue, hands, PanicScope(instance_uid=UID), plan)
        assert (report.exit_code, venue.signed()) == (0, Decimal("0.020"))

    told(body, LateReadings)


def test_of_a_share_that_is_months_old_only_executions_behind_the_plan_are_asked_for() -> None:
    asked = list[int | None]()

    class Asked(FakeVenue):
        async def executions(self, *, since_ms: int | None = None, link_id: str = "", **given: Any) -> Sequence[Execution]:
            asked.extend([] if link_id else [since_ms])
            return await super().executions(since_ms=since_ms, link_id=link_id, **given)

    async def body(venue: FakeVenue, hands: Hands) -> None:
        await entered(venue, "0.010")
        newest = venue.execution_rows[-1]
        share = PlannedShare(UID, "mine", Decimal("0.010"), 1, newest.seq, newest.time_ms)
        for _ in range(2):
            await panic(venue, hands, PanicScope(instance_uid=UID), replace(planned(), qty=Decimal("0.010"), shares=(share,)))
            venue.open_foreign(Decimal("0.010"))
        assert venue.signed() == Decimal("0.020"), "what was closed once is not closed again"
        assert set(asked) == {newest.time_ms}

    told(body, Asked)


def test_of_a_share_that_last_traded_half_a_year_ago_only_what_the_ledger_has_not_read_is_asked_for() -> None:
    """Others trade the symbol all the time: all their executions since are no part of this share, and are in the ledger."""
    asked = list[int | None]()

    class Asked(FakeVenue):
        async def executions(self, *, since_ms: int | None = None, link_id: str = "", **given: Any) -> Sequence[Execution]:
            asked.extend([] if link_id else [since_ms])
            return await super().executions(since_ms=since_ms, link_id=link_id, **given)

    async def body(venue: FakeVenue, hands: Hands) -> None:
        await entered(venue, "0.010")
        newest = venue.execution_rows[-1]
        await anyio.sleep(15_000_000.0)  # noqa: ASYNC116 - virtual seconds, half a year of them
        venue.open_foreign(Decimal("0.030"))
        share = PlannedShare(UID, "mine", Decimal("0.010"), 1, newest.seq, newest.time_ms)
        plan = replace(planned(), qty=Decimal("0.040"), shares=(share, PlannedShare(OTHER, "other", Decimal("0.030"))))
        read_to_ms = venue.clock.wall_ms()
        await panic(venue, hands, PanicScope(instance_uid=UID), plan, read_to_ms=read_to_ms)
        assert venue.signed() == Decimal("0.030")
        assert set(asked) == {read_to_ms - OVERLAP_MS}

    told(body, Asked)


@pytest.mark.parametrize(
    ("kind", "side", "left"), [("x", Side.SELL, "0.020"), ("f", Side.SELL, "0.020"), ("e", Side.BUY, "0.020")]
)
def test_what_the_daemon_has_executed_for_the_instance_since_its_plan_counts_though_the_plan_names_no_order_of_it(
    kind: str, side: Side, left: str
) -> None:
    """Its plan is up to a second old: an exit, a panic of its own and an entry may have come behind it."""

    async def body(venue: FakeVenue, hands: Hands) -> None:
        await entered(venue, "0.010")
        venue.open_foreign(Decimal("0.020"))
        seq = venue.execution_rows[-1].seq
        shares = PlannedShare(UID, "mine", Decimal("0.010"), 0, seq), PlannedShare(OTHER, "other", Decimal("0.020"), 0, seq)
        plan = replace(planned(), qty=Decimal("0.030"), shares=shares)
        link = LINK.replace("pde", f"pd{kind}").replace("a" * 24, "b" * 24)
        await venue.place(OrderRequest(link, SYMBOL, side, Decimal("0.004"), reduce_only=side is Side.SELL))
        report = await panic(venue, hands, PanicScope(instance_uid=UID), plan)
        assert (report.exit_code, venue.signed()) == (0, Decimal(left))

    told(body)
