"""
The vectors of play-language 4.5 to 4.7 and 7.2, with the arithmetic that gives each: truth tables, crossovers, worked windows,
the cool-down. Every truth is that of a Play, from its text to its columns.
"""

from datetime import UTC, datetime

import numpy as np
import pytest

from playd.core.candles import Candles
from playd.engine import records as e
from playd.engine.account import apply_entry, apply_exit
from playd.matching.records import SIGNAL, SL
from tests.engine_desk import Desk, play_of
from tests.unit.plays.plays_of import START_MS, columns_of, load, market, truths

T, F, U = True, False, None
MINUTE_MS, QUARTER_MS, HOUR_MS = 60_000, 900_000, 3_600_000
HOUR = "{hour: {indicator: sma, params: {length: 1}, tf: 1h}}"
"""The close of the last hour."""


def at(clock: str) -> int:
    """A time of 2025-01-01."""
    hours, minutes = (int(part) for part in clock.split(":"))
    return START_MS + hours * HOUR_MS + minutes * MINUTE_MS


def quarters(until: str, closes: list[float]) -> Candles:
    """Bars of 15 minutes from midnight on whose last ones have these closes; the very last closes at `until`."""
    bars = (at(until) - START_MS) // QUARTER_MS
    return market([100.5] * (bars - len(closes)) + closes, "15m", START_MS)


def test_4_5_the_truth_tables() -> None:
    """
    all: F if any is F, else U if any is U, else T. any: T if any is T, else U if any is U, else F. not: T ↔ F, U stays.

    true is close > 0, false is close < 0, unknown a division by zero.
    """
    word = {T: '[close, ">", 0]', F: '[close, "<", 0]', U: '[[close, "/", 0], ">", 0]'}
    tables: dict[str, dict[bool | None, dict[bool | None, bool | None]]] = {
        "all": {T: {T: T, U: U, F: F}, U: {T: U, U: U, F: F}, F: {T: F, U: F, F: F}},
        "any": {T: {T: T, U: T, F: T}, U: {T: T, U: U, F: U}, F: {T: T, U: U, F: F}},
    }
    setups: dict[str, str] = {}
    expected: dict[str, bool | None] = {}
    for name, table in tables.items():
        for left, row in table.items():
            for right, truth in row.items():
                key = f"{name}_{left}_{right}"
                setups[key], expected[key] = f"{{{name}: [{word[left]}, {word[right]}]}}", truth
    for given, truth in ((T, F), (U, U), (F, T)):
        setups[f"not_{given}"], expected[f"not_{given}"] = f"{{not: {word[given]}}}", truth
    # "{not: [x > 5]} with x missing does not fire; {any: [U, T]} fires; {not: {any: [F, U]}} is U"
    setups["last"], expected["last"] = f"{{not: {{any: [{word[F]}, {word[U]}]}}}}", U
    play = load(
        f"{{any: [{', '.join(f'{{setup: {name}}}' for name in setups)}]}}",
        more="setups: {" + ", ".join(f"{name}: {text}" for name, text in setups.items()) + "}",
    )
    columns = columns_of(play, market([100.0]))
    found = {name: columns.column(f"setups.{name}")[0] for name in setups}
    assert {name: None if np.isnan(value) else bool(value) for name, value in found.items()} == expected


def test_4_6_a_cross_of_two_hours_is_true_on_one_bar_of_15_minutes() -> None:
    """
    Hours close at 01:00 with 99, at 02:00 with 101, at 03:00 with 102. Against 100 the bar before 02:00 sees 99 ≤ 100, that of
    02:00 sees 101 > 100: a cross. The bar before 02:15 sees 101 already. Until 01:00 a side is missing: unknown.
    """
    candles = market([99.0] * 4 + [101.0] * 4 + [102.0] * 4, "15m", START_MS)
    row = truths("[hour, cross_above, 100]", candles, exec_tf="15m", features=HOUR)
    assert row == [U] * 4 + [F] * 3 + [T] + [F] * 4


# 10:00 101 > 100 T · 10:15 99 F · 10:30 102 T · 10:45 103 T · 11:00 104 T
CLOSES = [101.0, 99.0, 102.0, 103.0, 104.0]
ABOVE, BELOW = 'expr: [[close, ">", 100]]', 'expr: [[close, "<", 100]]'


@pytest.mark.parametrize(
    ("window", "truth"),
    [
        (f"{{holds_for: {{bars: 3, {ABOVE}}}}}", T),  # 10:30 10:45 11:00: T T T, f = 0, u = 0
        (f"{{holds_for: {{bars: 4, {ABOVE}}}}}", F),  # and 10:15: f = 1
        (f"{{occurred_within: {{bars: 5, {BELOW}}}}}", T),  # F T F F F: t = 1
        (f"{{count_true: {{bars: 5, min_true: 4, {ABOVE}}}}}", T),  # T F T T T: t = 4 ≥ 4
        (f"{{count_true: {{bars: 5, min_true: 5, {ABOVE}}}}}", F),  # t + u = 4 < 5
        (f"{{holds_for_duration: {{duration: 30m, {ABOVE}}}}}", T),  # (10:30, 11:00]: 10:45 11:00
        (f"{{holds_for_duration: {{duration: 1h, {ABOVE}}}}}", F),  # (10:00, 11:00]: 10:15 among them
        (f"{{occurred_within_duration: {{duration: 40m, {BELOW}}}}}", F),  # (10:20, 11:00]: without 10:15
        (f"{{occurred_within_duration: {{duration: 1h, {BELOW}}}}}", T),  # (10:00, 11:00]: 10:15
        (f"{{count_true_duration: {{duration: 1h, min_true: 3, {ABOVE}}}}}", T),  # F T T T: t = 3
        (f"{{holds_for: {{bars: 2, anchor_tf: 1h, {ABOVE}}}}}", T),  # closes 10:00 and 11:00: T T
    ],
)
def test_4_7_worked_example_1(window: str, truth: bool) -> None:
    """Execution clock 15m, `close > 100`, now 11:00."""
    assert truths(window, quarters("11:00", CLOSES), exec_tf="15m")[-1] is truth


