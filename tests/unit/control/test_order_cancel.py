"""A person cancels one order: through lost replies, never a stop, and what is not ours only with the phrase."""

from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from playd.control.change_methods import cancel_order
from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.params import CancelOrder
from playd.control.protocol import Code, RpcError
from playd.orders.budget import AddressBudget
from playd.orders.order_book import FOREIGN
from playd.venues.port import Priority, Reply
from tests.answers import check_data
from tests.simulation.order_world import OrderWorld, build, entered
from tests.simulation.test_order_path_cancels import resting
from tests.simulation.venue_script import EventFault, WriteFault
from tests.virtual_time import LoopClock


@dataclass
class Warned:
    """What a call keeps of its warnings."""

    warnings: list[tuple[str, str]] = field(default_factory=list)


async def cancelled(
    life: OrderWorld, order: str, confirm: str = "", *, preview: bool = False, call: Warned | None = None
) -> dict[str, Any]:
    plan = SimpleNamespace(environment=life.account.environment)
    held = {"main": SimpleNamespace(account=life.account, plan=plan)}
    daemon = SimpleNamespace(
        accounts=SimpleNamespace(held=held), clock=life.world.clock, supervisor=SimpleNamespace(slots={}), ledger=life.ledger
    )
    params = CancelOrder(request_id="r", id=order, confirm=confirm, preview=preview)
    row = await cancel_order(cast("Daemon", daemon), params, cast("Call", call or Warned()))
    check_data("order.cancel", row)
    return {**row}


async def test_an_entry_is_final_when_the_command_answers_also_when_the_reply_was_lost() -> None:
    life = build()
    async with life.running():
        await resting(life)
        link = next(iter(life.account.desk.book.live())).link_id
        life.venue.script.cancels = [WriteFault.LOST_BEFORE]
        life.venue.script.events = [EventFault.LOST]
        with pytest.raises(RpcError) as asked:
            await cancelled(life, link, preview=True)
        assert asked.value.details["phrase"] == "y"
        assert ": of abcd2345" in asked.value.details["preview"][0]
        with anyio.fail_after(60):
            row = await cancelled(life, link, "y", preview=True)
        assert row["state"] == "CANCELLED"
        with pytest.raises(RpcError) as caught:
            await cancelled(life, link)
        assert caught.value.code is Code.NOT_FOUND


async def test_what_an_order_opened_before_its_cancel_is_said_with_its_price_and_its_stop() -> None:
    life = build()
    async with life.running():
        await resting(life)
        (row,) = life.account.desk.book.live()
        life.venue.fill_part(Decimal("0.004"))
        await anyio.sleep(1.0)
        after = await cancelled(life, row.link_id)
        shown = {name: after[name]["value"] for name in ("filled", "avg_price", "position", "stop")}
        assert {name: Decimal(value) for name, value in shown.items()} == {
            "filled": Decimal("0.004"),
            "avg_price": life.venue.price,
            "position": Decimal("0.004"),
            "stop": row.stop,
        }


async def test_a_stop_is_refused_and_an_order_of_somebody_else_needs_the_phrase() -> None:
    life = build()
    async with life.running():
        await entered(life)
        stop = next(row for row in life.account.desk.book.live() if row.protective)
        with pytest.raises(RpcError, match="is the stop") as refused:
            await cancelled(life, stop.link_id)
        assert refused.value.code is Code.REFUSED
        life.venue.by_hand()
        await anyio.sleep(0.1)
        other = next(row for row in life.account.desk.book.live() if row.owner == FOREIGN)
        with pytest.raises(RpcError) as asked:
            await cancelled(life, other.link_id)
        assert asked.value.code is Code.PHRASE_REQUIRED
        assert "--confirm" in asked.value.hint
        row = await cancelled(life, other.link_id, f"CLOSE {other.link_id}")
        assert row["state"] == "CANCELLED"


async def test_a_cancel_that_a_ban_keeps_back_is_answered_at_once_and_leaves_when_the_ban_is_over() -> None:
    clock = LoopClock()
    address = AddressBudget(clock)
    life = build(budget=address.for_account("main"))
    async with life.running():
        await resting(life)
        send = life.venue.cancel

        async def paid(symbol: str, *, link_id: str = "", venue_order_id: str = "", priority: Priority) -> Reply:
            await life.account.desk.budget.take("/v5/order/cancel", priority)
            return await send(symbol, link_id=link_id, venue_order_id=venue_order_id, priority=priority)

        life.venue.cancel = paid  # type: ignore[method-assign]
        link = next(iter(life.account.desk.book.live())).link_id
        address.ban()
        call, began_s = Warned(), clock.mono_s()
        row = await cancelled(life, link, call=call)
        assert clock.mono_s() - began_s < 1.0
        assert (row["state"], life.venue.cancels) == ("OPEN", [])
        ((code, text),) = call.warnings
        assert code == "banned"
        assert "banned our address until 2023-11-14T22:2" in text
        assert "the cancel was not sent" in text
        await anyio.sleep(605.0)
        assert len(life.venue.cancels) == 1
        assert life.account.desk.book.need(link).state == "CANCELLED"
