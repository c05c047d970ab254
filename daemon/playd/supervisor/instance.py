"""
An EngineInstance: one Play, fed with closed bars and events of its orders, handing out intents.

It holds no socket, no file and no clock. What it needs of the world arrives through `Surroundings`, its orders leave through
an `OrderPort`, and its whole memory is the engine, the number of the last event it dealt with and the last bar.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final, cast

import anyio

from playd.core.candles import Candles
from playd.core.canonical import Json
from playd.core.errors import Broken
from playd.core.instrument import Instrument
from playd.core.orders import Action, Side
from playd.engine.messages import Decision, EngineOrder
from playd.engine.play_engine import PlayEngine
from playd.market.bars import ClosedBar
from playd.orders.fills import FillEvent, FundingEvent, InstanceEvent, OrderEnded
from playd.orders.gates import GateInputs
from playd.orders.gateway import FROZEN
from playd.orders.stops import STOP_REFUSED
from playd.plays.column_image import ColumnImage
from playd.supervisor.corrections import Corrections
from playd.supervisor.counting import RulesMoved, units_of
from playd.supervisor.inbox import Inbox
from playd.supervisor.instance_ports import CANCELLED, TAKEN, BarSource, Decided, OrderPort, Surroundings
from playd.supervisor.loading import columns_anew
from playd.supervisor.missed_moves import MissedMoves, note_late
from playd.supervisor.resting_target import RestingTarget
from playd.supervisor.translate import ADOPTED, Identity, adopted_of, bar_digest, fill_of, intent_of, intent_of_fill

CORRECTED: Final = "of corrected candles"
_ENTRIES: Final = (Action.ENTER, Action.ADD)
_MEND_WITHIN_S: Final = 1.0


class EngineInstance:
    """
    One life of an instance, from a warm engine to its end.

    `last_open_ms` is the last bar the engine has seen (in its history or decided), `event_n` the last event it dealt with.
    `at_rest`: nothing is half dealt with, so that `state` may be kept.
    Cancellation: safe at any await; the ledger and the kept state tell the next life the rest.
    """

    def __init__(
        self,
        identity: Identity,
        engine: PlayEngine,
        port: OrderPort,
        around: Surroundings,
        *,
        anchor_ms: int,
        last_open_ms: int,
        event_n: int,
    ) -> None:
        self.identity = identity
        self.engine = engine
        self.anchor_ms = anchor_ms
        self.last_open_ms = last_open_ms
        self.event_n = event_n
        self.last_decided: Decided | None = None
        self.caught_up = False
        self._missed_until_ms = 0
        self._in_bar = False
        self._moves: deque[tuple[FillEvent, EngineOrder]] = deque()
        """Levels measured from fills that are not at the venue yet."""
        self._bringing = anyio.Lock()
        self._missed = MissedMoves()
        self._target = RestingTarget(identity, engine, port.submit)
        self._port = port
        self._around = around
        self._inbox = Inbox()
        self._moved = anyio.Event()
        self._step_ms = identity.base_step_ms
        self._corrections = Corrections(
            history=around.history,
            image=around.image,
            build=self._columns_anew,
            take_over=self._rewarm,
            last_ms=lambda: self.last_open_ms,
            busy=lambda: self._in_bar,
        )

    @property
    def at_rest(self) -> bool:
        """Whether no bar and no fill is half dealt with."""
        return not self._in_bar and not self._moves and not self._missed.open

    @property
    def port(self) -> OrderPort:
        """Where its orders go."""
        return self._port

    def rules_are(self, rules: Instrument) -> None:
        """What the venue says of the symbol. Other units or funding times than this life knows end it with `RulesMoved`."""
        asked = self.identity.asked
        if (rules.tick, rules.step, rules.funding_interval_min) != (asked.tick, asked.step, asked.funding_interval_min):
            self._moved.set()

    def take_now(self, events: Sequence[InstanceEvent]) -> None:
        """Tell the engine what a person did to its orders between two bars, and keep the state at once."""
        for event in events:
            self._apply(event)
        self._around.save(self.state, now=True)

    async def run(self, bars: BarSource, *, missed_until_ms: int) -> None:
        """
        Process bars and events until cancelled. Raises whatever the engine or the order path could not survive.

        Missed bars, up to the one that opens at `missed_until_ms`, come first, marked late; events of that time are merged
        between them by market time. With the last of them the instance has caught up.
        """
        self._around.save(self.state, now=True)
        self._missed_until_ms = missed_until_ms
        if missed_until_ms <= self.last_open_ms:
            self._catch_up_ended()
        async with anyio.create_task_group() as group:
            group.start_soon(self._until_rules_move, name=f"{self.identity.name} rules")
            group.start_soon(self._take_events, name=f"{self.identity.name} events")
            group.start_soon(self._target.run, name=f"{self.identity.name} target")
            group.start_soon(self._corrections.hear, bars, name=f"{self.identity.name} corrections")
            group.start_soon(
                self._corrections.mend_in_time, self.anchor_ms, self._step_ms, name=f"{self.identity.name} columns"
            )
            await self._port.settled()
            if self.caught_up:
                # The life before may have ended between a fill and the target that rests for it.
                await self._target.bring(bar_closed=True)
            while (bar := await _next(bars)) is not None:
                await self._around.turn(late=bar.late)
                # A bar never overtakes a fill that was delivered before it.
                await self._port.settled()
                self._corrections.note(bars.take_revisions())
                if self._corrections.open:
                    # No entry is sent while one is open; exits must not wait for a venue that does not answer.
                    with anyio.move_on_after(_MEND_WITHIN_S):
                        await self._corrections.mend(self.anchor_ms, self._step_ms)
                await self._on_bar(bar, is_newest=not bars.waiting)
                bars.done(self.last_open_ms + self._step_ms)
            self._around.market_ended()
            # The position stays at the venue; its events are still welcome.
            await anyio.sleep_forever()

    def state(self) -> dict[str, Json]:
        """Everything the next life needs, as JSON: `restore_into` of a fresh engine with `state()["engine"]`."""
        return {
            "uid": self.identity.uid,
            "name": self.identity.name,
            "play_digest": self.identity.play_digest,
            "anchor_ms": self.anchor_ms,
            "last_open_ms": self.last_open_ms,
            "event_n": self.event_n,
            "units": units_of(self.identity.instrument),
            "engine": cast("Json", self.engine.snapshot()),
            "orders": self._port.state(),
        }

    async def _until_rules_move(self) -> None:
        await self._moved.wait()
        raise RulesMoved(f"the venue changed tick, step or funding times of {self.identity.symbol}")

    async def _take_events(self) -> None:
        async for event in self._port.fills:
            self._inbox.put(event)
            if self.caught_up:
                self._apply_all()
                await self._bring_levels()
                await self._target.bring(bar_closed=False)
            self._port.dealt_with(event.n)
        raise self._port.why_ended()

    async def _on_bar(self, bar: ClosedBar, *, is_newest: bool) -> None:
        self._in_bar = True
        self._follow(bar)
        for happened in self._port.inside(bar.candle, self.engine.cash_usdt):
            self._apply(happened)
            await self._bring_levels()
        close_ms = bar.candle.open_time_ms + self._step_ms
        while (event := self._inbox.due(close_ms, expecting=self.engine.order_pending)) is not None:
            self._apply(event)
        if not bar.late and not self.caught_up:
            self._catch_up_ended()
        if self.caught_up:
            self._apply_all()
        await self._bring_levels()
        self._around.bar_taken(bar)
        missed = not self.caught_up or bar.late or not is_newest or self._missed.open
        missed, leaving = missed and self._port.meets_present, self.engine.leaving
        if missed:
            self._missed.meet(self.engine.position, bar.candle, close_ms, self.identity.instrument)
        decision = self.engine.on_bar(bar.candle)
        self._around.bar_computed()
        self.last_open_ms = bar.candle.open_time_ms
        if decision is not None:
            if missed:
                decision = self._missed.decided(decision, self.engine, leaving=leaving)
            await self._carry_out(decision, bar)
        if not self.caught_up and self.last_open_ms >= self._missed_until_ms:
            # The next bar may be a minute away: exits and events need not wait for it.
            self._catch_up_ended()
            self._apply_all()
            await self._bring_levels()
        if self.caught_up and is_newest:
            await self._bring_missed()
        if self.caught_up:
            await self._target.bring(bar_closed=True)
        self._in_bar = False
        if self.at_rest:
            self._around.save(self.state, now=False)
            self._around.columns_moved(self.engine.columns, self.last_open_ms)

    async def _columns_anew(self, candles: Candles, image: ColumnImage | None) -> ColumnImage:
        return await columns_anew(self.engine.columns, candles, image, partial(self._around.turn, late=True))

    def _rewarm(self, candles: Candles, image: ColumnImage) -> None:
        self.engine.rewarm(candles, image)
        self._around.rewarmed()

    def _catch_up_ended(self) -> None:
        self.caught_up = True
        self._around.caught_up()

    def _follow(self, bar: ClosedBar) -> None:
        """Bars come in order, each once; candles that the venue does not have are simply absent."""
        if bar.candle.open_time_ms <= self.last_open_ms:
            raise Broken(f"bar {bar.candle.open_time_ms} came after bar {self.last_open_ms}")

    async def _carry_out(self, decision: Decision, bar: ClosedBar) -> None:
        """Submit what was decided, first refusal first; write the bar's verdict."""
        verdict, refused, next_ms = decision.verdict, "", None
        self._port.deciding(decision.close_ms, bar_digest(self.engine.columns))
        for order in decision.orders:
            intent = self._missed.caused(intent_of(self.identity, decision, order))
            if order.action in _ENTRIES and order.limit_ticks is None:
                await self._around.fresh_quote()
            look = partial(self._inputs, decision, order, bar)
            # Behind a gap, too, the present position may have come after this bar.
            before_ms = decision.close_ms if bar.late or not self.caught_up else None
            answer = await self._port.submit(intent, look(), look, before_ms=before_ms)
            if answer.code == CANCELLED:
                self.engine.on_order_ended(Action.ENTER, "cancelled")
            elif answer.code not in TAKEN:
                verdict, refused = answer.code, answer.words
                next_ms = answer.refusal.next_ms if answer.refusal is not None else None
                self.engine.on_order_ended(order.action, answer.code)
        if not decision.orders:
            self._port.record_verdict(decision.close_ms, verdict, decision.detail, late=bar.late)
        detail = refused or (self.engine.describe(decision.orders) if decision.orders else decision.detail)
        told = decision.orders[-1] if decision.orders else None
        self.last_decided = Decided(decision.close_ms, verdict, detail, bar.late, told, next_ms)
        self._around.decided(self.last_decided)

    def _inputs(self, decision: Decision, order: EngineOrder, bar: ClosedBar) -> GateInputs:
        """What the gates are told of this moment."""
        not_ready = self._not_ready(decision, order)
        return self._around.gate_inputs(bar, ready=not not_ready, not_ready=not_ready)

    def _not_ready(self, decision: Decision, order: EngineOrder) -> str:
        """Why an entry must not be sent whatever the gates say; empty when it may."""
        is_entry = order.action in _ENTRIES
        return CORRECTED if is_entry and self._corrections.open else _unknown_rule(decision, order)

    async def _bring_levels(self) -> None:
        """Bring the levels of fills to the venue. Where the price is beyond the stop already, the position is left at once."""
        if not self._moves:
            return
        # Bars and events both come here: whoever comes second must not take a submission under way for one that is done.
        async with self._bringing:
            while self._moves:
                event, order = self._moves[0]
                # Told again, a fill may be of a position that is over; the present one is none of its business.
                before_ms = None if self.caught_up else event.execution.time_ms + 1
                answer = await self._port.submit(intent_of_fill(self.identity, event, order), before_ms=before_ms)
                leaving = self.engine.on_levels_refused() if answer.code == STOP_REFUSED else None
                if leaving is not None:
                    await self._port.submit(intent_of_fill(self.identity, event, leaving), before_ms=before_ms)
                self._moves.popleft()

    async def _bring_missed(self) -> None:
        """Once everything that was missed is decided: bring a stop that moved meanwhile to the venue, or leave at it."""
        held = self._missed.held(self.engine.position)
        if held is None or self.engine.leaving:
            return
        decision, order = held
        if self._missed.due:
            await self._leave_missed(decision)
            return
        # No plan behind a refusal: what leaves here is no position that cannot be protected.
        answer = await self._port.submit(replace(intent_of(self.identity, decision, order), bar_close_ms=0))
        if answer.code == STOP_REFUSED:
            self._missed.refused(self.identity.instrument)
            await self._leave_missed(replace(decision, close_ms=0))
        elif answer.code != FROZEN:
            self._missed.forget()

    async def _leave_missed(self, decision: Decision) -> None:
        """What is refused is decided again with the next bar, until the position is gone."""
        order = self.engine.on_levels_refused()
        if order is None:
            return
        answer = await self._port.submit(self._missed.caused(intent_of(self.identity, decision, order)))
        if answer.code not in TAKEN:
            self.engine.on_order_ended(order.action, answer.code)

    def _apply_all(self) -> None:
        for event in self._inbox.take_all():
            self._apply(event)

    def _apply(self, event: InstanceEvent) -> None:
        if event.n <= self.event_n:
            return
        match event:
            case FillEvent(reason=reason) if reason == ADOPTED:
                self.engine.adopt(adopted_of(self.identity, event))
            case FillEvent():
                levels = self.engine.on_fill(fill_of(self.identity, event))
                note_late(self.engine.trades, event)
                self._missed.held(self.engine.position)
                self._target.note_fill(event)
                if levels is not None:
                    self._moves.append((event, levels))
            case OrderEnded(action=action, reason=reason):
                self.engine.on_order_ended(action, reason)
            case FundingEvent(amount_usdt=amount):
                self.engine.on_funding(float(amount))
        self.event_n = event.n
        self._around.event_taken(event)


async def _next(bars: BarSource) -> ClosedBar | None:
    try:
        return await bars.receive()
    except anyio.EndOfStream:
        return None


def _unknown_rule(decision: Decision, order: EngineOrder) -> str:
    """The entry rule behind an order when it is neither true nor false at this close; empty when it is known."""
    rule = "entry_long" if order.side is Side.BUY else "entry_short"
    is_unknown = order.action is Action.ENTER and math.isnan(decision.signals.get(rule, math.nan))
    return rule if is_unknown else ""
