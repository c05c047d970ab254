"""What is refused at once, what ends on the stream, and with which words."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from playd.venues.exchange import arrivals, modes
from playd.venues.exchange.amends import amend
from playd.venues.exchange.listing import MarketTerms
from playd.venues.exchange.refusal import Refusal
from playd.venues.exchange.trading_stop import set_trading_stop
from tests.exchange_kit import SYMBOL, Market, rows


def _code(market: Market, side: str = "Buy", qty: str = "0.1", **more: object) -> int:
    with pytest.raises(Refusal) as caught:
        market.order(side, qty, **more)
    return caught.value.code


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"symbol": "NOPEUSDT"}, 10001),
        ({"symbol": "btcusdt"}, 10001),
        ({"category": "inverse"}, 10001),
        ({"side": "Long"}, 10001),
        ({"orderType": "Stop"}, 10001),
        ({"orderType": "Limit"}, 110003),
        ({"orderType": "Limit", "price": "2000000"}, 110003),
        ({"orderType": "Limit", "price": "50000.05"}, 10001),
        ({"orderType": "Limit", "price": "50000", "timeInForce": "DAY"}, 10001),
        ({"qty": "0.0005"}, 110017),
        ({"qty": "0.1005"}, 10001),
        ({"qty": "-1"}, 10001),
        ({"qty": "NaN"}, 10001),
        ({"qty": "Infinity"}, 10001),
        ({"qty": ""}, 10001),
        ({"qty": "1001"}, 10001),
        ({"positionIdx": 1}, 10001),
        ({"triggerPrice": "49000"}, 10001),
        ({"triggerPrice": "49000", "triggerDirection": 1}, 110092),
        ({"triggerPrice": "50000", "triggerDirection": 2}, 110093),
        ({"triggerPrice": "49000", "triggerDirection": 2, "triggerBy": "AnyPrice"}, 10001),
        ({"triggerPrice": "49000", "triggerDirection": 2, "reduceOnly": True}, 110017),
        ({"stopLoss": "49000", "slOrderType": "Limit", "slLimitPrice": "48990"}, 10001),
        ({"stopLoss": "49000", "slOrderType": "Limit", "tpslMode": "Partial"}, 10001),
        ({"stopLoss": "49000", "slLimitPrice": "48990", "tpslMode": "Partial"}, 10001),
        ({"slippageToleranceType": "TickSize", "slippageTolerance": "10001"}, 110108),
        ({"slippageToleranceType": "TickSize", "slippageTolerance": "1.5"}, 110108),
        ({"slippageToleranceType": "Percent", "slippageTolerance": "0.001"}, 110109),
        ({"stopLoss": "50000"}, 10001),
        ({"takeProfit": "49999"}, 10001),
        ({"stopLoss": "49000", "reduceOnly": True}, 10001),
        ({"orderLinkId": "has space"}, 10001),
        ({"orderLinkId": "x" * 37}, 10001),
        ({"reduceOnly": True}, 110017),
    ],
)
def test_a_wish_that_cannot_be_is_refused_with_its_code(wish: dict[str, object], code: int) -> None:
    market = Market()
    request = {"category": "linear", "symbol": SYMBOL, "side": "Buy", "orderType": "Market", "qty": "0.1", **wish}

    with pytest.raises(Refusal) as caught:
        arrivals.create(market.books, market.account, request, lambda *_: False)

    assert caught.value.code == code
    assert market.account.orders == {}


def test_refusals_have_the_words_that_were_heard_from_the_venue() -> None:
    market = Market(wallet="10")
    gone = {"category": "linear", "symbol": SYMBOL, "orderId": "gone", "qty": "0.2"}
    stops = {"category": "linear", "symbol": SYMBOL, "tpslMode": "Full", "positionIdx": 0, "stopLoss": "49000"}
    limit = {"orderType": "Limit", "price": "50000"}
    asked: dict[str, Callable[[], object]] = {
        "110001: order not exists or too late to replace": lambda: amend(market.books, market.account, gone),
        "110001: order not exists or too late to cancel": lambda: arrivals.cancel(market.books, market.account, gone),
        "110003: price is invalid": lambda: market.order("Buy", "0.1", orderType="Limit"),
        "110007: ab not enough for new order": lambda: market.order("Buy", "0.1", **limit),
        "110017: current position is zero, cannot fix reduce-only order qty": lambda: market.order(
            "Sell", "0.1", reduceOnly=True
        ),
        "10001: can not set tp/sl/ts for zero position": lambda: set_trading_stop(market.books, market.account, stops),
    }
    for words, ask in asked.items():
        with pytest.raises(Refusal) as caught:
            ask()
        assert str(caught.value) == words


def test_an_order_below_the_minimum_value_is_refused() -> None:
    assert _code(Market(last=100.0), qty="0.049") == 110094


def test_unknown_parameters_are_ignored() -> None:
    assert Market().order("Buy", "0.1", isLeverage=0, marketUnit="baseCoin", whatever=None).status == "New"


def test_a_link_id_is_refused_for_ever_after_its_first_use() -> None:
    market = Market()
    market.order("Buy", "0.1", orderLinkId="once")
    assert _code(market, orderLinkId="once") == 110072

    market.flat_minute()

    assert _code(market, orderLinkId="once") == 110072
    assert market.order("Buy", "0.1", orderLinkId="twice").status == "New"


def test_a_link_id_is_known_before_anything_else_is_judged() -> None:
    market = Market()
    market.order("Buy", "0.1", orderLinkId="once")
    market.flat_minute()
    market.account.wallet = Decimal(0)

    assert _code(market, orderLinkId="once", orderType="Limit", price="50000") == 110072


def test_a_market_entry_that_cannot_be_paid_is_rejected_on_the_stream() -> None:
    market = Market(wallet="100")
    order = market.order("Buy", "0.1")

    frames = market.flat_minute()

    assert rows(frames, "order")[0]["orderStatus"] == "Rejected"
    assert (order.reject_reason, market.executions) == ("EC_Others", [])


def test_a_market_entry_may_cost_all_that_is_there_and_no_more() -> None:
    for wallet, status in (("5052.25", "Filled"), ("5052.24", "Rejected")):
        market = Market(wallet=wallet, slippage_bps=0.0)
        order = market.order("Buy", "1")
        market.flat_minute()
        assert order.status == status


@pytest.mark.parametrize(
    ("wallet", "wish"),
    [("100", {"side": "Buy", "qty": "0.1"}), ("4500", {"side": "Sell", "qty": "1", "orderType": "Limit", "price": "40000"})],
)
def test_inside_a_candle_an_order_that_cannot_be_paid_is_refused_at_once_and_leaves_nothing(
    wallet: str, wish: dict[str, str]
) -> None:
    market = Market(wallet=wallet)
    market.open(50_000.0, 50_000.0, 50_000.0, 50_000.0)
    with pytest.raises(Refusal, match="110007"):
        market.order(**wish)
    assert (market.account.orders, rows(market.frames, "order")) == ({}, [])
    assert not any(changes.orders or changes.executions for changes in market.take_all())


def test_a_limit_order_must_be_paid_for_when_it_arrives() -> None:
    market = Market(wallet="600")
    market.limit("Buy", "0.1", "49000")

    assert _code(market, orderType="Limit", price="49000") == 110007


def test_a_reduce_only_order_shrinks_to_the_position() -> None:
    market = Market()
    market.order("Buy", "0.1")
    market.flat_minute()

    order = market.order("Sell", "5", reduceOnly=True)
    market.flat_minute()

    assert (order.status, order.filled_steps, market.position.steps) == ("Filled", 100, 0)


def test_a_reduce_only_order_that_finds_no_position_is_cancelled_and_opens_nothing() -> None:
    market = Market()
    market.order("Buy", "0.1", stopLoss="49900")
    market.flat_minute()
    first = market.order("Sell", "0.1", reduceOnly=True)
    second = market.order("Sell", "0.1", reduceOnly=True)

    frames = market.flat_minute()

    assert (first.status, second.status, second.cancel_type) == ("Filled", "Cancelled", "CancelByReduceOnly")
    assert market.position.steps == 0
    assert rows(frames, "order")[-1]["cancelType"] == "CancelByReduceOnly"


def test_a_resting_reduce_only_limit_goes_with_its_position() -> None:
    market = Market()
    market.order("Buy", "0.1", stopLoss="49000")
    market.flat_minute()
    resting = market.limit("Sell", "0.1", "51000", reduceOnly=True)
    market.flat_minute()

    market.minute(50_000.0, 50_000.0, 48_900.0, 49_000.0)

    assert (resting.status, resting.cancel_type) == ("Cancelled", "CancelByReduceOnly")


def test_zero_quantity_with_reduce_only_and_close_on_trigger_closes_everything() -> None:
    market = Market()
    market.order("Sell", "0.25")
    market.flat_minute()

    market.order("Buy", "0", reduceOnly=True, closeOnTrigger=True)
    market.flat_minute()

    assert market.position.steps == 0


def test_levels_of_a_position_are_set_changed_and_removed() -> None:
    market = Market()

    def levels(**wish: str) -> None:
        request = {"category": "linear", "symbol": SYMBOL, "tpslMode": "Full", "positionIdx": 0, **wish}
        set_trading_stop(market.books, market.account, request)

    with pytest.raises(Refusal, match="zero position"):
        levels(stopLoss="49000")
    market.order("Buy", "0.1")
    market.flat_minute()
    levels(stopLoss="49000", takeProfit="52000")
    stop_id = market.position.stop_id
    levels(stopLoss="49500")
    assert (market.position.stop_id, market.account.orders[stop_id].trigger_ticks) == (stop_id, 495_000)
    with pytest.raises(Refusal) as unchanged:
        levels(stopLoss="49500")
    assert unchanged.value.code == 34040
    with pytest.raises(Refusal, match="losing side"):
        levels(stopLoss="50000")
    levels(takeProfit="0")

    assert market.position.target_id == ""
    assert [order.stop_kind for order in market.account.orders.values()] == ["StopLoss"]


def test_a_user_may_cancel_a_stop_and_the_position_says_so() -> None:
    market = Market()
    market.order("Buy", "0.1", stopLoss="49000")
    market.flat_minute()

    order = arrivals.cancel(market.books, market.account, {"symbol": SYMBOL, "orderId": market.position.stop_id})
    frames = market.take().frames

    assert (order.status, order.cancel_type) == ("Deactivated", "CancelByUser")
    assert rows(frames, "position")[0]["stopLoss"] == ""


@pytest.mark.parametrize(
    ("wish", "left"),
    [
        ({"symbol": SYMBOL, "orderFilter": "Order"}, ["StopLoss", "Stop"]),
        ({"symbol": SYMBOL, "orderFilter": "StopOrder"}, [""]),
        ({"symbol": SYMBOL, "orderFilter": "StopOrder", "stopOrderType": "Stop"}, ["StopLoss", ""]),
        ({"symbol": SYMBOL}, []),
        ({"baseCoin": "BTC"}, []),
        ({"baseCoin": "ETH"}, ["StopLoss", "", "Stop"]),
        ({"settleCoin": "USDT"}, []),
        ({"settleCoin": "USDC"}, ["StopLoss", "", "Stop"]),
    ],
)
def test_cancel_all_takes_what_its_filters_name(wish: dict[str, str], left: list[str]) -> None:
    market = Market()
    market.order("Buy", "0.1", stopLoss="49000")
    market.flat_minute()
    market.limit("Buy", "0.1", "48000")
    market.order("Buy", "0.1", triggerPrice="51000", triggerDirection=1)

    arrivals.cancel_all(market.books, market.account, wish)

    assert [order.stop_kind for order in market.account.orders.values()] == left


def test_leverage_is_set_once_and_bounded() -> None:
    market = Market()
    wish = {"category": "linear", "symbol": SYMBOL, "buyLeverage": "5", "sellLeverage": "5"}
    modes.set_leverage(market.books, market.account, wish)
    for changed, code in (
        ({}, 110043),
        ({"buyLeverage": "200", "sellLeverage": "200"}, 110013),
        ({"buyLeverage": "1e30", "sellLeverage": "1e30"}, 110013),
        ({"buyLeverage": "7"}, 10001),
    ):
        with pytest.raises(Refusal) as caught:
            modes.set_leverage(market.books, market.account, {**wish, **changed})
        assert caught.value.code == code
    assert market.position.leverage == 5


def test_limits_outside_the_band_are_refused_where_the_user_wants_that_and_moved_otherwise() -> None:
    market = Market(terms=MarketTerms(price_band=True))
    market.flat_minute()
    assert market.limit("Buy", "0.1", "60000").price_ticks == 505_000
    market.account.band_refuses = True
    wishes = ({"side": "Buy", "price": "60000"}, {"side": "Sell", "price": "40000"})
    assert [_code(market, orderType="Limit", **wish) for wish in wishes] == [110120, 110121]
