"""Stops, targets, sizes and exits arrive as typed values, whichever way they are written."""

import pytest

from playd.core.errors import PlayError
from playd.plays.conditions import Ref
from playd.plays.load import load_play
from playd.plays.model import (
    AtrDistance,
    AtrTrailing,
    BreakEven,
    FixedNotional,
    LevelStop,
    PercentDistance,
    PercentEquity,
    PercentTrailing,
    Play,
    PointsDistance,
    RewardRisk,
    RiskBased,
)
from tests.unit.plays.plays_of import load

FEATURES = "{atr: {indicator: atr}, dc: {indicator: donchian}, hour_atr: {indicator: atr, tf: 1h}}"


def with_risk(risk: str) -> Play:
    return load('[close, ">", 1]', risk=risk, features=FEATURES)


def model(
    stop: str = "none", target: str = "none", sizing: str = "{model: percent_equity, value: 10}", more: str = "{}"
) -> Play:
    text = f"risk_model: {{stop_loss: {stop}, take_profit: {target}, sizing: {sizing}"
    return with_risk(f"{text}, {more[1:]}" if more != "{}" else f"{text}}}")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("none", None),
        ("{type: percent, value: 3}", PercentDistance(3.0, "margin")),
        ("{type: percent, value: 3, basis: price}", PercentDistance(3.0, "price")),
        ("{type: atr_multiple, value: 2, atr_feature_id: atr}", AtrDistance(2.0, Ref("atr", "value"))),
        (
            "{type: atr_multiple, value: 2, atr_feature_id: hour_atr, buffer_pct: 0.1}",
            AtrDistance(2.0, Ref("hour_atr", "value"), 0.1),
        ),
        ("{type: fixed_points, value: 250}", PointsDistance(250.0)),
        ("{type: structure, long: dc.lower, buffer_pct: 0.1}", LevelStop(Ref("dc", "lower"), None, 0.1)),
        (
            "{type: structure, long: {feature_id: dc, field: lower, offset: 2}, short: dc.upper}",
            LevelStop(Ref("dc", "lower", 2), Ref("dc", "upper"), 0.0),
        ),
    ],
)
def test_stop(written: str, value: object) -> None:
    assert value == model(stop=written).risk.stop


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("{type: percent, value: 300}", PercentDistance(300.0, "margin")),
        ("{type: atr_multiple, value: 2, atr_feature_id: atr}", AtrDistance(2.0, Ref("atr", "value"))),
        ("{type: fixed_points, value: 250}", PointsDistance(250.0)),
        ("{type: rr_ratio, value: 2.5}", RewardRisk(2.5)),
    ],
)
def test_target(written: str, value: object) -> None:
    assert value == model(stop="{type: percent, value: 1}", target=written).risk.target


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("{model: percent_equity, value: 20}", PercentEquity(20.0)),
        ("{model: risk_based, value: 1}", RiskBased(1.0)),
        ("{model: fixed_usdt, value: 2500}", FixedNotional(2500.0)),
    ],
)
def test_sizing(written: str, value: object) -> None:
    assert value == model(stop="{type: percent, value: 1}", sizing=written).risk.sizing


def test_trailing_stop_types_are_a_distance_and_trailing() -> None:
    percent = model(stop="{type: trailing_pct, trail_pct: 2, activation_pct: 1}").risk
    assert (PercentDistance(2.0, "price"), PercentTrailing(2.0, 1.0)) == (percent.stop, percent.trailing)
    atr = model(stop="{type: trailing_atr, value: 3, atr_feature_id: atr}").risk
    assert (AtrDistance(3.0, Ref("atr", "value")), AtrTrailing(Ref("atr", "value"), 3.0, 0.0)) == (atr.stop, atr.trailing)


def test_trailing_and_break_even_have_their_defaults() -> None:
    risk = model(stop="{type: percent, value: 1}", more="{trailing: {atr_feature_id: atr}, break_even: {}}").risk
    assert AtrTrailing(Ref("atr", "value"), 2.0, 0.0) == risk.trailing
    assert BreakEven(1.0, 0.1) == risk.break_even


