"""The private stream against a scripted server."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, cast

import anyio
import pytest

from playd.core.errors import Doubtful, LinkError
from playd.core.secret import Secret
from playd.venues.bybit.environment import local_hosts
from playd.venues.bybit.private_stream import TOPICS, BybitPrivateStream
from playd.venues.bybit.socket import SocketTiming, Wire
from playd.venues.bybit.venue_clock import VenueClock
from playd.venues.port import (
    Barrier,
    ExecutionUpdate,
    OrderUpdate,
    PositionUpdate,
    PrivateEvent,
    StreamDown,
    StreamUp,
    WalletUpdate,
)
from playd.world.virtual import virtual_world
from tests.fake_bybit import KEY, SECRET, TIME_MS, FakeBybit, Socket, account
from tests.pauses import undisturbed

pytestmark = pytest.mark.anyio

QUICK = SocketTiming(ping_every_s=0.05, ack_within_s=60.0, backoff_first_s=0.01, backoff_max_s=0.05)
"""An acknowledgement may take its time on a busy machine; one test is about those that never come."""
IMPATIENT = replace(QUICK, dead_after_s=1.0)


@dataclass
class Scene:
    fake: FakeBybit
    stream: BybitPrivateStream

    async def event(self) -> PrivateEvent:
        with anyio.fail_after(60):
            return await self.stream.events.receive()

    async def up(self, number: int = 1) -> Socket:
        assert await self.event() == StreamUp(number)
        return await self.fake.socket(number)


@asynccontextmanager
async def running(
    fake: FakeBybit, timing: SocketTiming = QUICK, *, lock_step: bool = False, offset_ms: float = 0.0
) -> AsyncIterator[Scene]:
    world = virtual_world()
    venue_clock = VenueClock(world.clock)
    venue_clock.sample(offset_ms, 1.0)
    async with fake.running(world) as hosts, anyio.create_task_group() as tasks:
        with BybitPrivateStream(world, account(hosts, lock_step=lock_step), venue_clock, timing=timing) as stream:
            tasks.start_soon(stream.run)
            yield Scene(fake, stream)
            tasks.cancel_scope.cancel()


def message(topic: str, *rows: dict[str, Any]) -> dict[str, Any]:
    return {"id": "x", "topic": topic, "creationTime": 5, "data": list(rows)}


def fill(exec_id: str, **more: Any) -> dict[str, Any]:
    row = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "execId": exec_id, "execQty": "0.1", "execType": "Trade"}
    return {**row, **more}


async def test_up_is_told_only_after_authentication_and_every_acknowledgement() -> None:
    async with running(FakeBybit(), offset_ms=250.0) as scene:
        socket = await scene.up()
        frames = list(socket.frames)
    key, expires_ms, signature = frames[0]["args"]
    assert (frames[0]["op"], key) == ("auth", KEY)
    assert expires_ms == TIME_MS + 10_250
    assert signature == hmac.new(SECRET.encode(), f"GET/realtime{expires_ms}".encode(), hashlib.sha256).hexdigest()
    subscribed = [frame["args"] for frame in frames if frame["op"] == "subscribe"]
    assert subscribed == [[topic] for topic in TOPICS]


@pytest.mark.parametrize("what", ["auth", "position"])
async def test_a_refused_handshake_is_down_with_its_reason_and_without_the_key(what: str) -> None:
    async with running(FakeBybit(refused={what: f"no! {KEY}"})) as scene:
        event = await scene.event()
    assert isinstance(event, StreamDown)
    assert what in event.reason
    assert KEY not in event.reason


@pytest.mark.parametrize("op", ["auth", "subscribe"])
async def test_a_missing_acknowledgement_ends_the_connection(op: str) -> None:
    async def body() -> None:
        async with running(FakeBybit(mute={op}), replace(QUICK, ack_within_s=1.0)) as scene:
            event = await scene.event()
            assert isinstance(event, StreamDown)
            assert f"no acknowledgement of {op}" in event.reason
            await scene.fake.socket(2)

    await undisturbed(body)


async def test_rows_become_events_in_the_order_they_came() -> None:
    async with running(FakeBybit()) as scene:
        socket = await scene.up()
        await socket.send(message("execution", fill("e1"), fill("e2")))
        await socket.send(message("order", {"symbol": "BTCUSDT", "side": "Buy", "orderStatus": "Filled", "orderLinkId": "l"}))
        await socket.send(message("position", {"symbol": "BTCUSDT", "side": "Buy", "size": "0.2", "entryPrice": "60000.1"}))
        await socket.send(message("wallet", {"coin": [{"coin": "USDT", "walletBalance": "10", "equity": "11"}]}))
        events = [await scene.event() for _ in range(5)]
    kinds = [type(event) for event in events]
    assert kinds == [ExecutionUpdate, ExecutionUpdate, OrderUpdate, PositionUpdate, WalletUpdate]
    position = events[3]
    assert isinstance(position, PositionUpdate)
    assert (position.position.signed_qty, position.position.entry_price) == (Decimal("0.2"), Decimal("60000.1"))


async def test_an_execution_comes_once_however_often_it_is_sent_and_over_reconnects() -> None:
    async with running(FakeBybit()) as scene:
        socket = await scene.up()
        await socket.send(message("execution", fill("e1"), fill("e1")))
        await socket.ws.close()
        first, down = await scene.event(), await scene.event()
        assert isinstance(first, ExecutionUpdate)
        assert isinstance(down, StreamDown)
        socket = await scene.up(2)
        await socket.send(message("execution", fill("e1"), fill("e2")))
        second = await scene.event()
        assert isinstance(second, ExecutionUpdate)
        assert second.execution.exec_id == "e2"


async def test_rows_of_other_products_are_none_of_our_business() -> None:
    async with running(FakeBybit()) as scene:
        socket = await scene.up()
        spot, usdc = fill("s", category="spot"), fill("u", symbol="BTCPERP")
        await socket.send(message("execution", spot, usdc, fill("mine")))
        event = await scene.event()
        assert isinstance(event, ExecutionUpdate)
        assert event.execution.exec_id == "mine"


async def test_a_wallet_frame_about_another_coin_says_nothing_of_ours() -> None:
    async with running(FakeBybit()) as scene:
        socket = await scene.up()
        await socket.send(message("wallet", {"totalEquity": "99", "coin": [{"coin": "USDC", "walletBalance": "-0.07"}]}))
        await socket.send(message("wallet", {"coin": [{"coin": "USDT", "walletBalance": "0", "equity": ""}]}))
        await socket.send(message("wallet", {"coin": [{"coin": "USDT", "walletBalance": "10", "equity": "9"}]}))
        event = await scene.event()
    assert isinstance(event, WalletUpdate)
    assert event.wallet.balance_usdt == 10


async def test_a_dropped_socket_is_subscribed_again_and_proven_by_acknowledgements() -> None:
    async with running(FakeBybit()) as scene:
        for number in (1, 2, 3):
            socket = await scene.up(number)
            assert len(await socket.heard("subscribe", 4)) == 4
            await socket.ws.close()
            assert isinstance(await scene.event(), StreamDown)


async def test_a_stream_that_comes_back_is_as_young_as_its_acknowledgements_whenever_the_last_frame_came() -> None:
    async with running(FakeBybit()) as scene:
        await (await scene.up(1)).ws.close()
        assert isinstance(await scene.event(), StreamDown)
        scene.stream._last_frame_s = -3600.0
        await scene.up(2)
        assert scene.stream.last_frame_age_s is not None
        assert scene.stream.last_frame_age_s < 3600.0


@pytest.mark.slow
async def test_a_quiet_socket_that_answers_pings_lives() -> None:
    async def body() -> None:
        async with running(FakeBybit(), IMPATIENT) as scene:
            socket = await scene.up()
            with anyio.fail_after(60):
                await socket.heard("ping", 22)  # more than `dead_after_s` of pings
            assert scene.stream.up
            assert len(scene.fake.sockets) == 1

    await undisturbed(body)


async def test_a_socket_that_answers_nothing_is_dead() -> None:
    async def body() -> None:
        async with running(FakeBybit(mute={"ping"}), IMPATIENT) as scene:
            await scene.up()
            event = await scene.event()
            assert isinstance(event, StreamDown)
            assert "dead: no frame for 1 s" in event.reason
            await scene.up(2)

    await undisturbed(body)


async def test_an_unreadable_frame_ends_the_connection_instead_of_being_skipped() -> None:
    async with running(FakeBybit()) as scene:
        socket = await scene.up()
        await socket.send(message("execution", fill("e1", execQty="much")))
        event = await scene.event()
        assert isinstance(event, StreamDown)
        assert "execQty" in event.reason


ROW: dict[str, Any] = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy"}
USDT: dict[str, Any] = {"coin": [{"coin": "USDT"}]}


@pytest.mark.parametrize(
    "frame",
    [
        *({"topic": "order", "data": data} for data in ({"a": 1}, ["x"], [None], 5, [{**ROW, "qty": {"a": 1}}])),
        *({"topic": "wallet", "data": [{"coin": coins}]} for coins in (["x"], 5)),
        *({"topic": "wallet", "creationTime": time, "data": [USDT]} for time in ("x", [1])),
        {"topic": "order", "data": [{**ROW, "createdTime": "1e99"}]},
        {"topic": "position", "data": [{**ROW, "size": True}]},
        {"topic": "execution", "data": [fill("e1", extraFees=[1])]},
    ],
)
async def test_what_is_no_row_is_doubt_whatever_stands_in_its_place(frame: dict[str, Any]) -> None:
    world = virtual_world()
    with (
        BybitPrivateStream(world, account(local_hosts(1)), VenueClock(world.clock)) as stream,
        pytest.raises(Doubtful),
    ):
        await stream.frame(frame)


async def test_down_is_told_once_while_nobody_answers() -> None:
    world = virtual_world()
    fake = FakeBybit()
    async with fake.running(world) as hosts:
        pass
    timing = SocketTiming(backoff_first_s=0.001, backoff_max_s=0.002)
    with BybitPrivateStream(world, account(hosts), VenueClock(world.clock), timing=timing) as stream:
        async with anyio.create_task_group() as running:
            running.start_soon(stream.run)
            with anyio.fail_after(60):
                assert isinstance(await stream.events.receive(), StreamDown)
            with anyio.move_on_after(0.1) as silent:  # dozens of attempts
                await stream.events.receive()
            running.cancel_scope.cancel()
        assert silent.cancelled_caught


async def test_lock_step_is_asked_for_last_and_barriers_are_echoed() -> None:
    async with running(FakeBybit(), lock_step=True) as scene:
        socket = await scene.up()
        await socket.heard("playd.lockstep")
        assert socket.frames[-1]["op"] == "playd.lockstep"
        await socket.send({"op": "playd.barrier", "barrier": 7})
        assert await scene.event() == Barrier(7)
        await scene.stream.barrier_done(7)
        assert await socket.heard("playd.barrier") == [{"op": "playd.barrier", "barrier": 7}]


async def test_a_key_that_changes_during_the_handshake_is_not_taken_for_the_one_that_signed_it() -> None:
    world = virtual_world()
    first = account(local_hosts(1))

    class Changing:
        async def request(self, op: str, _: list[Any]) -> dict[str, Any]:
            if op == "auth":
                await stream.use_key(replace(first, api_key=Secret("SECONDKEYSECONDKEY")))
            return {"success": True}

    with BybitPrivateStream(world, first, VenueClock(world.clock)) as stream:
        with pytest.raises(LinkError, match="key was changed"):
            await stream.opened(cast(Wire, Changing()))
        assert not stream.up
