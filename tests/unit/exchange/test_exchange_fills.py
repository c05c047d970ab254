"""When and at what price orders trade, and what the streams say about it."""

from decimal import Decimal

import pytest

from playd.venues.exchange import arrivals
from playd.venues.exchange.amends import amend
from playd.venues.exchange.refusal import Refusal
from tests.exchange_kit import START_MS, SYMBOL, Market, rows


@pytest.mark.parametrize(("side", "price"), [("Buy", "52500.0"), ("Sell", "47500.0")])
def test_a_market_order_shows_its_protection_price(side: str, price: str) -> None:
    market = Market(slippage_bps=0.0)
    market.order(side, "0.1")
    frames = market.flat_minute()
    assert (rows(frames, "order")[0]["price"], rows(frames, "execution")[0]["orderPrice"]) == (price, price)
    assert rows(frames, "execution")[0]["execPrice"] == "50000.0"


def test_a_market_order_between_minutes_fills_at_the_next_open_with_slippage_and_fee() -> None:
    market = Market()
    order = market.order("Buy", "0.12", orderLinkId="a")
    assert (order.status, market.frames) == ("New", [])

    frames = market.open(50_000.0, 50_100.0, 49_900.0, 50_050.0)

    execution = rows(frames, "execution")[0]
    assert execution["execPrice"] == "50010.0"
    assert float(execution["execFee"]) == 0.12 * 50_010.0 * (5.5 / 10_000.0)
    assert execution["execTime"] == str(START_MS)
    assert rows(frames, "order")[0]["orderStatus"] == "Filled"


def test_position_and_wallet_are_told_whenever_an_order_comes_changes_or_goes() -> None:
    market = Market()
    market.open(50_000.0, 50_000.0, 50_000.0, 50_000.0)
    order = market.limit("Buy", "0.1", "45000")
    named = {"category": "linear", "symbol": SYMBOL, "orderId": order.order_id}
    amend(market.books, market.account, named | {"price": "40000"})
    arrivals.cancel(market.books, market.account, named)
    market.take()
    assert [frame.topic for frame in market.frames] == ["order", "position", "wallet"] * 3
    held = [float(row["coin"][0]["totalOrderIM"]) for row in rows(market.frames, "wallet")]
    assert held[0] > held[1] > held[2] == 0.0


def test_position_and_wallet_are_told_when_an_order_ends_without_a_fill() -> None:
    """The venue tells both after every end: a client that waits for them must not wait for ever."""
    unpaid = Market(wallet="100")
    unpaid.order("Buy", "1")  # rejected at the open: not enough money
    unpaid.flat_minute()

    flat = Market()
    flat.flat_minute()
    flat.order("Buy", "0.1")
    flat.open(50_000.0, 50_000.0, 50_000.0, 50_000.0)
    flat.order("Sell", "0.1", triggerPrice="49000", triggerDirection=2, reduceOnly=True)
    flat.order("Sell", "0.1", reduceOnly=True)
    flat.close()
    before = len(flat.frames)
    flat.minute(49_500.0, 49_500.0, 48_500.0, 48_500.0)  # fires, and has nothing to reduce

    for frames, reason in ((unpaid.frames, "EC_Others"), (flat.frames[before:], "EC_NoError")):
        end = [frame.topic == "order" and frame.data[-1]["orderStatus"] in ("Rejected", "Cancelled") for frame in frames].index(
            True
        )
        assert frames[end].data[-1]["rejectReason"] == reason
        assert [frame.topic for frame in frames[end + 1 :]][:1] == ["position"]
    assert rows(unpaid.frames, "wallet") == []  # a market order holds nothing back


def test_the_wallet_is_told_when_an_order_that_rested_can_no_longer_be_paid() -> None:
    market = Market(wallet="1000")
    market.flat_minute()
    market.open(50_000.0, 50_000.0, 50_000.0, 50_000.0)
    market.limit("Buy", "0.1", "45000")
    market.account.wallet = Decimal(10)  # lost elsewhere
    market.close()
    before = len(market.frames)
    market.minute(50_000.0, 50_000.0, 44_000.0, 44_000.0)
    topics = [frame.topic for frame in market.frames[before:]]
    assert rows(market.frames[before:], "order")[0]["orderStatus"] == "Cancelled"
    assert topics == ["order", "position", "wallet"]


def test_a_market_order_inside_a_minute_fills_at_the_present_price() -> None:
    market = Market(slippage_bps=0.0)
    market.open(50_000.0, 50_300.0, 49_900.0, 50_100.0)
    market.move(2 / 3)

    market.order("Buy", "0.1")

    execution = market.executions[0]
    assert (execution["execPrice"], execution["execTime"]) == ("50300.0", str(START_MS + 40_000))


