"""What one instance sees of its account: submit intents, receive events, look at its own share. Nothing else."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
from anyio.streams.memory import MemoryObjectReceiveStream

from playd.core.candles import Candle
from playd.core.canonical import Json
from playd.core.errors import Broken, PlaydError
from playd.core.limits import FILLS_PER_INSTANCE
from playd.core.orders import Action, Intent, IntentClass
from playd.orders.desk import Desk
from playd.orders.fills import InstanceEvent, Share
from playd.orders.gates import GateInputs
from playd.orders.gateway import FLAT, FROZEN, Instance, Verdict

if TYPE_CHECKING:
    from playd.orders.account import Account


async def backlog_of(desk: Desk, uid: str, after: int) -> list[InstanceEvent]:
    """
    Events of an instance behind number `after`, all of them published. Read in parts, between which others trade: it may be all
    that years have brought. Nothing is awaited behind the last part.
    """
    events = list[InstanceEvent]()
    while True:
        desk.publish()
        part = [event for _, event in desk.fills.outbox(after, uid, FILLS_PER_INSTANCE)]
        events += part
        if len(part) < FILLS_PER_INSTANCE:
            return events
        after = part[-1].n
        await anyio.lowlevel.checkpoint()


class AccountEnded(PlaydError):
    """The account of an instance has ended and is opened again; whatever ended it, the instance did not."""


class InstancePort:
    """
    Obtained from `Account.register`; the instance closes it.

    `fills` yields `FillEvent`, `OrderEnded`, `FundingEvent` in ledger order, each once: first those behind the `after`
    given at registration, then new ones. Say `dealt_with` of each, and await `settled` before deciding a bar. The stream ends
    when the instance fell too far behind; the instance must then restart and register again.
    """

    def __init__(
        self, account: "Account", instance: Instance, forget: Callable[[str], None], backlog: Sequence[InstanceEvent]
    ) -> None:
        """`backlog` is what happened before; it has room of its own, because it would be as long in every other life."""
        self._account = account
        self._instance = instance
        self._forget = forget
        self._send, self._receive = anyio.create_memory_object_stream[InstanceEvent](len(backlog) + FILLS_PER_INSTANCE)
        self._told_n = 0
        self._dealt_n = 0
        self._closed = False
        self._progress = anyio.Event()
        for event in backlog:
            self.deliver(event)

    @property
    def name(self) -> str:
        """The instance's name."""
        return self._instance.name

    @property
    def fills(self) -> MemoryObjectReceiveStream[InstanceEvent]:
        """Events of this instance, for one consumer."""
        return self._receive

    async def submit(
        self,
        intent: Intent,
        inputs: GateInputs | None = None,
        again: Callable[[], GateInputs] | None = None,
        *,
        before_ms: int | None = None,
    ) -> Verdict:
        """
        Decide about and send one intent of this instance; returns when the first answer is known. See `Verdict`.

        Entries (`ENTRY`) pass the gates, which need `inputs` and also write the bar's verdict; `again` tells the same of a
        later moment, for an entry that has to wait. Exits (`EXIT`) are driven to their end in the background, and so is the
        cancel of a resting entry (`CANCEL`). `STOP` intents (`PROTECT`) move stop and target of the open position, `TARGET`
        intents let its target rest as a limit order. Raises `RecordError` when the ledger cannot be written: the process must
        end.

        A bar that was missed or is decided again long after, or a fill that is told again, may mean what is over. What is on
        record of it is answered; a new exit closes nothing that was opened or adopted from `before_ms` on, new levels are not
        set for it, and both are `FLAT`. An exit that a freeze held when its bar was first decided is `FROZEN` for good, and
        levels do not take the place of later ones (`STOP_UNSET`).
        """
        if intent.instance_uid != self._instance.uid or intent.symbol != self._instance.symbol:
            raise ValueError(f"intent of {intent.instance_uid} on {intent.symbol} is not {self._instance}'s")
        if intent.intent_class is IntentClass.ENTRY and inputs is not None:
            return await self._account.gateway.submit_entry(intent, inputs, self._instance, again)
        if intent.action is Action.TARGET:
            return await self._account.targets.submit(intent, self._instance)
        if intent.action is Action.CANCEL:
            return await self._account.cancels.submit(intent, self._instance)
        if before_ms is not None and (over := self._over(intent, before_ms)) is not None:
            if intent.bar_close_ms:
                self.record_verdict(intent.bar_close_ms, over.code, over.text)
            return over
        if intent.intent_class is IntentClass.EXIT:
            return await self._account.exits.submit(intent, self._instance)
        if intent.action is Action.STOP:
            return await self._account.stops.submit(intent, self._instance)
        raise ValueError(f"an instance cannot submit {intent.intent_class}/{intent.action}")

    def _over(self, intent: Intent, before_ms: int) -> Verdict | None:
        """Why a new exit, or new levels, must not meet what came since, by an instance that has not come that far yet."""
        desk, instance = self._account.desk, self._instance
        if self._account.gateway.known(intent) is not None:
            return None
        opened_ms = self.position().position.opened_ms
        if opened_ms and max(opened_ms, desk.fills.adopted_ms(instance.uid)) >= before_ms:
            return Verdict(FLAT, "the position that it was decided about is over")
        if intent.action is Action.STOP:
            return self._account.stops.replaced(intent, before_ms)
        first = desk.verdicts.find(instance.uid, instance.clock_ms, intent.bar_close_ms)
        if first is not None and first.verdict == FROZEN:
            return Verdict(FROZEN, "a freeze held it when its bar was first decided")
        return None

    def deciding(self, close_ms: int, bar_digest: str) -> None:
        """The verdict of this close is about to be written, by whoever ends the decision; it bears the bar's digest."""
        self._account.desk.verdicts.deciding(self._instance.uid, close_ms, bar_digest)

    def record_verdict(self, close_ms: int, verdict: str, detail: str, *, late: bool = False) -> bool:
        """Store the verdict of a closed bar for which nothing was submitted. False if the bar has one already."""
        return self._account.desk.verdicts.record(
            self._instance.uid, self._instance.clock_ms, close_ms, verdict, detail, late=late
        )

    @property
    def meets_present(self) -> bool:
        """Yes: the venue is where it is, whatever bar is decided."""
        return True

    def inside(self, candle: Candle, cash_usdt: float) -> Sequence[InstanceEvent]:
        """Nothing: what happened inside a candle, the venue reports."""
        return ()

    def state(self) -> dict[str, Json]:
        """Nothing: the ledger knows everything."""
        return {}

    def position(self) -> Share:
        """This instance's own share of its symbol."""
        return self._account.desk.fills.share(self._instance.uid, self._instance.symbol)

    def working(self) -> Decimal:
        """Quantity of this instance's entries that may still execute."""
        rows = self._account.desk.book.live(self._instance.symbol)
        return sum((row.open_qty for row in rows if row.owner == self._instance.uid and not row.reduce_only), Decimal(0))

    def why_ended(self) -> Exception:
        """Why `fills` ended: the account is gone, or more waited for the instance than there is room."""
        if self._account.ended:
            return AccountEnded(f"account {self._account.alias} has ended and is opened again")
        return Broken(f"{self.name} fell behind: more than {FILLS_PER_INSTANCE} events waited for it")

    def dealt_with(self, n: int) -> None:
        """The instance says that nothing up to event `n` waits to be applied, orders that such an event asks for included."""
        self._dealt_n = n
        self._tell_progress()

    async def settled(self) -> None:
        """Return once the instance has dealt with everything it was told before this call, or is gone."""
        told_n = self._told_n
        while self._dealt_n < told_n and not self._closed:
            await self._progress.wait()

    def deliver(self, event: InstanceEvent) -> None:
        """Called by the account after the commit that made the event true. Never blocks, never drops."""
        try:
            self._send.send_nowait(event)
        except anyio.WouldBlock:
            # A lost fill would be worse than a restart: the instance asks again for everything behind its saved number.
            self.end()
        else:
            self._told_n = event.n

    def end(self) -> None:
        """Called by the account: what is waiting can still be received, then the stream ends."""
        self._forget(self._instance.uid)
        self._send.close()

    def close(self) -> None:
        """Called by the instance when it stops. Working orders stay; they are the account's."""
        self.end()
        self._receive.close()
        self._closed = True
        self._tell_progress()

    def _tell_progress(self) -> None:
        told, self._progress = self._progress, anyio.Event()
        told.set()
