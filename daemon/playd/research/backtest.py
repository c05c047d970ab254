"""
Backtest: one Play over one series of closed candles, whole arrays at once.

Only the columns and the decisions are computed when a backtest runs. Trade records as values, metrics and hashes are made
from what is kept when somebody asks for them.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from playd import __version__
from playd.core.candles import Candles
from playd.core.canonical import digest
from playd.core.errors import CandleError
from playd.core.instrument import Instrument
from playd.engine import records as e
from playd.engine.notes import NoteReader
from playd.engine.rules import build_rules, build_state, build_terms, build_windows
from playd.engine.trades import TradeRecord, read_trades
from playd.market.rates import NO_FUNDING, Funding
from playd.matching.records import REASONS, Records, new_book, new_fills
from playd.plays.columns import Columns
from playd.plays.compile import compile_program
from playd.plays.model import Play
from playd.plays.program import SIGNALS, Program
from playd.research.loop import ENDINGS, RUN, run_bars
from playd.research.metrics import RunFacts, measure
from playd.research.trade_metrics import AtLimit

_FIRST_ROOM: Final = 65_536
"""Trades to make room for at first; the room doubles whenever the loop asks for more."""


@dataclass(frozen=True, eq=False)
class BacktestResult:
    """
    What a backtest gave.

    Attributes:
        candles: The candles of the window `[start, end)`, without warm-up.
        loaded: The same with the warm-up before it; the first of them is the anchor.
        signals: The Program's signals over `loaded`.
        trade_rows: TRADE records, oldest first.
        equity_usdt: One value per decided execution close.
        verdicts: One code of `engine.records.VERDICTS` per decision.
        entries_unfilled: Entries that ended at the venue without a fill, by the code of the reason.
        ended: `end_of_data`, `max_drawdown_hit` or `liquidated`.
        funding_charged: False where rates were known and none was paid.
    """

    play: Play
    instrument: Instrument
    candles: Candles
    loaded: Candles
    signals: Columns
    start_equity_usdt: float
    slippage_bps: float
    funding: Funding
    trade_rows: Records
    equity_usdt: NDArray[np.float64]
    verdicts: NDArray[np.int8]
    entries_unfilled: NDArray[np.int64]
    closes_held: int
    final_equity_usdt: float
    ended: str
    funding_charged: bool

    @property
    def funding_stamps(self) -> int:
        """Stamps that lie in the window."""
        first_ms, last_ms = int(self.candles.open_time_ms[0]), int(self.candles.open_time_ms[-1])
        return int(np.count_nonzero((self.funding.time_ms >= first_ms) & (self.funding.time_ms <= last_ms)))

    @property
    def anchor_ms(self) -> int:
        """Open of the first candle loaded."""
        return int(self.loaded.open_time_ms[0])

    @property
    def program(self) -> Program:
        """The Program that ran."""
        return self.signals.program

    @cached_property
    def columns(self) -> Columns:
        """Every column of the Program over `loaded`; a run needs the signals only."""
        columns = Columns(self.program, len(self.loaded))
        columns.extend_many(self.loaded)
        return columns

    @cached_property
    def trades(self) -> list[TradeRecord]:
        """Trade records as values, oldest first."""
        if not len(self.trade_rows):
            return []
        notes = NoteReader(self.play).of_trades(self.columns, self.trade_rows)
        return list(read_trades(self.trade_rows, self.instrument, self.program.exec_step_ms, notes))

    @cached_property
    def close_times_ms(self) -> NDArray[np.int64]:
        """The execution closes that were decided, one per value of `equity_usdt`."""
        times_ms = self.decision_times_ms
        closing: NDArray[np.int64] = times_ms[times_ms % self.program.exec_step_ms == 0]
        return closing

    @cached_property
    def decision_times_ms(self) -> NDArray[np.int64]:
        """The closes at which a decision was made, one per value of `verdicts`."""
        return self.all_decision_times_ms[: len(self.verdicts)]

    @cached_property
    def all_decision_times_ms(self) -> NDArray[np.int64]:
        """The closes of the window at which a decision was due, those after an early end included."""
        closes = self.candles.open_time_ms + self.candles.step_ms
        if self.program.decision_clock != 0:  # every candle closes a bar of the base clock, and of another one only some do
            due = self.signals.close_times_ms(self.program.decision_clock)
            place = np.minimum(np.searchsorted(closes, due), len(closes) - 1)
            closes = due[closes[place] == due]
        return closes[_first_decision(self.program, closes) :]

    @cached_property
    def metrics(self) -> dict[str, object]:
        """The metrics of play-language 11; None where a divisor is zero."""
        return measure(
            RunFacts(
                candles=self.candles,
                trade_rows=self.trade_rows,
                equity_usdt=self.equity_usdt,
                close_times_ms=self.close_times_ms,
                verdicts=self.verdicts,
                entries_unfilled=self.entries_unfilled,
                closes_held=self.closes_held,
                start_equity_usdt=self.start_equity_usdt,
                rules=build_rules(self.play, self.instrument, self.program.base_step_ms),
                slippage=self.slippage_bps / 10_000.0,
                at_limit=AtLimit(
                    entry=self.play.entry.order_type == "Limit",
                    stop=self.play.risk.sl_order_type == "Limit",
                    target=self.play.risk.tp_order_type == "Limit",
                ),
            )
        )

    @cached_property
    def hashes(self) -> dict[str, str]:
        """Identity of Play, data, run and result (play-language 13), 64 hex characters each."""
        data_hash = _data_hash(self.loaded, self.funding)
        run = {
            "play_hash": self.play.play_hash,
            "data_hash": data_hash,
            "window_ms": [int(self.candles.open_time_ms[0]), int(self.candles.open_time_ms[-1]) + self.candles.step_ms],
            "anchor_ms": self.anchor_ms,
            "equity_usdt": self.start_equity_usdt,
            "slippage_bps": self.slippage_bps,
            "instrument": {name: str(getattr(self.instrument, name)) for name in Instrument.__slots__},
            "funding": self.funding_charged and len(self.funding.time_ms) > 0,
            "engine": __version__,
        }
        result = hashlib.sha256(self.trade_rows.tobytes())
        result.update(self.equity_usdt.tobytes())
        return {
            "play_hash": self.play.play_hash,
            "source_hash": self.play.source_hash,
            "data_hash": data_hash,
            "run_hash": digest(run),
            "result_hash": result.hexdigest(),
        }

    def as_json(self) -> dict[str, object]:
        """The result as one JSON-able value."""
        return {
            "play": self.play.name,
            "symbol": self.play.symbol,
            "reference": self.play.reference,
            "bars": len(self.candles),
            "first_bar_ms": int(self.candles.open_time_ms[0]),
            "last_bar_ms": int(self.candles.open_time_ms[-1]),
            "anchor_ms": self.anchor_ms,
            "ended": self.ended,
            "start_equity_usdt": self.start_equity_usdt,
            "final_equity_usdt": self.final_equity_usdt,
            "mark_candles": self.candles.mark is not None,
            "funding": {"stamps": self.funding_stamps, "charged": self.funding_charged and self.funding_stamps > 0},
            "trades": [trade.as_json() for trade in self.trades],
            "metrics": self.metrics,
            "hashes": self.hashes,
        }


def run_backtest(
    play: Play,
    candles: Candles,
    instrument: Instrument,
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
    funding: Funding = NO_FUNDING,
    charge_funding: bool = True,
) -> BacktestResult:
    """
    Run `play` over the candles that open in `[start_ms, end_ms)`.

    A Play that reads a second symbol needs its candles as the reference of `candles`.

    Absent bounds are those of the Play's `date_range`, else of the candles. Warm-up before the start is used as far as
    `candles` has it, the Play's `warmup_ms` at most; the first candle so loaded is the anchor. `instrument` gives tick, step
    and limits. Funding is paid at the given stamps, unless it is not to be charged; what conditions know of its rates is the
    same. Liquidation, worth and funding go by `candles.mark` where there are such candles, else by the last price.

    Raises:
        PlayError: The Play has a clock that cannot be made of these candles.
        CandleError: There is no candle in the window, or none of the second symbol that the Play reads.
    """
    program = compile_program(play, candles.step_ms)
    if program.reads_reference and candles.reference is None:
        raise CandleError(f"{play.name} reads {play.reference} beside {play.symbol}: found no candles of it, expected some")
    start = _first(start_ms, play.trial.start_ms, int(candles.open_time_ms[0]) if len(candles) else 0)
    end = _first(end_ms, play.trial.end_ms, int(candles.open_time_ms[-1]) + candles.step_ms if len(candles) else 0)
    if candles.funding_rate is None and len(funding.time_ms):
        candles = replace(candles, funding_rate=funding.known_at(candles.open_time_ms + candles.step_ms))
    loaded = candles.between(program.anchor_ms(start), end)
    window = loaded.between(start, end)
    if not len(window):
        raise CandleError(_no_candle(candles, start, end))
    columns = Columns(program, len(loaded), signals_only=True)
    columns.extend_many(loaded)
    return _decide_all(play, instrument, columns, loaded, window, funding, charge_funding=charge_funding)


def _no_candle(candles: Candles, start_ms: int, end_ms: int) -> str:
    """Why a window has no candle, in times that people read."""
    found = f"found no candle that opens from {_utc(start_ms)} to before {_utc(end_ms)}"
    if start_ms >= end_ms:
        return f"{found}, expected a start before the end"
    if not len(candles):
        return f"{found}: there are no candles at all"
    first, last = int(candles.open_time_ms[0]), int(candles.open_time_ms[-1])
    return f"{found}, expected a window among the candles, which open from {_utc(first)} to {_utc(last)}"


def _utc(time_ms: int) -> str:
    try:
        return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):  # no calendar reaches that far
        return f"{time_ms} ms"


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)


def _decide_all(
    play: Play,
    instrument: Instrument,
    columns: Columns,
    loaded: Candles,
    window: Candles,
    funding: Funding,
    *,
    charge_funding: bool,
) -> BacktestResult:
    program = columns.program
    state = build_state(play.backtest.equity_usdt)
    rules = build_rules(play, instrument, program.base_step_ms)
    book = new_book(stop_is_limit=play.risk.sl_order_type == "Limit", target_is_limit=play.risk.tp_order_type == "Limit")
    terms = build_terms(play, instrument, play.backtest.slippage_bps)
    row_open_ms = columns.open_times_ms(program.decision_clock)
    run = np.zeros(1, RUN)
    run["bar"] = len(loaded) - len(window)
    run["end_bar"] = len(loaded)
    row = int(np.searchsorted(row_open_ms, int(window.open_time_ms[0]) - program.decision_step_ms, side="right"))
    run["row"] = row + _first_decision(program, row_open_ms[row:] + program.decision_step_ms)
    paid = funding if charge_funding else NO_FUNDING
    run["funding_row"] = np.searchsorted(paid.time_ms, window.open_time_ms[0])
    room = columns.decision_count - int(run["row"][0])
    equity, verdicts, unfilled = np.empty(room), np.empty(room, np.int8), np.zeros(len(REASONS), np.int64)
    rows, strides = _signal_rows(columns)
    trades: Records = np.empty(_FIRST_ROOM, e.TRADE)
    signals, intent, fills = np.full(1, np.nan, e.SIGNALS), np.zeros(1, e.INTENT), new_fills()
    windows = build_windows(play.policy.trading_windows)
    mark = loaded.mark or loaded
    marks = mark.open, mark.high, mark.low, mark.close
    bars = loaded.open_time_ms, loaded.open, loaded.high, loaded.low, loaded.close, marks
    while True:
        records = run, state, rules, book, terms, signals, intent, fills, windows
        outputs = trades, equity, verdicts, unfilled
        run_bars(*records, *bars, row_open_ms, rows, strides, paid.time_ms, paid.rate, *outputs)
        if run["finished"][0]:
            break
        trades = np.concatenate((trades, np.empty(len(trades), e.TRADE)))
    closes, decisions = int(run["closes"][0]), int(run["decisions"][0])
    return BacktestResult(
        play=play,
        instrument=instrument,
        candles=window,
        loaded=loaded,
        signals=columns,
        start_equity_usdt=play.backtest.equity_usdt,
        slippage_bps=play.backtest.slippage_bps,
        funding=funding,
        trade_rows=trades[: int(run["trades"][0])],
        equity_usdt=equity[:closes],
        verdicts=verdicts[:decisions],
        entries_unfilled=unfilled,
        closes_held=int(run["closes_held"][0]),
        final_equity_usdt=float(state["cash_usdt"][0]),
        ended=ENDINGS[int(state["halted"][0])],
        funding_charged=charge_funding,
    )


def _first_decision(program: Program, closes_ms: NDArray[np.int64]) -> int:
    """How many closes of the decision clock come before the first that closes the execution clock too (play-language 3.4)."""
    if program.decision_clock == program.exec_clock:
        return 0
    closing = np.flatnonzero(closes_ms % program.exec_step_ms == 0)
    return int(closing[0]) if len(closing) else len(closes_ms)


def _signal_rows(columns: Columns) -> tuple[tuple[NDArray[np.float64], ...], NDArray[np.int64]]:
    """Rows of `SIGNALS` and their strides: a signal that the Play does not have is one NaN that is read again and again."""
    rows = [columns.signal(name) for name in SIGNALS]
    absent = np.full(1, np.nan)
    strides = np.array([0 if row is None else 1 for row in rows], np.int64)
    return tuple(absent if row is None else row for row in rows), strides


def _data_hash(candles: Candles, funding: Funding) -> str:
    """
    SHA-256 over the base candles of all symbols from the anchor on, and what is known beside them; slower clocks are made of
    them and add nothing.
    """
    data = hashlib.sha256()
    for series in candles.apart():
        data.update(digest({"symbol": series.symbol, "step_ms": series.step_ms}).encode())
        data.update(series.open_time_ms.astype("<i8").tobytes())
        for row in (series.open, series.high, series.low, series.close, series.volume):
            data.update(row.astype("<f8").tobytes())
    data.update(funding.time_ms.astype("<i8").tobytes())
    data.update(funding.rate.astype("<f8").tobytes())
    beside = {"funding_rate": candles.funding_rate, "open_interest": candles.open_interest}
    if candles.mark is not None:
        beside |= {f"mark.{name}": getattr(candles.mark, name) for name in ("open", "high", "low", "close")}
    for name, known in beside.items():
        if known is not None:
            data.update(name.encode())
            data.update(known.astype("<f8").tobytes())
    return data.hexdigest()
