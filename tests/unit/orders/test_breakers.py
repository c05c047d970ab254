"""Breakers: which losses stop an account, from figures that only the ledger and the balance make."""

from dataclasses import replace
from decimal import Decimal

import pytest

from playd.core.modes import Environment
from playd.orders.breakers import Standing, instance_trip, trips
from playd.orders.halts import Level
from playd.orders.risk_limits import BreakerLimits
from playd.orders.settings import OrderSettings

LIMITS = OrderSettings.of(Environment.DEMO).breakers
QUIET = Standing(
    equity=Decimal(10_000),
    index=Decimal(0),
    day_start=Decimal(0),
    day_realised=Decimal(0),
    peak=Decimal(0),
    high=Decimal(0),
    im_rate=Decimal("0.1"),
    mm_rate=None,
)


def fallen(usd: str, *, day: bool = False, peak: bool = False, high: bool = False) -> Standing:
    """Equity of 10 000 less a fall since the given moments; the others lie where the index is now."""
    now = -Decimal(usd)
    return replace(
        QUIET,
        equity=Decimal(10_000) + now,
        index=now,
        day_start=Decimal(0) if day else now,
        peak=Decimal(0) if peak else now,
        high=Decimal(0) if high else now,
    )


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (QUIET, set()),
        (fallen("199.99", day=True), set()),
        (fallen("200", day=True), {("DAILY_LOSS", Level.PAUSE)}),
        (fallen("299.99", day=True), {("DAILY_LOSS", Level.PAUSE)}),
        (fallen("300", day=True), {("DAILY_LOSS", Level.HALT)}),
        (replace(QUIET, day_realised=Decimal(-310)), {("DAILY_LOSS", Level.HALT)}),
        (replace(QUIET, day_realised=Decimal(310)), set()),
        (fallen("149.99", peak=True), set()),
        (fallen("150", peak=True), {("FAST_FALL", Level.HALT)}),
        (replace(fallen("599.99"), week_start=Decimal(0)), set()),
        (replace(fallen("600"), week_start=Decimal(0)), {("WEEK_LOSS", Level.HALT)}),
        (fallen("999.99", high=True), set()),
        (fallen("1000", high=True), {("DRAWDOWN", Level.HALT)}),
        (replace(QUIET, im_rate=Decimal("0.5999")), set()),
        (replace(QUIET, im_rate=Decimal("0.60")), {("MARGIN_INITIAL", Level.PAUSE)}),
        (replace(QUIET, mm_rate=Decimal("0.70")), {("MARGIN_MAINTENANCE", Level.HALT)}),
        (replace(QUIET, day_start=None), {("DAILY_LOSS", Level.OPEN)}),
        (replace(fallen("1000", high=True), day_start=None), {("DAILY_LOSS", Level.OPEN), ("DRAWDOWN", Level.HALT)}),
        (
            replace(QUIET, day_start=None, mm_rate=Decimal("0.5")),
            {("DAILY_LOSS", Level.OPEN), ("MARGIN_MAINTENANCE", Level.PAUSE)},
        ),
        (None, {("DAILY_LOSS", Level.OPEN)}),
        (replace(fallen("10000", day=True), equity=Decimal(0)), {("DAILY_LOSS", Level.HALT)}),
    ],
)
def test_a_breaker_trips_at_its_limit_and_not_a_cent_before(
    standing: Standing | None, expected: set[tuple[str, Level]]
) -> None:
    assert {(trip.code, trip.level) for trip in trips(standing, LIMITS)} == expected


def test_who_sets_no_limit_of_a_day_needs_no_day() -> None:
    without = replace(LIMITS, day_pause_pct=None, day_halt_pct=None)

    assert trips(replace(QUIET, day_start=None), without) == ()


def test_without_limits_nothing_trips_and_nothing_needs_to_be_known() -> None:
    assert trips(None, BreakerLimits()) == ()


@pytest.mark.parametrize(("result", "trips_now"), [("-99.99", False), ("-100", True), ("50", False)])
def test_an_instance_is_measured_by_its_own_capital(result: str, trips_now: bool) -> None:
    found = instance_trip(Decimal(result), Decimal(1_000), LIMITS)

    assert (found is not None) is trips_now
    assert instance_trip(Decimal(-500), Decimal(0), LIMITS) is None
