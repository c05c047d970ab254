"""The worked examples of windows (play-language 4.7), and where windows begin and gaps lie."""

import pytest

from tests.unit.plays.plays_of import START_MS, market, truths

MINUTE_MS = 60_000
T, F, U = True, False, None

# Closes at 10:00 to 11:15 on 15 minutes; the day before them is quiet, so that every window is full.
FIRST = START_MS + 9 * 3_600_000 + 45 * MINUTE_MS
CLOSES = [101, 99, 102, 103, 104]


def at_eleven(window: str) -> bool | None:
    before = [100.5] * 38
    return truths(window, market([*before, 100.5, *CLOSES], "15m", FIRST - 39 * 15 * MINUTE_MS), exec_tf="15m")[-1]


@pytest.mark.parametrize(
    ("expected", "window"),
    [
        (T, '{holds_for: {bars: 3, expr: [[close, ">", 100]]}}'),
        (F, '{holds_for: {bars: 4, expr: [[close, ">", 100]]}}'),
        (T, '{occurred_within: {bars: 5, expr: [[close, "<", 100]]}}'),
        (T, '{count_true: {bars: 5, min_true: 4, expr: [[close, ">", 100]]}}'),
        (F, '{count_true: {bars: 5, min_true: 5, expr: [[close, ">", 100]]}}'),
        (T, '{holds_for_duration: {duration: 30m, expr: [[close, ">", 100]]}}'),
        (F, '{holds_for_duration: {duration: 1h, expr: [[close, ">", 100]]}}'),
        (F, '{occurred_within_duration: {duration: 40m, expr: [[close, "<", 100]]}}'),
        (T, '{occurred_within_duration: {duration: 1h, expr: [[close, "<", 100]]}}'),
        (T, '{count_true_duration: {duration: 1h, min_true: 3, expr: [[close, ">", 100]]}}'),
        (T, '{holds_for: {bars: 2, anchor_tf: 1h, expr: [[close, ">", 100]]}}'),
        (F, '{holds_for: {bars: 2, anchor_tf: 1h, expr: [[close, ">", 101]]}}'),
    ],
)
def test_worked_example(expected: bool, window: str) -> None:
    assert expected is at_eleven(window)


def test_an_anchored_window_looks_at_closes_of_its_clock_only() -> None:
    candles = market([100.5] * 43 + [*CLOSES, 98], "15m", START_MS)
    row = truths('{holds_for: {bars: 2, anchor_tf: 1h, expr: [[close, ">", 100]]}}', candles, exec_tf="15m")
    # The hours close at bars 43 (101) and 47 (104) of these 49; bar 48 (98) closes at 12:15 and is no hour close.
    assert row[-2:] == [T, T]


def test_a_window_before_the_first_bar_is_unknown_unless_decided() -> None:
    up = market([101, 102, 103, 104])
    assert truths('{holds_for: {bars: 3, expr: [[close, ">", 100]]}}', up) == [U, U, T, T]
    assert truths('{holds_for: {bars: 3, expr: [[close, "<", 100]]}}', up) == [F, F, F, F]
    assert truths('{occurred_within: {bars: 3, expr: [[close, ">", 100]]}}', up) == [T, T, T, T]
    assert truths('{occurred_within: {bars: 3, expr: [[close, "<", 100]]}}', up) == [U, U, F, F]
    assert truths('{holds_for_duration: {duration: 3m, expr: [[close, ">", 100]]}}', up) == [U, U, T, T]
    assert truths('{occurred_within_duration: {duration: 3m, expr: [[close, "<", 100]]}}', up) == [U, U, F, F]


def test_bars_count_what_is_there_and_durations_count_time() -> None:
    gap = market([101, 99, 101, 101, 101, 101], absent=(2, 3))
    assert F is truths('{holds_for: {bars: 3, expr: [[close, ">", 100]]}}', gap)[-1]
    assert T is truths('{holds_for_duration: {duration: 3m, expr: [[close, ">", 100]]}}', gap)[-1]
    assert F is truths('{holds_for_duration: {duration: 5m, expr: [[close, ">", 100]]}}', gap)[-1]


def test_windows_nest() -> None:
    candles = market([101, 99, 101, 99, 101, 101, 101])
    nested = '{holds_for: {bars: 2, expr: [{occurred_within: {bars: 2, expr: [[close, "<", 100]]}}]}}'
    assert truths(nested, candles) == [U, U, T, T, T, F, F]


def test_a_slower_feature_in_a_window_has_its_value_of_each_time() -> None:
    """Three bars of 15 minutes at 01:15 look at the hours that closed at 00:00 (none), 01:00 and 01:00."""
    candles = market([100 + i for i in range(12)], "15m", START_MS)
    window = '{holds_for: {bars: 3, expr: [[hour, ">", 0]]}}'
    row = truths(window, candles, exec_tf="15m", features="{hour: {indicator: sma, params: {length: 1}, tf: 1h}}")
    assert row == [U, U, U, U, U, T, T, T, T, T, T, T]
