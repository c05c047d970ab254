"""The REST client against a scripted server: what travels, what comes back, and what is never said."""

import hashlib
import hmac
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal

import anyio
import pytest
from aiohttp import web

from playd.core.errors import Doubtful, LinkError, Refused, Throttled
from playd.core.orders import OrderRequest, Side
from playd.core.reply_codes import ReplyClass
from playd.venues.bybit import rest as rest_module
from playd.venues.bybit.calls import Call
from playd.venues.bybit.rest import RestClient
from playd.venues.bybit.venue import BybitVenue, open_bybit_market_data, open_bybit_venue
from playd.venues.bybit.venue_clock import VenueClock
from playd.venues.pages import noted
from playd.venues.port import Priority
from playd.world.virtual import virtual_world
from tests.fake_bybit import KEY, SECRET, TIME_MS, FakeBybit, FreeBudget, Seen, account, code, ok

pytestmark = pytest.mark.anyio

ORDER = OrderRequest(link_id="pde-1", symbol="BTCUSDT", side=Side.BUY, qty=Decimal("0.010"), stop=Decimal("59000.5"))


@asynccontextmanager
async def opened(
    fake: FakeBybit, budget: FreeBudget | None = None, write_deadline_s: float | None = None
) -> AsyncIterator[BybitVenue]:
    world = virtual_world()
    async with fake.running(world) as hosts:
        opening = open_bybit_venue(world, account(hosts), budget or FreeBudget(), write_deadline_s=write_deadline_s)
        async with opening as venue:
            yield venue


def signature_of(seen: Seen) -> str:
    payload = seen.query.encode() or seen.body
    text = seen.headers["X-BAPI-TIMESTAMP"].encode() + KEY.encode() + seen.headers["X-BAPI-RECV-WINDOW"].encode() + payload
    return hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()


async def test_an_order_travels_whole_and_signed_over_its_own_bytes() -> None:
    fake = FakeBybit(lambda seen: ok({"orderId": "v-1", "orderLinkId": "pde-1"}))
    async with opened(fake) as venue:
        reply = await venue.place(ORDER)
    (seen,) = fake.seen
    assert (seen.method, seen.path) == ("POST", "/v5/order/create")
    assert seen.json == {
        "category": "linear",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "orderType": "Market",
        "qty": "0.010",
        "timeInForce": "IOC",
        "orderLinkId": "pde-1",
        "positionIdx": 0,
        "reduceOnly": False,
        "stopLoss": "59000.5",
        "tpslMode": "Full",
    }
    assert seen.headers["X-BAPI-SIGN"] == signature_of(seen)
    assert (reply.reply_class, reply.code, reply.venue_order_id) == (ReplyClass.ACCEPTED, 0, "v-1")


async def test_whatever_is_asked_of_a_closed_session_is_a_broken_link() -> None:
    async with opened(FakeBybit(lambda seen: ok({"list": []}))) as venue:
        rest = venue._rest
    with pytest.raises(LinkError, match="closed"):
        await rest.read_plain("/instruments")
    with pytest.raises(LinkError, match="closed"):
        await rest.read(Call("GET", "/v5/market/time", {}, signed=False), priority=Priority.DATA)
    with pytest.raises(LinkError, match="closed"):
        await rest.write(Call("POST", "/v5/order/cancel", {}, signed=True), priority=Priority.CANCEL)


async def test_a_query_is_signed_as_it_travels_and_carries_no_body() -> None:
    fake = FakeBybit(lambda seen: ok({"list": []}))
    async with opened(fake) as venue:
        await venue.executions(symbol="BTCUSDT", link_id="a b", priority=Priority.RESOLVE)
    (seen,) = fake.seen
    assert seen.body == b""
    assert "orderLinkId=a%20b" in seen.query
    assert seen.headers["X-BAPI-SIGN"] == signature_of(seen)


