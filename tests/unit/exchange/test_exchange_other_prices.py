"""Mark and index that are not the last price: who is measured, triggered and liquidated by which."""

import numpy as np
import pytest

from playd.core.candles import Candles
from playd.core.timeframes import MINUTE_MS
from playd.market.synthetic import SyntheticFeed
from playd.venues.exchange.books import Books
from playd.venues.exchange.listing import MarketTerms
from playd.venues.exchange.margin import margin_of
from playd.venues.exchange.other_prices import Basis, Recorded
from playd.venues.exchange.tape import Tape
from playd.venues.exchange.trading_stop import set_trading_stop
from playd.venues.exchange.words import INDEX_PRICE, MARK_PRICE
from tests.exchange_kit import START_MS, SYMBOL, Market, rows


def recorded(*minutes: tuple[float, float, float, float], kind: str = MARK_PRICE) -> MarketTerms:
    """A mark (or index) with these candles from the first minute of a `Market` on."""
    times = START_MS + MINUTE_MS * np.arange(len(minutes), dtype=np.int64)
    columns = np.array(minutes).T
    return MarketTerms(prices=Recorded({(SYMBOL, kind): Candles(SYMBOL, MINUTE_MS, times, *columns, np.zeros(len(minutes)))}))


STILL = (50_000.0, 50_000.0, 50_000.0, 50_000.0)


def held(terms: MarketTerms, **levels: str) -> Market:
    market = Market(slippage_bps=0.0, terms=terms)
    market.order("Buy", "1", **levels)
    market.flat_minute()
    return market


def test_positions_are_valued_at_the_mark() -> None:
    market = held(recorded(STILL, (50_200.0, 50_200.0, 50_200.0, 50_200.0)))
    market.open(*STILL)
    assert margin_of(market.account, market.position, market.books.listings).unrealised == 200
    market.order("Sell", "0.5", reduceOnly=True)
    assert market.executions[-1]["markPrice"] == "50200"
    assert market.executions[-1]["execPrice"] == "50000.0"
    assert rows(market.frames, "position")[-1]["markPrice"] == "50200"


def test_funding_is_paid_on_the_mark() -> None:
    market = held(recorded(STILL, (51_000.0, 51_000.0, 51_000.0, 51_000.0)))
    market.minute(*STILL, funding=0.001)
    assert market.log[-1]["funding"] == "-51"


def test_a_liquidation_looks_at_the_mark_and_only_there() -> None:
    market = held(recorded(STILL, STILL, (50_000.0, 50_000.0, 45_000.0, 50_000.0)))
    market.minute(50_000.0, 50_000.0, 44_000.0, 50_000.0)
    assert market.position.steps == 1_000

    market.minute(*STILL)

    assert market.position.steps == 0
    assert (market.executions[-1]["execType"], market.executions[-1]["execPrice"]) == ("BustTrade", "45000.0")


def test_a_stop_by_the_mark_goes_before_the_liquidation_behind_it() -> None:
    market = held(recorded(STILL, (50_000.0, 50_000.0, 44_000.0, 50_000.0)), stopLoss="47000", slTriggerBy=MARK_PRICE)
    market.minute(50_000.0, 50_000.0, 49_000.0, 50_000.0)
    execution = market.executions[-1]
    assert (execution["execType"], execution["stopOrderType"], market.position.steps) == ("Trade", "StopLoss", 0)
    assert 49_000.0 <= float(execution["execPrice"]) <= 50_000.0


@pytest.mark.parametrize("followed", [False, True])
@pytest.mark.parametrize(
    ("kind", "by_last", "by_mark", "left"),
    [("stopLoss", 48_900.0, 50_000.0, 1_000), ("stopLoss", 50_000.0, 48_900.0, 0), ("takeProfit", 50_000.0, 51_100.0, 0)],
)
def test_full_levels_follow_the_price_they_look_at(
    kind: str, by_last: float, by_mark: float, left: int, followed: bool
) -> None:
    level = {"stopLoss": "49000", "slTriggerBy": MARK_PRICE} if kind == "stopLoss" else {"takeProfit": "51000"}
    if kind == "takeProfit":
        level["tpTriggerBy"] = MARK_PRICE
    market = held(recorded(STILL, (50_000.0, max(by_mark, 50_000.0), min(by_mark, 50_000.0), 50_000.0)), **level)
    market.open(50_000.0, max(by_last, 50_000.0), min(by_last, 50_000.0), 50_000.0)
    for part in range(10 if followed else 0):
        market.follow(part / 10)
    market.close()
    assert market.position.steps == left
    assert bool(market.position.stop_id or market.position.target_id) is bool(left)


def test_a_stop_that_is_moved_meets_only_what_comes_after_it() -> None:
    market = held(recorded(STILL, (50_000.0, 50_000.0, 48_000.0, 50_000.0)), stopLoss="40000", slTriggerBy=MARK_PRICE)
    market.open(*STILL)
    market.move(0.9)
    request = {"category": "linear", "symbol": SYMBOL, "tpslMode": "Full", "stopLoss": "49000", "slTriggerBy": MARK_PRICE}
    set_trading_stop(market.books, market.account, {**request, "positionIdx": 0})
    market.close()
    assert market.position.steps == 1_000


def test_a_conditional_order_follows_the_index() -> None:
    market = Market(slippage_bps=0.0, terms=recorded(STILL, (50_000.0, 50_500.0, 50_000.0, 50_000.0), kind=INDEX_PRICE))
    market.flat_minute()
    order = market.order("Buy", "0.1", triggerPrice="50400", triggerDirection=1, triggerBy=INDEX_PRICE)
    market.minute(*STILL)
    assert (order.status, market.executions[-1]["execPrice"]) == ("Filled", "50000.0")


def test_klines_and_tickers_tell_the_three_prices_apart_and_not_the_future() -> None:
    feed = SyntheticFeed(3)
    terms = MarketTerms(prices=Basis(20.0))
    instruments = {symbol: feed.instrument(symbol) for symbol in feed.symbols}
    books = Books(instruments, dict.fromkeys(feed.symbols, 1.0), now_ms=feed.start_ms, id_seed="", terms=terms)
    books.time.open_ms = feed.start_ms - MINUTE_MS
    tape = Tape(books, feed)
    begin_ms = feed.start_ms - 600 * MINUTE_MS
    last, mark, index = (
        tape.candles(SYMBOL, "1", begin_ms, feed.start_ms, kind) for kind in ("LastPrice", MARK_PRICE, INDEX_PRICE)
    )
    assert len(last) == len(mark) == len(index) == 600
    away = np.abs(index.close / last.close - 1.0)
    assert 0.0 < away.max() <= 0.002
    assert (np.abs(mark.close / last.close - 1.0) <= away).all()
    again = tape.candles(SYMBOL, "5", begin_ms, feed.start_ms, INDEX_PRICE)
    assert again.high[0] == index.high[:5].max()
