"""Prices taken from the book: an order joins a level of its own side, or takes one of the other, without naming a price."""

from typing import Final

from playd.core.orders import Side
from playd.venues.exchange.books import Books
from playd.venues.exchange.liquidity import level_ticks
from playd.venues.exchange.listing import Listing
from playd.venues.exchange.refusal import NO_MARKET_PRICE, PARAMETER, Refusal
from playd.venues.exchange.wishes import Request, text_of, word

_LEVELS: Final = ("1", "2", "3", "4", "5")
CREATE_TYPE: Final = "CreateByBboOrder"


def wants_book_price(request: Request) -> bool:
    """Whether a request names a level of the book for its price; market orders have no price to name."""
    return bool(text_of(request, "bboSideType")) and text_of(request, "orderType") != "Market"


def with_book_price(books: Books, listing: Listing, request: Request) -> Request:
    """
    The request with the price of the level it names, in place of any other: `Queue` is its own side, `Counterparty` the other.

    Raises `Refusal`, also when the book has no such level.
    """
    if text_of(request, "triggerPrice"):
        raise Refusal(PARAMETER, "params error: bboSideType is not supported for conditional orders")
    kind = word(request, "bboSideType", ("Queue", "Counterparty"))
    level = int(word(request, "bboLevel", _LEVELS))
    side = Side(word(request, "side", ("Buy", "Sell")))
    ticks = level_ticks(books, listing, side if kind == "Counterparty" else side.opposite, level)
    if ticks is None:
        raise Refusal(NO_MARKET_PRICE, f"no price: the book has no level {level} on that side")
    return {**request, "price": listing.price_text(ticks)}
