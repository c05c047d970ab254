"""
The universes of a daemon: one per environment in use, the embedded exchange's among them, and what their connections share.
"""

from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from urllib.parse import urlsplit

from playd.cli.reports import Reports
from playd.cli.runtime_plan import EMBEDDED, OnMarketTold, RuntimePlan
from playd.cli.universe import Universe, UniversePlan, open_universe
from playd.core.modes import Environment
from playd.core.timeframes import MINUTE_MS
from playd.market.feed_watch import HubTiming
from playd.market.recorded_days import market_of
from playd.market.told import Told
from playd.settings import Settings
from playd.venues.bybit.environment import Hosts, local_hosts
from playd.venues.bybit.socket import ConnectLimiter, SocketTiming
from playd.venues.exchange.config import AS_FAST_AS_POSSIBLE, ExchangeConfig
from playd.venues.exchange.exchange import Exchange
from playd.venues.port import Budget
from playd.world.ports import World


async def open_universes(
    stack: AsyncExitStack,
    world: World,
    plan: RuntimePlan,
    reports: Reports,
    tick_of: Callable[[Environment, str], float | None],
) -> tuple[Exchange | None, dict[Environment, Universe]]:
    """The embedded exchange if candles are given, and one universe per environment in use; all run until `stack` is closed."""
    exchange: Exchange | None = None
    wanted: dict[Environment, tuple[Hosts, int, bool, HubTiming]] = {}
    if plan.feed is not None:
        config = ExchangeConfig(
            records_path=plan.exchange_records,
            speed=plan.speed,
            lockstep=True,
            held=True,
            rate_limits=plan.rate_limits,
            faults=plan.faults,
        )
        exchange = Exchange(world, plan.feed, config, plan.make_room)
        info = await stack.enter_async_context(exchange.running())
        step_ms = plan.feed.step_ms
        wanted[Environment.LOCAL] = (local_hosts(info.port), step_ms, True, _local_timing(plan.speed, step_ms))
    for account in plan.key_accounts.values():
        local = account.environment is Environment.LOCAL
        timing = _local_timing(plan.speed, MINUTE_MS) if local else _live_timing(plan.settings)
        wanted[account.environment] = (account.hosts, MINUTE_MS, account.lock_step, timing)
    universes: dict[Environment, Universe] = {}
    limiters: dict[str, ConnectLimiter] = {}
    tolds: dict[tuple[str, int], Told] = {}
    streams = plan.settings.streams
    sockets = SocketTiming(
        ping_every_s=streams.ping_s,
        dead_after_s=streams.dead_s,
        backoff_first_s=streams.backoff_min_s,
        backoff_max_s=streams.backoff_max_s,
    )
    for environment, (hosts, step_ms, lock_step, timing) in wanted.items():
        embedded = environment is Environment.LOCAL and plan.feed is not None
        public = plan.budget_of(EMBEDDED if embedded else "")
        universe_plan = UniversePlan(environment, hosts, step_ms, lock_step, timing, sockets)
        per_minute = 1000 if embedded else streams.connects_per_min
        # Demo has its market from the host of the real one: what is bounded is a host, whoever connects to it.
        limiter = ConnectLimiter(world.clock, per_minute, partial(_banned_for_s, public))
        limiter = limiters.setdefault(urlsplit(hosts.public).netloc, limiter)
        market = market_of(environment)
        on_bar = None if embedded else partial(plan.on_bar, market, step_ms)
        told = Told(recorded=plan.told) if embedded else told_of(tolds, market, step_ms, plan.on_told)
        ticks = partial(tick_of, environment)
        opened = open_universe(world, universe_plan, public, limiter, reports.feed, on_bar, ticks, told)
        universes[environment] = await stack.enter_async_context(opened)
    return exchange, universes


def told_of(tolds: dict[tuple[str, int], Told], market: str, step_ms: int, on_told: OnMarketTold) -> Told:
    """What was said on a market: one for all environments that have their bars from it, since they are recorded as one."""
    return tolds.setdefault((market, step_ms), Told(partial(on_told, market, step_ms)))


def _banned_for_s(budget: Budget) -> float:
    return budget.banned_for_s


def _local_timing(speed: float, step_ms: int) -> HubTiming:
    """Waits of the hub on the embedded market; one without pacing is as fast as we are, so nothing is ever late."""
    if speed == AS_FAST_AS_POSSIBLE:
        return HubTiming(proofs_of_hole=1)
    return HubTiming.at_speed(speed, bar_interval_s=step_ms / 1000)


def _live_timing(settings: Settings) -> HubTiming:
    return HubTiming(late_fetch_s=settings.market.late_fetch_s, stale_s=settings.market.stale_s)
