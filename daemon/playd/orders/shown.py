"""
Positions as the venue last showed them, each side of a symbol in hedge mode for itself.

The books have one position per symbol. What a hand holds there on both sides at once makes up for itself in them, and not at
the venue, which asks for margin on both. Nothing of ours is ever open in hedge mode.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Final

from playd.core.orders import VenuePosition
from playd.orders.exposure import LONG, SHORT

LIST_LAG_S: Final = 2.0
"""So far a list may lag behind the stream. Where it lacks what was streamed so shortly before its request, it says nothing."""

_ZERO: Final = Decimal(0)


class Shown:
    """
    Of one account. What the private stream and complete lists show comes here; the venue is not asked for it. `booked_seq` is
    the venue's newest sequence number that is booked, by symbol.
    """

    def __init__(self, booked_seq: Mapping[str, int]) -> None:
        self._booked_seq = booked_seq
        self._seen: dict[str, dict[int, VenuePosition]] = {}
        self._streamed_s: dict[tuple[str, int], float] = {}
        self.version: dict[str, int] = {}
        """How often a side of each symbol in hedge mode changed its size: a list that was read meanwhile says nothing of it."""

    def take(self, position: VenuePosition, streamed_s: float = -math.inf) -> None:
        """
        One reading, and when the stream brought it, in monotonic seconds, unless a list did. What is older than the newest of
        its side says nothing; a mode is changed while the symbol is flat.
        """
        symbol, idx = position.symbol, position.position_idx
        sides = self._seen.setdefault(symbol, {})
        before = sides.get(idx)
        if before is not None and 0 < position.seq < before.seq:
            return
        if idx and position.signed_qty != (_ZERO if before is None else before.signed_qty):
            self.version[symbol] = self.version.get(symbol, 0) + 1
        sides[idx] = position
        self._streamed_s[symbol, idx] = max(streamed_s, self._streamed_s.get((symbol, idx), -math.inf))
        if position.signed_qty:
            self._seen[symbol] = {each: seen for each, seen in sides.items() if bool(each) is bool(idx)}

    def take_all(self, positions: Sequence[VenuePosition], moved: Collection[str], asked_s: float) -> None:
        """
        A complete list of open positions, asked for at `asked_s` in monotonic seconds, but for symbols that `moved` while it
        was read: what it lacks is flat, unless the stream showed it a moment before.
        """
        there = {(each.symbol, each.position_idx) for each in positions}
        there |= {place for place, streamed_s in self._streamed_s.items() if streamed_s > asked_s - LIST_LAG_S}
        for symbol, sides in self._seen.items():
            if symbol not in moved:
                self._seen[symbol] = {idx: seen for idx, seen in sides.items() if (symbol, idx) in there}
        for position in positions:
            if position.symbol not in moved:
                self.take(position)

    def mark(self, symbol: str) -> Decimal | None:
        """The mark with which a position of the symbol was last shown, whoever holds it; None where none was."""
        return max((each.mark_price for each in self._seen.get(symbol, {}).values() if each.mark_price > 0), default=None)

    def side(self, symbol: str, idx: int) -> VenuePosition | None:
        """The newest reading of one position; None where there is none."""
        return self._seen.get(symbol, {}).get(idx)

    def hedged(self, symbol: str) -> bool:
        """Whether a side of the symbol was last shown open in hedge mode."""
        return any(idx and each.signed_qty for idx, each in self._seen.get(symbol, {}).items())

    def sides(self, symbol: str, booked: Decimal) -> dict[int, Decimal]:
        """
        What others hold of a symbol, signed, by position index; `booked` is what the books have left of it. What is booked and
        in no reading yet counts on the side that it makes larger; a reading that is as new as the books needs nothing of them.
        """
        seen = self._seen.get(symbol, {})
        if not any(seen):
            return {0: booked} if booked else {}
        long, short = (seen[idx].signed_qty if idx in seen else _ZERO for idx in (LONG, SHORT))
        is_late = max(each.seq for each in seen.values()) < self._booked_seq.get(symbol, 0)
        late = booked - long - short if is_late else _ZERO
        held = {LONG: long + max(_ZERO, late), SHORT: short + min(_ZERO, late)}
        return {idx: signed for idx, signed in held.items() if signed}

    def held(self, booked: Mapping[str, Decimal]) -> list[tuple[str, int, Decimal]]:
        """All that others hold, as (symbol, position index, signed quantity); `booked` is what is left of each symbol."""
        hedged = {symbol for symbol, seen in self._seen.items() if any(seen)}
        return [
            (symbol, idx, signed)
            for symbol in sorted(booked.keys() | hedged)
            for idx, signed in self.sides(symbol, booked.get(symbol, _ZERO)).items()
        ]
