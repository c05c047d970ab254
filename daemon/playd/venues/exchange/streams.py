"""Who listens to which topic, and the frames of the public topics."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson

from playd.core.candles import Candle
from playd.market.feed import CandleFeed
from playd.venues.exchange import klines
from playd.venues.exchange.books import Books
from playd.venues.exchange.changes import Frame
from playd.venues.exchange.rows import Row
from playd.venues.exchange.socket import Client
from playd.venues.exchange.tape import Tape
from playd.venues.exchange.text import float_text

PRIVATE_TOPICS: Final = frozenset(
    name + category for name in ("order", "execution", "position", "wallet") for category in ("", ".linear")
)
BOOK_DEPTHS: Final = ("1", "50")


class Topics:
    """Clients by topic. An unused topic has no entry, so that asking costs one lookup."""

    def __init__(self) -> None:
        self._clients: dict[str, list[Client]] = {}

    def add(self, topic: str, client: Client) -> None:
        self._clients.setdefault(topic, []).append(client)
        client.topics.add(topic)

    def remove(self, topic: str, client: Client) -> None:
        client.topics.discard(topic)
        clients = self._clients.get(topic, [])
        if client in clients:
            clients.remove(client)
        if not clients:
            self._clients.pop(topic, None)

    def drop(self, client: Client) -> None:
        """Forget a client that is gone."""
        for topic in sorted(client.topics):
            self.remove(topic, client)

    def clients(self, topic: str) -> list[Client]:
        return self._clients.get(topic, [])

    def send(self, topic: str, build: Callable[..., dict[str, Any]], *details: object) -> None:
        """Queue the frame `build(topic, *details)`, if anybody listens."""
        clients = self._clients.get(topic)
        if clients:
            text = orjson.dumps(build(topic, *details))
            for client in clients:
                client.send_bytes(text)


def send_private(topics: Topics, frames: Iterable[Frame]) -> None:
    """Private frames to the sockets of their users, in order."""
    for frame in frames:
        text = b""
        for client in (*topics.clients(frame.topic), *topics.clients(f"{frame.topic}.linear")):
            if client.uid == frame.uid:
                text = text or orjson.dumps(
                    {"id": frame.frame_id, "topic": frame.topic, "creationTime": frame.creation_ms, "data": frame.data}
                )
                client.told = True
                client.send_bytes(text)


class PublicStreams:
    """Frames of the public topics at the moments of a candle. `wall_ms` stamps envelopes."""

    def __init__(self, topics: Topics, books: Books, feed: CandleFeed, tape: Tape, wall_ms: Callable[[], int]) -> None:
        self._topics = topics
        self._books = books
        self._step_ms = feed.step_ms
        self._tape = tape
        self._wall_ms = wall_ms
        self._told_fraction = 0.0
        self.intervals = klines.offered(feed.step_ms)
        self._base = next(word for word in self.intervals if klines.end_of(word, 0) == feed.step_ms)

    def exists(self, topic: str) -> bool:
        """Whether a public socket may subscribe to `topic`."""
        name, _, rest = topic.partition(".")
        if name in ("tickers", "publicTrade"):
            return rest in self._books.listings
        detail, _, symbol = rest.partition(".")
        allowed = self.intervals if name == "kline" else BOOK_DEPTHS if name == "orderbook" else ()
        return detail in allowed and symbol in self._books.listings

    def first_frame(self, topic: str) -> dict[str, Any] | None:
        """The snapshot that a new subscriber of `topic` gets, None for topics that begin with the next event."""
        name, _, rest = topic.partition(".")
        if name == "tickers":
            return self._ticker_frame(topic, "snapshot", self._tape.ticker(rest))
        if name == "orderbook":
            depth, _, symbol = rest.partition(".")
            return self._book_frame(topic, symbol, int(depth))
        return None

    def tell_move(self) -> None:
        """Prices have moved inside the candles in progress."""
        for symbol, listing in self._books.listings.items():
            if listing.candle is not None:
                self._tell_price(symbol)
                self._tell_candles_in_progress(symbol)
                self._topics.send(f"publicTrade.{symbol}", self._trade_frame, symbol)
        self._told_fraction = self._books.time.fraction

    def tell_close(self, candles: dict[str, Candle]) -> None:
        """Candles have closed: the last price first, then the candles, faster intervals before slower ones."""
        for symbol, candle in candles.items():
            self._tell_price(symbol)
            for interval in self.intervals:
                topic = f"kline.{interval}.{symbol}"
                if self._topics.clients(topic):
                    closed, confirm = self._closing(symbol, interval, candle)
                    self._topics.send(topic, self._kline_frame, interval, closed, confirm)
        self._told_fraction = 0.0

    def _tell_price(self, symbol: str) -> None:
        self._topics.send(f"tickers.{symbol}", self._delta_frame, symbol)
        for depth in BOOK_DEPTHS:
            self._topics.send(f"orderbook.{depth}.{symbol}", self._book_frame, symbol, int(depth))

    def _tell_candles_in_progress(self, symbol: str) -> None:
        for interval in self.intervals:
            topic = f"kline.{interval}.{symbol}"
            if self._topics.clients(topic):
                candle = self._in_progress(symbol, interval)
                self._topics.send(topic, self._kline_frame, interval, candle, False)

    def _closing(self, symbol: str, interval: str, base: Candle) -> tuple[Candle, bool]:
        if interval == self._base:
            return base, True
        candle = self._in_progress(symbol, interval)
        return candle, klines.end_of(interval, candle.open_time_ms) == base.open_time_ms + self._step_ms

    def _in_progress(self, symbol: str, interval: str) -> Candle:
        begin_ms = klines.open_of(interval, self._books.time.open_ms)
        found = self._tape.candles(symbol, interval, begin_ms, begin_ms)
        return found.at(len(found) - 1)

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

    def _delta_frame(self, topic: str, symbol: str) -> dict[str, Any]:
        return self._ticker_frame(topic, "delta", self._tape.quote(symbol))

    def _ticker_frame(self, topic: str, kind: str, row: Row) -> dict[str, Any]:
        return {"topic": topic, "type": kind, "data": row, "cs": self._books.counter, "ts": self._wall_ms()}

    def _book_frame(self, topic: str, symbol: str, depth: int) -> dict[str, Any]:
        book = self._tape.order_book(symbol, depth)
        return {"topic": topic, "type": "snapshot", "ts": self._wall_ms(), "data": book, "cts": self._books.time.now_ms}

    def _trade_frame(self, topic: str, symbol: str) -> dict[str, Any]:
        """One trade that stands for the volume since the last frame."""
        listing, time = self._books.listings[symbol], self._books.time
        candle = listing.candle
        volume = candle.volume * max(time.fraction - self._told_fraction, 0.0) if candle else 0.0
        row: Row = {
            "T": time.now_ms,
            "s": symbol,
            "S": "Buy" if candle and candle.close >= candle.open else "Sell",
            "v": float_text(round(volume, 8)),
            "p": float_text(listing.last),
            "L": "ZeroPlusTick",
            "i": f"{symbol}-{time.now_ms}",
            "BT": False,
            "RPI": False,
            "seq": self._books.counter,
        }
        return {"topic": topic, "type": "snapshot", "ts": self._wall_ms(), "data": [row]}
