"""Trade records as values (play-language 10.10): one per closing fill."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from playd.core.instrument import Instrument
from playd.core.units import from_units
from playd.engine.notes import Notes
from playd.matching.records import REASONS, Records
from playd.plays.model import Scalar


@dataclass(frozen=True, slots=True)
class TradeRecord:
    """
    One closing fill and its share of the position.

    Times are the opens of the base candles in which the fills happened. `notional_usdt` is the entry's. `stop_loss` and
    `take_profit` are the first ones, `*_at_exit` the last ones; None when there is none. `fees_usdt` and `funding_usdt` are
    positive when paid. `entry_bar` and `exit_bar` are bar indices of the execution clock (open time / length).
    `mae_pct` and `mfe_pct` are magnitudes in percent of the entry price. `decided_ms` is the close that decided the entry,
    `exit_decided_ms` the one that decided the exit, None for a stop, a target and whatever else the Play did not ask for.

    `entry_rule` is the path of the condition that fired, `entry_clauses` are the paths of the clauses that made it true,
    `metadata` is what the Play attached to it, with the values at `decided_ms`. `exit_rule`, `exit_clauses` and
    `exit_metadata` are the same of the exit action; empty unless `exit_reason` is `signal`.
    """

    trade_id: int
    part: int
    symbol: str
    side: Literal["long", "short"]
    entry_time_ms: int
    exit_time_ms: int
    entry_price: float
    exit_price: float
    qty: float
    notional_usdt: float
    exit_reason: str
    gross_pnl_usdt: float
    fees_usdt: float
    funding_usdt: float
    net_pnl_usdt: float
    pnl_pct: float
    stop_loss: float | None
    take_profit: float | None
    stop_loss_at_exit: float | None
    take_profit_at_exit: float | None
    entry_bar: int
    exit_bar: int
    bars_held: int
    mae_pct: float
    mfe_pct: float
    decided_ms: int
    exit_decided_ms: int | None
    entry_rule: str
    entry_clauses: tuple[str, ...]
    metadata: Mapping[str, Scalar | None]
    exit_rule: str
    exit_clauses: tuple[str, ...]
    exit_metadata: Mapping[str, Scalar | None]

    def as_json(self) -> dict[str, object]:
        """The record under the names of its fields, JSON-able."""
        return {name: getattr(self, name) for name in self.__slots__}


def read_trades(
    rows: Records, instrument: Instrument, exec_step_ms: int, notes: tuple[Sequence[Notes], Sequence[Notes]]
) -> Iterator[TradeRecord]:
    """
    The records in TRADE rows, with the notes of their entries and of their exits.

    They are made field by field: one row at a time takes NumPy several times as long.
    """
    entries, exits = notes
    is_long = rows["dir"] > 0
    tick, step = instrument.tick_fraction, instrument.step_fraction
    qty = np.array([from_units(steps, *step) for steps in rows["qty"].tolist()])
    notional = qty * rows["entry_price"]
    entry_bar, exit_bar = rows["entry_time_ms"] // exec_step_ms, rows["exit_time_ms"] // exec_step_ms
    fields: dict[str, Iterable[object]] = {
        "trade_id": rows["trade_id"].tolist(),
        "part": rows["part"].tolist(),
        "symbol": repeat(instrument.symbol),
        "side": ["long" if one else "short" for one in is_long],
        "entry_time_ms": rows["entry_time_ms"].tolist(),
        "exit_time_ms": rows["exit_time_ms"].tolist(),
        "entry_price": rows["entry_price"].tolist(),
        "exit_price": rows["exit_price"].tolist(),
        "qty": qty.tolist(),
        "notional_usdt": notional.tolist(),
        "exit_reason": [REASONS[code] for code in rows["reason"].tolist()],
        "gross_pnl_usdt": rows["gross_usdt"].tolist(),
        "fees_usdt": rows["fees_usdt"].tolist(),
        "funding_usdt": rows["funding_usdt"].tolist(),
        "net_pnl_usdt": rows["net_usdt"].tolist(),
        "pnl_pct": (rows["net_usdt"] / notional * 100.0).tolist(),
        "stop_loss": _levels(rows["first_stop_ticks"], tick),
        "take_profit": _levels(rows["first_target_ticks"], tick),
        "stop_loss_at_exit": _levels(rows["last_stop_ticks"], tick),
        "take_profit_at_exit": _levels(rows["last_target_ticks"], tick),
        "entry_bar": entry_bar.tolist(),
        "exit_bar": exit_bar.tolist(),
        "bars_held": (exit_bar - entry_bar).tolist(),
        "mae_pct": rows["mae_pct"].tolist(),
        "mfe_pct": rows["mfe_pct"].tolist(),
        "decided_ms": rows["decided_ms"].tolist(),
        "exit_decided_ms": [one or None for one in rows["exit_decided_ms"].tolist()],
        "entry_rule": [one.rule for one in entries],
        "entry_clauses": [one.clauses for one in entries],
        "metadata": [one.metadata for one in entries],
        "exit_rule": [one.rule for one in exits],
        "exit_clauses": [one.clauses for one in exits],
        "exit_metadata": [one.metadata for one in exits],
    }
    make: Callable[..., TradeRecord] = TradeRecord
    return map(make, *(fields[name] for name in TradeRecord.__slots__))


def _levels(ticks: NDArray[np.int64], tick: tuple[int, int]) -> list[float | None]:
    return [from_units(one, *tick) if one > 0 else None for one in ticks.tolist()]
