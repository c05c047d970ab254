"""
Shadow: a venue that exists in memory only. Orders go nowhere; fills come from matching, the same functions as everywhere.

Whoever runs an engine against it lives through a base candle in the order of play-language 3.5, first `minute`, then the
engine's `on_bar`, then `submit` for what it decided, and so gets the trades of a backtest over the same candles.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from playd.core.candles import Candle
from playd.core.errors import StateError
from playd.core.instrument import Instrument
from playd.core.orders import Action, Side
from playd.core.units import from_units
from playd.engine.messages import EngineFill, EngineOrder
from playd.engine.rules import build_terms
from playd.matching import records as m
from playd.matching.book import cancel_entry, protect, submit_entry, submit_exit, submit_limit_entry
from playd.matching.minute import close_at_end, fill_due_orders, gap_test, inside_minute
from playd.plays.model import Play


@dataclass(frozen=True, slots=True)
class EngineOrderEnd:
    """An entry (`ENTER`) or exit (`EXIT`) order is over without (further) fill, for `reason`."""

    action: Action
    reason: str


ShadowEvent = EngineFill | EngineOrderEnd

_ACTION_OF_REASON: Final = {m.SL: Action.STOP, m.TP: Action.TARGET}


@cache
def compile_now() -> None:
    """Compile what books call, once per process, so that no candle has to wait for it."""
    book, fills = m.new_book(), m.new_fills()
    terms = np.zeros(1, m.TERMS)
    terms["tick_den"] = terms["step_den"] = terms["leverage"] = 1
    submit_entry(book, 1, 1, 0, 0)
    submit_limit_entry(book, 1, 1, 1, m.GTC, 0, 0)
    cancel_entry(book)
    submit_exit(book, 0, m.MANUAL)
    protect(book, terms, 0, 0)
    fill_due_orders(book, terms, 1.0, 0.0, fills, 0)
    gap_test(book, terms, 1.0, 1.0, fills, 0)
    inside_minute(book, terms, 1.0, 1.0, 1.0, 1.0, fills, 0)
    close_at_end(book, terms, 1.0, m.MANUAL, fills)


class ShadowBook:
    """
    Position and orders of one Play, and what each minute does to them.

    `slippage_bps` is the venue's; the rest of the venue's terms is the Play's account. Making one compiles what it calls.
    """

    def __init__(self, play: Play, instrument: Instrument, slippage_bps: float) -> None:
        self._book = m.new_book(
            stop_is_limit=play.risk.sl_order_type == "Limit", target_is_limit=play.risk.tp_order_type == "Limit"
        )
        self._terms = build_terms(play, instrument, slippage_bps)
        self._fills = m.new_fills()
        self._tick = instrument.tick_fraction
        self._price = 0.0
        """Where the market is: at the open of a candle until its gaps are through, then at its close."""
        compile_now()

    @property
    def signed_qty_steps(self) -> int:
        """The position; zero when flat."""
        return int(self._book["dir"][0] * self._book["qty"][0])

    @property
    def stop_ticks(self) -> int | None:
        """Stop of the position, None without one."""
        return int(self._book["stop_ticks"][0]) or None

    @property
    def target_ticks(self) -> int | None:
        """Target of the position, None without one."""
        return int(self._book["target_ticks"][0]) or None

    @property
    def entry_waits(self) -> bool:
        """Whether an entry order is there that was not filled yet."""
        return bool(self._book["entry_kind"][0] != m.NONE)

    def minute(self, candle: Candle, cash_usdt: float) -> Iterator[list[ShadowEvent]]:
        """
        What one closed base candle did to orders and position, in the three steps of `match_minute`: orders at the open, gaps,
        the rest. `cash_usdt` is the engine's, before the candle.

        What is submitted between two steps is in force from the next one on: the levels of a fill, or the order to leave.
        """
        self._price, mark = candle.open, candle.mark or candle
        yield self._events(self._due(cash_usdt), candle.open_time_ms)
        if self._book["exit_qty"][0]:
            yield self._events(self._due(cash_usdt), candle.open_time_ms)
        gap = gap_test(self._book, self._terms, candle.open, mark.open, self._fills, 0)
        yield self._events(gap, candle.open_time_ms)
        self._price = candle.close
        inside = inside_minute(self._book, self._terms, candle.high, candle.low, mark.high, mark.low, self._fills, 0)
        yield self._events(inside, candle.open_time_ms)

    def submit(self, order: EngineOrder) -> bool:
        """
        Take an order; it can trade from the next candle's open on. A cancel is there at once: nothing follows it.

        False for a stop that the price is at or beyond: nothing has changed then, as at a venue.
        """
        if order.action is Action.STOP:
            stop = from_units(order.stop_ticks or 0, *self._tick)
            if stop and (self._price - stop) * (1 if order.side is Side.SELL else -1) <= 0.0:
                return False
            protect(self._book, self._terms, order.stop_ticks or 0, order.target_ticks or 0)
        elif order.action is Action.ENTER:
            direction = 1 if order.side is Side.BUY else -1
            levels = order.stop_ticks or 0, order.target_ticks or 0
            if order.limit_ticks is None:
                submit_entry(self._book, direction, order.qty_steps, *levels)
            else:
                tif = m.TIF_CODE[order.time_in_force]
                submit_limit_entry(self._book, direction, order.qty_steps, order.limit_ticks, tif, *levels)
        elif order.action is Action.CANCEL:
            cancel_entry(self._book)
        else:
            submit_exit(self._book, order.qty_steps, m.REASON_CODE[order.reason])
        return True

    def drop_entry(self, reason: str) -> list[ShadowEvent]:
        """Take a waiting entry order away."""
        if not self.entry_waits:
            return []
        cancel_entry(self._book)
        return [EngineOrderEnd(Action.ENTER, reason)]

    def close(self, price: float, time_ms: int, reason: str) -> list[ShadowEvent]:
        """Close the position at a price at once, with slippage and taker fee; `reason` is a word of `matching.records`."""
        code = m.REASON_CODE[reason]
        return self._events(close_at_end(self._book, self._terms, price, code, self._fills), time_ms)

    def snapshot(self) -> dict[str, int | str]:
        """Everything that changes, JSON-able; floats as hexadecimal text, so that every bit survives."""
        row = self._book[0]
        return {name: _packed(row[name].item()) for name in m.BOOK.names or ()}

    def restore(self, snapshot: dict[str, int | str]) -> None:
        """Continue from a snapshot. Raises `StateError` if it does not fit."""
        if set(snapshot) != set(m.BOOK.names or ()):
            raise StateError("shadow book does not have the fields of this version")
        for name, value in snapshot.items():
            self._book[name] = float.fromhex(value) if isinstance(value, str) else value

    def _due(self, cash_usdt: float) -> int:
        return fill_due_orders(self._book, self._terms, self._price, cash_usdt, self._fills, 0)

    def _events(self, count: int, time_ms: int) -> list[ShadowEvent]:
        return [_event(f, time_ms) for f in self._fills[:count]]


def _event(f: m.Record, time_ms: int) -> ShadowEvent:
    reason = m.REASONS[f["reason"]]
    if f["event"] == m.ENTRY_ENDED:
        return EngineOrderEnd(Action.ENTER, reason)
    if f["event"] == m.EXIT_DROPPED:
        return EngineOrderEnd(Action.EXIT, reason)
    enters = f["event"] == m.ENTERED
    return EngineFill(
        action=Action.ENTER if enters else _ACTION_OF_REASON.get(int(f["reason"]), Action.EXIT),
        side=Side.BUY if (f["dir"] > 0) == enters else Side.SELL,
        qty_steps=int(f["qty"]),
        price_ticks=int(f["price_ticks"]),
        fee_usdt=float(f["fee_usdt"]),
        time_ms=time_ms,
        reason=reason,
        is_maker=bool(f["is_maker"]),
    )


def _packed(value: float) -> int | str:
    return value.hex() if isinstance(value, float) else int(value)
