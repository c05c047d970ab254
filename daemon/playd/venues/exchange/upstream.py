"""A venue's public stream as a market of our own: its socket and what is asked of it by REST."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn
from urllib.parse import urlsplit

from playd.core.errors import LinkError, SettingsError, VenueError
from playd.core.modes import Environment
from playd.venues.bybit.environment import REGIONS, Hosts, default_hosts, local_hosts
from playd.venues.bybit.numbers import Row
from playd.venues.bybit.socket import ConnectLimiter, SocketTiming, Wire, keep_connected
from playd.world.ports import World

MAINNET: Final = "mainnet"
TESTNET: Final = "testnet"


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a market comes from. `simulated` is a local exchange, whose time is its own."""

    name: str
    hosts: Hosts
    simulated: bool


def upstream_of(text: str) -> Upstream:
    """`mainnet`, `testnet`, a region of the venue, or the REST address of a local exchange. Raises `SettingsError`."""
    if text == TESTNET:
        return Upstream(text, default_hosts(Environment.TESTNET), simulated=False)
    if text == MAINNET or text in REGIONS:
        return Upstream(text, default_hosts(Environment.LIVE, "global" if text == MAINNET else text), simulated=False)
    parts = urlsplit(text)
    if parts.scheme != "http" or parts.hostname != "127.0.0.1" or not parts.port:
        expected = (
            f"{MAINNET}, {TESTNET}, {', '.join(REGIONS)} or the address of a local exchange such as http://127.0.0.1:9700"
        )
        raise SettingsError(f"found {text!r} as a source, expected {expected}")
    return Upstream(text, local_hosts(parts.port), simulated=True)


class UpstreamSocket:
    """
    The public socket of an upstream, kept connected and subscribed. `hear` gets every frame with a topic, `opened` is called
    after each handshake, when frames flow already, and fetches what was missed before; `lost` hears why a connection ended.
    """

    def __init__(
        self,
        world: World,
        upstream: Upstream,
        topics: Sequence[Sequence[str]],
        *,
        hear: Callable[[Row], None],
        opened: Callable[[], Awaitable[None]],
        lost: Callable[[str], None],
        timing: SocketTiming | None = None,
    ) -> None:
        self._world = world
        self._upstream = upstream
        self._topics = topics
        self._hear = hear
        self._opened = opened
        self._lost = lost
        self._timing = timing or SocketTiming()

    async def run(self) -> NoReturn:
        """Keep the socket open until cancelled. What `hear` raises costs the connection; a `RecordError` comes out."""
        limiter = ConnectLimiter(self._world.clock)
        await keep_connected(self._world, self._upstream.hosts.public, self, self._timing, limiter)

    async def opened(self, wire: Wire) -> None:
        for group in self._topics:
            ack = await wire.request("subscribe", [*group])
            if ack.get("success") is not True:
                raise LinkError(f"{', '.join(group)}: {ack.get('ret_msg')}")
        try:
            await self._opened()
        except VenueError as error:
            raise LinkError(f"what was missed cannot be read: {error}") from None

    async def frame(self, frame: Row) -> None:
        if "topic" in frame:
            self._hear(frame)

    async def closed(self, reason: str) -> None:
        self._lost(reason)
