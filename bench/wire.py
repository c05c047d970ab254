"""
The wire: signed orders through the adapter and the local exchange, frames parsed, and fifty symbols for a hundred instances.

    python bench/wire.py [SECONDS]          10 for each figure unless told otherwise

Orders: `BybitVenue.place` of an IOC limit order that finds nothing, one after the other in each of 1, 8 and 32 tasks, against
an exchange in another process: parameters, JSON, signature, request, and there signature, books, records, ledger, reply. The
limit is what a plain aiohttp pair without any of that reached on a quiet machine of this size; beside it stands what such a
pair reaches here and now, in turns with the real one. The processor time of an order is that of this process: of the adapter,
and of the pair's client.

Frames: text of a ticker delta, a candle and an execution to the event that the hub or the account takes, in this process.

Loop lag: how late a task wakes up that sleeps 5 ms, while one socket brings 50 symbols at ten updates a second each (ticker,
candle), candles of ten seconds close on all of them at once, and two instances on each symbol extend their columns and decide.
"""

import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from itertools import count
from statistics import median

import _setup  # noqa: F401 - before anything that imports a kernel
import anyio
import orjson
from _exchange import Access, exchange_process, market
from _figures import tell, tell_percentiles
from _plain_pair import Pace, plain_pace, plain_server
from bar import HISTORY, PLAY

from playd.cli.parity import FreeBudget
from playd.core.modes import Environment
from playd.core.orders import OrderRequest, Side
from playd.core.reply_codes import ReplyClass
from playd.core.secret import Secret
from playd.engine.play_engine import PlayEngine
from playd.market.feed_watch import HubTiming
from playd.market.hub import MarketHub
from playd.market.public_feed import FeedEvent
from playd.market.subscription import Subscription
from playd.plays.compile import compile_program
from playd.plays.load import load_play
from playd.venues.bybit.environment import VenueAccount, local_hosts, venue_account
from playd.venues.bybit.private_stream import BybitPrivateStream
from playd.venues.bybit.public_connection import PublicConnection
from playd.venues.bybit.public_stream import BybitPublicStream
from playd.venues.bybit.venue import BybitVenue, open_bybit_market_data, open_bybit_venue
from playd.venues.bybit.venue_clock import VenueClock
from playd.world.ports import World
from playd.world.real import real_world, run

CONCURRENCY = {1: 3_000.0, 8: 7_400.0, 32: 5_600.0}
"""Tasks at once, and round trips per second of the plain pair."""

SYMBOLS = 50
INSTANCES_PER_SYMBOL = 2
SPEED = 6.0
UPDATES_PER_S = 10.0
MINUTE_MS = 60_000
NAP_S = 0.005
LAG_MS_MAX = 20.0
BATCH = 2_000
PASSES = 5

TICKER = (
    b'{"topic":"tickers.S00USDT","type":"delta","data":{"symbol":"S00USDT","lastPrice":"101.35","markPrice":"101.35",'
    b'"indexPrice":"101.35","bid1Price":"101.35","ask1Price":"101.36"},"cs":1790000000101,"ts":1790000000101}'
)
CANDLE = (
    b'{"topic":"kline.1.S00USDT","type":"snapshot","ts":1790000040003,"data":[{"start":1789999980000,"end":1790000039999,'
    b'"interval":"1","open":"101.1","high":"101.9","low":"100.8","close":"101.35","volume":"812.345","turnover":"82331.1",'
    b'"confirm":false,"timestamp":1790000039980}]}'
)
EXECUTION = (
    b'{"topic":"execution","id":"1001_S00USDT_9","creationTime":1790000001010,"data":[{"category":"linear","symbol":"S00USDT",'
    b'"orderId":"0d6c2a3e-1111-4c1a-9a52-000000000001","orderLinkId":"b-1","side":"Buy","orderPrice":"0","orderQty":"0.5",'
    b'"leavesQty":"0","createType":"CreateByUser","orderType":"Market","stopOrderType":"UNKNOWN","execId":"e-%d",'
    b'"execPrice":"101.35","execQty":"0.5","execValue":"50.675","execType":"Trade","execFee":"0.02787125","feeRate":"0.00055",'
    b'"feeCurrency":"USDT","execPnl":"0","closedSize":"0","execTime":"1790000001005","isMaker":false,"seq":9}]}'
)


def account_of(access: Access) -> VenueAccount:
    hosts = local_hosts(access.port)
    return venue_account("bench", Environment.LOCAL, hosts, Secret(access.key), Secret(access.secret))


async def order_pace(venue: BybitVenue, tasks: int, seconds: float, numbers: "count[int]") -> Pace:
    """How so many tasks at once get on, every order of which is accepted."""
    order = OrderRequest("", "S00USDT", Side.BUY, Decimal(1), "Limit", Decimal(50), "IOC")
    began_s, used_s, done = time.perf_counter(), time.process_time(), 0

    async def one() -> None:
        nonlocal done
        while time.perf_counter() - began_s < seconds:
            reply = await venue.place(replace(order, link_id=f"b-{next(numbers)}"))
            if reply.reply_class is not ReplyClass.ACCEPTED:
                raise SystemExit(f"an order was not taken: {reply}")
            done += 1

    async with anyio.create_task_group() as group:
        for _ in range(tasks):
            group.start_soon(one)
    return Pace(done / (time.perf_counter() - began_s), (time.process_time() - used_s) / done * 1e3)


