"""
Shadow: a PlayEngine against a simulated venue of its own. Orders go nowhere; fills come from matching.

It lives through a base candle in the order of play-language 3.5, so it gives the trades of a backtest over the same candles.
"""

from playd.core.candles import Candle
from playd.core.instrument import Instrument
from playd.core.orders import Action, Side
from playd.engine.messages import Decision, EngineFill, EngineOrder
from playd.engine.play_engine import PlayEngine
from playd.engine.rules import build_terms
from playd.matching import records as m
from playd.matching.book import protect, submit_entry, submit_exit
from playd.matching.minute import close_at_end, match_minute
from playd.plays.model import Play

_ACTION_OF_REASON = {m.SL: Action.STOP, m.TP: Action.TARGET}


class Shadow:
    """
    One engine and its book.

    `slippage_bps` is the venue's; the rest of the venue's terms is the Play's account.
    """

    def __init__(self, engine: PlayEngine, play: Play, instrument: Instrument, slippage_bps: float) -> None:
        self.engine = engine
        self.book = m.new_book(
            stop_is_limit=play.risk.sl_order_type == "Limit", target_is_limit=play.risk.tp_order_type == "Limit"
        )
        self._terms = build_terms(play, instrument, slippage_bps)
        self._fills = m.new_fills()

    def on_candle(self, candle: Candle) -> Decision | None:
        """One closed base candle: what happened in it to the orders and the position, then the decision at its close."""
        count = match_minute(self.book, self._terms, candle.open, candle.high, candle.low, self.engine.cash_usdt, self._fills)
        self._tell(count, candle.open_time_ms)
        decision = self.engine.on_bar(candle)
        if decision is not None:
            for order in decision.orders:
                self._send(order)
        return decision

    def close(self, candle: Candle) -> None:
        """End of data: the position is closed at the close of the last candle."""
        self._tell(close_at_end(self.book, self._terms, candle.close, m.END_OF_DATA, self._fills), candle.open_time_ms)

    def _send(self, order: EngineOrder) -> None:
        if order.action is Action.STOP:
            protect(self.book, self._terms, order.stop_ticks or 0, order.target_ticks or 0)
        elif order.action is Action.ENTER:
            direction = 1 if order.side is Side.BUY else -1
            submit_entry(self.book, direction, order.qty_steps, order.stop_ticks or 0, order.target_ticks or 0)
        else:
            submit_exit(self.book, order.qty_steps, m.REASON_CODE[order.reason])

    def _tell(self, count: int, time_ms: int) -> None:
        for f in self._fills[:count]:
            if f["event"] == m.ENTRY_ENDED:
                self.engine.on_order_ended(Action.ENTER, m.REASONS[f["reason"]])
            elif f["event"] == m.EXIT_DROPPED:
                self.engine.on_order_ended(Action.EXIT, m.REASONS[f["reason"]])
            else:
                self.engine.on_fill(_engine_fill(f, time_ms))


def _engine_fill(f: m.Record, time_ms: int) -> EngineFill:
    enters = f["event"] == m.ENTERED
    buys = (f["dir"] > 0) == enters
    return EngineFill(
        action=Action.ENTER if enters else _ACTION_OF_REASON.get(int(f["reason"]), Action.EXIT),
        side=Side.BUY if buys else Side.SELL,
        qty_steps=int(f["qty"]),
        price_ticks=int(f["price_ticks"]),
        fee_usdt=float(f["fee_usdt"]),
        time_ms=time_ms,
        reason=m.REASONS[f["reason"]],
        is_maker=bool(f["is_maker"]),
    )
