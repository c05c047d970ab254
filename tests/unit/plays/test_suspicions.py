"""What is legal and surely not meant is a warning that says why; what may be meant is none."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playd.plays.ranges import Interval
from tests.unit.plays.plays_of import load

FEATURES = (
    "{rsi: {indicator: rsi}, st: {indicator: supertrend}, bb: {indicator: bbands}, ema: {indicator: ema}, "
    "dc: {indicator: donchian}, rsi_h: {indicator: rsi, tf: 1h}}"
)


def codes(condition: str, **parts: str) -> list[str]:
    """Codes of the warnings about the entry's condition."""
    play = load(condition, features=FEATURES, **parts)
    return [line.split()[1] for line in play.warnings if "actions.entry_long" in line or "setups" in line]


def about(condition: str, **parts: str) -> str:
    return "\n".join(load(condition, features=FEATURES, **parts).warnings)


@pytest.mark.parametrize(
    "condition",
    [
        '[rsi, ">", 100]',
        '[rsi, ">=", 100.5]',
        '[rsi, "<", 0]',
        '[0, ">", rsi]',
        "[rsi, between, [110, 120]]",
        "[rsi, cross_above, 100]",
        "[rsi, cross_below, 0]",
        "[rsi, near_abs, 130, 20]",
        '[st.direction, "==", 2]',
        "[st.direction, in, [2, 3]]",
        '[close, "<", 0]',
        '[{"*": [rsi, 2]}, ">", 200]',
        '[[rsi, "+", 10], "<", 10]',
        '[5, ">", 7]',
        '[{"-": [3, 1]}, ">", {"+": [2, 1]}]',
        '[close, ">", high]',
        '[low, ">", open]',
        "[close, cross_above, high]",
        '[bb.lower, ">", bb.upper]',
        '[ema, ">", ema]',
        "[ema, cross_above, ema]",
        '[rsi, between, [{"+": [60, 5]}, 40]]',
        '{all: [[rsi, "<", 30], [rsi, ">", 70]]}',
        '{all: [[rsi, "<", 30], {all: [[rsi, ">=", 30]]}]}',
        '{all: [[close, ">", ema], [close, "<", ema]]}',
        '{all: [[close, ">", ema], [ema, ">=", close]]}',
        "{all: [[close, cross_above, ema], [close, cross_below, ema]]}",
        '{all: [[st.direction, "==", 1], [st.direction, "==", -1]]}',
        '{all: [[rsi, "<", 30], {holds_for: {bars: 3, expr: [[rsi, ">", 40]]}}]}',
        '{any: [[rsi, ">", 100], [rsi, "<", 0]]}',
        '{all: [[rsi, "<", 30], {not: [rsi, "<", 40]}]}',
        '{all: [[rsi, "<", 30], {not: {any: [[close, ">", ema], [rsi, "<", 35]]}}]}',
        '{all: [[rsi, "<", 30], {any: [[rsi, ">", 70], [rsi, ">", 80]]}]}',
        '{all: [[close, ">", bb.upper], [close, "<=", bb.lower]]}',
        '{all: [[close, ">", open], [open, ">", ema], [ema, ">=", close]]}',
        '{all: [[low, ">", ema], [high, "<=", ema]]}',
        '{all: [[st.direction, in, [0, 1]], [st.direction, "==", -1]]}',
        "{all: [[st.direction, in, [1]], [st.direction, in, [-1, 0]]]}",
        '{all: [[dc.middle, ">", dc.upper]]}',
        '[timestamp, ">", 1700000000000]',
        '{occurred_within: {bars: 3, expr: [[rsi, ">", 100]]}}',
    ],
)
def test_a_condition_that_can_never_be_true_is_named(condition: str) -> None:
    assert "W305" in codes(f"{{all: [{condition}]}}")


