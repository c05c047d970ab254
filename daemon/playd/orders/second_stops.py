"""
Whether a stop was taken away or loosened that nobody asked to move: what the books plan for each share, beside the last look.

The watch over positions sees to it that the venue has the stop that is planned; this looks after the plan itself. A looser stop
must be that of an intent: a rule of the Play moved it, another entry brought it along, or a person's adoption. What is nearer
to the market needs no word, and with a position its plan ends.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from playd.core.orders import Side
from playd.orders.desk import Desk
from playd.orders.halts import Level
from playd.orders.order_book import FOREIGN

_NEWEST: Final = 20
"""Intents of a share that may have asked for its stop: more than a Play moves it between two looks."""


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


class SecondStops:
    """Of one account. Every look compares with the one before; the first one of a life only takes note."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._planned: dict[tuple[str, str], _Planned] = {}

    def look(self) -> None:
        """Halt the symbol of every stop that protects less than at the last look, and that no intent asked for."""
        before, self._planned = self._planned, self._now()
        for (owner, symbol), planned in self._planned.items():
            earlier = before.get((owner, symbol))
            if earlier is None or not planned.is_looser_than(earlier) or self._was_asked(owner, symbol, planned.stop):
                continue
            note = (
                f"the stop of {owner} on {symbol} went from {earlier.stop} to {planned.stop or 'none'}, which nobody asked for"
            )
            self._desk.halt_symbol(symbol, Level.HALT, "INVARIANT", f"{note} (INV-16)")

    def _now(self) -> dict[tuple[str, str], _Planned]:
        shares = [each for each in self._desk.fills.shares() if each.position.signed_qty and each.owner != FOREIGN]
        return {(each.owner, each.symbol): _Planned(each.position.side, each.position.opened_ms, each.stop) for each in shares}

    def _was_asked(self, owner: str, symbol: str, stop: Decimal | None) -> bool:
        found = self._desk.ledger.rows(
            "SELECT stop FROM intents WHERE account = ? AND instance = ? AND symbol = ? AND class IN ('entry', 'protect')"
            " AND stop IS NOT NULL ORDER BY created_ms DESC LIMIT ?",
            (self._desk.alias, owner, symbol, _NEWEST),
        )
        return stop is not None and any(Decimal(row["stop"]) == stop for row in found)
