"""What faults make of frames on their way out of a socket, and of operations on their way in."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from playd.venues.exchange.faults.board import FaultBoard
from playd.venues.exchange.faults.matcher import Now
from playd.venues.exchange.faults.on_sockets import Outlet, operation_fault, refused_upgrade
from playd.venues.exchange.faults.script import read_posted

pytestmark = pytest.mark.anyio


def board_with(kind: str, **more: Any) -> FaultBoard:
    board = FaultBoard(lambda: Now(0.0, 0), lambda *_, **__: 0)
    board.arm(read_posted({"faults": [{"kind": kind, **{name.rstrip("_"): each for name, each in more.items()}}]}))
    return board


async def sent(board: FaultBoard, frames: Sequence[dict[str, Any]], kind: str = "private") -> list[dict[str, Any]]:
    outlet = Outlet(board, lambda: (kind, "main"))
    return [orjson.loads(out) for frame in frames for out in await outlet.pass_on(orjson.dumps(frame))]


def fill(number: int) -> dict[str, Any]:
    return {"topic": "execution", "data": [{"symbol": "BTCUSDT", "orderLinkId": f"p1-{number}", "execId": str(number)}]}


def candle(close: str, *, confirm: bool = True) -> dict[str, Any]:
    row = {"start": 0, "open": "100", "high": "102", "low": "99", "close": close, "confirm": confirm}
    return {"topic": "kline.1.BTCUSDT", "data": [row]}


ORDER = {"topic": "order", "data": [{"symbol": "BTCUSDT", "orderLinkId": "p1-1"}]}
TICKER = {"topic": "tickers.BTCUSDT", "data": {"symbol": "BTCUSDT", "bid1Price": "99", "ask1Price": "100"}}


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("missed_fill", {}, [ORDER, fill(2)]),
        ("repeated_fill", {}, [fill(1), fill(1), ORDER, fill(2)]),
        ("drop_frame", {"where": {"link_id": "p1-1"}, "times": 0}, [fill(2)]),
        ("duplicate_frame", {"where": {"topic": "order"}}, [fill(1), ORDER, ORDER, fill(2)]),
        ("reorder_frames", {}, [ORDER, fill(1), fill(2)]),
        ("half_open", {"where": {"socket": "private"}}, []),
        ("half_open", {"where": {"socket": "public"}}, [fill(1), ORDER, fill(2)]),
        ("slow", {"with_": {"delay_s": 0}}, [fill(1), ORDER, fill(2)]),
    ],
)
async def test_private_frames_are_lost_doubled_and_reordered(
    kind: str, more: dict[str, Any], expected: list[dict[str, Any]]
) -> None:
    assert await sent(board_with(kind, **more), [fill(1), ORDER, fill(2)]) == expected


async def test_a_stale_ticker_says_nothing_and_a_crossed_one_bids_above_the_ask() -> None:
    assert await sent(board_with("stale_ticker"), [TICKER, candle("101")], "public") == [candle("101")]
    (ticker, book) = await sent(
        board_with("crossed_book"),
        [TICKER, {"topic": "orderbook.1.BTCUSDT", "data": {"b": [["99", "1"]], "a": [["100", "1"]]}}],
    )
    assert (ticker["data"]["bid1Price"], ticker["data"]["ask1Price"]) == ("100", "99")
    assert (book["data"]["b"], book["data"]["a"]) == ([["100", "1"]], [["99", "1"]])


async def test_tickers_go_on_under_an_old_stamp_or_with_another_mark_price() -> None:
    frozen = [{**TICKER, "ts": 1000 + number} for number in range(3)]
    assert [out["ts"] for out in await sent(board_with("frozen_time"), frozen, "public")] == [1000, 1000, 1000]
    (marked, delta) = await sent(
        board_with("wrong_mark", with_={"factor": 1.5}),
        [{"topic": "tickers.BTCUSDT", "data": {"lastPrice": "100", "markPrice": "100"}}, TICKER],
        "public",
    )
    assert (marked["data"], delta) == ({"lastPrice": "100", "markPrice": "150"}, TICKER)


@pytest.mark.parametrize(
    ("kind", "frame"),
    [
        ("frozen_time", {**ORDER, "creationTime": 1}),
        ("frozen_time", {"op": "subscribe", "success": True, "ts": 1}),
        ("wrong_mark", candle("101")),
        ("wrong_mark", {"op": "subscribe", "success": True}),
    ],
)
async def test_a_frame_without_what_a_fault_changes_leaves_as_it_was(kind: str, frame: dict[str, Any]) -> None:
    assert await sent(board_with(kind, where={"topic": "*"}), [frame]) == [frame]


async def test_time_that_stands_still_again_stands_at_another_time() -> None:
    now_s = 0.0
    board = FaultBoard(lambda: Now(now_s, 0), lambda *_, **__: 0)
    spell = {"kind": "frozen_time", "where": {"topic": "tickers*"}}
    spells = [{**spell, "name": f"at {from_s}", "when": {"from_s": from_s, "until_s": from_s + 10}} for from_s in (0, 20)]
    board.arm(read_posted({"faults": spells}))
    outlet, stamps = Outlet(board, lambda: ("public", "")), []
    for now_s in (1.0, 2.0, 15.0, 21.0, 22.0):
        for out in await outlet.pass_on(orjson.dumps({**TICKER, "ts": round(now_s)})):
            stamps.append(orjson.loads(out)["ts"])
    assert stamps == [1, 1, 15, 21, 21]


async def test_late_frames_leave_in_their_order_and_hold_up_no_others() -> None:
    now_s = 0.0
    board = FaultBoard(lambda: Now(now_s, 0), lambda *_, **__: 0)
    board.arm(read_posted({"faults": [{"kind": "late_frames", "where": {"topic": "tickers*"}, "with": {"delay_s": 30}}]}))
    outlet, left = Outlet(board, lambda: ("public", "")), []
    for now_s, frame in ((1.0, TICKER), (2.0, candle("101")), (20.0, TICKER), (31.0, candle("102"))):
        left += [(now_s, orjson.loads(out)["topic"]) for out in await outlet.pass_on(orjson.dumps(frame))]
    board.heal()
    left += [(now_s, orjson.loads(out)["topic"]) for out in await outlet.pass_on(orjson.dumps(candle("103")))]
    kline, ticker = "kline.1.BTCUSDT", "tickers.BTCUSDT"
    assert left == [(2.0, kline), (31.0, ticker), (31.0, kline), (31.0, ticker), (31.0, kline)]


async def test_a_closed_candle_is_wrong_then_corrected_or_missing() -> None:
    growing, closed = candle("100.5", confirm=False), candle("101")
    before, wrong, right = await sent(board_with("wrong_candle", with_={"factor": 1.1}), [growing, closed], "public")
    assert (before, right) == (growing, closed)
    assert (wrong["data"][0]["close"], wrong["data"][0]["high"], wrong["data"][0]["confirm"]) == ("111.1", "111.1", True)
    assert await sent(board_with("missing_candle"), [growing, closed, candle("102")], "public") == [growing, candle("102")]


async def test_a_dead_socket_does_not_even_say_goodbye() -> None:
    assert Outlet(board_with("half_open", where={"socket": "public"}), lambda: ("public", "")).is_dead
    assert not Outlet(board_with("half_open", where={"socket": "private"}), lambda: ("public", "")).is_dead


async def test_asking_whether_a_socket_is_dead_uses_up_no_fault() -> None:
    board = board_with("drop_frame")
    outlet = Outlet(board, lambda: ("public", ""))
    assert not outlet.is_dead
    assert [(row["seen"], row["hits"]) for row in board.rows()] == [(0, 0)]
    assert await outlet.pass_on(orjson.dumps(TICKER)) == ()


async def test_operations_are_refused_ignored_or_let_through() -> None:
    refused = board_with("refuse_subscription", where={"topic": "execution"})
    assert operation_fault(refused, "ping", "private", "main", []) == ""
    assert operation_fault(refused, "subscribe", "private", "main", ["order"]) == ""
    assert operation_fault(refused, "subscribe", "private", "main", ["order", "execution"]) == (
        "error:handler not found,topic:execution"
    )
    assert operation_fault(board_with("half_open"), "ping", "private", "main", []) is None
    assert operation_fault(board_with("expire_key"), "auth", "private", "", []) == "Your api key has expired."


async def test_new_sockets_are_let_in_or_not() -> None:
    board = board_with("refuse_connection", where={"socket": "public"}, with_={"http": 502})
    assert (refused_upgrade(board, "private"), refused_upgrade(board, "public")) == (0, 502)