@pytest.mark.parametrize(
    "condition",
    [
        '[rsi, ">=", 100]',
        '[rsi, "<", 30]',
        '[close, ">=", high]',
        '[close, "<", {feature_id: high, offset: 1}]',
        '[{feature_id: close, offset: 1}, ">", high]',
        '[close, ">", bb.upper]',
        "[close, cross_above, ema]",
        "[rsi, between, [30, 70]]",
        '[st.direction, "!=", 0]',
        '{any: [[rsi, "<", 30], [rsi, ">", 70]]}',
        '{all: [[rsi, ">", 30], [rsi, "<", 70]]}',
        '{all: [[close, ">=", ema], [close, "<=", ema]]}',
        '{all: [[rsi, "<", 30], {occurred_within: {bars: 3, expr: [[rsi, ">", 70]]}}]}',
        '{all: [[rsi, "<", 30], [rsi_h, ">", 70]]}',
        '{all: [[rsi, "<", 30], [{feature_id: rsi, offset: 1}, ">", 30]]}',
        '{not: [[rsi, "<", 30]]}',
        "{all: [[st.direction, in, [0, 1]], [st.direction, in, [-1, 0]]]}",
        '[{"/": [close, ema]}, ">", 1.01]',
    ],
)
def test_a_condition_that_can_be_true_and_false_is_not(condition: str) -> None:
    assert codes(f"{{all: [{condition}]}}") == []


@pytest.mark.parametrize(
    "condition",
    ['[rsi, ">=", 0]', '[close, ">", 0]', '[high, ">=", low]', "[rsi, between, [0, 100]]", '[1, "==", 1]', '[ema, "<=", ema]'],
)
def test_a_condition_that_is_always_true_is_named(condition: str) -> None:
    assert "W312" in codes(f"{{all: [{condition}]}}")


def test_only_the_smallest_part_that_is_to_blame_is_named() -> None:
    condition = '{all: [[close, ">", ema], {any: [{all: [[rsi, "<", 30], [rsi, ">", 70]]}]}]}'
    text = about(condition)
    assert text.count("W305 actions.entry_long") == 1
    assert "actions.entry_long.all[1].any[0]: found a condition that can never be true" in text
    assert "`rsi < 30` and `rsi > 70` exclude each other" in text


def test_setups_are_looked_into_once() -> None:
    more = 'setups: {calm: [[rsi, "<", 40]], wild: [[rsi, ">", 60]]}'
    text = about("{all: [{setup: calm}, {setup: wild}]}", more=more)
    assert text.count("W305 actions.entry_long:") == 1
    assert "`rsi < 40` and `rsi > 60` exclude each other" in text


def test_near_pct_below_a_tenth_of_a_percent_is_named() -> None:
    assert codes("{all: [[close, near_pct, ema, 0.05]]}") == ["W308"]
    assert codes("{all: [[close, near_pct, ema, 0.1]]}") == []


def test_a_window_longer_than_the_warm_up_is_named() -> None:
    condition = '{{all: [[close, ">", ema], {{holds_for: {{bars: {}, expr: [[low, "<=", ema]]}}}}]}}'
    features = "{ema: {indicator: ema}}"
    assert not load(condition.format(99), features=features).warnings[1:]
    assert any("W309" in line for line in load(condition.format(101), features=features).warnings)