async def test_pages_are_read_to_the_end_and_cursors_go_back_unescaped() -> None:
    pages = {
        "": ok({"list": [execution("1", 3)], "nextPageCursor": "page_args%3D1%26x"}),
        "page_args%3D1%26x": ok({"list": [execution("2", 2)], "nextPageCursor": "last%3D"}),
        "last%3D": ok({"list": [], "nextPageCursor": "last%3D"}),
    }
    budget = FreeBudget()
    fake = FakeBybit(lambda seen: pages[seen.params.get("cursor", "")])
    async with opened(fake, budget) as venue:
        found = await venue.executions(since_ms=TIME_MS - 5000, priority=Priority.RECONCILE)
    assert [each.exec_id for each in found] == ["2", "1"]
    assert budget.taken == [("/v5/execution/list", Priority.RECONCILE)] * 3
    assert all(seen.headers["X-BAPI-SIGN"] == signature_of(seen) for seen in fake.seen)


async def test_a_list_whose_cursor_points_back_at_itself_is_doubtful_instead_of_read_for_ever() -> None:
    fake = FakeBybit(lambda seen: ok({"list": [execution("1", 3)], "nextPageCursor": "same"}))
    async with opened(fake) as venue:
        with pytest.raises(Doubtful, match="points back"):
            await venue.executions(since_ms=TIME_MS - 5000, priority=Priority.RECONCILE)


def execution(exec_id: str, time_ms: int) -> dict[str, object]:
    return {"execId": exec_id, "symbol": "BTCUSDT", "side": "Buy", "execTime": str(time_ms), "execType": "Trade"}


async def test_a_refused_time_stamp_is_signed_once_more_with_the_same_link_id() -> None:
    ahead_ms = TIME_MS + 7000
    fake = FakeBybit(
        lambda seen: code(10002, "invalid request", time_ms=ahead_ms) if len(fake.seen) == 1 else ok({"orderId": "v"})
    )
    budget = FreeBudget()
    async with opened(fake, budget) as venue:
        reply = await venue.place(ORDER)
    first, second = fake.seen
    assert reply.reply_class is ReplyClass.ACCEPTED
    assert first.body == second.body
    assert first.json["orderLinkId"] == second.json["orderLinkId"] == "pde-1"
    assert (first.headers["X-BAPI-TIMESTAMP"], second.headers["X-BAPI-TIMESTAMP"]) == (str(TIME_MS), str(ahead_ms))
    assert second.headers["X-BAPI-SIGN"] == signature_of(second)
    assert budget.taken == [("/v5/order/create", Priority.ENTRY)]


async def test_an_order_whose_time_stamp_is_refused_waits_for_no_second_token() -> None:
    class SpentBudget(FreeBudget):
        async def take(self, endpoint: str, priority: Priority, *, owner: str = "") -> None:
            raise AssertionError("waits for a token that a ban may keep for ten minutes")

        def take_now(self, endpoint: str, priority: Priority, *, owner: str = "") -> bool:
            return False

    fake = FakeBybit(lambda seen: code(10002, "invalid request"))
    async with opened(fake, SpentBudget()) as venue:
        assert (await venue.place(ORDER)).reply_class is ReplyClass.CLOCK
    assert len(fake.seen) == 1


async def test_a_time_stamp_refused_twice_is_reported_and_not_tried_again() -> None:
    fake = FakeBybit(lambda seen: code(10002, "invalid request"))
    async with opened(fake) as venue:
        reply = await venue.place(ORDER)
        assert reply.reply_class is ReplyClass.CLOCK
        assert len(fake.seen) == 2
        with pytest.raises(Doubtful, match="clock"):  # not refused: an account that is about to start asks again
            await venue.positions(priority=Priority.RECONCILE)


@pytest.mark.parametrize(
    ("answer", "reply_class", "number"),
    [
        (lambda seen: code(110072, "OrderLinkedID is duplicate"), ReplyClass.EXISTS, 110072),
        (lambda seen: code(110007, "ab not enough"), ReplyClass.FUNDS, 110007),
        (lambda seen: code(10016, "server error"), ReplyClass.DOUBT, 10016),
        (lambda seen: code(987654, "never heard of"), ReplyClass.DOUBT, 987654),
        (lambda seen: web.Response(status=502, text="<html>bad gateway</html>"), ReplyClass.DOUBT, None),
        (lambda seen: web.Response(status=429, text="busy"), ReplyClass.DOUBT, None),
        (lambda seen: web.Response(status=200, text="<html>hello</html>"), ReplyClass.DOUBT, None),
        (lambda seen: web.Response(status=401, text=""), ReplyClass.AUTH, None),
    ],
    ids=["duplicate", "funds", "server", "unknown", "502", "429", "html", "401"],
)
async def test_every_answer_to_a_write_is_classified(
    answer: Callable[[Seen], web.Response], reply_class: ReplyClass, number: int | None
) -> None:
    async with opened(FakeBybit(answer)) as venue:
        reply = await venue.place(ORDER)
    assert (reply.reply_class, reply.code) == (reply_class, number)


