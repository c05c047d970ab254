"""The public stream against a scripted server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import anyio
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream

from playd.core.candles import Candle
from playd.core.errors import RecordError, Refused, SettingsError
from playd.core.modes import Environment
from playd.market.public_feed import (
    FeedBarrier,
    FeedDown,
    FeedEvent,
    FeedUp,
    FrameRefused,
    KlineFrame,
    SymbolRefused,
    TickerFrame,
)
from playd.venues.bybit import public_connection
from playd.venues.bybit.environment import DEMO
from playd.venues.bybit.public_stream import TOPIC_CHARACTERS, BybitPublicStream
from playd.venues.bybit.socket import SocketTiming
from playd.world.virtual import virtual_world
from tests.fake_bybit import FakeBybit, Socket
from tests.pauses import undisturbed

pytestmark = pytest.mark.anyio

QUICK = SocketTiming(ping_every_s=0.05, ack_within_s=60.0, backoff_first_s=0.01, backoff_max_s=0.05)


@dataclass
class Scene:
    fake: FakeBybit
    stream: BybitPublicStream
    heard: MemoryObjectReceiveStream[FeedEvent]

    async def event(self) -> FeedEvent:
        with anyio.fail_after(60):
            return await self.heard.receive()

    async def up(self, number: int = 1) -> Socket:
        assert await self.event() == FeedUp(number)
        return await self.fake.socket(number)


@asynccontextmanager
async def running(
    fake: FakeBybit,
    *watched: str,
    lock_step: bool = False,
    topic_characters: int = TOPIC_CHARACTERS,
    timing: SocketTiming = QUICK,
) -> AsyncIterator[Scene]:
    world = virtual_world()
    async with fake.running(world) as hosts, anyio.create_task_group() as tasks:
        stream = BybitPublicStream(
            world, Environment.LOCAL, hosts, lock_step=lock_step, timing=timing, topic_characters=topic_characters
        )
        send, heard = anyio.create_memory_object_stream[FeedEvent](10_000)
        stream.deliver_to(send.send_nowait)
        for symbol in watched:
            await stream.watch(symbol)
        tasks.start_soon(stream.run)
        with send, heard:
            yield Scene(fake, stream, heard)
            tasks.cancel_scope.cancel()


def topics_of(socket: Socket) -> list[str]:
    assert all(len(frame["args"]) == 1 for frame in socket.frames if frame["op"] == "subscribe")
    return sorted(frame["args"][0] for frame in socket.frames if frame["op"] == "subscribe")


def kline(open_ms: int, *, confirm: bool) -> dict[str, Any]:
    prices = {"open": "1.5", "high": "3", "low": "1", "close": "2", "volume": "7", "turnover": "9"}
    row = {"start": open_ms, "end": open_ms + 59_999, "interval": "1", **prices, "confirm": confirm, "timestamp": open_ms}
    return {"topic": "kline.1.BTCUSDT", "type": "snapshot", "ts": 1, "data": [row]}


async def test_each_watched_symbol_has_two_topics_asked_for_one_by_one() -> None:
    async with running(FakeBybit(), "BTCUSDT", "ETHUSDT") as scene:
        socket = await scene.up()
        assert topics_of(socket) == ["kline.1.BTCUSDT", "kline.1.ETHUSDT", "tickers.BTCUSDT", "tickers.ETHUSDT"]


async def test_a_symbol_watched_later_is_subscribed_and_comes_back_after_a_loss() -> None:
    async with running(FakeBybit(), "BTCUSDT") as scene:
        socket = await scene.up()
        await scene.stream.watch("ETHUSDT")
        assert "kline.1.ETHUSDT" in topics_of(socket)
        await scene.stream.unwatch("BTCUSDT")
        assert len(await socket.heard("unsubscribe", 2)) == 2
        await socket.ws.close()
        assert isinstance(await scene.event(), FeedDown)
        assert topics_of(await scene.up(2)) == ["kline.1.ETHUSDT", "tickers.ETHUSDT"]


async def test_an_unacknowledged_subscription_costs_the_connection() -> None:
    async def body() -> None:
        async with running(FakeBybit(), "BTCUSDT", timing=replace(QUICK, ack_within_s=1.0)) as scene:
            await scene.up()
            scene.fake.mute.add("subscribe")
            await scene.stream.watch("ETHUSDT")
            scene.fake.mute.clear()
            assert isinstance(await scene.event(), FeedDown)
            assert "tickers.ETHUSDT" in topics_of(await scene.up(2))

    await undisturbed(body)


async def test_a_refused_symbol_is_told_and_leaves_the_others_alone() -> None:
    refused = {"tickers.NOUSDT": "error:handler not found,topic:tickers.NOUSDT"}
    refused |= {"tickers.BTCUSDT": "error:already subscribed,topic:tickers.BTCUSDT"}
    async with running(FakeBybit(refused=refused), "NOUSDT", "BTCUSDT") as scene:
        assert await scene.event() == SymbolRefused("NOUSDT", refused["tickers.NOUSDT"])
        socket = await scene.up()
        assert "kline.1.BTCUSDT" in topics_of(socket)


async def test_a_symbol_that_was_refused_is_asked_for_again_until_the_venue_streams_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_connection, "REFUSED_AGAIN_S", 0.01)
    fake = FakeBybit(refused={"tickers.BTCUSDT": "error: system busy"})
    async with running(fake, "BTCUSDT") as scene:
        assert isinstance(await scene.event(), SymbolRefused)
        socket = await scene.up()
        with anyio.fail_after(60):
            while topics_of(socket).count("tickers.BTCUSDT") < 3:
                await socket.heard("subscribe", len(topics_of(socket)) + 1)
            fake.refused.clear()
            while "kline.1.BTCUSDT" not in topics_of(socket):
                await socket.heard("subscribe", len(topics_of(socket)) + 1)
        await socket.send({"topic": "tickers.BTCUSDT", "type": "snapshot", "data": {"lastPrice": "1"}, "ts": 1})
        assert isinstance(await scene.event(), TickerFrame), "it was told once that it is refused"


@pytest.mark.parametrize("error", [KeyError("close"), RecordError("the disk is gone")])
async def test_what_cannot_be_taken_costs_the_connection_and_only_a_lost_record_the_daemon(error: Exception) -> None:
    async def body() -> None:
        async with running(FakeBybit(), "BTCUSDT") as scene:
            socket = await scene.up()
            hear, failing = scene.stream._listener, [error]

            def listener(event: FeedEvent) -> None:
                if isinstance(event, TickerFrame) and failing:
                    raise failing.pop()
                hear(event)

            scene.stream.deliver_to(listener)
            await socket.send({"topic": "tickers.BTCUSDT", "type": "snapshot", "ts": 9, "data": {"lastPrice": "1"}})
            assert await scene.event() == FeedDown("an error of ours: KeyError: 'close'")
            await scene.up(2)

    if isinstance(error, RecordError):
        with pytest.raises(BaseExceptionGroup) as ended:
            await body()
        assert ended.value.subgroup(RecordError) is not None
    else:
        await body()


async def test_frames_become_feed_events() -> None:
    async with running(FakeBybit(), "BTCUSDT") as scene:
        socket = await scene.up()
        await socket.send({"topic": "tickers.BTCUSDT", "type": "snapshot", "ts": 9, "data": {"lastPrice": "1"}})
        await socket.send(kline(60_000, confirm=False))
        await socket.send(kline(60_000, confirm=True))
        ticker, live, closed = [await scene.event() for _ in range(3)]
    assert isinstance(ticker, TickerFrame)
    assert (ticker.symbol, ticker.snapshot, ticker.fields, ticker.venue_ms) == ("BTCUSDT", True, {"lastPrice": "1"}, 9)
    assert isinstance(live, KlineFrame)
    assert isinstance(closed, KlineFrame)
    assert (live.closed, closed.closed) == (False, True)
    assert closed.candle == Candle(60_000, 1.5, 3.0, 1.0, 2.0, 7.0)


@pytest.mark.parametrize(
    "poison",
    [
        {"close": "NaN"},
        {"high": "1e999"},
        {"low": "-1"},
        {"high": "1.9"},
        {"volume": None},
        {"start": "soon"},
        {"open": "0", "low": "0"},
    ],
)
async def test_poison_about_one_symbol_leaves_the_connection_and_all_others(poison: dict[str, Any]) -> None:
    async with running(FakeBybit(), "BTCUSDT", "ETHUSDT") as scene:
        socket = await scene.up()
        bad = kline(60_000, confirm=True)
        bad["data"][0] |= poison
        await socket.send(bad)
        await socket.send({**kline(60_000, confirm=True), "data": ["nonsense"]})
        await socket.send({"topic": "tickers.BTCUSDT", "type": "snapshot", "ts": "now", "data": {}})
        await socket.send({**kline(60_000, confirm=True), "topic": "kline.1.ETHUSDT"})
        refused = [await scene.event() for _ in range(3)]
        good = await scene.event()
    assert [(each.symbol, each.closed) for each in refused if isinstance(each, FrameRefused)] == [
        ("BTCUSDT", True),
        ("BTCUSDT", False),
        ("BTCUSDT", False),
    ]
    assert isinstance(good, KlineFrame)
    assert good.symbol == "ETHUSDT"


async def test_symbols_that_one_connection_cannot_carry_get_another_and_one_that_is_lost_takes_the_feed_down() -> None:
    async with running(FakeBybit(), "AAUSDT", "BBUSDT", topic_characters=80) as scene:
        first = await scene.up(1)
        await scene.stream.watch("CCUSDT")
        second = await scene.up(2)
        assert topics_of(first) == ["kline.1.AAUSDT", "kline.1.BBUSDT", "tickers.AAUSDT", "tickers.BBUSDT"]
        assert topics_of(second) == ["kline.1.CCUSDT", "tickers.CCUSDT"]
        await second.ws.close()
        assert isinstance(await scene.event(), FeedDown)
        assert not scene.stream.up
        await first.send(kline(1, confirm=True))
        assert isinstance(await scene.event(), KlineFrame), "the others are heard all the same"
        await scene.up(3)
        await scene.stream.unwatch("AAUSDT")
        await scene.stream.watch("DDUSDT")
        assert "tickers.DDUSDT" in topics_of(first)


async def test_lock_step_needs_all_symbols_on_one_connection() -> None:
    stream = BybitPublicStream(virtual_world(), Environment.LOCAL, DEMO, lock_step=True, topic_characters=40)
    await stream.watch("AAUSDT")
    with pytest.raises(Refused, match="one connection carries"):
        await stream.watch("BBUSDT")


async def test_barriers_pass_through_and_are_echoed_in_lock_step_only() -> None:
    async with running(FakeBybit(), "BTCUSDT", lock_step=True) as scene:
        socket = await scene.up()
        await socket.heard("playd.lockstep")
        await socket.send({"op": "playd.barrier", "barrier": 3})
        assert await scene.event() == FeedBarrier(3)
        await scene.stream.barrier_done(3)
        assert (await socket.heard("playd.barrier"))[0]["barrier"] == 3
    with pytest.raises(SettingsError, match="lock-step"):
        BybitPublicStream(virtual_world(), Environment.DEMO, DEMO, lock_step=True)
