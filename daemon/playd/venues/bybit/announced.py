"""What the venue announces of its own maintenance, as `GET /v5/system/status` tells it to everybody."""

from dataclasses import dataclass
from typing import Final

from playd.venues.bybit.calls import CALLS
from playd.venues.bybit.numbers import Row, integer, text
from playd.venues.bybit.rest import RestClient
from playd.venues.port import Priority

_ONGOING: Final = "ongoing"
_SCHEDULED: Final = "scheduled"
_DERIVATIVES: Final = 1
"""The venue's number for the products that we trade; one that names none means all of them."""


@dataclass(frozen=True, slots=True)
class Maintenance:
    """One that is to come or goes on. Times are on the venue's wall clock; the end is what is expected, 0 when nothing is."""

    title: str
    ongoing: bool
    begin_ms: int
    end_ms: int


async def announced(rest: RestClient) -> list[Maintenance]:
    """Maintenance of derivatives that goes on or is to come. Raises `VenueError`, `LinkError`."""
    answer = await rest.read(CALLS.get_system_status(), priority=Priority.RECONCILE)
    return [_maintenance(row) for row in answer.rows if row.get("state") in (_ONGOING, _SCHEDULED) and _concerns_us(row)]


def _maintenance(row: Row) -> Maintenance:
    return Maintenance(text(row, "title"), row["state"] == _ONGOING, integer(row, "begin"), integer(row, "end"))


def _concerns_us(row: Row) -> bool:
    products = row.get("product")
    return not isinstance(products, list) or not products or _DERIVATIVES in products
