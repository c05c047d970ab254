"""A panic goes before every other queue of the rate budget: its cancels, its closing orders, and what it reads."""

from dataclasses import replace
from decimal import Decimal

import anyio

from playd.core.orders import Action
from playd.orders.budget import AddressBudget
from playd.orders.panic import PanicScope
from playd.venues.port import CREATE, Priority
from tests.simulation.order_world import READY, build, entered
from tests.simulation.test_order_path_cancels import LIMIT
from tests.simulation.test_storm import CountingVenue
from tests.virtual_time import LoopClock

CANCEL = "/v5/order/cancel"
A_SECOND = 6
"""So many orders, and so many cancels, leave in a second beside a guardian."""


async def test_a_panic_waits_behind_no_exit_and_no_cancel_of_anybody_else() -> None:
    clock = LoopClock()
    budget = AddressBudget(clock).for_account("main", guarded=True)
    venue = CountingVenue(clock, budget)
    life = build(venue=venue, budget=budget)
    async with life.running():
        port = await entered(life)
        venue.resting = True
        await port.submit(replace(LIMIT, cause="120000", bar_close_ms=120_000, action=Action.ADD), READY)
        await anyio.sleep(3.0)
        venue.resting = False
        served: list[str] = []

        async def queue(endpoint: str, priority: Priority, n: int) -> None:
            await budget.take(endpoint, priority, owner=f"busy {n}")
            served.append(endpoint)

        venue.before_place = lambda order: served.append("panic closes")
        venue.before_cancel = lambda _link: served.append("panic cancels")
        async with anyio.create_task_group() as group:
            for n in range(40):
                group.start_soon(queue, CREATE, Priority.EXIT, n)
                group.start_soon(queue, CANCEL, Priority.CANCEL, n)
            await anyio.sleep(0.05)
            report = await life.account.panic(PanicScope(), actor="me", reason="test")
            closed, cancelled = served.index("panic closes"), served.index("panic cancels")
            assert report.exit_code == 0
            assert served[:closed].count(CREATE) < 2 * A_SECOND, "it leaves with the first that leave behind it"
            assert served[:cancelled].count(CANCEL) < 2 * A_SECOND
            assert venue.signed() == Decimal(0)
            group.cancel_scope.cancel()