async def test_nobody_is_sent_elsewhere_with_key_and_signature() -> None:
    fake = FakeBybit(lambda seen: web.Response(status=307, headers={"Location": "/v5/order/elsewhere"}))
    async with opened(fake) as venue:
        reply = await venue.place(ORDER)
    assert [seen.path for seen in fake.seen] == ["/v5/order/create"]
    assert (reply.reply_class, reply.code) == (ReplyClass.DOUBT, None)


async def test_an_answer_that_does_not_come_in_time_is_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_module, "READ_DEADLINE_S", 0.05)
    forever = anyio.Event()

    async def never(seen: Seen) -> web.Response:
        await forever.wait()
        return ok()

    fake = FakeBybit(never)
    async with opened(fake, write_deadline_s=0.05) as venue:
        reply = await venue.place(ORDER)
        assert (reply.reply_class, reply.code) == (ReplyClass.DOUBT, None)
        assert len(fake.seen) == 1
        with pytest.raises(LinkError, match=r"no answer within 0\.05 s"):
            await venue.wallet(priority=Priority.RECONCILE)
        forever.set()


async def test_a_refused_or_broken_connection_is_doubt_for_writes_and_link_error_for_reads() -> None:
    world = virtual_world()
    fake = FakeBybit()
    async with fake.running(world) as hosts:
        pass
    async with open_bybit_venue(world, account(hosts), FreeBudget()) as venue:
        assert (await venue.place(ORDER)).reply_class is ReplyClass.DOUBT
        with pytest.raises(LinkError):
            await venue.key_info()


async def test_too_many_visits_tell_how_long_to_wait() -> None:
    budget = FreeBudget()
    reset = {"X_Bapi_Limit": "10", "X_Bapi_Limit_Status": "0", "X_Bapi_Limit_Reset_Timestamp": str(TIME_MS + 400)}
    async with opened(FakeBybit(lambda seen: code(10006, "Too many visits", **reset)), budget) as venue:
        reply = await venue.place(ORDER)
        assert reply.reply_class is ReplyClass.LATER
        assert reply.retry_after_s == pytest.approx(0.4)
        with pytest.raises(Throttled) as slow:
            await venue.positions(priority=Priority.RECONCILE)
    assert slow.value.retry_after_s == pytest.approx(0.4)
    assert budget.learned[0] == {
        "endpoint": "/v5/order/create",
        "limit": 10,
        "left": 0,
        "reset_ms": TIME_MS + 400,
        "code": 10006,
    }


@pytest.mark.parametrize(
    ("reset_ms", "wait_s"), [(TIME_MS - 9000, 0.0), (TIME_MS + 99_000, 5.0), (None, 1.0)], ids=["past", "far", "absent"]
)
async def test_the_wait_after_too_many_visits_has_bounds(reset_ms: int | None, wait_s: float) -> None:
    headers = {} if reset_ms is None else {"X_Bapi_Limit_Reset_Timestamp": str(reset_ms)}
    async with opened(FakeBybit(lambda seen: code(10006, "Too many visits", **headers))) as venue:
        assert (await venue.place(ORDER)).retry_after_s == wait_s


async def test_forbidden_on_the_very_first_reply_means_the_place_and_not_a_ban() -> None:
    budget = FreeBudget()
    async with opened(FakeBybit(lambda seen: web.Response(status=403, text="")), budget) as venue:
        assert (await venue.place(ORDER)).reply_class is ReplyClass.AUTH
        with pytest.raises(Refused, match="where this address is"):
            await venue.key_info()
    assert budget.bans == 0


async def test_forbidden_for_frequency_is_a_ban_and_the_budget_hears_of_it() -> None:
    budget = FreeBudget()
    async with opened(FakeBybit(lambda seen: web.Response(status=403, text="access too frequent")), budget) as venue:
        reply = await venue.place(ORDER)
        assert (reply.reply_class, reply.retry_after_s) == (ReplyClass.BAN, 600.0)
        with pytest.raises(Throttled):
            await venue.key_info()
    assert budget.bans == 2


