"""
Whether a stop was taken away or loosened that nobody asked to move: what the books plan for each share, beside the last look.

The watch over positions sees to it that the venue has the stop that is planned; this looks after the plan itself. A looser stop
must be that of an intent: a rule of the Play moved it, another entry brought it along, or a person's adoption. What is nearer
to the market needs no word, and with a position its plan ends.
"""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from playd.core.orders import IntentClass, Side
from playd.orders.desk import Desk
from playd.orders.halts import Level
from playd.orders.order_book import FOREIGN, StopAsked

_REFUSED: Final = "refused"
"""Outcome of a move that the venue did not take."""


@dataclass(frozen=True, slots=True)
class _Planned:
    """The stop of one position."""

    side: Side | None
    opened_ms: int
    stop: Decimal | None

    def is_looser_than(self, before: "_Planned") -> bool:
        """Whether this plan of the same position protects it less."""
        if (self.side, self.opened_ms) != (before.side, before.opened_ms) or before.stop is None:
            return False
        if self.stop is None:
            return True
        return self.stop < before.stop if self.side is Side.BUY else self.stop > before.stop


@dataclass(slots=True)
class _Asked:
    """What may become the plan of one share by rights."""

    since: list[StopAsked]
    """Asked for since no move was open for the last time, in any order of the clock."""
    before: set[Decimal | None]
    """Planned then, and at every look since: what a move goes back to that the venue refuses."""


class SecondStops:
    """Of one account. Every look compares with the one before; the first one of a life only takes note."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._planned: dict[tuple[str, str], _Planned] = {}
        self._asked: dict[tuple[str, str], _Asked] = {}

    def look(self) -> None:
        """Halt the symbol of every stop that protects less than at the last look, and that no intent asked for."""
        before, self._planned = self._planned, self._now()
        new: defaultdict[tuple[str, str], list[StopAsked]] = defaultdict(list)
        while self._desk.book.stops_asked:
            asked = self._desk.book.stops_asked.popleft()
            new[asked.instance, asked.symbol].append(asked)
        self._asked = {key: self._asked.get(key, _Asked([], set())) for key in self._planned}
        for (owner, symbol), planned in self._planned.items():
            earlier, asked_for = before.get((owner, symbol)), self._asked[owner, symbol]
            asked_for.since += new[owner, symbol]
            if earlier is not None and planned.is_looser_than(earlier) and not self._was_asked(asked_for, planned.stop):
                note = (
                    f"the stop of {owner} on {symbol} went from {earlier.stop} to {planned.stop or 'none'},"
                    " which nobody asked for"
                )
                self._desk.halt_symbol(symbol, Level.HALT, "INVARIANT", f"{note} (INV-16)")
            if not self._has_open_move(asked_for):
                asked_for.since, asked_for.before = [], set()
            asked_for.before.add(planned.stop)

    def _now(self) -> dict[tuple[str, str], _Planned]:
        shares = [each for each in self._desk.fills.shares() if each.position.signed_qty and each.owner != FOREIGN]
        return {(each.owner, each.symbol): _Planned(each.position.side, each.position.opened_ms, each.stop) for each in shares}

    def _was_asked(self, asked_for: _Asked, stop: Decimal | None) -> bool:
        """By an intent that was not refused; or it is what was planned before one that was, or that may be by now."""
        outcomes = [(each.stop, intent.outcome) for each in asked_for.since if (intent := self._desk.book.intent(each.intent))]
        if any(asked == stop and outcome != _REFUSED for asked, outcome in outcomes):
            return True
        return stop in asked_for.before and any(outcome in ("", _REFUSED) for _, outcome in outcomes)

    def _has_open_move(self, asked_for: _Asked) -> bool:
        """Whether anything was asked for whose answer is not there yet. Entries, whose stop counts with their fill, aside."""
        intents = [self._desk.book.intent(each.intent) for each in asked_for.since]
        return any(each is not None and each.intent_class == IntentClass.PROTECT and not each.outcome for each in intents)
