"""
A Play over candles under the limits of an account: the gates of the order path judge every entry, over simulated values.

An ordinary backtest knows the Play alone. Here it is lived through bar by bar by the engine of a running instance against the
book of a shadow, and each entry meets those gates that look at money and time, the very functions and in their order: `GATES`.
The account holds nothing else. What a gate cuts is entered smaller, what one refuses is not entered; both change what follows.

A breaker refuses as long as its figure is beyond the limit; a person is taken to resume as soon as that may be done. Funding is
not paid, as in a shadow.
"""

from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from playd.core.candles import Candle, Candles
from playd.core.instrument import Instrument
from playd.core.orders import Action, Intent, IntentClass, Side
from playd.core.timeframes import DAY_MS
from playd.engine.messages import Decision, EngineFill, EngineOrder
from playd.engine.play_engine import PlayEngine
from playd.engine.shadow import ShadowBook, ShadowEvent
from playd.engine.trades import TradeRecord
from playd.orders.breaker_watch import WEEK_DAYS
from playd.orders.breakers import Standing, Trip, instance_trip, trips
from playd.orders.exposure import Holding
from playd.orders.gates import AccountFacts, Case, GateInputs, Refusal
from playd.orders.opened import HOUR_MS, hour_ms, of_day, total, within_week
from playd.orders.pipeline import PIPELINE
from playd.orders.settings import OrderSettings
from playd.plays.model import Play
from playd.plays.program import Program
from playd.venues.port import RiskTier

GATES: Final = (
    "window",
    "funding window",
    "daily loss",
    "drawdown",
    "size",
    "order cap",
    "day cap",
    "week exposure",
    "exposure",
    "liquidation",
    "band",
    "minimum",
    "stop",
)
"""Those of `orders.pipeline` whose inputs a backtest has; the others judge connections, feeds, quotes and people."""

_STEPS: Final = tuple(step for step in PIPELINE if step.name in GATES)
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Refused:
    """An entry that a gate did not let through, at the close that decided it."""

    close_ms: int
    gate: str
    refusal: Refusal


@dataclass(slots=True)
class LimitedResult:
    """What became of a Play under limits. `cut` counts entries that were made smaller, `entered` those that were sent."""

    candles: Candles
    start_equity_usdt: float
    final_equity_usdt: float = 0.0
    max_drawdown_pct: float = 0.0
    entered: int = 0
    cut: int = 0
    ended: str = "end_of_data"
    trades: list[TradeRecord] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)

    @property
    def refusals(self) -> dict[str, int]:
        """How often each code refused."""
        return dict(Counter(each.refusal.code for each in self.refused).most_common())


def run_limited(
    play: Play, program: Program, loaded: Candles, window: Candles, instrument: Instrument, settings: OrderSettings
) -> LimitedResult:
    """
    Run `play` over `window`, the end of `loaded`, under the limits of `settings`; what lies before it warms the columns.

    Where no limit binds, trades and equity are those of a backtest without funding, bit for bit.
    """
    engine = PlayEngine(program, play, instrument, start_equity_usdt=play.backtest.equity_usdt)
    first = len(loaded) - len(window)
    if first:
        engine.warm(loaded.between(int(loaded.open_time_ms[0]), int(window.open_time_ms[0])))
    book = ShadowBook(play, instrument, play.backtest.slippage_bps)
    run = _Run(play, engine, book, instrument, settings, LimitedResult(window, play.backtest.equity_usdt))
    row = first
    while run.live(loaded.at(row)) and row + 1 < len(loaded):
        row += 1
    return run.end(loaded.at(row))


