"""Orders and executions of a user."""

from typing import Any, Final

import orjson

from playd.venues.exchange import amends, arrivals
from playd.venues.exchange.model import Order
from playd.venues.exchange.records import Page, cursor_behind, number_in
from playd.venues.exchange.refusal import OPEN_STATUS_IN_HISTORY, PARAMETER, Refusal
from playd.venues.exchange.requests import SETTLE_COIN, SignedAsk, SignedHandler
from playd.venues.exchange.retention import UNFILLED_MS
from playd.venues.exchange.rows import by_rest, order_row
from playd.venues.exchange.saved import load
from playd.venues.exchange.words import Status, StopKind

ORDERS_PAGE_MAX: Final = 50
_NO_PERIOD: Final = ()


def create(ask: SignedAsk) -> dict[str, Any]:
    return _ids(arrivals.create(ask.floor.books, ask.account, ask.params, ask.floor.link_used))


def amend(ask: SignedAsk) -> dict[str, Any]:
    return _ids(amends.amend(ask.floor.books, ask.account, ask.params))


def cancel(ask: SignedAsk) -> dict[str, Any]:
    return _ids(arrivals.cancel(ask.floor.books, ask.account, ask.params))


def cancel_all(ask: SignedAsk) -> dict[str, Any]:
    """What ended; nothing of another category or coin, of which there are no orders."""
    ended = [] if ask.is_elsewhere() else arrivals.cancel_all(ask.floor.books, ask.account, ask.params)
    return {"list": [_ids(order) for order in ended], "success": "1"}


def realtime(ask: SignedAsk) -> dict[str, Any]:
    """Open orders, newest first; by id also ones that ended not long ago; with `openOnly=1` only those."""
    if ask.is_elsewhere():
        return ask.nothing()
    account, ended = ask.account, ask.floor.closed.of_user(ask.account.uid)
    if _is_by_id(equals := _order_filter(ask)):
        ((name, value),) = equals.items()
        found = [order for order in (*account.orders.values(), *ended) if getattr(order, name) == value]
        return _order_list(ask, found[:1], "")
    if not (ask.text("symbol") or ask.text("settleCoin") or ask.text("baseCoin")):
        raise Refusal(PARAMETER, "params error: symbol, settleCoin or baseCoin is needed")
    symbol, kind, before = equals.get("symbol"), ask.text("orderFilter"), number_in(ask.text("cursor"))
    chosen = [
        order
        for order in (ended if ask.number("openOnly", 0) else account.orders.values())
        if symbol in (None, order.symbol) and _is_of_kind(order, kind) and (before is None or order.sequence < before)
    ]
    chosen.sort(key=lambda order: -order.sequence)
    limit = ask.limit(20, ORDERS_PAGE_MAX)
    return _order_list(ask, chosen[:limit], cursor_behind(chosen[limit - 1].sequence) if len(chosen) > limit else "")


def history(ask: SignedAsk) -> dict[str, Any]:
    """Orders that are over, newest first, while they are kept. What `orderFilter` leaves out takes no place on a page."""
    if ask.is_elsewhere():
        return ask.nothing()
    equals = _order_filter(ask)
    status = ask.text("orderStatus")
    if status:
        if any(status == each and each.open for each in Status):
            raise Refusal(OPEN_STATUS_IN_HISTORY, f"orderStatus {status} is not final")
        equals["status"] = status
    period = _NO_PERIOD if _is_by_id(equals) else ask.period()
    limit, kind, cursor = ask.limit(20, ORDERS_PAGE_MAX), ask.text("orderFilter"), ask.text("cursor")
    orders: list[Order] = []
    while True:
        page = ask.floor.records.closed_orders(ask.account.uid, equals, period, limit - len(orders), cursor, ended=_since(ask))
        orders += [order for body in page.bodies if _is_of_kind(order := load(Order, body), kind)]
        cursor = page.next_cursor
        if len(orders) == limit or not cursor:
            return _order_list(ask, orders, cursor)


def _since(ask: SignedAsk) -> tuple[int, int]:
    """Since when an order must have been over to be shown, with a fill and without."""
    now_ms = ask.floor.books.time.now_ms
    return now_ms - ask.floor.filled_kept_ms, now_ms - UNFILLED_MS


def executions(ask: SignedAsk) -> dict[str, Any]:
    """Executions, newest first, funding included. A filter by id makes the others irrelevant."""
    if ask.is_elsewhere():
        return ask.nothing()
    equals: dict[str, Any] = {}
    period: tuple[int, ...] = _NO_PERIOD
    if ask.text("orderId"):
        equals["order_id"] = ask.text("orderId")
    elif ask.text("orderLinkId"):
        equals["link_id"] = ask.text("orderLinkId")
    else:
        period = ask.period()
        equals |= _symbol_filter(ask)
        if ask.text("execType"):
            equals["type"] = ask.text("execType")
    found = row_list(ask.floor.records.executions(ask.account.uid, equals, period, ask.limit(50, 100), ask.text("cursor")))
    return {**found, "list": [by_rest("execution", row) for row in found["list"]]}


def row_list(page: Page) -> dict[str, Any]:
    """A page of finished rows as a result."""
    return {"category": "linear", "nextPageCursor": page.next_cursor, "list": [orjson.loads(body) for body in page.bodies]}


def _ids(order: Order) -> dict[str, str]:
    return {"orderId": order.order_id, "orderLinkId": order.link_id}


def _order_filter(ask: SignedAsk) -> dict[str, Any]:
    """The strongest filter wins: order id, link id, symbol, base coin."""
    for name, column in (("orderId", "order_id"), ("orderLinkId", "link_id")):
        if ask.text(name):
            return {column: ask.text(name)}
    return _symbol_filter(ask)


def _symbol_filter(ask: SignedAsk) -> dict[str, Any]:
    base = ask.text("baseCoin")
    symbol = ask.text("symbol") or (base and base + SETTLE_COIN)
    return {"symbol": symbol} if symbol else {}


def _is_by_id(equals: dict[str, Any]) -> bool:
    return "order_id" in equals or "link_id" in equals


def _order_list(ask: SignedAsk, orders: list[Order], cursor: str) -> dict[str, Any]:
    rows = [by_rest("order", order_row(order, ask.floor.books.listings[order.symbol])) for order in orders]
    return {"category": "linear", "nextPageCursor": cursor, "list": rows}


def _is_of_kind(order: Order, kind: str) -> bool:
    """
    Whether `orderFilter` lets an order through: `StopOrder` those that wait for a trigger, or had one when they are over;
    `Order` the others, nothing both.
    """
    has_trigger = order.waits_for_trigger if order.status.open else order.stop_kind is not StopKind.NONE
    return kind not in ("Order", "StopOrder") or has_trigger == (kind == "StopOrder")


READS: Final[dict[str, SignedHandler]] = {
    "/v5/order/realtime": realtime,
    "/v5/order/history": history,
    "/v5/execution/list": executions,
}
WRITES: Final[dict[str, SignedHandler]] = {
    "/v5/order/create": create,
    "/v5/order/amend": amend,
    "/v5/order/cancel": cancel,
    "/v5/order/cancel-all": cancel_all,
}
