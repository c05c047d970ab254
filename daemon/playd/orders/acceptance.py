"""
A difference of positions that nothing explains, ended by a person who says that the venue is right.

No execution tells of it and none will: a symbol that was delivered and is listed no longer, a history that is gone. The books
are brought to what the venue shows by rows of type `Baseline`: one for what closes, at a price that the person gives, and one
for what opens, as the venue has it. They go through the books like any execution of a hand: what nobody here opened closes
first, then shares of instances, and what goes beyond is nobody's. Nothing is sent. The next reconciliation proves it. Final
orders whose executions are not listed are waited for no longer: what they did is in those rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from playd.core.canonical import Json
from playd.core.errors import LinkError
from playd.core.orders import Execution, OrderState
from playd.orders.breaker_watch import BreakerWatch
from playd.orders.desk import Desk
from playd.orders.fold import BASELINE, unreported
from playd.orders.order_book import FOREIGN
from playd.orders.reconcile import OTHERS, DiffClass
from playd.orders.reconciler import Reconciler
from playd.orders.rows import OrderRow

OLD_S: Final = 600.0
"""
So long a difference must have had exactly its figures: an execution that a late list brings behind it would be booked twice.
From then on an order in doubt keeps nobody: while the position differs none is declared absent, so that its doubt would never
end.
"""

_FAR: Final = Decimal("0.2")
"""A price so far, as a share of it, from every price that is known of a symbol is more often mistyped than true."""

_ZERO: Final = Decimal(0)

NO_DIFFERENCE: Final = "NO_DIFFERENCE"
"""Ledger and venue agree."""


class AcceptRefused(Exception):
    """A difference that cannot be accepted. `code` is stable; nothing was recorded."""

    def __init__(self, code: str, note: str) -> None:
        super().__init__(note)
        self.code = code


@dataclass(frozen=True, slots=True)
class Closing:
    """A share of the books that ends, or a part of it: signed quantity in base coin, average price in USDT."""

    owner: str
    qty: Decimal
    avg_price: Decimal

    def result_usdt(self, price: Decimal) -> Decimal:
        """What it brings at a price."""
        return (price - self.avg_price) * self.qty


@dataclass(frozen=True, slots=True)
class Unexplained:
    """
    A difference as the last run found it: signed quantities in base coin, prices in USDT. `entry_price` is the venue's, zero
    where flat; `known` are prices of the symbol, each with its name, `given_up` the orders (link ids) that trade no more and
    are waited for no longer then.
    """

    symbol: str
    ledger: Decimal
    venue: Decimal
    entry_price: Decimal
    closing: tuple[Closing, ...] = ()
    known: tuple[tuple[str, Decimal], ...] = ()
    given_up: tuple[str, ...] = ()

    @property
    def missing(self) -> Decimal:
        """What the books lack, signed."""
        return self.venue - self.ledger

    @property
    def opens(self) -> Decimal:
        """What of it is nobody's from then on, signed."""
        return self.missing + sum((each.qty for each in self.closing), _ZERO)

    def refuse_price(self, price: Decimal | None, *, far: bool) -> None:
        """
        Raises `AcceptRefused` where something closes and nobody says at what price, where nothing closes and a price is given,
        and for a price that is far from all that is known, but with `far`.
        """
        if not self.closing and price is not None:
            note = f"nothing closes on {self.symbol}: leave the price away, what opens has the venue's own"
            raise AcceptRefused("PRICE_UNUSED", note)
        if not self.closing:
            return
        if price is None:
            note = f"what closes on {self.symbol} has a result: give its price, from the venue's log or its announcement"
            raise AcceptRefused("NO_PRICE", note)
        if not far and all(abs(price - each) > each * _FAR for _, each in self.known):
            known = ", ".join(f"{name} {each:f}" for name, each in self.known)
            note = (
                f"price {price:f} is far from what is known of {self.symbol} ({known}): is it mistyped? If it is true say --far"
            )
            raise AcceptRefused("FAR_PRICE", note)


