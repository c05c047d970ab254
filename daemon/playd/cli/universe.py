"""
One universe: the hosts of an environment, its public stream, and the hub over it. A daemon holds one per environment in use.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio

from playd.core.modes import Environment
from playd.market.bars import ClosedBar
from playd.market.feed_watch import FeedNote, HubTiming
from playd.market.hub import MarketHub
from playd.market.ticks import Ticks
from playd.market.told import Told
from playd.venues.bybit.environment import Hosts
from playd.venues.bybit.market_data import BybitMarketData
from playd.venues.bybit.public_stream import BybitPublicStream
from playd.venues.bybit.socket import ConnectLimiter, SocketTiming
from playd.venues.bybit.venue import open_bybit_market_data
from playd.venues.bybit.venue_clock import VenueClock
from playd.venues.port import Budget
from playd.world.ports import World


@dataclass(frozen=True, slots=True)
class UniversePlan:
    """How a universe is reached. `lock_step` and `speed` other than 1 exist on the local exchange only."""

    environment: Environment
    hosts: Hosts
    base_step_ms: int
    lock_step: bool
    hub_timing: HubTiming
    socket_timing: SocketTiming


@dataclass(frozen=True, slots=True)
class Universe:
    """A universe in use. All its accounts sign with one `clock`."""

    plan: UniversePlan
    hub: MarketHub
    market: BybitMarketData
    limiter: ConnectLimiter
    clock: VenueClock


@asynccontextmanager
async def open_universe(
    world: World,
    plan: UniversePlan,
    budget: Budget,
    limiter: ConnectLimiter,
    on_note: Callable[[FeedNote], None],
    on_bar: Callable[[ClosedBar], None] | None = None,
    tick_of: Callable[[str], float | None] = lambda _symbol: None,
    told: Told | None = None,
) -> AsyncIterator[Universe]:
    """The universe's public side while the block lasts: its stream and its hub run in the block's own task group."""
    simulated = plan.environment is Environment.LOCAL
    stream = BybitPublicStream(
        world,
        plan.environment,
        plan.hosts,
        step_ms=plan.base_step_ms,
        lock_step=plan.lock_step,
        timing=plan.socket_timing,
        limiter=limiter,
    )
    clock = VenueClock(world.clock)
    data = open_bybit_market_data(
        world, plan.hosts.rest, budget, simulated=simulated, step_ms=plan.base_step_ms, venue_clock=clock
    )
    async with data as market, anyio.create_task_group() as group:
        ticks = Ticks(world.clock, market)
        hub = MarketHub(
            clock=world.clock,
            feed=stream,
            source=market,
            timing=plan.hub_timing,
            on_note=on_note,
            venue_ms=clock.latest_ms,
            on_clock=not simulated,
            on_bar=on_bar,
            # What an account knows of a symbol is read again as soon as an order or a bar makes it doubtful.
            tick_of=lambda symbol: tick_of(symbol) or ticks.of(symbol),
            told=told,
        )
        group.start_soon(stream.run, name="public stream")
        group.start_soon(hub.run, name="market hub")
        if not simulated:
            group.start_soon(ticks.run, hub, name="price steps")
        yield Universe(plan, hub, market, limiter, clock)
        group.cancel_scope.cancel()
