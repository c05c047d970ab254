"""Faults on command at the wire: what a client of the exchange sees, and what the books and the ledger say beside it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

import aiohttp
import anyio
import pytest

from playd.venues.exchange.faults.script import read_posted
from playd.venues.exchange.ledger import directory_of, read
from playd.world.real import real_world
from tests.integration.exchange_bench import Bench, Socket, bench_at

pytestmark = pytest.mark.anyio
CREATE = "/v5/order/create"
TICK_S = 0.001
"""What a timer of the loop may be early by: it counts whole milliseconds."""


@pytest.fixture
def path(tmp_path: PurePath) -> PurePath:
    return tmp_path / "exchange.sqlite"


@contextmanager
def armed(bench: Bench, kind: str, **more: Any) -> Iterator[None]:
    """A fault for the block; `with_` are its parameters."""
    bench.exchange.faults.arm(
        read_posted({"faults": [{"kind": kind, **{name.rstrip("_"): each for name, each in more.items()}}]})
    )
    try:
        yield
    finally:
        bench.exchange.faults.heal()


def orders(bench: Bench) -> list[str]:
    """Link ids of the open orders as the books have them."""
    (account,) = bench.exchange.books.accounts.values()
    return [order.link_id for order in account.orders.values()]


async def _faults(bench: Bench, method: str, body: dict[str, Any] | None = None, status: int = 200) -> dict[str, Any]:
    headers = {"X-Playd-Token": bench.info.admin_token}
    async with bench.session.request(method, f"{bench.info.rest_url}/playd/faults", json=body, headers=headers) as response:
        found: dict[str, Any] = await response.json()
        assert response.status == status, found
        return found


async def test_faults_are_armed_counted_and_healed_by_the_admin(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        fault = {"kind": "answer", "name": "busy", "where": {"path": CREATE}, "times": 2, "with": {"code": 10006}}
        async with bench.session.post(f"{bench.info.rest_url}/playd/faults", json={"faults": [fault]}) as response:
            assert response.status == 401
        refused = await _faults(bench, "POST", {"faults": [fault, {"kind": "answr"}]}, status=400)
        assert "faults[1].kind: found `answr`" in refused["error"]
        assert (await _faults(bench, "GET"))["faults"] == [], "all or none"
        await _faults(bench, "POST", {"faults": [fault]})
        codes = [(await bench.order("Buy", "0.01"))["retCode"] for _ in range(3)]
        assert codes == [10006, 10006, 0]
        (row,) = (await _faults(bench, "GET"))["faults"]
        assert (row["name"], row["hits"], row["spent"]) == ("busy", 2, True)
        assert await _faults(bench, "DELETE") == {"healed": 1}
        kinds = [entry["kind"] for entry in read(real_world().disk, directory_of(path)) if entry["kind"].startswith("fault")]
        assert kinds == ["fault_armed", "fault", "fault", "fault_healed"]


async def test_a_lost_reply_leaves_the_order_and_a_lost_request_does_not(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        with armed(bench, "drop_reply", where={"path": CREATE}), pytest.raises(aiohttp.ClientError):
            await bench.order("Buy", "0.01", orderLinkId="done")
        with armed(bench, "drop_request", where={"path": CREATE}), pytest.raises(aiohttp.ClientError):
            await bench.order("Buy", "0.01", orderLinkId="never")
        assert orders(bench) == ["done"]
        with armed(bench, "drop_reply", with_={"silent_s": 600}):
            async with anyio.create_task_group() as asking:
                answered = anyio.Event()
                asking.start_soon(_ask, bench, answered)
                while orders(bench) != ["done", "silent"]:  # noqa: ASYNC110 - tables of the exchange have no event
                    await anyio.sleep(0.01)
                with anyio.move_on_after(0.1) as silent:
                    await answered.wait()
                asking.cancel_scope.cancel()
        assert silent.cancelled_caught


async def test_a_request_that_waits_takes_effect_late_and_a_late_reply_comes_behind_the_frames(path: PurePath) -> None:
    async with bench_at(real_world(), path, speed=1.0, lockstep=False, frame_every_s=0.05) as bench:
        socket = await bench.private("order")
        began_s = time.monotonic()
        with armed(bench, "delay", with_={"delay_s": 0.05}):
            assert (await bench.order("Buy", "0.01", orderLinkId="late"))["retCode"] == 0
        assert time.monotonic() - began_s >= 0.05 - TICK_S
        await _told(socket, "late")
        with armed(bench, "delay_reply", with_={"delay_s": 600}):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(bench.order, "Buy", "0.01")
                assert (await socket.read())["topic"] == "order"
                bench.exchange.faults.heal()


async def _ask(bench: Bench, answered: anyio.Event) -> None:
    await bench.order("Buy", "0.01", orderLinkId="silent")
    answered.set()


async def _told(socket: Socket, link_id: str) -> None:
    while not any(row["orderLinkId"] == link_id for row in (await socket.read())["data"]):
        pass


@pytest.mark.parametrize("code", [10000, 10002, 10006, 10016, 10429])
async def test_a_code_is_answered_before_or_after_the_effect(path: PurePath, code: int) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        for effect, link_id in ((False, "no"), (True, "yes")):
            with armed(bench, "answer", with_={"code": code, "effect": effect}):
                assert (await bench.order("Buy", "0.01", orderLinkId=link_id))["retCode"] == code
        assert orders(bench) == ["yes"]


@pytest.mark.parametrize("reset_s", [1, -60])
async def test_who_comes_too_often_on_command_is_told_when_to_come_again(path: PurePath, reset_s: int) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        with armed(bench, "answer", with_={"code": 10006, "reset_s": reset_s}):
            url = f"{bench.info.rest_url}/v5/order/realtime?category=linear&symbol=BTCUSDT"
            asked_ms = bench.exchange.wall_ms()
            async with bench.session.get(url, headers=bench.signed("category=linear&symbol=BTCUSDT")) as response:
                assert (await response.json())["retCode"] == 10006
                assert response.headers["X-Bapi-Limit-Status"] == "0"
                told_ms = int(response.headers["X-Bapi-Limit-Reset-Timestamp"]) - asked_ms
                assert (told_ms >= 1_000) if reset_s > 0 else (told_ms < 0)


@pytest.mark.parametrize("status", [403, 500, 503])
async def test_a_status_of_http_is_answered(path: PurePath, status: int) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        with armed(bench, "answer", with_={"http": status}):
            async with bench.session.get(f"{bench.info.rest_url}/v5/market/time") as response:
                assert response.status == status


async def test_in_maintenance_only_the_announcement_is_served(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        with armed(bench, "maintenance"):
            async with bench.session.get(f"{bench.info.rest_url}/v5/market/time") as response:
                assert response.status == 503
            assert [row["state"] for row in (await bench.get("/v5/system/status"))["result"]["list"]] == ["ongoing"]
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await bench.session.ws_connect(bench.info.public_url)
        assert (await bench.get("/v5/system/status"))["result"]["list"] == []


async def test_a_request_that_arrives_twice_is_one_order(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        for reply, code in (("first", 0), ("second", 110072)):
            with armed(bench, "duplicate", where={"path": CREATE}, with_={"reply": reply}):
                assert (await bench.order("Buy", "0.01", orderLinkId=reply))["retCode"] == code
        assert orders(bench) == ["first", "second"]


async def test_an_open_order_is_not_found_though_it_exists_and_closed_ones_are_forgotten(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        await bench.order("Buy", "0.01", orderLinkId="here")
        wish = {"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "here"}
        query = "category=linear&symbol=BTCUSDT&orderLinkId=here"
        with armed(bench, "order_not_found", where={"link_id": "here"}, times=2):
            assert (await bench.get("/v5/order/realtime", query))["result"]["list"] == []
            assert (await bench.post("/v5/order/cancel", **wish))["retCode"] == 110001
        assert orders(bench) == ["here"]
        assert (await bench.post("/v5/order/cancel", **wish))["retCode"] == 0
        for forgotten in (1, 0):
            with armed(bench, "forget_closed", when={"until_s": 3600 * forgotten or 0.000001}):
                for name in ("realtime", "history"):
                    rows = (await bench.get(f"/v5/order/{name}", query))["result"]["list"]
                    assert len(rows) == 1 - forgotten


async def test_lists_of_what_is_over_lag_and_open_orders_do_not(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        for name in ("over", "open"):
            await bench.order("Buy", "0.01", orderType="Limit", price="40000", orderLinkId=name)
        await bench.post("/v5/order/cancel", category="linear", symbol="BTCUSDT", orderLinkId="over")
        reads = (
            ("/v5/order/realtime", "category=linear&orderLinkId=over"),
            ("/v5/order/history", "category=linear&symbol=BTCUSDT"),
            ("/v5/account/transaction-log", "accountType=UNIFIED"),
        )
        for delay_s, seen in ((600.0, 0), (0.0, 1)):
            with armed(bench, "late_history", with_={"delay_s": delay_s}):
                for name, query in reads:
                    assert len((await bench.get(name, query))["result"]["list"]) == seen
                assert len((await bench.get("/v5/order/realtime", "category=linear&symbol=BTCUSDT"))["result"]["list"]) == 1
        for delay_s, seen in ((600.0, 0), (0.0, 1)):
            with armed(bench, "late_history", with_={"delay_s": delay_s, "open": True}):
                rows = (await bench.get("/v5/order/realtime", "category=linear&symbol=BTCUSDT"))["result"]["list"]
                assert len(rows) == seen, "new orders, where these come late, too"


async def test_a_refused_signature_an_expired_key_and_a_wrong_clock(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        for kind, code in (("refuse_authentication", 10004), ("expire_key", 33004)):
            with armed(bench, kind):
                assert (await bench.order("Buy", "0.01"))["retCode"] == code
                with pytest.raises(AssertionError):
                    await bench.private("order")
                assert (await bench.get("/v5/market/time"))["retCode"] == 0
        with armed(bench, "skew_clock", with_={"by_ms": 120_000}):
            assert (await bench.order("Buy", "0.01"))["retCode"] == 10002
            asked_ms = time.time() * 1000
            told_ms = int((await bench.get("/v5/market/time"))["time"]) - 120_000
            assert asked_ms - 1 <= told_ms <= time.time() * 1000 + 1
        assert orders(bench) == []
        assert (await bench.order("Buy", "0.01"))["retCode"] == 0


async def test_sockets_are_cut_by_kind_after_a_request_or_a_delay(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        private, public = await bench.private("order"), await bench.public("tickers.BTCUSDT")
        with armed(bench, "cut", where={"path": CREATE, "socket": "private"}):
            await bench.order("Buy", "0.01")
            assert (await private.ws.receive()).type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
            assert private.ws.close_code == 1006
        assert (await public.read())["topic"] == "tickers.BTCUSDT"
        with armed(bench, "cut", when={"from_s": 0.01}, with_={"goodbye": True}):
            await public.ws.receive()
            assert public.ws.close_code == 1000


async def test_a_funding_rate_is_another_on_command(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True, lockstep=False) as bench:
        socket = await bench.private("execution")
        await bench.order("Buy", "0.01")
        with armed(bench, "funding_spike", where={"symbol": "BTCUSDT"}, when={"after": 1}, with_={"rate": 0.0123}):
            bench.exchange.release()
            while (row := (await socket.read())["data"][0])["execType"] != "Funding":
                pass
        assert float(row["feeRate"]) == 0.0123
        stamp_ms = int(row["execTime"])
        query = f"category=linear&symbol=BTCUSDT&startTime={stamp_ms}&endTime={stamp_ms}"
        rows = (await bench.get("/v5/market/funding/history", query))["result"]["list"]
        assert [(row["fundingRate"], row["fundingRateTimestamp"]) for row in rows] == [("0.0123", str(stamp_ms))]


async def test_order_frames_of_a_trade_socket_meet_the_faults_of_requests(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        trade = Socket(await bench.session.ws_connect(bench.info.private_url.replace("private", "trade")))
        expires = int(time.time() * 1000) + 60_000
        await trade.ask("auth", bench.key, expires, bench.signature(f"GET/realtime{expires}"))

        async def send(number: int) -> None:
            order = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.01"}
            header = {"X-BAPI-TIMESTAMP": str(int(time.time() * 1000)), "X-BAPI-RECV-WINDOW": "60000"}
            args = [{**order, "orderLinkId": f"t{number}"}]
            await trade.ws.send_json({"op": "order.create", "reqId": f"r{number}", "header": header, "args": args})

        with armed(bench, "drop_reply", where={"link_id": "t1"}), armed_too(bench, "answer", {"link_id": "t2"}, code=10006):
            for number in (1, 2, 3):
                await send(number)
            replies = [await trade.read() for _ in range(2)]
        assert [(reply["reqId"], reply["retCode"]) for reply in replies] == [("r2", 10006), ("r3", 0)]
        assert orders(bench) == ["t1", "t3"]


@contextmanager
def armed_too(bench: Bench, kind: str, where: dict[str, str], **params: Any) -> Iterator[None]:
    """One more fault beside those in force."""
    with armed(bench, kind, where=where, with_=params):
        yield
