"""What one account must know of a symbol before it is traded or watched there: the venue's rules, and its leverage."""

import math
from collections.abc import Callable
from typing import Final

from playd.core.errors import LinkError, VenueError
from playd.orders.desk import Desk
from playd.orders.expectations import at_stake
from playd.orders.first_leverage import set_first_leverage
from playd.orders.halts import Level
from playd.orders.key_watch import KeyWatch

_LEVERAGE_TRIES: Final = 3
"""Of an instance's start. That of an account asks once: its instances wait behind it."""

_RULES_FRESH_S: Final = 5.0
"""Younger rules of a symbol are not read again when an instance begins a life."""


class SymbolRules:
    """Reads them into the desk of one account; `load` and what follows raise `VenueError` and `LinkError`."""

    def __init__(self, desk: Desk, key: KeyWatch, leverage_doubted: Callable[[str], None]) -> None:
        """`leverage_doubted` hears of a symbol whose leverage was asked for without a definite answer."""
        self._desk = desk
        self._key = key
        self._leverage_doubted = leverage_doubted
        self._leverage_due: set[str] = set()
        """Symbols whose leverage a start has not asked for yet; of one that nothing is open on, before an instance has it."""

    async def load(self, symbols: set[str], *, at_start: bool = False) -> None:
        """
        Rules of symbols that are not known yet. One that the venue does not list ends a life, or halts itself at a start; there
        the leverage waits for `look_at_leverages`.
        """
        desk = self._desk
        unknown = sorted(symbols - desk.instruments.keys())
        if not unknown:
            return
        found = await desk.port.instruments(unknown)
        missing = [symbol for symbol in unknown if symbol not in found]
        if missing and not at_start:
            raise VenueError(f"account {desk.alias}: the venue does not list {', '.join(missing)}")
        concerned = at_stake(desk)
        for symbol in sorted(concerned.intersection(missing)):
            what = "what it knows there is not watched, and no stop is put back: close it, or accept that it is gone"
            note = f"the venue lists no {symbol}, of which the ledger knows a position or an order; {what}"
            desk.halt_symbol(symbol, Level.HALT, "NOT_LISTED", note)
        for symbol in found:
            if at_start:
                if symbol in concerned:
                    await self._key.look_at(symbol)
                self._leverage_due.add(symbol)  # what is open is put under its stop first
            else:
                await self._look_at_leverage(symbol, tries=_LEVERAGE_TRIES)
        # Last: a symbol whose rules are known is not looked at again, so nothing above may have been left out.
        for rules in found.values():
            desk.learn_rules(rules)

    async def look_at_leverages(self) -> None:
        """Those of a start, where something is open or under way."""
        for symbol in sorted(self._leverage_due & at_stake(self._desk)):
            await self._look_at_leverage(symbol, tries=1)
            self._leverage_due.discard(symbol)

    async def begin_life(self, symbol: str) -> None:
        """Rules and leverage of an instance's symbol as it begins a life. Rules that cannot be read again stay as they were."""
        await self.load({symbol})
        if symbol in self._leverage_due:
            await self._look_at_leverage(symbol, tries=_LEVERAGE_TRIES)
            self._leverage_due.discard(symbol)
        await self._read_old(symbol)

    async def _look_at_leverage(self, symbol: str, *, tries: int) -> None:
        """
        Set that of a flat symbol. That of an open position would move its liquidation: a reconciliation tells of another one,
        and waits for flat. Raises as `set_first_leverage`.
        """
        row, wanted = await self._key.look_at(symbol), self._desk.settings.leverage
        if row is not None and row.leverage:
            self._desk.leverage[symbol] = row.leverage
        if wanted is None or (row is not None and row.signed_qty):
            return
        if not await set_first_leverage(self._desk, symbol, wanted, tries=tries):
            self._leverage_doubted(symbol)

    async def _read_old(self, symbol: str) -> None:
        """A new life begins with rules that hold: read again unless they are fresh."""
        desk = self._desk
        if desk.clock.mono_s() - desk.rules_mono_s.get(symbol, -math.inf) < _RULES_FRESH_S:
            return
        try:
            found = await desk.port.instruments([symbol])
        except (VenueError, LinkError):
            return
        for rules in found.values():
            desk.learn_rules(rules)
