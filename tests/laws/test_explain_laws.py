"""
Laws of explanations: random rules in both forms over random candles with gaps.

What is explained is what was decided: an action's tree is true where its signal is; every bar has one verdict; the clause that
is named did stop the entry, and a clause that is called the only one missing was.
"""

import math

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.random import PCG64, Generator

from playd.engine.clauses import Read, alone_missing, fired, missing, stopped_by, truth
from playd.engine.explain import Explainer
from playd.engine.play_engine import PlayEngine
from playd.engine.readings import Readings
from playd.engine.records import VERDICTS
from playd.engine.shadow import ShadowBook
from playd.engine.statistics import bar_statistics, clauses_of
from playd.engine.verdicts import LATE_DATA, NO_SIGNAL
from playd.plays.columns import Columns
from playd.plays.compile import compile_program
from playd.plays.load import load_play
from playd.plays.model import Play
from playd.plays.rule_tree import Rule, action_rules
from playd.research.backtest import BacktestResult, run_backtest
from playd.research.closed_bars import verdicts_of
from tests.engine_desk import BTC, random_candles
from tests.laws.test_engine_laws import Shadow

LAW = settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])

CLAUSES = (
    '["rsi", "<", 40]',
    '["rsi", ">", 55]',
    '["close", ">", "slow"]',
    '["fast", cross_above, "slow"]',
    '["close", "<", "hour"]',
    '["late", ">", 0]',
    '["st.direction", "==", 1]',
    '["rsi", between, [45, 65]]',
    '[["close", "/", ["close", "-", "close"]], ">", 1]',
    "{setup: calm}",
    '{occurred_within: {bars: 4, expr: ["rsi", "<", 35]}}',
    '{holds_for: {bars: 3, expr: {any: [["rsi", ">", 50], {setup: calm}]}}}',
    '["last_price", cross_above, "fast"]',
    '{holds_for: {bars: 2, expr: [["last_price", ">", "slow"]]}}',
)


