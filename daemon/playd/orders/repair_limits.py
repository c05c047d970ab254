"""
How often something may be repaired before a person has to look: mending again and again hides the cause of it.

A repair is what changes something at the venue to bring it back to the books: a stop that was missing or moved is set again, a
leftover is swept. Above the hourly limits the symbol, or the account, is halted. Protection goes on regardless.
"""

from typing import Any, Final

import orjson

from playd.orders.desk import Desk
from playd.orders.halts import Level, account_scope

_HOUR_S: Final = 3600.0
_CODE: Final = "REPAIRS"


class RepairLimits:
    """Of one account."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._done: list[tuple[float, str]] = self._remembered()
        """When, in monotonic seconds, and on which symbol."""

    def count(self, symbol: str) -> bool:
        """Count one repair. False when it is one too many: then a level was raised, and what can wait for a person must."""
        desk, now_s = self._desk, self._desk.clock.mono_s()
        self._done = [(at_s, where) for at_s, where in self._done if now_s - at_s < _HOUR_S]
        of_symbol = sum(where == symbol for _, where in self._done)
        if of_symbol >= desk.settings.repairs_symbol_hour:
            desk.halt_symbol(
                symbol, Level.HALT, _CODE, f"{of_symbol} repairs on {symbol} within an hour, and one more is needed"
            )
            return False
        if len(self._done) >= desk.settings.repairs_account_hour:
            note = f"{len(self._done)} repairs within an hour, and one more is needed"
            desk.incidents.open(_CODE, "critical", account_scope(desk.alias), note)
            desk.halts.raise_level(account_scope(desk.alias), Level.HALT, _CODE, note)
            return False
        self._done.append((now_s, symbol))
        self._remember(now_s)
        return True

    def _remembered(self) -> list[tuple[float, str]]:
        """Those of earlier lives: a daemon that ends again and again begins no new hour."""
        kept, now_s, now_ms = self._desk.ledger.meta(self._key), self._desk.clock.mono_s(), self._desk.clock.wall_ms()
        rows: list[list[Any]] = [] if kept is None else orjson.loads(kept)
        return [(now_s - max(0, now_ms - at_ms) / 1000, symbol) for at_ms, symbol in rows]

    def _remember(self, now_s: float) -> None:
        """Not synced by itself: what is repaired goes first."""
        now_ms = self._desk.clock.wall_ms()
        rows = [[now_ms - round((now_s - at_s) * 1000), symbol] for at_s, symbol in self._done]
        self._desk.ledger.set_meta(self._key, orjson.dumps(rows).decode())

    @property
    def _key(self) -> str:
        return f"repairs:{self._desk.alias}"
