"""An account that ends is opened again whatever it ended with, and nobody is given one that has ended."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import anyio
import pytest

from playd.core.errors import Broken, LinkError
from playd.core.modes import Environment
from playd.core.orders import Action
from playd.orders.account import Account
from playd.orders.fills import OrderEnded
from playd.orders.halts import Level, symbol_scope
from playd.orders.instance_port import AccountEnded
from playd.supervisor.accounts import ACCOUNT_BUDGET, REST_S, AccountPlan, Accounts
from tests.simulation.fake_venue import SYMBOL
from tests.simulation.order_world import build, entered

OTHER = "ETHUSDT"


async def test_an_instance_learns_whether_its_account_ended_or_it_fell_behind_itself() -> None:
    life = build()
    async with life.running():
        port, behind = await life.register(), await life.register("wxyz2345")
        behind.end()
        assert isinstance(behind.why_ended(), Broken)
    assert isinstance(port.why_ended(), AccountEnded)
    with pytest.raises(LinkError, match="opened again"):
        await life.account.register("efgh2345", "late", SYMBOL, clock_ms=60_000)


async def test_an_account_that_ends_while_its_rules_are_read_takes_no_instance() -> None:
    life, refused = build(), list[str]()
    listed, asked = life.venue.instruments, anyio.Event()

    async def slow(symbols: Any) -> Any:
        asked.set()
        await anyio.sleep(2.0)
        return await listed(symbols)

    async def late() -> None:
        try:
            await life.account.register("wxyz2345", "late", SYMBOL, clock_ms=60_000)
        except LinkError as error:
            refused.append(str(error))

    async with anyio.create_task_group() as group:
        async with life.running():
            life.venue.instruments = slow  # type: ignore[method-assign]
            group.start_soon(late)
            await asked.wait()
        assert life.account.ended
    assert refused == ["account main has ended and is opened again"]
    assert not life.account._ports


async def test_one_that_crashes_too_often_is_given_up_for_entries_and_opened_once_a_minute() -> None:
    life = build()
    begun, lost = list[float](), list[str]()

    async def start() -> None:
        begun.append(anyio.current_time())

    @asynccontextmanager
    async def opened() -> AsyncIterator[tuple[Account, Callable[[], Awaitable[None]]]]:
        async def run() -> None:
            assert accounts.find("main") is not None
            raise RuntimeError("boom")

        try:
            yield cast("Account", SimpleNamespace(start=start, ended=False, blind=life.account.blind)), run
        finally:
            assert accounts.find("main") is None, "before its connections are closed"

    accounts = Accounts(life.world.clock, life.world.random, lambda *_: None, lambda alias, text: lost.append(text))
    async with anyio.create_task_group() as group:
        await group.start(accounts.run)
        accounts.ensure(AccountPlan("main", Environment.LOCAL, opened))
        await anyio.sleep(ACCOUNT_BUDGET.window_ms / 1000 * 3)
        held = accounts.held["main"]
        assert (held.refused, held.account) == ("", None)
        group.cancel_scope.cancel()
    life.venue.close_stream()
    assert "boom" in lost[0]
    pauses = [after - before for before, after in pairwise(begun)]
    assert max(pauses[: ACCOUNT_BUDGET.restart_max]) < REST_S - 1.0 < min(pauses[ACCOUNT_BUDGET.restart_max :])
    assert len(begun) > 10


async def test_one_that_crashed_too_often_is_opened_at_once_again_after_a_life_of_a_whole_window() -> None:
    life = build()
    begun, ended = list[float](), list[float]()

    async def start() -> None:
        begun.append(anyio.current_time())

    @asynccontextmanager
    async def opened() -> AsyncIterator[tuple[Account, Callable[[], Awaitable[None]]]]:
        async def run() -> None:
            if len(begun) > 10:
                await anyio.sleep(ACCOUNT_BUDGET.window_ms / 1000 + 1.0)
            ended.append(anyio.current_time())
            raise RuntimeError("boom")

        yield cast("Account", SimpleNamespace(start=start, ended=False, blind=life.account.blind)), run

    accounts = Accounts(life.world.clock, life.world.random, lambda *_: None, lambda *_: None)
    async with anyio.create_task_group() as group:
        await group.start(accounts.run)
        accounts.ensure(AccountPlan("main", Environment.LOCAL, opened))
        await anyio.sleep(1800.0)
        group.cancel_scope.cancel()
    life.venue.close_stream()
    rests = [after - before for before, after in zip(ended, begun[1:], strict=False)]
    assert rests[9] == REST_S
    assert rests[10] < 2.0


async def test_one_that_has_ended_is_nobodys_while_its_connections_are_still_being_closed() -> None:
    life, given = build(), list[Account]()

    @asynccontextmanager
    async def opened() -> AsyncIterator[tuple[Account, Callable[[], Awaitable[None]]]]:
        async def start() -> None: ...

        account = SimpleNamespace(start=start, ended=False, blind=life.account.blind, n=len(lives))
        lives.append(account)

        async def run() -> None:
            await anyio.sleep(10.0)
            account.ended = True
            await anyio.sleep(10.0)  # its other tasks end, and its connections

        yield cast("Account", account), run

    lives = list[SimpleNamespace]()
    accounts = Accounts(life.world.clock, life.world.random, lambda *_: None, lambda *_: None)
    plan = AccountPlan("main", Environment.LOCAL, opened)
    async with anyio.create_task_group() as group:
        await group.start(accounts.run)
        assert await accounts.ready(plan) is lives[0]
        await anyio.sleep(15.0)
        held = accounts.held["main"]
        assert (accounts.find("main"), held.reachable) == (None, None)
        with anyio.fail_after(60):
            given.append(await accounts.ready(plan))
        group.cancel_scope.cancel()
    life.venue.close_stream()
    assert given == [lives[1]]


async def test_a_step_of_its_start_that_failed_is_named_with_its_reason_and_its_age_until_it_has_passed() -> None:
    life = build()
    account, failing = life.account, True
    load = account._rules.load

    async def load_rules(*given: Any, **more: Any) -> None:
        if failing:
            raise LinkError("no answer")
        await load(*given, **more)

    account._rules.load = load_rules  # type: ignore[method-assign]

    @asynccontextmanager
    async def opened() -> AsyncIterator[tuple[Account, Callable[[], Awaitable[None]]]]:
        async def run() -> None:
            await account.run(life.venue.events)

        yield account, run

    accounts = Accounts(life.world.clock, life.world.random, lambda *_: None, lambda *_: None)
    async with anyio.create_task_group() as group:
        await group.start(accounts.run)
        held = accounts.ensure(AccountPlan("main", Environment.LOCAL, opened))
        told = set[tuple[str, float]]()
        for _ in range(100):
            await anyio.sleep(0.7)
            told.add((held.step, held.step_since_s))
        (step,) = told
        assert step[0] == "start barrier: instrument rules: no answer"
        failing = False
        with anyio.fail_after(60):
            await held.ready.wait()
        assert held.step == "running"
        group.cancel_scope.cancel()
    life.venue.close_stream()


async def test_a_symbol_that_is_listed_no_longer_keeps_no_other_from_being_protected() -> None:
    life = build()
    async with life.running():
        await entered(life)
    listed = life.venue.instruments

    async def without(symbols: Any) -> Any:
        return {symbol: rules for symbol, rules in (await listed(symbols)).items() if symbol != SYMBOL}

    life.venue.instruments = without  # type: ignore[method-assign]
    again = life.crash()
    async with again.running():
        assert [halt.level for halt in again.halts.in_force(symbol_scope("main", SYMBOL))] == [Level.HALT]
        port = await again.register("wxyz2345", symbol=OTHER)
        again.account._deliver("wxyz2345", OrderEnded(1, Action.ENTER, "cancelled", ""))
        await anyio.sleep(300.0)
        assert not again.account.ended
        assert port.fills.receive_nowait().n == 1
