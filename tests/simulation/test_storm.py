"""
A hundred instances on one account, all at once, against a venue that counts: nobody is ever too fast, and what protects a
position waits for nobody.
"""

import random
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

import anyio
import pytest

from playd.core.modes import Environment
from playd.core.orders import Action, Execution, IntentClass, OrderRequest, Side, VenueOrder, VenuePosition, Wallet
from playd.core.reply_codes import ReplyClass
from playd.orders.budget import AccountBudget, AddressBudget
from playd.orders.guardian.share import GuardianShare
from playd.orders.instance_port import InstancePort
from playd.orders.rate_limits import ADDRESS_LIMIT, ADDRESS_WINDOW_S, GUARDIANS, UID_LIMITS_PER_S
from playd.orders.settings import OrderSettings
from playd.venues.port import Priority, Reply
from tests.simulation.fake_venue import FakeVenue
from tests.simulation.order_world import READY, OrderWorld, build, entry, leave, taken
from tests.virtual_time import LoopClock

INSTANCES = 100
PROTECTIVE_WAIT_S = 0.2


class CountingVenue(FakeVenue):
    """Pays for every call as the adapter does, and counts arrivals in rolling windows as the venue does."""

    def __init__(self, clock: LoopClock, budget: AccountBudget) -> None:
        super().__init__(clock)
        self.budget = budget
        self.waits: dict[Priority, list[float]] = defaultdict(list)
        self.too_fast: list[str] = []
        self._arrivals: dict[str, deque[float]] = defaultdict(deque)

    async def place(self, order: OrderRequest) -> Reply:
        if self._arrived("/v5/order/create"):
            return Reply(ReplyClass.LATER, 10006, "too fast", retry_after_s=0.2)
        return await super().place(order)

    async def cancel(self, symbol: str, *, link_id: str = "", venue_order_id: str = "", priority: Priority) -> Reply:
        await self._pay("/v5/order/cancel", priority)
        return await super().cancel(symbol, link_id=link_id, venue_order_id=venue_order_id, priority=priority)

    async def set_stops(
        self, symbol: str, *, stop: Decimal | None, target: Decimal | None, position_idx: int = 0, priority: Priority
    ) -> Reply:
        await self._pay("/v5/position/trading-stop", priority)
        return await super().set_stops(symbol, stop=stop, target=target, priority=priority)

    async def open_orders(self, symbol: str | None = None, *, priority: Priority) -> Sequence[VenueOrder]:
        await self._pay("/v5/order/realtime", priority)
        return await super().open_orders(symbol, priority=priority)

    async def order_realtime(
        self, symbol: str, link_id: str, *, venue_order_id: str = "", priority: Priority
    ) -> VenueOrder | None:
        await self._pay("/v5/order/realtime", priority)
        return await super().order_realtime(symbol, link_id, venue_order_id=venue_order_id, priority=priority)

    async def executions(
        self,
        *,
        since_ms: int | None = None,
        symbol: str = "",
        link_id: str = "",
        venue_order_id: str = "",
        priority: Priority,
    ) -> Sequence[Execution]:
        await self._pay("/v5/execution/list", priority)
        return await super().executions(
            since_ms=since_ms, symbol=symbol, link_id=link_id, venue_order_id=venue_order_id, priority=priority
        )

    async def positions(self, symbol: str | None = None, *, priority: Priority) -> Sequence[VenuePosition]:
        await self._pay("/v5/position/list", priority)
        return await super().positions(symbol, priority=priority)

    async def wallet(self, *, priority: Priority) -> Wallet:
        await self._pay("/v5/account/wallet-balance", priority)
        return await super().wallet(priority=priority)

    async def _pay(self, endpoint: str, priority: Priority) -> None:
        since_s = self.clock.mono_s()
        await self.budget.take(endpoint, priority)
        self.waits[priority].append(self.clock.mono_s() - since_s)
        self._arrived(endpoint)

    def _arrived(self, endpoint: str) -> bool:
        """Count one call; whether it came too fast."""
        now_s, found = self.clock.mono_s(), False
        for name, window_s, limit in (
            (endpoint, 1.0, UID_LIMITS_PER_S[endpoint]),
            ("address", ADDRESS_WINDOW_S, ADDRESS_LIMIT),
        ):
            times = self._arrivals[name]
            times.append(now_s)
            while times[0] <= now_s - window_s:
                times.popleft()
            if len(times) > limit:
                self.too_fast.append(f"{name} at {now_s:.3f}")
                found = True
        return found


def uid(n: int) -> str:
    return f"storm{n:03d}"


