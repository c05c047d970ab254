"""
Laws of forged Plays: whatever the language can say loads, runs, explains itself and decides the same everywhere; and whatever
is broken in it is refused with its place.
"""

import json
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

from playd.core.candles import Candles
from playd.core.errors import PlayError
from playd.core.timeframes import MINUTE_MS
from playd.engine.explain import Explainer
from playd.engine.statistics import bar_statistics
from playd.kernels.catalog import CATALOG, STRUCTURES
from playd.plays.comparisons import ALL_OPS
from playd.plays.compile import compile_program
from playd.plays.expressions import WINDOWS
from playd.plays.load import load_play
from playd.plays.model import Play
from playd.plays.operands import ARITH_OPS
from playd.plays.risk_tables import SIZING, STOPS, TARGETS
from playd.plays.rule_tree import action_rules
from playd.research.backtest import BacktestResult, run_backtest
from playd.research.closed_bars import verdicts_of
from playd.research.forge.play import Parts, forge_document, forge_play
from playd.research.pattern_market import pattern_market
from tests.engine_desk import BTC
from tests.laws.test_engine_laws import ShadowRun, assert_same

SEED = 20
EXCLUDING = 119
"""The only one of the first 400 in which clauses of an `all` are found to exclude each other: chance seldom writes that."""
MOST_MINUTES = 2400
_TRUTHS = ("W305", "W312")
"""Never true, never false."""
FINDING = re.compile(r"f\.yml:[1-9][0-9]*:[1-9][0-9]*: [EW][0-9]{3}\b")


