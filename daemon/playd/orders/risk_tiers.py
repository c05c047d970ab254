"""The risk tiers of the symbols in use: what margin a position needs that is so large. They are read one symbol at a time."""

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

    @property
    def next(self) -> str:
        """A symbol whose tiers are due; empty while none is."""
        now_s = self._desk.clock.mono_s()
        return next((symbol for symbol in self._desk.instruments if now_s >= self._due_s.get(symbol, now_s)), "")

    async def read(self, symbol: str) -> None:
        """Read them, if anything on this account is judged by them. What cannot be read stays as it was."""
        desk = self._desk
        pause_s = _AGAIN_S
        if desk.environment is not Environment.LOCAL or desk.weighs_exposure:
            with suppress(VenueError, LinkError):
                desk.tiers[symbol] = await desk.port.risk_tiers(symbol)
                pause_s = desk.settings.rules_every_s
        self._due_s[symbol] = desk.clock.mono_s() + pause_s
