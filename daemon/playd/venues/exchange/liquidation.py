"""When margin is gone: the venue cancels what rests and takes the position over."""

from playd.core.orders import Side
from playd.venues.exchange.books import Books
from playd.venues.exchange.fills import fill
from playd.venues.exchange.model import Account, Order, Position
from playd.venues.exchange.protection import of_position
from playd.venues.exchange.words import CancelType, Status


def take_over(books: Books, account: Account, position: Position, ticks: int) -> None:
    """
    End a position at `ticks`, the bankruptcy price. Orders go first, in cross margin all of the account's; stops go in the
    closing event.
    """
    orders = [*account.orders.values()] if account.is_cross else of_position(account, position)
    doomed = [order for order in orders if not order.stop_kind.protects]
    if doomed:
        books.tell_orders(account, [end_for(books, account, order) for order in doomed])
    now_ms = books.time.now_ms
    order = Order(
        order_id=books.new_id(),
        uid=account.uid,
        link_id="",
        symbol=position.symbol,
        side=Side.SELL if position.steps > 0 else Side.BUY,
        order_type="Market",
        time_in_force="IOC",
        qty_steps=abs(position.steps),
        price_ticks=0,
        reduce_only=True,
        create_type="CreateByTakeOver_PassThrough",
        position_idx=position.idx,
        created_ms=now_ms,
        updated_ms=now_ms,
        sequence=books.next_sequence(),
    )
    books.add_order(account, order)
    fill(books, account, order, order.qty_steps, ticks, maker=False, exec_type="BustTrade")


def end_for(books: Books, account: Account, order: Order) -> Order:
    """Cancel an order because its position is being liquidated."""
    status = Status.DEACTIVATED if order.waits_for_trigger else Status.CANCELLED
    return books.end(account, order, status, CancelType.LIQUIDATION)
