"""
Orders of ours that the ledger does not know: it was restored from a backup and lacks what was sent since.

A link id names its instance by a tag, and the decision behind it by a digest of five fields. The tag says whose the order is;
where a bar's close near the order's birth gives the same digest, the decision is found again as it was, so that deciding that
bar once more meets the order that it became. An exit that the ledger has under way is tried likewise: what was sent for it
since counts as its own. Only the first reading of the venue in a life recovers anything: what appears later under a tag of ours
was sent by another daemon.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from playd.core.ids import action_of, instance_tag, is_ours, link_id, tag_of
from playd.core.orders import Action, Execution, Intent, IntentClass, OrderRequest, VenueOrder
from playd.orders.ledger import Ledger
from playd.orders.order_book import FOREIGN

_BEFORE_MS: Final = 2 * 3_600_000
"""How long after its bar a decision can have been sent: exits climb their ladder, bars come late."""

_ATTEMPTS: Final = 8
_EXIT_ATTEMPTS: Final = 500
"""An exit that is on record may have been tried for long since."""

_FILLS: Final = 20
_MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an order came from. `is_proved` when `link_id` of these five fields is the order's own."""

    owner: str
    cause: str
    action: Action
    attempt: int
    is_proved: bool
    leg: int = 0

    @property
    def bar_close_ms(self) -> int:
        """The bar that decided, 0 when it is not known."""
        return int(self.cause) if self.cause.isdigit() else 0


def origin_of(ledger: Ledger, account: str, symbol: str, link: str, created_ms: int) -> Origin | None:
    """
    Who sent an order of playd's format that was born at `created_ms` of the venue; None where no instance of the ledger did.
    """
    action = action_of(link)
    owner = _owner_of(ledger, account, symbol, link)
    if action is None or owner is None:
        return None
    uid, clock_ms = owner
    for cause, leg in _open_exits(ledger, account, uid, symbol, action):
        for attempt in range(_EXIT_ATTEMPTS):
            if link_id(uid, cause, action, leg, attempt) == link:
                return Origin(uid, cause, action, attempt, is_proved=True, leg=leg)
    attempts = 1 if action in (Action.ENTER, Action.ADD) else _ATTEMPTS
    for cause in _causes(ledger, account, uid, symbol, clock_ms, created_ms):
        for attempt in range(attempts):
            if link_id(uid, cause, action, 0, attempt) == link:
                return Origin(uid, cause, action, attempt, is_proved=True)
    return Origin(uid, f"recovered:{link[10:]}", action, 0, is_proved=False)


def _open_exits(ledger: Ledger, account: str, uid: str, symbol: str, action: Action) -> list[tuple[str, int]]:
    """Cause and leg of the exits that are on record and not done."""
    rows = ledger.rows(
        "SELECT cause, leg FROM intents WHERE account = ? AND instance = ? AND symbol = ? AND action = ? AND class = ?"
        " AND outcome = '' AND action <> ?",
        (account, uid, symbol, action, IntentClass.EXIT, Action.TARGET),
    )
    return [(row["cause"], row["leg"]) for row in rows]


def _causes(ledger: Ledger, account: str, uid: str, symbol: str, clock_ms: int, created_ms: int) -> Iterator[str]:
    """What an instance may have decided an order for at that time: the closes of its bars, newest first, then its fills."""
    step_ms = min(clock_ms, _MINUTE_MS) if clock_ms else _MINUTE_MS
    # A venue's clock may lie a little behind the market whose bar was decided.
    newest_ms = (created_ms // step_ms + 1) * step_ms
    yield from (str(close_ms) for close_ms in range(newest_ms, max(0, newest_ms - _BEFORE_MS), -step_ms))
    fills = ledger.rows(
        "SELECT exec_id FROM executions WHERE account = ? AND owner = ? AND symbol = ? ORDER BY n DESC LIMIT ?",
        (account, uid, symbol, _FILLS),
    )
    yield from (f"fill:{row['exec_id']}" for row in fills)


def _owner_of(ledger: Ledger, account: str, symbol: str, link: str) -> tuple[str, int] | None:
    """Uid and clock of the instance whose tag a link id carries; nobody's own orders (of a panic) have a tag too."""
    if not is_ours(link):
        return None
    if tag_of(link) == instance_tag(FOREIGN):
        return FOREIGN, 0
    row = ledger.row(
        "SELECT uid, clock_ms FROM instances WHERE tag = ? AND account = ? AND symbol = ?", (tag_of(link), account, symbol)
    )
    return None if row is None else (row["uid"], row["clock_ms"])


def intent_of(order: VenueOrder, origin: Origin, account: str) -> Intent:
    """As much of the intent behind an order as the order shows; as large as the order."""
    entry = origin.action in (Action.ENTER, Action.ADD)
    return Intent(
        instance_uid=origin.owner,
        instance="",
        account=account,
        symbol=order.symbol,
        cause=origin.cause,
        action=origin.action,
        leg=origin.leg,
        intent_class=IntentClass.ENTRY if entry else IntentClass.EXIT,
        side=order.side,
        qty=order.qty,
        price_ref=order.price or order.avg_price,
        bar_close_ms=origin.bar_close_ms,
        expires_ms=0,
        reason="recovered",
        stop=order.stop or None,
        target=order.target or None,
    )


def request_of(order: VenueOrder) -> OrderRequest:
    """The order as it was sent."""
    return OrderRequest(
        link_id=order.link_id,
        symbol=order.symbol,
        side=order.side,
        qty=order.qty,
        order_type=order.order_type,
        price=order.price or None,
        time_in_force=order.time_in_force,
        reduce_only=order.reduce_only,
        stop=order.stop or None,
        target=order.target or None,
        position_idx=order.position_idx,
    )


def order_of(executions: list[Execution]) -> VenueOrder:
    """The order behind executions whose order the venue shows no more: as large as they are, and finished."""
    first, last = executions[0], executions[-1]
    qty = sum((execution.qty for execution in executions), Decimal(0))
    value = sum((execution.qty * execution.price for execution in executions), Decimal(0))
    return VenueOrder(
        venue_order_id=first.venue_order_id,
        link_id=first.link_id,
        parent_link_id="",
        symbol=first.symbol,
        side=first.side,
        order_type="Market",
        status="Filled",
        qty=qty,
        price=Decimal(0),
        trigger_price=Decimal(0),
        cum_qty=qty,
        avg_price=value / qty,
        reduce_only=action_of(first.link_id) not in (Action.ENTER, Action.ADD),
        stop_order_type="",
        create_type=first.create_type,
        cancel_type="",
        reject_reason="",
        stop=Decimal(0),
        target=Decimal(0),
        position_idx=first.position_idx,
        created_ms=first.time_ms,
        updated_ms=last.time_ms,
    )
