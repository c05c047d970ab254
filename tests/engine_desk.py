"""A desk for tests of decisions: Plays from a few lines, candles from a few numbers, one decision at a time."""

from typing import Any

import numpy as np
from numpy.random import Generator

from playd.core.candles import Candles
from playd.core.instrument import Instrument
from playd.engine import records as e
from playd.engine.decide import decide
from playd.engine.rules import build_rules, build_state, build_windows
from playd.matching.records import Records
from playd.plays.load import load_play
from playd.plays.model import Play
from tests.rows import BTC

MINUTE_MS = 60_000
START_MS = 1_735_689_600_000
"""2025-01-01 00:00 UTC, a Wednesday."""

ENTRY = "entry_long: {all: [[close, '>', 0]]}"
RISK = "risk: {stop_loss_pct: 3, take_profit_pct: 6}"


def play_of(
    *,
    account: str = "{}",
    features: str = "{atr_14: {indicator: atr, params: {length: 14}}}",
    actions: str = ENTRY,
    policy: str = "{mode: long_short, exit_mode: first_hit}",
    risk: str = RISK,
    exec_tf: str = "1m",
    entry: str = "{}",
) -> Play:
    """A checked Play on BTCUSDT from the parts that matter to a test. `actions` in mapping form come without their braces."""
    text = f"""
version: "3.0.0"
name: desk
symbol: BTCUSDT
timeframes: {{low_tf: {exec_tf}, med_tf: 1h, high_tf: D, exec: low_tf}}
account: {account}
features: {features}
actions: {actions if actions.startswith("[") else f"{{{actions}}}"}
position_policy: {policy}
entry: {entry}
{risk}
"""
    return load_play(text, "desk.yml")


def candles_of(rows: list[tuple[float, float, float, float]], *, start_ms: int = START_MS, step_ms: int = MINUTE_MS) -> Candles:
    """Candles from (open, high, low, close) rows without gaps."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    times = start_ms + step_ms * np.arange(len(table), dtype=np.int64)
    o, h, low, c = (np.ascontiguousarray(table[:, i]) for i in range(4))
    return Candles("BTCUSDT", step_ms, times, o, h, low, c, np.ones(len(table)))


def flat_candles(closes: list[float], **where: int) -> Candles:
    """Candles whose open is the close before and whose extremes are the body's."""
    opens = [closes[0], *closes[:-1]]
    return candles_of([(o, max(o, c), min(o, c), c) for o, c in zip(opens, closes, strict=True)], **where)


def random_candles(
    rng: Generator, bars: int, *, gaps: bool = False, step_ms: int = MINUTE_MS, volatility: float = 0.002
) -> Candles:
    """A random walk on the tick 0.1; with `gaps` some candles are missing and opens jump."""
    closes = 50_000.0 * np.exp(np.cumsum(rng.normal(0.0, volatility, bars)))
    opens = np.concatenate((np.array([50_000.0]), closes[:-1])) * np.exp(rng.normal(0.0, volatility / 3, bars) * gaps)
    highs = np.maximum(opens, closes) * (1.0 + volatility * rng.random(bars))
    lows = np.minimum(opens, closes) * (1.0 - volatility * rng.random(bars))
    times = START_MS + step_ms * np.arange(bars, dtype=np.int64)
    keep = rng.random(bars) > (0.05 if gaps else -1.0)
    o, h, low, c = (np.round(row[keep], 1) for row in (opens, highs, lows, closes))
    return Candles("BTCUSDT", step_ms, times[keep], o, h, low, c, rng.random(len(o)) * 10.0)


class Desk:
    """One decision at a time, with signals given by hand."""

    def __init__(self, play: Play, *, instrument: Instrument = BTC, equity_usdt: float = 10_000.0) -> None:
        self.rules: Records = build_rules(play, instrument, MINUTE_MS)
        self.state: Records = build_state(equity_usdt)
        self.intent: Records = np.zeros(1, e.INTENT)
        self._windows = build_windows(play.policy.trading_windows)

    def decide(self, close: float, close_ms: float = START_MS + MINUTE_MS, **signals: float) -> Any:
        """The INTENT at this close; signals that are not given are unknown."""
        record = np.full(1, np.nan, e.SIGNALS)
        for name, value in signals.items():
            record[name] = value
        decide(self.state, self.rules, record, self._windows, int(close_ms), close, close, self.intent)
        return self.intent[0]

    def verdict(self, close: float, close_ms: float = START_MS + MINUTE_MS, **signals: float) -> str:
        """The word of the verdict at this close."""
        return e.VERDICTS[self.decide(close, close_ms, **signals)["verdict"]]

    def hold(self, direction: int, entry: float, *, qty: int = 100, stop_ticks: int = 0) -> None:
        """Pretend that a position was opened."""
        self.state["dir"], self.state["qty"], self.state["entry_price"] = direction, qty, entry
        self.state["size"] = qty / 1_000
        self.state["peak_close"] = entry
        self.state["stop_ticks"] = stop_ticks
