"""A ban of our address, and what it does to entries, exits and the next life of the daemon."""

import asyncio

import anyio
import pytest

from playd.core.orders import OrderState
from playd.orders.bans import Bans
from playd.orders.budget import AddressBudget
from playd.orders.gates import GateInputs
from playd.orders.rate_limits import RateRules
from playd.venues.port import Priority
from tests.simulation.order_world import READY, UID, build, entered, entry, leave
from tests.simulation.venue_script import WriteFault
from tests.virtual_time import LoopClock


def now_s() -> float:
    return asyncio.get_running_loop().time()


async def test_a_ban_is_found_again_by_the_next_life() -> None:
    life = build()
    bans = Bans(life.ledger, life.journal)
    assert bans.until_ms == 0
    AddressBudget(LoopClock(), banned_until_ms=bans.until_ms, on_ban=bans.keep).ban()
    await anyio.sleep(60.0)
    life = life.crash()
    address = AddressBudget(LoopClock(), banned_until_ms=Bans(life.ledger, life.journal).until_ms)
    assert address.banned_for_s == pytest.approx(RateRules().ban_s - 60.0)
    life.venue.close_stream()


async def test_a_wall_clock_set_back_makes_no_ban_longer() -> None:
    clock = LoopClock()
    address = AddressBudget(clock, banned_until_ms=clock.wall_ms() + 86_400_000)
    assert address.banned_for_s == pytest.approx(RateRules().ban_s)


async def test_a_repeat_waits_in_the_turn_of_its_instance() -> None:
    life, owners = build(), list[str]()

    async def take(_endpoint: str, _priority: Priority, *, owner: str = "") -> None:
        owners.append(owner)

    async with life.running():
        port = await life.register()
        life.budget.take = take  # type: ignore[method-assign]
        life.venue.script.codes = [10006]
        assert (await port.submit(entry(), READY)).code == "SENT"
        assert owners[-1] == UID


async def test_a_ban_that_answers_an_order_is_reported_by_whoever_read_the_answer_and_not_once_more() -> None:
    life, reported = build(), list[float]()
    async with life.running():
        port = await life.register()
        life.budget.banned = lambda: reported.append(now_s())  # type: ignore[method-assign]
        life.venue.script.codes = [10018]
        verdict = await port.submit(entry(), READY)
        assert life.account.desk.book.need(verdict.link_id).code == 10018
        assert reported == []


async def test_while_banned_an_entry_is_refused_at_once_and_afterwards_the_pause_lifts_itself() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.budget.ban_s = 600.0
        began_s = now_s()
        verdict = await port.submit(entry(), READY)
        assert (verdict.code, now_s()) == ("ACCOUNT_NOT_READY", began_s)
        await anyio.sleep(1.0)
        assert [halt.code for halt in life.halts.in_force()] == ["BANNED"]
        life.budget.ban_s = 0.0
        await anyio.sleep(150.0)
        assert life.halts.in_force() == []
        assert (await port.submit(entry(600_000), READY)).code == "SENT"


async def test_while_the_venue_protects_itself_entries_are_refused_and_exits_leave() -> None:
    life = build()
    async with life.running():
        port = await entered(life)
        life.budget.pause_s = 4.0
        assert (await port.submit(entry(120_000), READY)).code == "ACCOUNT_NOT_READY"
        assert (await port.submit(leave(120_000), READY)).code == "SENT"
        await anyio.sleep(1.0)
        assert life.venue.signed() == 0


async def test_a_ban_that_begins_while_an_entry_waits_for_its_token_drops_it_when_its_signal_is_old() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.budget.wait_s = 600.0
        began_s = now_s()
        verdict = await port.submit(entry(), GateInputs(state="running", ready=True, feed_age_s=0.1, bar_age_s=10.0))
        assert verdict.code == "RATE_EXPIRED"
        assert now_s() - began_s == pytest.approx(life.settings.entry_max_age_s - 10.0)
        assert life.venue.placed == []
        life.budget.wait_s = 0.0


async def test_an_entry_refused_for_speed_is_not_repeated_after_its_signal_has_grown_old() -> None:
    life = build()
    async with life.running():
        port = await life.register()
        life.venue.script.writes = [WriteFault.THROTTLED]

        async def slow_second_token(endpoint: str, priority: Priority, *, owner: str = "") -> None:
            life.budget.taken.append((endpoint, priority))
            if priority is Priority.ENTRY and len([each for _, each in life.budget.taken if each is Priority.ENTRY]) > 1:
                await anyio.sleep(600.0)

        life.budget.take = slow_second_token  # type: ignore[method-assign]
        verdict = await port.submit(entry(), READY)
        assert verdict.code == "REJECTED"
        assert len(life.venue.placed) == 1
        assert life.account.desk.book.need(verdict.link_id).state is OrderState.REJECTED
