"""The exchange over its sockets: envelopes, subscriptions, lock-step, restarts, and clients that misbehave."""

import json
import time
from collections.abc import Sequence
from decimal import Decimal
from pathlib import PurePath
from typing import Any

import anyio
import numpy as np
import pytest

from playd.core.candles import Candles
from playd.market.feed import RecordedFeed
from playd.market.synthetic import SyntheticFeed
from playd.venues.exchange.config import ExchangeConfig
from playd.venues.exchange.exchange import ExchangeInfo
from playd.venues.exchange.serve import AccountWish, OpenedAccount, serve
from playd.venues.exchange.sessions import FIRST_FRAME_AFTER_S
from playd.world.ports import Signal
from playd.world.real import real_world
from playd.world.virtual import virtual_world
from tests.integration.exchange_bench import DEADLINE_S, Bench, Socket, bench_at

pytestmark = pytest.mark.anyio

TICK_S = 0.001
"""What a timer of the loop may be early by: it counts whole milliseconds."""


@pytest.fixture
def path(tmp_path: PurePath) -> PurePath:
    return tmp_path / "exchange.sqlite"


async def test_private_frames_of_a_minute_come_before_its_closed_candle(path: PurePath) -> None:
    async with bench_at(real_world(), path) as bench:
        private = await bench.private("execution", "order", "position", "wallet")
        public = await bench.public("kline.1.BTCUSDT")
        await private.ask("playd.lockstep")
        assert (await bench.order("Buy", "0.01", stopLoss="30000"))["retCode"] == 0
        await public.ask("playd.lockstep")

        frames, number = await private.until_barrier()
        assert [frame["topic"] for frame in frames] == ["execution", "order", "position", "wallet", "order", "position"]
        assert bench.exchange.books.time.inside
        with pytest.raises(TimeoutError), anyio.fail_after(0.2):
            await public.read()  # the market waits for the private echo
        await private.echo(number)

        (closed,), barrier = await public.until_barrier()
        assert closed["data"][0]["confirm"] is True
        assert barrier == number + 1
        assert not bench.exchange.books.time.inside


async def test_market_time_waits_for_the_echo_and_orders_meanwhile_fill_at_the_next_open(path: PurePath) -> None:
    async with bench_at(real_world(), path) as bench:
        public = await bench.public("kline.1.BTCUSDT")
        await public.ask("playd.lockstep")
        (closed,), barrier = await public.until_barrier()
        assert (await bench.order("Buy", "0.01", orderLinkId="x"))["retCode"] == 0
        realtime = await bench.get("/v5/order/realtime", "category=linear&orderLinkId=x")
        assert realtime["result"]["list"][0]["orderStatus"] == "New"

        await public.echo(barrier)
        (following,), _ = await public.until_barrier()

        execution = (await bench.get("/v5/execution/list", "category=linear&orderLinkId=x"))["result"]["list"][0]
        assert execution["execTime"] == str(following["data"][0]["start"]) == str(closed["data"][0]["end"] + 1)
        assert execution["execPrice"] == f"{float(following['data'][0]['open']):.1f}"


async def test_a_client_that_comes_back_in_time_finds_the_market_waiting(path: PurePath) -> None:
    async with bench_at(real_world(), path, lockstep_grace_s=600.0) as bench:
        public = await bench.public("kline.1.BTCUSDT")
        await public.ask("playd.lockstep")
        _, barrier = await public.until_barrier()
        await public.ws.close()
        now_ms = bench.exchange.books.time.now_ms

        again = await bench.public("kline.1.BTCUSDT")
        await again.ws.send_json({"op": "playd.lockstep"})
        _, repeated = await again.until_barrier()

        assert (repeated, bench.exchange.books.time.now_ms) == (barrier, now_ms)
        await again.echo(repeated)
        (following,), _ = await again.until_barrier()
        assert following["data"][0]["start"] == now_ms


@pytest.mark.parametrize(("grace_s", "close_code"), [(0.05, 4000), (600.0, 1000)])
async def test_a_private_client_that_is_lost_or_has_left_does_not_stop_the_market(
    path: PurePath, grace_s: float, close_code: int
) -> None:
    async with bench_at(real_world(), path, lockstep_grace_s=grace_s) as bench:
        private = await bench.private("execution")
        public = await bench.public("kline.1.BTCUSDT")
        await private.ask("playd.lockstep")
        await bench.order("Buy", "0.01")
        await private.ws.close(code=close_code)
        await public.ask("playd.lockstep")

        _, barrier = await public.until_barrier()

        assert barrier > 0


