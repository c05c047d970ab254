"""Funding: what positions pay or receive at a stamp."""

from playd.matching.money import funding_usdt
from playd.venues.exchange import log_rows
from playd.venues.exchange.books import Books
from playd.venues.exchange.listing import Listing
from playd.venues.exchange.model import Account, Position
from playd.venues.exchange.rows import funding_row
from playd.venues.exchange.text import decimal_of, exact_sum


def pay_funding(books: Books, symbol: str, rate: float) -> None:
    """A stamp: whoever holds now pays or receives. The mark is that of the open of the candle at the stamp."""
    listing = books.listings[symbol]
    for account in books.accounts.values():
        for position in account.places(symbol):
            if position.steps:
                _pay(books, account, position, listing, rate)


def _pay(books: Books, account: Account, position: Position, listing: Listing, rate: float) -> None:
    qty = listing.qty(abs(position.steps))
    paid = decimal_of(funding_usdt(position.direction, qty, listing.mark, rate))
    position.realised = exact_sum(position.realised, -paid)
    position.realised_ever = exact_sum(position.realised_ever, -paid)
    position.updated_ms, position.sequence = books.time.now_ms, books.next_sequence()
    account.wallet = exact_sum(account.wallet, -paid)
    account.realised_ever = exact_sum(account.realised_ever, -paid)
    execution = funding_row(
        position,
        listing,
        exec_id=books.new_id(),
        order_id=f"{books.time.now_ms // 1000}-{position.symbol}-{account.uid}-{position.side}",
        seq=position.sequence,
        time_ms=books.time.now_ms,
        paid=paid,
        rate=rate,
    )
    books.changes.log.append((account.uid, log_rows.funding(account, position, listing, execution, paid)))
    books.tell_execution(account, execution)
    books.tell_position(account, position)
    books.tell_wallet(account)
