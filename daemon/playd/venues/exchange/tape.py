"""The market's past and present as clients may see it: closed candles, the one in progress, the ticker, the order book."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from playd.core.candles import Candle, Candles
from playd.core.orders import Side
from playd.core.timeframes import DAY_MS, MINUTE_MS
from playd.market.feed import CandleFeed
from playd.venues.exchange import klines, liquidity, path
from playd.venues.exchange.books import Books
from playd.venues.exchange.listing import Listing
from playd.venues.exchange.market_trades import TRADES_PER_CANDLE, VOLUME_DIGITS, MarketTrade, trades
from playd.venues.exchange.rows import Row
from playd.venues.exchange.text import float_text, plain
from playd.venues.exchange.words import INDEX_PRICE, LAST_PRICE

BOOK_LEVELS: Final = 1000
_WIDER: Final = 4
"""How much wider the search for enough candles becomes when gaps hid some."""


class Tape:
    """Views of a feed up to the market time of the books."""

    def __init__(self, books: Books, feed: CandleFeed) -> None:
        self._books = books
        self._feed = feed
        self._closed_parts: dict[tuple[str, str], tuple[int, Candle | None]] = {}

    @property
    def closed_until_ms(self) -> int:
        """Every candle that opens before this has closed."""
        time = self._books.time
        return time.open_ms if time.inside else time.open_ms + self._feed.step_ms

    def candles(self, symbol: str, interval: str, start_ms: int, end_ms: int, kind: str = LAST_PRICE) -> Candles:
        """Candles of `interval` of a price that open in `[start_ms, end_ms]`, the last one perhaps in progress."""
        start_ms = max(start_ms, self._feed.first_ms)
        begin_ms = klines.open_of(interval, start_ms)
        if begin_ms < start_ms:
            begin_ms = klines.end_of(interval, begin_ms)
        stop_ms = klines.end_of(interval, klines.open_of(interval, min(end_ms, self._books.time.now_ms)))
        closed = self._feed.candles(symbol, begin_ms, min(stop_ms, self.closed_until_ms))
        prices = self._books.terms.prices
        if prices is not None and kind != LAST_PRICE:
            closed = prices.series(kind, closed)
        present = self.present(symbol, kind)
        if present is not None and begin_ms <= present.open_time_ms < stop_ms:
            closed = _with(closed, present)
        return klines.roll_up(closed, interval) if len(closed) else closed

    def latest(self, symbol: str, interval: str, start_ms: int, end_ms: int, limit: int, kind: str = LAST_PRICE) -> Candles:
        """The last `limit` candles that open in `[start_ms, end_ms]`, however wide the gaps between them are."""
        first_ms = max(start_ms, self._feed.first_ms)
        span_ms = limit * klines.longest_ms(interval)
        while True:
            found = self.candles(symbol, interval, max(first_ms, end_ms - span_ms), end_ms, kind)
            if len(found) >= limit or end_ms - span_ms <= first_ms:
                return found.places(max(len(found) - limit, 0), len(found))
            span_ms *= _WIDER

    def earliest(self, symbol: str, interval: str, start_ms: int, limit: int, kind: str = LAST_PRICE) -> Candles:
        """The first `limit` candles that open at `start_ms` or later."""
        now_ms = self._books.time.now_ms
        span_ms = limit * klines.longest_ms(interval)
        while True:
            found = self.candles(symbol, interval, start_ms, min(start_ms + span_ms, now_ms), kind)
            if len(found) >= limit or start_ms + span_ms >= now_ms:
                return found.places(0, limit)
            span_ms *= _WIDER

    def present(self, symbol: str, kind: str = LAST_PRICE) -> Candle | None:
        """The base candle in progress as far as it has gone."""
        candle, fraction = self._books.listings[symbol].candle_of(kind), self._books.time.fraction
        if candle is None:
            return None
        so_far = path.part(candle, 0.0, fraction)
        high, low, close = (self._traded(symbol, price) for price in (so_far.high, so_far.low, so_far.close))
        volume = round(path.volume_at(candle, fraction), VOLUME_DIGITS)
        return Candle(candle.open_time_ms, so_far.open, high, low, close, volume)

    def in_progress(self, symbol: str, interval: str) -> Candle | None:
        """The candle of `interval` in progress, None between two base candles. Its closed part is rolled up once a minute."""
        present = self.present(symbol)
        if present is None:
            return None
        begin_ms = klines.open_of(interval, present.open_time_ms)
        earlier = self._closed_part(symbol, interval, begin_ms, present.open_time_ms)
        if earlier is None:
            return present
        high, low = max(earlier.high, present.high), min(earlier.low, present.low)
        return Candle(earlier.open_time_ms, earlier.open, high, low, present.close, earlier.volume + present.volume)

    def _closed_part(self, symbol: str, interval: str, begin_ms: int, until_ms: int) -> Candle | None:
        """The base candles that open in `[begin_ms, until_ms)` as one."""
        if begin_ms == until_ms:
            return None
        known = self._closed_parts.get((symbol, interval))
        if known is None or known[0] != until_ms:
            found = klines.roll_up(self._feed.candles(symbol, begin_ms, until_ms), interval)
            known = self._closed_parts[symbol, interval] = until_ms, found.at(0) if len(found) else None
        return known[1]

    def shown_ticks(self, symbol: str) -> tuple[int, int]:
        """Best bid and ask. Where no depth is configured they say all of the book."""
        listing = self._books.listings[symbol]
        return listing.shown_ticks(Side.BUY), listing.shown_ticks(Side.SELL)

    def _traded(self, symbol: str, price: float) -> float:
        return self._books.listings[symbol].traded(price)

    def quote(self, symbol: str) -> Row:
        """The fields of a ticker that change with the price."""
        listing = self._books.listings[symbol]
        last = float_text(self._traded(symbol, listing.last))
        return {
            "symbol": symbol,
            "lastPrice": last,
            "markPrice": float_text(self._traded(symbol, listing.mark)),
            "indexPrice": float_text(self._traded(symbol, listing.price_of(INDEX_PRICE))),
            **self._offers(symbol),
            "nextFundingTime": str(self.next_funding_ms(listing)),
        }

    def _offers(self, symbol: str) -> Row:
        """The first level of either side of the book; empty where nothing is left on one."""
        row = {}
        for name, levels in self._levels(symbol, 1).items():
            (row[f"{name}1Price"], row[f"{name}1Size"]), *_ = [*levels, ("", "")]
        return row

    def ticker(self, symbol: str) -> Row:
        """The whole ticker. Open interest does not exist here and is zero."""
        listing, now_ms = self._books.listings[symbol], self._books.time.now_ms
        rules = listing.instrument
        day = self._feed.candles(symbol, now_ms - DAY_MS, self.closed_until_ms)
        day_ago = float(day.open[0]) if len(day) else listing.last
        hour = day.between(now_ms - 60 * MINUTE_MS, now_ms)
        high, low = (float(day.high.max()), float(day.low.min())) if len(day) else (listing.last, listing.last)
        return {
            **self.quote(symbol),
            "prevPrice24h": float_text(day_ago),
            "price24hPcnt": f"{listing.last / day_ago - 1.0:.6f}",
            "highPrice24h": float_text(max(high, listing.last)),
            "lowPrice24h": float_text(min(low, listing.last)),
            "prevPrice1h": float_text(float(hour.open[0]) if len(hour) else listing.last),
            "openInterest": "0",
            "openInterestValue": "0",
            "singleOpenInterest": "0",
            "singleOpenInterestValue": "0",
            "turnover24h": f"{float((day.volume * day.close).sum()):.4f}",
            "volume24h": f"{float(day.volume.sum()):.4f}",
            "fundingRate": float_text(self._feed.funding_rate(symbol, self.next_funding_ms(listing)) or 0.0),
            "fundingIntervalHour": f"{rules.funding_interval_min / 60:g}",
            "fundingCap": "0.005",
            "preOpenPrice": "",
            "preQty": "",
            "curPreListingPhase": "",
        }

    def recent_trades(self, symbol: str, limit: int) -> list[MarketTrade]:
        """The last `limit` trades of the market in order, back to the begin of the feed."""
        listing = self._books.listings[symbol]
        found: list[MarketTrade] = []
        if listing.candle is not None:
            found = list(self.trades(listing, listing.candle, 0.0, self._books.time.fraction))
        candles = self.latest_closed(symbol, -(-limit // TRADES_PER_CANDLE) + 1)
        earlier = [trade for index in range(len(candles)) for trade in self.trades(listing, candles.at(index), 0.0, 1.0)]
        return (earlier + found)[-limit:]

    def trades(self, listing: Listing, candle: Candle, begin: float, end: float) -> Iterator[MarketTrade]:
        """The market's trades after the fraction `begin` of a base candle up to `end`."""
        return trades(listing, candle, self._feed.step_ms, begin, end)

    def price_limit(self, symbol: str) -> Row:
        """Highest buy and lowest sell price of limit orders."""
        listing = self._books.listings[symbol]
        highest, lowest = (liquidity.limit_edge(listing, side) for side in (Side.BUY, Side.SELL))
        return {"symbol": symbol, "buyLmt": listing.price_text(highest), "sellLmt": listing.price_text(lowest)}

    def latest_closed(self, symbol: str, count: int) -> Candles:
        """The last closed base candles, fewer where the series has gaps."""
        end_ms = self.closed_until_ms
        return self._feed.candles(symbol, max(end_ms - count * self._feed.step_ms, self._feed.first_ms), end_ms)

    def next_funding_ms(self, listing: Listing) -> int:
        """The next funding stamp after now."""
        every_ms = listing.instrument.funding_interval_min * MINUTE_MS
        return (self._books.time.now_ms // every_ms + 1) * every_ms

    def order_book(self, symbol: str, depth: int) -> dict[str, Any]:
        """
        Bids below the last price, asks above it. Where no depth is configured every level holds the largest market order there
        may be, because that is how matching works then: whole orders at one price.
        """
        levels = self._levels(symbol, min(depth, BOOK_LEVELS))
        return {"s": symbol, "b": levels["bid"], "a": levels["ask"], "seq": self._books.time.now_ms}

    def _levels(self, symbol: str, depth: int) -> dict[str, list[list[str]]]:
        """The levels of bids and asks, best first."""
        listing, (bid, ask) = self._books.listings[symbol], self.shown_ticks(symbol)
        return {"bid": self._side(listing, Side.SELL, bid, depth), "ask": self._side(listing, Side.BUY, ask, depth)}

    def _side(self, listing: Listing, taker: Side, best: int, depth: int) -> list[list[str]]:
        """The levels that takers of one side meet, as texts of price and size."""
        if self._books.terms.depth is not None:
            found = liquidity.levels(self._books, listing, taker, best)[:depth]
            return [[listing.price_text(ticks), listing.qty_text(steps)] for ticks, steps in found if ticks > 0]
        direction, size = 1 if taker is Side.BUY else -1, plain(listing.instrument.max_market_qty)
        prices = (best + direction * level * listing.ticks_apart for level in range(depth))
        return [[listing.price_text(ticks), size] for ticks in prices if ticks > 0]


def _with(candles: Candles, last: Candle) -> Candles:
    """Candles with one more at the end."""
    return Candles(
        candles.symbol,
        candles.step_ms,
        np.append(candles.open_time_ms, last.open_time_ms),
        np.append(candles.open, last.open),
        np.append(candles.high, last.high),
        np.append(candles.low, last.low),
        np.append(candles.close, last.close),
        np.append(candles.volume, last.volume),
    )
