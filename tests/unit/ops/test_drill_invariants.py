"""Each invariant of the drills finds what it is there for: ledgers that agree, then one thing made wrong in them."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import pytest

from playd.core.ids import instance_tag, link_id
from playd.core.orders import Action
from playd.ops.drills.invariants import CHECKS, TABLES, check, fold_venue, of_account, orders_per_attempt

UID = 1001
INSTANCE = "abcd2345"
CAUSE = "1738282680000"
INTENT = f"{INSTANCE}/{CAUSE}/enter/0"
LINK = link_id(INSTANCE, CAUSE, Action.ENTER, 0, 0)
EXIT_INTENT = f"{INSTANCE}/1738282740000/reduce/0"
EXIT_LINK = link_id(INSTANCE, "1738282740000", Action.REDUCE, 0, 0)

Ledgers = tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]


def venue_order(number: str, **more: Any) -> dict[str, Any]:
    row = {"uid": UID, "orderId": number, "orderLinkId": "", "symbol": "BTCUSDT", "side": "Buy", "qty": "2", "cumExecQty": "0"}
    row |= {"orderStatus": "New", "createType": "CreateByUser", "stopOrderType": "", "triggerPrice": "", "tpslMode": ""}
    return {**row, "reduceOnly": False, "closeOnTrigger": False, **more}


def venue_fill(number: str, order: str, side: str, qty: str, **more: Any) -> dict[str, Any]:
    row = {"uid": UID, "execId": number, "orderId": order, "symbol": "BTCUSDT", "side": side, "execQty": qty}
    return {**row, "execPrice": "100", "execFee": "0.1", "execType": "Trade", **more}


def effect(number: int, wall_ms: int, orders: list[Any], executions: list[Any]) -> dict[str, Any]:
    return {"n": number, "wall_ms": wall_ms, "kind": "effect", "orders": orders, "executions": executions, "log": []}


def create(number: int, wall_ms: int, link: str, **params: Any) -> dict[str, Any]:
    asked = {"symbol": "BTCUSDT", "orderLinkId": link, "qty": "2", "reduceOnly": False, **params}
    return {"n": number, "wall_ms": wall_ms, "kind": "request", "uid": UID, "path": "/v5/order/create", "params": asked}


def order(link: str, intent: str | None, **more: Any) -> dict[str, Any]:
    row = {"link_id": link, "intent": intent, "attempt": 0, "account": "default", "owner": INSTANCE, "state": "FILLED"}
    row |= {"symbol": "BTCUSDT", "venue_order_id": "", "qty": "2", "cum_qty": "2", "created_ms": 1000}
    return {**row, **more}


def fill(number: str, order_id: str, side: str, qty: str, **more: Any) -> dict[str, Any]:
    row = {"exec_id": number, "venue_order_id": order_id, "symbol": "BTCUSDT", "side": side, "qty": qty, "price": "100"}
    return {**row, "fee": "0.1", "exec_type": "Trade", "owner": INSTANCE, **more}


@pytest.fixture
def ledgers() -> Ledgers:
    """Two bought with a stop, one of them sold again: what both sides should have on record."""
    stop = venue_order("s", side="Sell", orderStatus="Untriggered", stopOrderType="StopLoss", triggerPrice="95")
    stop |= {"tpslMode": "Full", "reduceOnly": True, "closeOnTrigger": True, "createType": "CreateByStopLoss"}
    bought = venue_order("a", orderLinkId=LINK, orderStatus="Filled", cumExecQty="2")
    sold = venue_order("b", orderLinkId=EXIT_LINK, side="Sell", qty="1", reduceOnly=True, orderStatus="Filled", cumExecQty="1")
    entries = [
        create(1, 1010, LINK),
        effect(2, 1020, [bought, stop], [venue_fill("x1", "a", "Buy", "2")]),
        create(3, 2010, EXIT_LINK, qty="1", reduceOnly=True),
        effect(4, 2020, [sold], [venue_fill("x2", "b", "Sell", "1")]),
    ]
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    tables["intents"] = [{"id": INTENT}, {"id": EXIT_INTENT}]
    tables["orders"] = [
        order(LINK, INTENT, venue_order_id="a"),
        order(EXIT_LINK, EXIT_INTENT, venue_order_id="b", qty="1", cum_qty="1", created_ms=2000),
        order("v:s", None, venue_order_id="s", state="OPEN", cum_qty="0"),
    ]
    tables["order_events"] = [{"link_id": LINK, "before": "ACKED", "after": "FILLED"}]
    tables["executions"] = [fill("x1", "a", "Buy", "2"), fill("x2", "b", "Sell", "1")]
    tables["virtual_positions"] = [{"instance": INSTANCE, "symbol": "BTCUSDT", "signed_qty": "1", "avg_price": "100"}]
    tables["instances"] = [{"uid": INSTANCE, "tag": instance_tag(INSTANCE), "name": "mine"}]
    return entries, tables


def broken(ledgers: Ledgers) -> dict[str, tuple[str, ...]]:
    entries, tables = ledgers
    found = check(fold_venue(entries, UID, 9000), of_account(tables, "default"))
    assert len(found) == len(CHECKS)
    return {each.id: each.violations for each in found if each.violations}


def test_ledgers_that_agree_violate_nothing_and_are_really_looked_at(ledgers: Ledgers) -> None:
    assert broken(ledgers) == {}
    looked_at = {each.id: each.checks for each in check(fold_venue(ledgers[0], UID, 9000), ledgers[1])}
    assert {number for number, checks in looked_at.items() if not checks} == {"INV-06", "INV-18"}, "nothing of that kind here"


def without_row(entries: Any, tables: Any) -> None:
    tables["orders"].pop(0)


def without_intent(entries: Any, tables: Any) -> None:
    tables["intents"].pop(0)


def sent_before_commit(entries: Any, tables: Any) -> None:
    tables["orders"][0]["created_ms"] = 1015


def same_link_twice(entries: Any, tables: Any) -> None:
    entries.append(effect(9, 3000, [venue_order("c", orderLinkId=LINK, orderStatus="Cancelled")], []))


def decision_opened_twice(entries: Any, tables: Any) -> None:
    again = link_id(INSTANCE, CAUSE, Action.ENTER, 0, 1)
    tables["orders"].append(order(again, INTENT, attempt=1, venue_order_id="c", qty="2", cum_qty="2"))
    tables["executions"].append(fill("x3", "c", "Buy", "2"))
    tables["virtual_positions"][0]["signed_qty"] = "3"
    done = venue_order("c", orderLinkId=again, orderStatus="Filled", cumExecQty="2")
    entries += [create(8, 3000, again), effect(9, 3000, [done], [venue_fill("x3", "c", "Buy", "2")])]


def other_parameters(entries: Any, tables: Any) -> None:
    entries.append(create(9, 3000, LINK, qty="5"))


def reopened_here(entries: Any, tables: Any) -> None:
    tables["order_events"].append({"link_id": LINK, "before": "FILLED", "after": "OPEN"})


def reopened_there(entries: Any, tables: Any) -> None:
    entries.append(effect(9, 3000, [venue_order("a", orderLinkId=LINK, orderStatus="New", cumExecQty="2")], []))


def too_much_executed(entries: Any, tables: Any) -> None:
    tables["orders"][0]["cum_qty"] = "3"


def executed_less_again(entries: Any, tables: Any) -> None:
    entries.append(effect(9, 3000, [venue_order("a", orderLinkId=LINK, orderStatus="Filled", cumExecQty="1")], []))


def called_dead_but_done(entries: Any, tables: Any) -> None:
    tables["orders"][0]["state"] = "NEVER_ARRIVED"


def still_unknown(entries: Any, tables: Any) -> None:
    tables["orders"][1]["state"] = "UNKNOWN"


def exit_flips(entries: Any, tables: Any) -> None:
    entries[3]["executions"][0]["execQty"] = "3"


def exit_adds(entries: Any, tables: Any) -> None:
    entries[3]["executions"][0]["side"] = "Buy"


def on_no_record(entries: Any, tables: Any) -> None:
    entries.append(effect(9, 3000, [venue_order("z", symbol="ETHUSDT")], []))


def books_differ(entries: Any, tables: Any) -> None:
    tables["virtual_positions"][0]["signed_qty"] = "2"


def fill_is_missing(entries: Any, tables: Any) -> None:
    tables["executions"].pop()


def fill_is_invented(entries: Any, tables: Any) -> None:
    tables["executions"].append(fill("x9", "b", "Sell", "0"))


def fee_is_wrong(entries: Any, tables: Any) -> None:
    tables["executions"][0]["fee"] = "0.2"


def stop_is_gone(entries: Any, tables: Any) -> None:
    entries[1]["orders"][1]["orderStatus"] = "Cancelled"


def stop_of_other_side(entries: Any, tables: Any) -> None:
    entries[1]["orders"][1]["side"] = "Buy"


def stop_too_small(entries: Any, tables: Any) -> None:
    entries[1]["orders"][1] |= {"tpslMode": "Partial", "qty": "0.5"}


def stop_beyond_entry(entries: Any, tables: Any) -> None:
    entries[1]["orders"][1]["triggerPrice"] = "105"


def halted(scope: str) -> Callable[[Any, Any], None]:
    def entered(entries: Any, tables: Any) -> None:
        tables["halts"].append({"scope": scope, "level": 2, "code": "X", "raised_ms": 5, "lifted_ms": 1500})

    entered.__name__ = f"entered_beside_{scope.split(':')[0]}"
    return entered


@pytest.mark.parametrize(
    ("number", "spoil"),
    [
        ("INV-01", without_row),
        ("INV-01", without_intent),
        ("INV-01", sent_before_commit),
        ("INV-02", same_link_twice),
        ("INV-02", decision_opened_twice),
        ("INV-03", other_parameters),
        ("INV-04", reopened_here),
        ("INV-04", reopened_there),
        ("INV-05", too_much_executed),
        ("INV-05", executed_less_again),
        ("INV-06", called_dead_but_done),
        ("INV-07", still_unknown),
        ("INV-10", exit_flips),
        ("INV-10", exit_adds),
        ("INV-11", on_no_record),
        ("INV-12", books_differ),
        ("INV-13", fill_is_missing),
        ("INV-13", fill_is_invented),
        ("INV-13", fee_is_wrong),
        ("INV-15", stop_is_gone),
        ("INV-15", stop_of_other_side),
        ("INV-15", stop_too_small),
        ("INV-15", stop_beyond_entry),
        ("INV-18", halted("all")),
        ("INV-18", halted("account:default")),
        ("INV-18", halted("symbol:default/BTCUSDT")),
        ("INV-18", halted(f"instance:{INSTANCE}")),
    ],
    ids=lambda value: value.__name__ if callable(value) else value,
)
def test_a_violation_is_found(ledgers: Ledgers, number: str, spoil: Callable[[Any, Any], None]) -> None:
    spoiled = deepcopy(ledgers)
    spoil(*spoiled)
    assert number in broken(spoiled)


def test_halts_of_others_and_of_before_do_not_count(ledgers: Ledgers) -> None:
    halts = ledgers[1]["halts"]
    halts.append({"scope": "symbol:default/ETHUSDT", "level": 2, "code": "X", "raised_ms": 0, "lifted_ms": None})
    halts.append({"scope": "all", "level": 2, "code": "Y", "raised_ms": 0, "lifted_ms": 900})
    assert broken(ledgers) == {}


def naked(ledgers: Ledgers) -> Mapping[str, int]:
    return fold_venue(ledgers[0], UID, 9000).naked_ms


def test_the_time_without_a_stop_is_read_from_the_exchange_s_ledger(ledgers: Ledgers) -> None:
    assert naked(ledgers) == {}
    stop = ledgers[0][1]["orders"][1]
    ledgers[0].append(effect(5, 3000, [{**stop, "orderStatus": "Deactivated"}], []))
    assert naked(ledgers) == {"BTCUSDT": 6000}
    ledgers[0].append(effect(6, 4500, [{**stop, "orderId": "s2"}], []))
    assert naked(ledgers) == {"BTCUSDT": 1500}


def test_each_time_without_a_stop_counts_not_only_the_longest_of_its_symbol(ledgers: Ledgers) -> None:
    stop = ledgers[0][1]["orders"][1]
    ledgers[0].append(effect(5, 3000, [{**stop, "orderStatus": "Deactivated"}], []))
    ledgers[0].append(effect(6, 4500, [{**stop, "orderId": "s2"}], []))
    ledgers[0].append(effect(7, 6000, [{**stop, "orderId": "s2", "orderStatus": "Deactivated"}], []))
    assert fold_venue(ledgers[0], UID, 9000).lapses == [("BTCUSDT", 1500), ("BTCUSDT", 3000)]


def test_a_stop_that_its_plan_has_moved_beyond_the_entry_is_right(ledgers: Ledgers) -> None:
    stop_beyond_entry(*ledgers)
    ledgers[1]["virtual_positions"][0]["stop"] = "105.0"
    assert broken(ledgers) == {}


def test_a_position_opened_by_hand_needs_no_stop_of_ours(ledgers: Ledgers) -> None:
    hand = venue_order("h", symbol="ETHUSDT", orderStatus="Filled", cumExecQty="2")
    ledgers[0].append(effect(5, 3000, [hand], [venue_fill("y", "h", "Buy", "2", symbol="ETHUSDT")]))
    ledgers[1]["executions"].append(fill("y", "h", "Buy", "2", symbol="ETHUSDT", owner="foreign"))
    share = {"instance": "foreign", "symbol": "ETHUSDT", "signed_qty": "2", "avg_price": "100"}
    ledgers[1]["virtual_positions"].append(share)
    assert broken(ledgers) == {}


def test_what_a_shadow_books_is_not_judged(ledgers: Ledgers) -> None:
    ledgers[1]["executions"].append(fill("y", "z", "Sell", "7", account="shadow", owner="other"))
    ledgers[1]["virtual_positions"].append({"account": "shadow", "instance": "other", "symbol": "BTCUSDT", "signed_qty": "-7"})
    assert broken(ledgers) == {}


def test_what_others_of_the_venue_do_is_not_judged(ledgers: Ledgers) -> None:
    strange = {**venue_fill("y", "z", "Sell", "7"), "uid": 2}
    ledgers[0].append(effect(5, 3000, [{**venue_order("z"), "uid": 2}], [strange]))
    assert broken(ledgers) == {}


def test_orders_of_an_attempt_are_counted_by_the_record_and_by_their_name_where_there_is_none(ledgers: Ledgers) -> None:
    entries, tables = ledgers
    assert orders_per_attempt(fold_venue(entries, UID, 9000), tables) == 1
    tables["orders"].append(order("another", INTENT, venue_order_id="c"))
    entries.append(effect(8, 3000, [venue_order("c", orderLinkId="another", orderStatus="Cancelled")], []))
    assert orders_per_attempt(fold_venue(entries, UID, 9000), tables) == 2
    entries += [effect(9, 3000, [venue_order(each, orderLinkId="strange") for each in ("d", "e", "f")], [])]
    assert orders_per_attempt(fold_venue(entries, UID, 9000), tables) == 3
