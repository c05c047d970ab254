"""When an entry may be decided at all: play-language 7.2 and 7.3, and that unknown is never a reason to act."""

import math
from datetime import datetime

import numpy as np
import pytest
from numpy.random import PCG64, Generator

from playd.core.errors import PlayError
from playd.engine import records as e
from playd.engine.account import apply_entry, apply_exit
from playd.engine.decide import is_open
from playd.engine.rules import build_windows
from playd.matching.records import SIGNAL, SL
from playd.research.backtest import run_backtest
from tests.engine_desk import BTC, MINUTE_MS, START_MS, Desk, play_of, random_candles

QUARTER_MS = 15 * MINUTE_MS
TEN_MS = START_MS + 10 * 3_600_000


def closed_at(desk: Desk, time_ms: int, reason: int) -> None:
    """A position that is opened and closed at `time_ms`."""
    apply_entry(desk.state, desk.rules, 1, 100, 1_000.0, 0.0, time_ms)
    apply_exit(desk.state, desk.rules, 100, 1_000.0, 0.0, time_ms, reason, np.zeros(1, e.TRADE), 0)


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


@pytest.mark.parametrize(
    ("time", "verdict"),
    [
        ("2025-03-07T14:30", "ENTERED"),
        ("2025-03-07T13:30", "window_closed"),
        ("2025-03-10T13:30", "ENTERED"),
        ("2025-03-10T20:00", "window_closed"),
        ("2025-11-03T20:30", "ENTERED"),
        ("2025-11-01T15:00", "window_closed"),
    ],
)
def test_a_window_is_in_the_local_time_of_its_zone(time: str, verdict: str) -> None:
    """New York opens at 14:30 UTC in winter and at 13:30 in summer, which began on 2025-03-09 and ended on 2025-11-02."""
    windows = '[{days: [mon, tue, wed, thu, fri], from: "09:30", to: "16:00", zone: America/New_York}]'
    desk = Desk(play_of(policy=f"{{mode: long_short, trading_windows: {windows}}}"))
    close_ms = int(datetime.fromisoformat(f"{time}+00:00").timestamp()) * 1000
    assert desk.verdict(1_000.0, close_ms, entry_long=1.0) == verdict


def test_windows_of_several_zones_are_each_in_their_own_time() -> None:
    """Kathmandu is 5 h 45 min ahead of UTC; Berlin in winter one hour."""
    windows = '[{from: "06:00", to: "06:01", zone: Asia/Kathmandu}, {from: "05:00", to: "05:01", zone: Europe/Berlin}]'
    weeks, spans = build_windows(play_of(policy=f"{{trading_windows: {windows}}}").policy.trading_windows)
    last = weeks[spans[-1, 1] :][:1440]
    assert np.flatnonzero(last).tolist() == [15, 4 * 60], "the last stretch begins with a winter"
    assert is_open((weeks, spans), START_MS + 15 * MINUTE_MS)
    assert is_open((weeks, spans), START_MS + 4 * 60 * MINUTE_MS)
    assert not is_open((weeks, spans), START_MS + 3 * 60 * MINUTE_MS)


def test_an_unknown_zone_is_refused_with_the_nearest_and_summer_time_is_told() -> None:
    policy = '{trading_windows: [{from: "09:00", to: "16:00", zone: %s}]}'
    with pytest.raises(PlayError, match=r"E105 .*zone: found the unknown zone `Europe/Berln`.* did you mean `Europe/Berlin`"):
        play_of(policy=policy % "Europe/Berln")
    assert any("W603" in warning for warning in play_of(policy=policy % "Europe/Berlin").warnings)
    assert not any("W603" in warning for warning in play_of(policy=policy % "Asia/Tokyo").warnings)


@pytest.mark.parametrize(
    ("minutes_before", "signals", "verdict"),
    [
        (30, {"entry_long": 1.0, "funding_rate": 0.0006}, "funding"),
        (31, {"entry_long": 1.0, "funding_rate": 0.0006}, "ENTERED"),
        (30, {"entry_long": 1.0, "funding_rate": 0.0005}, "ENTERED"),
        (30, {"entry_short": 1.0, "funding_rate": 0.0006}, "ENTERED"),
        (30, {"entry_short": 1.0, "funding_rate": -0.0006}, "funding"),
        (30, {"entry_long": 1.0}, "funding_unknown"),
        (31, {"entry_long": 1.0}, "ENTERED"),
        (0, {"entry_long": 1.0}, "ENTERED"),
    ],
)
def test_funding_guard(minutes_before: int, signals: dict[str, float], verdict: str) -> None:
    """7.2: not within 30 minutes of a stamp that would cost more than 0.05 %; who enters at the stamp does not pay it."""
    desk = Desk(play_of(policy="{mode: long_short, funding_guard: {max_rate_pct: 0.05, within_min: 30}}"))
    assert desk.verdict(1_000.0, START_MS + (480 - minutes_before) * MINUTE_MS, **signals) == verdict


