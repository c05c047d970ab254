"""Trade records as values (play-language 10.10): one per closing fill."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from playd.core.instrument import Instrument
from playd.core.units import from_units
from playd.matching.records import REASONS, Record, Records


@dataclass(frozen=True, slots=True)
class TradeRecord:
    """
    One closing fill and its share of the position.

    Times are the opens of the base candles in which the fills happened. `notional_usdt` is the entry's. `stop_loss` and
    `take_profit` are the first ones, `*_at_exit` the last ones; None when there is none. `fees_usdt` and `funding_usdt` are
    positive when paid. `entry_bar` and `exit_bar` are bar indices of the execution clock (open time / length).
    `mae_pct` and `mfe_pct` are magnitudes in percent of the entry price. `decided_ms` is the close that decided the entry.
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
    entry_rule: str

    def as_json(self) -> dict[str, object]:
        """The record under the names of its fields, JSON-able."""
        return asdict(self)


def read_trades(rows: Records, instrument: Instrument, exec_step_ms: int) -> Iterator[TradeRecord]:
    """The records in TRADE rows."""
    return (read_trade(row, instrument, exec_step_ms) for row in rows)


def read_trade(row: Record, instrument: Instrument, exec_step_ms: int) -> TradeRecord:
    """The record in one TRADE row."""
    qty = from_units(int(row["qty"]), *instrument.step_fraction)
    entry_price = float(row["entry_price"])
    net = float(row["net_usdt"])
    entry_bar = int(row["entry_time_ms"]) // exec_step_ms
    exit_bar = int(row["exit_time_ms"]) // exec_step_ms
    side: Literal["long", "short"] = "long" if row["dir"] > 0 else "short"
    return TradeRecord(
        trade_id=int(row["trade_id"]),
        part=int(row["part"]),
        symbol=instrument.symbol,
        side=side,
        entry_time_ms=int(row["entry_time_ms"]),
        exit_time_ms=int(row["exit_time_ms"]),
        entry_price=entry_price,
        exit_price=float(row["exit_price"]),
        qty=qty,
        notional_usdt=qty * entry_price,
        exit_reason=REASONS[int(row["reason"])],
        gross_pnl_usdt=float(row["gross_usdt"]),
        fees_usdt=float(row["fees_usdt"]),
        funding_usdt=float(row["funding_usdt"]),
        net_pnl_usdt=net,
        pnl_pct=net / (qty * entry_price) * 100.0,
        stop_loss=_level(int(row["first_stop_ticks"]), instrument),
        take_profit=_level(int(row["first_target_ticks"]), instrument),
        stop_loss_at_exit=_level(int(row["last_stop_ticks"]), instrument),
        take_profit_at_exit=_level(int(row["last_target_ticks"]), instrument),
        entry_bar=entry_bar,
        exit_bar=exit_bar,
        bars_held=exit_bar - entry_bar,
        mae_pct=float(row["mae_pct"]),
        mfe_pct=float(row["mfe_pct"]),
        decided_ms=int(row["decided_ms"]),
        entry_rule=f"actions.entry_{side}",
    )


def _level(ticks: int, instrument: Instrument) -> float | None:
    return from_units(ticks, *instrument.tick_fraction) if ticks > 0 else None
