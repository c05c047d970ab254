"""Whose an execution is: the instance's that sent its order, everybody's whose share it closed, or nobody's here."""

from collections.abc import Sequence
from decimal import Decimal

from playd.core.ids import instance_tag, is_guardians, tag_of
from playd.core.orders import Action, Execution
from playd.orders.execution_kinds import OTHERS_EXIT, reason_of, what_of
from playd.orders.fills import Fills, Share
from playd.orders.fold import BASELINE
from playd.orders.order_book import ENTRY_ACTIONS, FOREIGN, OrderBook, is_theirs
from playd.orders.parts import parts_of
from playd.orders.rows import OrderRow
from playd.orders.sights import Sights


class Owners:
    """Reads the books of one account; books nothing."""

    def __init__(self, book: OrderBook, fills: Fills, sights: Sights) -> None:
        self._book = book
        self._fills = fills
        self._sights = sights

    def parts(self, execution: Execution, row: OrderRow | None) -> Sequence[tuple[Execution, str]]:
        """
        An execution in a part for each whom it concerns; empty when that is the owner of its order `row`, or nobody known.
        """
        held = [share for share in self._fills.shares(execution.symbol) if share.position.signed_qty]
        if row is not None and row.intent is not None and row.reduce_only:
            return self._beyond(execution, row, held)
        if row is not None and row.intent is not None:
            return self._netted(execution, row, held)
        if is_guardians(execution.link_id):  # also where a report of its order came first, which the ledger has as nobody's
            first = next((share.owner for share in held if instance_tag(share.owner) == tag_of(execution.link_id)), "")
        elif row is not None:
            first = row.owner
        else:
            # A hand closes first what a hand opened; a liquidation and a stop know no hands.
            by_hand = not execution.stop_order_type and reason_of(execution) == "manual"
            first = FOREIGN if by_hand else ""
        return parts_of(execution, held, first, owed=self._owed(execution))

    def _owed(self, execution: Execution) -> dict[str, Decimal]:
        """What a row that a person accepts stands for, by owner: what orders here have executed at the venue, unlisted."""
        owed = dict[str, Decimal]()
        if execution.exec_type == BASELINE:
            for row in self.lacking(execution.symbol):
                if row.side is execution.side:
                    owed[row.owner] = owed.get(row.owner, Decimal(0)) + row.unbooked_qty
        return owed

    def _beyond(self, execution: Execution, row: OrderRow, held: Sequence[Share]) -> Sequence[tuple[Execution, str]]:
        """
        An exit whose share has become smaller while it was on its way. The venue bounds it by the whole position: what went
        beyond the share was closed of the others, and booked to the exit's owner it would stand against the venue's position.
        """
        parts = parts_of(execution, held, row.owner, beyond=row.owner)
        return parts if any(owner != row.owner for _, owner in parts) else ()

    def _netted(self, execution: Execution, row: OrderRow, held: Sequence[Share]) -> Sequence[tuple[Execution, str]]:
        """
        An entry that met a position of others on the other side, which had come there while it was on its way.

        The venue has one position: the entry closed theirs first, and only what went beyond that is its owner's. Booked whole
        it would stand against the venue's position, and no order that only reduces could ever close all of it.
        """
        others = [share for share in held if share.owner != row.owner]
        parts = parts_of(execution, others, FOREIGN, beyond="")
        if parts:
            theirs = sum((part.qty for part, owner in parts if owner), Decimal(0))
            note = f"entry {row.link_id} of {execution.qty} {row.symbol} met a position of others, and closed {theirs} of it"
            self._sights.alarm("ENTRY_NETTED", "warning", row.symbol, note)
        return parts

    def lacking(self, symbol: str = "") -> list[OrderRow]:
        """Orders of ours, on one symbol or on all, that trade no more, and whose executions are not all booked."""
        filled = (row for row in self._book.live() if row.is_filled_unbooked)
        return [row for row in (*self._book.lacking_fills(), *filled) if symbol in ("", row.symbol) and not is_theirs(row)]

    def attribute(self, execution: Execution, row: OrderRow | None) -> tuple[str, Action, str]:
        """Owner, action and reason of an execution."""
        if row is not None and row.owner != FOREIGN:
            if row.action is Action.STOP or row.action is Action.TARGET:
                return row.owner, *what_of(execution, row)
            intent = self._book.intent(row.intent) if row.intent is not None else None
            return row.owner, row.action or Action.EXIT, intent.reason if intent is not None else ""
        if execution.exec_type == "Funding":
            # It may arrive after the position that it was charged for is closed.
            holder = self.sole_holder(execution.symbol) or self._fills.last_owner(execution.symbol, execution.time_ms)
            return holder or FOREIGN, Action.EXIT, "funding"
        return FOREIGN, Action.EXIT, "manual"

    def of_part(self, execution: Execution, row: OrderRow | None, owner: str) -> tuple[Action, str]:
        """Action and reason of the part of an execution that is `owner`'s."""
        if row is None or row.intent is None or not row.reduce_only:
            return what_of(execution, row)
        if owner == row.owner:
            return self.attribute(execution, row)[1:]
        return Action.EXIT, OTHERS_EXIT

    def sole_holder(self, symbol: str) -> str | None:
        """The one instance that holds the symbol, or is entering it now."""
        holders = {share.owner for share in self._fills.shares(symbol) if share.position.signed_qty and share.owner != FOREIGN}
        entering = {row.owner for row in self._book.live(symbol) if row.action in ENTRY_ACTIONS}
        candidates = holders or entering
        return next(iter(candidates)) if len(candidates) == 1 else None