@pytest.mark.parametrize(
    ("rate", "short_first", "direction"),
    [(0.0, 1.0, -1), (0.0, float("nan"), 1), (-0.0006, 1.0, 1), (0.0006, 1.0, -1), (0.0006, 0.0, -1), (-0.0006, 0.0, 1)],
)
def test_the_first_entry_that_can_act_is_the_one(rate: float, short_first: float, direction: int) -> None:
    """7.3: of two true entries the other one is tried where the first is refused for a reason of its own."""
    desk = Desk(play_of(policy="{mode: long_short, funding_guard: {max_rate_pct: 0.05, within_min: 30}}"))
    truths = {"entry_long": 1.0, "entry_short": 1.0, "short_first": short_first, "funding_rate": rate}
    intent = desk.decide(1_000.0, START_MS + 460 * MINUTE_MS, **truths)
    assert (e.VERDICTS[intent["verdict"]], intent["dir"]) == ("ENTERED", direction)


def test_without_rates_a_funding_guard_refuses_before_each_stamp_and_says_so() -> None:
    actions = "entry_long: {all: [[close, '>', 0]]}, exit_long: {all: [[close, '>', 0]]}"
    policy = "{mode: long_short, exit_mode: first_hit, funding_guard: {max_rate_pct: 1, within_min: 60}}"
    play = play_of(actions=actions, policy=policy)
    assert any("W303" in warning for warning in play.warnings)
    result = run_backtest(play, random_candles(Generator(PCG64(1)), 500), BTC)
    refused = result.decision_times_ms[result.verdicts == e.FUNDING_UNKNOWN]
    assert len(refused)
    assert set((refused - START_MS) // MINUTE_MS) <= set(range(420, 480))


def test_one_entry_is_decided_per_execution_bar() -> None:
    """7.3: an entry at 10:07 that was left at 10:09 is the only one until the bar has closed, also without a cool-down."""
    actions = "entry_long: {all: [[last_price, '>', 0]]}"
    desk = Desk(play_of(exec_tf="15m", actions=actions))
    assert desk.verdict(1_000.0, TEN_MS + 7 * MINUTE_MS, entry_long=1.0) == "ENTERED"
    closed_at(desk, TEN_MS + 8 * MINUTE_MS, SIGNAL)
    desk.state["pending_qty"] = 0
    assert desk.verdict(1_000.0, TEN_MS + 9 * MINUTE_MS, entry_long=1.0) == "entered_this_bar"
    assert desk.verdict(1_000.0, TEN_MS + QUARTER_MS, entry_long=1.0) == "entered_this_bar"
    assert desk.verdict(1_000.0, TEN_MS + 16 * MINUTE_MS, entry_long=1.0) == "ENTERED"


def test_cooldown_holding_and_moving_stops_wait_for_the_execution_bar() -> None:
    """Inside a bar of 15 minutes nothing is counted; 7.2: stopped at 10:07, the first entry decision is at 12:15."""
    policy = "{mode: long_short, exit_mode: first_hit, time_exit_bars: 3, cooldown_bars: {exit: 2, stop: 8}}"
    sizing = "sizing: {model: fixed_usdt, value: 900}"
    risk = f"risk_model: {{stop_loss: {{type: trailing_pct, trail_pct: 1}}, take_profit: none, {sizing}}}"
    desk = Desk(play_of(exec_tf="15m", actions="entry_long: {all: [[last_price, '>', 0]]}", policy=policy, risk=risk))
    closed_at(desk, TEN_MS + 7 * MINUTE_MS, SL)
    verdicts = {m: desk.verdict(1_000.0, TEN_MS + m * MINUTE_MS, entry_long=1.0) for m in range(8, 136)}
    assert [m for m, verdict in verdicts.items() if verdict != "COOLDOWN"] == [135]
    desk.state["pending_qty"] = 0
    desk.hold(1, 1_000.0, stop_ticks=9_900)
    desk.state["held_closes"] = 0
    stops = {}
    for m in range(136, 152):
        desk.decide(1_000.0 + m, TEN_MS + m * MINUTE_MS)
        stops[m] = int(desk.state["stop_ticks"][0])
    assert {m for m, stop in stops.items() if stop != 9_900} == {150, 151}
    assert desk.state["held_closes"][0] == 1


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
