"""What an account may hold is judged by everything that was executed, also while it is not booked yet."""

from dataclasses import replace
from decimal import Decimal

from playd.core.modes import Environment
from playd.orders.risk_limits import RiskLimits
from playd.orders.settings import OrderSettings
from tests.simulation.order_world import READY, UID, build, entered, entry
from tests.virtual_time import in_virtual_time


def test_an_order_that_the_venue_has_filled_counts_before_its_executions_are_booked() -> None:
    async def body() -> None:
        life = build(settings=replace(OrderSettings.of(Environment.LOCAL), limits=RiskLimits(gross_pct=Decimal(15))))
        async with life.running():
            await entered(life)  # 500 USDT of the 1500 that are allowed
            other = await life.register("efgh6789", symbol="ETHUSDT")
            life.ledger.write("UPDATE orders SET venue_cum_qty = '0.030' WHERE owner = ? AND intent IS NOT NULL", (UID,))
            lacking = [row.unbooked_qty for row in life.account.desk.book.lacking_fills()]
            refused = await other.submit(entry(uid="efgh6789", symbol="ETHUSDT"), READY)

            assert lacking == [Decimal("0.020")]
            assert refused.refusal is not None
            assert (refused.code, refused.refusal.value) == ("EXPOSURE", "20.0")

    in_virtual_time(body)
