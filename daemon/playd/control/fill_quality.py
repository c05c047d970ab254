"""How much worse an instance's orders fill than the price they were decided at."""

from decimal import Decimal
from statistics import median
from typing import Final

from playd.control.answer_parts import Figure
from playd.control.context import Daemon
from playd.control.figures import figure
from playd.core.orders import Side
from playd.supervisor.records import InstanceRecord

FILLS: Final = 20
"""The newest ones count; an order that filled in parts counts with each of them."""

_NEWEST: Final = (
    "SELECT e.side, e.price, i.price_ref FROM executions e JOIN orders o ON o.link_id = e.link_id"
    " JOIN intents i ON i.id = o.intent WHERE e.account = ? AND e.owner = ? AND e.symbol = ? AND e.position_idx = 0"
    " AND i.class IN ('entry', 'exit') AND i.action <> 'target' AND i.bar_close_ms > 0 AND i.reason <> 'recovered'"
    " ORDER BY e.n DESC LIMIT ?"
)
"""
Along the index of executions, so that it costs the same behind a year of them. Only what a bar decided at a price of its own: a
resting target and a close by hand bear the price of the entry, and an intent that was recovered the price that it filled at.
"""


def shortfall_figure(daemon: Daemon, record: InstanceRecord) -> Figure:
    """Median of what the newest fills cost beside their decision's price, in bps; positive is worse."""
    rows = daemon.ledger.rows(_NEWEST, (record.account, record.uid, record.symbol, FILLS))
    decided = [(row["side"], Decimal(row["price"]), Decimal(row["price_ref"])) for row in rows]
    costs = [_cost_bps(side, price, decided_at) for side, price, decided_at in decided if decided_at > 0]
    return figure(round(median(costs), 2) if costs else None, "bps", "computed", 0.0, "no order of it has filled")


def _cost_bps(side: str, price: Decimal, decided_at: Decimal) -> Decimal:
    return (price / decided_at - 1) * 10_000 * (1 if side == Side.BUY else -1)
