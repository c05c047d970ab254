"""Whose position goes first when the venue has to close some for a bankrupt one on the other side."""

from collections.abc import Iterable
from typing import Final

from playd.venues.exchange.listing import Listing
from playd.venues.exchange.margin import unrealised
from playd.venues.exchange.model import Account, Position

LIGHTS: Final = 5


def queue(accounts: Iterable[Account], listing: Listing, direction: int) -> list[tuple[Account, Position]]:
    """Positions of a symbol and direction, first the one that goes first: the most profitable and most leveraged."""
    found = [
        (account, position)
        for account in accounts
        for position in account.places(listing.instrument.symbol)
        if position.direction == direction
    ]
    return sorted(found, key=lambda each: -_rank(listing, each[1]))


def indicator(accounts: Iterable[Account], listing: Listing, position: Position) -> int:
    """What users see of the place of a position in its queue: 5 in the first fifth, 1 in the last, 0 when flat."""
    if not position.steps:
        return 0
    ahead = [other for _, other in queue(accounts, listing, position.direction)]
    place = next(place for place, other in enumerate(ahead) if other is position)
    return LIGHTS - LIGHTS * place // len(ahead)


def _rank(listing: Listing, position: Position) -> float:
    """Profit as a part of the position's value, times leverage; of a loss, divided by it."""
    leverage = float(position.leverage)
    value = listing.qty(abs(position.steps)) * float(position.entry)
    profit = float(unrealised(position, listing)) / value
    return profit * leverage if profit > 0.0 else profit / leverage