async def test_the_older_code_of_a_banned_address_stops_everything_too() -> None:
    budget = FreeBudget()
    async with opened(FakeBybit(lambda seen: code(10018, "exceeded the IP rate limit")), budget) as venue:
        reply = await venue.place(ORDER)
    assert (reply.reply_class, reply.code, reply.retry_after_s) == (ReplyClass.BAN, 10018, 600.0)
    assert budget.bans == 1


async def test_forbidden_after_good_replies_is_a_ban_unless_it_speaks_of_a_country() -> None:
    budget = FreeBudget()
    answers = [ok({"list": []}), web.Response(status=403, text="?"), web.Response(status=403, text="blocked in your Country")]
    fake = FakeBybit(lambda seen: answers[len(fake.seen) - 1])
    async with opened(fake, budget) as venue:
        await venue.positions(priority=Priority.RECONCILE)
        assert (await venue.place(ORDER)).reply_class is ReplyClass.BAN
        assert (await venue.place(ORDER)).reply_class is ReplyClass.AUTH
    assert budget.bans == 1


async def test_what_the_venue_echoes_of_key_and_signature_goes_nowhere() -> None:
    text = f"error sign! origin_string[{TIME_MS}{KEY}5000category=linear] {KEY} {SECRET}"
    async with opened(FakeBybit(lambda seen: code(10004, text))) as venue:
        reply = await venue.place(ORDER)
        with pytest.raises(Refused) as refused:
            await venue.key_info()
    for said in (reply.text, str(reply), str(refused.value), repr(refused.value), repr(venue.account)):
        assert KEY not in said
        assert SECRET not in said
    assert reply.reply_class is ReplyClass.AUTH


async def test_place_takes_no_token_and_every_other_request_takes_one() -> None:
    budget = FreeBudget()
    async with opened(FakeBybit(lambda seen: ok({"list": []})), budget) as venue:
        await venue.place(ORDER)
        assert budget.taken == []
        await venue.cancel("BTCUSDT", link_id="x", priority=Priority.CANCEL)
        await venue.set_stops("BTCUSDT", stop=Decimal(1), target=None, priority=Priority.PROTECT)
        await venue.positions(priority=Priority.RECONCILE)
        await venue.candles("BTCUSDT", 0, 60_000)
    assert budget.taken == [
        ("/v5/order/cancel", Priority.CANCEL),
        ("/v5/position/trading-stop", Priority.PROTECT),
        ("/v5/position/list", Priority.RECONCILE),
        ("/v5/market/kline", Priority.DATA),
    ]


async def test_executions_of_three_weeks_are_asked_for_in_windows_of_seven_days() -> None:
    day_ms = 86_400_000
    fake = FakeBybit(lambda seen: ok({"list": []}))
    async with opened(fake) as venue:
        await venue.executions(since_ms=TIME_MS - 20 * day_ms, priority=Priority.RECONCILE)
    spans = [(int(seen.params["startTime"]), seen.params.get("endTime")) for seen in fake.seen]
    begins = [TIME_MS - days * day_ms for days in (20, 13, 6)]
    assert spans == [(begins[0], str(begins[1])), (begins[1], str(begins[2])), (begins[2], None)]