class Acceptance:
    """Of one account. `look` reads at the venue and may take seconds."""

    def __init__(self, desk: Desk, reconciler: Reconciler, breakers: BreakerWatch) -> None:
        self._desk = desk
        self._reconciler = reconciler
        self._breakers = breakers

    async def look(self, symbol: str) -> Unexplained:
        """
        The difference of a symbol, read now; one of nothing where ended orders have lacked executions for so long that only
        their waiting is left to end. Raises `AcceptRefused` for none; `LinkError` when the venue cannot be read.
        """
        desk, reconciler = self._desk, self._reconciler
        report = await reconciler.run("accept")
        if report.result == "blind":
            raise LinkError(report.error)
        found = [each for each in report.differences if each.symbol == symbol and each.cls is DiffClass.POSITION]
        lacking = desk.booking.lacking(symbol)
        if not found and lacking and all(reconciler.ages.of((row.link_id, row.unbooked_qty)) >= OLD_S for row in lacking):
            held = desk.fills.net(symbol)  # of an entry and its stop, say, both unlisted
            return Unexplained(symbol, held, held, _ZERO, given_up=tuple(row.link_id for row in lacking))
        if not found or found[0].key.startswith(OTHERS):  # what others hold is booked by itself at the second look
            raise AcceptRefused(NO_DIFFERENCE, f"ledger and venue agree about the position on {symbol} of {desk.alias}")
        if symbol in reconciler.hedged():
            note = f"{symbol} is in hedge mode at the venue, and the books have one position: nobody can say which side differs"
            close_it = f"`playctl panic symbol:{desk.alias}/{symbol}` closes both sides"
            raise AcceptRefused("HEDGE_MODE", f"{note}; {close_it}")
        if Decimal(found[0].ours) != desk.fills.net(symbol):
            raise AcceptRefused("MOVED", f"{symbol} moved while the venue was read: the same command again")
        if (left_s := OLD_S - reconciler.ages.of((symbol, found[0].ours, found[0].theirs))) > 0:
            note = f"the difference of {symbol} is young, its execution may still come: accept it in {left_s / 60:.0f} min"
            raise AcceptRefused("YOUNG", note)
        if row := next(filter(self._may_explain, desk.book.live(symbol)), None):
            note = f"order {row.link_id} on {symbol} is {row.state}: what it does may explain the difference"
            raise AcceptRefused("ORDERS_WORKING", note)
        entry = reconciler.shown(symbol).entry_price
        gap = Unexplained(symbol, desk.fills.net(symbol), Decimal(found[0].theirs), entry)
        closing, given_up = self._closing(gap), tuple(row.link_id for row in lacking)
        return Unexplained(symbol, gap.ledger, gap.venue, entry, closing, self._known(symbol, closing), given_up)

    async def accept(
        self, symbol: str, price: Decimal | None, *, missing: Decimal, far: bool = False, key: str, actor: str
    ) -> Unexplained:
        """
        Book what the books lack, and reconcile. `missing` is what the person was shown and said yes to. `price`, in USDT, is
        that of what it closes; what opens has the venue's own.

        Raises `AcceptRefused`, `LinkError`.
        """
        desk, found = self._desk, await self.look(symbol)
        if found.missing != missing:
            note = f"{symbol} was shown with {missing:+f} and lacks {found.missing:+f} now: the same command again"
            raise AcceptRefused("MOVED", note)
        found.refuse_price(price, far=far)
        rows = self._rows(found, price or _ZERO, f"accept:{desk.alias}:{symbol}:{key}")
        at = " and ".join(f"{each.price:f}" for each in rows) or "no price"
        note = f"{found.missing:+f} at {at}: ledger {found.ledger:f}, venue {found.venue:f}"
        if found.given_up:
            note += f"; no longer waited for: {', '.join(found.given_up)}"
        told: dict[str, Json] = {"class": DiffClass.POSITION, "kind": "accept", "key": symbol, "note": note}
        before = desk.journal.append("recon.repair", told, account=desk.alias, symbol=symbol, actor=actor)
        # No await between the look's last words and the rows: what changes behind it is the next run's.
        with desk.ledger.atomic(desk.fills.forget_cache):
            for row in rows:
                desk.booking.executed(row, "history")
            desk.booking.accepted(symbol)
        if rows:
            result = sum((each.result_usdt(price or _ZERO) for each in found.closing), _ZERO)
            self._breakers.booked_late(rows[0].time_ms, result)
        after: dict[str, Json] = {**told, "became": "booked, to be proved by the next run"}
        desk.journal.append("recon.repair", after, account=desk.alias, symbol=symbol, actor=actor, cause=before)
        desk.publish()
        await self._reconciler.run("accepted")
        return found

    def _closing(self, gap: Unexplained) -> tuple[Closing, ...]:
        """What of which share booking it would close, as the books themselves divide it."""
        held = {share.owner: share.position for share in self._desk.fills.shares(gap.symbol)}
        against = (abs(each.signed_qty) for each in held.values() if each.signed_qty * gap.missing < 0)
        qty = min(abs(gap.missing), sum(against, _ZERO))
        if not qty:
            return ()
        sign = -1 if gap.missing > 0 else 1
        parts = self._desk.booking.parts(_row(gap, sign * -qty, _ZERO, "", 0))
        return tuple(Closing(owner, sign * part.qty, held[owner].avg_price) for part, owner in parts)

    def _known(self, symbol: str, closing: Sequence[Closing]) -> tuple[tuple[str, Decimal], ...]:
        """Prices of a symbol that are known here, each with its name."""
        seen = self._reconciler.shown(symbol)
        last = self._newest(symbol)
        named = [*(("opened at", each.avg_price) for each in closing), ("last fill", last[1]), ("mark", seen.mark_price)]
        return tuple((name, price) for name, price in named if price > 0)

    def _rows(self, found: Unexplained, price: Decimal, exec_id: str) -> list[Execution]:
        """What closes, at the time of the last that is known of the symbol: the result is of that day, and not of today's."""
        last_ms, rows = self._newest(found.symbol)[0], list[Execution]()
        if found.closing:
            rows.append(_row(found, found.missing - found.opens, price, exec_id, last_ms))
        if found.opens:
            opened_ms = self._reconciler.shown(found.symbol).updated_ms or last_ms
            rows.append(_row(found, found.opens, found.entry_price, f"{exec_id}:opens", opened_ms))
        return rows

    def _may_explain(self, row: OrderRow) -> bool:
        """Whether an order of ours works, or is in doubt for so short a time that its execution may still be listed."""
        if row.owner == FOREIGN or row.intent is None or row.is_filled_unbooked:
            return False
        return row.state is not OrderState.UNKNOWN or self._reconciler.ages.of(row.link_id) < OLD_S

    def _newest(self, symbol: str) -> tuple[int, Decimal]:
        """Market time of the last execution of a symbol and the price of the last that had one; zeros for none."""
        desk, where = self._desk, "account = ? AND symbol = ? ORDER BY venue_ms DESC LIMIT 1"
        values = (desk.alias, symbol)
        last = desk.ledger.row(f"SELECT venue_ms FROM executions WHERE {where}", values)
        fill = desk.ledger.row(f"SELECT price FROM executions WHERE exec_type <> 'Funding' AND {where}", values)
        return 0 if last is None else int(last["venue_ms"]), _ZERO if fill is None else Decimal(fill["price"])


def _row(found: Unexplained, signed_qty: Decimal, price: Decimal, exec_id: str, time_ms: int) -> Execution:
    return unreported(exec_id, found.symbol, signed_qty, price, exec_type=BASELINE, time_ms=time_ms)
