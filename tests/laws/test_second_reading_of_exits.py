"""Exits that move or wait, levels of structures, cool-downs: the backtest takes the trades of the slow second reading."""

from typing import Any

import orjson
import pytest

from playd.plays.load import load_play
from playd.research.backtest import run_backtest
from tests.laws.test_second_reading import INSTRUMENT, MINUTE_MS, candles, play
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


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_exits_and_second_reading_take_the_same_trades(name: str) -> None:
    entry, frame, leverage, risk, policy = CASES[name]
    data = candles(seed=sum(map(ord, name)), count=6_000)
    raw = play(entry, "atr", "levels", frame, leverage)
    raw["risk_model"] = {"take_profit": "none", "sizing": SIZING, **risk}
    raw["position_policy"] = {**raw["position_policy"], **policy}
    result = run_backtest(load_play(orjson.dumps(raw).decode(), "exits.yml"), data, INSTRUMENT)
    columns = (data.open_time_ms, data.open, data.high, data.low, data.close, data.volume)
    base = list(zip(*(column.tolist() for column in columns), strict=True))
    oracle = Backtest(raw, base, MINUTE_MS, 0.1, 0.001)
    oracle.run()

    words = ("side", "entry_time_ms", "exit_time_ms", "entry_price", "exit_price", "qty", "exit_reason")
    got, expected = ([tuple(getattr(one, word) for word in words) for one in side] for side in (result.trades, oracle.trades))
    assert len(expected) > 20, "the case trades, or it shows little"
    assert got == expected
    assert [t.net_pnl_usdt for t in result.trades] == pytest.approx([t.net_pnl_usdt for t in oracle.trades], rel=1e-9, abs=1e-9)
