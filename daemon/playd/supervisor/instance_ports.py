"""
What an EngineInstance needs of the world: closed bars, a place for its orders, and what the supervisor knows on its behalf.

Whoever gives it one of these imports this file and not the instance.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from anyio.streams.memory import MemoryObjectReceiveStream

from playd.core.candles import Candle, Candles
from playd.core.canonical import Json
from playd.core.orders import Intent
from playd.engine.messages import EngineOrder
from playd.market.bars import ClosedBar
from playd.orders.cancels import CANCELLING
from playd.orders.fills import InstanceEvent
from playd.orders.gates import GateInputs
from playd.orders.gateway import AMENDED, REJECTED, SENT, UNKNOWN, Verdict
from playd.plays.column_image import ColumnImage
from playd.plays.columns import Columns
from playd.supervisor.corrections import Corrected

TAKEN: Final = (SENT, UNKNOWN, REJECTED, AMENDED, CANCELLING)
"""Verdicts after which the order path tells the rest of the story as events; after every other one nothing was sent."""

CANCELLED: Final = "CANCELLED"
"""Verdict of a port at which a cancelled entry is gone at once, so that no event will tell of its end."""

Again = Callable[[], GateInputs]


class OrderPort(Protocol):
    """Where intents go and events come from: an account, or the book of shadow mode."""

    @property
    def fills(self) -> MemoryObjectReceiveStream[InstanceEvent]:
        """Events of this instance behind the number it registered with, in order, each once."""
        ...

    @property
    def meets_present(self) -> bool:
        """Whether its orders meet the market of now, whatever bar is decided; not where missed bars are lived through."""
        ...

    def why_ended(self) -> Exception:
        """What a life ends with whose `fills` have ended."""
        ...

    def dealt_with(self, n: int) -> None:
        """The engine knows of event `n`, or keeps it for its bar, and orders it asked for are sent."""
        ...

    async def settled(self) -> None:
        """Return once everything that arrived in `fills` is dealt with."""
        ...

    async def submit(
        self, intent: Intent, inputs: GateInputs | None = None, again: Again | None = None, *, before_ms: int | None = None
    ) -> Verdict:
        """`inputs` now, and `again` later, of what may enter; a new exit or stop meets nothing opened from `before_ms` on."""
        ...

    def deciding(self, close_ms: int, bar_digest: str) -> None:
        """The bar whose decision is carried out next; its verdict bears this digest."""
        ...

    def record_verdict(self, close_ms: int, verdict: str, detail: str, *, late: bool = False) -> bool:
        """Write the verdict of a bar that sends nothing; False when the bar has one."""
        ...

    def inside(self, candle: Candle, cash_usdt: float) -> Iterable[InstanceEvent]:
        """
        What a closed candle did to the orders where that is computed here; a venue reports it through `fills`.

        Each event is to be dealt with, orders it asks for included, before the next is taken.
        """
        ...

    def state(self) -> dict[str, Json]:
        """What must be kept beside the engine's state; empty where the ledger knows everything."""
        ...


class BarSource(Corrected, Protocol):
    """Closed bars in unbroken order, as `market.subscription` gives them, and corrections of them."""

    @property
    def waiting(self) -> bool:
        """Whether a further bar is there already, so that the one received last is not of the present market."""
        ...

    async def receive(self) -> ClosedBar:
        """The next bar. Raises `anyio.EndOfStream` when a replayed market is over."""
        ...

    def done(self, close_ms: int) -> None:
        """Every bar that closes up to `close_ms` has been dealt with."""
        ...


@dataclass(frozen=True, slots=True)
class Decided:
    """
    One decision and what became of it, for people: status, journal, log.

    `order` is the one of its action; a stop that moves beside it says less. `next_ms` is the earliest time at which the gate
    that refused may let an entry pass, None where nobody knows.
    """

    close_ms: int
    verdict: str
    detail: str
    late: bool
    order: EngineOrder | None
    next_ms: int | None = None


class Surroundings(Protocol):
    """What the supervisor knows on behalf of an instance."""

    def gate_inputs(self, bar: ClosedBar, *, ready: bool, not_ready: str) -> GateInputs:
        """The state of instance and market at this moment."""
        ...

    async def fresh_quote(self) -> None:
        """Return when the quote is as good as it gets: at once, but where an entry is priced by one that is too old."""
        ...

    async def history(self, start_ms: int, end_ms: int) -> Candles | None:
        """Closed candles that open in `[start_ms, end_ms)` as the venue has them now; None when it does not answer."""
        ...

    def image(self) -> ColumnImage | None:
        """What columns can be built anew from instead of from the anchor; older than any candle that is still corrected."""
        ...

    def rewarmed(self) -> None:
        """The columns stand on corrected candles."""
        ...

    async def turn(self, *, late: bool) -> None:
        """Return when no other instance computes in this turn of the loop; a `late` bar lets those of this moment go first."""
        ...

    def bar_taken(self, bar: ClosedBar) -> None:
        """A bar is about to be processed."""
        ...

    def bar_computed(self) -> None:
        """Columns and decision of the bar just taken are there; nobody else could do anything meanwhile."""
        ...

    def decided(self, decided: Decided) -> None:
        """An execution bar has its verdict."""
        ...

    def event_taken(self, event: InstanceEvent) -> None:
        """The engine knows of a fill, an order's end or funding."""
        ...

    def caught_up(self) -> None:
        """No bar is missing any more."""
        ...

    def market_ended(self) -> None:
        """A replayed market has no more bars."""
        ...

    def save(self, state: Callable[[], dict[str, Json]], *, now: bool) -> None:
        """Keep what `state` says; may be put off for up to a second, and is then asked again, unless `now`."""
        ...

    def columns_moved(self, columns: Columns, open_ms: int) -> None:
        """The columns have the bar that opens then, and nothing is half dealt with: the moment to keep an image of them."""
        ...
