"""Differences and plans are pure, sorted, and complete."""

import random
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import product

import pytest

from playd.core.orders import Action, OrderState, VenueOrder, VenuePosition
from playd.orders.fill_check import Expected
from playd.orders.order_book import FOREIGN
from playd.orders.reconcile import DiffClass, LocalView, RepairKind, VenueView, diff, plan
from playd.orders.rows import OrderRow
from tests.rows import ledger_order, venue_order, venue_position

ZERO, TICK = Decimal(0), Decimal("0.1")


def row(
    link: str, *, state: OrderState = OrderState.OPEN, owner: str = "a", venue_id: str = "", intent: str | None = "i"
) -> OrderRow:
    return ledger_order(link, state=state, owner=owner, venue_order_id=venue_id, intent=intent)


def order(venue_id: str, *, link: str = "", reduce_only: bool = False) -> VenueOrder:
    return venue_order(venue_id, link_id=link, reduce_only=reduce_only)


def position(signed: str, *, stop: str = "90", symbol: str = "BTCUSDT", mark: str = "100") -> VenuePosition:
    return venue_position(Decimal(signed), Decimal(mark), stop=Decimal(stop), symbol=symbol)


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


def test_an_attached_order_that_is_gone_is_looked_up_too() -> None:
    gone = row("v:s1", venue_id="s1", intent=None)

    assert classes(LocalView([gone], {}), VenueView([], [])) == [(DiffClass.MISSING, RepairKind.RESOLVE)]


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


@pytest.mark.parametrize(("found", "differs"), [("3", False), ("3.0", False), ("0", False), ("10", True)])
def test_leverage_that_somebody_changed_pauses_the_account(found: str, differs: bool) -> None:
    local = LocalView([], expected("1"), Decimal(3))
    venue = VenueView([], [replace(position("1"), leverage=Decimal(found))])

    assert classes(local, venue) == ([(DiffClass.MODE, RepairKind.PAUSE)] if differs else [])
    assert classes(replace(local, leverage=None), venue) == []


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


# -- every small world: two orders and one position, here and there ---------------------------------------------------------

KINDS = ("decided", "attached", "foreign")
LIVE = [state for state in OrderState if not state.terminal]
POSITIONS = [*product(("-1", "0", "1"), ("-1", "0", "1", "2"), ("0", "90", "110"), (True, False))]
"""(ledger, venue, stop at the venue, whether it is ours)"""


def small(n: int, kind: str, state: OrderState, there: bool) -> tuple[OrderRow, list[VenueOrder]]:
    """One order of the ledger and what the venue lists of it."""
    if kind == "decided":
        return row(f"l{n}", state=state, venue_id=f"o{n}"), [order(f"o{n}", link=f"l{n}")] if there else []
    owner = FOREIGN if kind == "foreign" else "a"
    held = row(f"v:o{n}", state=state, owner=owner, venue_id=f"o{n}", intent=None)
    return held, [order(f"o{n}", reduce_only=kind == "attached")] if there else []


def worlds() -> Iterator[tuple[list[tuple[str, OrderRow]], LocalView, VenueView]]:
    alone = [*product(KINDS, LIVE, (True, False))]
    pairs: list[tuple[tuple[tuple[str, OrderState, bool], ...], tuple[str, str, str, bool]]]
    pairs = [((one,), where) for one in alone for where in POSITIONS]
    pairs += [((one, other), where) for one, other in product(alone, alone) for where in (POSITIONS[0], POSITIONS[-1])]
    for orders, (ours, theirs, stop, owned) in pairs:
        made = [(kind, *small(n, kind, state, there)) for n, (kind, state, there) in enumerate(orders)]
        local = LocalView([held for _, held, _ in made], expected(ours, ours=owned))
        listed = [each for _, _, found in made for each in found]
        yield [(kind, held) for kind, held, _ in made], local, VenueView(listed, [position(theirs, stop=stop)])


def judged(kind: str, held: OrderRow, venue: VenueView) -> set[tuple[DiffClass, RepairKind]]:
    """What has to be said about one order, written down a second time."""
    there = any(held.venue_order_id == each.venue_order_id for each in venue.orders)
    if there and kind == "foreign":
        return {(DiffClass.FOREIGN_ORDER, RepairKind.ALERT)}
    if there:
        alone = kind == "attached" and venue.positions[0].signed_qty == 0
        return {(DiffClass.LEFTOVER, RepairKind.SWEEP)} if alone else set()
    if held.state in (OrderState.INTENT, OrderState.SENT, OrderState.UNKNOWN):
        return set()
    return {(DiffClass.MISSING, RepairKind.RESOLVE)}