def symbol(n: int) -> str:
    return f"S{n:03d}USDT"


async def decide(port: InstancePort, n: int, bar: int, draw: float) -> None:
    """One instance at one close: enter when flat; else move the stop, leave, or hold."""
    taken(port)
    held, close_ms = port.position().position.signed_qty, bar * 60_000
    wanted = replace(entry(close_ms, uid=uid(n)), symbol=symbol(n))
    if held == 0:
        await port.submit(wanted, READY)
    elif draw < 0.5:
        stop = Decimal(49_500) + bar * 10
        await port.submit(replace(wanted, action=Action.STOP, intent_class=IntentClass.PROTECT, stop=stop))
    elif draw < 0.8:
        await port.submit(replace(leave(close_ms, uid=uid(n), side=Side.SELL), symbol=symbol(n)))


async def lose_stops(life: OrderWorld, draws: random.Random, at_once: Sequence[int]) -> None:
    """Somebody takes a stop away every second or so, all the time; of several positions in one moment as `at_once` has it."""
    while True:
        await anyio.sleep(draws.uniform(0.7, 1.5))
        covered = [name for name, held in life.venue.book.items() if held.signed and held.stop]
        for name in draws.sample(covered, min(len(covered), draws.choice(at_once))):
            life.venue.remove_stop(name)


def unkind(venue: FakeVenue, draws: random.Random) -> Callable[[OrderRequest], None]:
    """Orders find a part of what they want, and of every tenth entry the venue forgets the stop."""

    def before(order: OrderRequest) -> None:
        venue.fill_share = draws.choice((Decimal(1), Decimal(1), Decimal("0.6"), Decimal("0.3")))
        venue.script.no_attached_stop += not order.reduce_only and draws.random() < 0.1

    return before


async def fetch_candles(budget: AccountBudget) -> None:
    """A re-warm of everything, without end."""
    while True:
        await budget.take("/v5/market/kline", Priority.DATA)


async def guard(venue: CountingVenue, endpoint: str, share: GuardianShare) -> None:
    """The guardian has the same key, and asks for as much as its share allows."""
    while True:
        await share.take(endpoint, Priority.PROTECT)
        venue._arrived(endpoint)


@pytest.mark.slow
@pytest.mark.parametrize("venue_is", ["kind", "unkind"])
async def test_a_storm_of_a_hundred_instances_delays_no_protection_and_is_never_too_fast(venue_is: str) -> None:
    """
    An unkind venue fills in parts, forgets stops of entries and loses three at once: as many as leave at any moment. More may
    come together within the same second by chance, and then wait for the next one.
    """
    clock, draws = LoopClock(), random.Random(4)
    budget = AddressBudget(clock).for_account("main", guarded=True)
    venue = CountingVenue(clock, budget)
    patient = replace(OrderSettings.of(Environment.LOCAL), repairs_symbol_hour=1000, repairs_account_hour=1000)
    venue.before_place = unkind(venue, draws) if venue_is == "unkind" else venue.before_place
    life = build(venue=venue, budget=budget, settings=patient)  # so many lost stops are a person's otherwise
    async with life.running():
        ports = [await life.account.register(uid(n), uid(n), symbol(n), clock_ms=60_000) for n in range(INSTANCES)]
        life.ports += ports
        async with anyio.create_task_group() as around:
            around.start_soon(lose_stops, life, draws, (1, 1, 1, 3) if venue_is == "unkind" else (1,))
            for _ in range(4):
                around.start_soon(fetch_candles, budget)
            share = GuardianShare(clock)
            for endpoint in GUARDIANS:
                around.start_soon(guard, venue, endpoint, share)
            for bar in range(1, 5):
                async with anyio.create_task_group() as closes:
                    for n, port in enumerate(ports):
                        closes.start_soon(decide, port, n, bar, draws.random())
                await anyio.sleep(10.0)
            around.cancel_scope.cancel()
        await anyio.sleep(10.0)

        protective = venue.waits[Priority.PROTECT]
        entered = {order.symbol for order in venue.effects if not order.reduce_only}
        bare = [name for name, held in venue.book.items() if held.signed and not held.stop]
        assert venue.too_fast == []
        assert len(entered) == INSTANCES
        assert len(protective) > 50
        late = [waited_s for waited_s in protective if waited_s > PROTECTIVE_WAIT_S]
        assert len(late) <= (len(protective) // 200 if venue_is == "unkind" else 0)
        assert max(protective) <= 1.1
        assert bare == []
        assert life.halts.in_force() == []
