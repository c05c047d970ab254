"""Market requests, open to everybody."""

from typing import Any, Final

from playd.core.timeframes import MINUTE_MS
from playd.venues.exchange import klines
from playd.venues.exchange.arrivals import listing_of
from playd.venues.exchange.model import MAINTENANCE_RATE, Listing
from playd.venues.exchange.refusal import PARAMETER, Refusal
from playd.venues.exchange.requests import Ask, PublicHandler
from playd.venues.exchange.rows import RISK_LIMIT_TEXT, Row
from playd.venues.exchange.text import float_text, plain

KLINES_MAX: Final = 1000
FUNDING_ROWS_MAX: Final = 200
_MIN_LEVERAGE: Final = "1"


def server_time(ask: Ask) -> dict[str, Any]:
    """Wall clock, as for signing."""
    wall_ms = ask.floor.world.clock.wall_ms()
    return {"timeSecond": str(wall_ms // 1000), "timeNano": str(wall_ms * 1_000_000)}


def system_status(ask: Ask) -> dict[str, Any]:
    """No maintenance is ever announced."""
    return {"list": []}


def instruments(ask: Ask) -> dict[str, Any]:
    """Linear perpetuals; other categories are empty."""
    rows = [_instrument_row(listing) for listing in _chosen(ask) if ask.text("status") in ("", listing.instrument.status)]
    return {"category": ask.text("category") or "linear", "nextPageCursor": "", "list": rows}


def kline(ask: Ask) -> dict[str, Any]:
    """Candles, newest first, the one in progress included. `start` alone gives the oldest window from there on."""
    listing = listing_of(ask.floor.books, ask.params)
    symbol, interval = listing.instrument.symbol, ask.text("interval")
    if interval not in ask.floor.streams.intervals:
        raise Refusal(PARAMETER, f"params error: interval {interval!r} invalid, this market has {ask.floor.streams.intervals}")
    limit, now_ms = ask.limit(200, KLINES_MAX), ask.floor.books.time.now_ms
    start_ms, end_ms = ask.number("start", 0), min(ask.number("end", now_ms), now_ms)
    if ask.text("start") and not ask.text("end"):
        found = ask.floor.tape.earliest(symbol, interval, start_ms, limit)
    else:
        found = ask.floor.tape.latest(symbol, interval, start_ms, end_ms, limit)
    indices = range(len(found) - 1, -1, -1)
    return {"category": "linear", "symbol": symbol, "list": [klines.row(found, index) for index in indices]}


def tickers(ask: Ask) -> dict[str, Any]:
    """Whole tickers."""
    rows = [ask.floor.tape.ticker(listing.instrument.symbol) for listing in _chosen(ask)]
    return {"category": ask.text("category") or "linear", "list": rows}


def order_book(ask: Ask) -> dict[str, Any]:
    """The book around the present price."""
    symbol = listing_of(ask.floor.books, ask.params).instrument.symbol
    now_ms = ask.floor.books.time.now_ms
    return {**ask.floor.tape.order_book(symbol, ask.limit(25, 1000)), "ts": now_ms, "cts": now_ms}


def funding_history(ask: Ask) -> dict[str, Any]:
    """Rates that were stamped, newest first."""
    if ask.text("startTime") and not ask.text("endTime"):
        raise Refusal(PARAMETER, "params error: startTime needs endTime")
    floor, listing = ask.floor, listing_of(ask.floor.books, ask.params)
    symbol, every_ms = listing.instrument.symbol, listing.instrument.funding_interval_min * MINUTE_MS
    end_ms = min(ask.number("endTime", floor.books.time.now_ms), floor.books.time.now_ms)
    first_ms = max(ask.number("startTime", 0), floor.feed.first_ms)
    rows: list[Row] = []
    limit = ask.limit(FUNDING_ROWS_MAX, FUNDING_ROWS_MAX)
    for stamp_ms in range(end_ms // every_ms * every_ms, first_ms - 1, -every_ms):
        rate = floor.feed.funding_rate(symbol, stamp_ms)
        if rate is not None and len(rows) < limit:
            rows.append({"symbol": symbol, "fundingRate": float_text(rate), "fundingRateTimestamp": str(stamp_ms)})
    return {"category": "linear", "list": rows}


def risk_limit(ask: Ask) -> dict[str, Any]:
    """The one tier of every symbol."""
    rows = [
        {
            "id": 1,
            "symbol": listing.instrument.symbol,
            "riskLimitValue": RISK_LIMIT_TEXT,
            "maintenanceMargin": float_text(MAINTENANCE_RATE),
            "initialMargin": float_text(1.0 / float(listing.instrument.max_leverage)),
            "isLowestRisk": 1,
            "maxLeverage": plain(listing.instrument.max_leverage),
            "mmDeduction": "",
        }
        for listing in _chosen(ask)
    ]
    return {"category": "linear", "nextPageCursor": "", "list": rows}


def _chosen(ask: Ask) -> list[Listing]:
    """The listing that is asked for, or all; none of other categories."""
    if ask.text("category") not in ("", "linear"):
        return []
    if ask.text("symbol"):
        return [listing_of(ask.floor.books, ask.params)]
    return list(ask.floor.books.listings.values())


def _instrument_row(listing: Listing) -> Row:
    rules = listing.instrument
    base = rules.symbol.removesuffix("USDT")
    return {
        "symbol": rules.symbol,
        "symbolId": 1,
        "contractType": "LinearPerpetual",
        "status": rules.status,
        "baseCoin": base,
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "launchTime": "0",
        "deliveryTime": str(rules.delivery_time_ms),
        "deliveryFeeRate": "",
        "priceScale": str(max(-int(rules.tick.normalize().as_tuple().exponent), 0)),
        "leverageFilter": {"minLeverage": _MIN_LEVERAGE, "maxLeverage": plain(rules.max_leverage), "leverageStep": "0.01"},
        "priceFilter": {"minPrice": plain(rules.tick), "maxPrice": "1999999.8", "tickSize": plain(rules.tick)},
        "lotSizeFilter": {
            "minOrderQty": plain(rules.min_qty),
            "maxOrderQty": plain(rules.max_qty),
            "maxMktOrderQty": plain(rules.max_market_qty),
            "qtyStep": plain(rules.step),
            "postOnlyMaxOrderQty": plain(rules.max_qty),
            "minNotionalValue": plain(rules.min_notional_usdt),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": rules.funding_interval_min,
        "copyTrading": "none",
        "upperFundingRate": "0.005",
        "lowerFundingRate": "-0.005",
        "isPreListing": False,
        "preListingInfo": None,
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
        "displayName": "",
        "symbolType": "",
    }


HANDLERS: Final[dict[str, PublicHandler]] = {
    "/v5/market/time": server_time,
    "/v5/system/status": system_status,
    "/v5/market/instruments-info": instruments,
    "/v5/market/kline": kline,
    "/v5/market/tickers": tickers,
    "/v5/market/orderbook": order_book,
    "/v5/market/funding/history": funding_history,
    "/v5/market/risk-limit": risk_limit,
}