def test_4_7_worked_example_1_at_a_quarter_past() -> None:
    """11:15 closes at 98 and is no hour close: an anchored window still looks at 10:00 and 11:00, another one at 98."""
    candles = quarters("11:15", [*CLOSES, 98.0])
    assert truths(f"{{holds_for: {{bars: 2, anchor_tf: 1h, {ABOVE}}}}}", candles, exec_tf="15m")[-1] is T
    assert truths(f"{{holds_for: {{bars: 2, {ABOVE}}}}}", candles, exec_tf="15m")[-1] is F


def test_4_7_worked_example_2_a_slower_feature() -> None:
    """
    Hours close at 09:00 with 40, at 10:00 with 60. Three bars at 10:15 look at 09:45 (hour of 09:00: 40 > 50 is F), 10:00 and
    10:15 (hour of 10:00: T T): false. At 10:30 the first of them is 10:00: true. Three hours at 12:00 look at 10:00, 11:00 and
    12:00.
    """
    bars = (at("12:00") - START_MS) // QUARTER_MS
    closes = [40.0] * (bars - 12) + [60.0] * 12
    by = {START_MS + (k + 1) * QUARTER_MS: k for k in range(bars)}
    candles = market(closes, "15m", START_MS)
    row = truths('{holds_for: {bars: 3, expr: [[hour, ">", 50]]}}', candles, exec_tf="15m", features=HOUR)
    assert [row[by[at(time)]] for time in ("10:00", "10:15", "10:30")] == [F, F, T]
    three = truths('{holds_for: {bars: 3, anchor_tf: 1h, expr: [[hour, ">", 50]]}}', candles, exec_tf="15m", features=HOUR)
    assert [three[by[at(time)]] for time in ("11:45", "12:00")] == [F, T]


def test_4_7_worked_example_3_a_minute_condition() -> None:
    """
    Bars of 15 minutes close at 10:00 with 100 and at 10:15 with 106. At 10:16 three minutes of `last_price > close − 2` look at
    10:14 (99 > 100 − 2), 10:15 (106 > 106 − 2) and 10:16 (105 > 106 − 2): true, though 99 is below 106 − 2, which minute 10:14
    does not see. With 97 at 10:14 it is false, since 97 ≤ 98.

    `last_price cross_above close − 2` at 10:15 compares (10:14, bar of 10:00) with (10:15, bar of 10:15): 97 ≤ 98 and 106 > 104
    is a cross, 99 > 98 before it is none.
    """

    def row(condition: str, at_10_14: float) -> list[bool | None]:
        closes = [100.0] * 28 + [at_10_14, 106.0, 105.0]
        return truths(condition, market(closes, "1m", at("09:45")), exec_tf="15m")

    held = '{holds_for: {bars: 3, expr: [["last_price", ">", [close, "-", 2]]]}}'
    assert row(held, 99.0)[-1] is T
    assert row(held, 97.0)[-1] is F
    crossed = '{all: [["last_price", cross_above, [close, "-", 2]]]}'
    assert row(crossed, 97.0)[-2:] == [T, F]
    assert row(crossed, 99.0)[-2:] == [F, F]


def test_4_7_worked_example_4_the_start() -> None:
    """The first loaded bar closes at 00:15, now 00:30, three bars: one of them is before everything, u = 1."""
    window = f"{{holds_for: {{bars: 3, {ABOVE}}}}}"
    assert truths(window, market([101.0, 102.0], "15m", START_MS), exec_tf="15m")[-1] is U  # T T: f = 0, u = 1
    assert truths(window, market([99.0, 102.0], "15m", START_MS), exec_tf="15m")[-1] is F  # F T: f = 1


@pytest.mark.parametrize(("reason", "first_entry"), [(SL, "12:15"), (SIGNAL, "10:45")])
def test_7_2_the_cool_down(reason: int, first_entry: str) -> None:
    """
    {exit: 2, stop: 8} on 15m, closed at 10:07, in the bar that closes at 10:15. So many bars must have closed after it: 8 for a
    stop, 10:15 + 8·15 min = 12:15; 2 for another reason, 10:15 + 2·15 min = 10:45.
    """
    desk = Desk(play_of(exec_tf="15m", policy="{mode: long_short, cooldown_bars: {exit: 2, stop: 8}}"))
    apply_entry(desk.state, desk.rules, 1, 100, 1_000.0, 0.0, at("10:07"))
    apply_exit(desk.state, desk.rules, 100, 1_000.0, 0.0, at("10:07"), reason, np.zeros(1, e.TRADE), 0)
    close_ms = at("10:15")
    while desk.verdict(1_000.0, close_ms, entry_long=1.0) != "ENTERED":
        assert desk.intent["verdict"][0] == e.COOLDOWN
        close_ms += QUARTER_MS
    assert datetime.fromtimestamp(close_ms / 1000, UTC).strftime("%H:%M") == first_entry
