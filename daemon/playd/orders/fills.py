"""
Executions of one account in the ledger, and what follows from them: virtual positions and the outbox of events to instances.

The outbox is what makes delivery exactly once: its rows are committed together with the execution they speak of, an
instance remembers the number of the last one it has dealt with, and after a restart asks for those behind it.
"""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from playd.core.orders import Action, Execution, Side
from playd.orders.fold import ADOPTED, VirtualPosition, add, moves_position, unreported
from playd.orders.ledger import Ledger
from playd.orders.order_book import FOREIGN
from playd.orders.rows import decimal, execution_row, text
from playd.world.ports import Clock

_ZERO: Final = Decimal(0)

_ADOPTION: Final = "adopted"
"""Kind of the event by which a position is handed over."""


@dataclass(frozen=True, slots=True)
class FillEvent:
    """
    An execution that belongs to the instance. `n` rises without repeats; store it with the state that contains the fill.

    `reason` is the intent's own, or for what the venue did: `sl`, `tp`, `liquidation`, `manual`, `other_exit`. `order_done`
    says that the order's whole quantity is executed. A position that was adopted is one fill with reason `adopted`, the price
    and time at which somebody else opened it, its `stop` and `target` at the venue, and when it was handed over (`taken_ms`,
    market time); no other fill has these three.
    """

    n: int
    execution: Execution
    action: Action
    reason: str
    link_id: str
    order_done: bool
    stop: Decimal | None = None
    target: Decimal | None = None
    taken_ms: int | None = None


@dataclass(frozen=True, slots=True)
class OrderEnded:
    """An intent came to its end without its whole quantity: `rejected cancelled never_arrived dropped flat cut`."""

    n: int
    action: Action
    reason: str
    link_id: str


@dataclass(frozen=True, slots=True)
class FundingEvent:
    """Funding of the instance's position, positive when paid."""

    n: int
    amount_usdt: Decimal
    execution: Execution


InstanceEvent = FillEvent | OrderEnded | FundingEvent


@dataclass(frozen=True, slots=True)
class Share:
    """A virtual position with the stop and target that its owner wants at the venue, and when that was last seen there."""

    owner: str
    symbol: str
    position: VirtualPosition
    stop: Decimal | None
    target: Decimal | None
    verified_ms: int


