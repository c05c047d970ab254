"""Money that comes into a wallet or leaves it, other than by trading."""

from decimal import Decimal

from playd.venues.exchange import log_rows
from playd.venues.exchange.books import Books
from playd.venues.exchange.model import Account
from playd.venues.exchange.refusal import NO_FUNDS, Refusal
from playd.venues.exchange.text import exact_sum


def move_money(books: Books, account: Account, change_usdt: Decimal) -> None:
    """Put money into a wallet, or take it out when negative; logged and told. Raises `Refusal` for more than there is."""
    after = exact_sum(account.wallet, change_usdt)
    if after < 0:
        raise Refusal(NO_FUNDS, "the wallet has less than that")
    account.wallet = after
    books.changes.log.append((account.uid, log_rows.moved(account, change_usdt, books.time.now_ms, books.next_sequence())))
    books.tell_wallet(account)
