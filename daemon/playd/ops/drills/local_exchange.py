"""The exchange of a drill: its process, its admin requests, its ledger, and a hand that trades beside the daemon."""

import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from playd.core.modes import Environment
from playd.core.orders import OrderRequest, Side, VenuePosition
from playd.core.secret import Secret
from playd.core.timeframes import MINUTE_MS
from playd.ops.drills.programs import Program, until
from playd.ops.drills.report import CannotRun
from playd.orders.budget import AddressBudget
from playd.venues.bybit.environment import local_hosts, venue_account
from playd.venues.bybit.venue import BybitVenue, open_bybit_venue
from playd.venues.port import CREATE, Priority, Reply
from playd.world.ports import World

if TYPE_CHECKING:
    import aiohttp

ACCOUNT: Final = "default"
"""The account that `playd exchange serve` opens."""
HTTP_TIMEOUT_S: Final = 20.0
AT_ONCE: Final = 0.0
"""The speed of a market that does not wait."""
_PAGE: Final = 10_000
_SAID: Final = re.compile(
    r"REST +http://127\.0\.0\.1:(\d+)\n.*api key +(\S+)\napi secret +(\S+)\n.*X-Playd-Token: (\S+)\n", re.S
)


class LocalExchange:
    """`playd exchange serve` on a port that it keeps over its lives. `speed` is in market minutes per real minute."""

    def __init__(
        self, world: World, stack: AsyncExitStack, http: "aiohttp.ClientSession", directory: PurePath, seed: int
    ) -> None:
        self._world = world
        self._http = http
        self._seed = seed
        self._state = directory / "venue"
        self.program = Program(world, stack, "exchange", (), directory)
        self.terms: tuple[str, ...] = ()
        """More options of `exchange serve`: how deep its market is."""
        self.port = 0
        self.key = ""
        self.secret = ""
        self._token = ""
        self._uid = 0
        self._hand = ("", "")
        self.guardians_key = ""
        self.guardians_secret = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def named_url(self) -> str:
        """The same by a name, which has to be resolved."""
        return f"http://localhost:{self.port}"

    async def start(self, speed: float) -> None:
        """Serve by `terms`, on the port of before. Raises `CannotRun`."""
        self.program.arguments = (
            *("exchange", "serve", "--synthetic", str(self._seed), "--speed", str(speed)),
            *("--port", str(self.port), "--state", str(self._state), *self.terms),
        )

        async def ready() -> bool:
            return _SAID.search(self.program.text()) is not None

        await self.program.start(ready)
        found = _SAID.search(self.program.text())
        if found is None:
            raise CannotRun(f"the exchange said something else than its address: {self.program.text()[:300]}")
        self.port = int(found[1])
        self.key, self.secret, self._token = found[2], found[3], found[4]
        accounts = (await self.admin("GET", "accounts"))["accounts"]
        self._uid = next(row["uid"] for row in accounts if row["alias"] == ACCOUNT)
        if not self._hand[0]:
            self._hand = await self._another_key("the hand of a drill")
            self.guardians_key, self.guardians_secret = await self._another_key("the guardian")

    async def _another_key(self, note: str) -> tuple[str, str]:
        made = await self.admin("POST", "keys", {"alias": ACCOUNT, "note": note})
        return made["key"], made["secret"]

    @property
    def uid(self) -> int:
        return self._uid

    async def admin(self, method: str, path: str, body: dict[str, Any] | None = None, **query: str) -> dict[str, Any]:
        """An admin request. Raises `CannotRun` when it is refused."""
        headers = {"X-Playd-Token": self._token}
        url = f"{self.url}/playd/{path}"
        async with self._http.request(method, url, json=body, params=query, headers=headers) as reply:
            found: dict[str, Any] = await reply.json()
            if reply.status != 200:
                raise CannotRun(f"{method} /playd/{path} was answered with {reply.status}: {found}")
            return found

    async def hold(self) -> None:
        """Let the market stand still between two minutes."""
        await self.admin("POST", "market", {"held": True})
        await until(self._between_minutes, HTTP_TIMEOUT_S)

    async def release(self, speed: float) -> None:
        """Let the market go on."""
        await self.admin("POST", "market", {"held": False, "speed": speed})

    async def inside_a_minute(self) -> None:
        """
        Let the market stand in a long minute, in which orders trade at once.

        A local exchange waits between two minutes for a daemon that follows it, and a stopped one would hold up everybody.
        """
        await self.hold()  # so that the next minute begins as a long one
        await self.release(1.0)

        async def inside() -> bool:
            return bool((await self.admin("GET", "market"))["inside_candle"])

        if await until(inside, HTTP_TIMEOUT_S) is None:
            raise CannotRun("the market did not begin another minute")

    async def market_now_ms(self) -> int:
        """The market's time."""
        return int((await self.admin("GET", "market"))["market_now_ms"])

    async def pass_quickly(self, minutes: int, within_s: float) -> bool:
        """Let so many minutes pass as fast as they can, and the market stand then; whether they did."""
        end_ms = await self.market_now_ms() + minutes * MINUTE_MS
        await self.release(AT_ONCE)

        async def passed() -> bool:
            return await self.market_now_ms() >= end_ms

        found = await until(passed, within_s)
        await self.hold()
        return found is not None

    async def _between_minutes(self) -> bool:
        return not (await self.admin("GET", "market"))["inside_candle"]

    async def ledger(self) -> list[dict[str, Any]]:
        """Requests and effects of the exchange's own ledger, in their order."""
        entries = [entry for kind in ("request", "effect") for entry in await self.entries(kind)]
        return sorted(entries, key=lambda entry: int(entry["n"]))

    async def entries(self, kind: str) -> list[dict[str, Any]]:
        """Entries of one kind of the exchange's own ledger."""
        found: list[dict[str, Any]] = []
        while True:
            after = found[-1]["n"] if found else 0
            page = await self.admin("GET", "ledger", kind=kind, after=str(after), limit=str(_PAGE))
            found += page["entries"]
            if len(page["entries"]) < _PAGE:
                return found

    async def fault_hits(self) -> dict[str, int]:
        """How often each armed fault has hit by the exchange's own ledger, by its name; a lasting one is noted once."""
        hits = Counter(str(entry["name"]) for entry in await self.entries("fault"))
        return {name: hits[name] for entry in await self.entries("fault_armed") if (name := str(entry["name"]))}

    @asynccontextmanager
    async def hand(self) -> AsyncIterator["Hand"]:
        """Somebody with another key of the same account."""
        key, secret = self._hand
        account = venue_account("hand", Environment.LOCAL, local_hosts(self.port), Secret(key), Secret(secret))
        budget = AddressBudget(self._world.clock).for_account("hand")
        async with open_bybit_venue(self._world, account, budget) as port:
            yield Hand(port, budget, self._world)


