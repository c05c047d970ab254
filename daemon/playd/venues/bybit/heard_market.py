"""
A market as its public frames tell it: trades, candles and tickers of some symbols, turned into candles whose way is known.

Pure: the same frames give the same candles, whether they come from a socket or from a file.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from playd.core.candles import Candle
from playd.core.errors import Doubtful
from playd.core.timeframes import BYBIT_INTERVAL, NAME_OF_MS
from playd.market.walk import WalkedCandle, Walker
from playd.venues.bybit.numbers import Row, decimal, integer, objects, optional_decimal
from playd.venues.bybit.rows import candle_from_stream

MARK: Final = "MarkPrice"
INDEX: Final = "IndexPrice"
_OTHERS: Final = {"markPrice": MARK, "indexPrice": INDEX}


class HeardMarket:
    """
    What was heard of a market: of these symbols, or of every one when none are named. `simulated` says that its time is that of
    its candles, not that of its envelopes.

    Last prices come from trades and candles, mark and index from tickers, and so do the rates of coming funding stamps.
    """

    def __init__(self, symbols: Sequence[str], step_ms: int, *, simulated: bool) -> None:
        self.now_ms = 0
        self.passed_ms = 0
        """The time up to which its way has been gone along, set by who follows it: what is heard later lies behind that."""
        self.rates: dict[tuple[str, int], float] = {}
        self._all = not symbols
        self._step_ms = step_ms
        self._simulated = simulated
        self._kline = f"kline.{BYBIT_INTERVAL[NAME_OF_MS[step_ms]]}."
        self._last: dict[str, Walker] = {}
        self._others: dict[str, dict[str, Walker]] = {}
        self._told: set[str] = set()
        self._tickers: dict[str, dict[str, Any]] = {}
        for symbol in symbols:
            self._add(symbol)

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self._last)

    def topics(self, symbol: str) -> tuple[str, str, str]:
        """What must be listened to for a symbol."""
        return f"publicTrade.{symbol}", f"{self._kline}{symbol}", f"tickers.{symbol}"

    def hear(self, frame: Row) -> None:
        """Take one frame; what is no frame of these symbols is nothing. Raises `Doubtful` for one that cannot be read."""
        topic, data = str(frame.get("topic") or ""), frame.get("data")
        symbol, makes = topic.rpartition(".")[2], topic.startswith(("publicTrade.", self._kline, "tickers."))
        if self._all and makes and symbol not in self._last:
            self._add(symbol)
        if symbol not in self._last or not makes:
            return
        if not self._simulated:
            self._come_to(integer(frame, "ts"))
        if topic.startswith("publicTrade.") and isinstance(data, list):
            for row in objects(data):
                self._trade(symbol, row)
        elif topic.startswith(self._kline) and isinstance(data, list):
            self._told.add(symbol)
            for row in objects(data):
                self.hear_candle(symbol, candle_from_stream(row), integer(row, "timestamp"), closed=row.get("confirm") is True)
        elif topic.startswith("tickers.") and isinstance(data, dict):
            self._ticker(symbol, data)

    def hear_candle(self, symbol: str, candle: Candle, time_ms: int, *, closed: bool) -> None:
        """A candle as it stood at `time_ms`."""
        self._come_to(time_ms)
        self._last[symbol].candle(candle, self._ahead(candle.open_time_ms, time_ms), closed=closed)

    def last(self, symbol: str) -> float | None:
        """The newest price, None before the first one."""
        return self._last[symbol].last

    def walked(self, symbol: str, open_ms: int) -> WalkedCandle | None:
        """A candle with mark and index beside it, as far as it was heard; None before the first price."""
        beside = {kind: walker.walked(open_ms) for kind, walker in self._others[symbol].items()}
        return self._last[symbol].walked(open_ms, {kind: candle for kind, candle in beside.items() if candle is not None})

    def has(self, symbol: str, open_ms: int) -> bool:
        """Whether anything was heard of a candle."""
        return self._last[symbol].has(open_ms)

    def is_closed(self, symbol: str, open_ms: int) -> bool:
        """Whether the last word about a candle was heard."""
        return self._last[symbol].is_closed(open_ms)

    def tells_candles(self, symbol: str) -> bool:
        """Whether a frame with a candle was heard, so that a candle without its last word was not heard to its end."""
        return symbol in self._told

    def opens(self, symbol: str) -> list[int]:
        """Opens of the candles of which anything was heard and not forgotten, rising."""
        return self._last[symbol].opens()

    def forget(self, before_ms: int) -> None:
        """Drop candles that open before that."""
        for walker in self._walkers():
            walker.forget(before_ms)

    def _add(self, symbol: str) -> None:
        self._last[symbol] = Walker(self._step_ms)
        self._others[symbol] = {kind: Walker(self._step_ms) for kind in _OTHERS.values()}

    def _walkers(self) -> Iterator[Walker]:
        for symbol in self.symbols:
            yield self._last[symbol]
            yield from self._others[symbol].values()

    def _come_to(self, time_ms: int) -> None:
        self.now_ms = max(self.now_ms, time_ms)

    def _ahead(self, open_ms: int, time_ms: int) -> int:
        """Where in its candle something of `time_ms` is put: not where the way has been gone along."""
        return min(max(time_ms, self.passed_ms + 1), open_ms + self._step_ms - 1)

    def _trade(self, symbol: str, row: Row) -> None:
        price, volume, time_ms = float(decimal(row, "p")), float(decimal(row, "v")), integer(row, "T")
        if price <= 0.0 or volume < 0.0 or time_ms <= 0:
            raise Doubtful(f"trade of {symbol} is not readable: {str(dict(row))[:100]}")
        self._come_to(time_ms)
        placed_ms = self._ahead(time_ms - time_ms % self._step_ms, time_ms)
        self._last[symbol].trade(placed_ms, price, volume, bought=row.get("S") == "Buy")

    def _ticker(self, symbol: str, data: dict[str, Any]) -> None:
        """A missing field has not changed."""
        merged = self._tickers.setdefault(symbol, {})
        merged.update(data)
        for name, kind in _OTHERS.items():
            price = optional_decimal(data, name)
            if price and self.now_ms:
                placed_ms = self._ahead(self.now_ms - self.now_ms % self._step_ms, self.now_ms)
                self._others[symbol][kind].trade(placed_ms, float(price))
        rate, stamp_ms = optional_decimal(merged, "fundingRate"), integer(merged, "nextFundingTime")
        if rate is not None and stamp_ms:
            self.rates[symbol, stamp_ms] = float(rate)