def test_the_short_form_names_both_sides_or_none() -> None:
    risk = with_risk("risk: {stop_loss_pct: 2, take_profit: none}").risk
    assert (PercentDistance(2.0, "margin"), None, PercentEquity(10.0)) == (risk.stop, risk.target, risk.sizing)
    mixed = with_risk("risk: {stop_loss_pct: 2, take_profit: {type: rr_ratio, value: 2}, basis: price}").risk
    assert (PercentDistance(2.0, "price"), RewardRisk(2.0)) == (mixed.stop, mixed.target)


def test_without_risk_the_account_says_the_size() -> None:
    risk = with_risk("").risk
    assert (None, None, PercentEquity(1.0)) == (risk.stop, risk.target, risk.sizing)


@pytest.mark.parametrize(
    ("mode", "exit_mode", "actions", "risk", "code"),
    [
        ("long_only", "sl_tp_only", "entry_long", "both", None),
        ("long_only", "sl_tp_only", "entry_long", "stop", "E502"),
        ("long_only", "sl_tp_only", "entry_long exit_all", "both", "E502"),
        ("long_only", "signal", "entry_long exit_long", "none", None),
        ("long_only", "signal", "entry_long", "stop", None),
        ("long_only", "signal", "entry_long", "target", "E503"),
        ("long_only", "signal", "entry_long exit_short", "none", "E503"),
        ("long_short", "signal", "entry_long entry_short exit_long", "none", "E503"),
        ("long_short", "signal", "entry_long entry_short exit_all", "none", None),
        ("long_only", "signal", "entry_long entry_short exit_long", "none", None),
        ("long_only", "first_hit", "entry_long", "target", None),
        ("long_only", "first_hit", "entry_long", "none", "E503"),
        ("short_only", "first_hit", "entry_short exit_short", "none", None),
    ],
)
def test_every_position_can_be_closed(mode: str, exit_mode: str, actions: str, risk: str, code: str | None) -> None:
    sides = {"both": (1, 2), "stop": (1, "none"), "target": ("none", 2), "none": ("none", "none")}[risk]
    text = f"""
version: "3.0.0"
name: small
symbol: BTCUSDT
timeframes: {{low_tf: 1m, med_tf: 1h, high_tf: D, exec: low_tf}}
account: {{}}
actions: {{{", ".join(f'{name}: {{all: [[close, ">", 1]]}}' for name in actions.split())}}}
position_policy: {{mode: {mode}, exit_mode: {exit_mode}}}
risk: {{stop_loss_pct: {sides[0]}, take_profit_pct: {sides[1]}}}
"""

    if code is None:
        load_play(text, "f.yml")
    else:
        with pytest.raises(PlayError, match=code):
            load_play(text, "f.yml")


def test_partial_exits_keep_their_percent() -> None:
    play = load('[close, ">", 1]', more="").emits
    assert [emit.percent for emit in play] == [100.0, 100.0]


@pytest.mark.parametrize(("key", "warned"), [("sl_order_type", ["W904"]), ("tp_order_type", [])])
def test_a_limit_stop_is_said_to_trade_in_backtest_and_shadow_alone(key: str, warned: list[str]) -> None:
    play = with_risk(f"risk: {{stop_loss_pct: 5, take_profit_pct: 5, max_position_pct: 5, {key}: limit}}")
    assert ["W904" for one in play.warnings if f"W904 risk.{key}: found Limit, which backtest and shadow do" in one] == warned


@pytest.mark.parametrize(("anchor", "warned"), [("signal", True), ("fill", False)])
def test_a_limit_beyond_the_stop_is_warned_of(anchor: str, warned: bool) -> None:
    risk = f"risk: {{stop_loss_pct: 1, take_profit_pct: 5, max_position_pct: 5, anchor: {anchor}}}"
    play = load('[close, ">", 1]', risk=f"{risk}\nentry: {{order_type: LIMIT, limit_offset_pct: 0.5}}")
    assert any("W510 entry.limit_offset_pct: found a limit 0.5 %" in one for one in play.warnings) == warned
