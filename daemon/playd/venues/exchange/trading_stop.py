"""Stop, target and trailing stop of an open position, as a user sets and removes them."""

from playd.core.orders import Side
from playd.venues.exchange import refusal
from playd.venues.exchange.arrivals import listing_of, place_for
from playd.venues.exchange.books import Books
from playd.venues.exchange.listing import Listing
from playd.venues.exchange.minute import catch_up
from playd.venues.exchange.model import Account, Leg, Order, Position
from playd.venues.exchange.protection import PARTIAL_MAX, add_pair, partial_count, set_levels, set_trailing
from playd.venues.exchange.refusal import PARAMETER, Refusal
from playd.venues.exchange.wishes import (
    Request,
    check_level_sides,
    decimal,
    read_leg,
    read_position_idx,
    read_ticks,
    with_levels_mode,
    word,
)


def set_trading_stop(books: Books, account: Account, request: Request) -> None:
    """
    `Full` sets the one stop and target of the position (`"0"` removes one, what is absent stays); `Partial` adds orders for a
    part of it. `trailingStop` is a distance, whatever the mode. Refused as not modified when nothing changes.
    """
    listing = listing_of(books, request)
    request = with_levels_mode(request, listing, account)
    partial = word(request, "tpslMode", ("Full", "Partial"), default="Full") == "Partial"
    catch_up(books, account, listing.instrument.symbol)
    position = place_for(books, account, listing.instrument.symbol, read_position_idx(request))
    if position.side is None:
        raise Refusal(PARAMETER, "can not set tp/sl/ts for zero position")
    stop, target = (read_leg(request, letters, listing, partial=partial) for letters in ("sl", "tp"))
    if stop:
        check_level_sides(position.side, listing.price_of(stop.trigger_by), stop.trigger_ticks, 0, listing)
    if target:
        check_level_sides(position.side, listing.price_of(target.trigger_by), 0, target.trigger_ticks, listing)
    trail = _trail(account, listing, position, position.side, request)
    changed: list[Order] = []
    if partial:
        changed += _add_partial(books, account, listing, position, request, stop or Leg(), target or Leg())
    else:
        changed += set_levels(books, account, position, stop, target, "")
    if trail is not None:
        changed += set_trailing(books, account, position, *trail)
    if not changed:
        raise Refusal(refusal.STOPS_NOT_MODIFIED, "not modified")
    books.tell_orders(account, changed)
    books.tell_position(account, position)


def _add_partial(
    books: Books, account: Account, listing: Listing, position: Position, request: Request, stop: Leg, target: Leg
) -> list[Order]:
    legs = sum(bool(leg.trigger_ticks) for leg in (stop, target))
    if not legs:
        return []
    sizes = [decimal(request, name) for name, leg in (("slSize", stop), ("tpSize", target)) if leg.trigger_ticks]
    size = sizes[0]
    if size is None or any(each != size for each in sizes):
        raise Refusal(PARAMETER, "params error: tpSize and slSize must be given and equal in Partial mode")
    try:
        steps = listing.steps_of(str(size))
    except ValueError:
        steps = 0
    if not 0 < steps <= abs(position.steps):
        raise Refusal(PARAMETER, f"params error: tpslSize {size} is not a part of the position")
    if partial_count(account, position) + legs > PARTIAL_MAX:
        raise Refusal(refusal.TOO_MANY_PARTIAL, f"Not allowed to have more than {PARTIAL_MAX} partial TP/SLs")
    return add_pair(books, account, position, stop, target, steps)


def _trail(account: Account, listing: Listing, position: Position, side: Side, request: Request) -> tuple[int, int] | None:
    """Distance and waking price in ticks that are asked for, None when the request says nothing about trailing."""
    distance, active = read_ticks(request, "trailingStop", listing), read_ticks(request, "activePrice", listing)
    present = account.orders.get(position.trailing_id)
    if distance is None and active is None:
        return None
    if distance is None:
        if present is None:
            raise Refusal(PARAMETER, "params error: activePrice needs a trailingStop")
        distance = present.trail_ticks
    if active is None:
        active = present.active_ticks if present else 0
    if distance and listing.price(distance) >= listing.last:
        raise Refusal(PARAMETER, f"params error: trailingStop {listing.price_text(distance)} is not below the price")
    if active and (present is None or active != present.active_ticks):
        check_level_sides(side, listing.last, 0, active, listing)
    return distance, active
