"""The public stream: tickers and candles of the watched symbols as feed events. One set of connections for all instances."""

from collections.abc import Callable
from typing import Final, NoReturn

import anyio
from anyio.abc import TaskGroup

from playd.core.errors import Refused, SettingsError
from playd.core.modes import Environment
from playd.core.timeframes import BYBIT_INTERVAL, MINUTE_MS, NAME_OF_MS
from playd.market.public_feed import FeedDown, FeedEvent, FeedUp
from playd.venues.bybit.environment import Hosts
from playd.venues.bybit.public_connection import PublicConnection
from playd.venues.bybit.socket import ConnectLimiter, SocketTiming, keep_connected
from playd.world.ports import World

TOPIC_CHARACTERS: Final = 20_000
"""The venue allows 21 000 characters of topics per public connection: about 450 symbols."""


class BybitPublicStream:
    """
    Keeps public sockets open and implements `PublicFeed`: per symbol the topics `tickers` and `kline.<base step>`.

    Symbols go to the first connection whose `topic_characters` hold them, or open one more. The feed is up when every
    connection is; it goes down with the first that is lost. `lock_step` needs a local exchange, and all symbols on one socket.
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
        topic_characters: int = TOPIC_CHARACTERS,
    ) -> None:
        if lock_step and environment is not Environment.LOCAL:
            raise SettingsError(f"lock-step exists only on the local exchange, not on {environment}")
        self._world = world
        self._url = hosts.public
        self._lock_step = lock_step
        self._kline = f"kline.{BYBIT_INTERVAL[NAME_OF_MS[step_ms]]}."
        self._timing = timing or SocketTiming()
        self._limiter = limiter or ConnectLimiter(world.clock)
        self._characters = topic_characters
        self._listener: Callable[[FeedEvent], None] = _unheard
        self._connections = [self._connection()]
        self._tasks: TaskGroup | None = None
        self._ups = 0
        self._told_down = False

    def deliver_to(self, listener: Callable[[FeedEvent], None]) -> None:
        """See `PublicFeed.deliver_to`."""
        self._listener = listener

    @property
    def up(self) -> bool:
        """Connected, every watched symbol acknowledged or refused, not lost since."""
        return all(connection.up for connection in self._connections)

    async def run(self) -> NoReturn:
        """Keep the sockets open until cancelled."""
        async with anyio.create_task_group() as self._tasks:
            for connection in self._connections:
                self._tasks.start_soon(self._keep, connection)
            await anyio.sleep_forever()
        raise AssertionError("sleeping for ever has ended")

    async def watch(self, symbol: str) -> None:
        """Declare a symbol and subscribe to it now if connected. Raises `Refused` when one socket must hold all and cannot."""
        if self._carrier(symbol) is not None:
            return
        chosen = next((each for each in self._connections if each.has_room(symbol, self._characters)), None)
        if chosen is None:
            if self._lock_step:
                raise Refused(f"cannot watch {symbol}: in lock-step one connection carries {self._characters} characters")
            chosen = self._connection()
            self._connections.append(chosen)
            if self._tasks is not None:
                self._tasks.start_soon(self._keep, chosen)
        await chosen.watch(symbol)

    async def unwatch(self, symbol: str) -> None:
        """Forget a symbol; frames on their way still arrive."""
        carrier = self._carrier(symbol)
        if carrier is not None:
            await carrier.unwatch(symbol)

    async def barrier_done(self, number: int) -> None:
        """Answer a `FeedBarrier`."""
        await self._connections[0].barrier_done(number)

    def _connection(self) -> PublicConnection:
        return PublicConnection(self._world.clock, self._kline, self._hear, self._changed, lock_step=self._lock_step)

    def _carrier(self, symbol: str) -> PublicConnection | None:
        return next((each for each in self._connections if symbol in each.watched), None)

    async def _keep(self, connection: PublicConnection) -> None:
        await keep_connected(self._world, self._url, connection, self._timing, self._limiter)

    def _hear(self, event: FeedEvent) -> None:
        self._listener(event)

    def _changed(self, reason: str) -> None:
        """A connection came up, or was lost for a reason."""
        if reason:
            if not self._told_down:
                self._told_down = True
                self._hear(FeedDown(reason))
        elif self.up:
            self._told_down = False
            self._ups += 1
            self._hear(FeedUp(self._ups))


def _unheard(event: FeedEvent) -> None:
    """The listener of a feed that nobody listens to yet."""