class Fills:
    """Executions, shares and outbox of one account. Synchronous; commits nothing."""

    def __init__(self, ledger: Ledger, clock: Clock, account: str) -> None:
        self._ledger = ledger
        self._clock = clock
        self.account = account
        self._folds: dict[tuple[str, str], VirtualPosition] = {}
        self.version: dict[str, int] = {}
        """Number of executions booked per symbol by this process; readings that span a change are void."""
        self.last_seq: dict[str, int] = {}
        """Highest venue sequence number per symbol of the executions that moved a position, booked by this process."""
        self._newest: dict[tuple[str, str], tuple[int, int]] = {}
        self.newest_ms = 0
        """Latest time of the executions booked by this process; `booked` is their number."""
        self.booked = 0

    def known(self, exec_id: str) -> bool:
        return (
            self._ledger.row("SELECT 1 FROM executions WHERE account = ? AND exec_id = ?", (self.account, exec_id)) is not None
        )

    def book(self, execution: Execution, *, link: str | None, owner: str, source: str) -> bool:
        """Write an execution once and fold it into its owner's share. False if it was known."""
        if self.known(execution.exec_id):
            return False
        before = self.position(owner, execution.symbol)
        self._ledger.write(
            "INSERT INTO executions (account, exec_id, link_id, venue_order_id, symbol, position_idx, side, qty, price, value,"
            " fee, fee_currency, exec_type, create_type, stop_order_type, closed_size, exec_pnl, seq, is_maker, venue_ms,"
            " received_ms, source, owner, raw_digest) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                self.account,
                execution.exec_id,
                link,
                execution.venue_order_id,
                execution.symbol,
                execution.position_idx,
                execution.side,
                text(execution.qty),
                text(execution.price),
                text(execution.value),
                text(execution.fee),
                execution.fee_currency,
                execution.exec_type,
                execution.create_type,
                execution.stop_order_type,
                text(execution.closed_size),
                text(execution.exec_pnl),
                execution.seq,
                int(execution.is_maker),
                execution.time_ms,
                self._clock.wall_ms(),
                source,
                owner,
                execution.raw_digest,
            ),
        )
        position = add(before, execution)
        self._folds[owner, execution.symbol] = position
        self._write_share(owner, execution.symbol, position)
        self.version[execution.symbol] = self.version.get(execution.symbol, 0) + 1
        self.newest_ms = max(self.newest_ms, execution.time_ms)
        self.booked += 1
        if moves_position(execution):
            newest = self.newest_booked(owner, execution.symbol)
            self._newest[owner, execution.symbol] = max(newest, (execution.seq, execution.time_ms))
            self.last_seq[execution.symbol] = max(self.last_seq.get(execution.symbol, 0), execution.seq)
        return True

    def hand_over(self, symbol: str, to: str, name: str, now_ms: int) -> str:
        """
        Book what nobody here opened over to an owner, at its own average price, so that neither earns by it.

        `name` makes the two rows unique. The owner has held it since it was opened. Returns the id of the owner's row.
        """
        held = self.position(FOREIGN, symbol)
        qty, price = held.signed_qty, held.avg_price
        for owner, signed_qty, suffix, time_ms in ((FOREIGN, -qty, "out", now_ms), (to, qty, "in", held.opened_ms)):
            row = unreported(f"{name}:{suffix}", symbol, signed_qty, price, exec_type=ADOPTED, time_ms=time_ms)
            self.book(row, link=None, owner=owner, source="operator")
        return f"{name}:in"

    def last_owner(self, symbol: str, at_ms: int) -> str | None:
        """Who owns the last execution on a symbol up to a time of the venue, funding aside."""
        found = self._ledger.row(
            "SELECT owner FROM executions WHERE account = ? AND symbol = ? AND venue_ms <= ? AND exec_type <> 'Funding'"
            " ORDER BY n DESC LIMIT 1",
            (self.account, symbol, at_ms),
        )
        return None if found is None else str(found["owner"])

    def executed(self, link: str) -> tuple[Decimal, Decimal]:
        """Executed quantity and average price of an order: the sum over its distinct executions."""
        rows = self._ledger.rows(
            "SELECT qty, price FROM executions WHERE account = ? AND link_id = ? AND exec_type IN"
            " ('Trade', 'AdlTrade', 'BustTrade', 'BlockTrade', 'MovePosition')",
            (self.account, link),
        )
        qty = sum((Decimal(row["qty"]) for row in rows), Decimal(0))
        value = sum((Decimal(row["qty"]) * Decimal(row["price"]) for row in rows), Decimal(0))
        return qty, value / qty if qty else Decimal(0)

    def received(self, link: str, owner: str) -> Decimal:
        """How much of what an order executed is in its owner's own share, in base coin."""
        rows = self._ledger.rows(
            "SELECT qty FROM executions WHERE account = ? AND link_id = ? AND owner = ?", (self.account, link, owner)
        )
        return sum((Decimal(row["qty"]) for row in rows), _ZERO)

    def position(self, owner: str, symbol: str) -> VirtualPosition:
        """
        An owner's share: the fold over its executions, kept beside them in the same transaction.

        Folding them anew would take ever longer as an account goes on trading, in the middle of its first order after a start.
        """
        cached = self._folds.get((owner, symbol))
        if cached is None:
            cached = self._folds[owner, symbol] = self._kept(owner, symbol)
        return cached

    def _kept(self, owner: str, symbol: str) -> VirtualPosition:
        row = self._ledger.row(
            "SELECT * FROM virtual_positions WHERE account = ? AND instance = ? AND symbol = ?", (self.account, owner, symbol)
        )
        return VirtualPosition() if row is None else _share(row).position

    def executions(self, owner: str, symbol: str) -> Iterable[Execution]:
        """Booked executions of an owner on a symbol, in booked order."""
        rows = self._ledger.rows(
            "SELECT * FROM executions WHERE account = ? AND owner = ? AND symbol = ? ORDER BY n", (self.account, owner, symbol)
        )
        return map(execution_row, rows)

    def newest_booked(self, owner: str, symbol: str) -> tuple[int, int]:
        """
        The venue's newest sequence number in an owner's share, whenever it was booked, and its market time; 0 for a number
        where nothing was executed for it, or it was adopted, and for both where there is nothing.
        """
        if (owner, symbol) not in self._newest:
            row = self._ledger.row(
                "SELECT seq, venue_ms FROM executions WHERE account = ? AND owner = ? AND symbol = ? AND position_idx = 0"
                " AND exec_type <> 'Funding' ORDER BY seq DESC, venue_ms DESC LIMIT 1",
                (self.account, owner, symbol),
            )
            self._newest[owner, symbol] = (0, 0) if row is None else (int(row["seq"]), int(row["venue_ms"]))
        return self._newest[owner, symbol]

    def forget_cache(self) -> None:
        """Drop folded positions after a rolled-back write; the next reader takes what is on record."""
        self._folds.clear()
        self._newest.clear()

    def net(self, symbol: str) -> Decimal:
        """What the venue's position must be: the sum of all shares, foreign included."""
        return sum((share.position.signed_qty for share in self.shares(symbol)), Decimal(0))

    def against(self, symbol: str, side: Side, owner: str) -> str:
        """Another owner whose share of a symbol stands on the other side than an order of `side`; empty when there is none."""
        sign = "<" if side is Side.BUY else ">"
        found = self._ledger.row(
            "SELECT instance FROM virtual_positions WHERE account = ? AND symbol = ? AND instance <> ?"
            f" AND CAST(signed_qty AS REAL) {sign} 0",
            (self.account, symbol, owner),
        )
        return "" if found is None else str(found["instance"])

    def shares(self, symbol: str | None = None) -> list[Share]:
        """All shares ever held, flat ones included."""
        where, values = ("", (self.account,)) if symbol is None else (" AND symbol = ?", (self.account, symbol))
        rows = self._ledger.rows(f"SELECT * FROM virtual_positions WHERE account = ?{where} ORDER BY symbol, instance", values)
        return [_share(row) for row in rows]

    def share(self, owner: str, symbol: str) -> Share:
        """One owner's share; flat if there never was one."""
        row = self._ledger.row(
            "SELECT * FROM virtual_positions WHERE account = ? AND instance = ? AND symbol = ?", (self.account, owner, symbol)
        )
        return Share(owner, symbol, VirtualPosition(), None, None, 0) if row is None else _share(row)

    def set_protection(self, owner: str, symbol: str, *, stop: Decimal | None, target: Decimal | None) -> None:
        """Remember the stop and target that belong at the venue for an owner's share."""
        self._write_share(owner, symbol, self.position(owner, symbol))
        self._ledger.write(
            "UPDATE virtual_positions SET stop = ?, target = ? WHERE account = ? AND instance = ? AND symbol = ?",
            (text(stop), text(target), self.account, owner, symbol),
        )

    def set_verified(self, symbol: str, seq: int) -> None:
        """Note that the venue confirmed side, size and stop of a symbol just now."""
        self._ledger.write(
            "UPDATE virtual_positions SET verified_ms = ?, verified_seq = ? WHERE account = ? AND symbol = ?",
            (self._clock.wall_ms(), seq, self.account, symbol),
        )

    def post(
        self,
        kind: str,
        instance: str,
        *,
        link: str,
        exec_id: str,
        action: str,
        reason: str,
        order_done: bool,
        at_ms: int | None = None,
    ) -> None:
        """Put an event for an instance into the outbox, once per (kind, link id, execution); as of now without `at_ms`."""
        created_ms = self._clock.wall_ms() if at_ms is None else at_ms
        self._ledger.write(
            "INSERT OR IGNORE INTO outbox (account, instance, kind, link_id, exec_id, action, reason, order_done, created_ms)"
            " VALUES (?,?,?,?,?,?,?,?,?)",
            (self.account, instance, kind, link, exec_id, action, reason, int(order_done), created_ms),
        )

    def outbox(self, after: int, instance: str | None = None, at_most: int = -1) -> list[tuple[str, InstanceEvent]]:
        """Events behind number `after`, oldest first, with the instance each belongs to; all without `at_most`."""
        where, values = (
            ("", (self.account, after)) if instance is None else (" AND o.instance = ?", (self.account, after, instance))
        )
        rows = self._ledger.rows(
            "SELECT o.n AS box_n, o.instance, o.kind, o.link_id AS box_link, o.action, o.reason, o.order_done, e.*,"
            " o.created_ms AS box_ms, i.stop AS box_stop, i.targets AS box_target FROM outbox o"
            " LEFT JOIN executions e ON e.account = o.account AND e.exec_id = o.exec_id"
            f" LEFT JOIN intents i ON o.kind = '{_ADOPTION}' AND i.id = o.link_id"
            f" WHERE o.account = ? AND o.n > ?{where} ORDER BY o.n LIMIT ?",
            (*values, at_most),
        )
        return [(row["instance"], _event(row)) for row in rows]

    def adopted_ms(self, instance: str) -> int:
        """When an instance was last handed a position that it had not opened, in market time; 0 for never."""
        found = self._ledger.row(
            "SELECT coalesce(max(created_ms), 0) FROM outbox WHERE account = ? AND instance = ? AND kind = ?",
            (self.account, instance, _ADOPTION),
        )
        return 0 if found is None else int(found[0])

    def outbox_head(self) -> int:
        found = self._ledger.row("SELECT coalesce(max(n), 0) FROM outbox WHERE account = ?", (self.account,))
        return 0 if found is None else int(found[0])

    def _write_share(self, owner: str, symbol: str, position: VirtualPosition) -> None:
        self._ledger.write(
            "INSERT INTO virtual_positions (account, instance, symbol, position_idx, signed_qty, avg_price, realised, fees,"
            " funding, opened_ms) VALUES (?,?,?,0,?,?,?,?,?,?) ON CONFLICT DO UPDATE SET signed_qty = excluded.signed_qty,"
            " avg_price = excluded.avg_price, realised = excluded.realised, fees = excluded.fees, funding = excluded.funding,"
            " opened_ms = excluded.opened_ms",
            (
                self.account,
                owner,
                symbol,
                text(position.signed_qty),
                text(position.avg_price),
                text(position.realised),
                text(position.fees),
                text(position.funding),
                position.opened_ms,
            ),
        )


def _share(row: sqlite3.Row) -> Share:
    position = VirtualPosition(
        signed_qty=Decimal(row["signed_qty"]),
        avg_price=Decimal(row["avg_price"]),
        realised=Decimal(row["realised"]),
        fees=Decimal(row["fees"]),
        funding=Decimal(row["funding"]),
        opened_ms=row["opened_ms"],
    )
    return Share(row["instance"], row["symbol"], position, decimal(row["stop"]), decimal(row["target"]), row["verified_ms"])


def _event(row: sqlite3.Row) -> InstanceEvent:
    if row["kind"] == "ended":
        return OrderEnded(row["box_n"], Action(row["action"]), row["reason"], row["box_link"])
    execution = execution_row(row)
    if row["kind"] == "funding":
        return FundingEvent(row["box_n"], execution.fee, execution)
    return FillEvent(
        row["box_n"],
        execution,
        Action(row["action"]),
        row["reason"],
        row["box_link"],
        bool(row["order_done"]),
        decimal(row["box_stop"]),
        decimal(row["box_target"]),
        row["box_ms"] if row["kind"] == _ADOPTION else None,
    )
