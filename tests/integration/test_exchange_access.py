"""Who may do what on the local exchange: rights of keys, limits per address, demo, idle sockets, disconnect protection."""

import dataclasses
import time
from decimal import Decimal
from pathlib import PurePath
from typing import Any

import aiohttp
import anyio
import anyio.lowlevel
import pytest

from playd.venues.exchange.ledger import directory_of, read
from playd.world.real import real_world
from tests.integration.exchange_bench import DEADLINE_S, Bench, Socket, bench_at, one_moment

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: PurePath) -> PurePath:
    return tmp_path / "exchange.sqlite"


async def _admin(bench: Bench, method: str, name: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    headers = {"X-Playd-Token": bench.info.admin_token}
    async with bench.session.request(method, f"{bench.info.rest_url}/playd/{name}", json=body, headers=headers) as response:
        found: dict[str, Any] = await response.json()
        assert response.status == 200, found
        return found


async def _with_key(bench: Bench, **wish: Any) -> Bench:
    """The same account by another key."""
    made = await _admin(bench, "POST", "keys", {"alias": "test", **wish})
    return dataclasses.replace(bench, key=made["key"], secret=made["secret"])


async def _trade_socket(bench: Bench) -> Socket:
    socket = Socket(await bench.session.ws_connect(bench.info.private_url.replace("private", "trade")))
    expires = int(time.time() * 1000) + 60_000
    answer = await socket.ask("auth", bench.key, expires, bench.signature(f"GET/realtime{expires}"), reqId="a")
    assert (answer["retCode"], answer["reqId"]) == (0, "a")
    return socket


def _order(**more: Any) -> dict[str, Any]:
    return {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "0.01", **more}


async def test_a_key_may_do_what_its_rights_say_until_it_ends(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        reader = await _with_key(bench, read_only=True)
        orders_only = await _with_key(bench, rights=["Order"])
        leverage = {"category": "linear", "symbol": "BTCUSDT", "buyLeverage": "3", "sellLeverage": "3"}
        assert (await reader.order("Buy", "0.01"))["retCode"] == 10005
        assert (await reader.get("/v5/position/list", "category=linear&settleCoin=USDT"))["retCode"] == 0
        assert (await orders_only.order("Buy", "0.01"))["retCode"] == 0
        assert (await orders_only.post("/v5/position/set-leverage", **leverage))["retCode"] == 10005
        assert (await bench.post("/v5/position/set-leverage", **leverage))["retCode"] == 0
        owner = await _with_key(bench, rights=["Withdraw"])
        out = {"coin": "USDT", "chain": "ETH", "address": "0x1", "amount": "5", "timestamp": 1}
        answers = [(await each.post("/v5/asset/withdraw/create", **out))["retCode"] for each in (orders_only, owner)]
        assert answers == [10005, 131097], "no coin has a way out, whoever asks"
        shown = (await orders_only.get("/v5/user/query-api"))["result"]
        assert (shown["permissions"]["ContractTrade"], shown["userID"]) == (["Order"], 1001)
        for wish, code in (
            ({"addresses": ["10.1.2.3"]}, 10010),
            ({"expires_in_days": 0}, 33004),
            ({"environment": "testnet"}, 10003),
        ):
            barred = await _with_key(bench, **wish)
            assert (await barred.order("Buy", "0.01"))["retCode"] == code
            assert (await _admin(bench, "POST", "keys", {"alias": "test", "key": barred.key, **_freed(wish)}))["key"]
            assert (await barred.order("Buy", "0.01"))["retCode"] == 0
        for name, beyond in (("keys", {"expires_in_days": 1e9}), ("accounts", {"wallet_usdt": 1, "vip": 1e20})):
            with pytest.raises(AssertionError, match="lies beyond"):  # refused, and no error of the server
                await _admin(bench, "POST", name, {"alias": "test", **beyond})
        (account,) = (await _admin(bench, "GET", "accounts"))["accounts"]
        assert (account["alias"], len(account["keys"])) == ("test", 7)
        assert "secret" not in account["keys"][0]


def _freed(wish: dict[str, Any]) -> dict[str, Any]:
    """The change that takes a bar away again."""
    return {"addresses": [], "expires_in_days": 90, "environment": "mainnet"} | {"note": f"was {next(iter(wish))}"}


async def test_keys_survive_a_restart(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        reader = await _with_key(bench, read_only=True, note="kept")
    async with bench_at(real_world(), path, held=True) as bench:
        again = dataclasses.replace(bench, key=reader.key, secret=reader.secret)
        assert (await again.get("/v5/user/query-api"))["result"]["note"] == "kept"
        assert (await again.order("Buy", "0.01"))["retCode"] == 10005


async def test_an_address_that_asks_too_often_is_banned_for_a_while(path: PurePath) -> None:
    async with bench_at(one_moment(), path, held=True, address_requests_max=5) as bench:
        url = f"{bench.info.rest_url}/v5/market/time"
        statuses = []
        for _ in range(7):
            async with bench.session.get(url) as response:
                statuses.append(response.status)
        assert statuses == [200] * 5 + [403] * 2
        with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
            await bench.public()


async def test_a_batch_beyond_the_rate_fails_order_by_order(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        items = [{"symbol": "BTCUSDT", "orderId": f"{number}"} for number in range(12)]
        answer = await bench.post("/v5/order/cancel-batch", category="linear", request=items)
        assert [word["code"] for word in answer["retExtInfo"]["list"]] == [110001] * 10 + [10006] * 2


async def test_demo_has_money_on_request_and_no_orders_by_websocket(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True, environment="demo") as bench:
        with pytest.raises(aiohttp.WSServerHandshakeError, match="404"):
            await _trade_socket(bench)
        funds = {"adjustType": 0, "utaDemoApplyMoney": [{"coin": "USDT", "amountStr": "500"}]}
        assert (await bench.post("/v5/account/demo-apply-money", **funds))["retCode"] == 0
        assert (await bench.post("/v5/account/demo-apply-money", **funds))["retCode"] == 10006
        guard = {"product": "DERIVATIVES", "timeWindow": 10}
        assert (await bench.post("/v5/order/disconnected-cancel-all", **guard))["retCode"] == 10032
        wallet = (await bench.get("/v5/account/wallet-balance", "accountType=UNIFIED"))["result"]["list"][0]
        log = (await bench.get("/v5/account/transaction-log", "accountType=UNIFIED"))["result"]["list"]
        assert Decimal(wallet["totalWalletBalance"]) == sum(Decimal(row["change"]) for row in log) == 10_500


async def test_the_trade_socket_answers_in_its_own_words(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        stranger = Socket(await bench.session.ws_connect(bench.info.private_url.replace("private", "trade")))
        assert (await stranger.ask("order.create", _order()))["retCode"] == 10007
        socket = await _trade_socket(bench)
        stamp = {"X-BAPI-TIMESTAMP": int(time.time() * 1000), "X-BAPI-RECV-WINDOW": "60000"}
        made = await socket.ask("order.create", _order(orderLinkId="w"), reqId="r1", header=stamp)
        assert (made["retCode"], made["data"]["orderLinkId"], made["header"]["X-Bapi-Limit-Status"]) == (0, "w", "9")
        for op, args, more, code in (
            ("order.create", [_order()], {"reqId": "r1", "header": stamp}, 20006),
            ("order.create", [_order()], {"reqId": "x" * 37, "header": stamp}, 10001),
            ("order.create", [_order()], {}, 10001),
            ("order.create", [_order()], {"reqId": ["r"], "header": {}}, 10001),
            ("order.create", [_order(), _order()], {"header": stamp}, 10001),
            ("order.create", [_order()], {"header": {"X-BAPI-TIMESTAMP": "1000"}}, 10002),
            ("order.create", [_order(orderLinkId="w")], {"header": stamp}, 110072),
            ("order.dance", [_order()], {"header": stamp}, 10404),
            ("auth", [], {}, 20001),
        ):
            answer = await socket.ask(op, *args, **more)
            assert (answer["retCode"], answer["op"]) == (code, op)
        assert (await socket.ask("ping"))["op"] == "pong"
        left = (await bench.get("/v5/order/realtime", "category=linear&orderLinkId=w"))["result"]["list"]
        assert left[0]["orderStatus"] == "New"


async def test_a_socket_on_which_nothing_passes_is_closed(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True, idle_s=0.1) as bench:
        idle = await bench.public()
        assert (await idle.ws.receive()).type is aiohttp.WSMsgType.CLOSE


async def test_a_public_socket_takes_only_so_many_topics(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        socket = await bench.public()
        answer = await socket.ask("subscribe", *(f"tickers.{'X' * 90}{number}" for number in range(230)))
        assert answer["ret_msg"] == "error:args length >21000"
        other = Socket(await bench.session.ws_connect(bench.info.public_url.replace("linear", "spot")))
        assert "handler not found" in (await other.ask("subscribe", "tickers.BTCUSDT"))["ret_msg"]


async def test_orders_of_the_disconnected_are_cancelled_after_their_window(
    path: PurePath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("playd.venues.exchange.rest_settings.WINDOW_S", (0, 300))
    async with bench_at(real_world(), path, held=True) as bench:
        await bench.order("Buy", "0.01", orderType="Limit", price="40000", orderLinkId="mine")
        assert (await bench.post("/v5/order/disconnected-cancel-all", product="DERIVATIVES", timeWindow=1))["retCode"] == 0
        first, second = await bench.private("dcp.future"), await bench.private("dcp.future")
        listener = await bench.private("order")
        await first.ws.close()
        await second.ws.close()
        order = (await listener.read())["data"][0]
        assert (order["orderLinkId"], order["orderStatus"], order["cancelType"]) == ("mine", "Cancelled", "CancelByDCP")


async def test_the_ledger_says_what_arrived_what_it_did_and_what_was_told(path: PurePath) -> None:
    world = real_world()
    async with bench_at(world, path, held=True) as bench:
        private = await bench.private("order")
        await bench.order("Buy", "0.01", orderType="Limit", price="40000", orderLinkId="kept")
        await bench.post("/v5/order/cancel", category="linear", symbol="BTCUSDT", orderLinkId="kept")
        await private.read()
        with anyio.fail_after(DEADLINE_S):
            while not (told := (await _admin(bench, "GET", "ledger?kind=frame"))["entries"][1:]):
                await anyio.lowlevel.checkpoint()
    entries = list(read(world.disk, directory_of(path), uid=1001))
    kinds = [entry["kind"] for entry in entries]
    (request,) = [entry for entry in entries if entry.get("path") == "/v5/order/create"]
    (answer,) = [entry for entry in entries if entry.get("request") == request["n"]]
    effect = next(entry for entry in entries if entry["kind"] == "effect" and entry["orders"])
    assert request["params"]["orderLinkId"] == effect["orders"][0]["orderLinkId"] == answer["result"]["orderLinkId"] == "kept"
    assert request["n"] < effect["n"] < answer["n"]
    assert told[-1]["frame"]["topic"] == "order"
    assert next(entry["key"] for entry in entries if entry["kind"] == "authenticated") == request["key"]
    assert kinds[-1] == "closed"


async def test_the_ledger_goes_on_after_a_restart_and_stays_small(path: PurePath) -> None:
    world = real_world()
    for _ in range(2):
        async with bench_at(world, path, held=True, rate_limits=False, ledger_bytes_max=40_000) as bench:
            for _ in range(60):
                await bench.get("/v5/account/info")
    found = list(read(world.disk, directory_of(path)))
    numbers = [entry["n"] for entry in found]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert numbers[0] > 1
    directory = directory_of(path)
    assert sum(world.disk.stat(directory / name).size for name in world.disk.list(directory)) < 50_000
