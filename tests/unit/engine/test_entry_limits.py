"""When an entry may be decided at all: play-language 7.2 and 7.3, and that unknown is never a reason to act."""

import math

import numpy as np
import pytest

from playd.engine import records as e
from playd.engine.account import apply_entry, apply_exit
from playd.matching.records import SIGNAL, SL
from tests.engine_desk import MINUTE_MS, START_MS, Desk, play_of

QUARTER_MS = 15 * MINUTE_MS
TEN_MS = START_MS + 10 * 3_600_000


def closed_at(desk: Desk, time_ms: int, reason: int) -> None:
    """A position that is opened and closed at `time_ms`."""
    apply_entry(desk.state, desk.rules, 1, 100, 1_000.0, 0.0, time_ms)
    apply_exit(desk.state, desk.rules, 100, 1_000.0, 0.0, time_ms, reason, np.zeros(1, e.TRADE), 0)


@pytest.mark.parametrize(("reason", "first_entry"), [(SL, "12:15"), (SIGNAL, "10:45")])
def test_cooldown_counts_bars_that_closed_after_the_exit_s_bar(reason: int, first_entry: str) -> None:
    """7.2: {exit: 2, stop: 8}, stopped at 10:07 on 15m: the first entry decision is at 12:15."""
    desk = Desk(play_of(exec_tf="15m", policy="{mode: long_short, cooldown_bars: {exit: 2, stop: 8}}"))
    closed_at(desk, TEN_MS + 7 * MINUTE_MS, reason)
    for close_ms in range(TEN_MS + QUARTER_MS, TEN_MS + 24 * QUARTER_MS, QUARTER_MS):
        if desk.verdict(1_000.0, close_ms, entry_long=1.0) == "ENTERED":
            break
        assert desk.intent["verdict"][0] == e.COOLDOWN
    minute = (close_ms - START_MS) // MINUTE_MS
    assert f"{minute // 60:02d}:{minute % 60:02d}" == first_entry


def test_without_cooldown_the_next_close_may_enter() -> None:
    desk = Desk(play_of())
    closed_at(desk, START_MS, SL)
    assert desk.verdict(1_000.0, entry_long=1.0) == "ENTERED"


def test_entries_per_day_count_fills_of_the_utc_day() -> None:
    desk = Desk(play_of(policy="{mode: long_short, max_entries_per_day: 2}"))
    closed_at(desk, START_MS, SIGNAL)
    closed_at(desk, START_MS + MINUTE_MS, SIGNAL)
    assert desk.verdict(1_000.0, START_MS + 5 * MINUTE_MS, entry_long=1.0) == "entries_today"
    assert desk.verdict(1_000.0, START_MS + 24 * 60 * MINUTE_MS, entry_long=1.0) == "ENTERED"


@pytest.mark.parametrize(
    ("days_later", "hour", "verdict"),
    [(0, 7, "ENTERED"), (0, 6, "window_closed"), (0, 21, "window_closed"), (3, 12, "window_closed")],
)
def test_trading_window(days_later: int, hour: int, verdict: str) -> None:
    """7.2: from ≤ t < to on the given days; 2025-01-01 is a Wednesday, three days later a Saturday."""
    windows = '[{days: [mon, tue, wed, thu, fri], from: "07:00", to: "21:00"}]'
    desk = Desk(play_of(policy=f"{{mode: long_short, trading_windows: {windows}}}"))
    assert desk.verdict(1_000.0, START_MS + (days_later * 24 + hour) * 60 * MINUTE_MS, entry_long=1.0) == verdict


@pytest.mark.parametrize(("days_later", "hour", "verdict"), [(0, 23, "ENTERED"), (1, 1, "ENTERED"), (0, 1, "window_closed")])
def test_window_past_midnight_belongs_to_the_day_it_started(days_later: int, hour: int, verdict: str) -> None:
    windows = '[{days: [wed], from: "22:00", to: "02:00"}]'
    desk = Desk(play_of(policy=f"{{mode: long_short, trading_windows: {windows}}}"))
    assert desk.verdict(1_000.0, START_MS + (days_later * 24 + hour) * 60 * MINUTE_MS, entry_long=1.0) == verdict


def test_side_that_the_mode_forbids_never_enters() -> None:
    desk = Desk(play_of(policy="{mode: short_only}", actions="entry_short: {all: [[close, '>', 0]]}"))
    assert desk.verdict(1_000.0, entry_long=1.0) == "NO_SIGNAL"
    assert desk.verdict(1_000.0, entry_short=1.0) == "ENTERED"


def test_long_wins_when_both_entries_are_true() -> None:
    desk = Desk(play_of())
    assert desk.decide(1_000.0, entry_long=1.0, entry_short=1.0)["dir"] == 1


def test_one_entry_order_at_a_time() -> None:
    desk = Desk(play_of())
    assert [desk.verdict(1_000.0, entry_long=1.0), desk.verdict(1_000.0, entry_long=1.0)] == ["ENTERED", "entry_pending"]


@pytest.mark.parametrize("unknown", [math.nan, 0.0])
def test_only_true_acts(unknown: float) -> None:
    """4.5: an action fires on true alone."""
    desk = Desk(play_of())
    assert desk.verdict(1_000.0, entry_long=unknown, entry_short=unknown) == "NO_SIGNAL"
    desk.hold(1, 1_000.0)
    assert desk.verdict(1_000.0, exit_long=unknown, exit_all=unknown) == "HOLD"