@pytest.mark.slow
def test_in_every_small_world_each_order_and_position_gets_what_is_its_due_and_nothing_else() -> None:
    seen = 0
    for orders, local, venue in worlds():
        seen += 1
        found = diff(local, venue)
        repairs = plan(found)
        by_key: dict[str, set[tuple[DiffClass, RepairKind]]] = {}
        for difference, repair in zip(found, repairs, strict=True):
            assert (difference.key, difference.symbol) == (repair.key, repair.symbol)
            by_key.setdefault(difference.key, set()).add((difference.cls, repair.kind))
        for kind, held in orders:
            assert by_key.pop(held.link_id, set()) == judged(kind, held, venue)
        want, seen_there = local.expected["BTCUSDT"], venue.positions[0]
        if want.signed_qty != seen_there.signed_qty:
            assert by_key == {"BTCUSDT": {(DiffClass.POSITION, RepairKind.HALT)}}
        elif want.ours and want.signed_qty and seen_there.stop != want.stop:
            assert by_key == {"BTCUSDT": {(DiffClass.PROTECTION, RepairKind.PROTECT)}}
        elif not want.ours or not want.signed_qty or want.signed_qty > 0:
            assert by_key == {}
        assert (
            diff(LocalView([*reversed(local.orders)], local.expected), VenueView([*reversed(venue.orders)], venue.positions))
            == found
        )
    assert seen > 4_000


@pytest.mark.slow
def test_in_every_small_world_what_was_recorded_is_not_found_again() -> None:
    for _, local, venue in worlds():
        done = {repair.key: repair.kind for repair in plan(diff(local, venue))}
        rows = [
            replace(each, state=OrderState.UNKNOWN) if done.get(each.link_id) is RepairKind.RESOLVE else each
            for each in local.orders
            if done.get(each.link_id) is not RepairKind.SWEEP
        ]
        kept = {each.venue_order_id for each in rows}
        after = diff(
            LocalView(rows, local.expected), VenueView([o for o in venue.orders if o.venue_order_id in kept], venue.positions)
        )

        assert {each.cls for each in after} <= {DiffClass.FOREIGN_ORDER, DiffClass.POSITION, DiffClass.PROTECTION}


def test_what_others_hold_of_a_symbol_that_nobody_trades_is_recorded_and_halts_nobody() -> None:
    local = LocalView((), {}, None, {"ETHUSDT": Decimal(2), "SOLUSDT": Decimal(1)})
    venue = VenueView((), [position("2", symbol="ETHUSDT"), position("-3", symbol="XRPUSDT")])
    found = diff(local, venue)
    assert [(each.cls, each.symbol, each.ours, each.theirs) for each in found] == [
        (DiffClass.POSITION, "SOLUSDT", "1", "0"),
        (DiffClass.POSITION, "XRPUSDT", "0", "-3"),
    ]
    assert {repair.kind for repair in plan(found)} == {RepairKind.RECORD}


def test_a_symbol_in_hedge_mode_is_told_and_its_two_rows_add_up() -> None:
    long, short = (replace(position(qty), position_idx=idx) for qty, idx in (("3", 1), ("-2", 2)))
    local, venue = LocalView((), expected("1")), VenueView((), [long, short])
    assert (DiffClass.MODE, RepairKind.PAUSE) in classes(local, venue)
    assert DiffClass.POSITION not in [cls for cls, _ in classes(local, venue)]


def test_a_resting_target_of_ours_beside_no_position_is_a_leftover() -> None:
    held = replace(row("pdf-target", venue_id="t"), reduce_only=True, action=Action.TARGET)
    leaving = replace(row("pdx-exit", venue_id="x"), reduce_only=True, action=Action.EXIT)
    venue = VenueView([order("t", link="pdf-target", reduce_only=True), order("x", link="pdx-exit", reduce_only=True)], ())
    assert classes(LocalView([held, leaving], {}), venue) == [(DiffClass.LEFTOVER, RepairKind.SWEEP)]