class Hand:
    """What a person can do in the venue's app. Refusals raise `CannotRun`: the drill is then not what it says."""

    def __init__(self, port: BybitVenue, budget: Any, world: World) -> None:
        self._port = port
        self._budget = budget
        self._world = world

    async def position(self, symbol: str) -> VenuePosition:
        return (await self._port.positions(symbol, priority=Priority.EXIT))[0]

    async def remove_stop(self, symbol: str) -> None:
        """Take the stop away and leave the target."""
        _accepted(await self._port.set_stops(symbol, stop=Decimal(0), target=None, priority=Priority.PROTECT))

    async def set_stop(self, symbol: str, stop: Decimal) -> None:
        _accepted(await self._port.set_stops(symbol, stop=stop, target=None, priority=Priority.PROTECT))

    async def trade(self, symbol: str, side: Side, qty: Decimal, *, reduce_only: bool = False) -> str:
        """A market order; its link id."""
        return await self._send(OrderRequest(self._name(), symbol, side, qty, reduce_only=reduce_only))

    async def rest_order(self, symbol: str, side: Side, qty: Decimal, price: Decimal) -> str:
        """A limit order that waits; its link id."""
        link = self._name()
        return await self._send(OrderRequest(link, symbol, side, qty, "Limit", price, time_in_force="GTC"))

    async def cancel(self, symbol: str, link: str) -> None:
        _accepted(await self._port.cancel(symbol, link_id=link, priority=Priority.PROTECT))

    async def _send(self, order: OrderRequest) -> str:
        await self._budget.take(CREATE, Priority.EXIT)
        _accepted(await self._port.place(order))
        return order.link_id

    def _name(self) -> str:
        return f"hand-{self._world.random.token(6)}"


def _accepted(reply: Reply) -> None:
    if reply.code != 0:
        raise CannotRun(f"the exchange refused the hand: {reply}")
