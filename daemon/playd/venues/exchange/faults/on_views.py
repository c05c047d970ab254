"""Faults of what reads show: orders that are there and not listed, and what lists say later than it happened."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any, Final

from playd.venues.exchange.faults.model import Fault
from playd.venues.exchange.words import Status

_ORDER_LISTS: Final = ("/v5/order/realtime", "/v5/order/history")
_OPEN: Final = frozenset(status.value for status in Status if status.open)
_STAMPS: Final = {
    **dict.fromkeys((*_ORDER_LISTS, "/v5/position/closed-pnl"), "updatedTime"),
    "/v5/execution/list": "execTime",
    "/v5/account/transaction-log": "transactionTime",
}
"""Lists that may lag behind what happened, and what says when a row of theirs did."""


def without_hidden(result: dict[str, Any], path: str, faults: Iterable[Fault], now_ms: int) -> dict[str, Any]:
    """The result of a read as these faults let it be seen. `now_ms` is the market's time."""
    for fault in faults:
        if fault.kind in ("order_not_found", "forget_closed") and path in _ORDER_LISTS:
            result = {**result, "list": [row for row in result["list"] if not _hides(fault, row)]}
        elif fault.kind == "late_history" and path in _STAMPS:
            since_ms = now_ms - fault.number("delay_s") * 1000.0
            open_too, rows = bool(fault.params["open"]), result["list"]
            result = {**result, "list": [row for row in rows if not _is_late(row, _STAMPS[path], since_ms, open_too=open_too)]}
    return result


def _is_late(row: dict[str, Any], stamp: str, since_ms: float, *, open_too: bool) -> bool:
    """Whether a row is too new to be seen. An open order is no history: it is new only where these come late, too."""
    if row.get("orderStatus") in _OPEN:
        return open_too and int(row["createdTime"]) > since_ms
    return int(row[stamp]) > since_ms


def _hides(fault: Fault, row: dict[str, Any]) -> bool:
    is_open = row["orderStatus"] in _OPEN
    if is_open is not (fault.kind == "order_not_found"):
        return False
    pattern = fault.where.link_id
    return not pattern or fnmatchcase(str(row["orderLinkId"]), pattern)
