"""An entry that had to wait is judged by what is so then, and not by what was so when its bar closed."""

from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.orders import OrderState
from playd.orders.gates import GateInputs
from tests.simulation.order_world import READY, build, entry
from tests.simulation.test_order_path_armed import life_with_real_money
from tests.simulation.test_order_path_doubt import DEMO
from tests.simulation.venue_script import WriteFault

ARMED = replace(READY, not_armed="", bid=Decimal("49999.0"), ask=Decimal("50001.0"), mark=Decimal(50_000), quote_age_s=0.1)
ARMED = replace(ARMED, last=Decimal(50_000))

LATER = [
    (replace(ARMED, not_armed="arming_revoked: disarmed by me"), "NOT_ARMED"),
    (replace(ARMED, state="degraded", state_text="feed is stale"), "NOT_RUNNING"),
]


class Moment:
    """What an instance would tell of itself: one thing at first, another one from `turn` on."""

    def __init__(self, then: GateInputs) -> None:
        self.now, self.then = ARMED, then

    def turn(self) -> None:
        self.now = self.then

    def __call__(self) -> GateInputs:
        return self.now


@pytest.mark.parametrize(("then", "code"), LATER)
async def test_what_changes_while_an_entry_waits_for_its_token_refuses_it(then: GateInputs, code: str) -> None:
    (life, _), codes = life_with_real_money(), list[str]()
    async with life.running():
        port, moment = await life.register(), Moment(then)
        life.budget.wait_s = 2.0

        async def submit() -> None:
            codes.append((await port.submit(entry(), ARMED, moment)).code)

        async with anyio.create_task_group() as task_group:
            task_group.start_soon(submit)
            await anyio.sleep(1.0)
            moment.turn()
        assert (codes, life.venue.placed) == ([code], [])
        life.budget.wait_s = 0.0


@pytest.mark.parametrize(("then", "code"), LATER)
async def test_what_changes_while_the_venue_puts_an_entry_off_ends_it(then: GateInputs, code: str) -> None:
    life, _ = life_with_real_money()
    async with life.running():
        port, moment = await life.register(), Moment(then)
        life.venue.script.writes = [WriteFault.THROTTLED]
        life.venue.before_place = lambda _order: moment.turn()
        verdict = await port.submit(entry(), ARMED, moment)
        assert verdict.code == "REJECTED"
        assert len(life.venue.placed) == 1
        assert life.account.desk.book.need(verdict.link_id).state is OrderState.REJECTED


async def test_an_entry_that_waited_is_priced_by_the_quote_of_then() -> None:
    life = build(settings=DEMO)
    async with life.running():
        port = await life.register()
        moment = Moment(replace(ARMED, bid=Decimal("50009.0"), ask=Decimal("50010.0")))
        moment.turn()
        life.budget.wait_s = 1.0
        assert (await port.submit(entry(), ARMED, moment)).code == "SENT"
        assert life.venue.placed[0].price == Decimal("50110.0")
        life.budget.wait_s = 0.0


async def test_an_answer_that_had_no_effect_stands_between_the_two_copies_on_record() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.script.writes = [WriteFault.THROTTLED]
        verdict = await port.submit(entry(), READY)
        sql = "SELECT source, code FROM order_events WHERE link_id = ? AND source IN ('send', 'reply') ORDER BY n"
        events = [tuple(row) for row in life.ledger.rows(sql, (verdict.link_id,))]
        assert events == [("send", None), ("reply", 10006), ("send", None), ("reply", 0)]
        row = life.ledger.row("SELECT signed_ms, acked_ms, tpsl_mode FROM orders WHERE link_id = ?", (verdict.link_id,))
        assert row is not None
        assert row["acked_ms"] >= row["signed_ms"]
        assert row["tpsl_mode"] == "Full"