async def test_only_closed_candles_are_read_page_by_page_oldest_first() -> None:
    minute_ms = 60_000

    def klines(seen: Seen) -> web.Response:
        start, end, limit = (int(seen.params[name]) for name in ("start", "end", "limit"))
        opens = range(-(-start // minute_ms) * minute_ms, min(end, fake.market_now_ms) + 1, minute_ms)
        rows = [[str(open_ms), "1", "2", "0.5", "1.5", "3", "4"] for open_ms in opens]
        return ok({"list": rows[::-1][:limit]})

    fake = FakeBybit(klines)
    fake.market_now_ms = 5000 * minute_ms + 30_000
    async with opened(fake) as venue:
        found = await venue.candles("BTCUSDT", 2500 * minute_ms, 6000 * minute_ms)
        assert [each.open_time_ms // minute_ms for each in found] == list(range(2500, 5000))
        assert len(fake.seen) == 3
        some = await venue.candles("BTCUSDT", 10 * minute_ms, 12 * minute_ms)
        assert [each.open_time_ms // minute_ms for each in some] == [10, 11]
        assert await venue.candles("BTCUSDT", 5000 * minute_ms, 6000 * minute_ms) == []
        fake.market_first_ms = 4999 * minute_ms
        assert len(await venue.candles("BTCUSDT", 0, 6000 * minute_ms)) == 1


async def test_reading_back_stops_where_a_real_market_began_and_two_seconds_before_now() -> None:
    minute_ms = 60_000
    listed_ms = TIME_MS - 1500 * minute_ms

    def klines(seen: Seen) -> web.Response:
        first_ms = -(-int(seen.params["start"]) // minute_ms) * minute_ms
        opens = range(max(first_ms, listed_ms), int(seen.params["end"]) + 1, minute_ms)
        return ok({"list": [[str(open_ms), "1", "2", "0.5", "1.5", "3", "4"] for open_ms in opens][::-1]})

    world, fake = virtual_world(), FakeBybit(klines)
    async with fake.running(world) as hosts, open_bybit_market_data(world, hosts.rest, FreeBudget(), simulated=False) as market:
        world.clock.advance(1.9)
        found = await market.candles("BTCUSDT", 0, TIME_MS + minute_ms)
        assert (found[0].open_time_ms, found[-1].open_time_ms) == (listed_ms, TIME_MS - 2 * minute_ms)
        assert len(found) == 1499
        assert len(fake.seen) == 3
        world.clock.advance(0.1)
        newest = await market.candles("BTCUSDT", TIME_MS - minute_ms, TIME_MS + minute_ms)
        assert [each.open_time_ms for each in newest] == [TIME_MS - minute_ms]


async def test_a_symbol_that_is_not_listed_is_absent_and_not_an_error() -> None:
    rules = {
        "symbol": "BTCUSDT",
        "priceFilter": {"tickSize": "0.10"},
        "lotSizeFilter": {"qtyStep": "0.001", "minOrderQty": "0.001", "maxOrderQty": "1190", "maxMktOrderQty": ""},
    }
    known = ok({"list": [rules]})
    fake = FakeBybit(lambda seen: known if "BTCUSDT" in seen.query else code(10001, "params error: symbol invalid"))
    async with opened(fake) as venue:
        found = await venue.instruments(["BTCUSDT", "NOUSDT"])
    assert list(found) == ["BTCUSDT"]
    assert (found["BTCUSDT"].tick_fraction, found["BTCUSDT"].max_market_qty) == ((1, 10), Decimal(1190))


async def test_a_malformed_row_is_doubt_and_never_a_guess() -> None:
    fake = FakeBybit(lambda seen: ok({"list": [{"symbol": "BTCUSDT", "side": "Buy", "size": "many"}]}))
    async with opened(fake) as venue:
        with pytest.raises(Doubtful, match="size"):
            await venue.positions(priority=Priority.RECONCILE)


@pytest.mark.parametrize("listed", [{"a": 1}, ["x"], 5, [None], [[1]]])
async def test_a_list_of_something_else_is_doubt(listed: object) -> None:
    async with opened(FakeBybit(lambda seen: ok({"list": listed}))) as venue:
        for ask in (venue.positions, venue.wallet, venue.open_orders, venue.executions, venue.transactions):
            with pytest.raises(Doubtful):
                await ask(priority=Priority.RECONCILE)
        with pytest.raises(Doubtful):
            await venue.order_realtime("BTCUSDT", "link", priority=Priority.RECONCILE)
        with pytest.raises(Doubtful):
            await venue.candles("BTCUSDT", 0, TIME_MS)


async def test_an_order_the_venue_does_not_know_is_none_and_not_an_error() -> None:
    async with opened(FakeBybit(lambda seen: code(110001, "order not exists"))) as venue:
        assert await venue.order_realtime("BTCUSDT", "x", priority=Priority.RESOLVE) is None
    async with opened(FakeBybit(lambda seen: ok({"list": []}))) as venue:
        assert await venue.order_history("BTCUSDT", "x", priority=Priority.RESOLVE) is None


async def test_a_client_without_a_key_refuses_private_calls() -> None:
    world = virtual_world()
    async with world.net.http_session(timeout_s=1) as session:
        clock = VenueClock(world.clock)
        client = RestClient(session, "http://127.0.0.1:1", FreeBudget(), clock)
        with pytest.raises(Refused, match="needs a key"):
            await client.read(Call("GET", "/v5/position/list", {}, signed=True), priority=Priority.DATA)


async def test_the_venues_clock_is_measured_from_the_moment_the_question_leaves() -> None:
    world = virtual_world()

    class Queue(FreeBudget):
        async def take(self, endpoint: str, priority: Priority, *, owner: str = "") -> None:
            world.clock.advance(0.8)

    fake = FakeBybit(lambda seen: ok({"timeSecond": "1", "timeNano": str(world.clock.wall_ms() * 1_000_000)}))
    async with fake.running(world) as hosts:
        opening = open_bybit_market_data(world, hosts.rest, Queue(), simulated=False)
        async with opening as market:
            offset_ms, round_trip_ms = await market.clock_offset_ms()
            assert (offset_ms, round_trip_ms) == (0.0, 0.0)
            fake.answer = lambda seen: code(0, "OK", {}, time_ms=0)
            with pytest.raises(Doubtful, match="no time"):  # which is not the year 1970
                await market.clock_offset_ms()


async def test_of_many_symbols_those_that_the_list_leaves_out_are_asked_for_by_name() -> None:
    names = [f"S{number}USDT" for number in range(12)]

    def rules(symbol: str, status: str = "Trading") -> dict[str, object]:
        lot = {"qtyStep": "0.001", "minOrderQty": "0.001", "maxOrderQty": "1190"}
        return {"symbol": symbol, "status": status, "priceFilter": {"tickSize": "0.1"}, "lotSizeFilter": lot}

    def answer(seen: Seen) -> web.Response:
        named = seen.params.get("symbol")
        if named is None:  # what it is not asked for by name is listed while it trades
            return ok({"list": [rules(name) for name in names[2:]]})
        return ok({"list": [rules(named, "Closed")]}) if named == names[0] else code(10001, "params error: symbol invalid")

    fake = FakeBybit(answer)
    async with opened(fake) as venue:
        found = await venue.instruments(names)
    assert {name: found[name].status for name in sorted(found)} == {
        name: "Closed" if name == names[0] else "Trading" for name in sorted(names) if name != names[1]
    }
    assert len(fake.seen) == 3


async def test_an_answer_about_another_order_is_none_and_a_list_without_end_is_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rest_module, "PAGES_MAX", 3)
    fake = FakeBybit(lambda seen: ok({"orderId": "v-2", "orderLinkId": "pde-2"}))
    async with opened(fake) as venue:
        reply = await venue.place(ORDER)
        assert (reply.reply_class, reply.venue_order_id) == (ReplyClass.DOUBT, "")
        fake.answer = lambda seen: ok({"list": [execution("1", 3)], "nextPageCursor": f"{len(fake.seen)}"})
        with pytest.raises(Doubtful, match="more than 3 pages"):
            await venue.executions(priority=Priority.RECONCILE)


async def test_who_listens_hears_of_every_page_as_the_venue_wrote_it_and_of_one_that_failed_how() -> None:
    pages = {
        "": {"list": [execution("1", 3), execution("2", 2)], "nextPageCursor": "more"},
        "more": {"list": [execution("3", 1)], "nextPageCursor": ""},
    }
    fake = FakeBybit(lambda seen: code(10016, "busy") if "symbol" in seen.params else ok(pages[seen.params.get("cursor", "")]))
    async with opened(fake) as venue:
        with noted() as heard:
            await venue.executions(priority=Priority.RECONCILE)
            with pytest.raises(Doubtful):
                await venue.executions(symbol="BTCUSDT", priority=Priority.RECONCILE)
        await venue.executions(priority=Priority.RECONCILE)
    assert [page.endpoint for page in heard] == ["/v5/execution/list"] * 3
    assert [[*page.content] for page in heard] == [pages[""]["list"], pages["more"]["list"], []]
    assert [(page.rows, bool(page.failure)) for page in heard] == [(2, False), (1, False), (0, True)]
    assert "busy" in heard[2].failure
    assert all(page.asked_ms <= page.answered_ms for page in heard)


async def test_a_balance_that_names_no_account_is_doubt_and_no_empty_purse() -> None:
    async with opened(FakeBybit(lambda seen: ok({"list": []}))) as venue:
        with pytest.raises(Doubtful, match="no account"):
            await venue.wallet(priority=Priority.RECONCILE)