def test_the_frames_of_one_match_share_their_id_and_come_in_order() -> None:
    market = Market()
    market.order("Buy", "0.1", stopLoss="49000", takeProfit="52000", orderLinkId="entry")

    frames = market.open(50_000.0, 50_000.0, 50_000.0, 50_000.0)

    assert [frame.topic for frame in frames] == ["execution", "order", "position", "wallet", "order", "position"]
    assert frames[0].frame_id == frames[1].frame_id == f"1001_{SYMBOL}_{frames[0].data[0]['seq']}"
    assert len({frame.frame_id for frame in frames}) == 5
    stop, target = frames[4].data
    assert (stop["stopOrderType"], stop["orderStatus"], stop["triggerPrice"], stop["triggerDirection"]) == (
        "StopLoss",
        "Untriggered",
        "49000.0",
        2,
    )
    assert (target["stopOrderType"], target["createType"], target["triggerDirection"]) == (
        "TakeProfit",
        "CreateByTakeProfit",
        1,
    )
    assert stop["parentOrderLinkId"] == target["parentOrderLinkId"] == "entry"
    assert (stop["reduceOnly"], stop["closeOnTrigger"], stop["orderLinkId"]) == (True, True, "")
    assert (frames[5].data[0]["stopLoss"], frames[5].data[0]["takeProfit"]) == ("49000.0", "52000.0")


def test_a_stop_takes_its_target_with_it_in_the_closing_event() -> None:
    market = Market()
    market.order("Buy", "0.1", stopLoss="49000", takeProfit="52000")
    market.flat_minute()

    frames = market.minute(49_100.0, 49_200.0, 48_950.0, 49_050.0)

    execution = rows(frames, "execution")[0]
    assert (execution["execPrice"], execution["stopOrderType"], execution["side"]) == ("48990.2", "StopLoss", "Sell")
    assert execution["execTime"] == str(START_MS + 2 * 60_000 - 1)
    closing = next(frame for frame in frames if frame.topic == "order")
    assert [(row["stopOrderType"], row["orderStatus"], row["cancelType"]) for row in closing.data] == [
        ("StopLoss", "Filled", "UNKNOWN"),
        ("TakeProfit", "Deactivated", "CancelByTpSlTsClear"),
    ]
    assert market.account.orders == {}
    assert rows(frames, "position")[-1]["size"] == "0"


def test_a_minute_that_touches_both_is_a_stop() -> None:
    market = Market()
    market.order("Sell", "0.1", stopLoss="51000", takeProfit="49000")
    market.flat_minute()

    market.minute(50_000.0, 51_000.0, 49_000.0, 50_000.0)

    assert market.executions[-1]["stopOrderType"] == "StopLoss"


def test_an_open_beyond_the_stop_fills_at_the_open() -> None:
    market = Market()
    market.order("Buy", "0.1", stopLoss="49000")
    market.flat_minute()

    frames = market.open(48_900.0, 49_500.0, 48_900.0, 49_500.0)

    execution = rows(frames, "execution")[0]
    assert (execution["execPrice"], execution["execTime"]) == ("48890.2", str(START_MS + 60_000))


def test_a_position_opened_inside_a_minute_does_not_see_what_came_before_it() -> None:
    market = Market(slippage_bps=0.0)
    market.open(50_000.0, 50_300.0, 49_000.0, 50_100.0)  # open, low, high, close
    market.move(0.5)
    market.order("Buy", "0.1", stopLoss="49100", takeProfit="50290")

    market.close()

    assert market.executions[-1]["stopOrderType"] == "TakeProfit"


def test_an_exit_inside_a_minute_comes_after_the_stop_that_the_price_has_passed() -> None:
    market = Market(slippage_bps=0.0)
    market.order("Buy", "0.1", stopLoss="49100")
    market.flat_minute()
    market.open(50_000.0, 50_300.0, 49_000.0, 50_100.0)
    market.move(0.5)

    with pytest.raises(Refusal, match="110017"):
        market.order("Sell", "0.1", reduceOnly=True)

    assert market.executions[-1]["execPrice"] == "49100.0"


def test_exits_at_an_open_come_before_entries() -> None:
    market = Market()
    market.order("Buy", "0.1")
    market.flat_minute()
    market.order("Sell", "0.3", orderLinkId="entry")
    market.order("Sell", "0.1", orderLinkId="exit", reduceOnly=True)

    market.flat_minute()

    assert [row["orderLinkId"] for row in market.executions[1:]] == ["exit", "entry"]
    assert market.position.steps == -300


