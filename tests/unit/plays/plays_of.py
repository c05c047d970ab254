"""Small Plays and small markets for tests of the language."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from playd.core.candles import Candles
from playd.core.timeframes import TIMEFRAME_MS
from playd.plays.columns import Columns
from playd.plays.compile import compile_program
from playd.plays.load import load_play
from playd.plays.model import Play

START_MS = 1_735_689_600_000
"""2025-01-01 00:00 UTC, a Wednesday."""

STOP_AND_TARGET = """
risk_model:
  stop_loss: {type: percent, value: 1, basis: price}
  take_profit: {type: percent, value: 2, basis: price}
  sizing: {model: percent_equity, value: 10}
"""


def play_text(condition: str, *, exec_tf: str = "1m", features: str = "{}", more: str = "", risk: str = STOP_AND_TARGET) -> str:
    """A Play that goes long on `condition`, written in YAML flow style."""
    return f"""
version: "3.0.0"
name: small
symbol: BTCUSDT
timeframes: {{low_tf: {exec_tf}, med_tf: 1h, high_tf: D, exec: low_tf}}
account: {{max_leverage: 2}}
features: {features}
{more}
actions:
  entry_long: {condition}
  exit_long: {{all: [[close, "<", 0.000001]]}}
position_policy: {{exit_mode: first_hit}}
{risk}
"""


def load(condition: str, **parts: str) -> Play:
    return load_play(play_text(condition, **parts), "small.yml")


def market(closes: Sequence[float], step: str = "1m", start_ms: int = START_MS, absent: Sequence[int] = ()) -> Candles:
    """Candles with these closes, open at the close before, one unit of room on both sides. `absent` ones are left out."""
    close = np.array(closes, dtype=np.float64)
    open_ = np.concatenate((close[:1], close[:-1]))
    times = start_ms + TIMEFRAME_MS[step] * np.arange(len(close))
    rows = (times, open_, np.maximum(open_, close) + 1, np.minimum(open_, close) - 1, close, np.full(len(close), 10.0))
    keep = np.array([i not in absent for i in range(len(close))])
    return Candles("BTCUSDT", TIMEFRAME_MS[step], *(row[keep] for row in rows))


def columns_of(play: Play, candles: Candles) -> Columns:
    columns = Columns(compile_program(play, candles.step_ms), len(candles))
    columns.extend_many(candles)
    return columns


def truths(condition: str, candles: Candles, **parts: str) -> list[bool | None]:
    """Truth of a condition at every execution close: True, False, None for unknown."""
    row = columns_of(load(condition, **parts), candles).signal("entry_long")
    assert row is not None
    return [None if np.isnan(value) else bool(value) for value in row]


def values(operand: str, candles: Candles, **parts: str) -> NDArray[np.float64]:
    """Values of an operand at every execution close."""
    columns = columns_of(load(f'{{all: [[{operand}, ">", 0]]}}', **parts), candles)
    return columns.column("actions.entry_long.all[0].lhs")