async def test_the_market_waits_for_a_private_client_that_was_lost(path: PurePath) -> None:
    async with bench_at(real_world(), path, lockstep_grace_s=600.0) as bench:
        private = await bench.private("execution")
        public = await bench.public("kline.1.BTCUSDT")
        await private.ask("playd.lockstep")
        await bench.order("Buy", "0.01")
        await public.ask("playd.lockstep")
        _, number = await private.until_barrier()
        await private.ws.close(code=4000)
        with pytest.raises(TimeoutError), anyio.fail_after(0.2):
            await public.read()

        again = await bench.private("execution")
        await again.ws.send_json({"op": "playd.lockstep"})
        _, repeated = await again.until_barrier()
        assert repeated == number
        await again.echo(repeated)

        await public.until_barrier()


async def test_a_held_market_moves_only_when_released(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        public = await bench.public("kline.1.BTCUSDT")
        await public.ask("playd.lockstep")
        with pytest.raises(TimeoutError), anyio.fail_after(0.2):
            await public.read()
        token = {"X-Playd-Token": bench.info.admin_token}
        url = f"{bench.info.rest_url}/playd/market"
        async with bench.session.post(url, json={"held": False}) as refused:
            assert refused.status == 401
        async with bench.session.post(url, json={"held": False}, headers=token) as response:
            assert (await response.json())["held"] is False
        await public.until_barrier()


async def test_a_paced_market_shows_its_candles_as_they_grow(path: PurePath) -> None:
    async with bench_at(real_world(), path, speed=600.0, lockstep=False, frame_every_s=0.02) as bench:
        public = await bench.public(
            "kline.1.BTCUSDT", "kline.3.BTCUSDT", "tickers.BTCUSDT", "publicTrade.BTCUSDT", "orderbook.1.BTCUSDT"
        )
        growing: list[dict[str, Any]] = []
        closed: dict[str, Any] = {}
        slow_closed = False
        seen: set[str] = set()
        while not (slow_closed and len(seen) == 5 and closed):
            frame = await public.read()
            seen.add(frame["topic"])
            if frame["topic"] == "kline.1.BTCUSDT":
                (row,) = frame["data"]
                growing.append(row)
                if row["confirm"] and any(each["start"] == row["start"] for each in growing[:-1]):  # not joined at its end
                    closed = row
            slow_closed = slow_closed or (frame["topic"] == "kline.3.BTCUSDT" and frame["data"][0]["confirm"])
        earlier = [row for row in growing if row["start"] == closed["start"] and not row["confirm"]]
        assert all(float(row["high"]) <= float(closed["high"]) for row in earlier)
        assert all(row["open"] == closed["open"] for row in earlier)


async def test_a_restart_keeps_position_stop_wallet_and_clock(path: PurePath) -> None:
    world = real_world()
    async with bench_at(world, path) as bench:
        public = await bench.public("kline.1.BTCUSDT")
        await public.ask("playd.lockstep")
        await bench.order("Buy", "0.01", stopLoss="30000", takeProfit="90000", orderLinkId="kept")
        for _ in range(3):
            _, barrier = await public.until_barrier()
            await public.echo(barrier)
        _, barrier = await public.until_barrier()
        before = [
            (await bench.get("/v5/position/list", "category=linear&symbol=BTCUSDT"))["result"],
            (await bench.get("/v5/account/wallet-balance", "accountType=UNIFIED"))["result"],
            (await bench.get("/v5/order/realtime", "category=linear&symbol=BTCUSDT"))["result"],
        ]
        key, now_ms = bench.key, bench.exchange.books.time.now_ms
    async with bench_at(world, path) as bench:
        assert (bench.key, bench.exchange.books.time.now_ms) == (key, now_ms)
        after = [
            (await bench.get("/v5/position/list", "category=linear&symbol=BTCUSDT"))["result"],
            (await bench.get("/v5/account/wallet-balance", "accountType=UNIFIED"))["result"],
            (await bench.get("/v5/order/realtime", "category=linear&symbol=BTCUSDT"))["result"],
        ]
        assert after == before
        assert (await bench.order("Buy", "0.01", orderLinkId="kept"))["retCode"] == 110072


async def test_one_bad_topic_refuses_the_whole_request_and_req_id_comes_back(path: PurePath) -> None:
    async with bench_at(real_world(), path) as bench:
        public = await bench.public()
        for bad in ("order", "kline.7.BTCUSDT", "tickers.btcusdt", "orderbook.500.BTCUSDT", "nonsense"):
            answer = await public.ask("subscribe", "tickers.BTCUSDT", bad, req_id=7)
            assert answer == {
                "success": False,
                "ret_msg": f"error:handler not found,topic:{bad}",
                "conn_id": answer["conn_id"],
                "req_id": 7,
                "op": "subscribe",
            }
        assert (await public.ask("subscribe", "kline.1.BTCUSDT"))["success"] is True
        assert "already subscribed" in (await public.ask("subscribe", "kline.1.BTCUSDT"))["ret_msg"]
        assert (await public.ask("unsubscribe", "kline.1.BTCUSDT"))["success"] is True
        assert (await public.ask("subscribe", "kline.1.BTCUSDT"))["success"] is True
        assert (await public.ask("ping", req_id="p"))["ret_msg"] == "pong"
        assert (await public.ask("dance"))["ret_msg"] == "error:invalid op"
        await public.ws.send_str("no json")
        assert (await public.read())["success"] is False


@pytest.mark.parametrize(("lockstep", "silent_s"), [(False, FIRST_FRAME_AFTER_S), (True, 0.0)])
async def test_a_subscriber_has_time_to_name_who_listens_before_the_first_frame(
    path: PurePath, lockstep: bool, silent_s: float
) -> None:
    async with bench_at(real_world(), path, held=True, lockstep=lockstep) as bench:
        public = await bench.public()
        for topic in ("tickers.BTCUSDT", "orderbook.50.BTCUSDT"):
            began_s = time.monotonic()
            assert (await public.ask("subscribe", topic))["success"]
            assert (await public.read())["topic"] == topic
            assert time.monotonic() - began_s >= silent_s - TICK_S


async def test_a_private_socket_says_nothing_before_it_knows_who_is_there(path: PurePath) -> None:
    async with bench_at(real_world(), path) as bench:
        socket = Socket(await bench.session.ws_connect(bench.info.private_url))
        assert (await socket.ask("subscribe", "order"))["success"] is False
        assert (await socket.ask("auth", bench.key, 1, "00"))["success"] is False
        assert (await socket.ask("playd.lockstep"))["success"] is False
        pong = await socket.ask("ping", req_id="p1")
        assert (pong["op"], pong["req_id"]) == ("pong", "p1")


async def test_sockets_compress_for_whoever_offers_it(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        socket = Socket(await bench.session.ws_connect(bench.info.public_url, compress=15))
        assert socket.ws.compress == 15
        assert (await socket.ask("subscribe", "orderbook.200.BTCUSDT"))["success"]
        assert len((await socket.read())["data"]["b"]) == 200
        plain = await bench.public("orderbook.50.BTCUSDT")
        assert (plain.ws.compress, len((await plain.read())["data"]["b"])) == (0, 50)


async def test_leverage_is_shown_with_and_without_a_position(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        both = {"buyLeverage": "3", "sellLeverage": "3"}
        assert (await bench.post("/v5/position/set-leverage", category="linear", symbol="BTCUSDT", **both))["retCode"] == 0
        for query in ("category=linear", "category=linear&symbol=BTCUSDT"):
            rows = (await bench.get("/v5/position/symbol-info", query))["result"]["list"]
            assert rows == [{"symbol": "BTCUSDT", "leverage": "3", "side": "", "positionIdx": 0}]


async def test_users_do_not_hear_of_one_another(path: PurePath) -> None:
    async with bench_at(real_world(), path) as bench:
        key, secret = bench.exchange.create_account("other", wallet_usdt=Decimal(10))
        other = Bench(bench.exchange, bench.info, bench.session, key, secret)
        mine, theirs = await bench.private("execution"), await other.private("execution", "order.linear")
        await mine.ask("playd.lockstep")
        await theirs.ask("playd.lockstep")
        public = await bench.public("kline.1.BTCUSDT")
        await bench.order("Buy", "0.01")
        await public.ask("playd.lockstep")

        frames, number = await mine.until_barrier()
        await mine.echo(number)
        await public.until_barrier()

        assert len(frames) == 1
        assert (await theirs.ask("ping"))["op"] == "pong"
        assert (await other.get("/v5/position/list", "category=linear&settleCoin=USDT"))["result"]["list"] == []


async def test_requests_without_a_valid_signature_are_refused_each_in_its_way(path: PurePath) -> None:
    async with bench_at(real_world(), path) as bench:
        url = f"{bench.info.rest_url}/v5/position/list?category=linear&symbol=BTCUSDT"
        query = "category=linear&symbol=BTCUSDT"
        good = bench.signed(query)
        for headers, status, code in (
            ({}, 401, None),
            ({**good, "X-BAPI-API-KEY": "unknown"}, 200, 10003),
            ({**good, "X-BAPI-TIMESTAMP": "1000"}, 200, 10002),
            ({**good, "X-BAPI-SIGN": "0" * 64}, 200, 10004),
            (good, 200, 0),
        ):
            async with bench.session.get(url, headers=headers) as response:
                assert response.status == status
                if code is not None:
                    assert (await response.json())["retCode"] == code
        async with bench.session.get(f"{bench.info.rest_url}/v5/nowhere") as response:
            assert response.status == 404
        async with bench.session.get(url, headers=good, data=b"{}") as response:
            assert response.status == 403
        assert (await bench.post("/v5/order/create", category="linear"))["retCode"] == 10001
        reader = bench.exchange.create_account("reader", wallet_usdt=Decimal(1), read_only=True)
        answer = await Bench(bench.exchange, bench.info, bench.session, *reader).order("Buy", "0.01")
        assert answer["retCode"] == 10005


async def test_too_many_orders_in_a_second_are_refused_with_the_time_to_wait(path: PurePath) -> None:
    async with bench_at(real_world(), path) as bench:
        text = json.dumps({"category": "linear", "symbol": "BTCUSDT", "orderId": "nothing"})
        url = f"{bench.info.rest_url}/v5/order/cancel"
        codes: list[int] = []
        waits_ms: list[int] = []

        async def cancel() -> None:
            async with bench.session.post(url, data=text, headers=bench.signed(text, window="60000")) as response:
                reply, headers = await response.json(), response.headers
            codes.append(reply["retCode"])
            assert headers["X-Bapi-Limit"] == "10"
            if reply["retCode"] == 10006:
                assert headers["X-Bapi-Limit-Status"] == "0"
                waits_ms.append(int(headers["X-Bapi-Limit-Reset-Timestamp"]) - reply["time"])

        async with anyio.create_task_group() as tasks:
            for _ in range(60):
                tasks.start_soon(cancel)
        assert set(codes) == {110001, 10006}
        assert codes.count(110001) >= 10
        assert 0 < max(waits_ms) <= 1000


async def test_what_the_venue_has_elsewhere_is_empty_here_and_what_it_does_not_have_is_refused(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        for name in ("order/realtime", "order/history", "execution/list", "position/list", "position/closed-pnl"):
            for query in ("category=inverse&symbol=BTCUSD", "category=linear&settleCoin=USDC"):
                assert (await bench.get(f"/v5/{name}", query))["result"]["list"] == []
            assert (await bench.get(f"/v5/{name}", "category=futures&settleCoin=USDT"))["retCode"] == 10001
        assert (await bench.get("/v5/order/history", "category=linear&orderStatus=New"))["retCode"] == 181017
        nothing = ("currency=USDC", "category=spot", "baseCoin=BTC", "transSubType=movePosition")
        for query, rows in (("", 1), ("type=TRANSFER_IN", 1), *((each, 0) for each in nothing)):
            assert len((await bench.get("/v5/account/transaction-log", query))["result"]["list"]) == rows
        auto = {"category": "linear", "symbol": "BTCUSDT", "autoAddMargin": 1}
        assert (await bench.post("/v5/position/set-auto-add-margin", **auto))["retCode"] == 0
        assert (await bench.post("/v5/position/set-auto-add-margin", **{**auto, "autoAddMargin": 2}))["retCode"] == 10001
        assert (await bench.post("/v5/account/set-limit-px-action", category="linear", modifyEnable=False))["retCode"] == 0
        assert (await bench.get("/v5/account/user-setting-config"))["result"]["lpaPerp"] is True
        wallet = (await bench.get("/v5/account/wallet-balance", "accountType=UNIFIED&coin=BTC,USDT"))["result"]["list"][0]
        assert [(row["coin"], row["walletBalance"]) for row in wallet["coin"]] == [("BTC", "0"), ("USDT", "10000")]


async def test_orders_come_in_pages_that_the_filter_does_not_thin_out(path: PurePath) -> None:
    async with bench_at(real_world(), path, held=True) as bench:
        for number in range(6):
            trigger = {"triggerPrice": "90000", "triggerDirection": 1} if number < 3 else {}
            wish = {"orderType": "Limit", "price": "40000", "orderLinkId": f"n{number}", **trigger}
            assert (await bench.order("Buy", "0.01", **wish))["retCode"] == 0
        seen: dict[str, list[str]] = {"Order": [], "StopOrder": [], "": []}
        for kind, found in seen.items():
            cursor = ""
            while not found or cursor:
                query = f"category=linear&settleCoin=USDT&limit=2&orderFilter={kind}&cursor={cursor}"
                page = (await bench.get("/v5/order/realtime", query))["result"]
                assert len(page["list"]) == 2 or not page["nextPageCursor"]
                found += [row["orderLinkId"] for row in page["list"]]
                cursor = page["nextPageCursor"]
        assert seen == {"Order": ["n5", "n4", "n3"], "StopOrder": ["n2", "n1", "n0"], "": [f"n{n}" for n in (5, 4, 3, 2, 1, 0)]}
        assert (await bench.get("/v5/order/realtime", "category=linear&baseCoin=ETH"))["result"]["list"] == []


async def test_klines_are_newest_first_and_say_nothing_about_the_future(path: PurePath) -> None:
    async with bench_at(real_world(), path) as bench:
        now_ms = bench.exchange.books.time.now_ms
        for interval, length_ms in (("1", 60_000), ("15", 900_000), ("60", 3_600_000)):
            query = f"category=linear&symbol=BTCUSDT&interval={interval}&limit=50"
            rows = (await bench.get("/v5/market/kline", query))["result"]["list"]
            opens = [int(row[0]) for row in rows]
            assert opens == [now_ms - length_ms * (1 + index) for index in range(50)]
            assert all(float(row[3]) <= min(float(row[1]), float(row[4])) for row in rows)
        start_ms = now_ms - 3_600_000
        rows = (await bench.get("/v5/market/kline", f"symbol=BTCUSDT&interval=1&start={start_ms}&limit=5"))["result"]["list"]
        assert [int(row[0]) for row in rows] == [start_ms + 60_000 * index for index in (4, 3, 2, 1, 0)]
        rows = (await bench.get("/v5/market/kline", f"symbol=BTCUSDT&interval=1&end={start_ms}&limit=2"))["result"]["list"]
        assert [int(row[0]) for row in rows] == [start_ms, start_ms - 60_000]


async def test_a_rude_client_does_not_disturb_the_others(path: PurePath) -> None:
    async with bench_at(real_world(), path) as bench:
        rude = await bench.public("kline.1.BTCUSDT")
        await rude.ws.send_bytes(b"\xff\xfe\x00")
        await rude.ws.send_json({"op": "playd.barrier", "barrier": "soon"})
        await rude.ws.send_json({"op": "subscribe", "args": {"a": 1}})
        await rude.ws.send_str("x" * 300_000)
        async with bench.session.post(f"{bench.info.rest_url}/v5/order/create", data=b"[" * 300_000) as response:
            assert response.status in (401, 413)
        for digits in ("9" * 20, "9" * 5000):
            kline = f"{bench.info.rest_url}/v5/market/kline?category=linear&symbol=BTCUSDT&interval=1&start={digits}"
            async with bench.session.get(kline) as response:
                assert (await response.json())["retCode"] == 10001
            for name in ("order/history", "execution/list", "position/closed-pnl", "account/transaction-log"):
                first = await bench.get(f"/v5/{name}", f"category=linear&cursor=page_token%3D{digits}")
                assert first["retCode"] == 0, "what is no cursor is the first page"
        huge = {**bench.signed(""), "X-BAPI-TIMESTAMP": "9" * 5000}
        async with bench.session.get(f"{bench.info.rest_url}/v5/account/info", headers=huge) as response:
            assert (await response.json())["retCode"] == 10001
        public = await bench.public("kline.1.BTCUSDT")
        await public.ask("playd.lockstep")
        await public.until_barrier()


async def test_recorded_candles_of_five_minutes_are_streamed_to_their_end(path: PurePath) -> None:
    step_ms, start_ms = 300_000, 1_700_006_400_000
    times = start_ms + np.array([0, 1, 2, 3, 4, 7, 8], dtype=np.int64) * step_ms
    prices = np.linspace(100.0, 101.5, 7)
    recorded = Candles("BTCUSDT", step_ms, times, prices, prices + 1, prices - 1, prices, np.ones(7))
    feed = RecordedFeed([recorded], history_ms=3 * step_ms)
    async with bench_at(real_world(), path, feed) as bench:
        public = await bench.public("kline.5.BTCUSDT", "kline.15.BTCUSDT")
        assert (await public.ask("subscribe", "kline.1.BTCUSDT"))["success"] is False
        await public.ask("playd.lockstep")
        opens, confirmed = [], []
        for _ in range(4):
            frames, barrier = await public.until_barrier()
            rows = [frame["data"][0] for frame in frames]
            opens += [(row["start"] - start_ms) // step_ms for row in rows if row["interval"] == "5" and row["confirm"]]
            confirmed += [(row["start"] - start_ms) // step_ms for row in rows if row["interval"] == "15" and row["confirm"]]
            await public.echo(barrier)
        assert (opens, confirmed) == ([3, 4, 7, 8], [6])

        end = await public.read()

        assert end == {"op": "playd.end", "market_now_ms": start_ms + 9 * step_ms}
        async with bench.session.get(f"{bench.info.rest_url}/playd/market") as response:
            status = await response.json()
        assert (status["ended"], status["base_step_ms"], status["market_now_ms"]) == (True, step_ms, end["market_now_ms"])
        rows = (await bench.get("/v5/market/kline", "symbol=BTCUSDT&interval=5&limit=3"))["result"]["list"]
        assert [(int(row[0]) - start_ms) // step_ms for row in rows] == [8, 7, 4]


async def test_funding_of_the_feed_is_stamped_paid_and_remembered(path: PurePath) -> None:
    stamp_ms = 1_700_006_400_000  # 00:00 UTC
    times = stamp_ms + np.arange(-4, 3, dtype=np.int64) * 60_000
    same = np.full(7, 50_000.0)
    recorded = Candles("BTCUSDT", 60_000, times, same, same, same, same, np.ones(7))
    feed = RecordedFeed([recorded], history_ms=120_000, funding_rates={"BTCUSDT": {stamp_ms: 0.0001}})
    async with bench_at(real_world(), path, feed) as bench:
        public = await bench.public("kline.1.BTCUSDT")
        await bench.order("Buy", "0.12")
        await public.ask("playd.lockstep")
        for _ in range(4):
            _, barrier = await public.until_barrier()
            await public.echo(barrier)
        log = (await bench.get("/v5/account/transaction-log", "accountType=UNIFIED&type=SETTLEMENT"))["result"]["list"]
        assert [(row["transactionTime"], row["funding"]) for row in log] == [(str(stamp_ms), "-0.6")]
        execution = (await bench.get("/v5/execution/list", "category=linear&execType=Funding"))["result"]["list"][0]
        assert (execution["execFee"], execution["execQty"]) == ("0.6", "0.120")
        history = (await bench.get("/v5/market/funding/history", "category=linear&symbol=BTCUSDT"))["result"]["list"]
        assert history == [{"symbol": "BTCUSDT", "fundingRate": "0.0001", "fundingRateTimestamp": str(stamp_ms)}]


async def test_an_exchange_on_its_own_serves_until_a_signal() -> None:
    world = virtual_world()
    served: list[tuple[int, str]] = []

    def ready(info: ExchangeInfo, accounts: Sequence[OpenedAccount]) -> None:
        served.append((info.port, accounts[0].alias))
        world.process.send(Signal.TERM)

    config = ExchangeConfig(PurePath("/exchange.sqlite"), held=True)
    with anyio.fail_after(DEADLINE_S):
        await serve(world, SyntheticFeed(1), config, (AccountWish("alone"),), ready)

    assert served[0][1] == "alone"
    assert world.disk.exists(config.records_path)
