"""Prices, books, trades and funding, open to everybody."""

from typing import Any, Final

from playd.core.timeframes import DAY_MS, MINUTE_MS
from playd.venues.exchange import klines
from playd.venues.exchange.book_stream import RPI_LEVELS, with_rpi
from playd.venues.exchange.refusal import PARAMETER, Refusal
from playd.venues.exchange.requests import Ask, PublicHandler
from playd.venues.exchange.rows import Row
from playd.venues.exchange.text import float_text
from playd.venues.exchange.words import INDEX_PRICE, LAST_PRICE, MARK_PRICE

KLINES_MAX: Final = 1000
FUNDING_ROWS_MAX: Final = 200
TRADES_MAX: Final = 1000
_PERIODS_MS: Final = {
    "5min": 5 * MINUTE_MS,
    "15min": 15 * MINUTE_MS,
    "30min": 30 * MINUTE_MS,
    "1h": 60 * MINUTE_MS,
    "4h": 240 * MINUTE_MS,
    "1d": DAY_MS,
}
_TICKER_OF_DATED: Final = {
    "predictedDeliveryPrice": "",
    "basisRate": "",
    "basis": "",
    "basisRateYear": "",
    "deliveryFeeRate": "",
    "deliveryTime": "0",
}
"""What a ticker row says of contracts with an end, empty for perpetuals; the stream leaves it out."""


def kline(ask: Ask) -> dict[str, Any]:
    """Candles, newest first, the one in progress included. `start` alone gives the oldest window from there on."""
    return _klines(ask, LAST_PRICE)


def mark_kline(ask: Ask) -> dict[str, Any]:
    """Candles of the mark price, without volume."""
    return _klines(ask, MARK_PRICE, columns=5)


def index_kline(ask: Ask) -> dict[str, Any]:
    """Candles of the index price, without volume."""
    return _klines(ask, INDEX_PRICE, columns=5)


def premium_kline(ask: Ask) -> dict[str, Any]:
    """Candles of the premium of the mark over the index; how far it went in between is not known."""
    marks, indices = (_klines(ask, kind, columns=5) for kind in (MARK_PRICE, INDEX_PRICE))
    rows = []
    for mark, index in zip(marks["list"], indices["list"], strict=True):
        first, last = (float(mark[column]) / float(index[column]) - 1.0 for column in (1, 4))
        rows.append([mark[0], *(f"{number:.8f}" for number in (first, max(first, last), min(first, last), last))])
    return {**marks, "list": rows}


def _klines(ask: Ask, kind: str, *, columns: int = 7) -> dict[str, Any]:
    symbol, interval = ask.listing().instrument.symbol, ask.text("interval")
    if interval not in ask.floor.streams.intervals:
        raise Refusal(PARAMETER, f"params error: interval {interval!r} invalid, this market has {ask.floor.streams.intervals}")
    limit, now_ms = ask.limit(200, KLINES_MAX), ask.floor.books.time.now_ms
    start_ms, end_ms = ask.number("start", 0), min(ask.number("end", now_ms), now_ms)
    if ask.text("start") and not ask.text("end"):
        found = ask.floor.tape.earliest(symbol, interval, start_ms, limit, kind)
    else:
        found = ask.floor.tape.latest(symbol, interval, start_ms, end_ms, limit, kind)
    rows = [row[:columns] for row in klines.rows(found)]
    return {"category": "linear", "symbol": symbol, "list": rows}


def tickers(ask: Ask) -> dict[str, Any]:
    """Whole tickers."""
    rows = [{**ask.floor.tape.ticker(listing.instrument.symbol), **_TICKER_OF_DATED} for listing in ask.listings()]
    return {"category": ask.text("category") or "linear", "list": rows}


def order_book(ask: Ask) -> dict[str, Any]:
    """The book around the present price."""
    symbol = ask.listing().instrument.symbol
    now_ms = ask.floor.books.time.now_ms
    return {**ask.floor.streams.order_book(symbol, ask.limit(25, 1000)), "ts": now_ms, "cts": now_ms}


def rpi_order_book(ask: Ask) -> dict[str, Any]:
    """The same with the sizes of RPI orders, of which there are none."""
    symbol, now_ms = ask.listing().instrument.symbol, ask.floor.books.time.now_ms
    book = ask.floor.streams.order_book(symbol, ask.limit(RPI_LEVELS, RPI_LEVELS))
    return {**with_rpi(book), "ts": now_ms, "cts": now_ms}


