"""The backtest takes the trades that the slow second reading of the language takes."""

import itertools
from typing import Any

import numpy as np
import orjson
import pytest

from playd.core.candles import Candles
from playd.plays.load import load_play
from playd.research.backtest import run_backtest
from tests.oracle.backtest import Backtest
from tests.rows import BTC

START_MS = 1_735_689_600_000 + 7 * 60_000
"""Seven minutes past midnight: candle files begin anywhere, also inside a slower bar."""

MINUTE_MS = 60_000

ENTRIES: dict[str, Any] = {
    "cross": {
        "entry_long": {"all": [["fast", "cross_above", "slow"], ["rsi", "<", 70]]},
        "entry_short": {"all": [["fast", "cross_below", "slow"], ["rsi", ">", 30]]},
    },
    "reversion": {
        "entry_long": {"all": [["close", "<", "bands.lower"], {"not": ["rsi", ">", 45]}]},
        "entry_short": {"any": [["close", ">", "bands.upper"], {"lhs": "rsi", "op": ">", "rhs": 85}]},
    },
    "breakout": {
        "entry_long": {"all": [["close", ">", {"feature_id": "channel", "field": "upper", "offset": 1}]]},
        "entry_short": {"all": [["close", "<", {"feature_id": "channel", "field": "lower", "offset": 1}]]},
    },
    "slower_clock": {
        "entry_long": {"all": [["close", ">", "hour"], ["trend.direction", "==", 1], ["close", "cross_above", "fast"]]},
        "entry_short": {"all": [["close", "<", "hour"], ["trend.direction", "==", -1], ["close", "cross_below", "fast"]]},
    },
    "windows": {
        "entry_long": {
            "all": [
                {"occurred_within": {"bars": 5, "expr": [["rsi", "<", 35]]}},
                {"holds_for": {"bars": 2, "expr": [["close", ">", "fast"]]}},
                {"count_true": {"bars": 6, "min_true": 3, "expr": [["momentum.histogram", ">", 0]]}},
            ]
        },
        "entry_short": {"all": [["rsi", "between", [55, 90]], [["close", "-", "open"], "<", {"*": ["atr", -0.8]}]]},
    },
    "list": [
        {
            "id": "out",
            "cases": [
                {"when": ["rsi", "between", [68, 74]], "emit": [{"action": "exit_long", "percent": 33}]},
                {"when": ["rsi", "<", 35], "emit": [{"action": "exit_short", "percent": 70}, "entry_long"]},
            ],
            "else": {"emit": [{"action": "exit_all", "percent": 1.5}]},
        },
        {"id": "in", "cases": [{"when": ["close", ">", "bands.upper"], "emit": ["exit_long", "entry_short"]}]},
    ],
    "minutes": {
        "entry_long": {"all": [["last_price", "cross_above", "bands.upper"], {"not": ["close", ">", "bands.upper"]}]},
        "entry_short": {"all": [["close", "cross_below", "fast"]]},
        "exit_long": {"any": [{"holds_for": {"bars": 7, "expr": [["last_price", "<", ["close", "-", 10]]]}}], "percent": 60},
        "exit_short": {"any": [["last_price", ">", [{"feature_id": "last_price", "offset": 5}, "+", {"*": ["atr", 0.8]}]]]},
    },
}

RISKS: dict[str, dict[str, Any]] = {
    "margin_percent": {"risk": {"stop_loss_pct": 1.5, "take_profit_pct": 3.0, "max_position_pct": 20}},
    "tight": {"risk": {"stop_loss_pct": 0.2, "take_profit_pct": 0.3, "basis": "price"}},
    "tight_from_the_fill": {"risk": {"stop_loss_pct": 0.02, "take_profit_pct": 0.1, "basis": "price", "anchor": "fill"}},
    "atr": {
        "risk_model": {
            "stop_loss": {"type": "atr_multiple", "value": 1.5, "atr_feature_id": "atr", "buffer_pct": 0.02},
            "take_profit": {"type": "rr_ratio", "value": 2},
            "sizing": {"model": "risk_based", "value": 0.5},
        }
    },
    "points": {
        "risk_model": {
            "stop_loss": {"type": "fixed_points", "value": 120},
            "take_profit": {"type": "atr_multiple", "value": 3, "atr_feature_id": "atr"},
            "anchor": "fill",
            "sizing": {"model": "fixed_usdt", "value": 2500},
        }
    },
    "no_target": {
        "risk_model": {
            "stop_loss": {"type": "percent", "value": 1.0, "basis": "price"},
            "take_profit": "none",
            "sizing": {"model": "percent_equity", "value": 100},
        }
    },
}

EXITS: dict[str, dict[str, Any]] = {
    "levels": {"position_policy": {"mode": "long_short", "exit_mode": "first_hit", "time_exit_bars": 40}},
    "signal": {
        "position_policy": {"mode": "long_short", "exit_mode": "first_hit"},
        "actions": {"exit_long": {"any": [["rsi", ">", 75]]}, "exit_short": {"any": [["rsi", "cross_below", 30]]}},
    },
}


