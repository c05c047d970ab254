"""For commands that listen to an exchange: its data by REST, symbols as they are written, a line for whoever watches."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playd.cli.known_bans import ban_on_record, banned_until, usual_state_dirs
from playd.core.errors import OperatorError
from playd.orders.budget import AddressBudget
from playd.venues.bybit.market_data import BybitMarketData
from playd.venues.bybit.venue import open_bybit_market_data
from playd.venues.exchange.upstream import Upstream
from playd.world.ports import World


@asynccontextmanager
async def upstream_data(world: World, upstream: Upstream) -> AsyncIterator[BybitMarketData]:
    """
    Market data of an upstream, within the venue's limits, with its clock measured once. Raises `OperatorError` while a ban of
    this address is on record in the usual state directories: asking would make it longer.
    """
    until_ms, _unread = (0, []) if upstream.simulated else ban_on_record(world, usual_state_dirs(world))
    address = AddressBudget(world.clock, banned_until_ms=until_ms)
    if address.banned_for_s:
        raise OperatorError(f"{upstream.hosts.rest}: {banned_until(world.clock, address)}; nothing was asked, try again then")
    budget = address.for_account("market")
    async with open_bybit_market_data(world, upstream.hosts.rest, budget, simulated=upstream.simulated) as source:
        await source.clock_offset_ms()
        yield source


def symbols_in(text: str) -> tuple[str, ...]:
    """`BTCUSDT,ETHUSDT` as symbols, each once."""
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def say(text: str) -> None:
    """A line for whoever watches."""
    print(text, file=sys.stderr, flush=True)
