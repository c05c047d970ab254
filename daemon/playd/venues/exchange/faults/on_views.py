"""Faults of what reads show: orders that are there and not listed."""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any, Final

from playd.venues.exchange.faults.model import Fault
from playd.venues.exchange.words import Status

_ORDER_LISTS: Final = ("/v5/order/realtime", "/v5/order/history")
_OPEN: Final = frozenset(status.value for status in Status if status.open)


def without_hidden(result: dict[str, Any], path: str, faults: Iterable[Fault]) -> dict[str, Any]:
    """The result of a read as these faults let it be seen."""
    if path not in _ORDER_LISTS:
        return result
    for fault in faults:
        if fault.kind in ("order_not_found", "forget_closed"):
            result = {**result, "list": [row for row in result["list"] if not _hides(fault, row)]}
    return result


def _hides(fault: Fault, row: dict[str, Any]) -> bool:
    is_open = row["orderStatus"] in _OPEN
    if is_open is not (fault.kind == "order_not_found"):
        return False
    pattern = fault.where.link_id
    return not pattern or fnmatchcase(str(row["orderLinkId"]), pattern)
