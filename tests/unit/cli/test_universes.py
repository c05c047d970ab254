"""The markets that a daemon follows: what their connections share, and whose accounts are not looked for on them."""

from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any

import pytest

from playd.cli.runtime import Runtime
from playd.cli.universes import open_universes
from playd.core.errors import OperatorError
from playd.core.modes import Environment
from playd.core.secret import Secret
from playd.orders.budget import AddressBudget
from playd.orders.halts import Level
from playd.settings.model import Settings
from playd.venues.bybit.environment import default_hosts, venue_account
from playd.world.virtual import virtual_world

pytestmark = pytest.mark.anyio


async def test_environments_of_one_market_share_its_host_and_what_it_says() -> None:
    """Demo trades on the prices of mainnet: two environments, one host that counts the connects of both."""
    world = virtual_world()
    address = AddressBudget(world.clock)
    accounts = [
        venue_account(str(each), each, default_hosts(each), Secret("k"), Secret("s"), expected_uid="1")
        for each in (Environment.LIVE, Environment.DEMO, Environment.TESTNET)
    ]
    plan: Any = SimpleNamespace(
        feed=None,
        key_accounts={account.alias: account for account in accounts},
        settings=Settings(),
        budget_of=address.for_account,
        on_bar=lambda *_: None,
        on_told=lambda *_: None,
    )
    reports: Any = SimpleNamespace(feed=lambda _note: None)
    async with AsyncExitStack() as stack:
        _, universes = await open_universes(stack, world, plan, reports, lambda *_: None)
        live, demo, testnet = (universes[account.environment].limiter for account in accounts)
    assert live is demo
    assert live is not testnet
    told = {environment: universe.hub.told for environment, universe in universes.items()}
    assert told[Environment.LIVE] is told[Environment.DEMO], "one market says one thing beside a bar, and is recorded once"
    assert told[Environment.LIVE] is not told[Environment.TESTNET]


async def test_what_a_refused_account_has_at_its_venue_is_told_and_not_looked_for_on_the_embedded_exchange() -> None:
    raised: list[tuple[object, ...]] = []
    runtime: Any = SimpleNamespace(
        plan=SimpleNamespace(key_accounts={}, refused_accounts={"main": "TRADING_MODE allows demo at most"}),
        exchange=object(),
        accounts=SimpleNamespace(held={}, ensure=lambda _plan: None),
        records=SimpleNamespace(has_something=lambda _record: True),
        halts=SimpleNamespace(raise_level=lambda *how: raised.append(how)),
    )
    runtime.plan_of = lambda record, play: Runtime.plan_of(runtime, record, play)
    record: Any = SimpleNamespace(name="mine", account="main", mode="live")
    with pytest.raises(OperatorError, match="account main is refused: TRADING_MODE allows demo"):
        runtime.plan_of(record, None)
    Runtime.watch(runtime, record)
    ((scope, level, code, text),) = raised
    assert (scope, level, code) == ("account:main", Level.HALT, "ACCOUNT_LOST")
    assert "mine has something there, and nobody watches it" in str(text)
