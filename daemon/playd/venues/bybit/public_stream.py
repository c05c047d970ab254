"""The public stream: tickers and candles of the watched symbols as feed events. One connection for all instances."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any, Final, NoReturn

import anyio

from playd.core.errors import Doubtful, LinkError, Refused, SettingsError
from playd.core.modes import Environment
from playd.core.timeframes import BYBIT_INTERVAL, MINUTE_MS, NAME_OF_MS
from playd.market.public_feed import (
    FeedBarrier,
    FeedDown,
    FeedEnded,
    FeedEvent,
    FeedUp,
    FrameRefused,
    KlineFrame,
    SymbolRefused,
    TickerFrame,
)
from playd.venues.bybit.environment import Hosts
from playd.venues.bybit.numbers import Row
from playd.venues.bybit.rows import candle_from_stream
from playd.venues.bybit.socket import ConnectLimiter, SocketTiming, Wire, keep_connected
from playd.world.ports import World

TOPIC_CHARACTERS: Final = 20_000
"""The venue allows 21 000 characters of topics per public connection: about 450 symbols."""

_ALREADY: Final = "already subscribed"


class BybitPublicStream:
    """
    Keeps the public socket open and implements `PublicFeed`: per symbol the topics `tickers` and `kline.<base step>`.

    One topic per request, because the venue refuses a whole request for one bad topic. `lock_step` needs a local exchange.
    """

    def __init__(
        self,
        world: World,
        environment: Environment,
        hosts: Hosts,
        *,
        step_ms: int = MINUTE_MS,
        lock_step: bool = False,
        timing: SocketTiming | None = None,
        limiter: ConnectLimiter | None = None,
    ) -> None:
        if lock_step and environment is not Environment.LOCAL:
            raise SettingsError(f"lock-step exists only on the local exchange, not on {environment}")
        self._world = world
        self._url = hosts.public
        self._lock_step = lock_step
        self._kline = f"kline.{BYBIT_INTERVAL[NAME_OF_MS[step_ms]]}."
        self._timing = timing or SocketTiming()
        self._limiter = limiter or ConnectLimiter(world.clock)
        self._hear: Callable[[FeedEvent], None] = _unheard
        self._watched: dict[str, None] = {}
        self._wire: Wire | None = None
        self._connection = 0
        self._told_down = False

    def deliver_to(self, listener: Callable[[FeedEvent], None]) -> None:
        """See `PublicFeed.deliver_to`."""
        self._hear = listener

    @property
    def up(self) -> bool:
        """Connected, every watched symbol acknowledged or refused, not lost since."""
        return self._wire is not None

    async def run(self) -> NoReturn:
        """Keep the socket open until cancelled."""
        await keep_connected(self._world, self._url, self, self._timing, self._limiter)

    async def watch(self, symbol: str) -> None:
        """Declare a symbol and subscribe to it now if connected. Raises `Refused` when the connection's topics are used up."""
        topics = sum(len(topic) + 3 for each in (*self._watched, symbol) for topic in self._topics(each))
        if topics > TOPIC_CHARACTERS:
            raise Refused(f"cannot watch {symbol}: one public connection carries {TOPIC_CHARACTERS} characters of topics")
        self._watched[symbol] = None
        if self._wire is not None:
            await self._or_drop(self._wire, self._subscribe, symbol)

    async def unwatch(self, symbol: str) -> None:
        """Forget a symbol; frames on their way still arrive."""
        self._watched.pop(symbol, None)
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
        while missing := [symbol for symbol in self._watched if symbol not in asked]:
            await self._subscribe_all(wire, missing)
            asked.update(missing)
        self._connection += 1
        self._wire = wire
        self._told_down = False
        self._hear(FeedUp(self._connection))
        if self._lock_step:  # last, so that no barrier overtakes `FeedUp`
            await wire.send({"op": "playd.lockstep"})

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
        if not self._told_down:
            self._told_down = True
            self._hear(FeedDown(reason))

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
                self._hear(SymbolRefused(symbol, text[:200]))
                return

    def _events_of(self, frame: Row) -> Iterator[FeedEvent]:
        if frame.get("op") == "playd.barrier":
            yield FeedBarrier(int(frame["barrier"]))
            return
        if frame.get("op") == "playd.end":
            yield FeedEnded(int(frame["market_now_ms"]))
            return
        topic = str(frame.get("topic") or "")
        data: Any = frame.get("data")
        received_s = self._world.clock.mono_s()
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


def _unheard(event: FeedEvent) -> None:
    """The listener of a feed that nobody listens to yet."""
