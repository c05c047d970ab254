"""What a fill does to a position: netting, average entry, gross profit, shares of fees. Exact to the last digit."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from playd.venues.exchange.listing import Listing
from playd.venues.exchange.model import Position
from playd.venues.exchange.text import exact_product, exact_sum, rounded

_ENTRY_DIGITS: Final = Decimal("1E-15")
_FEE_DIGITS: Final = Decimal("1E-18")


@dataclass(frozen=True, slots=True)
class Settled:
    """
    The closing part of a fill; all zero when it only opened or added.

    `pnl` is gross; `net_pnl` is after the closing fee and the share of the opening fees. `entry` is the price it was measured
    against, `open_fee` and `close_fee` are the two shares.
    """

    closed_steps: int
    pnl: Decimal
    net_pnl: Decimal
    entry: Decimal
    open_fee: Decimal
    close_fee: Decimal


def split(position: Position, signed_steps: int) -> tuple[int, int]:
    """How many steps of a fill close the position and how many open or add to one."""
    if position.steps * signed_steps >= 0:
        return 0, abs(signed_steps)
    closing = min(abs(position.steps), abs(signed_steps))
    return closing, abs(signed_steps) - closing


def settle(position: Position, listing: Listing, signed_steps: int, ticks: int, fee: Decimal, time_ms: int) -> Settled:
    """Apply a fill of `signed_steps` (positive bought) at `ticks` with `fee` to `position`; returns its closing part."""
    closing, opening = split(position, signed_steps)
    price = listing.price_decimal(ticks)
    close_fee = fee if not opening else _share(fee, closing, abs(signed_steps))
    settled = _close(position, listing, closing, price, close_fee)
    if opening:
        _open(position, opening if signed_steps > 0 else -opening, price, exact_sum(fee, -close_fee), time_ms)
    position.updated_ms = time_ms
    position.realised_ever = exact_sum(position.realised_ever, settled.pnl, -fee)
    return settled


def _close(position: Position, listing: Listing, steps: int, price: Decimal, close_fee: Decimal) -> Settled:
    if steps == 0:
        return Settled(0, Decimal(0), Decimal(0), Decimal(0), Decimal(0), Decimal(0))
    direction, entry = position.direction, position.entry
    pnl = exact_product(Decimal(direction), listing.qty_decimal(steps), exact_sum(price, -entry))
    open_fee = _share(position.open_fee, steps, abs(position.steps))
    position.open_fee = exact_sum(position.open_fee, -open_fee)
    position.extra_margin = exact_sum(position.extra_margin, -_share(position.extra_margin, steps, abs(position.steps)))
    position.steps -= direction * steps
    if position.steps == 0:
        position.entry, position.opened_ms, position.realised = Decimal(0), 0, Decimal(0)
    else:
        position.realised = exact_sum(position.realised, pnl, -close_fee)
    return Settled(steps, pnl, exact_sum(pnl, -close_fee, -open_fee), entry, open_fee, close_fee)


def _open(position: Position, signed_steps: int, price: Decimal, fee: Decimal, time_ms: int) -> None:
    held, added = abs(position.steps), abs(signed_steps)
    if held == 0:
        position.entry, position.opened_ms = price, time_ms
        position.created_ms = position.created_ms or time_ms
    else:
        total = exact_sum(exact_product(Decimal(held), position.entry), exact_product(Decimal(added), price))
        position.entry = (total / (held + added)).quantize(_ENTRY_DIGITS)
    position.steps += signed_steps
    position.open_fee = exact_sum(position.open_fee, fee)
    position.realised = exact_sum(position.realised, -fee)


def _share(amount: Decimal, part: int, whole: int) -> Decimal:
    """`amount * part / whole`; the whole of it when part is whole, so that shares always add up."""
    return amount if part == whole else rounded(amount * part / whole, _FEE_DIGITS)
