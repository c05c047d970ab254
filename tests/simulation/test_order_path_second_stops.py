"""A planned stop that protects less than a moment ago was asked for by somebody, or it is a bug: its symbol is halted."""

from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.orders import Action, IntentClass, Side
from playd.orders.halts import Level
from playd.orders.second_look import LOOK_EVERY_S
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entered, entry, leave
from tests.simulation.test_order_path_second_look import found
from tests.virtual_time import in_virtual_time

TWO_LOOKS_S = 2 * LOOK_EVERY_S + 1


def plan(life: OrderWorld, stop: Decimal | None) -> None:
    """The books plan another stop, and nothing says why."""
    life.account.desk.fills.set_protection(UID, SYMBOL, stop=stop, target=None)


@pytest.mark.parametrize(
    ("side", "stop", "said"),
    [
        (Side.BUY, "49499.9", "from 49500.0 to 49499.9"),
        (Side.BUY, None, "from 49500.0 to none"),
        (Side.SELL, "50500.1", "from 50500.0 to 50500.1"),
        (Side.SELL, None, "from 50500.0 to none"),
        (Side.BUY, "49500.1", ""),
        (Side.SELL, "50499.9", ""),
    ],
)
def test_a_stop_that_nobody_loosened_or_took_away_halts_its_symbol(side: Side, stop: str | None, said: str) -> None:
    async def body() -> None:
        life = build()
        async with life.running():
            port = await life.register()
            await port.submit(entry(side=side), READY)
            await anyio.sleep(TWO_LOOKS_S)
            plan(life, None if stop is None else Decimal(stop))
            await anyio.sleep(LOOK_EVERY_S + 1)
            text = f"the stop of {UID} on {SYMBOL} went {said}, which nobody asked for (INV-16)"
            assert found(life) == ([text] if said else [])
            if said:
                assert life.ledger.rows("SELECT severity FROM incidents WHERE kind = 'INVARIANT'")[0]["severity"] == "critical"
                assert [halt.level for halt in life.halts.in_force() if halt.code == "INVARIANT"] == [Level.HALT]

    in_virtual_time(body)


def test_a_rule_of_the_play_may_loosen_a_stop() -> None:
    async def body() -> None:
        life = build()
        async with life.running():
            port = await entered(life, settled_s=TWO_LOOKS_S)
            away = replace(
                leave(), action=Action.STOP, intent_class=IntentClass.PROTECT, stop=Decimal("49000.0"), reason="the rule"
            )
            assert (await port.submit(away)).code == "AMENDED"
            await anyio.sleep(TWO_LOOKS_S)
            assert life.account.desk.fills.share(UID, SYMBOL).stop == 49_000
            assert found(life) == []

    in_virtual_time(body)


def test_the_stop_of_the_next_position_may_be_any() -> None:
    async def body() -> None:
        life = build()
        async with life.running():
            port = await entered(life, settled_s=TWO_LOOKS_S)
            assert (await port.submit(leave())).code == "SENT"
            await anyio.sleep(0.5)
            again = replace(entry(180_000), stop=Decimal("48000.0"))
            assert (await port.submit(again, READY)).code == "SENT"
            await anyio.sleep(TWO_LOOKS_S)
            assert life.account.desk.fills.share(UID, SYMBOL).stop == 48_000
            assert found(life) == []

    in_virtual_time(body)
