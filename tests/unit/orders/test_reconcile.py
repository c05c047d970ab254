"""Differences and plans are pure, sorted, and complete."""

import random
from dataclasses import replace
from decimal import Decimal

from playd.core.orders import OrderState, Side, VenueOrder, VenuePosition
from playd.orders.fill_check import Expected
from playd.orders.order_book import FOREIGN
from playd.orders.reconcile import DiffClass, LocalView, RepairKind, VenueView, diff, plan
from playd.orders.rows import OrderRow

ZERO, TICK = Decimal(0), Decimal("0.1")


def row(
    link: str, *, state: OrderState = OrderState.OPEN, owner: str = "a", venue_id: str = "", intent: str | None = "i"
) -> OrderRow:
    return OrderRow(
        link_id=link,
        intent=intent,
        attempt=0,
        owner=owner,
        action=None,
        symbol="BTCUSDT",
        venue_order_id=venue_id,
        parent_link_id="",
        side=Side.BUY,
        type="Limit",
        tif="GTC",
        qty=Decimal(1),
        price=None,
        trigger=None,
        reduce_only=False,
        stop=None,
        target=None,
        protective=False,
        tolerance_pct=None,
        state=state,
        venue_status="",
        code=None,
        cancel_type="",
        reject_reason="",
        cum_qty=ZERO,
        venue_cum_qty=ZERO,
        avg_price=ZERO,
        created_ms=0,
        signed_ms=None,
        last_event_ms=0,
        venue_ms=0,
    )


def order(venue_id: str, *, link: str = "", reduce_only: bool = False) -> VenueOrder:
    return VenueOrder(
        venue_order_id=venue_id,
        link_id=link,
        parent_link_id="",
        symbol="BTCUSDT",
        side=Side.BUY,
        order_type="Limit",
        status="New",
        qty=Decimal(1),
        price=ZERO,
        trigger_price=ZERO,
        cum_qty=ZERO,
        avg_price=ZERO,
        reduce_only=reduce_only,
        stop_order_type="",
        create_type="",
        cancel_type="",
        reject_reason="",
        stop=ZERO,
        target=ZERO,
        position_idx=0,
        created_ms=0,
        updated_ms=0,
    )


def position(signed: str, *, stop: str = "90", symbol: str = "BTCUSDT", mark: str = "100") -> VenuePosition:
    quantity = Decimal(signed)
    side = None if quantity == 0 else (Side.BUY if quantity > 0 else Side.SELL)
    mark_price = Decimal(mark)
    return VenuePosition(symbol, side, abs(quantity), mark_price, mark_price, Decimal(stop), ZERO, ZERO, ZERO, ZERO, 0, 1, 1)


def expected(signed: str, *, stop: str | None = "90", ours: bool = True) -> dict[str, Expected]:
    return {"BTCUSDT": Expected(Decimal(signed), None if stop is None else Decimal(stop), TICK, ours)}


def classes(local: LocalView, venue: VenueView) -> list[tuple[DiffClass, RepairKind]]:
    found = diff(local, venue)
    return [(difference.cls, repair.kind) for difference, repair in zip(found, plan(found), strict=True)]


def test_equal_views_have_no_difference() -> None:
    local = LocalView([row("l1", venue_id="o1")], expected("1"))

    assert diff(local, VenueView([order("o1", link="l1")], [position("1")])) == ()


def test_an_order_that_is_nowhere_goes_to_the_resolver_and_is_never_assumed_cancelled() -> None:
    assert classes(LocalView([row("l1")], {}), VenueView([], [])) == [(DiffClass.MISSING, RepairKind.RESOLVE)]


def test_an_attached_order_that_is_gone_is_closed() -> None:
    gone = row("v:s1", venue_id="s1", intent=None)

    assert classes(LocalView([gone], {}), VenueView([], [])) == [(DiffClass.MISSING, RepairKind.GONE)]


def test_orders_in_doubt_or_on_their_way_are_the_resolvers_not_a_difference() -> None:
    rows = [row("a", state=OrderState.UNKNOWN), row("b", state=OrderState.SENT), row("c", state=OrderState.INTENT)]

    assert diff(LocalView(rows, {}), VenueView([], [])) == ()


def test_a_foreign_order_is_reported_and_not_touched() -> None:
    orphan = row("v:x", owner=FOREIGN, venue_id="x", state=OrderState.ORPHAN, intent=None)

    assert classes(LocalView([orphan], {}), VenueView([order("x")], [])) == [(DiffClass.FOREIGN_ORDER, RepairKind.ALERT)]


def test_a_position_that_differs_is_never_closed_or_opened_by_itself() -> None:
    for theirs in ([position("2")], [position("-1", stop="110")], []):
        assert classes(LocalView([], expected("1")), VenueView([], theirs)) == [(DiffClass.POSITION, RepairKind.HALT)]


def test_a_missing_or_wrong_stop_is_repaired() -> None:
    for stop in ("0", "85", "101"):
        found = classes(LocalView([], expected("1")), VenueView([], [position("1", stop=stop)]))

        assert found == [(DiffClass.PROTECTION, RepairKind.PROTECT)]


def test_the_stop_of_a_foreign_position_is_none_of_our_business() -> None:
    assert diff(LocalView([], expected("1", ours=False)), VenueView([], [position("1", stop="0")])) == ()


def test_our_leftover_beside_no_position_is_swept() -> None:
    stop = row("v:s1", venue_id="s1", intent=None)
    venue = VenueView([order("s1", reduce_only=True)], [])

    assert classes(LocalView([stop], expected("0")), venue) == [(DiffClass.LEFTOVER, RepairKind.SWEEP)]


def test_the_result_does_not_depend_on_the_order_of_the_inputs() -> None:
    rows = [row(f"l{n}") for n in range(9)]
    orphans = [replace(row(f"v:{n}", venue_id=str(n)), owner=FOREIGN, state=OrderState.ORPHAN) for n in range(9)]
    orders = [order(str(n)) for n in range(9)]
    first = diff(LocalView([*rows, *orphans], expected("1")), VenueView(orders, [position("2")]))
    for seed in range(5):
        mixed_rows, mixed_orders = [*rows, *orphans], [*orders]
        random.Random(seed).shuffle(mixed_rows)
        random.Random(seed).shuffle(mixed_orders)

        assert diff(LocalView(mixed_rows, expected("1")), VenueView(mixed_orders, [position("2")])) == first
