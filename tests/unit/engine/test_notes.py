"""What a trade says about the decisions behind it: rule, clauses that fired, metadata (play-language 4.11, 10.10)."""

from dataclasses import replace

import orjson
import pytest

from playd.core.orders import Action, Side
from playd.engine.messages import EngineFill
from playd.engine.play_engine import PlayEngine
from playd.plays.compile import compile_program
from playd.plays.load import load_play
from playd.plays.model import Play
from playd.research.backtest import run_backtest
from tests.engine_desk import BTC, MINUTE_MS, START_MS, flat_candles

CLOSES = [100.0, 101.0, 103.0, 102.0, 104.0, 107.0, 106.0, 101.0]


def play_with(actions: str, setups: str = "{}", features: str = "{}") -> Play:
    return load_play(
        f"""
version: "3.0.0"
name: notes
symbol: BTCUSDT
timeframes: {{low_tf: 1m, med_tf: 15m, high_tf: D, exec: low_tf}}
account: {{slippage_bps: 0}}
features: {features}
setups: {setups}
actions: {actions}
position_policy: {{mode: long_short, exit_mode: first_hit}}
risk_model: {{stop_loss: {{type: percent, value: 50}}, take_profit: none, sizing: {{model: fixed_usdt, value: 100}}}}
""",
        "notes.yml",
    )


WORKED = play_with(
    setups='{up: {all: [[close, ">", open]]}}',
    features="{two: {indicator: sma, params: {length: 2}}, far: {indicator: sma, params: {length: 50}, tf: 15m}}",
    actions="""
  entry_long:
    all:
      - {setup: up}
      - any: [[close, "<", 50], [close, ">", 102], {not: [close, ">", 200]}]
    metadata: {why: breakout, size: 2, sure: true, mean: {feature_id: two}, before: {feature_id: close, offset: 2},
               far: {feature_id: far}}
  exit_long:
    any: [[close, ">", 1000], {holds_for: {bars: 2, expr: [close, ">", 103]}}]
    metadata: {out: {feature_id: two}}
""",
)


def test_worked_example() -> None:
    """
    Minute      0    1    2    3    4    5    6    7
    close     100  101  103  102  104  107  106  101
    up          F    T    T    F    T    T    F    F      the candle opens at the close before

    Decided long at the close of 1: 101 is neither below 50 nor above 102, and not above 200. The mean of 2 is then 100.5,
    the close two bars before does not exist. 104 and 107 are two closes above 103: out at the close of 5, mean 105.5.
    """
    trade = run_backtest(WORKED, flat_candles(CLOSES), BTC).trades[0]
    assert (trade.decided_ms, trade.exit_decided_ms) == (START_MS + 2 * MINUTE_MS, START_MS + 6 * MINUTE_MS)
    assert trade.entry_rule == "actions.entry_long"
    assert trade.entry_clauses == ("setups.up.all[0]", "actions.entry_long.all[1].any[2]")
    assert trade.metadata == {"why": "breakout", "size": 2, "sure": True, "mean": 100.5, "before": None, "far": None}
    assert (trade.exit_reason, trade.exit_rule) == ("signal", "actions.exit_long")
    assert trade.exit_clauses == ("actions.exit_long.any[1]",)
    assert trade.exit_metadata == {"out": 105.5}


def test_a_record_is_json() -> None:
    trades = run_backtest(WORKED, flat_candles(CLOSES), BTC).as_json()["trades"]
    first = orjson.loads(orjson.dumps(trades))[0]
    assert first["metadata"]["mean"] == 100.5
    assert first["entry_clauses"] == ["setups.up.all[0]", "actions.entry_long.all[1].any[2]"]


CASES = play_with(
    actions="""
  - id: way
    cases:
      - when: [close, ">", 106]
        emit: [{action: exit_all, metadata: {case: high}}]
      - when: {all: [[close, ">", 102], [close, "<", 106]]}
        emit: [{action: entry_long, metadata: {case: middle, at: {feature_id: close}}}]
    else:
      emit: [{action: exit_all, metadata: {case: low}}]
"""
)


