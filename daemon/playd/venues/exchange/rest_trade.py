"""Orders and executions of a user."""

from typing import Any, Final

import orjson

from playd.venues.exchange import amends, arrivals
from playd.venues.exchange.model import Order, Status
from playd.venues.exchange.records import Page
from playd.venues.exchange.refusal import OPEN_STATUS_IN_HISTORY, PARAMETER, Refusal
from playd.venues.exchange.requests import SignedAsk, SignedHandler
from playd.venues.exchange.rows import Row, order_row
from playd.venues.exchange.saved import load

OPEN_ONLY_CLOSED_MAX: Final = 500
_NO_PERIOD: Final = ()


def create(ask: SignedAsk) -> dict[str, Any]:
    return _ids(arrivals.create(ask.floor.books, ask.account, ask.params, ask.floor.records.link_used))


def amend(ask: SignedAsk) -> dict[str, Any]:
    return _ids(amends.amend(ask.floor.books, ask.account, ask.params))


def cancel(ask: SignedAsk) -> dict[str, Any]:
    return _ids(arrivals.cancel(ask.floor.books, ask.account, ask.params))


def cancel_all(ask: SignedAsk) -> dict[str, Any]:
    ended = arrivals.cancel_all(ask.floor.books, ask.account, ask.params)
    return {"list": [_ids(order) for order in ended], "success": "1"}


def realtime(ask: SignedAsk) -> dict[str, Any]:
    """Open orders, newest first; by id also closed ones; with `openOnly=1` the latest closed ones."""
    if ask.is_elsewhere():
        return ask.nothing()
    equals = _order_filter(ask)
    if "order_id" in equals or "link_id" in equals:
        return _order_list(ask, _page_of_orders(ask, equals, _NO_PERIOD, 1))
    if not (ask.text("symbol") or ask.text("settleCoin") or ask.text("baseCoin")):
        raise Refusal(PARAMETER, "params error: symbol, settleCoin or baseCoin is needed")
    equals["is_open"] = int(ask.number("openOnly", 0) == 0)
    kind = ask.text("orderFilter")
    most = OPEN_ONLY_CLOSED_MAX if not equals["is_open"] else 50
    page = _page_of_orders(ask, equals, _NO_PERIOD, ask.limit(20, most))
    return _order_list(
        ask, page, lambda order: kind not in ("Order", "StopOrder") or order.waits_for_trigger == (kind == "StopOrder")
    )


def history(ask: SignedAsk) -> dict[str, Any]:
    """Closed orders, newest first."""
    if ask.is_elsewhere():
        return ask.nothing()
    equals = _order_filter(ask)
    status = ask.text("orderStatus")
    if status:
        if any(status == each and each.open for each in Status):
            raise Refusal(OPEN_STATUS_IN_HISTORY, f"orderStatus {status} is not final")
        equals["status"] = status
    period = _NO_PERIOD if "order_id" in equals or "link_id" in equals else ask.period()
    return _order_list(ask, _page_of_orders(ask, {**equals, "is_open": 0}, period, ask.limit(20, 50)))


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
        if ask.text("symbol"):
            equals["symbol"] = ask.text("symbol")
        if ask.text("execType"):
            equals["type"] = ask.text("execType")
    page = ask.floor.records.executions(ask.account.uid, equals, period, ask.limit(50, 100), ask.text("cursor"))
    return row_list(page)


def row_list(page: Page) -> dict[str, Any]:
    """A page of finished rows as a result."""
    return {"category": "linear", "nextPageCursor": page.next_cursor, "list": [orjson.loads(body) for body in page.bodies]}


def _ids(order: Order) -> dict[str, str]:
    return {"orderId": order.order_id, "orderLinkId": order.link_id}


def _order_filter(ask: SignedAsk) -> dict[str, Any]:
    """The strongest filter wins: order id, link id, symbol."""
    for name, column in (("orderId", "order_id"), ("orderLinkId", "link_id"), ("symbol", "symbol")):
        if ask.text(name):
            return {column: ask.text(name)}
    return {}


def _page_of_orders(ask: SignedAsk, equals: dict[str, Any], period: tuple[int, ...], limit: int) -> Page:
    return ask.floor.records.orders(ask.account.uid, equals, period, limit, ask.text("cursor"))


def _order_list(ask: SignedAsk, page: Page, wanted: Any = None) -> dict[str, Any]:
    orders = [load(Order, body) for body in page.bodies]
    rows: list[Row] = [
        order_row(order, ask.floor.books.listings[order.symbol]) for order in orders if wanted is None or wanted(order)
    ]
    return {"category": "linear", "nextPageCursor": page.next_cursor, "list": rows}


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
