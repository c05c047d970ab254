"""What was earned before the present day is counted once, page by page, and again when another day has begun."""

from decimal import Decimal
from types import SimpleNamespace
from typing import cast

import anyio
import anyio.lowlevel
import pytest

from playd.control.day_starts import DayStarts
from playd.control.paged_executions import PAGE
from playd.core.timeframes import DAY_MS
from playd.supervisor.records import InstanceRecord
from tests.unit.control.test_practice import daemon, executed

DAY = 20_000
RECORD = cast("InstanceRecord", SimpleNamespace(uid="shadow01", account="shadow-shadow01", symbol="BTCUSDT"))


@pytest.mark.anyio
async def test_the_result_of_the_days_before_is_counted_in_pages_and_once_a_day() -> None:
    with daemon() as (_, ledger, _world):
        start_ms = DAY * DAY_MS
        for n in range(1, 4 * PAGE + 1):  # each pair earns one
            executed(ledger, n, "Buy" if n % 2 else "Sell", 100 + (n % 2 == 0), start_ms - DAY_MS + n)
        executed(ledger, 9_001, "Buy", 100, start_ms + 1)
        executed(ledger, 9_002, "Sell", 90, start_ms + 2)
        starts, looks = DayStarts(), 0

        async def others() -> None:
            nonlocal looks
            while True:
                looks += 1
                await anyio.lowlevel.checkpoint()

        assert starts.of(RECORD, DAY) is None
        await starts.learn(ledger, [RECORD], None)
        assert starts.of(RECORD, DAY) is None, "no market time, no day"
        async with anyio.create_task_group() as group:
            group.start_soon(others)
            await starts.learn(ledger, [RECORD], start_ms + 5)
            group.cancel_scope.cancel()
        assert starts.of(RECORD, DAY) == Decimal(2 * PAGE)
        assert looks >= 4
        before = looks
        await starts.learn(ledger, [RECORD], start_ms + 6)
        assert looks == before
        await starts.learn(ledger, [RECORD], start_ms + DAY_MS)
        assert starts.of(RECORD, DAY) is None
        assert starts.of(RECORD, DAY + 1) == Decimal(2 * PAGE - 10)
