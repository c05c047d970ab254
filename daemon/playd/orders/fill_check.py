"""What a position at the venue must look like: side, size, stop, and the stop to set where one is missing. Pure functions."""

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum

from playd.core.orders import VenuePosition


class Finding(StrEnum):
    """Result of comparing one reading with what the ledger expects."""

    VERIFIED = "verified"
    SIZE = "size"  # side or quantity differs
    NO_STOP = "no_stop"
    WRONG_STOP = "wrong_stop"  # a stop is there, at another price than planned
    USELESS_STOP = "useless_stop"  # a stop on the winning side of the entry would open nothing but losses unbounded

    @property
    def naked(self) -> bool:
        """Whether the position has no stop that limits its loss."""
        return self in (Finding.NO_STOP, Finding.USELESS_STOP)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the ledger holds of a symbol. `ours` is False where no instance owns any of it."""

    signed_qty: Decimal
    stop: Decimal | None
    tick: Decimal
    ours: bool


def compare(expected: Expected, seen: VenuePosition) -> Finding:
    """
    Judge one reading. A missing stop is found before a wrong size, because it is the greater danger.

    A stop may lie on the winning side of the entry (break-even, trailing), never beyond the mark.
    """
    signed = seen.signed_qty
    if signed != 0 and expected.ours:
        if seen.stop == 0:
            return Finding.NO_STOP
        if _beyond_mark(signed, seen.stop, seen.mark_price):
            return Finding.USELESS_STOP
    if signed != expected.signed_qty:
        return Finding.SIZE
    if signed != 0 and expected.ours and expected.stop is not None and abs(seen.stop - expected.stop) > expected.tick:
        return Finding.WRONG_STOP
    return Finding.VERIFIED


def planned_stop(expected: Expected, seen: VenuePosition, fallback_pct: Decimal) -> Decimal | None:
    """
    The stop to set: the planned one, else `fallback_pct` from mark, rounded towards the market.

    None when the mark is already beyond the planned stop: the position must be closed instead.
    """
    signed, mark = seen.signed_qty, seen.mark_price
    if expected.stop is not None:
        return None if _beyond_mark(signed, expected.stop, mark) else expected.stop
    distance = mark * fallback_pct / 100
    if signed > 0:
        return ((mark - distance) / expected.tick).to_integral_value(ROUND_CEILING) * expected.tick
    return ((mark + distance) / expected.tick).to_integral_value(ROUND_FLOOR) * expected.tick


def _beyond_mark(signed_qty: Decimal, stop: Decimal, mark: Decimal) -> bool:
    if mark <= 0:
        return False
    return stop >= mark if signed_qty > 0 else stop <= mark
