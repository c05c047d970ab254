"""
A virtual position as a pure fold over executions. No counter is kept beside them, so nothing can drift from them.

Exact in decimals except for the average price, which is rounded to 28 significant digits at each addition; the same
executions in the same order give the same text.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from playd.core.orders import MOVES_POSITION, Execution, Side

BASELINE: Final = "Baseline"
"""Type of the row that books a position which existed before this ledger's first contact with the account."""

ADOPTED: Final = "Adopted"
"""Type of the two rows by which a position that nobody here opened becomes an instance's, at the price it was opened at."""

REST: Final = ":rest"
"""Behind the id of an execution that did something to several owners: its further parts, numbered."""

DELIVERY: Final = "Delivery"
"""Type of the row that ends a position with its symbol: whatever is held is closed at the row's price."""

_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class VirtualPosition:
    """
    One owner's share of a symbol. `signed_qty` is negative for a short; money is USDT, `fees` and `funding` positive when paid.

    `opened_ms` is the market time of the execution that opened the present position, 0 when flat.
    """

    signed_qty: Decimal = _ZERO
    avg_price: Decimal = _ZERO
    realised: Decimal = _ZERO
    fees: Decimal = _ZERO
    funding: Decimal = _ZERO
    opened_ms: int = 0

    @property
    def side(self) -> Side | None:
        """Side of the order that opened it; None when flat."""
        if self.signed_qty == 0:
            return None
        return Side.BUY if self.signed_qty > 0 else Side.SELL


def unreported(
    exec_id: str, symbol: str, signed_qty: Decimal, price: Decimal, *, exec_type: str, time_ms: int, seq: int = 0
) -> Execution:
    """
    A row of ours that no venue reported, by which a share begins, ends or changes hands: signed quantity in base coin, price in
    USDT. It costs nothing.
    """
    qty = abs(signed_qty)
    return Execution(
        exec_id=exec_id,
        link_id="",
        venue_order_id="",
        symbol=symbol,
        side=Side.BUY if signed_qty > 0 else Side.SELL,
        qty=qty,
        price=price,
        value=qty * price,
        fee=_ZERO,
        fee_currency="USDT",
        exec_type=exec_type,
        create_type="",
        stop_order_type="",
        closed_size=_ZERO,
        exec_pnl=_ZERO,
        is_maker=False,
        seq=seq,
        time_ms=time_ms,
    )


def moves_position(execution: Execution) -> bool:
    """Whether an execution changes a position by its quantity. A delivery ends it whatever its quantity says."""
    return execution.exec_type in MOVES_POSITION or execution.exec_type in (BASELINE, ADOPTED)


def add(position: VirtualPosition, execution: Execution) -> VirtualPosition:
    """The position after one more execution."""
    if execution.exec_type == "Funding":
        return replace(position, funding=position.funding + execution.fee)
    if execution.exec_type == DELIVERY:
        gain = (execution.price - position.avg_price) * position.signed_qty
        fees = position.fees + execution.fee_usdt
        return VirtualPosition(realised=position.realised + gain, fees=fees, funding=position.funding)
    if not moves_position(execution):
        return position
    delta = execution.qty if execution.side is Side.BUY else -execution.qty
    before = position.signed_qty
    after = before + delta
    closed = min(abs(before), abs(delta)) if before * delta < 0 else _ZERO
    gain = (execution.price - position.avg_price) * (closed if before > 0 else -closed)
    return VirtualPosition(
        signed_qty=after,
        avg_price=_average(position, execution, after, delta),
        realised=position.realised + gain,
        fees=position.fees + execution.fee_usdt,
        funding=position.funding,
        opened_ms=_opened_ms(position, execution, after),
    )


def fold(executions: Iterable[Execution]) -> VirtualPosition:
    """The position after all executions of one owner, symbol and position index, in their booked order."""
    position = VirtualPosition()
    for execution in executions:
        position = add(position, execution)
    return position


def _average(position: VirtualPosition, execution: Execution, after: Decimal, delta: Decimal) -> Decimal:
    before = position.signed_qty
    if after == 0:
        return _ZERO
    if before == 0 or before * after < 0:
        return execution.price
    if before * delta > 0:
        return (position.avg_price * abs(before) + execution.price * abs(delta)) / abs(after)
    return position.avg_price


def _opened_ms(position: VirtualPosition, execution: Execution, after: Decimal) -> int:
    if after == 0:
        return 0
    if position.signed_qty * after <= 0:
        return execution.time_ms
    return position.opened_ms
