"""
Leverage that somebody changed at the venue is set back once nothing is open; before, that would move a liquidation.
"""

from collections.abc import Collection
from decimal import Decimal

from playd.core.canonical import Json
from playd.core.errors import LinkError, VenueError
from playd.core.reply_codes import ReplyClass
from playd.orders.desk import Desk
from playd.orders.halts import symbol_scope
from playd.orders.protection import Protection
from playd.orders.reconcile import RepairKind
from playd.venues.port import Priority


class LeverageBack:
    """Of one account. `set_back` after every reconciliation."""

    def __init__(self, desk: Desk, protection: Protection, hedged: Collection[str]) -> None:
        """`hedged`: symbols in hedge mode as things stand. Their incident is the same, and ends when neither is left."""
        self._desk = desk
        self._hedged = hedged
        self._protection = protection
        self.odd: set[str] = set()
        """Symbols whose leverage somebody changed, or was asked for without an answer, until it is set."""

    @property
    def wanted(self) -> Decimal | None:
        """None where nobody minds: in an embedded wallet it is the Play's own, as far as the symbol allows it."""
        return self._desk.settings.leverage if self._desk.settings.leverage_kept else None

    def seen_flat(self, symbol: str, stated: Decimal) -> None:
        """What the venue states of a flat symbol; zero: nothing."""
        if stated:
            self._desk.leverage[symbol] = stated
        if self.wanted not in (None, stated) and stated:
            self.odd.add(symbol)

    async def set_back(self) -> None:
        """Set what can be set now."""
        desk, wanted = self._desk, self.wanted
        for symbol in sorted(self.odd):
            seen = self._protection.last_seen(symbol)
            if wanted is not None and seen is not None and seen[0].signed_qty and seen[0].leverage == wanted:
                self._ended(symbol, f"somebody set it to {wanted:f} again")
                continue
            if wanted is None or seen is None or seen[0].signed_qty or desk.frozen(symbol):
                continue
            await self._set(symbol, wanted)

    async def _set(self, symbol: str, wanted: Decimal) -> None:
        """One request, on record before it and behind it with what the venue shows then."""
        desk = self._desk
        data: dict[str, Json] = {
            "kind": RepairKind.PAUSE,
            "key": f"leverage:{symbol}",
            "note": f"leverage is set to {wanted:f} again",
        }
        before = desk.journal.append("recon.repair", data, account=desk.alias, symbol=symbol)
        reply = await desk.port.set_leverage(symbol, wanted)
        became = f"answered {reply.code}: {reply.text}"
        if reply.reply_class is ReplyClass.LIMITS:  # the same again would be refused again, whoever asks
            note = f"leverage of {symbol} was answered {reply.code}: {reply.text}"
            desk.incidents.open("LEVERAGE", "warning", symbol_scope(desk.alias, symbol), note)
            became = f"{became}; {await self._kept(symbol, wanted)}"
        if reply.reply_class in (ReplyClass.ACCEPTED, ReplyClass.NO_CHANGE):
            became = await self._shown(symbol, wanted)
        desk.journal.append("recon.repair", {**data, "became": became}, account=desk.alias, symbol=symbol, cause=before)

    async def _kept(self, symbol: str, wanted: Decimal) -> str:
        """Behind a refusal entries are judged by what the venue has. Where that cannot be read, the next run asks again."""
        try:
            stated = await self._stated(symbol)
        except (VenueError, LinkError) as error:
            return f"not read back: {error}"
        if stated:
            self._desk.leverage[symbol] = stated
        self._ended(symbol, f"flat, and the venue refuses {wanted:f}")
        return f"the venue shows {stated:f}"

    async def _stated(self, symbol: str) -> Decimal:
        """Leverage of a symbol by its row at the venue; 0 without one. Raises as `positions`."""
        rows = await self._desk.port.positions(symbol, priority=Priority.RECONCILE)
        return next((row.leverage for row in rows if row.symbol == symbol), Decimal(0))

    async def _shown(self, symbol: str, wanted: Decimal) -> str:
        """What the venue shows behind a request that it took. Where that is not what was wanted, the next run asks again."""
        try:
            stated = await self._stated(symbol)
        except (VenueError, LinkError) as error:
            return f"sent, not read back: {error}"
        if stated not in (0, wanted):
            return f"the venue still shows {stated:f}"
        self._desk.leverage[symbol] = wanted
        scope = symbol_scope(self._desk.alias, symbol)
        self._desk.incidents.resolve("LEVERAGE", scope, f"the venue shows {wanted:f}")
        self._ended(symbol, f"set to {wanted:f} while flat")
        return "the venue shows it"

    def _ended(self, symbol: str, note: str) -> None:
        """Nothing is left to be done about a symbol's leverage."""
        self.odd.discard(symbol)
        if symbol in self._hedged:
            return
        self._desk.incidents.resolve("ACCOUNT_MODE", symbol_scope(self._desk.alias, symbol), note)
