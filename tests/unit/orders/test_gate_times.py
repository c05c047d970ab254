"""A refusal says how old what it looked at is, and from when on the same entry may pass; None where nobody can know."""

from dataclasses import astuple, replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playd.core.timeframes import DAY_MS, MINUTE_MS
from playd.orders.breakers import Trip
from playd.orders.gates import Case, Refusal
from playd.orders.halts import Halt, Level
from playd.orders.opened import HOUR_MS, total
from playd.orders.pipeline import judge
from playd.orders.policy_windows import Window, closed_by, opens_ms
from playd.settings.limits_model import DAYS, PolicyWindow
from tests.unit.orders.test_gates import (
    CAPPED,
    MORNING,
    NIGHT,
    OPEN,
    QUOTED,
    funded,
    limited,
    listed_for,
    windowed,
    with_,
)

NOW_MS = 20_000 * DAY_MS + 5 * 3_600_000
"""Wall time of the decisions; their bars are of 1970."""

MIDNIGHT_MS = 20_001 * DAY_MS
DAY_ONE_MS = DAY_MS
"""The midnight behind the bar that closes at 00:01."""

AT_WALL = with_(OPEN, facts_now_ms=NOW_MS)


def halted(level: Level, code: str) -> Case:
    return with_(AT_WALL, facts_halt=Halt(1, "account:main", level, code, "because", "me", NOW_MS - 90_000))


def tripped(level: Level, code: str = "DAILY_LOSS") -> Case:
    return with_(AT_WALL, facts_trips=(Trip(code, level, "loss", "2.1", "2", "%"),))


def week(*usd: int, wanted: str = "0.010") -> Case:
    """Opened in hours a day apart, the newest first, of 10 000 allowed; what is wanted costs 500 a hundredth."""
    opened = tuple((-ago * DAY_MS, Decimal(each)) for ago, each in enumerate(usd))
    return with_(
        limited(week_notional_pct=Decimal(100)), facts_opened=opened, facts_week_usd=total(opened), intent_qty=Decimal(wanted)
    )


