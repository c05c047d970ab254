"""When something happens inside a candle, and up to where orders and positions have met it."""

from collections.abc import Iterator
from contextlib import contextmanager

from playd.venues.exchange import path
from playd.venues.exchange.books import Books
from playd.venues.exchange.listing import Listing
from playd.venues.exchange.model import Order, Position


@contextmanager
def moment(books: Books, listing: Listing, fraction: float, price: float | None = None) -> Iterator[None]:
    """What is done inside happens when `fraction` of the candle has passed (and, if given, at `price`), whenever it is told."""
    fraction_now, last_now, others_now = books.time.fraction, listing.last, listing.others
    books.time.fraction = fraction
    listing.last = last_now if price is None else price
    listing.others = path.prices_at(listing.beside, fraction) or others_now
    try:
        yield
    finally:
        books.time.fraction, listing.last, listing.others = fraction_now, last_now, others_now


def tested(books: Books, thing: Order | Position) -> float:
    """Up to which fraction of the candle in progress a waiting order or a position has met it."""
    return thing.tested_to if thing.tested_open_ms == books.time.open_ms else 0.0


def note_tested(books: Books, thing: Order | Position, fraction: float) -> None:
    thing.tested_open_ms, thing.tested_to = books.time.open_ms, fraction