def _trees(children: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(children, min_size=1, max_size=3).map(", ".join)
    return st.one_of(
        several.map(lambda items: f"{{all: [{items}]}}"),
        several.map(lambda items: f"{{any: [{items}]}}"),
        children.map(lambda item: f"{{not: {item}}}"),
    )


EXPRESSIONS = st.recursive(st.sampled_from(CLAUSES), _trees, max_leaves=6)


@st.composite
def rules(draw: st.DrawFn) -> str:
    """Actions in mapping form, or in list form with cases, `else`, and a short that may stand before the long."""
    one, two, three = (draw(EXPRESSIONS) for _ in range(3))
    if draw(st.booleans()):
        return f"{{entry_long: {{all: [{one}]}}, entry_short: {{all: [{two}]}}, exit_all: {{any: [{three}]}}}}"
    first, second = draw(st.permutations(["entry_long", "entry_short"]))
    cases = f"{{when: {one}, emit: [{first}]}}, {{when: {two}, emit: [{second}]}}"
    other = draw(st.sampled_from(["exit_all", "entry_long"]))
    return f"[{{id: a, cases: [{cases}], else: {{emit: [exit_all]}}}}, {{id: b, cases: [{{when: {three}, emit: [{other}]}}]}}]"


@st.composite
def runs(draw: st.DrawFn) -> BacktestResult:
    cooldown = draw(st.sampled_from([0, 4]))
    text = f"""
version: "3.0.0"
name: laws
symbol: BTCUSDT
timeframes: {{low_tf: {draw(st.sampled_from(["1m", "3m"]))}, med_tf: 1h, high_tf: D, exec: low_tf}}
account: {{max_drawdown_pct: {draw(st.sampled_from([100, 1]))}}}
features:
  fast: {{indicator: ema, params: {{length: 3}}}}
  slow: {{indicator: ema, params: {{length: 8}}}}
  rsi: {{indicator: rsi, params: {{length: 5}}}}
  late: {{indicator: sma, params: {{length: 150}}}}
  hour: {{indicator: ema, params: {{length: 2}}, tf: 1h}}
  st: {{indicator: supertrend, params: {{length: 5}}}}
setups: {{calm: {{any: [["rsi", between, [40, 60]], ["late", ">", "slow"]]}}}}
actions: {draw(rules())}
position_policy: {{mode: {draw(st.sampled_from(["long_short", "long_only"]))}, exit_mode: first_hit, cooldown_bars: {cooldown}}}
risk_model:
  stop_loss: {{type: percent, value: 0.5, basis: price}}
  take_profit: {{type: percent, value: 1, basis: price}}
  sizing: {{model: percent_equity, value: 20}}
"""
    seed, gaps = draw(st.integers(0, 2**32)), draw(st.booleans())
    candles = random_candles(Generator(PCG64(seed)), draw(st.integers(120, 500)), gaps=gaps)
    return run_backtest(load_play(text, "laws.yml"), candles, BTC)


def close_of(columns: Columns, row: int) -> int:
    return int(columns.close_times_ms(columns.program.decision_clock)[row])


def reader_at(columns: Columns, row: int) -> Read:
    return Readings(columns).at(close_of(columns, row))


def equal(left: float, right: float) -> bool:
    return left == right or (math.isnan(left) and math.isnan(right))


def nodes(rule: Rule) -> list[Rule]:
    return [rule, *(node for child in rule.children for node in nodes(child))]


@LAW
@given(runs())
def test_an_action_is_explained_as_true_where_its_signal_is(result: BacktestResult) -> None:
    """And every node that has a column has the truth that its children give it."""
    columns = result.columns
    for rule in action_rules(result.play):
        signal = columns.signal(rule.action)
        assert signal is not None
        for row in range(0, columns.decision_count, 7):
            read = reader_at(columns, row)
            assert (truth(rule.root, read) == 1.0) == (signal[row] == 1.0)
            for node in nodes(rule.root):
                if node.kind in ("all", "any", "not", "setup"):
                    assert equal(truth(node, read), _from_children(node, [truth(child, read) for child in node.children]))


def _from_children(node: Rule, values: list[float]) -> float:
    if node.kind in ("setup", "not"):
        return values[0] if node.kind == "setup" else 1.0 - values[0]
    halves = [0.5 if math.isnan(value) else value for value in values]
    value = min(halves) if node.kind == "all" else max(halves)
    return math.nan if value == 0.5 else value


@LAW
@given(runs())
def test_clauses_that_fired_are_true_and_a_missing_one_would_have_helped(result: BacktestResult) -> None:
    columns = result.columns
    for rule in action_rules(result.play):
        by_path = {clause.path: clause for clause in clauses_of(rule.root)}
        for row in range(0, columns.decision_count, 7):
            read = reader_at(columns, row)
            if truth(rule.root, read) == 1.0:
                assert not missing(rule.root, read)
                assert all(truth(by_path[path], read) == 1.0 for path in fired(rule.root, read))
                continue
            assert truth(stopped_by(rule.root, read), read) != 1.0
            assert missing(rule.root, read) <= by_path.keys()
            for path in by_path:
                helps = _with(rule.root, read, path) == 1.0
                assert (path in alone_missing(rule.root, read)) == helps, path


def _with(rule: Rule, read, path: str) -> float:  # type: ignore[no-untyped-def]
    """Truth of a tree if the clause at `path` were true."""
    if rule.path == path:
        return 1.0
    if rule.kind not in ("all", "any", "setup"):
        return truth(rule, read)
    return _from_children(rule, [_with(child, read, path) for child in rule.children])


@LAW
@given(runs())
def test_every_closed_bar_has_one_verdict_and_the_counts_add_up(result: BacktestResult) -> None:
    columns, verdicts = result.columns, verdicts_of(result)
    found = bar_statistics(result.play, columns, verdicts)
    assert found is not None
    closes = columns.close_times_ms(columns.program.decision_clock)
    bars = int(((closes >= found.first_close_ms) & (closes <= found.last_close_ms)).sum())
    assert found.bars == sum(count.bars for count in found.verdicts) == bars
    late = sum(count.bars for count in found.verdicts if count.verdict == LATE_DATA)
    assert bars - late == len(verdicts)
    assert {count.verdict for count in found.verdicts} <= {*VERDICTS, LATE_DATA}
    for count in found.clauses:
        assert count.true + count.false + count.missing == bars
        assert count.alone <= count.false + count.missing


@LAW
@given(runs())
def test_a_running_engine_names_the_same_clauses_as_a_backtest(result: BacktestResult) -> None:
    """Bar by bar from its own columns, what the whole history says of the bars without a signal."""
    play = result.play
    engine = PlayEngine(compile_program(play, result.loaded.step_ms), play, BTC, play.backtest.equity_usdt)
    shadow, counts = Shadow(engine, ShadowBook(play, BTC, play.backtest.slippage_bps)), dict[str, int]()
    for i in range(len(result.loaded)):
        decision = shadow.on_candle(result.loaded.at(i))
        if decision is not None and decision.verdict == NO_SIGNAL:
            counts[decision.detail] = counts.get(decision.detail, 0) + 1
    found = bar_statistics(play, result.columns, verdicts_of(result))
    assert found is not None
    assert counts == {count.clause: count.bars for count in found.verdicts if count.verdict == NO_SIGNAL}


@LAW
@given(runs())
def test_what_is_unknown_has_a_reason_and_what_is_known_has_none(result: BacktestResult) -> None:
    columns = result.columns
    for row in range(0, columns.decision_count, 13):
        for rule in action_rules(result.play):
            for node in Explainer(columns, close_of(columns, row)).action(rule).tree.walk():
                assert (node.truth is None) == (node.unknown is not None)


def test_the_reasons_of_the_unknown() -> None:
    """Not warm, stale behind a hole in the data, undefined by a zero divisor, no history before the first bar."""
    rules_text = """
  entry_long:
    all:
      - ["late", ">", 0]
      - ["hour", ">", 0]
      - [["close", "/", ["close", "-", "close"]], ">", 1]
      - {holds_for: {bars: 400, expr: ["close", ">", 0]}}
      - ["close", cross_above, "late"]
"""
    play = _play(rules_text)
    candles = random_candles(Generator(PCG64(5)), 360)
    keep = np.ones(360, bool)
    keep[120:350] = False
    rows = (getattr(candles, name)[keep] for name in ("open_time_ms", "open", "high", "low", "close", "volume"))
    holed = type(candles)("BTCUSDT", candles.step_ms, *rows)
    columns = Columns(compile_program(play, holed.step_ms), len(holed))
    columns.extend_many(holed)
    (rule,) = (one for one in action_rules(play) if one.action == "entry_long")

    def reasons(row: int) -> list[tuple[str, str] | None]:
        tree = Explainer(columns, close_of(columns, row)).action(rule).tree
        return [(node.unknown.reason, node.unknown.cause) if node.unknown else None for node in tree.children]

    undefined, short = ("undefined", "(close / (close - close))"), ("no_history", "actions.entry_long.all[3]")
    assert reasons(10) == [("not_warm", "late"), ("not_warm", "hour"), undefined, short, ("not_warm", "late")]
    assert reasons(119) == [None, None, undefined, short, ("not_warm", "late")]
    assert reasons(122)[1] == ("stale", "hour")


def _play(actions: str) -> Play:
    return load_play(
        f"""
version: "3.0.0"
name: reasons
symbol: BTCUSDT
timeframes: {{low_tf: 1m, med_tf: 1h, high_tf: D, exec: low_tf}}
account: {{}}
features:
  late: {{indicator: sma, params: {{length: 120}}}}
  hour: {{indicator: sma, params: {{length: 1}}, tf: 1h}}
actions: {actions}
position_policy: {{exit_mode: first_hit}}
risk: {{stop_loss_pct: 3, take_profit_pct: 6}}
""",
        "reasons.yml",
    )


def test_a_verdict_that_the_columns_contradict_is_counted_and_says_so() -> None:
    """The ledger may remember bars that another Play decided under the same name."""
    play = _play('{entry_long: {all: [["close", ">", 0]]}}')
    candles = random_candles(Generator(PCG64(5)), 10)
    columns = Columns(compile_program(play, candles.step_ms), len(candles))
    columns.extend_many(candles)
    found = bar_statistics(play, columns, {int(close): NO_SIGNAL for close in candles.open_time_ms + candles.step_ms})
    assert found is not None
    assert [(count.clause, count.bars) for count in found.verdicts] == [("", 10)]
    assert found.verdicts[0].text.startswith("decided by another Play")
