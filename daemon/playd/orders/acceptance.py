"""
A difference of positions that nothing explains, ended by a person who says that the venue is right.

No execution tells of it and none will: a symbol that was delivered and is listed no longer, a history that is gone. The books
are brought to what the venue shows by one row of type `Baseline`, at a price that the person gives. It goes through the books
like any execution of a hand: it closes what nobody here opened first, then shares of instances, and what goes beyond is
nobody's. Nothing is sent. The next reconciliation proves it.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from playd.core.canonical import Json
from playd.core.errors import LinkError
from playd.core.orders import Execution, OrderState, Side
from playd.orders.desk import Desk
from playd.orders.fold import BASELINE
from playd.orders.halts import symbol_scope
from playd.orders.order_book import FOREIGN
from playd.orders.reconcile import OTHERS, DiffClass
from playd.orders.reconciler import Reconciler
from playd.orders.rows import OrderRow

OLD_MS: Final = 10 * 60_000
"""
So long a difference must have been told: an execution that a late list brings behind it would be booked twice. From then on an
order in doubt keeps nobody: while the position differs none is declared absent, so that its doubt would never end.
"""


class AcceptRefused(Exception):
    """A difference that cannot be accepted. `code` is stable; nothing was recorded."""

    def __init__(self, code: str, note: str) -> None:
        super().__init__(note)
        self.code = code


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A difference as the last run found it: signed quantities in base coin. `entry_price` is the venue's, zero where flat."""

    symbol: str
    ledger: Decimal
    venue: Decimal
    entry_price: Decimal
    shares: tuple[tuple[str, Decimal, Decimal], ...]
    """Of each holder by the books: who, signed quantity, average price."""

    @property
    def missing(self) -> Decimal:
        """What the books lack, signed."""
        return self.venue - self.ledger

    @property
    def closes(self) -> bool:
        """Whether a share of the books ends, or a part of it: then there is a result, and its price must be known."""
        return any(qty * self.missing < 0 for _, qty, _ in self.shares)

    def refuse_without(self, price: Decimal | None) -> None:
        """Raises `AcceptRefused` where something closes and nobody says at what price."""
        if self.closes and price is None:
            note = f"what closes on {self.symbol} has a result: give its price, from the venue's log or its announcement"
            raise AcceptRefused("NO_PRICE", note)


class Acceptance:
    """Of one account. `look` reads at the venue and may take seconds."""

    def __init__(self, desk: Desk, reconciler: Reconciler) -> None:
        self._desk = desk
        self._reconciler = reconciler

    async def look(self, symbol: str) -> Unexplained:
        """The difference of a symbol, read now. Raises `AcceptRefused` for none; `LinkError` when the venue cannot be read."""
        desk = self._desk
        report = await self._reconciler.run("accept")
        if report.result == "blind":
            raise LinkError(report.error)
        found = [each for each in report.differences if each.symbol == symbol and each.cls is DiffClass.POSITION]
        if not found or found[0].key.startswith(OTHERS):  # what others hold is booked by itself at the second look
            raise AcceptRefused("NO_DIFFERENCE", f"ledger and venue agree about the position on {symbol} of {desk.alias}")
        if Decimal(found[0].ours) != desk.fills.net(symbol):
            raise AcceptRefused("MOVED", f"{symbol} moved while the venue was read: the same command again")
        if (left_ms := OLD_MS - self._told_for_ms(symbol)) > 0:
            note = f"the difference of {symbol} is young, its execution may still come: accept it in {left_ms / 60_000:.0f} min"
            raise AcceptRefused("YOUNG", note)
        if row := next(filter(self._may_explain, desk.book.live(symbol)), None):
            note = f"order {row.link_id} on {symbol} is {row.state}: what it does may explain the difference"
            raise AcceptRefused("ORDERS_WORKING", note)
        held = [share for share in desk.fills.shares(symbol) if share.position.signed_qty]
        return Unexplained(
            symbol,
            desk.fills.net(symbol),
            Decimal(found[0].theirs),
            self._reconciler.entry_price(symbol),
            tuple((share.owner, share.position.signed_qty, share.position.avg_price) for share in held),
        )

    async def accept(self, symbol: str, price: Decimal | None, *, key: str, actor: str) -> Unexplained:
        """
        Book what the books lack, and reconcile. `price`, in USDT, is that of what it closes; what opens has the venue's own.

        Raises `AcceptRefused`, `LinkError`.
        """
        desk, found = self._desk, await self.look(symbol)
        found.refuse_without(price)
        at = price if price is not None else found.entry_price
        note = f"{found.missing:+f} at {at:f}: ledger {found.ledger:f}, venue {found.venue:f}"
        told: dict[str, Json] = {"class": DiffClass.POSITION, "kind": "accept", "key": symbol, "note": note}
        before = desk.journal.append("recon.repair", told, account=desk.alias, symbol=symbol, actor=actor)
        # No await between the look's last words and the row: what changes behind it is the next run's.
        desk.booking.executed(_row(found, at, f"accept:{desk.alias}:{symbol}:{key}", self._newest_ms(symbol)), "history")
        after: dict[str, Json] = {**told, "became": "booked, to be proved by the next run"}
        desk.journal.append("recon.repair", after, account=desk.alias, symbol=symbol, actor=actor, cause=before)
        desk.publish()
        await self._reconciler.run("accepted")
        return found

    def _told_for_ms(self, symbol: str) -> int:
        """How long a person has known of the difference, over restarts too; zero where nobody was told."""
        desk, scope = self._desk, symbol_scope(self._desk.alias, symbol)
        found = [each for each in desk.incidents.open_ones() if (each.kind, each.scope) == ("POSITION_DIFFERS", scope)]
        return max((desk.clock.wall_ms() - each.since_ms for each in found), default=0)

    def _may_explain(self, row: OrderRow) -> bool:
        """Whether an order of ours works, or is in doubt for so short a time that its execution may still be listed."""
        if row.owner == FOREIGN or row.intent is None:
            return False
        doubted_ms = self._desk.clock.wall_ms() - self._desk.book.in_doubt_since_ms(row)
        return row.state is not OrderState.UNKNOWN or doubted_ms < OLD_MS

    def _newest_ms(self, symbol: str) -> int:
        """The last that is known of the symbol, in market time: the result is of that day, and not of today's."""
        where = "account = ? AND symbol = ?"
        row = self._desk.ledger.row(f"SELECT max(venue_ms) AS ms FROM executions WHERE {where}", (self._desk.alias, symbol))
        return 0 if row is None or row["ms"] is None else int(row["ms"])


def _row(found: Unexplained, price: Decimal, exec_id: str, time_ms: int) -> Execution:
    zero, qty = Decimal(0), abs(found.missing)
    return Execution(
        exec_id=exec_id,
        link_id="",
        venue_order_id="",
        symbol=found.symbol,
        side=Side.BUY if found.missing > 0 else Side.SELL,
        qty=qty,
        price=price,
        value=qty * price,
        fee=zero,
        fee_currency="USDT",
        exec_type=BASELINE,
        create_type="",
        stop_order_type="",
        closed_size=zero,
        exec_pnl=zero,
        is_maker=False,
        seq=0,
        time_ms=time_ms,
    )
