"""
Laws of decisions: one engine, whatever runs it. Random Plays over random candles with gaps.

Backtest and PlayEngine give the same bits; a snapshot at any bar changes nothing; the future never changes the past; money is
neither made nor lost between trades and cash; a second, slow reading of the language finds the same trades.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.random import PCG64, Generator
from ruamel.yaml import YAML

from playd.core.candles import Candle, Candles
from playd.core.orders import Action
from playd.engine.messages import Decision, EngineFill
from playd.engine.play_engine import PlayEngine
from playd.engine.records import VERDICTS
from playd.engine.shadow import ShadowBook, ShadowEvent
from playd.plays.compile import compile_program
from playd.plays.load import load_play
from playd.plays.model import Play
from playd.research.backtest import BacktestResult, run_backtest
from tests.engine_desk import BTC, MINUTE_MS, play_of, random_candles
from tests.oracle.backtest import Backtest

LAW = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.too_slow])

FEATURES = """{fast: {indicator: ema, params: {length: 3}}, slow: {indicator: ema, params: {length: 8}},
  rsi: {indicator: rsi, params: {length: 5}}, atr_5: {indicator: atr, params: {length: 5}},
  ch: {indicator: donchian, params: {lower_length: 10, upper_length: 10}},
  hour: {indicator: ema, params: {length: 2}, tf: 1h}}"""

STRUCTURES = """{exec: [{type: swing, key: sw, params: {left: 2, right: 1}}, {type: market_structure, key: ms, uses: sw},
    {type: liquidity_zones, key: liq, uses: sw, params: {tolerance_atr: 1.0}}],
  1h: [{type: swing, key: sw_1h, params: {mode: atr_zigzag, atr_multiplier: 0.5}}]}"""

STOPS = (
    "{type: percent, value: 0.4, basis: price}",
    "{type: percent, value: 1.5}",
    "{type: atr_multiple, value: 1.5, atr_feature_id: atr_5, buffer_pct: 0.05}",
    "{type: fixed_points, value: 120}",
    "{type: structure, long: ch.lower, short: ch.upper, buffer_pct: 0.02}",
    "{type: structure, long: sw.low_level, short: sw.high_level}",
    "{type: trailing_atr, value: 2, atr_feature_id: atr_5, activation_pct: 0.1}",
    "{type: trailing_pct, trail_pct: 0.5}",
)
TARGETS = (
    "none",
    "{type: percent, value: 0.6, basis: price}",
    "{type: rr_ratio, value: 1.5}",
    "{type: atr_multiple, value: 3, atr_feature_id: atr_5}",
    "{type: fixed_points, value: 200}",
)
SIZINGS = ("{model: percent_equity, value: 30}", "{model: risk_based, value: 2}", "{model: fixed_usdt, value: 3000}")
ACTIONS = (
    "entry_long: {all: [[fast, cross_above, slow]], metadata: {at: {feature_id: hour}, was: {feature_id: rsi, offset: 3}}}, "
    "entry_short: {all: [[fast, cross_below, slow]], metadata: {low: {feature_id: ch, field: lower}}}",
    "entry_long: {any: [[rsi, '<', 35], [close, '>', hour]]}, exit_long: {all: [[rsi, '>', 65]], percent: 40}",
    "entry_long: {any: [[ms.bos_direction, '==', bullish], [liq.sweep_this_bar, '==', true]], "
    "metadata: {pair: {feature_id: sw, field: pair_anchor_hash}, hour: {feature_id: sw_1h, field: pair_direction}}}, "
    "exit_long: {all: [[ms.choch_this_bar, '==', true]]}",
    "entry_short: {all: [[rsi, '>', 60]]}, entry_long: {all: [[rsi, '<', 30]]}, exit_all: {all: [[close, cross_above, slow]]}",
    "entry_long: {all: [[last_price, '>', slow], [rsi, '>', 45]]}, entry_short: {all: [[fast, cross_below, slow]]}, "
    "exit_long: {any: [[last_price, cross_below, fast], "
    "{holds_for_duration: {duration: 4m, expr: [[last_price, '<', slow]]}}], "
    "metadata: {price: {feature_id: last_price, offset: 1}, at: {feature_id: rsi}}}, exit_short: {all: [[rsi, '<', 40]]}",
    """[{id: fast, cases: [{when: [last_price, '>', [close, '+', 20]], emit: [{action: exit_short, percent: 50}]},
    {when: [last_price, '<', [close, '-', 20]], emit: [entry_short, {action: exit_long, percent: 30}]}]},
    {id: slow, cases: [{when: [rsi, '>', 55], emit: [entry_long]}], else: {emit: [exit_all]}}]""",
    """[{id: lock, cases: [{when: [rsi, '>', 80], emit: [{action: exit_long, percent: 60, metadata: {at: {feature_id: rsi}}}]},
    {when: [rsi, '>', 60], emit: [{action: exit_all, percent: 35}, entry_long]}],
    else: {emit: [{action: exit_short, percent: 12.5}]}},
    {id: away, cases: [{when: [close, '<', slow], emit: [{action: exit_all, metadata: {away: true}}, entry_short]}]}]""",
)
ENTRY_ORDERS = (
    "{}",
    "{}",
    "{order_type: LIMIT}",
    "{order_type: LIMIT, limit_offset_pct: 0.05, expire_after_bars: 3}",
    "{order_type: LIMIT, limit_offset_pct: 0.1, time_in_force: PostOnly}",
    "{order_type: LIMIT, limit_offset_pct: 0.02, time_in_force: IOC}",
)
EXTRAS = (
    "",
    ", break_even: {activation_pct: 0.2, offset_pct: 0.05}",
    ", tp_order_type: Limit",
    ", sl_order_type: Limit",
    ", anchor: fill",
)
POLICIES = (
    "",
    ", cooldown_bars: {exit: 1, stop: 3}",
    ", time_exit_bars: 7",
    ", max_entries_per_day: 4",
    ', trading_windows: [{from: "01:00", to: "20:00"}, {from: "02:30", to: "02:40", zone: America/New_York}]',
)


@st.composite
def plays(draw: st.DrawFn) -> Play:
    """Any combination that the checker accepts."""
    leverage = draw(st.sampled_from([1, 2, 7, 40]))
    slippage, drawdown = draw(st.sampled_from([0, 2, 15])), draw(st.sampled_from([100, 100, 5]))
    beyond = draw(st.sampled_from(["adjust", "warn"]))
    account = (
        f"{{max_leverage: {leverage}, slippage_bps: {slippage}, max_drawdown_pct: {drawdown}, on_sl_beyond_liq: {beyond}}}"
    )
    risk = (
        f"risk_model: {{stop_loss: {draw(st.sampled_from(STOPS))}, take_profit: {draw(st.sampled_from(TARGETS))}, "
        f"sizing: {draw(st.sampled_from(SIZINGS))}{draw(st.sampled_from(EXTRAS))}}}"
    )
    return play_of(
        entry=draw(st.sampled_from(ENTRY_ORDERS)),
        account=account,
        features=f"{FEATURES}\nstructures: {STRUCTURES}",
        actions=draw(st.sampled_from(ACTIONS)),
        policy=f"{{mode: long_short, exit_mode: first_hit{draw(st.sampled_from(POLICIES))}}}",
        risk=risk,
        exec_tf=draw(st.sampled_from(["1m", "1m", "5m", "15m"])),
    )


@dataclass(frozen=True)
class Market:
    """A few hundred to a few thousand minutes, with or without gaps, quiet or wild."""

    seed: int
    bars: int
    gaps: bool
    volatility: float

    def candles(self) -> Candles:
        return random_candles(Generator(PCG64(self.seed)), self.bars, gaps=self.gaps, volatility=self.volatility)


MARKETS = st.builds(
    Market,
    seed=st.integers(0, 2**32),
    bars=st.integers(200, 1_500),
    gaps=st.booleans(),
    volatility=st.sampled_from([0.0008, 0.003, 0.01]),
)


def engine_of(play: Play, candles: Candles) -> PlayEngine:
    return PlayEngine(compile_program(play, candles.step_ms), play, BTC, play.backtest.equity_usdt)


@dataclass
class Shadow:
    """An engine and its book, as a shadow instance drives them."""

    engine: PlayEngine
    book: ShadowBook

    def on_candle(self, candle: Candle) -> Decision | None:
        for events in self.book.minute(candle, self.engine.cash_usdt):
            self.tell(events)
        decision = self.engine.on_bar(candle)
        for order in decision.orders if decision is not None else ():
            self.book.submit(order)
            if order.action is Action.CANCEL:
                self.engine.on_order_ended(Action.ENTER, "cancelled")
        return decision

    def close(self, candle: Candle) -> None:
        self.tell(self.book.close(candle.close, candle.open_time_ms, "end_of_data"))

    def tell(self, events: list[ShadowEvent]) -> None:
        for event in events:
            if isinstance(event, EngineFill):
                levels = self.engine.on_fill(event)
                if levels is not None and not self.book.submit(levels):
                    leaving = self.engine.on_levels_refused()
                    assert leaving is not None
                    self.book.submit(leaving)
            else:
                self.engine.on_order_ended(event.action, event.reason)


@dataclass
class ShadowRun:
    """A play run bar by bar against a simulated venue, with the bars before `first` as warm-up."""

    shadow: Shadow
    decisions: list[Decision]
    ended: bool = False

    @classmethod
    def over(cls, play: Play, candles: Candles, first: int = 0) -> "ShadowRun":
        engine = engine_of(play, candles)
        engine.warm(part(candles, 0, first))
        run = cls(Shadow(engine, ShadowBook(play, BTC, play.backtest.slippage_bps)), [])
        run.feed(candles, first, len(candles))
        return run

    def feed(self, candles: Candles, first: int, end: int) -> None:
        """Until the engine has halted and is flat: a backtest ends there, before the close of that bar."""
        for i in range(first, end):
            if self.ended:
                return
            decision = self.shadow.on_candle(candles.at(i))
            self.ended = decision is not None and decision.verdict == "halted"
            if decision is not None and not self.ended:
                self.decisions.append(decision)

    def end(self, candles: Candles) -> None:
        self.shadow.close(candles.at(len(candles) - 1))

    def equity(self) -> list[float]:
        """Equity at every decided execution close; the last point shows what the end of the run left."""
        exec_ms = self.shadow.engine.play.timeframes.exec_ms
        points = [decision.equity_usdt for decision in self.decisions if decision.close_ms % exec_ms == 0]
        return [*points[:-1], self.shadow.engine.cash_usdt] if points else []


def part(candles: Candles, lo: int, hi: int) -> Candles:
    rows = (getattr(candles, name)[lo:hi].copy() for name in ("open_time_ms", "open", "high", "low", "close", "volume"))
    return Candles(candles.symbol, candles.step_ms, *rows)


def assert_same(result: BacktestResult, run: ShadowRun) -> None:
    assert run.shadow.engine.trades == result.trades
    assert [decision.verdict for decision in run.decisions] == [VERDICTS[code] for code in result.verdicts]
    assert run.equity() == result.equity_usdt.tolist()
    assert run.shadow.engine.cash_usdt == result.final_equity_usdt


@LAW
@given(plays(), MARKETS)
def test_backtest_and_play_engine_agree_to_the_bit(play: Play, market: Market) -> None:
    """Trades, verdicts, equity at every close and cash are equal, not merely close."""
    candles = market.candles()
    result = run_backtest(play, candles, BTC)
    run = ShadowRun.over(play, candles)
    run.end(candles)
    assert_same(result, run)


@LAW
@given(plays(), MARKETS, st.data())
def test_warm_history_decides_like_the_same_history_before_a_window(play: Play, market: Market, data: st.DataObject) -> None:
    """A window that starts in the middle warms from the candles before it, whole arrays or one bar at a time."""
    candles = market.candles()
    first = data.draw(st.integers(1, len(candles) - 1))
    program = compile_program(play, candles.step_ms)
    start_ms = int(candles.open_time_ms[first])
    anchor = int(np.searchsorted(candles.open_time_ms, start_ms - program.warmup_ms))
    result = run_backtest(play, candles, BTC, start_ms=start_ms)
    run = ShadowRun.over(play, part(candles, anchor, len(candles)), first - anchor)
    run.end(candles)
    assert_same(result, run)


@LAW
@given(plays(), MARKETS, st.data())
def test_snapshot_at_any_bar_continues_identically(play: Play, market: Market, data: st.DataObject) -> None:
    """A new engine and a new book, warmed to the same bar and restored, go on as if nothing had happened."""
    candles = market.candles()
    stop = data.draw(st.integers(1, len(candles) - 1))
    whole = ShadowRun.over(play, candles)
    broken = ShadowRun.over(play, part(candles, 0, stop))
    before = broken.shadow.engine
    after = engine_of(play, candles)
    after.warm(part(candles, 0, stop))
    after.restore(before.snapshot())
    assert after.snapshot() == before.snapshot()
    book = ShadowBook(play, BTC, play.backtest.slippage_bps)
    book.restore(broken.shadow.book.snapshot())
    broken.shadow = Shadow(after, book)
    broken.feed(candles, stop, len(candles))
    assert [decision.close_ms for decision in broken.decisions] == [decision.close_ms for decision in whole.decisions]
    assert [decision.orders for decision in broken.decisions] == [decision.orders for decision in whole.decisions]
    assert [*before.trades, *after.trades] == whole.shadow.engine.trades
    assert after.snapshot() == whole.shadow.engine.snapshot()


@LAW
@given(plays(), MARKETS, st.data())
def test_future_bars_never_change_past_decisions(play: Play, market: Market, data: st.DataObject) -> None:
    """No look-ahead: what follows a bar, whatever it is, changes nothing that was decided until then."""
    candles = market.candles()
    cut = data.draw(st.integers(1, len(candles) - 1))
    other = part(candles, 0, len(candles))
    for row in (other.open, other.high, other.low, other.close):
        row[cut:] *= 1.25
    cut_ms = int(candles.open_time_ms[cut])
    pasts = []
    for path in (candles, other):
        result = run_backtest(play, path, BTC)
        closes = int(np.searchsorted(result.close_times_ms[:-1], cut_ms, side="right"))
        decisions = int(np.searchsorted(result.decision_times_ms[:-1], cut_ms, side="right"))
        trades = [trade for trade in result.trades if trade.exit_time_ms < cut_ms]
        pasts.append((result.equity_usdt[:closes].tolist(), result.verdicts[:decisions].tolist(), trades))
    for row in (0, 1):
        shorter = min(len(past[row]) for past in pasts)
        assert pasts[0][row][:shorter] == pasts[1][row][:shorter]
    assert pasts[0][2] == pasts[1][2]


@LAW
@given(plays(), MARKETS)
def test_net_of_all_trades_is_the_change_of_cash(play: Play, market: Market) -> None:
    candles = market.candles()
    result = run_backtest(play, candles, BTC)
    net = float(sum(trade.net_pnl_usdt for trade in result.trades))
    assert net == pytest.approx(result.final_equity_usdt - result.start_equity_usdt, abs=1e-6)


@LAW
@given(plays(), MARKETS)
def test_equal_runs_have_equal_hashes(play: Play, market: Market) -> None:
    candles = market.candles()
    first, second = run_backtest(play, candles, BTC), run_backtest(play, part(candles, 0, len(candles)), BTC)
    assert first.hashes == second.hashes


@given(MARKETS)
@LAW
def test_what_is_never_known_never_trades(market: Market) -> None:
    """A condition on a column that cannot become ready is unknown at every close: no order, no trade."""
    candles = market.candles()
    never = "{far: {indicator: ema, params: {length: 2000}}}"
    play = play_of(features=never, actions="entry_long: {not: [[close, '>', far]]}, entry_short: {any: [[close, '>', far]]}")
    result = run_backtest(play, candles, BTC)
    assert len(result.trade_rows) == 0
    assert {VERDICTS[code] for code in result.verdicts} == {"NO_SIGNAL"}
    assert result.final_equity_usdt == result.start_equity_usdt


def test_a_missing_minute_fills_nothing_and_a_market_order_waits() -> None:
    """3.5: the order decided before a gap fills at the next candle that exists."""
    play = play_of(actions="entry_long: {all: [[close, '>', 50000]]}")
    candles = random_candles(Generator(PCG64(3)), 30)
    candles.close[:] = 49_000.0
    candles.close[10] = 50_001.0
    keep = np.ones(30, bool)
    keep[11:14] = False
    rows = (getattr(candles, name)[keep] for name in ("open_time_ms", "open", "high", "low", "close", "volume"))
    result = run_backtest(play, Candles("BTCUSDT", MINUTE_MS, *rows), BTC)
    assert result.trades[0].decided_ms == candles.open_time_ms[11]
    assert result.trades[0].entry_time_ms == candles.open_time_ms[14]


def _oracle_play(rng: Generator) -> str:
    """A Play of the part of the language that the slow reading knows."""
    stop = rng.choice(
        [
            "{type: percent, value: 0.5, basis: price}",
            "{type: atr_multiple, value: 1.5, atr_feature_id: atr_5, buffer_pct: 0.05}",
        ]
    )
    target = rng.choice(["none", "{type: rr_ratio, value: 2}", "{type: percent, value: 3}"])
    sizing = rng.choice(SIZINGS)
    actions = str(rng.choice([one for one in ACTIONS if "ms." not in one]))
    actions = actions if actions.startswith("[") else f"{{{actions}}}"
    time_exit = rng.choice(["", ", time_exit_bars: 9"])
    anchor = rng.choice(["", ", anchor: fill"])
    return f"""