def market_of(play: Play) -> Candles:
    bars = max(60, min(400, MOST_MINUTES * MINUTE_MS // play.timeframes.exec_ms))
    assert play.trial.pattern
    return pattern_market(play, play.trial.pattern, play.trial.seed, bars)


def assert_explains(result: BacktestResult) -> None:
    """Every closed bar has one verdict, and every action its tree at the first, a middle and the last bar."""
    verdicts = verdicts_of(result)
    found = bar_statistics(result.play, result.columns, verdicts)
    assert found is not None
    assert sum(count.bars for count in found.verdicts) == found.bars == len(result.all_decision_times_ms)
    for clause in found.clauses:
        assert clause.true + clause.false + clause.missing == found.bars
    suspected = {
        path: code for line in result.play.warnings for _, code, path, *_ in [line.split(maxsplit=3)] if code in _TRUTHS
    }
    for clause in found.clauses:
        code = suspected.get(f"{clause.clause}:")
        assert code != "W305" or not clause.true, "it can be true after all"
        assert code != "W312" or not clause.false, "it can be false after all"
    closes = result.columns.close_times_ms(result.program.decision_clock).tolist()
    of_groups = suspected.keys() - {f"{clause.clause}:" for clause in found.clauses}  # no statistics count groups of clauses
    for close_ms in closes[::8] if of_groups else (closes[0], closes[len(closes) // 2], closes[-1]):
        for rule in action_rules(result.play):
            said = Explainer(result.columns, close_ms).action(rule)
            assert (said.stopped_by is None) == bool(said.tree.truth)
            nodes = list(said.tree.walk())
            assert all((node.unknown is None) == (node.truth is not None) for node in nodes)
            assert all(node.truth is not True for node in nodes if suspected.get(f"{node.path}:") == "W305")
            assert all(node.truth is not False for node in nodes if suspected.get(f"{node.path}:") == "W312")


@pytest.mark.slow
@pytest.mark.parametrize("number", [*range(16), EXCLUDING])
def test_a_forged_play_decides_the_same_in_backtest_and_engine_and_explains_itself(number: int) -> None:
    play = load_play(forge_play(SEED, number), "f.yml")
    candles = market_of(play)
    result = run_backtest(play, candles, BTC)
    run = ShadowRun.over(play, candles)
    run.end(candles)
    assert_same(result, run)
    assert_explains(result)


def test_the_forged_play_that_was_chosen_for_it_has_clauses_that_exclude_each_other() -> None:
    assert any("exclude each other" in line for line in load_play(forge_play(SEED, EXCLUDING), "f.yml").warnings)


def leaves(node: Any) -> Iterator[Any]:
    """Every key and scalar of a tree."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield key
            yield from leaves(value)
    elif isinstance(node, list):
        for value in node:
            yield from leaves(value)
    else:
        yield node


def test_enough_forged_plays_use_everything_that_the_tables_name() -> None:
    """Whoever adds an indicator, a detector, an operator or a kind of level finds it forged."""
    used = {leaf for number in range(60) for leaf in leaves(forge_document(SEED, number)) if isinstance(leaf, str)}
    wanted = {*CATALOG, *STRUCTURES, *ALL_OPS, *ARITH_OPS, *WINDOWS, *STOPS, *TARGETS, *SIZING.key("model").words}
    wanted |= {"all", "any", "not", "setup", "offset", "else", "metadata", "percent", "risk", "risk_model", "uses", "atr_key"}
    wanted |= {
        "trailing",
        "break_even",
        "cooldown_bars",
        "trading_windows",
        "time_exit_bars",
        "anchor_tf",
        "source",
        "variables",
    }
    assert wanted - used == set()


def test_a_part_alone_is_forged_alone() -> None:
    documents = [forge_document(3, number, Parts(indicators=False, operators=False)) for number in range(20)]
    kinds = {feature["indicator"] for one in documents for feature in _section(one, "features").values()}
    assert kinds <= {"atr"}
    assert all("structures" in one and "setups" not in one for one in documents)


def _section(document: dict[str, Any], name: str) -> dict[str, Any]:
    return dict(document.get(name, {}))


def test_the_same_seed_forges_the_same_play_and_another_one_another() -> None:
    assert forge_play(5, 3) == forge_play(5, 3)
    assert len({forge_play(5, 3), forge_play(6, 3), forge_play(5, 4)}) == 3


def refusal(document: dict[str, Any]) -> list[str]:
    """Findings of a broken Play; none when it is still one, and then it compiles."""
    try:
        compile_program(load_play(json.dumps(document, indent=1), "f.yml"), MINUTE_MS)
    except PlayError as error:
        findings = error.findings
    else:
        return []
    assert findings
    assert [finding for finding in findings if not FINDING.match(finding)] == []
    return findings


def places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) of a tree."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in list(items):
        yield node, key
        yield from places(value)


def break_somewhere(document: dict[str, Any], seed: int) -> None:
    """One value lost, of another kind, out of range, misspelt, or doubled."""
    chance = random.Random(seed)
    container, key = chance.choice(list(places(document)))
    value = container[key]
    strange = [
        None,
        True,
        -1,
        1e12,
        0.5,
        "",
        "nonsense",
        "close",
        [],
        {},
        [value],
        {"all": value},
        {"bars": value},
        f"{value}x",
    ]
    deed = chance.random()
    if deed < 0.25:
        del container[key]
    elif deed < 0.4 and isinstance(container, dict):
        container[f"{key}z"] = container.pop(key)
    elif deed < 0.5:
        other, place = chance.choice(list(places(document)))
        container[key] = json.loads(json.dumps(other[place]))
    else:
        container[key] = chance.choice(strange)


@pytest.mark.slow
def test_a_broken_forged_play_is_refused_with_its_place_or_still_a_play() -> None:
    refused = 0
    for seed in range(90):
        document = forge_document(SEED, seed % 50)
        for step in range(1 + seed % 2):
            break_somewhere(document, 1000 * step + seed)
        refused += bool(refusal(document))
    assert refused > 50


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("symbol", "btc", "E201"),
        ("timeframes.exec", "low", "E105"),
        ("account.max_leverage", 0, "E106"),
        ("account.slipage_bps", 1, "E102"),
        ("actions.entry_long", {"all": [["clos", ">", 1]]}, "E410"),
        ("actions.entry_long", {"all": [["close", "gt", 1]]}, "E901"),
        ("actions.entry_long", {"all": [["close", "==", 1]]}, "E421"),
        ("actions.entry_long", {"setup": "nowhere"}, "E431"),
        ("actions.entry_long", {"count_true": {"bars": 3, "min_true": 4, "expr": [["close", ">", 1]]}}, "E106"),
        ("position_policy.exit_mode", "first", "E105"),
        ("validation.pattern", "rangin", "E701"),
    ],
)
def test_what_is_broken_is_named_by_its_code(path: str, value: object, code: str) -> None:
    document: dict[str, Any] = forge_document(SEED, next(i for i in range(99) if _is_long_mapping(forge_document(SEED, i))))
    *way, last = path.split(".")
    section = document
    for name in way:
        section = section[name]
    section[last] = value
    assert any(f": {code} {path}" in finding for finding in refusal(document))


def _is_long_mapping(document: dict[str, Any]) -> bool:
    return isinstance(document["actions"], dict) and "entry_long" in document["actions"]
