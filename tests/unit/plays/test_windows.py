"""Windows of conditions: where they begin, what gaps are to them, windows in windows (play-language 4.7)."""

from tests.unit.plays.plays_of import START_MS, market, truths

T, F, U = True, False, None


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
