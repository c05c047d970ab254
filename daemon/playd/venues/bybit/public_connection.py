"""One public socket: some symbols' tickers and candles, asked for topic by topic, as feed events."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import anyio

from playd.core.errors import Doubtful, LinkError
from playd.market.public_feed import (
    FeedBarrier,
    FeedEnded,
    FeedEvent,
    FrameRefused,
    KlineFrame,
    SymbolRefused,
    TickerFrame,
)
from playd.venues.bybit.numbers import Row
from playd.venues.bybit.rows import candle_from_stream
from playd.venues.bybit.socket import Wire
from playd.world.ports import Clock

_ALREADY: Final = "already subscribed"

REFUSED_AGAIN_S: Final = 60.0
"""Time between two questions for a symbol that the venue has refused: it may have been the trouble of a moment."""


class PublicConnection:
    """
    A `SocketUser` with the symbols that it carries; `kline` is the beginning of their candle topics.

    `hear` gets what the venue says; `changed` is called with an empty text when every symbol is acknowledged or refused, and
    with the reason when the connection is lost. One topic per request: the venue refuses a whole request for one bad topic.
    """

    def __init__(
        self,
        clock: Clock,
        kline: str,
        hear: Callable[[FeedEvent], None],
        changed: Callable[[str], None],
        *,
        lock_step: bool,
    ) -> None:
        self.watched: dict[str, None] = {}
        self._refused: set[str] = set()
        self._clock = clock
        self._kline = kline
        self._hear = hear
        self._changed = changed
        self._lock_step = lock_step
        self._wire: Wire | None = None

    @property
    def up(self) -> bool:
        """Connected, every watched symbol acknowledged or refused, not lost since."""
        return self._wire is not None

    def has_room(self, symbol: str, characters: int) -> bool:
        """Whether so many characters of topics hold this symbol too."""
        return sum(len(topic) + 3 for each in (*self.watched, symbol) for topic in self._topics(each)) <= characters

    async def watch(self, symbol: str) -> None:
        """Carry a symbol, and subscribe to it now if connected."""
        self.watched[symbol] = None
        if self._wire is not None:
            await self._or_drop(self._wire, self._subscribe, symbol)

    async def unwatch(self, symbol: str) -> None:
        """Forget a symbol; frames on their way still arrive."""
        self.watched.pop(symbol, None)
        self._refused.discard(symbol)
        if self._wire is not None:
            await self._or_drop(self._wire, self._unsubscribe, symbol)

    async def barrier_done(self, number: int) -> None:
        """Answer a `FeedBarrier`."""
        if self._wire is not None:
            with suppress(LinkError):
                await self._wire.send({"op": "playd.barrier", "barrier": number})

    # --- SocketUser --------------------------------------------------------------------------------------------------

    async def opened(self, wire: Wire) -> None:
        asked: set[str] = set()
        while missing := [symbol for symbol in self.watched if symbol not in asked]:
            await self._subscribe_all(wire, missing)
            asked.update(missing)
        self._wire = wire
        self._changed("")
        if self._lock_step:  # last, so that no barrier overtakes the news that the connection is up
            await wire.send({"op": "playd.lockstep"})
        while True:
            await anyio.sleep(REFUSED_AGAIN_S)
            for symbol in [*self._refused]:
                if symbol in self.watched:  # asked each time: it may have been dropped while another was asked for
                    await self._subscribe(wire, symbol)

    async def frame(self, frame: Row) -> None:
        try:
            events = [*self._events_of(frame)]
        except (Doubtful, TypeError, ValueError, OverflowError) as error:
            # One symbol's nonsense is not the end of everybody's connection.
            symbol = str(frame.get("topic") or "").rpartition(".")[2]
            events = [FrameRefused(symbol, f"{type(error).__name__}: {error}"[:200], closed=False)]
        for event in events:
            self._hear(event)

    async def closed(self, reason: str) -> None:
        self._wire = None
        self._refused.clear()
        self._changed(reason)

    def _topics(self, symbol: str) -> tuple[str, str]:
        return f"tickers.{symbol}", f"{self._kline}{symbol}"

    async def _subscribe_all(self, wire: Wire, symbols: list[str]) -> None:
        """Ask for all symbols at once, so that the handshake takes one round trip and not one per topic."""
        failures: list[LinkError] = []

        async def one(symbol: str) -> None:
            try:
                await self._subscribe(wire, symbol)
            except LinkError as error:
                failures.append(error)

        async with anyio.create_task_group() as tasks:
            for symbol in symbols:
                tasks.start_soon(one, symbol)
        if failures:
            raise failures[0]

    @staticmethod
    async def _or_drop(wire: Wire, action: Callable[[Wire, str], Awaitable[None]], symbol: str) -> None:
        """A request without acknowledgement makes the connection worthless: what is subscribed is then unknown."""
        try:
            await action(wire, symbol)
        except LinkError:
            await wire.close()

    async def _unsubscribe(self, wire: Wire, symbol: str) -> None:
        for topic in self._topics(symbol):
            await wire.request("unsubscribe", [topic])

    async def _subscribe(self, wire: Wire, symbol: str) -> None:
        for topic in self._topics(symbol):
            ack = await wire.request("subscribe", [topic])
            text = str(ack.get("ret_msg"))
            if ack.get("success") is not True and _ALREADY not in text:
                if symbol not in self._refused:
                    self._refused.add(symbol)
                    self._hear(SymbolRefused(symbol, text[:200]))
                return
        self._refused.discard(symbol)

    def _events_of(self, frame: Row) -> Iterator[FeedEvent]:
        if frame.get("op") == "playd.barrier":
            yield FeedBarrier(int(frame["barrier"]))
            return
        if frame.get("op") == "playd.end":
            yield FeedEnded(int(frame["market_now_ms"]))
            return
        topic = str(frame.get("topic") or "")
        data: Any = frame.get("data")
        received_s = self._clock.mono_s()
        if topic.startswith("tickers.") and isinstance(data, dict):
            snapshot = frame.get("type") == "snapshot"
            yield TickerFrame(topic[len("tickers.") :], snapshot, data, int(frame.get("ts") or 0), received_s)
        elif topic.startswith(self._kline) and isinstance(data, list):
            for row in data:
                symbol, closed = topic[len(self._kline) :], isinstance(row, dict) and row.get("confirm") is True
                try:
                    yield KlineFrame(symbol, candle_from_stream(row), closed, received_s)
                except Doubtful as error:
                    yield FrameRefused(symbol, str(error), closed)