RISKS = {
    "stop nearer than its costs": (
        "{stop_loss: {type: percent, value: 0.1, basis: price}, take_profit: {type: percent, value: 2, basis: price},"
        " sizing: {model: percent_equity, value: 10}}",
        ["W507 risk_model.stop_loss: found 0.1 % of the price, less than the 0.15 % that fees and slippage cost"],
    ),
    "target nearer than its costs": (
        "{stop_loss: {type: percent, value: 2}, take_profit: {type: percent, value: 0.2}, "
        "sizing: {model: percent_equity, value: 10}}",
        ["W507 risk_model.take_profit: found 0.1 % of the price, less than the 0.15 % that fees and slippage cost"],
    ),
    "a limit target costs less": (
        "{stop_loss: {type: percent, value: 2}, take_profit: {type: percent, value: 0.2}, "
        "sizing: {model: percent_equity, value: 10}, tp_order_type: Limit}",
        [],
    ),
    "stop beyond liquidation": (
        "{stop_loss: {type: percent, value: 60, basis: price}, take_profit: {type: percent, value: 2},"
        " sizing: {model: percent_equity, value: 10}}",
        [
            "W508 risk_model.stop_loss: found a stop 60 % away, beyond the liquidation price of a long (49.7 % at 2 ×): "
            "every entry is refused"
        ],
    ),
    "break-even ahead of the price": (
        "{stop_loss: {type: percent, value: 2}, take_profit: {type: percent, value: 9},"
        " sizing: {model: percent_equity, value: 10}, break_even: {activation_pct: 1, offset_pct: 1}}",
        ["W506 risk_model.break_even: found offset_pct 1 not below activation_pct 1"],
    ),
    "target behind the break-even stop": (
        "{stop_loss: {type: percent, value: 2}, take_profit: {type: percent, value: 2},"
        " sizing: {model: percent_equity, value: 10}, break_even: {activation_pct: 3, offset_pct: 1.5}}",
        ["W506 risk_model.break_even: found a stop at 1.5 %, with the target of 1 % behind it"],
    ),
    "a target of a hundredth of the stop": (
        "{stop_loss: {type: percent, value: 4}, take_profit: {type: rr_ratio, value: 0.01},"
        " sizing: {model: percent_equity, value: 10}}",
        ["W507 risk_model.take_profit: found 0.02 % of the price"],
    ),
    "a stop that is trailed nearer than its costs": (
        "{stop_loss: {type: percent, value: 4}, take_profit: none, trailing: {trail_pct: 0.1},"
        " sizing: {model: percent_equity, value: 10}}",
        ["W507 risk_model.trailing: found 0.1 % of the price"],
    ),
    "a stop above every close": (
        "{stop_loss: {type: structure, long: dc.upper}, take_profit: {type: rr_ratio, value: 2},"
        " sizing: {model: percent_equity, value: 10}}",
        ["W506 risk_model.stop_loss: found `dc.upper`, which is never below the close: every long is refused"],
    ),
    "trailing that never starts": (
        "{stop_loss: {type: percent, value: 2}, take_profit: {type: percent, value: 2},"
        " sizing: {model: percent_equity, value: 10}, trailing: {trail_pct: 0.5, activation_pct: 1.5}}",
        ["W506 risk_model.trailing: found activation_pct 1.5 behind the target of 1 %"],
    ),
    "a size that nobody takes": (
        "{stop_loss: {type: percent, value: 2}, take_profit: {type: percent, value: 2}, sizing: {model: fixed_usdt, value: 9}}",
        ["W511 risk_model.sizing: found 9 USDT, less than min_trade_notional_usdt 10: every entry is refused"],
    ),
}


@pytest.mark.parametrize("case", RISKS)
def test_levels_that_cannot_be_meant_are_named(case: str) -> None:
    risk, expected = RISKS[case]
    play = load('{all: [[close, ">", open]]}', features=FEATURES, risk=f"risk_model: {risk}")
    found = [line.split(": ", 1)[1] for line in play.warnings if " W5" in line and "W501" not in line]
    assert len(found) == len(expected)
    assert all(line.startswith(words) for line, words in zip(found, expected, strict=True))


ENDS = st.integers(-4, 4).map(float)
INTERVALS = st.builds(Interval, ENDS, ENDS, st.booleans(), st.booleans()).filter(lambda one: not one.empty)
NUMBERS = [one / 4 for one in range(-20, 21)]


def holds(interval: Interval, number: float) -> bool:
    above = number > interval.low or (number == interval.low and not interval.low_open)
    return above and (number < interval.high or (number == interval.high and not interval.high_open))


@given(INTERVALS, INTERVALS)
@settings(deadline=None, max_examples=100, print_blob=True)
def test_intervals_say_what_their_numbers_say(one: Interval, other: Interval) -> None:
    ours, theirs = ([n for n in NUMBERS if holds(each, n)] for each in (one, other))
    assert [n for n in NUMBERS if holds(one.meet(other), n)] == [n for n in ours if n in theirs]
    assert one.meet(other).empty == (not set(ours) & set(theirs))
    if one.below(other):
        assert max(ours, default=-math.inf) < min(theirs, default=math.inf)
