"""
How much of a share one more exit may ask for, beside what the share's other exits may close. Reads the ledger only.

Reduce-only keeps an order from closing more than the venue's whole position, which is the share only while nobody else holds
anything of the symbol. Where somebody does, an exit in doubt counts as if it were executed whole until the venue has said what
became of it: two of them together never close what belongs to another owner.
"""

from decimal import Decimal
from typing import Final

from playd.core.orders import Action, OrderState, Side
from playd.orders.desk import Desk
from playd.orders.order_book import FOREIGN
from playd.orders.rows import OrderRow

_ZERO: Final = Decimal(0)
_UNDER_WAY: Final = frozenset({OrderState.INTENT, OrderState.SENT, OrderState.ACKED, OrderState.OPEN, OrderState.PARTIAL})


def held_by(desk: Desk, owner: str, symbol: str, side: Side) -> Decimal:
    """What an order of `side` could reduce of an owner's share, by the executions on record, in base coin."""
    if owner == FOREIGN:  # nobody here owns it, so the ledger may not know all of it: the venue alone bounds its closing
        return Decimal("Infinity")
    signed = desk.fills.position(owner, symbol).signed_qty
    return max(_ZERO, -signed if side is Side.BUY else signed)


def room_for(desk: Desk, owner: str, symbol: str, side: Side, *, beside: str = "") -> Decimal:
    """What is left of `held_by` for an attempt of the intent `beside`, or for a new intent, in base coin."""
    counts_doubt = is_shared(desk, owner, symbol)
    mine = [row for row in desk.book.live(symbol) if _is_other_exit(row, owner, beside)]
    asked = sum((row.open_qty for row in mine if counts_doubt or row.state in _UNDER_WAY), _ZERO)
    if counts_doubt:
        over = [row for row in desk.book.lacking_fills() if row.symbol == symbol and _is_other_exit(row, owner, beside)]
        asked += sum((row.venue_cum_qty - row.cum_qty for row in over), _ZERO)
    return max(_ZERO, held_by(desk, owner, symbol, side) - asked)


def foreign_left(desk: Desk, symbol: str, side: Side) -> Decimal:
    """How much orders of `side` may close of what others hold, by the books: all that the venue has may be the instances'."""
    sign = 1 if side is Side.SELL else -1
    return max(_ZERO, min(desk.fills.position(FOREIGN, symbol).signed_qty * sign, desk.fills.net(symbol) * sign))


def may_repeat(desk: Desk, row: OrderRow) -> bool:
    """
    Whether an exit in doubt may be sent again as it is. One that has become larger than its share may not where others would
    pay for it: the resolver finds out about it, and the next attempt has the size that is left.
    """
    if held_by(desk, row.owner, row.symbol, row.side) <= 0:
        return False
    return not is_shared(desk, row.owner, row.symbol) or row.open_qty <= room_for(
        desk, row.owner, row.symbol, row.side, beside=row.intent or ""
    )


def is_shared(desk: Desk, owner: str, symbol: str) -> bool:
    """Whether somebody else holds a part of the symbol at the venue, or may hold one before the next look."""
    if any(share.owner != owner and share.position.signed_qty for share in desk.fills.shares(symbol)):
        return True
    return any(row.owner != owner and not row.reduce_only for row in desk.book.live(symbol))


def _is_other_exit(row: OrderRow, owner: str, beside: str) -> bool:
    """A resting target is none: it makes way for an exit of everything, and the venue cuts it after one of a part."""
    return row.owner == owner and row.reduce_only and row.intent not in (None, beside) and row.action is not Action.TARGET
