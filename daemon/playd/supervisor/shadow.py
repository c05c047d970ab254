"""
Shadow mode: an instance whose orders go to a book in memory and nowhere else. No account, no key, no connection of its own.

Fills are computed from the candles of the public feed by the matching functions. They depend on nothing but the candles, so a
shadow that was down decides the bars it missed as if it had been there, and has the trades of a backtest over the same
candles; only halts stop its entries. Ledger rows say `shadow-<uid>` where others name an account.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from playd.core.candles import Candle
from playd.core.canonical import Json
from playd.core.errors import Broken, OperatorError
from playd.core.instrument import Instrument
from playd.core.orders import Action, Execution, Intent, IntentClass, Side
from playd.core.units import text_to_units
from playd.engine.messages import EngineFill, EngineOrder
from playd.engine.shadow import ShadowBook, ShadowEvent
from playd.orders.fills import FillEvent, Fills, InstanceEvent, OrderEnded
from playd.orders.fold import unreported
from playd.orders.gates import GateInputs
from playd.orders.gateway import AMENDED, SENT, Verdict
from playd.orders.halts import Halts, Level, scopes_of
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.orders.stops import STOP_REFUSED
from playd.orders.verdicts import Verdicts
from playd.plays.model import Play
from playd.supervisor.counting import counted, recounted
from playd.supervisor.instance_ports import CANCELLED
from playd.supervisor.places import LifePort
from playd.supervisor.records import InstanceRecord
from playd.world.ports import Clock

SOURCE: Final = "shadow"
MANUAL: Final = "manual"
_DONE: Final = ("ENTERED", "EXITED", AMENDED, CANCELLED)
_STOP_ORDER_TYPE: Final = {"sl": "StopLoss", "tp": "TakeProfit"}


@dataclass(frozen=True, slots=True)
class ShadowPlace:
    """
    The place of one shadow instance. `instruments` reads the rules of symbols from the public market.

    Raises `OperatorError` from `open` when the market does not list the symbol.
    """

    play: Play
    clock: Clock
    ledger: Ledger
    halts: Halts
    incidents: Incidents
    instruments: Callable[[list[str]], Awaitable[Mapping[str, Instrument]]]

    async def ready(self) -> None:
        """Always."""

    def quote_max_age_s(self) -> None:
        """A shadow fills at candles."""

    async def open(self, record: InstanceRecord, clock_ms: int, kept: dict[str, Any]) -> tuple[LifePort, Instrument]:
        found = await self.instruments([record.symbol])
        if record.symbol not in found:
            raise OperatorError(f"the market has no {record.symbol}")
        instrument = found[record.symbol]
        units = counted(instrument, kept)
        book = ShadowBook(self.play, units, self.play.account.slippage_bps)
        port = ShadowPort(record, book, units, clock_ms, self.ledger, self.halts, self.clock)
        port.restore(kept)
        return port, instrument


class ShadowPort:
    """
    The order port of a shadow instance: orders in, events of each candle out.

    Nothing here awaits, so that what a candle does and what is kept of it are one step. Executions have names that follow from
    candle and place in it: a candle that is lived through again books nothing twice.
    """

    def __init__(
        self,
        record: InstanceRecord,
        book: ShadowBook,
        instrument: Instrument,
        clock_ms: int,
        ledger: Ledger,
        halts: Halts,
        clock: Clock,
    ) -> None:
        self.book = book
        self._record = record
        self._instrument = instrument
        self._clock_ms = clock_ms
        self._ledger = ledger
        self._halts = halts
        self._fills = Fills(ledger, clock, record.account)
        self._verdicts = Verdicts(ledger, clock)
        self._event_n = 0
        self._last: tuple[int, float] | None = None
        """Open time and close of the last candle."""
        self._send, self._receive = anyio.create_memory_object_stream[InstanceEvent]()

    @property
    def signed_qty(self) -> Decimal:
        """The position; zero when flat."""
        return self.book.signed_qty_steps * self._instrument.step

    @property
    def fills(self) -> MemoryObjectReceiveStream[InstanceEvent]:
        """Nothing arrives here: `inside` tells of everything."""
        return self._receive

    def why_ended(self) -> Exception:
        return Broken("the events of a book that has none ended")

    def dealt_with(self, n: int) -> None:
        """Nothing arrives, so nobody waits."""

    async def settled(self) -> None:
        """At once."""

    async def submit(
        self,
        intent: Intent,
        inputs: GateInputs | None = None,
        again: Callable[[], GateInputs] | None = None,
        *,
        before_ms: int | None = None,
    ) -> Verdict:
        """Put an order into the book, unless a halt or an unknown rule forbids the entry; writes the bar's verdict."""
        refusal = self._refusal(intent, inputs)
        if refusal is not None:
            self.record_verdict(intent.bar_close_ms, refusal.code, refusal.text)
            return refusal
        if not self.book.submit(self._order(intent)):
            return Verdict(STOP_REFUSED, f"the price is beyond stop {intent.stop}")
        word = {Action.ENTER: "ENTERED", Action.STOP: AMENDED, Action.CANCEL: CANCELLED}.get(intent.action, "EXITED")
        if intent.bar_close_ms:
            self.record_verdict(intent.bar_close_ms, word, intent.reason)
        self._remember_levels()
        return Verdict(word if intent.action in (Action.STOP, Action.CANCEL) else SENT)

    def deciding(self, close_ms: int, bar_digest: str) -> None:
        self._verdicts.deciding(self._record.uid, close_ms, bar_digest)

    def record_verdict(self, close_ms: int, verdict: str, detail: str, *, late: bool = False) -> bool:
        return self._verdicts.record(self._record.uid, self._clock_ms, close_ms, verdict, detail, late=late)

    @property
    def meets_present(self) -> bool:
        """No: its book goes through every missed bar with it."""
        return False

    def inside(self, candle: Candle, cash_usdt: float) -> Iterator[InstanceEvent]:
        """What a candle did to the orders and the position; before it, what a person's panic did behind the one before."""
        if self._last is not None and self._fills.known(self._exec_id(self._last[0], MANUAL)):
            yield from self._close_at_last()
        if self._level() > Level.OPEN:
            yield from self._booked(self.book.drop_entry("HALTED"), candle.open_time_ms)
        first = 0
        for events in self.book.minute(candle, cash_usdt):
            yield from self._booked(events, candle.open_time_ms, first)
            first += len(events)
        self._last = candle.open_time_ms, candle.close

    def drop_entry(self, reason: str) -> list[InstanceEvent]:
        """Take a waiting entry away."""
        return self._booked(self.book.drop_entry(reason), 0)

    def flatten(self) -> list[InstanceEvent]:
        """Take a waiting entry away and close the position at the last close."""
        return self.drop_entry("PANIC") + self._close_at_last()

    def state(self) -> dict[str, Json]:
        last_open_ms, last_close = self._last or (0, 0.0)
        return {
            "book": dict(self.book.snapshot()),
            "event_n": self._event_n,
            "last_open_ms": last_open_ms,
            "last_close": last_close.hex(),
        }

    def restore(self, kept: dict[str, Any]) -> None:
        """Continue from the state of the life before. Raises `StateError` when the book does not fit."""
        orders = kept.get("orders")
        if not orders:
            return
        self.book.restore(recounted(kept, self._instrument, orders["book"]))
        self._event_n = int(orders["event_n"])
        if orders["last_open_ms"]:
            self._last = int(orders["last_open_ms"]), float.fromhex(orders["last_close"])

    def close(self) -> None:
        self._send.close()
        self._receive.close()

    def _refusal(self, intent: Intent, inputs: GateInputs | None) -> Verdict | None:
        """Why an entry is not taken. A bar that has its verdict already gets the same again, whatever holds now."""
        if intent.intent_class is not IntentClass.ENTRY or inputs is None:
            return None
        before = self._verdicts.find(self._record.uid, self._clock_ms, intent.bar_close_ms)
        if before is not None:
            return None if before.verdict in _DONE else Verdict(before.verdict, before.detail)
        halt = self._halts.highest(*scopes_of(self._record.uid, self._record.account, self._record.symbol))
        if halt is not None:
            return Verdict("HALTED", f"{halt.scope} is at level {int(halt.level)}: {halt.text}")
        if inputs.state == "stopping":
            return Verdict("NOT_RUNNING", f"instance is {inputs.state}: {inputs.state_text}")
        if not inputs.ready:
            return Verdict("WARMING", f"column {inputs.not_ready} is not ready")
        return None

    def _level(self) -> Level:
        halt = self._halts.highest(*scopes_of(self._record.uid, self._record.account, self._record.symbol))
        return Level.OPEN if halt is None else halt.level

    def _order(self, intent: Intent) -> EngineOrder:
        """The intent in ticks and steps again."""
        tick, step = self._instrument.tick, self._instrument.step
        return EngineOrder(
            action=intent.action,
            side=intent.side,
            qty_steps=text_to_units(format(intent.qty, "f"), step),
            stop_ticks=None if intent.stop is None else text_to_units(format(intent.stop, "f"), tick),
            target_ticks=None if intent.target is None else text_to_units(format(intent.target, "f"), tick),
            price_ref=float(intent.price_ref),
            percent=100.0,
            reason=intent.reason,
            limit_ticks=None if intent.price is None else text_to_units(format(intent.price, "f"), tick),
            time_in_force=intent.time_in_force,
        )

    def _close_at_last(self) -> list[InstanceEvent]:
        if self._last is None:
            return []
        open_ms, close = self._last
        return self._booked(self.book.close(close, open_ms, MANUAL), open_ms, name=MANUAL)

    def _booked(self, events: list[ShadowEvent], open_ms: int, first: int = 0, *, name: str = "") -> list[InstanceEvent]:
        """Write what happened into the ledger, committed on return, and number it; `first` is its place in the candle."""
        told: list[InstanceEvent] = []
        for place, event in enumerate(events, first):
            self._event_n += 1
            if isinstance(event, EngineFill):
                execution = self._execution(event, self._exec_id(open_ms, name or str(place)))
                self._fills.book(execution, link=None, owner=self._record.uid, source=SOURCE)
                told.append(FillEvent(self._event_n, execution, event.action, event.reason, "", order_done=True))
            else:
                told.append(OrderEnded(self._event_n, event.action, event.reason, ""))
        if told:
            self._remember_levels()
            # Nobody is told of a fill that a crash could take back.
            self._ledger.commit()
        return told

    def _exec_id(self, open_ms: int, name: str) -> str:
        return f"{SOURCE}-{self._record.uid}-{open_ms}-{name}"

    def _execution(self, fill: EngineFill, exec_id: str) -> Execution:
        qty, price = fill.qty_steps * self._instrument.step, fill.price_ticks * self._instrument.tick
        signed_qty = qty if fill.side is Side.BUY else -qty
        return replace(
            unreported(exec_id, self._record.symbol, signed_qty, price, exec_type="Trade", time_ms=fill.time_ms),
            fee=Decimal(repr(fill.fee_usdt)),
            create_type=SOURCE,
            stop_order_type=_STOP_ORDER_TYPE.get(fill.reason, ""),
            closed_size=Decimal(0) if fill.action is Action.ENTER else qty,
            is_maker=fill.is_maker,
        )

    def _remember_levels(self) -> None:
        """Stop and target beside the position, for whoever looks."""
        tick, held = self._instrument.tick, self.book.signed_qty_steps != 0
        stop, target = self.book.stop_ticks, self.book.target_ticks
        self._fills.set_protection(
            self._record.uid,
            self._record.symbol,
            stop=stop * tick if held and stop else None,
            target=target * tick if held and target else None,
        )
