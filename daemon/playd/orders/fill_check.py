"""What a position at the venue must look like: side, size, stop, and the stop to set where one is missing. Pure functions."""

from collections.abc import Iterable
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
    USELESS_STOP = "useless_stop"  # a stop that nobody planned, on the wrong side of the market
    TRIGGERING = "triggering"  # the planned stop stands, and the mark is beyond it: it should fire any moment

    @property
    def naked(self) -> bool:
        """Whether the position has no stop that limits its loss."""
        return self in (Finding.NO_STOP, Finding.USELESS_STOP)


@dataclass(frozen=True, slots=True)
class Expected:
    """
    What the ledger holds of a symbol. `ours` is False where no instance owns any of it.

    The venue keeps one stop, so that of several owners' stops none is the plan; `nearest` is the one that is reached first.
    """

    signed_qty: Decimal
    stop: Decimal | None
    tick: Decimal
    ours: bool
    nearest: Decimal | None = None


def compare(expected: Expected, seen: VenuePosition) -> Finding:
    """
    Judge one reading. A missing stop is found before a wrong size, because it is the greater danger.

    A stop may lie on the winning side of the entry (break-even, trailing). Beyond the mark it may lie for a while only: it is
    triggered by the last price, and on the local exchange by the candle's close, so the mark may be there first.
    """
    signed = seen.signed_qty
    if signed != 0 and expected.ours:
        if seen.stop == 0:
            return Finding.NO_STOP
        if not _planned(expected, seen) and _beyond_mark(signed, seen.stop, seen.mark_price):
            return Finding.USELESS_STOP
    if signed != expected.signed_qty:
        return Finding.SIZE
    if signed == 0 or not expected.ours:
        return Finding.VERIFIED
    if not _planned(expected, seen):
        return Finding.WRONG_STOP
    return Finding.TRIGGERING if _beyond_mark(signed, seen.stop, seen.mark_price) else Finding.VERIFIED


def behind_liquidation(seen: VenuePosition) -> bool:
    """Whether the venue would liquidate the position before its stop is reached, as far as it states where that is."""
    stop, liq, mark, signed = seen.stop, seen.liq_price, seen.mark_price, seen.signed_qty
    if not stop or signed == 0 or liq <= 0:
        return False
    return stop <= liq < mark if signed > 0 else mark < liq <= stop


@dataclass(frozen=True, slots=True)
class Fallback:
    """
    Where a stop lies that nobody planned: `wide` USDT from the entry, which is some hourly ranges; without one, and where that
    would be no price, `pct` percent from mark.
    """

    pct: Decimal
    wide: Decimal | None = None


def planned_stop(expected: Expected, seen: VenuePosition, fallback: Fallback) -> Decimal | None:
    """
    The stop to set: the planned one, else the nearest of several owners, else the fallback, which never lies further away than
    half the way to liquidation. On the tick of now, rounded towards the market: a plan may be older than the tick.

    None when the mark is already beyond the stop: the position must be closed instead.
    """
    signed, mark = seen.signed_qty, seen.mark_price
    stop = expected.stop if expected.stop is not None else expected.nearest
    stop = _fallback_stop(expected, seen, fallback) if stop is None else on_tick(stop, expected.tick, up=signed > 0)
    return None if _beyond_mark(signed, stop, mark) else stop


def on_tick(price: Decimal, tick: Decimal, *, up: bool) -> Decimal:
    """A price as a multiple of the tick, itself if it is one."""
    beyond = price % tick
    return price + tick - beyond if beyond and up else price - beyond


def nearest_stop(held: Iterable[tuple[Decimal, Decimal | None]]) -> Decimal | None:
    """
    Of several owners' stops, each with its signed quantity, the one that is reached first. None where they stand on both sides,
    or where nobody planned any.
    """
    known = [(signed > 0, stop) for signed, stop in held if stop is not None]
    sides, stops = {long for long, _ in known}, [stop for _, stop in known]
    if len(sides) != 1:
        return None
    return max(stops) if sides == {True} else min(stops)


def _fallback_stop(expected: Expected, seen: VenuePosition, fallback: Fallback) -> Decimal:
    sign, mark = 1 if seen.signed_qty > 0 else -1, seen.mark_price
    distance = mark * fallback.pct / 100
    if fallback.wide is not None and seen.entry_price > 0 and seen.entry_price - sign * fallback.wide > 0:
        distance = (mark - seen.entry_price) * sign + fallback.wide
    if seen.liq_price > 0:
        distance = min(distance, abs(mark - seen.liq_price) / 2)
    rounding = ROUND_CEILING if sign > 0 else ROUND_FLOOR
    return ((mark - sign * distance) / expected.tick).to_integral_value(rounding) * expected.tick


def _planned(expected: Expected, seen: VenuePosition) -> bool:
    """Whether the stop at the venue is the one that was wanted; any is, where nobody knows which one was."""
    return expected.stop is None or abs(seen.stop - expected.stop) <= expected.tick


def _beyond_mark(signed_qty: Decimal, stop: Decimal, mark: Decimal) -> bool:
    if mark <= 0:
        return False
    return stop >= mark if signed_qty > 0 else stop <= mark
