"""
Stops that move in bars which were missed: the venue can only be told of a move behind the market that would have met it.

Every missed bar is decided again, those behind a gap of the stream too. A stop that such a decision moves is held back, and the
venue keeps the one it has. Where a later missed bar touches it the position would have been left there: it is left now, for
that bar, at the price of its stop. What nothing touched is brought to the venue once, with the last bar that was missed. Asked
for bar by bar, a stop that the present market is beyond would be refused, and its position taken for one that cannot be
protected. A move is held until the venue has it or the position is gone, so that what a freeze refuses is asked for again.
"""

from dataclasses import replace
from decimal import Decimal
from typing import Final

from playd.core.candles import Candle
from playd.core.instrument import Instrument
from playd.core.orders import Action, Intent, Side
from playd.engine.messages import Decision, EngineOrder, EnginePosition
from playd.engine.play_engine import PlayEngine
from playd.engine.trades import TradeRecord
from playd.orders.fills import FillEvent
from playd.supervisor.translate import CATCH_UP

EXITED: Final = "EXITED"
_LEAVES: Final = (Action.EXIT, Action.REDUCE)
_ENTRIES: Final = (Action.ENTER, Action.ADD)


def late(reason: str) -> str:
    """The reason of what a missed bar decided: the rule that fired while nobody was there, and that it is carried out now."""
    return reason if reason.startswith(CATCH_UP) else CATCH_UP + reason


def note_late(trades: list[TradeRecord], event: FillEvent) -> None:
    """The engine was told the rule of a fill, by which it decides; the record of its trade says both."""
    if event.reason.startswith(CATCH_UP):
        trades[-1] = replace(trades[-1], exit_reason=event.reason)


def _late(order: EngineOrder) -> EngineOrder:
    return replace(order, reason=late(order.reason)) if order.action in _LEAVES else order


class MissedMoves:
    """The stop of one instance while bars are missing."""

    def __init__(self) -> None:
        self._held: tuple[Decision, EngineOrder] | None = None
        """The newest move that the venue has not been told of."""
        self._entered_ms = 0
        """When the position was entered whose stop that is."""
        self._due: tuple[Decimal, int] | None = None
        """The price of a stop that was touched and is not dealt with, and the close of the bar that did."""

    @property
    def open(self) -> bool:
        """Whether something is held back."""
        return self._held is not None

    @property
    def due(self) -> bool:
        """Whether the position is to be left."""
        return self._due is not None

    def meet(self, position: EnginePosition | None, candle: Candle, close_ms: int, units: Instrument) -> None:
        """A missed minute, before it is decided: does it touch a stop that an earlier one has moved?"""
        if self.held(position) is None or self._due is not None or position is None or position.stop_ticks is None:
            return
        stop, is_long = position.stop_ticks * units.tick, position.side is Side.BUY
        if candle.low <= stop if is_long else candle.high >= stop:
            self._due = stop, close_ms

    def decided(self, decision: Decision, engine: PlayEngine, *, leaving: bool) -> Decision:
        """
        What becomes of the decision of a missed bar: `hold`, or the exit where a stop was touched and none was under way before
        it (`leaving`). Beside that exit the position is neither reduced nor added to. What leaves says that it is late.
        """
        decision = replace(decision, orders=tuple(map(_late, decision.orders)))
        kept = self.hold(decision, engine.position, engine.describe(decision.orders))
        order = engine.on_levels_refused() if self._due is not None and not leaving else None
        if order is None:
            return kept
        for each in kept.orders:
            if each.action in _ENTRIES:
                engine.on_order_ended(each.action, order.reason)
        others = tuple(each for each in kept.orders if each.action not in (*_LEAVES, *_ENTRIES))
        return replace(kept, verdict=EXITED, detail="", orders=(*others, _late(order)))

    def hold(self, decision: Decision, position: EnginePosition | None, told: str) -> Decision:
        """What a missed bar decided, without the move of its stop, which is held back; `told` says it to people."""
        if position is None:
            self.forget()
            return decision
        others = tuple(order for order in decision.orders if order.action is not Action.STOP)
        for order in decision.orders:
            if order.action is Action.STOP:
                self._held, self._entered_ms = (decision, order), position.entry_time_ms
        is_same = len(others) == len(decision.orders)
        return decision if is_same else replace(decision, orders=others, detail="" if others else told)

    def held(self, position: EnginePosition | None) -> tuple[Decision, EngineOrder] | None:
        """The move that is held back, and the decision that asked for it; of another position it is forgotten."""
        if position is None or position.entry_time_ms != self._entered_ms:
            self.forget()
        return self._held

    def refused(self, units: Instrument) -> None:
        """The venue refuses the move that is held back: the market is beyond it, so that the position is to be left."""
        if self._held is not None and self._held[1].stop_ticks is not None:
            self._due = self._held[1].stop_ticks * units.tick, self._held[0].close_ms

    def caused(self, intent: Intent) -> Intent:
        """An exit at a stop that was touched: at its price, and caused by the bar that did, whichever life decides it when."""
        if self._due is None or intent.action is not Action.EXIT:
            return intent
        price, close_ms = self._due
        return replace(intent, price_ref=price, cause=str(close_ms), reason=late(intent.reason))

    def forget(self) -> None:
        """The venue has the stop, or the position is gone."""
        self._held = self._due = None
