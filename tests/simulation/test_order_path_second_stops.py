"""A planned stop that protects less than a moment ago was asked for by somebody, or it is a bug: its symbol is halted."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
import pytest

from playd.core.orders import Action, Intent, IntentClass, Side
from playd.core.reply_codes import ReplyClass, classify
from playd.orders.halts import Level
from playd.orders.second_look import LOOK_EVERY_S
from playd.venues.port import Reply
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import READY, UID, OrderWorld, build, entered, entry, leave
from tests.simulation.test_order_path_second_look import found

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
async def test_a_stop_that_nobody_loosened_or_took_away_halts_its_symbol(side: Side, stop: str | None, said: str) -> None:
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


async def test_a_rule_of_the_play_may_loosen_a_stop() -> None:
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


async def test_the_stop_of_the_next_position_may_be_any() -> None:
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


def moved(stop: str, cause: str, *, by_a_fill: bool = False) -> Intent:
    close_ms = 0 if by_a_fill else int(cause)
    stopped = replace(leave(), cause=f"fill:{cause}" if by_a_fill else cause, bar_close_ms=close_ms, reason="the rule")
    return replace(stopped, action=Action.STOP, intent_class=IntentClass.PROTECT, stop=Decimal(stop))


async def test_a_trailed_stop_that_falls_back_to_an_earlier_one_is_told() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=TWO_LOOKS_S)
        for stop, cause in (("49800.0", "180000"), ("49900.0", "240000")):
            assert (await port.submit(moved(stop, cause))).code == "AMENDED"
            await anyio.sleep(TWO_LOOKS_S)
        plan(life, entry().stop)
        await anyio.sleep(LOOK_EVERY_S + 1)
        (text,) = found(life)
        assert "went from 49900.0 to 49500.0" in text


async def test_a_rule_may_loosen_a_stop_when_the_wall_clock_was_set_back() -> None:
    life = build()
    async with life.running():
        port = await entered(life, settled_s=TWO_LOOKS_S)
        for minute in range(25):
            await port.submit(moved(f"{49_500 + minute}.0", str(180_000 + 60_000 * minute)))
        life.ledger.write("UPDATE intents SET created_ms = created_ms + 3600000")
        await anyio.sleep(TWO_LOOKS_S)
        assert (await port.submit(moved("49400.0", "6000000"))).code == "AMENDED"
        await anyio.sleep(TWO_LOOKS_S)
        assert life.account.desk.fills.share(UID, SYMBOL).stop == 49_400
        assert found(life) == []


@pytest.mark.parametrize("doubts", [0, 4])
async def test_a_plan_goes_back_to_what_it_was_before_a_move_that_the_venue_refuses(
    doubts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the venue says so only after a look has seen the plan of the move."""
    life = build()
    async with life.running():
        port = await entered(life, settled_s=TWO_LOOKS_S)
        assert (await port.submit(moved("49800.0", "180000"))).code == "AMENDED"
        await anyio.sleep(TWO_LOOKS_S)
        asked, plans = 0, []
        real = life.venue.set_stops

        async def refuse(symbol: str, **levels: Any) -> Reply:
            nonlocal asked
            if levels["stop"] != 49_900:
                return await real(symbol, **levels)
            asked += 1
            doubtful = Reply(ReplyClass.DOUBT, None, "time-out")
            return doubtful if asked <= doubts else Reply(classify(110092), 110092, "beyond the market")

        monkeypatch.setattr(life.venue, "set_stops", refuse)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(port.submit, moved("49900.0", "240000", by_a_fill=True))
            for _ in range(30):
                await anyio.sleep(1.0)
                plans.append(life.account.desk.fills.share(UID, SYMBOL).stop)
        assert (49_900 in plans) is bool(doubts)
        assert found(life) == []
