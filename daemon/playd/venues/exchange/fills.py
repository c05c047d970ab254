"""Fills: the one way in which an order moves a position and a wallet, and what that ends, creates and tells."""

from playd.core.orders import Side
from playd.matching.money import fee_usdt
from playd.venues.exchange import log_rows
from playd.venues.exchange.books import Books
from playd.venues.exchange.margin import BPS
from playd.venues.exchange.model import Account, Order, Position
from playd.venues.exchange.protection import clear_reducing_orders, protect_after
from playd.venues.exchange.rows import Fill, execution_row
from playd.venues.exchange.settlement import Settled, settle
from playd.venues.exchange.text import decimal_of, exact_product, exact_sum
from playd.venues.exchange.words import CancelType, Status


def fill(
    books: Books, account: Account, order: Order, steps: int, ticks: int, *, maker: bool, exec_type: str = "Trade"
) -> None:
    """
    Fill `steps` (at most what is left) of an order at `ticks`: execution, order, position, wallet, log; stops follow.

    The order ends Filled with its last step and is PartiallyFilled before. Frames of the match come in the order execution,
    order (with every stop that the closing made obsolete), position, wallet; the first two share their id. Stops that the
    fill brings are told after that.
    """
    listing, position = books.listings[order.symbol], books.position_of(account, order)
    held_before = position.steps
    rate = (account.maker_bps if maker else account.taker_bps) / BPS
    fee = decimal_of(fee_usdt(listing.qty(steps), listing.price(ticks), rate))
    signed = steps if order.side is Side.BUY else -steps
    settled = settle(position, listing, signed, ticks, fee, books.time.now_ms)
    position.sequence = sequence = books.next_sequence()
    done = Fill(
        exec_id=books.new_id(),
        sequence=sequence,
        time_ms=books.time.now_ms,
        steps=steps,
        ticks=ticks,
        value=listing.value(steps, ticks),
        fee=fee,
        fee_rate=rate,
        maker=maker,
        exec_type=exec_type,
        closed_steps=settled.closed_steps,
        pnl=settled.pnl,
    )
    changed = [_count(books, account, order, done, settled)]
    if held_before and position.steps * held_before <= 0:
        changed += clear_reducing_orders(books, account, position)
    _book(books, account, order, done, settled, position)
    frame_id = f"{account.uid}_{order.symbol}_{sequence}"
    books.tell_execution(account, execution_row(done, order, listing), frame_id)
    books.tell_orders(account, changed, frame_id)
    books.tell_position(account, position)
    books.tell_wallet(account)
    protect_after(books, account, order, position, opened_steps=steps - settled.closed_steps)


def _count(books: Books, account: Account, order: Order, done: Fill, settled: Settled) -> Order:
    """Add a fill to its order, which ends with the last one."""
    order.filled_steps += done.steps
    order.filled_value = exact_sum(order.filled_value, done.value)
    order.fee = exact_sum(order.fee, done.fee)
    if settled.closed_steps:
        qty = books.listings[order.symbol].qty_decimal(settled.closed_steps)
        order.closed_row = order.closed_row or done.sequence
        order.closed_fills += 1
        order.closed_steps += settled.closed_steps
        order.closed_entry = exact_sum(order.closed_entry, exact_product(qty, settled.entry))
        order.closed_exit = exact_sum(order.closed_exit, books.listings[order.symbol].value(settled.closed_steps, done.ticks))
        order.closed_open_fee = exact_sum(order.closed_open_fee, settled.open_fee)
        order.closed_close_fee = exact_sum(order.closed_close_fee, settled.close_fee)
        order.closed_pnl = exact_sum(order.closed_pnl, settled.net_pnl)
    if order.left_steps == 0:
        return books.end(account, order, Status.FILLED, CancelType.NONE)
    order.status = Status.PARTIALLY_FILLED
    return books.touch(order)


def _book(books: Books, account: Account, order: Order, done: Fill, settled: Settled, position: Position) -> None:
    account.wallet = exact_sum(account.wallet, settled.pnl, -done.fee)
    account.realised_ever = exact_sum(account.realised_ever, settled.pnl, -done.fee)
    listing = books.listings[order.symbol]
    books.changes.log.append((account.uid, log_rows.trade(account, order, done, position, listing)))
    if settled.closed_steps:
        row = log_rows.closed_pnl(order, done, position, listing)
        books.changes.closed_pnl[order.closed_row] = (account.uid, row)
