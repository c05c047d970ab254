"""The transaction log of the fake venue, made from its executions and transfers."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from playd.core.orders import Execution
from playd.orders.fold import VirtualPosition, add
from playd.venues.port import Transaction

ZERO = Decimal(0)


def transfer_of(amount: Decimal, time_ms: int) -> Transaction:
    kind = "TRANSFER_IN" if amount > 0 else "TRANSFER_OUT"
    return Transaction(kind, "", "", amount, ZERO, ZERO, amount, time_ms)


def log_of(executions: Iterable[Execution], transfers: Sequence[Transaction]) -> list[Transaction]:
    """Every execution with what it earned, and the transfers, by time."""
    held: dict[str, VirtualPosition] = {}
    rows = [*transfers]
    for each in executions:
        before = held.get(each.symbol, VirtualPosition())
        after = held[each.symbol] = add(before, each)
        gain, fee = after.realised - before.realised, after.fees - before.fees
        funding = after.funding - before.funding
        kind = "SETTLEMENT" if each.exec_type == "Funding" else "TRADE"
        rows.append(Transaction(kind, each.symbol, each.exec_id, gain, fee, funding, gain - fee - funding, each.time_ms))
    return sorted(rows, key=lambda row: row.time_ms)
