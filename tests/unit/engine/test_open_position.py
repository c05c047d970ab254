"""What an open position does at execution closes: play-language 8.5, 8.6, 9.2, 10.9 and the exits of 7.2 and 7.3."""

from tests.engine_desk import Desk, play_of

SIZING = "sizing: {model: fixed_usdt, value: 1000}"
TRAIL = f"risk_model: {{stop_loss: {{type: trailing_pct, trail_pct: 2, activation_pct: 1}}, take_profit: none, {SIZING}}}"
TRAIL_ATR = f"risk_model: {{stop_loss: {{type: trailing_atr, value: 2, atr_feature_id: atr_14}}, take_profit: none, {SIZING}}}"


def break_even(extra: str = "") -> str:
    levels = "stop_loss: {type: fixed_points, value: 50}, take_profit: none"
    return f"risk_model: {{{levels}, {SIZING}, break_even: {{activation_pct: 1.0, offset_pct: 0.1}}{extra}}}"


def stops(desk: Desk, closes: list[float]) -> list[int]:
    """The stop after each close, in ticks of 0.1."""
    found = []
    for close in closes:
        desk.decide(close)
        found.append(int(desk.state["stop_ticks"][0]))
    return found


def test_trailing_follows_the_best_close_once_it_is_active() -> None:
    """8.5: long from 1000, trail 2 %, activation 1."""
    desk = Desk(play_of(risk=TRAIL))
    desk.hold(1, 1_000.0, stop_ticks=9_800)
    assert stops(desk, [1_005.0, 1_020.0, 1_010.0, 1_040.0]) == [9_800, 9_996, 9_996, 10_192]


def test_trailing_mirrors_for_a_short() -> None:
    desk = Desk(play_of(risk=TRAIL))
    desk.hold(-1, 1_000.0, stop_ticks=10_200)
    assert stops(desk, [995.0, 980.0, 990.0, 960.0]) == [10_200, 9_996, 9_996, 9_792]


def test_moved_stop_is_an_amendment() -> None:
    desk = Desk(play_of(risk=TRAIL))
    desk.hold(1, 1_000.0, stop_ticks=9_800)
    assert desk.verdict(1_020.0) == "AMENDED"
    assert (desk.intent["amend"][0], desk.intent["stop_ticks"][0]) == (1, 9_996)
    assert desk.verdict(1_020.0) == "HOLD"


def test_trailing_without_its_atr_does_not_move() -> None:
    desk = Desk(play_of(risk=TRAIL_ATR))
    desk.hold(1, 1_000.0, stop_ticks=9_800)
    assert desk.verdict(1_020.0) == "HOLD"
    desk.decide(1_020.0, trailing_atr=10.0)
    assert desk.state["stop_ticks"][0] == 10_000


def test_close_that_has_already_passed_the_new_stop_is_a_market_exit() -> None:
    """A shrinking ATR can move the stop past the present close."""
    desk = Desk(play_of(risk=TRAIL_ATR))
    desk.hold(1, 1_000.0, stop_ticks=9_800)
    desk.decide(1_040.0, trailing_atr=20.0)
    assert desk.verdict(1_015.0, trailing_atr=10.0) == "EXITED"
    assert (desk.intent["reason"][0], desk.intent["amend"][0], desk.state["stop_ticks"][0]) == (1, 0, 10_000)


def test_break_even_moves_the_stop_once() -> None:
    """8.6: at +1 % the stop goes to entry·1.001."""
    desk = Desk(play_of(risk=break_even()))
    desk.hold(1, 1_000.0, stop_ticks=9_500)
    assert stops(desk, [1_009.9, 1_010.0, 1_100.0]) == [9_500, 10_010, 10_010]


def test_break_even_comes_before_trailing() -> None:
    desk = Desk(play_of(risk=break_even(", trailing: {trail_pct: 5}")))
    desk.hold(1, 1_000.0, stop_ticks=9_500)
    assert stops(desk, [1_010.0, 1_100.0]) == [10_010, 10_450]


def test_time_exit_counts_execution_closes() -> None:
    """7.2: the first is the close of the bar in which the position was filled."""
    desk = Desk(play_of(policy="{mode: long_short, exit_mode: first_hit, time_exit_bars: 2}"))
    desk.hold(1, 1_000.0)
    assert [desk.verdict(1_000.0), desk.verdict(1_000.0)] == ["HOLD", "EXITED"]
    assert desk.intent["reason"][0] == 4


def exit_desk(percent: int = 100) -> Desk:
    actions = f"entry_long: {{all: [[close, '>', 0]]}}, exit_long: {{all: [[close, '<', 0]], percent: {percent}}}"
    return Desk(play_of(actions=actions))


def test_exit_of_the_other_side_does_nothing() -> None:
    desk = exit_desk()
    desk.hold(1, 1_000.0)
    assert desk.verdict(1_000.0, exit_short=1.0) == "HOLD"
    assert desk.verdict(1_000.0, exit_long=1.0) == "EXITED"


def test_second_exit_waits_for_the_first() -> None:
    desk = exit_desk()
    desk.hold(1, 1_000.0)
    assert [desk.verdict(1_000.0, exit_long=1.0), desk.verdict(1_000.0, exit_long=1.0)] == ["EXITED", "exit_pending"]


def test_a_position_that_is_being_left_is_not_held_when_its_rule_is_not_true_any_more() -> None:
    desk = exit_desk()
    desk.hold(1, 1_000.0)
    assert [desk.verdict(1_000.0, exit_long=each) for each in (1.0, 0.0)] == ["EXITED", "exit_pending"]


def test_percent_exit_rounds_down_to_the_step() -> None:
    """9.2."""
    desk = exit_desk(33)
    desk.hold(1, 1_000.0, qty=100)
    assert desk.decide(1_000.0, exit_long=1.0)["qty"] == 33


def test_percent_exit_that_would_leave_too_little_closes_all() -> None:
    """9.2: 9 USDT would be left, the Play's minimum is 10."""
    desk = exit_desk(91)
    desk.hold(1, 1_000.0, qty=100)
    assert desk.decide(1_000.0, exit_long=1.0)["qty"] == 100


def test_drawdown_rule_exits_and_halts() -> None:
    """10.9: limit 20, peak 12 500: breach at Q ≤ 10 000."""
    desk = Desk(play_of(account="{max_drawdown_pct: 20}"))
    desk.hold(1, 1_000.0, qty=10_000)
    desk.state["cash_usdt"] = 10_000.0
    assert desk.verdict(1_250.0) == "HOLD"
    assert desk.state["peak_equity_usdt"][0] == 12_500.0
    assert desk.verdict(1_000.1) == "HOLD"
    assert desk.verdict(1_000.0) == "EXITED"
    assert (desk.intent["reason"][0], desk.state["halted"][0]) == (6, 1)


def test_drawdown_rule_halts_when_flat() -> None:
    desk = Desk(play_of(account="{max_drawdown_pct: 20}"))
    desk.state["cash_usdt"] = 8_000.0
    assert desk.verdict(1_000.0, entry_long=1.0) == "max_drawdown"
    assert desk.verdict(1_000.0, entry_long=1.0) == "halted"