CLOSE_MS = 8 * 3_600_000
TIMES = [
    (halted(Level.PAUSE, "DAILY_LOSS"), MIDNIGHT_MS, 90.0),
    (halted(Level.HALT, "DAILY_LOSS"), None, 90.0),
    (halted(Level.PAUSE, "OPERATOR"), None, 90.0),
    (with_(AT_WALL, inputs_state="degraded", inputs_state_until_ms=NOW_MS + 7), NOW_MS + 7, None),
    (with_(AT_WALL, inputs_state="paused"), None, None),
    (with_(AT_WALL, facts_held_s=2.5), NOW_MS + 2_500, None),
    (with_(AT_WALL, facts_ready=False, facts_not_ready="private stream is down"), None, None),
    (with_(AT_WALL, facts_equity_age_s=130.0), None, 130.0),
    (with_(AT_WALL, inputs_feed_age_s=31.0), None, 31.0),
    (with_(AT_WALL, inputs_bar_age_s=31.0), None, 31.0),
    (with_(QUOTED, inputs_quote_age_s=2.5), None, 2.5),
    (windowed(MORNING), 8 * 3_600_000, None),
    (windowed({**NIGHT, "to": "00:01"}), 6 * DAY_MS + 22 * 3_600_000, None),  # the next Wednesday
    (windowed(NIGHT, {"kind": "block"}), None, None),
    (funded(100.0), CLOSE_MS + 160_001, None),
    (funded(0.0), CLOSE_MS + 60_001, None),
    (funded(-20.0), CLOSE_MS + 40_001, None),
    (funded(None), None, None),
    (listed_for(6.5), 100 * DAY_MS + DAY_MS // 2, None),
    (tripped(Level.PAUSE), MIDNIGHT_MS, None),
    (with_(tripped(Level.PAUSE), facts_venue_ms=MIDNIGHT_MS + 1), MIDNIGHT_MS + DAY_MS, None),  # our clock is behind
    (with_(halted(Level.PAUSE, "DAILY_LOSS"), facts_venue_ms=MIDNIGHT_MS + 1), MIDNIGHT_MS + DAY_MS, 90.0),
    (tripped(Level.HALT), None, None),
    (tripped(Level.OPEN), None, None),  # the start of the day is unknown
    (tripped(Level.HALT, "DRAWDOWN"), None, None),
    (with_(CAPPED, facts_day_usd=Decimal(501)), DAY_ONE_MS, None),
    (with_(CAPPED, facts_day_orders=3), DAY_ONE_MS, None),
    (with_(limited(day_notional_pct=Decimal(4))), None, None),  # more than a whole day allows
    (with_(limited(day_notional_pct=Decimal(5)), facts_day_usd=Decimal(1)), DAY_ONE_MS, None),  # just a whole day
    (with_(CAPPED, facts_entries_hour_account=4, facts_hour_until_ms=77), 77, None),
    (week(9_501, 0, 0, 0, 0, 0, 0, 0), 7 * DAY_MS + HOUR_MS, None),
    (week(0, 0, 0, 0, 0, 0, 9_000, 9_600), HOUR_MS, None),
    (week(100, 0, 0, 0, 0, 9_300, 200, 0), DAY_MS + HOUR_MS, None),
    (week(0, 0, 0, 0, 0, 0, 0, 9_501), HOUR_MS, None),
    (week(9_500, 0, 0, 0, 0, 0, 0, 0, wanted="0.300"), None, None),
]


@pytest.mark.parametrize(("case", "next_ms", "age_s"), TIMES)
def test_a_refusal_says_when_it_may_end_and_how_old_its_input_is(case: Case, next_ms: int | None, age_s: float | None) -> None:
    refusal = judge(case)

    assert refusal is not None
    assert (refusal.next_ms, refusal.age_s) == (next_ms, age_s)


@pytest.mark.parametrize(("stamp_s", "interval_s"), [(100.0, 28_800), (0.0, 28_800), (-20.0, 28_800)])
def test_at_the_time_that_is_told_a_funding_window_is_over_and_a_millisecond_before_it_is_not(
    stamp_s: float, interval_s: int
) -> None:
    case = funded(stamp_s)
    refusal = judge(case)

    assert refusal is not None
    assert refusal.next_ms is not None
    assert judge(with_(case, intent_bar_close_ms=refusal.next_ms)) is None
    assert judge(with_(case, intent_bar_close_ms=refusal.next_ms - 1)) is not None


def test_a_line_about_a_refusal_has_value_limit_and_time() -> None:
    whole = Refusal("DAY_CAP", "entries of the UTC day", "3", "3", "orders", next_ms=MIDNIGHT_MS)

    assert whole.words == "entries of the UTC day: 3 against 3 orders; not before 2024-10-05 00:00:00 UTC"
    assert Refusal("NO_STOP", "an entry without a stop is not sent").words == "an entry without a stop is not sent"
    assert Refusal(*astuple(whole)[:5]) == replace(whole, next_ms=None)  # as an earlier version stored it


MINUTES = st.integers(0, 1439).map(lambda minute: f"{minute // 60:02}:{minute % 60:02}")
WINDOWS = st.builds(
    lambda kind, days, begin, end, zone: Window.of(
        PolicyWindow.model_validate({"kind": kind, "days": days, "from": begin, "to": end, "zone": zone})
    ),
    st.sampled_from(["allow", "block"]),
    st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True),
    MINUTES,
    MINUTES,
    st.sampled_from(["UTC", "America/New_York", "Australia/Lord_Howe"]),
)
CHANGE_MS = round(datetime(2024, 3, 10, 7, tzinfo=UTC).timestamp() * 1000)
"""New York goes over to summer time."""


@settings(max_examples=12, deadline=None)
@given(st.lists(WINDOWS, max_size=3), st.integers(-3 * 1440, 1440))
def test_windows_open_at_the_first_minute_that_none_of_them_closes(windows: list[Window], minutes: int) -> None:
    now_ms = CHANGE_MS + minutes * MINUTE_MS
    plainly = next((now_ms + n * MINUTE_MS for n in range(1, 8 * 1440) if not closed_by(windows, now_ms + n * MINUTE_MS)), None)
    if closed_by(windows, now_ms):
        assert opens_ms(windows, now_ms) == plainly
