"""A target that the venue does not let rest where it is asked for is put back ever more slowly, and told; the stop stays."""

from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.orders import OrderRequest
from tests.simulation.order_world import OrderWorld, build, entry
from tests.simulation.test_order_path_targets import PRICE, holding, open_incidents, resting, target

EDGE = PRICE + 500


def bound(life: OrderWorld, *, refuses: bool) -> None:
    """The venue moves limits below an edge to it, or takes none of them, by how the account is set."""
    take = life.venue._accept

    def accept(order: OrderRequest) -> int:
        if not order.reduce_only or order.price is None or order.price >= EDGE:
            return take(order)
        assert len(life.venue.placed) < 100, "it is placed without end"
        return 110121 if refuses else take(replace(order, price=EDGE))

    life.venue._accept = accept  # type: ignore[method-assign]


@pytest.mark.parametrize("refuses", [False, True])
async def test_a_target_that_may_not_rest_at_its_price_is_put_back_ever_more_slowly_and_told(refuses: bool) -> None:
    life = build()
    async with life.running():
        port, take = await holding(life), life.venue._accept
        bound(life, refuses=refuses)
        before = len(life.venue.placed)
        await port.submit(target())
        counts = []
        for wait_s in (10.0, 50.0, 540.0):
            await anyio.sleep(wait_s)
            counts.append(len(life.venue.placed) - before)
        assert counts[0] <= 4
        assert counts[1] <= 6
        assert counts[2] <= 15
        assert open_incidents(life) == ["TARGET_LOST"]
        assert {row["severity"] for row in life.ledger.rows("SELECT severity FROM incidents")} == {"warning"}
        assert life.venue.stop_of() == entry().stop

        life.venue._accept = take  # type: ignore[method-assign]
        await anyio.sleep(61.0)
        assert (resting(life), open_incidents(life)) == ([(PRICE, Decimal("0.010"))], [])