def test_the_case_that_emitted_is_named() -> None:
    first, second = run_backtest(CASES, flat_candles([100.0, 103.0, 104.0, 107.0, 105.0, 104.0, 101.0, 100.0]), BTC).trades
    assert first.entry_rule == "actions[0].cases[1].when"
    assert first.entry_clauses == ("actions[0].cases[1].when.all[0]", "actions[0].cases[1].when.all[1]")
    assert first.metadata == {"case": "middle", "at": 103.0}
    assert (first.exit_rule, first.exit_clauses) == ("actions[0].cases[0].when", ("actions[0].cases[0].when",))
    assert first.exit_metadata == {"case": "high"}
    assert second.metadata["at"] == 105.0
    assert (second.exit_rule, second.exit_metadata) == ("actions[0].else", {"case": "low"})
    assert second.exit_clauses == ("actions[0].else.not[0]", "actions[0].else.not[1]")


def test_what_no_rule_decided_has_no_notes() -> None:
    trade = run_backtest(WORKED, flat_candles([100.0, 101.0, 40.0, 40.0]), BTC).trades[0]
    assert (trade.exit_reason, trade.exit_decided_ms) == ("sl", None)
    assert (trade.exit_rule, trade.exit_clauses, trade.exit_metadata) == ("", (), {})
    assert trade.metadata["mean"] == 100.5


@pytest.mark.parametrize("clock", ["15m", "D"])
def test_metadata_never_changes_a_decision(clock: str) -> None:
    """A slow clock that only metadata needs moves neither the anchor nor the warm-up."""
    features = (
        f"{{two: {{indicator: ema, params: {{length: 2}}}}, slow: {{indicator: ema, params: {{length: 30}}, tf: {clock}}}}}"
    )
    rule = 'entry_long: {all: [[close, ">", two]]%s}, exit_long: {all: [[close, "<", two]]}'
    plain, noted = (
        play_with(f"{{{rule % note}}}", features=features) for note in ("", ", metadata: {slow: {feature_id: slow}}")
    )
    programs = [compile_program(play, MINUTE_MS) for play in (plain, noted)]
    assert programs[0].anchor_ms(START_MS + 61_000) == programs[1].anchor_ms(START_MS + 61_000)
    candles = flat_candles(CLOSES * 20)
    runs = [run_backtest(play, candles, BTC, start_ms=START_MS + 30 * MINUTE_MS) for play in (plain, noted)]
    assert [replace(trade, metadata={}) for trade in runs[1].trades] == runs[0].trades
    assert runs[0].equity_usdt.tolist() == runs[1].equity_usdt.tolist()


def test_an_order_carries_the_metadata_of_its_action() -> None:
    engine = PlayEngine(compile_program(WORKED, MINUTE_MS), WORKED, BTC, 10_000.0)
    candles = flat_candles(CLOSES)
    orders = []
    for i in range(len(candles)):
        decision = engine.on_bar(candles.at(i))
        orders += decision.orders if decision else ()
        if len(orders) == 1 and engine.position is None:
            engine.on_fill(EngineFill(Action.ENTER, Side.BUY, orders[0].qty_steps, 1_010, 0.1, START_MS, "entry", False))
    assert [order.action for order in orders] == [Action.ENTER, Action.EXIT]
    assert orders[0].metadata["mean"] == 100.5
    assert orders[1].metadata == {"out": 105.5}


def test_a_fill_that_no_decision_of_ours_explains_is_booked_without_notes() -> None:
    engine = PlayEngine(compile_program(WORKED, MINUTE_MS), WORKED, BTC, 10_000.0)
    engine.on_fill(EngineFill(Action.ENTER, Side.BUY, 40, 1_000, 0.1, START_MS, "entry", False))
    engine.on_fill(EngineFill(Action.EXIT, Side.SELL, 40, 1_010, 0.1, START_MS, "signal", False))
    assert (engine.trades[0].entry_rule, engine.trades[0].metadata, engine.trades[0].exit_clauses) == ("", {}, ())
