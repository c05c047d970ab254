"""
What an instance had earned when the market's day began, from which the result of the day is counted.

It is a fold over every execution before the day and cannot change any more. So it is counted once a day and instance, page by
page, before somebody's answer is made (`rows.learn_days`); whoever shows a day that nobody has counted yet says so.
"""

from collections.abc import Iterable
from decimal import Decimal

from playd.control.paged_executions import executions_of, positions_of
from playd.core.timeframes import DAY_MS
from playd.orders.fold import VirtualPosition, add
from playd.orders.ledger import Ledger
from playd.orders.rows import execution_row
from playd.supervisor.records import InstanceRecord


class DayStarts:
    """Results of instances at the beginning of the market's present day, by uid."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, Decimal]] = {}

    async def learn(self, ledger: Ledger, records: Iterable[InstanceRecord], market_ms: int | None) -> None:
        """Count what is not known yet of these instances; nothing before there is a market time."""
        if market_ms is None:
            return
        day = market_ms // DAY_MS
        for record in records:
            if self.of(record, day) is None:
                self._known[record.uid] = day, await _result_before(ledger, record, day * DAY_MS)

    def of(self, record: InstanceRecord, day: int) -> Decimal | None:
        """The result of an instance when a day began, None while nobody has counted it."""
        known = self._known.get(record.uid)
        return known[1] if known is not None and known[0] == day else None


async def _result_before(ledger: Ledger, record: InstanceRecord, before_ms: int) -> Decimal:
    """Realised result less fees and funding, of all executions before a time."""
    total = Decimal(0)
    for symbol, idx in await positions_of(ledger, record.account, record.uid):
        if symbol == record.symbol:
            position = VirtualPosition()
            async for row in executions_of(ledger, record.account, record.uid, symbol, idx, before_ms=before_ms):
                position = add(position, execution_row(row))
            total += position.realised - position.fees - position.funding
    return total
