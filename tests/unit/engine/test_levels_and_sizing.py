"""The worked numbers of play-language 8.2, 8.3, 8.7 and 8.8, and what refuses an entry."""

from typing import Any

import pytest

from playd.plays.model import Play
from tests.engine_desk import Desk, play_of

E = 50_000.0
LEVELS = "features: {}"


def entry(play: Play, direction: int = 1, *, equity_usdt: float = 10_000.0, close: float = E, **signals: float) -> Any:
    """The intent of an entry decided at `close`."""
    side = "entry_long" if direction > 0 else "entry_short"
    return Desk(play, equity_usdt=equity_usdt).decide(close, **{side: 1.0}, **signals)


def risk_model(stop: str, target: str, sizing: str = "{model: fixed_usdt, value: 2500}") -> str:
    return f"risk_model: {{stop_loss: {stop}, take_profit: {target}, sizing: {sizing}}}"


def refusal(play: Play, **signals: float) -> str:
    return Desk(play).verdict(E, entry_long=1.0, **signals)


@pytest.mark.parametrize(("basis", "ticks"), [("margin", 497_000), ("price", 485_000)])
def test_percent_stop_is_of_the_margin_or_of_the_price(basis: str, ticks: int) -> None:
    """8.2: E 50 000, leverage 5, percent 3: 49 700 or 48 500."""
    play = play_of(account="{max_leverage: 5}", risk=risk_model(f"{{type: percent, value: 3, basis: {basis}}}", "none"))
    assert entry(play)["stop_ticks"] == ticks


def test_atr_stop_adds_its_buffer_and_reward_leaves_it_out() -> None:
    """8.2, 8.3: ATR 400, m 1.5, buffer 0.1: stop 49 350; rr 3: target 51 800."""
    stop = "{type: atr_multiple, value: 1.5, atr_feature_id: atr_14, buffer_pct: 0.1}"
    intent = entry(play_of(risk=risk_model(stop, "{type: rr_ratio, value: 3}")), stop_atr=400.0)
    assert (intent["stop_ticks"], intent["target_ticks"]) == (493_500, 518_000)


def test_levels_of_a_short_mirror_those_of_a_long() -> None:
    play = play_of(risk=risk_model("{type: fixed_points, value: 600}", "{type: rr_ratio, value: 3}"))
    intent = entry(play, -1)
    assert (intent["stop_ticks"], intent["target_ticks"]) == (506_000, 482_000)


def test_stop_rounds_to_its_tighter_side_and_target_to_the_nearer() -> None:
    """10.1."""
    play = play_of(risk=risk_model("{type: fixed_points, value: 100.04}", "{type: fixed_points, value: 100.06}"))
    assert (entry(play)["stop_ticks"], entry(play)["target_ticks"]) == (499_000, 501_000)
    assert (entry(play, -1)["stop_ticks"], entry(play, -1)["target_ticks"]) == (501_000, 499_000)


def test_structure_stop_lies_behind_its_level_and_reward_is_measured_to_the_level() -> None:
    features = "{lo: {indicator: donchian}}"
    stop = "{type: structure, long: lo.lower, short: lo.upper, buffer_pct: 0.1}"
    play = play_of(features=features, risk=risk_model(stop, "{type: rr_ratio, value: 2}"))
    intent = entry(play, stop_level_long=49_500.0)
    assert (intent["stop_ticks"], intent["target_ticks"]) == (494_500, 510_000)


def test_missing_values_refuse_the_entry() -> None:
    stop = "{type: atr_multiple, value: 1.5, atr_feature_id: atr_14}"
    assert refusal(play_of(risk=risk_model(stop, "none"))) == "stop_missing"
    target = "{type: atr_multiple, value: 1.5, atr_feature_id: atr_14}"
    assert refusal(play_of(risk=risk_model("{type: fixed_points, value: 100}", target))) == "target_missing"


def test_stop_that_is_not_on_the_losing_side_refuses_the_entry() -> None:
    features = "{lo: {indicator: donchian}}"
    stop = "{type: structure, long: lo.lower, short: lo.upper}"
    play = play_of(features=features, risk=risk_model(stop, "none"))
    assert refusal(play, stop_level_long=50_000.0) == "stop_wrong_side"


