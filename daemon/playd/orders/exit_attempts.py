"""
Attempts of an exit: how the next one is written, and what the ended ones say of it.

Each is one reduce-only order at the market. How far beyond the best price it may execute is the ladder's rung, which only what
the market did not fill climbs.
"""

from decimal import Decimal
from typing import Final

from playd.core.ids import link_id
from playd.core.orders import Intent, IntentClass, OrderRequest, OrderState
from playd.core.reply_codes import classify
from playd.orders.desk import Desk
from playd.orders.rows import OrderRow
from playd.orders.submit_table import Reaction, react

_ALARM_ATTEMPT: Final = 5


def insert_attempt(
    desk: Desk, intent: Intent, identity: str, attempt: int, qty: Decimal, *, rung: int = 0, position_idx: int = 0
) -> OrderRow:
    """Write the next attempt: as much as the venue takes in one order at the market, the rest follows."""
    settings, rules = desk.settings, desk.instruments.get(intent.symbol)
    if rules is not None:  # what is held may be older than a coarser step; less than one step is the venue's to refuse
        qty = (min(qty, rules.max_market_qty) // rules.step * rules.step) or qty
    ladder = () if settings.plain_market else settings.exit_tolerance_pct
    request = OrderRequest(
        link_id=link_id(intent.instance_uid, intent.cause, intent.action, intent.leg, attempt),
        symbol=intent.symbol,
        side=intent.side,
        qty=qty,
        order_type="Market",
        time_in_force="IOC",
        reduce_only=True,
        position_idx=position_idx,
        slippage_tolerance_pct=ladder[rung] if rung < len(ladder) else None,
    )
    return desk.book.insert_order(intent, identity, attempt, request)


def is_over(row: OrderRow) -> bool:
    """Whether an attempt is final and booked."""
    return row.state.terminal and not row.fills_missing


def is_alarming(attempts: list[OrderRow]) -> bool:
    """Whether an exit has been tried so often that a person must know."""
    return sum(row.state is not OrderState.FILLED for row in attempts) >= _ALARM_ATTEMPT


def rung_of(attempts: list[OrderRow]) -> int:
    """
    How many attempts the market has not filled. A piece that was filled climbs no ladder; neither does one that was refused for
    a reason outside it: a wider tolerance helps no key.
    """
    return sum(row.state is not OrderState.FILLED and not is_kept(row) for row in attempts)


def is_kept(row: OrderRow) -> bool:
    """Whether an attempt was refused for what will pass, or somebody will mend: the same is sent again."""
    if row.state is not OrderState.REJECTED:
        return False
    if row.code is None:  # by the HTTP status of a key that is not taken; the venue's own rejection knows the order
        return not row.venue_order_id
    return react(IntentClass.EXIT, classify(row.code)) is Reaction.KEEP_TRYING
