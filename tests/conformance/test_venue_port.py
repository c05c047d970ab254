"""
What every implementation of the venue port promises, tried over real sockets against a market that moves when told.

An implementation joins by adding its stage to `STAGES`: a venue, its private events, and a market of known candles.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path, PurePath
from typing import TypeVar

import anyio
import numpy as np
import pytest

from playd.core.candles import Candles
from playd.core.modes import Environment
from playd.core.orders import OrderRequest, Side, VenuePosition
from playd.core.reply_codes import ReplyClass
from playd.core.secret import Secret
from playd.core.timeframes import MINUTE_MS
from playd.market.feed import RecordedFeed
from playd.market.public_feed import FeedBarrier, FeedEvent
from playd.venues.bybit.environment import local_hosts, venue_account
from playd.venues.bybit.public_stream import BybitPublicStream
from playd.venues.bybit.socket import SocketTiming
from playd.venues.bybit.venue import open_bybit_venue
from playd.venues.exchange.config import AS_FAST_AS_POSSIBLE, ExchangeConfig
from playd.venues.exchange.exchange import Exchange
from playd.venues.port import (
    Barrier,
    ExecutionUpdate,
    OrderUpdate,
    PositionUpdate,
    Priority,
    PrivateEvent,
    Reply,
    StreamDown,
    StreamUp,
    VenuePort,
    WalletUpdate,
)
from playd.world.ports import World
from playd.world.real import real_world
from playd.world.virtual import virtual_world
from tests.fake_bybit import FreeBudget

pytestmark = pytest.mark.anyio

SYMBOL = "BTCUSDT"
START_MS = 1_700_000_040_000 // MINUTE_MS * MINUTE_MS
HISTORY = 5
DEADLINE_S = 60.0
WALLET = Decimal(10_000)
QUICK = SocketTiming(backoff_first_s=0.01, backoff_max_s=0.05)

OPENS = [100.0, 101.0, 102.0, 103.0, 104.0, 105.0, 106.0, 107.0, 108.0, 95.0, 96.0, 97.0, 98.0, 99.0]
"""Open of each minute; the first five are history. Each minute ends where the next begins; minute 8 falls to 94."""

LOWS = {8: 94.0}

Event = TypeVar("Event")


def market() -> Candles:
    opens = np.array(OPENS)
    closes = np.append(opens[1:], 100.0)
    lows = np.minimum(opens, closes) - 0.5
    for minute, low in LOWS.items():
        lows[minute] = low
    return Candles(
        symbol=SYMBOL,
        step_ms=MINUTE_MS,
        open_time_ms=START_MS + MINUTE_MS * np.arange(len(opens), dtype=np.int64),
        open=opens,
        high=np.maximum(opens, closes) + 0.5,
        low=lows,
        close=closes,
        volume=np.full(len(opens), 10.0),
    )


@dataclass
class Stage:
    """A venue and the means to let its market go on by one minute. `seen` holds every private event so far."""

    port: VenuePort
    next_minute: Callable[[], AbstractAsyncContextManager[None] | object]
    drop: Callable[[], None]
    seen: list[PrivateEvent] = field(default_factory=list)
    changed: anyio.Event = field(default_factory=anyio.Event)

    def note(self, event: PrivateEvent) -> None:
        self.seen.append(event)
        changed, self.changed = self.changed, anyio.Event()
        changed.set()

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.seen if isinstance(event, kind)]

    async def wait(self, kind: type[Event], count: int = 1) -> list[Event]:
        """Until `count` events of a kind have come."""
        with anyio.fail_after(DEADLINE_S):
            while len(found := self.of(kind)) < count:
                await self.changed.wait()
        return found

    async def minute(self) -> None:
        with anyio.fail_after(DEADLINE_S):
            await self.next_minute()  # type: ignore[misc]

    async def position(self) -> VenuePosition:
        (row,) = await self.port.positions(SYMBOL, priority=Priority.RECONCILE)
        return row


@asynccontextmanager
async def bybit_on_local_exchange(world: World, directory: PurePath) -> AsyncIterator[Stage]:
    """The Bybit adapter against the local exchange, in lock-step."""
    world.disk.mkdir(directory)
    feed = RecordedFeed([market()], history_ms=HISTORY * MINUTE_MS)
    config = ExchangeConfig(directory / "exchange.db", speed=AS_FAST_AS_POSSIBLE, lockstep=True, held=True, rate_limits=False)
    exchange = Exchange(world, feed, config)
    key, secret = exchange.create_account("a", wallet_usdt=WALLET)
    async with exchange.running() as info:
        hosts = local_hosts(info.port)
        account = venue_account("a", Environment.LOCAL, hosts, Secret(key), Secret(secret), lock_step=True)
        async with open_bybit_venue(world, account, FreeBudget(), timing=QUICK) as venue, anyio.create_task_group() as tasks:
            public = BybitPublicStream(world, Environment.LOCAL, hosts, lock_step=True, timing=QUICK)
            told, heard = anyio.create_memory_object_stream[FeedEvent](10_000)
            public.deliver_to(told.send_nowait)
            with told, heard:
                await public.watch(SYMBOL)
                barriers: list[int] = []

                async def next_minute() -> None:
                    exchange.release()
                    if barriers:
                        await public.barrier_done(barriers.pop())
                    async for event in heard:
                        if isinstance(event, FeedBarrier):
                            barriers.append(event.number)
                            return

                def drop() -> None:
                    for client in exchange.clients:
                        if client.uid is not None:
                            client.hang_up()

                stage = Stage(venue, next_minute, drop)

                async def note_events() -> None:
                    async for event in venue.stream.events:
                        if isinstance(event, Barrier):
                            await venue.barrier_done(event.number)
                        stage.note(event)

                tasks.start_soon(public.run)
                tasks.start_soon(venue.stream.run)
                tasks.start_soon(note_events)
                await stage.wait(StreamUp)
                yield stage
                tasks.cancel_scope.cancel()


def over_sockets(directory: Path) -> AbstractAsyncContextManager[Stage]:
    """Over real sockets and a real disk."""
    return bybit_on_local_exchange(real_world(), directory)


def in_memory(_: Path) -> AbstractAsyncContextManager[Stage]:
    """Over the sockets and the disk of the virtual world, whose clock stands still."""
    return bybit_on_local_exchange(virtual_world(), PurePath("/state"))


STAGES = [pytest.param(over_sockets, id="bybit-local"), pytest.param(in_memory, id="bybit-virtual")]
Open = Callable[[Path], AbstractAsyncContextManager[Stage]]


@pytest.fixture(params=STAGES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], AbstractAsyncContextManager[Stage]]:
    stage: Open = request.param
    return lambda: stage(tmp_path)


Opened = Callable[[], AbstractAsyncContextManager[Stage]]


def market_order(link_id: str, side: Side = Side.BUY, qty: str = "1", **more: object) -> OrderRequest:
    return OrderRequest(link_id=link_id, symbol=SYMBOL, side=side, qty=Decimal(qty), **more)  # type: ignore[arg-type]


def accepted(reply: Reply) -> None:
    assert reply.reply_class is ReplyClass.ACCEPTED, reply


async def test_key_account_clock_and_wallet_can_be_read(opened: Opened) -> None:
    async with opened() as stage:
        key, info = await stage.port.key_info(), await stage.port.account_info()
        assert key.uid
        assert (key.read_only, key.can_trade, key.can_withdraw) == (False, True, False)
        assert info.margin_mode
        offset_ms, round_trip_ms = await stage.port.clock_offset_ms()
        assert abs(offset_ms) <= round_trip_ms + 2, "one machine has one clock, read between the question and its answer"
        wallet = await stage.port.wallet(priority=Priority.RECONCILE)
        assert (wallet.balance_usdt, wallet.equity_usdt, wallet.available_usdt) == (WALLET, WALLET, WALLET)


async def test_instruments_are_those_the_venue_lists(opened: Opened) -> None:
    async with opened() as stage:
        found = await stage.port.instruments([SYMBOL, "NOSUCHUSDT"])
        assert list(found) == [SYMBOL]
        rules = found[SYMBOL]
        assert rules.tick > 0
        assert rules.step > 0
        assert rules.min_qty <= rules.max_market_qty <= rules.max_qty
        assert rules.status == "Trading"


async def test_tiers_begin_with_the_smallest(opened: Opened) -> None:
    async with opened() as stage:
        tiers = await stage.port.risk_tiers(SYMBOL)
        assert tiers
        assert [*tiers] == sorted(tiers, key=lambda tier: tier.limit_usdt)
        assert all(0 < tier.mm_rate < 1 for tier in tiers)
        assert await stage.port.risk_tiers("NOSUCHUSDT") == ()


async def test_candles_are_closed_ones_in_the_half_open_range_oldest_first(opened: Opened) -> None:
    async with opened() as stage:
        far_ms = START_MS + 1000 * MINUTE_MS
        closed = await stage.port.candles(SYMBOL, 0, far_ms)
        assert [each.open for each in closed] == OPENS[:HISTORY]
        await stage.minute()
        closed = await stage.port.candles(SYMBOL, START_MS + MINUTE_MS, far_ms)
        assert [each.open for each in closed] == OPENS[1 : HISTORY + 1]
        some = await stage.port.candles(SYMBOL, START_MS + MINUTE_MS, START_MS + 3 * MINUTE_MS)
        assert [each.open_time_ms for each in some] == [START_MS + MINUTE_MS, START_MS + 2 * MINUTE_MS]


async def test_a_market_order_fills_and_every_view_tells_the_same(opened: Opened) -> None:
    async with opened() as stage:
        await stage.minute()
        accepted(await stage.port.place(market_order("one")))
        await stage.minute()
        (fill,) = [event.execution for event in await stage.wait(ExecutionUpdate)]
        assert (fill.link_id, fill.side, fill.qty, fill.price) == ("one", Side.BUY, 1, Decimal(OPENS[6]))
        assert (fill.exec_type, fill.is_maker, fill.time_ms) == ("Trade", False, START_MS + 6 * MINUTE_MS)
        assert fill.fee > 0
        final = next(event.order for event in reversed(stage.of(OrderUpdate)) if event.order.link_id == "one")
        assert (final.status, final.cum_qty, final.avg_price) == ("Filled", 1, fill.price)
        assert stage.of(PositionUpdate)[-1].position.signed_qty == 1
        assert stage.of(WalletUpdate)[-1].wallet.balance_usdt == WALLET - fill.fee

        (row,) = await stage.port.executions(link_id="one", priority=Priority.RESOLVE)
        assert row == fill
        assert [each.exec_id for each in await stage.port.executions(since_ms=START_MS, priority=Priority.RECONCILE)] == [
            fill.exec_id
        ]
        closed = await stage.port.order_history(SYMBOL, "one", priority=Priority.RESOLVE)
        recent = await stage.port.order_realtime(SYMBOL, "one", priority=Priority.RESOLVE)
        assert closed is not None
        assert recent is not None
        assert (
            (closed.venue_order_id, closed.status) == (recent.venue_order_id, recent.status) == (fill.venue_order_id, "Filled")
        )
        named = {"venue_order_id": fill.venue_order_id, "priority": Priority.RESOLVE}
        assert await stage.port.order_history(SYMBOL, "", **named) == closed
        assert await stage.port.order_realtime(SYMBOL, "", **named) == recent
        assert await stage.port.executions(symbol=SYMBOL, **named) == [fill]
        position = await stage.position()
        assert (position.signed_qty, position.entry_price) == (1, fill.price)
        assert [each.symbol for each in await stage.port.positions(priority=Priority.RECONCILE)] == [SYMBOL]
        assert (await stage.port.wallet(priority=Priority.RECONCILE)).balance_usdt == WALLET - fill.fee


async def test_a_link_id_is_accepted_once(opened: Opened) -> None:
    async with opened() as stage:
        accepted(await stage.port.place(market_order("one")))
        assert (await stage.port.place(market_order("one"))).reply_class is ReplyClass.EXISTS
        await stage.minute()
        await stage.minute()
        assert (await stage.port.place(market_order("one"))).reply_class is ReplyClass.EXISTS
        assert len(stage.of(ExecutionUpdate)) == 1


async def test_a_flat_position_has_a_row_when_asked_by_symbol_and_none_otherwise(opened: Opened) -> None:
    async with opened() as stage:
        row = await stage.position()
        assert (row.side, row.qty, row.signed_qty) == (None, 0, 0)
        assert await stage.port.positions(priority=Priority.RECONCILE) == []


async def test_stops_ride_on_the_entry_can_be_moved_and_removed(opened: Opened) -> None:
    async with opened() as stage:
        await stage.minute()
        accepted(await stage.port.place(market_order("one", stop=Decimal(90), target=Decimal(200))))
        await stage.minute()
        position = await stage.position()
        assert (position.stop, position.target) == (90, 200)
        attached = await stage.port.open_orders(priority=Priority.RECONCILE)
        assert sorted(order.trigger_price for order in attached) == [90, 200]
        assert all(order.stop_order_type for order in attached)

        accepted(await stage.port.set_stops(SYMBOL, stop=Decimal(91), target=None, priority=Priority.PROTECT))
        position = await stage.position()
        assert (position.stop, position.target) == (91, 200)
        same = await stage.port.set_stops(SYMBOL, stop=Decimal(91), target=None, priority=Priority.PROTECT)
        assert same.reply_class is ReplyClass.NO_CHANGE
        accepted(await stage.port.set_stops(SYMBOL, stop=None, target=Decimal(0), priority=Priority.PROTECT))
        position = await stage.position()
        assert (position.stop, position.target) == (91, 0)


async def test_stops_of_a_flat_position_are_refused(opened: Opened) -> None:
    async with opened() as stage:
        reply = await stage.port.set_stops(SYMBOL, stop=Decimal(90), target=None, priority=Priority.PROTECT)
        assert reply.reply_class is ReplyClass.LIMITS


async def test_a_stop_that_is_hit_closes_the_position_and_says_so(opened: Opened) -> None:
    async with opened() as stage:
        await stage.minute()
        accepted(await stage.port.place(market_order("one", stop=Decimal(99))))
        for _ in range(3):
            await stage.minute()
        entry, stopped = [event.execution for event in await stage.wait(ExecutionUpdate, 2)]
        assert (stopped.side, stopped.qty, stopped.closed_size) == (Side.SELL, 1, 1)
        assert stopped.create_type == "CreateByStopLoss"
        assert stopped.exec_pnl < 0
        assert stopped.seq > entry.seq
        assert (await stage.position()).signed_qty == 0
        assert await stage.port.open_orders(priority=Priority.RECONCILE) == []
        assert stage.of(PositionUpdate)[-1].position.side is None


async def test_a_resting_order_is_open_until_it_is_cancelled(opened: Opened) -> None:
    async with opened() as stage:
        await stage.minute()
        resting = market_order("rest", order_type="Limit", price=Decimal(50), time_in_force="GTC")
        accepted(await stage.port.place(resting))
        await stage.minute()
        (order,) = await stage.port.open_orders(SYMBOL, priority=Priority.RECONCILE)
        assert (order.link_id, order.status, order.price) == ("rest", "New", 50)
        accepted(await stage.port.cancel(SYMBOL, link_id="rest", priority=Priority.CANCEL))
        assert await stage.port.open_orders(priority=Priority.RECONCILE) == []
        with anyio.fail_after(DEADLINE_S):
            while not any(event.order.status == "Cancelled" for event in stage.of(OrderUpdate)):
                await stage.changed.wait()
        again = await stage.port.cancel(SYMBOL, venue_order_id=order.venue_order_id, priority=Priority.CANCEL)
        assert again.reply_class is ReplyClass.GONE


async def test_reduce_only_without_a_position_is_gone(opened: Opened) -> None:
    async with opened() as stage:
        await stage.minute()
        reply = await stage.port.place(market_order("x", side=Side.SELL, reduce_only=True))
        assert reply.reply_class is ReplyClass.GONE


async def test_orders_outside_the_rules_or_the_funds_are_told_apart(opened: Opened) -> None:
    async with opened() as stage:
        await stage.minute()
        assert (await stage.port.place(market_order("tiny", qty="0.001"))).reply_class is ReplyClass.LIMITS
        huge = market_order("huge", qty="100000", order_type="Limit", price=Decimal(90), time_in_force="GTC")
        assert (await stage.port.place(huge)).reply_class is ReplyClass.FUNDS


async def test_setting_the_same_leverage_twice_changes_nothing(opened: Opened) -> None:
    async with opened() as stage:
        accepted(await stage.port.set_leverage(SYMBOL, Decimal(3)))
        assert (await stage.port.set_leverage(SYMBOL, Decimal(3))).reply_class is ReplyClass.NO_CHANGE
        assert (await stage.position()).leverage == 3


async def test_an_order_that_never_was_is_none(opened: Opened) -> None:
    async with opened() as stage:
        assert await stage.port.order_realtime(SYMBOL, "never", priority=Priority.RESOLVE) is None
        assert await stage.port.order_history(SYMBOL, "never", priority=Priority.RESOLVE) is None
        assert await stage.port.executions(link_id="never", priority=Priority.RESOLVE) == []
        assert await stage.port.order_realtime(SYMBOL, "", venue_order_id="never", priority=Priority.RESOLVE) is None
        assert await stage.port.order_history(SYMBOL, "", venue_order_id="never", priority=Priority.RESOLVE) is None
        assert await stage.port.executions(venue_order_id="never", priority=Priority.RESOLVE) == []


async def test_lists_are_complete_however_long_they_are(opened: Opened) -> None:
    async with opened() as stage:
        await stage.minute()
        for number in range(120):
            accepted(await stage.port.place(market_order(f"m{number}", qty="0.1" if number % 2 else "0.2")))
        for number in range(60):
            resting = market_order(f"r{number}", qty="0.2", order_type="Limit", price=Decimal(50), time_in_force="GTC")
            accepted(await stage.port.place(resting))
        await stage.minute()
        found = await stage.port.executions(since_ms=START_MS, priority=Priority.RECONCILE)
        assert {each.link_id for each in found} == {f"m{number}" for number in range(120)}
        assert [each.seq for each in found] == sorted(each.seq for each in found)
        assert len(await stage.port.open_orders(priority=Priority.RECONCILE)) == 60
        assert len({event.execution.exec_id for event in await stage.wait(ExecutionUpdate, 120)}) == 120


async def test_a_lost_stream_comes_back_and_what_it_missed_can_be_read(opened: Opened) -> None:
    async with opened() as stage:
        await stage.minute()
        accepted(await stage.port.place(market_order("one")))
        stage.drop()
        await stage.wait(StreamDown)
        first, second = await stage.wait(StreamUp, 2)
        assert second.connection == first.connection + 1
        await stage.minute()
        (fill,) = await stage.port.executions(since_ms=START_MS, priority=Priority.RECONCILE)
        assert fill.link_id == "one"
        await stage.minute()
        assert [event.execution.exec_id for event in stage.of(ExecutionUpdate)] == [fill.exec_id]