def test_target_at_or_below_zero_refuses_the_entry() -> None:
    play = play_of(risk=risk_model("{type: fixed_points, value: 100}", "{type: fixed_points, value: 50000}"))
    assert Desk(play).verdict(E, entry_short=1.0) == "target_invalid"


@pytest.mark.parametrize(("policy", "ticks", "warned"), [("adjust", 452_310, 0), ("warn", 452_000, 1)])
def test_stop_beyond_liquidation_is_adjusted_or_kept_with_a_mark(policy: str, ticks: int, warned: int) -> None:
    """8.7: E 50 000, leverage 10, a stop at 45 200: adjusted to 45 231.0."""
    play = play_of(
        account=f"{{max_leverage: 10, on_sl_beyond_liq: {policy}}}",
        risk=risk_model("{type: fixed_points, value: 4800}", "none"),
    )
    intent = entry(play)
    assert (intent["stop_ticks"], intent["beyond_liquidation"]) == (ticks, warned)


def test_stop_beyond_liquidation_is_refused_by_default() -> None:
    play = play_of(account="{max_leverage: 10}", risk=risk_model("{type: fixed_points, value: 4800}", "none"))
    assert refusal(play) == "stop_beyond_liquidation"
    safe = play_of(account="{max_leverage: 10}", risk=risk_model("{type: fixed_points, value: 4769}", "none"))
    assert refusal(safe) == "ENTERED"


@pytest.mark.parametrize(
    ("sizing", "stop", "steps", "capped"),
    [
        ("{model: percent_equity, value: 20}", 1_000.0, 120, 0),
        ("{model: percent_equity, value: 100}", 1_000.0, 570, 1),
        ("{model: risk_based, value: 1}", 1_000.0, 100, 0),
        ("{model: risk_based, value: 1}", 10.0, 570, 1),
        ("{model: fixed_usdt, value: 2500}", 1_000.0, 50, 0),
    ],
)
def test_size_of_every_model(sizing: str, stop: float, steps: int, capped: int) -> None:
    """8.8: Q 10 000, leverage 3, E 50 000, step 0.001."""
    play = play_of(account="{max_leverage: 3}", risk=risk_model(f"{{type: fixed_points, value: {stop}}}", "none", sizing))
    intent = entry(play)
    assert (intent["qty"], intent["capped"]) == (steps, capped)


def test_order_cost_cap_rules_where_fees_are_high() -> None:
    """8.8: N may not exceed Q/(1/Λ + f + (1 - dir/Λ)·f)."""
    play = play_of(
        account="{max_leverage: 3, fee_model: {taker_bps: 100}}",
        risk=risk_model("{type: fixed_points, value: 10}", "none", "{model: percent_equity, value: 100}"),
    )
    assert entry(play)["qty"] == 28_500 * 1_000 // 50_000
    assert pytest.approx(28_571.43, abs=0.01) == 10_000 / (1 / 3 + 0.01 + 2 / 3 * 0.01)
    costly = play_of(
        account="{max_leverage: 10, fee_model: {taker_bps: 100}}",
        risk=risk_model("{type: fixed_points, value: 10}", "none", "{model: percent_equity, value: 100}"),
    )
    assert entry(costly, -1)["qty"] == int(10_000 / (0.1 + 0.01 + 1.1 * 0.01) / 50_000 * 1_000)


def test_small_entries_are_refused() -> None:
    tiny = risk_model("{type: fixed_points, value: 100}", "none", "{model: fixed_usdt, value: 49}")
    assert refusal(play_of(risk=tiny)) == "below_min_notional"
    below = play_of(account="{min_trade_notional_usdt: 0}", risk=tiny)
    assert refusal(below) == "below_min_notional"


def test_quantity_is_cut_to_the_instrument_s_maximum() -> None:
    play = play_of(risk=risk_model("{type: fixed_points, value: 100}", "none", "{model: percent_equity, value: 90}"))
    assert entry(play, equity_usdt=1e9)["qty"] == 1_000_000