def recent_trades(ask: Ask) -> dict[str, Any]:
    """The last trades of the market, newest first; the same as on the trade topic."""
    listing = ask.listing()
    symbol = listing.instrument.symbol
    trades = ask.floor.tape.recent_trades(symbol, ask.limit(500, TRADES_MAX))
    rows = [
        {
            "execId": trade.trade_id,
            "symbol": symbol,
            "price": listing.price_text(trade.ticks),
            "size": float_text(trade.volume),
            "side": trade.side,
            "time": str(trade.time_ms),
            "isBlockTrade": False,
            "isRPITrade": False,
            "seq": str(trade.time_ms),
        }
        for trade in reversed(trades)
    ]
    return {"category": "linear", "list": rows}


def funding_history(ask: Ask) -> dict[str, Any]:
    """Rates that were stamped, newest first."""
    if ask.text("startTime") and not ask.text("endTime"):
        raise Refusal(PARAMETER, "params error: startTime needs endTime")
    floor, listing = ask.floor, ask.listing()
    symbol, every_ms = listing.instrument.symbol, listing.instrument.funding_interval_min * MINUTE_MS
    end_ms = min(ask.number("endTime", floor.books.time.now_ms), floor.books.time.now_ms)
    first_ms = max(ask.number("startTime", 0), floor.feed.first_ms)
    rows: list[Row] = []
    limit = ask.limit(FUNDING_ROWS_MAX, FUNDING_ROWS_MAX)
    for stamp_ms in range(end_ms // every_ms * every_ms, first_ms - 1, -every_ms):
        if len(rows) == limit:
            break
        rate = floor.market.stamped.get((symbol, stamp_ms), floor.feed.funding_rate(symbol, stamp_ms))
        if rate is not None:
            rows.append({"symbol": symbol, "fundingRate": float_text(rate), "fundingRateTimestamp": str(stamp_ms)})
    return {"category": "linear", "list": rows}


def open_interest(ask: Ask) -> dict[str, Any]:
    """Open interest of a market whose other side is a recording: nothing, at every stamp since the feed begins."""
    symbol, every_ms = ask.listing().instrument.symbol, _PERIODS_MS.get(ask.text("intervalTime"))
    if every_ms is None:
        raise Refusal(PARAMETER, f"params error: intervalTime invalid, expected one of {', '.join(_PERIODS_MS)}")
    now_ms = ask.floor.books.time.now_ms
    end_ms = min(ask.number("endTime", now_ms), now_ms)
    start_ms = max(ask.number("startTime", 0), ask.floor.feed.first_ms)
    page, cursor = ask.page(range(end_ms // every_ms * every_ms, start_ms - 1, -every_ms), ask.limit(50, 200))
    rows = [{"openInterest": "0", "singleOpenInterest": "0", "timestamp": str(stamp_ms)} for stamp_ms in page]
    return {"category": "linear", "symbol": symbol, "list": rows, "nextPageCursor": cursor}


def account_ratio(ask: Ask) -> dict[str, Any]:
    """Nobody counts how many of the accounts are long: no row for any period."""
    ask.listing()
    if ask.text("period") not in _PERIODS_MS:
        raise Refusal(PARAMETER, f"params error: period invalid, expected one of {', '.join(_PERIODS_MS)}")
    return {"list": [], "nextPageCursor": ""}


def price_limit(ask: Ask) -> dict[str, Any]:
    """Highest buy and lowest sell price of limit orders."""
    row = ask.floor.tape.price_limit(ask.listing().instrument.symbol)
    return {**row, "ts": str(ask.floor.books.time.now_ms)}


def index_components(ask: Ask) -> dict[str, Any]:
    """The index is made here, of nothing else."""
    name = ask.text("indexName")
    if name not in ask.floor.books.listings:
        raise Refusal(PARAMETER, f"params error: indexName {name[:30]!r} invalid")
    last = float_text(ask.floor.books.listings[name].price_of(INDEX_PRICE))
    part = {"exchange": "playd", "spotPair": name, "equivalentPrice": last, "multiplier": "1", "price": last, "weight": "1"}
    return {"indexName": name, "lastPrice": last, "updateTime": str(ask.floor.books.time.now_ms), "components": [part]}


HANDLERS: Final[dict[str, PublicHandler]] = {
    "/v5/market/kline": kline,
    "/v5/market/mark-price-kline": mark_kline,
    "/v5/market/index-price-kline": index_kline,
    "/v5/market/premium-index-price-kline": premium_kline,
    "/v5/market/tickers": tickers,
    "/v5/market/orderbook": order_book,
    "/v5/market/rpi_orderbook": rpi_order_book,
    "/v5/market/recent-trade": recent_trades,
    "/v5/market/funding/history": funding_history,
    "/v5/market/open-interest": open_interest,
    "/v5/market/account-ratio": account_ratio,
    "/v5/market/price-limit": price_limit,
    "/v5/market/index-price-components": index_components,
}
