"""Frames of the public topics at the moments of a candle."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from playd.core.candles import Candle
from playd.market.feed import CandleFeed
from playd.venues.exchange import klines
from playd.venues.exchange.book_stream import BOOK_DEPTHS, BookStream
from playd.venues.exchange.books import Books
from playd.venues.exchange.listing import Listing
from playd.venues.exchange.market_trades import MarketTrade
from playd.venues.exchange.rows import Row
from playd.venues.exchange.tape import Tape
from playd.venues.exchange.text import float_text
from playd.venues.exchange.topics import Topics

TRADES_PER_FRAME: Final = 1024
DAY_NUMBERS_PER_FRAME: Final = 5
"""
Symbols whose numbers of the day are made anew in one frame inside a candle: a look at 1440 candles each, which for fifty
of them would keep everybody waiting for tens of milliseconds.
"""

_SILENT: Final = frozenset({"adlAlert.USDT", "insurance.USDT"})
"""Topics that exist and on which nothing happens here: there is no fund and nobody is deleveraged."""

_OF_SYMBOL: Final = ("tickers", "publicTrade", "allLiquidation", "priceLimit")
_TICK_WORDS: Final = {1: "PlusTick", 0: "ZeroPlusTick", -1: "MinusTick"}


class PublicStreams:
    """
    What is told of the market. `wall_ms` stamps envelopes.

    Tickers are told as deltas of what was told before; what did not change is not told. The numbers of the day follow a candle
    on the next frames, some symbols at a time. Sequence numbers are market time.
    """

    def __init__(self, topics: Topics, books: Books, feed: CandleFeed, tape: Tape, wall_ms: Callable[[], int]) -> None:
        self._topics = topics
        self._books = books
        self._step_ms = feed.step_ms
        self._tape = tape
        self._wall_ms = wall_ms
        self._book = BookStream(topics, books, tape, wall_ms)
        self._told_fraction = 0.0
        self._told: dict[str, Row] = {}
        self._day_due: list[str] = []
        self.intervals = klines.offered(feed.step_ms)
        self._base = next(word for word in self.intervals if klines.end_of(word, 0) == feed.step_ms)

    def exists(self, topic: str) -> bool:
        """Whether a public socket may subscribe to `topic`."""
        name, _, rest = topic.partition(".")
        if topic in _SILENT:
            return True
        if name in _OF_SYMBOL:
            return rest in self._books.listings
        detail, _, symbol = rest.partition(".")
        allowed = self.intervals if name == "kline" else BOOK_DEPTHS if name == "orderbook" else ()
        return detail in allowed and symbol in self._books.listings

    def first_frame(self, topic: str) -> dict[str, Any] | None:
        """The snapshot that a new subscriber of `topic` gets, None for topics that begin with the next event."""
        name, _, rest = topic.partition(".")
        if name == "tickers":
            told = self._told.setdefault(topic, {**self._tape.ticker(rest), "tickDirection": _TICK_WORDS[0]})
            return self._frame(topic, "snapshot", told, cs=self._books.time.now_ms)
        if name == "orderbook":
            return self._book.first_frame(topic)
        if name == "priceLimit":
            return self._frame(topic, "snapshot", self._tape.price_limit(rest))
        return None

    def order_book(self, symbol: str, depth: int) -> Row:
        """The book for who asks by REST, numbered as that of the stream."""
        return self._book.by_rest(symbol, depth)

    def tell_move(self) -> None:
        """Prices have moved inside the candles in progress."""
        fraction = self._books.time.fraction
        of_day, self._day_due = self._day_due[:DAY_NUMBERS_PER_FRAME], self._day_due[DAY_NUMBERS_PER_FRAME:]
        for symbol, listing in self._books.listings.items():
            if listing.candle is not None:
                self._tell_price(symbol, self._tape.ticker if symbol in of_day else self._tape.quote)
                self._tell_candles_in_progress(symbol)
                self._tell_trades(listing, listing.candle, fraction)
        self._told_fraction = fraction

    def tell_close(self, candles: dict[str, Candle]) -> None:
        """
        Candles have closed: their last trades, the last price, then the candles, faster intervals before slower ones.

        The numbers of the day come next, where somebody can watch: on a market that shows its candles as they grow.
        """
        if self._told_fraction and not self._day_due:
            self._day_due = [symbol for symbol in candles if self._topics.clients(f"tickers.{symbol}")]
        for symbol, candle in candles.items():
            self._tell_trades(self._books.listings[symbol], candle, 1.0)
            self._tell_price(symbol, self._tape.quote)
            for interval in self.intervals:
                topic = f"kline.{interval}.{symbol}"
                if self._topics.clients(topic):
                    closed, confirm = self._closing(symbol, interval, candle)
                    self._topics.send(topic, self._kline_frame, interval, closed, confirm)
        self._told_fraction = 0.0

    def tell_liquidation(self, execution: Row) -> None:
        """Somebody's position was taken over. The topic names the side of the position, the execution that of its end."""
        topic = f"allLiquidation.{execution['symbol']}"
        row = {
            "T": int(execution["execTime"]),
            "s": execution["symbol"],
            "S": "Buy" if execution["side"] == "Sell" else "Sell",
            "v": execution["execQty"],
            "p": execution["execPrice"],
        }
        self._topics.send(topic, self._list_frame, [row])

    def _tell_price(self, symbol: str, row_of: Callable[[str], Row]) -> None:
        """Ticker, books and price limits; `row_of` gives the ticker's fields to compare."""
        topic = f"tickers.{symbol}"
        if self._topics.clients(topic):
            self._tell_ticker(topic, row_of(symbol))
        else:
            self._told.pop(topic, None)
        self._book.tell(symbol)
        limit = f"priceLimit.{symbol}"
        if self._topics.clients(limit):
            self._topics.send(limit, self._frame, "snapshot", self._tape.price_limit(symbol))

    def _tell_ticker(self, topic: str, row: Row) -> None:
        told = self._told[topic]
        if (rose := float(row["lastPrice"]) - float(told["lastPrice"])) != 0.0:
            row = {**row, "tickDirection": _TICK_WORDS[1 if rose > 0.0 else -1]}
        changed = {name: value for name, value in row.items() if told.get(name) != value}
        if changed:
            self._told[topic] = {**told, **changed}
            delta = {"symbol": row["symbol"], **changed}
            self._topics.send(topic, self._ticker_frame, delta)

    def _tell_candles_in_progress(self, symbol: str) -> None:
        for interval in self.intervals:
            topic = f"kline.{interval}.{symbol}"
            if self._topics.clients(topic) and (candle := self._tape.in_progress(symbol, interval)) is not None:
                self._topics.send(topic, self._kline_frame, interval, candle, False)

    def _tell_trades(self, listing: Listing, candle: Candle, until: float) -> None:
        topic = f"publicTrade.{listing.instrument.symbol}"
        if self._topics.clients(topic):
            rows = list(self._trade_rows(listing, self._tape.trades(listing, candle, self._told_fraction, until)))
            for begin in range(0, len(rows), TRADES_PER_FRAME):
                self._topics.send(topic, self._list_frame, rows[begin : begin + TRADES_PER_FRAME])

    def _closing(self, symbol: str, interval: str, base: Candle) -> tuple[Candle, bool]:
        if interval == self._base:
            return base, True
        begin_ms = klines.open_of(interval, self._books.time.open_ms)
        found = self._tape.candles(symbol, interval, begin_ms, begin_ms)
        candle = found.at(len(found) - 1)
        return candle, klines.end_of(interval, candle.open_time_ms) == base.open_time_ms + self._step_ms

    def _kline_frame(self, topic: str, interval: str, candle: Candle, confirm: bool) -> dict[str, Any]:
        end_ms = klines.end_of(interval, candle.open_time_ms)
        row: Row = {
            "start": candle.open_time_ms,
            "end": end_ms - 1,
            "interval": interval,
            "open": float_text(candle.open),
            "close": float_text(candle.close),
            "high": float_text(candle.high),
            "low": float_text(candle.low),
            "volume": float_text(candle.volume),
            "turnover": float_text(candle.volume * candle.close),
            "confirm": confirm,
            "timestamp": end_ms - 1 if confirm else self._books.time.now_ms,
        }
        return {"topic": topic, "type": "snapshot", "ts": self._wall_ms(), "data": [row]}

    def _ticker_frame(self, topic: str, row: Row) -> dict[str, Any]:
        return self._frame(topic, "delta", row, cs=self._books.time.now_ms)

    def _list_frame(self, topic: str, rows: list[Row]) -> dict[str, Any]:
        return {"topic": topic, "type": "snapshot", "ts": self._wall_ms(), "data": rows}

    def _frame(self, topic: str, kind: str, row: Row, **more: int) -> dict[str, Any]:
        return {"topic": topic, "type": kind, "data": row, **more, "ts": self._wall_ms()}

    @staticmethod
    def _trade_rows(listing: Listing, trades: Iterable[MarketTrade]) -> Iterable[Row]:
        for trade in trades:
            yield {
                "T": trade.time_ms,
                "s": listing.instrument.symbol,
                "S": trade.side,
                "v": float_text(trade.volume),
                "p": listing.price_text(trade.ticks),
                "L": _TICK_WORDS[trade.rose],
                "i": trade.trade_id,
                "BT": False,
                "RPI": False,
                "seq": trade.time_ms,
            }
