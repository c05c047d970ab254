"""PlayEngine: one Play on one symbol. Closed bars and fills in, decisions out. Pure; the same in shadow and at every venue."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Final

import numpy as np

from playd.core.candles import Candle, Candles
from playd.core.errors import Broken, StateError
from playd.core.instrument import Instrument
from playd.core.limits import KEPT_TRADES
from playd.core.orders import Action, Side
from playd.core.units import from_units, units_to_text
from playd.engine import records as e
from playd.engine.account import apply_entry, apply_exit, apply_funding, entry_ended, exit_ended, leave, mark
from playd.engine.decide import decide
from playd.engine.late_fills import entered_late, left_late
from playd.engine.messages import LEVELS_OF_FILL, Decision, EngineFill, EngineOrder, EnginePosition
from playd.engine.notes import NoteReader, Remembered
from playd.engine.rules import build_rules, build_state, build_windows
from playd.engine.trades import TradeRecord, read_trades
from playd.engine.verdicts import NO_SIGNAL, NewestClause
from playd.matching.money import equity_usdt
from playd.matching.records import END_OF_DATA, REASON_CODE, REASONS, SIGNAL, SL
from playd.plays.column_image import ColumnImage
from playd.plays.columns import Columns
from playd.plays.keep import Keep
from playd.plays.model import Play
from playd.plays.program import Program

SNAPSHOT_VERSION: Final = 5
_HALT_WORDS: Final = {e.RUNNING: None, e.HALTED_DRAWDOWN: "max_drawdown", e.HALTED_LIQUIDATED: "liquidation"}
_NO_LEVEL_WORD: Final = "none"


@cache
def compile_now() -> None:
    """Compile what engines call, once per process, so that no first bar and no first fill has to wait for it."""
    play_state, rules, trade = build_state(1.0), np.zeros(1, e.RULES), np.zeros(1, e.TRADE)
    rules["base_step_ms"] = rules["exec_step_ms"] = rules["decision_step_ms"] = rules["funding_step_ms"] = rules[
        "step_den"
    ] = rules["tick_den"] = 1
    decide(play_state, rules, np.zeros(1, e.SIGNALS), build_windows(()), 0, 1.0, 1.0, np.zeros(1, e.INTENT))
    apply_entry(play_state, rules, 1, 1, 1.0, 0.0, 0)
    mark(play_state, 1.0, 1.0)
    apply_funding(play_state, 0.0)
    apply_exit(play_state, rules, 1, 1.0, 0.0, 0, REASON_CODE["signal"], trade, 0)
    entry_ended(play_state)
    exit_ended(play_state)
    leave(play_state)


class PlayEngine:
    """
    Decisions and account of one Play.

    Use: `resume` if there is an image of its columns, `warm` with the history from there or from the anchor on, `restore` if
    there is a snapshot, then for every closed base candle in order first the fills that happened in it (`on_fill`,
    `on_order_ended`, `on_funding`), then `on_bar`.

    Making one compiles what all of them call, unless the disk cache has it: make engines before the first bar is due.

    `trades` has the newest records, one per closing fill since this object was made; `trade_count` and `net_pnl_usdt` are of
    all of them. Snapshots do not hold them.
    """

    def __init__(
        self,
        program: Program,
        play: Play,
        instrument: Instrument,
        start_equity_usdt: float,
        *,
        capacity: int = 0,
        keep: Keep | None = None,
    ) -> None:
        """
        `capacity`: base candles to make room for beforehand; the columns grow beyond it when they must. `keep`: how much of
        its columns stays; all of it without. What is decided is the same.
        """
        self.trades: list[TradeRecord] = []
        self.trade_count = 0
        self.net_pnl_usdt = 0.0
        self.play = play
        self._program = program
        self._instrument = instrument
        self._keep = keep
        self._columns = Columns(program, capacity, keep=keep)
        self._notes = NoteReader(play)
        self._remembered = Remembered(self._notes)
        self._stopping = NewestClause(play, program)
        self._rules = build_rules(play, instrument, program.base_step_ms)
        self._windows = build_windows(play.policy.trading_windows)
        self._state = build_state(start_equity_usdt)
        self._signals = np.full(1, np.nan, e.SIGNALS)
        self._intent = np.zeros(1, e.INTENT)
        self._trade = np.zeros(1, e.TRADE)
        self._begun = program.decision_clock == program.exec_clock
        """Whether the execution clock has closed since the history: decisions inside a bar wait for that."""
        compile_now()

    @property
    def columns(self) -> Columns:
        """The columns, for explanations. Borrowed: only this engine extends them."""
        return self._columns

    @property
    def cash_usdt(self) -> float:
        """Start plus realised profit minus fees and funding."""
        return float(self._state["cash_usdt"][0])

    @property
    def halted(self) -> str | None:
        """`max_drawdown` or `liquidation` once the Play has stopped for good, else None."""
        return _HALT_WORDS[int(self._state["halted"][0])]

    @property
    def position(self) -> EnginePosition | None:
        """The open position, or None when flat."""
        s = self._state[0]
        if s["dir"] == 0:
            return None
        return EnginePosition(
            side=Side.BUY if s["dir"] > 0 else Side.SELL,
            qty_steps=int(s["qty"]),
            entry_price=float(s["entry_price"]),
            stop_ticks=_level(int(s["stop_ticks"])),
            target_ticks=_level(int(s["target_ticks"])),
            entry_time_ms=int(s["entry_time_ms"]),
        )

    @property
    def order_pending(self) -> bool:
        """Whether an entry or exit order is under way whose end the engine has not heard of."""
        s = self._state[0]
        return bool(s["pending_qty"] > 0 or s["exit_qty"] > 0)

    @property
    def leaving(self) -> bool:
        """Whether an order that closes the whole position is under way whose end the engine has not heard of."""
        s = self._state[0]
        return bool(s["dir"] != 0 and s["exit_qty"] >= s["qty"])

    def equity(self, mark_price: float) -> float:
        """Cash plus unrealised profit at `mark_price`, in USDT."""
        s = self._state[0]
        if s["dir"] == 0:
            return self.cash_usdt
        return equity_usdt(self.cash_usdt, int(s["dir"]), float(s["size"]), float(s["entry_price"]), mark_price)

    def drawdown_pct(self, mark_price: float) -> float:
        """How far equity at `mark_price` lies below the highest equity of any decision so far, in percent."""
        equity = self.equity(mark_price)
        peak = max(float(self._state["peak_equity_usdt"][0]), equity)
        return (peak - equity) / peak * 100.0 if peak > 0.0 else 0.0

    def resume(self, image: ColumnImage) -> None:
        """Take the columns up where their image was made. Raises `StateError` for an image of another Program."""
        self._columns.resume(image)

    def warm(self, candles: Candles) -> None:
        """Extend the columns by closed candles, without decisions."""
        self._columns.extend_many(candles)

    def rewarm(self, candles: Candles, image: ColumnImage | None = None) -> None:
        """
        Build the columns anew from candles that were corrected, up to the same bar: all since the anchor, or those from the
        last one of `image` on. Account and orders stay as they are.
        """
        self._remembered.look(self._columns, self._state[0])
        self._columns = Columns(self._program, 0, keep=self._keep)
        if image is not None:
            self._columns.resume(image)
        self._columns.extend_many(candles if image is None else candles.places(1, len(candles)))

    def on_bar(self, candle: Candle) -> Decision | None:
        """Extend the columns by one closed base candle; the decision if one is due at its close, else None."""
        state = self._state
        if state["dir"][0] != 0 and candle.open_time_ms >= state["entry_time_ms"][0]:
            mark(state, candle.high, candle.low)
        if self._columns.trim_due:
            self._remembered.look(self._columns, state[0])
            self._columns.trim()
        if not self._columns.extend_one(candle):
            return None
        close_ms = candle.open_time_ms + self._program.base_step_ms
        self._begun = self._begun or close_ms % self._program.exec_step_ms == 0
        if not self._begun:
            return None
        values = self._columns.last_signals()
        for name, value in values.items():
            self._signals[name] = value
        mark_price = (candle.mark or candle).close
        decide(state, self._rules, self._signals, self._windows, close_ms, candle.close, mark_price, self._intent)
        return self._decision(close_ms, candle.close, values)

    def on_fill(self, fill: EngineFill) -> EngineOrder | None:
        """
        One execution. Returns the levels for the venue where the fill has changed them from what the order brought along.

        Raises `Broken` when the execution cannot belong to the position; `ValueError` for an unknown reason.
        """
        price = from_units(fill.price_ticks, *self._instrument.tick_fraction)
        direction = 1 if fill.side is Side.BUY else -1
        held = int(self._state["dir"][0])
        if fill.action in (Action.ENTER, Action.ADD):
            if held not in (0, direction):
                raise Broken(f"an entry was filled on side {fill.side} against an open position")
            apply_entry(self._state, self._rules, direction, fill.qty_steps, price, fill.fee_usdt, fill.time_ms)
            if held == 0 and self._is_late(fill.time_ms):
                entered_late(self._state, self._columns, self._program.exec_step_ms)
            # With every part of the order the venue sets the levels again that the order brought along.
            return self._levels_of_fill(price) if self._levels("") != self._levels("pending_") else None
        if held != -direction or fill.qty_steps > self._state["qty"][0]:
            raise Broken(f"{fill.side} {fill.qty_steps} steps was filled as {fill.action} and does not fit the position")
        reason = REASON_CODE.get(fill.reason, 0)
        if reason == 0:
            raise ValueError(f"{fill.reason!r} is not a reason for which a position is closed")
        state = self._state
        lived = float(state["worst_price"][0]), float(state["best_price"][0])
        late = reason != END_OF_DATA and self._is_late(
            fill.time_ms
        )  # which is at the last close, with all of that minute behind it
        if late:
            left_late(state, self._columns, fill.time_ms)
        apply_exit(state, self._rules, fill.qty_steps, price, fill.fee_usdt, fill.time_ms, reason, self._trade, 0)
        if late and state["dir"][0] != 0:  # the rest lived on through the bars since
            state["worst_price"], state["best_price"] = lived
        self._note_trade()
        return None

    def adopt(self, position: EnginePosition) -> None:
        """
        A position that somebody else opened is this Play's from now on: since its entry, at its price, under its levels.

        It counts as no entry of the day and pays no fee. Raises `Broken` while a position is open.
        """
        state = self._state
        if state["dir"][0] != 0:
            raise Broken("a position cannot be adopted beside an open one")
        counted = state["entries_day"][0], state["entries_count"][0]
        direction, time_ms = 1 if position.side is Side.BUY else -1, position.entry_time_ms
        apply_entry(state, self._rules, direction, position.qty_steps, position.entry_price, 0.0, time_ms)
        state["entries_day"], state["entries_count"], state["decided_ms"] = *counted, 0
        for name, ticks in (("stop_ticks", position.stop_ticks), ("target_ticks", position.target_ticks)):
            state[name] = state[f"first_{name}"] = ticks or 0
        if self._is_late(time_ms):
            entered_late(state, self._columns, self._program.exec_step_ms)

    def _is_late(self, time_ms: int) -> bool:
        """Whether bars that closed after a fill have been decided already."""
        times = self._columns.open_times_ms(0)
        return len(times) > 0 and time_ms < int(times[-1]) + self._program.base_step_ms

    def on_levels_refused(self) -> EngineOrder | None:
        """The price is beyond the stop that `on_fill` asked for: the order that leaves at once; None without a position."""
        position = self.position
        if position is None:
            return None
        leave(self._state)
        side, price = position.side.opposite, position.entry_price
        return EngineOrder(Action.EXIT, side, position.qty_steps, None, None, price, 100.0, REASONS[SL])

    def on_order_ended(self, action: Action, reason: str) -> None:
        """An entry or exit order is over without (further) fill: rejected, cancelled or dropped, for `reason`."""
        if action in (Action.ENTER, Action.ADD):
            entry_ended(self._state)
        elif action in (Action.EXIT, Action.REDUCE):
            exit_ended(self._state)

    def on_funding(self, paid_usdt: float) -> None:
        """Funding of the position, positive when paid."""
        apply_funding(self._state, paid_usdt)

    def snapshot(self) -> dict[str, object]:
        """
        Everything but the columns, JSON-able; floats as hexadecimal text, so that every bit survives.

        The columns come back by `warm` with the same candles from the same anchor, or from an image of them.
        """
        fields = {name: _packed(self._state[name][0]) for name in e.STATE.names or ()}
        self._remembered.look(self._columns, self._state[0])
        times = {"anchor_ms": self._columns.anchor_ms, "reference_ms": self._columns.reference_ms}
        notes = self._remembered.snapshot()
        return {"version": SNAPSHOT_VERSION, **times, "begun": self._begun, "state": fields, "notes": notes}

    def restore(self, snapshot: dict[str, object]) -> None:
        """
        Continue from a snapshot, after `warm` up to the same bar. Raises `StateError` if it does not fit.
        """
        if snapshot.get("version") != SNAPSHOT_VERSION:
            raise StateError(f"engine snapshot of version {snapshot.get('version')}, expected {SNAPSHOT_VERSION}", exit_code=80)
        found, expected = self._columns.anchor_ms, snapshot.get("anchor_ms")
        if found != expected:
            raise StateError(f"columns start at {found}, the snapshot's at {expected}: warm from the same anchor")
        found, expected = self._columns.reference_ms, snapshot.get("reference_ms")
        if found != expected:
            raise StateError(f"the second symbol starts at {found}, the snapshot's at {expected}: its history is another one")
        fields = snapshot.get("state")
        notes = snapshot.get("notes")
        if not isinstance(fields, dict) or set(fields) != set(e.STATE.names or ()) or not isinstance(notes, list):
            raise StateError("engine snapshot does not have the fields of this version")
        self._remembered.restore(notes)
        self._begun = bool(snapshot.get("begun", True))
        for name, value in fields.items():
            self._state[name] = float.fromhex(value) if isinstance(value, str) else value

    def _decision(self, close_ms: int, close: float, values: dict[str, float]) -> Decision:
        out = self._intent[0]
        asks = out["action"] != e.NO_ACTION or out["amend"] != 0 or out["cancel"] != 0
        orders = self._orders(out, close_ms, close) if asks else ()
        verdict = e.VERDICTS[int(out["verdict"])]
        return Decision(
            close_ms=close_ms,
            verdict=verdict,
            detail=self._stopping.path(self._columns) if verdict == NO_SIGNAL else "",
            orders=orders,
            signals=values,
            equity_usdt=float(out["equity_usdt"]),
        )

    def _orders(self, out: np.void, close_ms: int, close: float) -> tuple[EngineOrder, ...]:
        orders: list[EngineOrder] = []
        s = self._state[0]
        if out["cancel"] != 0:
            side, rest = _side(int(s["pending_dir"])), int(s["pending_qty"])
            orders.append(EngineOrder(Action.CANCEL, side, rest, None, None, close, 100.0, "cancelled"))
        if out["amend"] != 0:
            side, stop = _side(-int(s["dir"])), int(out["stop_ticks"])
            target = _level(int(s["target_ticks"]))
            orders.append(EngineOrder(Action.STOP, side, int(s["qty"]), stop, target, close, 100.0, "sl"))
        if out["action"] == e.ENTER:
            levels = _level(int(out["stop_ticks"])), _level(int(out["target_ticks"]))
            side, said = _side(int(out["dir"])), self._notes.said_entering(self._columns, int(out["dir"]), close_ms)
            entry = EngineOrder(Action.ENTER, side, int(out["qty"]), *levels, close, 100.0, "entry", said)
            limit = _level(int(out["limit_ticks"]))
            tif = self.play.entry.time_in_force
            orders.append(entry if limit is None else replace(entry, limit_ticks=limit, time_in_force=tif))
        elif out["action"] == e.EXIT:
            action = Action.EXIT if out["qty"] == s["qty"] else Action.REDUCE
            side, reason = _side(-int(out["dir"])), REASONS[int(out["reason"])]
            by_rule = reason == REASONS[SIGNAL]
            said = self._notes.said_leaving(self._columns, int(out["dir"]), close_ms) if by_rule else {}
            orders.append(EngineOrder(action, side, int(out["qty"]), None, None, close, float(out["percent"]), reason, said))
        return tuple(orders)

    def _note_trade(self) -> None:
        notes = self._remembered.of_trade(self._columns, self._trade)
        self.trades.extend(read_trades(self._trade, self._instrument, self._program.exec_step_ms, notes))
        self.trade_count += 1
        self.net_pnl_usdt += self.trades[-1].net_pnl_usdt
        if len(self.trades) >= 2 * KEPT_TRADES:
            del self.trades[:-KEPT_TRADES]

    def _levels(self, which: str) -> tuple[int, int]:
        """Stop and target of the position, or with `pending_` of the entry order under way."""
        s = self._state[0]
        return int(s[f"{which}stop_ticks"]), int(s[f"{which}target_ticks"])

    def _levels_of_fill(self, price: float) -> EngineOrder:
        s = self._state[0]
        levels = _level(int(s["stop_ticks"])), _level(int(s["target_ticks"]))
        return EngineOrder(Action.STOP, _side(-int(s["dir"])), int(s["qty"]), *levels, price, 100.0, LEVELS_OF_FILL)

    def describe(self, orders: Sequence[EngineOrder]) -> str:
        """The orders of the newest decision, for people. Apart from it, because an order need not wait for words."""
        return "; ".join([self._order_text(order) for order in orders])

    def _order_text(self, order: EngineOrder) -> str:
        qty = units_to_text(order.qty_steps, self._instrument.step)
        stop, target = self._price_text(order.stop_ticks), self._price_text(order.target_ticks)
        if order.action is Action.STOP:
            return f"stop moves to {stop}"
        if order.action is Action.CANCEL:
            return f"entry order is cancelled: {order.side} {qty}"
        if order.action is Action.ENTER:
            rule = "entry_long" if order.side is Side.BUY else "entry_short"
            capped = ", size capped" if self._intent["capped"][0] else ""
            beyond = ", stop beyond liquidation" if self._intent["beyond_liquidation"][0] else ""
            at = str(order.price_ref) if order.limit_ticks is None else f"limit {self._price_text(order.limit_ticks)}"
            return f"actions.{rule} is true: {order.side} {qty} at {at}, stop {stop}, target {target}{capped}{beyond}"
        return f"{order.reason}: {order.side} {qty} at {order.price_ref}, {order.percent:g} % of the position"

    def _price_text(self, ticks: int | None) -> str:
        return _NO_LEVEL_WORD if ticks is None else units_to_text(ticks, self._instrument.tick)


def _side(direction: int) -> Side:
    return Side.BUY if direction > 0 else Side.SELL


def _level(ticks: int) -> int | None:
    return ticks if ticks > 0 else None


def _packed(value: np.generic) -> int | str:
    return float(value).hex() if isinstance(value, np.floating) else int(value)
