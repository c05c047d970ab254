"""What an entry meets on its account: what was executed and is not booked yet, and orders of others."""

from dataclasses import replace
from decimal import Decimal

import anyio

from playd.core.modes import Environment
from playd.core.orders import OrderState, Side
from playd.orders.risk_limits import RiskLimits
from playd.orders.settings import OrderSettings
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, build, entered, entry


async def test_an_order_that_the_venue_has_filled_counts_before_its_executions_are_booked() -> None:
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


async def test_what_an_order_by_hand_executed_before_this_ledger_is_not_open_for_ever() -> None:
    life = build(settings=replace(OrderSettings.of(Environment.LOCAL), limits=RiskLimits(max_positions=1)))
    venue = life.venue
    venue.by_hand()
    venue.fill_part(Decimal("0.004"))
    await anyio.sleep(100.0)
    async with life.running():
        await anyio.sleep(2.0)
        (order,) = [order for order in venue.orders.values() if order.link_id == "by-hand"]
        venue._report(replace(order, status="Cancelled", cancel_type="CancelByUser"))
        await anyio.sleep(1.0)
        venue.close_by_hand()
        await anyio.sleep(1000.0)
        lacking = [row.unbooked_qty for row in life.account.desk.book.lacking_fills()]
        facts = life.account.gateway._facts.gather(entry(symbol="ETHUSDT"), 60_000, intent_exists=False)

    assert lacking == [Decimal("0.004")]
    assert (facts.working, facts.holdings) == ((), ())


async def test_an_order_by_hand_that_only_reduces_holds_entries_off_because_it_would_close_them() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        life.venue.by_hand(side=Side.SELL, price=60_000, reduce_only=True)
        await anyio.sleep(0.1)
        (orphan,) = life.account.desk.book.orphans(SYMBOL)
        blocked = await port.submit(entry(180_000), READY)

        assert (orphan.state, orphan.reduce_only) == (OrderState.ORPHAN, True)
        assert (blocked.code, blocked.text) == ("UNRESOLVED", f"order {orphan.link_id} at the venue is nobody's")
