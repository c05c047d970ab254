"""Several orders in one request. Each stands for itself: the request succeeds even when every order in it is refused."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from playd.venues.exchange import arrivals, rest_trade
from playd.venues.exchange.refusal import PARAMETER, TOO_MANY_VISITS, Refusal
from playd.venues.exchange.requests import SignedAsk, SignedHandler

ORDERS_MAX: Final = 20


def _amend_active(ask: SignedAsk) -> dict[str, Any]:
    """A batch changes no order that waits for its trigger."""
    if arrivals.find_open(ask.account, ask.params, "replace").waits_for_trigger:
        raise Refusal(PARAMETER, "params error: conditional orders cannot be amended in a batch")
    return rest_trade.amend(ask)


_SINGLE: Final[dict[str, SignedHandler]] = {
    "/v5/order/create-batch": rest_trade.create,
    "/v5/order/amend-batch": _amend_active,
    "/v5/order/cancel-batch": rest_trade.cancel,
}


def places(path: str, params: Mapping[str, Any]) -> int:
    """How many places of the rate a request takes: one for each of its orders."""
    items = params.get("request")
    return max(len(items), 1) if path in _SINGLE and isinstance(items, list) else 1


def _batch(path: str) -> SignedHandler:
    single = _SINGLE[path]

    def serve(ask: SignedAsk) -> dict[str, Any]:
        items = ask.params.get("request")
        if not isinstance(items, list) or not 1 <= len(items) <= ORDERS_MAX:
            raise Refusal(PARAMETER, f"params error: request must hold 1 to {ORDERS_MAX} orders")
        rows, words = [], []
        for number, item in enumerate(items):
            row, word = _one(ask, single, item, refused=number >= ask.granted, stamped=single is rest_trade.create)
            rows.append(row)
            words.append(word)
        ask.extra["list"] = words
        return {"list": rows}

    return serve


def _one(
    ask: SignedAsk, single: SignedHandler, item: object, *, refused: bool, stamped: bool
) -> tuple[dict[str, str], dict[str, Any]]:
    """One order of a batch: its row of the result and its code and text."""
    params = {**item, "category": ask.text("category")} if isinstance(item, dict) else {}
    row = {
        "category": ask.text("category"),
        "symbol": str(params.get("symbol") or ""),
        "orderId": "",
        "orderLinkId": str(params.get("orderLinkId") or ""),
    }
    stamp = {"createAt": ""} if stamped else {}
    try:
        if refused:
            raise Refusal(TOO_MANY_VISITS, "Too many visits. Exceeded the API Rate Limit.")
        ids = single(SignedAsk(ask.floor, params, account=ask.account, key=ask.key))
    except Refusal as refusal:
        return {**row, **stamp}, {"code": refusal.code, "msg": refusal.text}
    if stamped:
        stamp = {"createAt": str(ask.floor.books.time.now_ms)}
    return {**row, **ids, **stamp}, {"code": 0, "msg": "OK"}


WRITES: Final[dict[str, Callable[[SignedAsk], dict[str, Any]]]] = {path: _batch(path) for path in _SINGLE}