version: "3.0.0"
name: oracle
symbol: BTCUSDT
timeframes: {{low_tf: {rng.choice(["1m", "5m"])}, med_tf: 1h, high_tf: D, exec: low_tf}}
account: {{max_leverage: {rng.choice([1, 5])}, slippage_bps: {rng.choice([0, 3])}}}
features: {FEATURES}
actions: {actions}
position_policy: {{mode: long_short, exit_mode: first_hit{time_exit}}}
risk_model: {{stop_loss: {stop}, take_profit: {target}, sizing: {sizing}{anchor}}}
entry: {rng.choice(ENTRY_ORDERS)}
"""


@pytest.mark.parametrize("seed", range(25))
def test_a_second_slow_reading_of_the_language_finds_the_same_trades(seed: int) -> None:
    """`tests/oracle` shares no code with the engine."""
    rng = Generator(PCG64(seed))
    text = _oracle_play(rng)
    candles = random_candles(rng, 900)
    result = run_backtest(load_play(text, "oracle.yml"), candles, BTC)
    rows = zip(*(getattr(candles, n).tolist() for n in ("open_time_ms", "open", "high", "low", "close", "volume")), strict=True)
    oracle = Backtest(YAML(typ="safe").load(text), list(rows), MINUTE_MS, 0.1, 0.001)
    oracle.run()
    names = ("side", "entry_time_ms", "exit_time_ms", "entry_price", "exit_price", "qty", "exit_reason")
    found = [tuple(getattr(trade, name) for name in names) for trade in result.trades]
    assert found == [tuple(getattr(trade, name) for name in names) for trade in oracle.trades]
    assert [trade.net_pnl_usdt for trade in result.trades] == pytest.approx([t.net_pnl_usdt for t in oracle.trades], abs=1e-6)
    assert result.final_equity_usdt == pytest.approx(oracle.cash, abs=1e-6)