class _Run:
    """An engine, its book, and what an account would remember of both."""

    def __init__(
        self,
        play: Play,
        engine: PlayEngine,
        book: ShadowBook,
        instrument: Instrument,
        settings: OrderSettings,
        result: LimitedResult,
    ) -> None:
        self._engine = engine
        self._book = book
        self._instrument = instrument
        self._settings = settings
        self._result = result
        self._tier = RiskTier(Decimal("Infinity"), Decimal(repr(play.account.maintenance_margin_rate)))
        """The Play's own rate: a backtest knows no other."""
        self._start = Decimal(repr(result.start_equity_usdt))
        self._taken = 0
        self._opened: dict[int, Decimal] = {}
        """Opened notional by the hour of its decision."""
        self._orders: Counter[int] = Counter()
        """Entries by UTC day."""
        self._reserved: tuple[int, Decimal] = (0, _ZERO)
        self._is_cut = False
        self._entries: deque[int] = deque()
        self._worths = _Worths(self._start, round(settings.breakers.fast_fall_window_s * 1000))

    def live(self, candle: Candle) -> bool:
        """Live through one candle. False when the Play has halted itself and is flat: nothing follows."""
        for events in self._book.minute(candle, self._engine.cash_usdt):
            self._tell(events)
        decision = self._engine.on_bar(candle)
        close_ms = candle.open_time_ms + self._result.candles.step_ms
        worth = self._engine.equity((candle.mark or candle).close)
        self._worths.note(close_ms, Decimal(repr(worth)), Decimal(repr(self._engine.cash_usdt)))
        if decision is not None:
            if decision.verdict == "halted":
                self._result.ended = self._engine.halted or "halted"
                return False
            for order in decision.orders:
                self._carry_out(decision, order, candle)
        self._keep_trades()
        return True

    def end(self, candle: Candle) -> LimitedResult:
        """Close what is open at the last close; the result."""
        self._tell(self._book.close(candle.close, candle.open_time_ms, "end_of_data"))
        self._keep_trades()
        self._result.final_equity_usdt = self._engine.cash_usdt
        self._result.max_drawdown_pct = self._worths.deepest_pct
        return self._result

    def _carry_out(self, decision: Decision, order: EngineOrder, candle: Candle) -> None:
        if order.action is Action.ENTER:
            judged = self._judged(decision, order, candle)
            if judged is None:
                return
            order = judged
        self._book.submit(order)
        if order.action is Action.CANCEL:
            self._engine.on_order_ended(Action.ENTER, "cancelled")
            self._reserved = 0, _ZERO

    def _judged(self, decision: Decision, order: EngineOrder, candle: Candle) -> EngineOrder | None:
        """The entry as far as the limits allow it, None where they do not; the engine hears of it as in a running instance."""
        case = self._case(decision, order, candle)
        for step in _STEPS:
            refusal = step.gate(case)
            if refusal is not None:
                self._result.refused.append(Refused(decision.close_ms, step.name, refusal))
                self._engine.on_order_ended(order.action, refusal.code)
                return None
        qty = case.fitted.qty
        self._result.entered += 1
        self._is_cut = bool(case.fitted.why)
        self._result.cut += self._is_cut
        self._entries.append(decision.close_ms)
        self._orders[decision.close_ms // DAY_MS] += 1
        self._reserved = hour_ms(decision.close_ms), qty * case.intent.price_ref
        return replace(order, qty_steps=int(qty / self._instrument.step))

    def _tell(self, events: Sequence[ShadowEvent]) -> None:
        for event in events:
            if isinstance(event, EngineFill):
                if event.action is Action.ENTER:
                    self._open(event)
                levels = self._engine.on_fill(event)
                if event.action is Action.ENTER and self._is_cut:
                    # The engine asked for more than was sent, and waits for the rest until it hears that there is none.
                    self._engine.on_order_ended(Action.ENTER, "filled")
                if levels is not None and not self._book.submit(levels):
                    leaving = self._engine.on_levels_refused()
                    if leaving is not None:
                        self._book.submit(leaving)
            else:
                if event.action is Action.ENTER:
                    self._reserved = 0, _ZERO
                self._engine.on_order_ended(event.action, event.reason)

    def _open(self, fill: EngineFill) -> None:
        """Reserved notional becomes opened notional, in the hour of its decision."""
        at_ms, _ = self._reserved
        usd = fill.qty_steps * self._instrument.step * fill.price_ticks * self._instrument.tick
        self._opened[at_ms] = self._opened.get(at_ms, _ZERO) + usd
        self._reserved = 0, _ZERO

    def _keep_trades(self) -> None:
        new = self._engine.trade_count - self._taken
        if new:
            self._result.trades += self._engine.trades[-new:]
            self._taken = self._engine.trade_count

    def _case(self, decision: Decision, order: EngineOrder, candle: Candle) -> Case:
        price, close_ms = Decimal(repr(candle.close)), decision.close_ms
        mark = Decimal(repr((candle.mark or candle).close))
        inputs = GateInputs(
            state="running",
            ready=True,
            feed_age_s=0.0,
            bar_age_s=0.0,
            mark=mark,
            last=price,
            next_funding_ms=self._next_stamp(close_ms),
        )
        return Case(self._intent(decision, order), inputs, self._facts(close_ms, mark), self._instrument, self._settings)

    def _next_stamp(self, close_ms: int) -> int | None:
        """Stamps of the venue lie on whole intervals of the UTC day."""
        interval_ms = self._instrument.funding_interval_min * 60_000
        return None if interval_ms <= 0 else close_ms - close_ms % interval_ms + interval_ms

    def _facts(self, close_ms: int, mark: Decimal) -> AccountFacts:
        while self._entries and self._entries[0] <= close_ms - HOUR_MS:
            self._entries.popleft()
        orders, equity = len(self._entries), self._worths.equity
        opened = within_week(sorted(self._opened.items(), reverse=True), close_ms)
        self._opened = dict(opened)
        held = self._book.signed_qty_steps * self._instrument.step
        leverage = self._settings.leverage
        margin = abs(held) * mark / leverage if leverage else _ZERO
        maintenance = abs(held) * mark * self._tier.mm_rate
        rates = (margin / equity, maintenance / equity) if equity > 0 else (None, None)
        standing = self._worths.standing(*rates)
        return AccountFacts(
            halt=None,
            ready=True,
            not_ready="",
            equity_usdt=equity,
            equity_age_s=0.0,
            verdict_exists=False,
            intent_exists=False,
            working_entries=0,
            unresolved="",
            day_usd=of_day(opened, close_ms),
            day_orders=self._orders[close_ms // DAY_MS],
            entries_hour_instance=orders,
            entries_hour_account=orders,
            week_usd=total(opened),
            opened=opened,
            trips=self._trips(standing),
            holdings=(Holding(self._instrument.symbol, held, mark),) if held else (),
            leverage=leverage,
            tiers=(self._tier,),
            im_rate=standing.im_rate,
            mm_rate=standing.mm_rate,
            now_ms=close_ms,
        )

    def _trips(self, standing: Standing) -> tuple[Trip, ...]:
        own = instance_trip(standing.index - self._start, self._start, self._settings.breakers)
        found = trips(standing, self._settings.breakers)
        return found if own is None else (*found, own)

    def _intent(self, decision: Decision, order: EngineOrder) -> Intent:
        tick = self._instrument.tick
        return Intent(
            instance_uid="backtest",
            instance="backtest",
            account="backtest",
            symbol=self._instrument.symbol,
            cause=str(decision.close_ms),
            action=order.action,
            leg=0,
            intent_class=IntentClass.ENTRY,
            side=Side(order.side),
            qty=order.qty_steps * self._instrument.step,
            price_ref=Decimal(repr(order.price_ref)),
            bar_close_ms=decision.close_ms,
            expires_ms=decision.close_ms,
            reason=order.reason,
            stop=None if order.stop_ticks is None else order.stop_ticks * tick,
            target=None if order.target_ticks is None else order.target_ticks * tick,
            order_type="Market" if order.limit_ticks is None else "Limit",
            price=None if order.limit_ticks is None else order.limit_ticks * tick,
            time_in_force=order.time_in_force,
        )


class _Worths:
    """What the account was worth at the closes so far, as far as breakers ask. Nobody pays in or takes out."""

    def __init__(self, start: Decimal, window_ms: int) -> None:
        self.equity = start
        self.deepest_pct = 0.0
        self._cash = self._high = self._day_start = self._day_cash = start
        self._day = -1
        self._starts: deque[Decimal] = deque(maxlen=WEEK_DAYS)
        self._window_ms = window_ms
        self._window: deque[tuple[int, Decimal]] = deque()

    def note(self, close_ms: int, equity: Decimal, cash: Decimal) -> None:
        """Worth and balance at a close. That at midnight belongs to the day that begins, as does the entry that it decides."""
        if close_ms // DAY_MS != self._day:
            self._day, self._day_start, self._day_cash = close_ms // DAY_MS, self.equity, self._cash
            self._starts.append(self.equity)
        self.equity, self._cash, self._high = equity, cash, max(self._high, equity)
        self._window.append((close_ms, equity))
        while self._window[0][0] < close_ms - self._window_ms:
            self._window.popleft()
        if self._high > 0:
            self.deepest_pct = max(self.deepest_pct, float((self._high - equity) / self._high * 100))

    def standing(self, im_rate: Decimal | None, mm_rate: Decimal | None) -> Standing:
        """The figures that breakers look at now."""
        return Standing(
            equity=self.equity,
            index=self.equity,
            day_start=self._day_start,
            day_realised=self._cash - self._day_cash,
            peak=max(worth for _, worth in self._window),
            high=self._high,
            im_rate=im_rate,
            mm_rate=mm_rate,
            week_start=self._starts[0],
        )