def candles(seed: int, count: int) -> Candles:
    """A lively seeded walk on the tick grid, without gaps."""
    rng = np.random.default_rng(seed)
    close = np.round(50_000 * np.exp(np.cumsum(rng.normal(0, 0.0007, count))), 1)
    open_ = np.round(np.concatenate(([50_000.0], close[:-1])) + rng.choice([0.0, 0.0, 0.3, -7.5, 12.0], count), 1)
    high = np.round(np.maximum(open_, close) + rng.exponential(12, count), 1)
    low = np.round(np.minimum(open_, close) - rng.exponential(12, count), 1)
    volume = np.round(rng.exponential(20, count), 3)
    times = START_MS + MINUTE_MS * np.arange(count, dtype=np.int64)
    return Candles("BTCUSDT", MINUTE_MS, times, open_, high, low, close, volume)


def _actions(entries: Any, exits: dict[str, Any]) -> Any:
    """Entries and exits in one form: in a list, one block per exit stands behind what is there."""
    if isinstance(entries, dict):
        return {**entries, **exits}
    return entries + [{"id": name, "cases": [{"when": when, "emit": [name]}]} for name, when in exits.items()]


def play(entry: str, risk: str, leave: str, frame: str, leverage: float) -> dict[str, Any]:
    """One Play of the grid as the mapping its YAML would give."""
    return {
        "version": "3.0.0",
        "name": "grid",
        "symbol": "BTCUSDT",
        "timeframes": {"low_tf": frame, "med_tf": "1h", "high_tf": "4h", "exec": "low_tf"},
        "account": {"starting_equity_usdt": 10000, "max_leverage": leverage, "slippage_bps": 1.5},
        "features": {
            "fast": {"indicator": "ema", "params": {"length": 9}},
            "slow": {"indicator": "sma", "params": {"length": 21}},
            "rsi": {"indicator": "rsi", "params": {"length": 10}},
            "atr": {"indicator": "atr", "params": {"length": 14}},
            "bands": {"indicator": "bbands", "params": {"length": 20, "std": 1.8}},
            "channel": {"indicator": "donchian", "params": {"lower_length": 12, "upper_length": 20}},
            "momentum": {"indicator": "macd", "params": {"fast": 6, "slow": 13, "signal": 5}},
            "hour": {"indicator": "ema", "params": {"length": 8}, "tf": "1h"},
            "trend": {"indicator": "supertrend", "params": {"length": 7, "multiplier": 2}, "tf": "1h"},
        },
        **RISKS[risk],
        "position_policy": EXITS[leave]["position_policy"],
        "actions": _actions(ENTRIES[entry], EXITS[leave].get("actions", {})),
    }


GRID = [
    (entry, risk, leave, frame, leverage)
    for (entry, risk, leave), (frame, leverage) in zip(
        itertools.product(ENTRIES, RISKS, EXITS), itertools.cycle([("1m", 1), ("5m", 3), ("15m", 5), ("3m", 2.5)]), strict=False
    )
    if entry != "minutes" or (leave == "levels" and frame != "1m")
]


@pytest.mark.slow
@pytest.mark.parametrize(("entry", "risk", "leave", "frame", "leverage"), GRID)
def test_backtest_and_second_reading_take_the_same_trades(
    entry: str, risk: str, leave: str, frame: str, leverage: float
) -> None:
    """Times, sides, reasons, quantities and prices are equal; money agrees to a billionth."""
    data = candles(seed=hash_free_seed(entry, risk, leave, frame), count=9_000)
    raw = play(entry, risk, leave, frame, leverage)
    result = run_backtest(load_play(orjson.dumps(raw).decode(), "grid.yml"), data, BTC)
    columns = (data.open_time_ms, data.open, data.high, data.low, data.close, data.volume)
    base = list(zip(*(column.tolist() for column in columns), strict=True))
    oracle = Backtest(raw, base, MINUTE_MS, 0.1, 0.001)
    oracle.run()

    got = [(t.side, t.entry_time_ms, t.exit_time_ms, t.entry_price, t.exit_price, t.qty, t.exit_reason) for t in result.trades]
    expected = [
        (t.side, t.entry_time_ms, t.exit_time_ms, t.entry_price, t.exit_price, t.qty, t.exit_reason) for t in oracle.trades
    ]
    assert expected, "the case trades, or it shows nothing"
    assert got == expected
    assert [t.net_pnl_usdt for t in result.trades] == pytest.approx([t.net_pnl_usdt for t in oracle.trades], rel=1e-9, abs=1e-9)
    assert result.final_equity_usdt == pytest.approx(oracle.cash, rel=1e-9)


def hash_free_seed(*words: str) -> int:
    """A seed that is the same in every process."""
    return sum(ord(letter) * (place + 1) for place, letter in enumerate("".join(words)))
