"""What faults do to accounts and markets on command, in the books: the usual ways, only that nobody who trades asked for it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

import pytest

from playd.core.timeframes import MINUTE_MS
from playd.venues.exchange.faults.board import FaultBoard
from playd.venues.exchange.faults.matcher import Now
from playd.venues.exchange.faults.model import Event, Seam
from playd.venues.exchange.faults.on_accounts import account_acts
from playd.venues.exchange.faults.on_listings import listing_acts
from playd.venues.exchange.faults.script import read_posted
from playd.venues.exchange.liquidation import step_down
from playd.venues.exchange.listing import Listing, RiskTier
from playd.venues.exchange.modes import set_levels_mode
from playd.venues.exchange.refusal import Refusal
from playd.venues.exchange.rows import order_row
from playd.venues.exchange.trading_stop import set_trading_stop
from tests.exchange_kit import BTC, SYMBOL, Market


@dataclass
class Stage:
    """A market with a long position with stop and target and a resting order, inside a candle, and a board of faults."""

    market: Market
    board: FaultBoard

    def arm(self, kind: str, **more: Any) -> None:
        self.board.arm(read_posted({"faults": [{"kind": kind, **{name.rstrip("_"): each for name, each in more.items()}}]}))


@pytest.fixture
def stage() -> Stage:
    market = Market()
    board = FaultBoard(lambda: Now(0.0, market.books.time.now_ms), lambda *_, **__: 0)

    def apply() -> None:
        market.take()

    board.acts |= account_acts(market.books, apply, lambda _, link_id: link_id in market.used)
    board.acts |= listing_acts(market.books, apply)
    market.open(50_000.0, 50_100.0, 49_900.0, 50_000.0)
    market.order("Buy", "0.4", stopLoss="49000", takeProfit="52000")
    market.limit("Buy", "0.1", "45000")
    return Stage(market, board)


def _open_kinds(market: Market) -> list[str]:
    return sorted(str(order.stop_kind) for order in market.account.orders.values())


def _flat(market: Market) -> bool:
    return market.position.steps == 0 and _open_kinds(market) == [""]


@pytest.mark.parametrize(
    ("kind", "params", "holds"),
    [
        ("manual_close", {}, _flat),
        ("manual_close", {"share": 0.25}, lambda market: market.position.steps == 300),
        ("manual_open", {"qty": "0.2", "side": "Sell"}, lambda market: market.position.steps == 200),
        ("cancel_all", {}, lambda market: (market.position.steps, _open_kinds(market)) == (400, [])),
        ("cancel_all", {"what": "orders"}, lambda market: _open_kinds(market) == ["StopLoss", "TakeProfit"]),
        ("cancel_all", {"what": "stops"}, lambda market: _open_kinds(market) == [""]),
        ("remove_stop", {}, lambda market: _open_kinds(market) == ["", "TakeProfit"]),
        ("remove_stop", {"by": "venue"}, lambda market: _open_kinds(market) == ["", "TakeProfit"]),
        ("change_leverage", {"leverage": 3}, lambda market: market.position.leverage == 3),
        ("liquidate", {}, lambda market: market.position.steps == 0 and market.executions[-1]["execType"] == "BustTrade"),
        (
            "liquidate",
            {"share": 0.5},
            lambda market: (market.position.steps, market.executions[-1]["execType"]) == (200, "Trade"),
        ),
        (
            "deleverage",
            {"share": 0.5},
            lambda market: (market.position.steps, market.executions[-1]["execType"]) == (200, "AdlTrade"),
        ),
    ],
)
def test_an_act_is_done_once_when_its_time_has_come(
    stage: Stage, kind: str, params: dict[str, Any], holds: Callable[[Market], bool]
) -> None:
    stage.arm(kind, when={"market_min": 1}, with_=params)
    stage.board.moment()
    assert (stage.market.position.steps, _open_kinds(stage.market)) == (400, ["", "StopLoss", "TakeProfit"])
    stage.market.close()
    stage.market.open(50_000.0, 50_100.0, 49_900.0, 50_000.0)
    stage.board.moment()
    assert holds(stage.market), (stage.market.position, _open_kinds(stage.market))
    before = stage.market.books.counter
    stage.board.moment()
    assert stage.market.books.counter == before, "once"


def test_where_stops_are_partial_a_full_number_of_them_refuses_levels_only(stage: Stage) -> None:
    market, symbol = stage.market, {"category": "linear", "symbol": SYMBOL}
    set_levels_mode(market.books, market.account, {**symbol, "tpSlMode": "Partial"})
    levels: dict[str, Any] = {"stopLoss": "48000", "takeProfit": "53000"}
    for _ in range(10):
        set_trading_stop(market.books, market.account, {**symbol, **levels, "slSize": "0.01", "tpSize": "0.01"})
    with pytest.raises(Refusal) as caught:
        market.order("Buy", "0.1", **levels)
    assert caught.value.code == 110061
    assert market.order("Buy", "0.1").filled_steps == 100
    assert market.order("Sell", "0.1", reduceOnly=True).filled_steps == 100

    stage.arm("remove_stop")
    stage.arm("manual_close")
    stage.board.moment()
    assert [row["hits"] for row in stage.board.rows()] == [1, 1]
    assert _flat(market)


def test_an_act_without_anything_to_do_waits_and_names_account_and_symbol(stage: Stage) -> None:
    other = stage.market.join(1002)
    stage.arm("manual_close", where={"account": "test-1002", "symbol": "BTC*"})
    stage.board.moment()
    assert [row["hits"] for row in stage.board.rows()] == [0]
    stage.market.order("Sell", "0.1", by=other)
    stage.board.moment()
    assert [row["hits"] for row in stage.board.rows()] == [1]
    assert (stage.market.books.position(other, SYMBOL).steps, stage.market.position.steps) == (0, 400)


def test_an_act_follows_the_request_that_it_names_on_the_account_that_made_it(stage: Stage) -> None:
    other = stage.market.join(1002)
    stage.market.order("Sell", "0.1", by=other)
    stage.arm("manual_close", where={"path": "/v5/order/create", "link_id": "p1-*"})
    create = Event(Seam.DONE, "/v5/order/create", account="test", symbols=(SYMBOL,), link_ids=("p1-x",))
    stage.board.moment()
    assert stage.market.position.steps == 400
    stage.board.hit_by(create)
    assert (stage.market.books.position(other, SYMBOL).steps, stage.market.position.steps) == (-100, 0)


def test_rules_change_for_orders_to_come(stage: Stage) -> None:
    stage.arm(
        "change_rules", with_={"min_qty": 0.05, "min_notional_usdt": 1000, "max_leverage": 20, "funding_interval_min": 60}
    )
    stage.board.moment()
    rules = stage.market.books.listings[SYMBOL].instrument
    assert (rules.min_qty, rules.min_notional_usdt, rules.max_leverage) == (Decimal("0.05"), Decimal(1000), Decimal(20))
    assert rules.funding_interval_min == 60
    with pytest.raises(Refusal):
        stage.market.order("Buy", "0.04")
    assert stage.market.order("Buy", "0.05").filled_steps == 50
    stage.arm("change_rules", with_={"status": "PreLaunch"})
    stage.board.moment()
    with pytest.raises(Refusal):
        stage.market.order("Buy", "0.05")


def test_a_finer_tick_and_step_leave_what_is_there_and_admit_what_was_refused(stage: Stage) -> None:
    market = stage.market
    before = _view(market)
    stage.arm("change_rules", with_={"tick": 0.04, "step": 0.0002})
    stage.board.moment()
    assert _view(market) == before
    assert market.limit("Buy", "0.1002", "44000.04").left_steps == 501
    for qty, price in (("0.1", "44000.1"), ("0.1001", "44000.04")):
        with pytest.raises(Refusal) as caught:
            market.limit("Buy", qty, price)
        assert caught.value.code == 10001
    market.close()
    market.open(44_000.03, 44_000.06, 43_999.0, 44_000.0)
    filled = [Decimal(row["execPrice"]) for row in market.executions]
    assert all(price % Decimal("0.02") == 0 for price in filled)


def test_a_coarser_tick_and_step_leave_what_is_there_and_bind_what_comes(stage: Stage) -> None:
    market = stage.market
    market.limit("Buy", "0.103", "49500.1")
    stage.arm("change_rules", with_={"tick": 0.5, "step": 0.01})
    stage.board.moment()
    assert "49500.1" in {order["price"] for order in _orders(market)}
    with pytest.raises(Refusal):
        market.limit("Buy", "0.1", "49500.1")
    market.close()
    market.open(49_500.3, 49_500.4, 49_499.9, 49_500.2)
    market.order("Sell", "0.05")
    assert market.executions[-1]["execPrice"] == "49490.0", "on the tick of now, slippage and rounding against who trades"
    market.close()
    maker = [(row["execPrice"], row["execQty"]) for row in market.executions if row["isMaker"]]
    assert ("49500.1", "0.103") in maker, "an older order trades at its own price, whole"
    market.order("Sell", "0", reduceOnly=True, closeOnTrigger=True)
    market.open(49_500.0, 49_500.0, 49_500.0, 49_500.0)
    assert market.position.steps == 0, "what lies between two steps can be closed"


@pytest.mark.parametrize(
    ("side", "limit", "open_price", "filled"),
    [
        ("Buy", "49500.1", 49_400.3, "49400.5"),
        ("Buy", "49500.4", 49_500.2, "49500.4"),
        ("Sell", "50500.1", 50_600.3, "50600.0"),
        ("Sell", "50500.1", 50_500.3, "50500.1"),
    ],
)
def test_an_older_limit_fills_at_an_open_on_the_new_tick_or_at_its_own_price(
    stage: Stage, side: str, limit: str, open_price: float, filled: str
) -> None:
    market = stage.market
    market.limit(side, "0.1", limit, reduceOnly=side == "Sell")
    stage.arm("change_rules", with_={"tick": 0.5})
    stage.board.moment()
    market.close()
    market.open(open_price, open_price, open_price, open_price)
    assert (market.executions[-1]["execPrice"], market.executions[-1]["isMaker"]) == (filled, True)


def test_what_the_venue_sells_is_whole_steps_of_a_coarser_rule(stage: Stage) -> None:
    stage.arm("change_rules", with_={"step": 0.01, "max_qty": 50})
    stage.arm("deleverage", with_={"share": 0.333})
    stage.board.moment()
    assert stage.market.position.steps == 400 - 130
    assert str(stage.market.books.listings[SYMBOL].instrument.max_qty) == "50"
    stage.market.books.listings[SYMBOL].tiers = tuple(RiskTier(limit, 0.005, Decimal(10)) for limit in (10_123.0, 1e9))
    assert step_down(stage.market.books, stage.market.account, stage.market.position, 50_000.0)
    assert stage.market.position.steps == 200


def test_a_share_of_an_order_is_rounded_down_to_a_step_of_the_rules(stage: Stage) -> None:
    market = stage.market
    market.books.fill_share = lambda _account, _order: 0.29
    assert market.order("Buy", "0.1").filled_steps == 29
    stage.arm("change_rules", with_={"step": 0.01})
    stage.board.moment()
    assert market.order("Buy", "0.15").filled_steps == 40


def test_money_moves_once_whatever_symbol_the_fault_names(stage: Stage) -> None:
    stage.market.books.listings["ETHUSDT"] = Listing(replace(BTC, symbol="ETHUSDT"), 3000.0)
    for symbol in ("ETHUSDT", "*", ""):
        before = stage.market.account.wallet
        stage.arm("transfer", where={"symbol": symbol}, with_={"usdt": 5})
        stage.board.moment()
        assert stage.market.account.wallet == before + 5


def _orders(market: Market) -> list[dict[str, Any]]:
    return [order_row(order, market.books.listings[SYMBOL]) for order in market.account.orders.values()]


def _view(market: Market) -> object:
    """Position and open orders as users see them, but for estimates that are rounded to the tick."""
    position = market.books.position_row(market.account, market.position)
    return _numbers([{**position, "liqPrice": "", "breakEvenPrice": ""}, *_orders(market)])


def _numbers(rows: object) -> object:
    """Rows with their decimal texts as numbers."""
    if isinstance(rows, dict):
        return {name: _numbers(value) for name, value in rows.items()}
    if isinstance(rows, list | tuple):
        return [_numbers(each) for each in rows]
    try:
        return Decimal(str(rows))
    except InvalidOperation:
        return rows


def test_a_delisted_symbol_is_settled_and_takes_nothing_new(stage: Stage) -> None:
    stage.arm("delist", where={"symbol": SYMBOL})
    stage.board.moment()
    assert (stage.market.position.steps, _open_kinds(stage.market)) == (0, [])
    assert (stage.market.executions[-1]["execType"], stage.market.log[-1]["type"]) == ("Delivery", "DELIVERY")
    assert stage.market.books.listings[SYMBOL].instrument.status == "Closed"
    with pytest.raises(Refusal) as caught:
        stage.market.order("Buy", "0.1")
    assert caught.value.code == 110074
    assert {row["createType"] for frame in stage.market.frames for row in frame.data if row.get("execType")} >= {
        "CreateBySettle"
    }


def test_a_delisting_is_announced_before_it_happens(stage: Stage) -> None:
    stage.arm("delist", with_={"notice_min": 2})
    stage.board.moment()
    rules = stage.market.books.listings[SYMBOL].instrument
    assert (rules.status, rules.delivery_time_ms) == ("Trading", stage.market.books.time.now_ms + 2 * MINUTE_MS)
    stage.market.close()
    for held in (400, 0):
        stage.market.open(50_000.0, 50_100.0, 49_900.0, 50_000.0)
        stage.board.moment()
        assert stage.market.position.steps == held
        stage.market.close()
    assert stage.market.books.listings[SYMBOL].instrument.status == "Closed"