async def orders(world: World, seconds: float) -> None:
    with exchange_process(1) as access, plain_server() as plain_url:
        numbers, part_s = count(), seconds / PASSES / 2
        async with (
            open_bybit_venue(world, account_of(access), FreeBudget()) as venue,
            world.net.http_session(timeout_s=30) as session,
        ):
            await order_pace(venue, 8, 0.5, numbers)
            for tasks, quiet in CONCURRENCY.items():
                ours, plain = list[Pace](), list[Pace]()
                for _ in range(PASSES):
                    ours.append(await order_pace(venue, tasks, part_s, numbers))
                    plain.append(await plain_pace(session, plain_url, tasks, part_s))
                note = (
                    f"a plain aiohttp pair beside it {median(pace.per_s for pace in plain):.0f}, on a quiet machine {quiet:g}"
                )
                tell(f"signed orders, {tasks} at once", [pace.per_s for pace in ours], "1/s", note=note)
                note = f"a plain aiohttp client {median(pace.processor_ms for pace in plain):.3f}"
                tell(f"  processor time of ours, {tasks} at once", [pace.processor_ms for pace in ours], "ms", note=note)


async def frame_rate(take: Callable[[int], Awaitable[None]], seconds: float) -> list[float]:
    """Frames per second, batch after batch."""
    rates: list[float] = []
    until_s = time.perf_counter() + seconds
    while time.perf_counter() < until_s or not rates:
        began_s = time.perf_counter()
        for number in range(BATCH):
            await take(number)
        rates.append(BATCH / (time.perf_counter() - began_s))
    return rates


async def frames(world: World, seconds: float) -> None:
    heard: list[FeedEvent] = []
    account = account_of(Access(1, "k", "s"))
    public = PublicConnection(world.clock, "kline.1.", heard.append, lambda reason: None, lock_step=False)

    async def of_market(number: int) -> None:
        await public.frame(orjson.loads(CANDLE if number % 2 else TICKER))
        heard.clear()

    tell("frames of tickers and candles parsed", await frame_rate(of_market, seconds / 2), "1/s")
    numbers = count()
    with BybitPrivateStream(world, account, VenueClock(world.clock)) as private:

        async def of_account(_: int) -> None:
            await private.frame(orjson.loads(EXECUTION % next(numbers)))
            private.events.receive_nowait()

        tell("frames of executions parsed", await frame_rate(of_account, seconds / 2), "1/s")


async def lag(seconds: float) -> list[float]:
    """Milliseconds by which naps ended too late."""
    late_ms = []
    until_s = time.perf_counter() + seconds
    while (now_s := time.perf_counter()) < until_s:
        await anyio.sleep(NAP_S)
        late_ms.append((time.perf_counter() - now_s - NAP_S) * 1000)
    return late_ms


async def instance(engine: PlayEngine, bars: Subscription, decided: list[int]) -> None:
    """What an instance does with a closed bar, up to its decision."""
    async for bar in bars:
        engine.on_bar(bar.candle)
        bars.done(bar.candle.open_time_ms + MINUTE_MS)
        decided.append(bar.candle.open_time_ms)


async def crowd(world: World, seconds: float) -> None:
    feed, decided = market(SYMBOLS), list[int]()
    play = load_play(PLAY, "wire.yml")
    program = compile_program(play, MINUTE_MS)
    with exchange_process(SYMBOLS, speed=SPEED, frame_every_s=1.0 / UPDATES_PER_S) as access:
        hosts = local_hosts(access.port)
        async with (
            open_bybit_market_data(world, hosts.rest, FreeBudget(), simulated=True) as source,
            anyio.create_task_group() as tasks,
        ):
            stream = BybitPublicStream(world, Environment.LOCAL, hosts)
            hub = MarketHub(world.clock, stream, source, timing=HubTiming.at_speed(SPEED))
            tasks.start_soon(hub.run)
            now_ms = await source.market_now_ms()
            for symbol in feed.symbols:
                history = feed.candles(symbol, now_ms - HISTORY * MINUTE_MS, now_ms - now_ms % MINUTE_MS)
                for _ in range(INSTANCES_PER_SYMBOL):
                    engine = PlayEngine(program, play, feed.instrument(symbol), 10_000.0)
                    engine.warm(history)
                    bars = await hub.subscribe(symbol, after_ms=int(history.open_time_ms[-1]))
                    tasks.start_soon(instance, engine, bars, decided)
            tasks.start_soon(stream.run)
            with anyio.fail_after(60):
                while len(decided) < SYMBOLS * INSTANCES_PER_SYMBOL:  # noqa: ASYNC110 - a hundred tasks write it
                    await anyio.sleep(0.05)
            before = len(decided)
            late_ms = await lag(max(seconds, 60.0 / SPEED))
            name = f"loop lag, {SYMBOLS * INSTANCES_PER_SYMBOL} instances, {len(decided) - before} bars"
            tell_percentiles(name, late_ms, "ms", {50: None, 99: LAG_MS_MAX})
            tasks.cancel_scope.cancel()


async def main(world: World, seconds: float) -> None:
    await orders(world, seconds)
    await frames(world, seconds)
    await crowd(world, seconds)


if __name__ == "__main__":
    chosen_s = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    run(lambda world: main(world, chosen_s), real_world())