def test_a_larger_opposite_order_turns_the_position_in_one_fill() -> None:
    market = Market()
    market.order("Buy", "0.1", stopLoss="49000")
    market.flat_minute()
    market.order("Sell", "0.3", stopLoss="51000")

    market.flat_minute()

    execution = market.executions[-1]
    assert (execution["execQty"], execution["closedSize"], market.position.steps) == ("0.300", "0.100", -200)
    opening_fee = float(execution["execFee"]) * 2 / 3
    assert float(rows(market.frames, "position")[-1]["curRealisedPnl"]) == pytest.approx(-opening_fee), "of the short only"
    stops = list(market.account.orders.values())
    assert [(stop.side, stop.trigger_ticks, stop.qty_steps) for stop in stops] == [("Buy", 510_000, 200)]


def test_stops_grow_and_shrink_with_the_position() -> None:
    market = Market()
    market.order("Buy", "0.2", stopLoss="49000")
    market.flat_minute()
    market.order("Sell", "0.05", reduceOnly=True)
    market.flat_minute()

    (stop,) = market.account.orders.values()
    assert (stop.qty_steps, stop.trigger_ticks) == (150, 490_000)


@pytest.mark.parametrize(
    ("tif", "price", "outcome"),
    [
        ("GTC", "50100", ("Filled", "EC_NoError")),
        ("IOC", "50100", ("Filled", "EC_NoError")),
        ("IOC", "49900", ("Cancelled", "EC_NoImmediateQtyToFill")),
        ("FOK", "49900", ("Cancelled", "EC_NoImmediateQtyToFill")),
        ("PostOnly", "50100", ("Cancelled", "EC_PostOnlyWillTakeLiquidity")),
        ("PostOnly", "49900", ("New", "EC_NoError")),
        ("GTC", "49900", ("New", "EC_NoError")),
    ],
)
def test_a_limit_order_meets_the_next_open(tif: str, price: str, outcome: tuple[str, str]) -> None:
    market = Market()
    order = market.limit("Buy", "0.1", price, tif)

    frames = market.open(50_000.0, 50_000.0, 50_000.0, 50_000.0)

    assert (order.status, order.reject_reason) == outcome
    assert rows(frames, "order")[0]["orderStatus"] == outcome[0]


def test_a_resting_limit_makes_at_its_price_and_sees_its_stop_but_not_its_target_in_that_minute() -> None:
    market = Market()
    market.limit("Buy", "0.1", "49900", stopLoss="49800", takeProfit="50050")

    market.minute(50_000.0, 50_100.0, 49_900.0, 50_100.0)

    entry = market.executions[0]
    assert (entry["execPrice"], entry["isMaker"], entry["feeRate"]) == ("49900.0", True, "0.0002")
    assert len(market.executions) == 1

    market.minute(50_000.0, 50_100.0, 49_900.0, 50_100.0)
    assert market.executions[1]["stopOrderType"] == "TakeProfit"


def test_a_limit_that_opens_and_is_stopped_in_the_same_minute() -> None:
    market = Market(slippage_bps=0.0)
    market.limit("Buy", "0.1", "49900", stopLoss="49800")

    market.minute(50_000.0, 50_100.0, 49_800.0, 50_100.0)

    assert [row["execPrice"] for row in market.executions] == ["49900.0", "49800.0"]


def test_a_cancel_inside_a_minute_is_too_late_for_a_limit_that_the_price_has_reached() -> None:
    market = Market()
    order = market.limit("Buy", "0.1", "49900")
    market.open(50_000.0, 50_300.0, 49_800.0, 50_100.0)
    market.move(0.5)

    with pytest.raises(Refusal, match="110001"):
        arrivals.cancel(market.books, market.account, {"symbol": SYMBOL, "orderId": order.order_id})

    assert order.status == "Filled"


def test_a_market_order_with_a_tolerance_is_cancelled_when_the_fill_would_be_worse() -> None:
    market = Market(slippage_bps=0.0)
    order = market.order("Buy", "0.1", slippageToleranceType="Percent", slippageTolerance="0.1")

    market.flat_minute(50_060.0)

    assert (order.status, order.filled_steps) == ("Cancelled", 0)


def test_an_order_waits_when_its_symbol_has_no_candle() -> None:
    market = Market()
    order = market.order("Buy", "0.1")

    market.books.time.open_ms += 60_000  # a minute without candles for anybody
    frames = market.open(51_000.0, 51_000.0, 51_000.0, 51_000.0)

    assert order.status == "Filled"
    assert rows(frames, "execution")[0]["execPrice"] == "51010.2"
