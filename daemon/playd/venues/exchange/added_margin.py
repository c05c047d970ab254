"""Margin that a user puts into an isolated position beyond what its leverage asks for, or takes out again."""

from decimal import Decimal
from typing import Final

from playd.venues.exchange import refusal
from playd.venues.exchange.arrivals import listing_of, place_for
from playd.venues.exchange.books import Books
from playd.venues.exchange.margin import available, is_beyond_liquidation
from playd.venues.exchange.minute import catch_up
from playd.venues.exchange.model import Account, Position
from playd.venues.exchange.refusal import PARAMETER, Refusal
from playd.venues.exchange.text import exact_sum
from playd.venues.exchange.wishes import Request, decimal, read_position_idx, word

_DECIMALS_MAX: Final = 4


def add_margin(books: Books, account: Account, request: Request) -> Position:
    """
    Add `margin` (USDT, at most four decimals) to an open position, or with a negative one take of what was added.

    Raises `Refusal`: 110076 in cross margin, 110014 without so much free balance, 110006 when less than the leverage asks for
    would be left, 110046 when the position would be liquidated.
    """
    position = _position(books, account, request)
    amount = decimal(request, "margin")
    if amount is None or amount == 0 or _decimals(amount) > _DECIMALS_MAX:
        raise Refusal(PARAMETER, "params error: margin must be a number with at most 4 decimals, not zero")
    if position.steps == 0:
        raise Refusal(PARAMETER, "can not add or reduce margin for zero position")
    if amount > available(account, books.listings):
        raise Refusal(refusal.NO_FUNDS_TO_ADD, "available balance is insufficient to add additional margin")
    before, after = position.extra_margin, exact_sum(position.extra_margin, amount)
    if after < 0:
        raise Refusal(refusal.MARGIN_TOO_SMALL, "the position margin cannot be less than what its leverage asks for")
    position.extra_margin = after
    if amount < 0 and is_beyond_liquidation(account, position, books.listings):
        position.extra_margin = before
        raise Refusal(refusal.WOULD_LIQUIDATE, "liquidation will be triggered immediately by this adjustment")
    position.updated_ms = books.time.now_ms
    books.tell_position(account, position)
    books.tell_wallet(account)
    return position


def set_auto_margin(books: Books, account: Account, request: Request) -> None:
    """Whether free balance goes into a position that would be liquidated otherwise. Raises `Refusal` 110076 in cross margin."""
    position = _position(books, account, request)
    position.auto_margin = word(request, "autoAddMargin", ("0", "1")) == "1"
    position.updated_ms = books.time.now_ms
    books.tell_position(account, position)


def _position(books: Books, account: Account, request: Request) -> Position:
    symbol = listing_of(books, request).instrument.symbol
    if account.is_cross:
        raise Refusal(refusal.ISOLATED_ONLY, "this is for isolated margin mode only")
    catch_up(books, account, symbol)
    return place_for(books, account, symbol, read_position_idx(request))


def _decimals(amount: Decimal) -> int:
    """Decimal places that a number needs."""
    return max(0, -int(amount.normalize().as_tuple().exponent))
