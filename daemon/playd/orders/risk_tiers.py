"""The risk tiers of the symbols in use: what margin a position needs that is so large. They are read one symbol at a time."""

import math
from contextlib import suppress
from typing import Final

from playd.core.errors import LinkError, VenueError
from playd.core.modes import Environment
from playd.orders.desk import Desk

_AGAIN_S: Final = 60.0
"""Time to the next try where they could not be read, or where nothing is judged by them yet."""


class RiskTiers:
    """Of one account. Until they are read the gates take the most that any tier may ask for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._due_s: dict[str, float] = {}
        self._needed_from_s = 0.0
        """Before this moment nobody asks again whether anything is judged by them."""

    def next(self) -> str:
        """
        The symbol whose tiers are due for the longest time, one that was never read before all others; empty while none is, and
        while nothing on this account is judged by them.
        """
        desk, now_s = self._desk, self._desk.clock.mono_s()
        if now_s < self._needed_from_s:
            return ""
        due = [symbol for symbol in desk.instruments if now_s >= self._due_s.get(symbol, now_s)]
        if not due:
            return ""
        if desk.environment is Environment.LOCAL and not desk.weighs_exposure:
            self._needed_from_s = now_s + _AGAIN_S
            return ""
        return min(due, key=lambda symbol: self._due_s.get(symbol, -math.inf))

    async def read(self, symbol: str) -> None:
        """Read them. What cannot be read, or is said to be none at all, stays as it was and is asked for in a minute again."""
        desk = self._desk
        pause_s = _AGAIN_S
        with suppress(VenueError, LinkError):
            if tiers := await desk.port.risk_tiers(symbol):
                desk.tiers[symbol] = tiers
                pause_s = desk.settings.rules_every_s
        self._due_s[symbol] = desk.clock.mono_s() + pause_s
