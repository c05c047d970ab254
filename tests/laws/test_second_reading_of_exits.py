"""Exits that move or wait, levels, cool-downs, rules of every form: the backtest takes the trades of the second reading."""

from typing import Any

import orjson
import pytest

from playd.core.candles import Candles
from playd.plays.load import load_play
from playd.research.backtest import run_backtest
from tests.laws.test_second_reading import BTC, MINUTE_MS, candles, play
from tests.oracle.backtest import Backtest

SIZING = {"model": "percent_equity", "value": 30}
NARROW = {"type": "percent", "value": 0.25, "basis": "price"}
WIDE = {"type": "percent", "value": 0.6, "basis": "price"}
SOON = {"activation_pct": 0.1, "offset_pct": 0.02}
CHANNEL = {"type": "structure", "long": "channel.lower", "short": "channel.upper", "buffer_pct": 0.02}
OLD_CHANNEL = {
    "type": "structure",
    "long": {"feature_id": "channel", "field": "lower", "offset": 3},
    "short": {"feature_id": "channel", "field": "upper", "offset": 3},
}
LIMITS = {"sl_order_type": "Limit", "tp_order_type": "limit"}

CASES: dict[str, tuple[str, str, float, dict[str, Any], dict[str, Any]]] = {
    "trail by percent": ("cross", "5m", 3, {"stop_loss": NARROW, "trailing": {"trail_pct": 0.2, "activation_pct": 0.1}}, {}),
    "trail by atr": ("windows", "3m", 2, {"stop_loss": WIDE, "trailing": {"atr_feature_id": "atr", "atr_multiplier": 1.5}}, {}),
    "trailing types": (
        "reversion",
        "5m",
        4,
        {"stop_loss": {"type": "trailing_atr", "value": 1.2, "atr_feature_id": "atr", "activation_pct": 0.05}},
        {"cooldown_bars": {"exit": 1, "stop": 4}},
    ),
    "trailing percent type": ("breakout", "15m", 5, {"stop_loss": {"type": "trailing_pct", "trail_pct": 0.3}}, {}),
    "break even, then trail": (
        "cross",
        "3m",
        2.5,
        {"stop_loss": NARROW, "take_profit": WIDE, "break_even": SOON, "trailing": {"trail_pct": 0.15, "activation_pct": 0.2}},
        {"cooldown_bars": 3},
    ),
    "levels of a channel": ("cross", "5m", 3, {"stop_loss": CHANNEL, "take_profit": {"type": "rr_ratio", "value": 1.5}}, {}),
    "older levels of a channel": ("breakout", "5m", 3, {"stop_loss": OLD_CHANNEL, "break_even": {}}, {}),
    "limit levels": (
        "reversion",
        "1m",
        2,
        {"stop_loss": NARROW, "take_profit": NARROW, **LIMITS},
        {"cooldown_bars": {"stop": 5}},
    ),
    "limit stop that trails": ("cross", "3m", 3, {"stop_loss": NARROW, "trailing": {"trail_pct": 0.12}, **LIMITS}, {}),
}


RULES: dict[str, Any] = {
    "anchored windows and words": {
        "entry_long": {
            "all": [
                {"holds_for": {"bars": 3, "anchor_tf": "15m", "expr": [["close", ">", "slow"]]}},
                {"not": {"occurred_within": {"bars": 2, "anchor_tf": "med_tf", "expr": [["rsi", ">", "$hot"]]}}},
                {"occurred_within": {"bars": 4, "expr": {"holds_for": {"bars": 2, "expr": ["close", "<", "fast"]}}}},
                ["trend.direction", "in", [1]],
            ]
        },
        "entry_short": {
            "any": [
                {"setup": "weak"},
                {"count_true": {"bars": 3, "anchor_tf": "15m", "min_true": 3, "expr": ["close", "<", "bands.lower"]}},
            ]
        },
        "exit_long": {"any": [{"not": {"setup": "weak"}}, ["rsi", "near_abs", "$hot", 4]], "percent": "$share"},
        "exit_short": {"all": [["close", "near_pct", "hour", 0.05]]},
    },
    "cases": [
        {
            "id": "both",
            "cases": [
                {"when": [{"feature_id": "rsi", "offset": 40}, "<", 40], "emit": ["entry_short", {"action": "exit_long"}]},
                {"when": {"setup": "weak"}, "emit": [{"action": "exit_short", "percent": "$share"}, "entry_long"]},
            ],
            "else": {"emit": [{"action": "exit_all", "percent": 12.5}]},
        },
        {"id": "out", "cases": [{"when": {"not": [["rsi", ">", 30]]}, "emit": ["exit_all"]}]},
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RULES)
def test_rules_of_every_form_and_second_reading_take_the_same_trades(name: str) -> None:
    raw = play("cross", "atr", "levels", "5m", 3)
    raw["variables"] = {"hot": 62, "share": 33.3}
    raw["setups"] = {
        "weak": {"all": [["rsi", "<", 45], {"holds_for_duration": {"duration": "17m", "expr": ["close", "<", "slow"]}}]}
    }
    raw["actions"] = RULES[name]
    plain = orjson.loads(orjson.dumps(raw).replace(b'"$hot"', b"62").replace(b'"$share"', b"33.3"))
    assert_same_trades(raw, plain, candles(seed=len(name), count=6_000))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_exits_and_second_reading_take_the_same_trades(name: str) -> None:
    entry, frame, leverage, risk, policy = CASES[name]
    data = candles(seed=sum(map(ord, name)), count=6_000)
    raw = play(entry, "atr", "levels", frame, leverage)
    raw["risk_model"] = {"take_profit": "none", "sizing": SIZING, **risk}
    raw["position_policy"] = {**raw["position_policy"], **policy}
    assert_same_trades(raw, raw, data)


def assert_same_trades(raw: dict[str, Any], plain: dict[str, Any], data: Candles) -> None:
    """`plain` is `raw` as the second reading knows it: without variables."""
    result = run_backtest(load_play(orjson.dumps(raw).decode(), "exits.yml"), data, BTC)
    columns = (data.open_time_ms, data.open, data.high, data.low, data.close, data.volume)
    base = list(zip(*(column.tolist() for column in columns), strict=True))
    oracle = Backtest(plain, base, MINUTE_MS, 0.1, 0.001)
    oracle.run()

    words = ("side", "entry_time_ms", "exit_time_ms", "entry_price", "exit_price", "qty", "exit_reason")
    got, expected = ([tuple(getattr(one, word) for word in words) for one in side] for side in (result.trades, oracle.trades))
    assert len(expected) > 20, "the case trades, or it shows little"
    assert got == expected
    assert [t.net_pnl_usdt for t in result.trades] == pytest.approx([t.net_pnl_usdt for t in oracle.trades], rel=1e-9, abs=1e-9)
