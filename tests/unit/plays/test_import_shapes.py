"""Shapes of older files that combine what play-language 15.2 lists one by one: nothing is lost, or the import fails."""

import pytest

from playd.plays.importing.importer import Imported, import_play
from playd.plays.load import check_play, load_play

HEAD = """
version: "3.0.0"
name: foreign
symbol: BTCUSDT
timeframes: {low_tf: 15m, med_tf: 1h, high_tf: D, exec: low_tf}
account: {}
risk: {stop_loss_pct: 2, take_profit_pct: 4, max_position_pct: 10}
"""

STRUCTURES = """
structures:
  exec:
    - {type: swing, key: swing, params: {left: 5, right: 5}}
    - {type: trend, key: trend, uses: swing, params: {wave_history_size: 6}}
"""

RULES = """
actions:
  entry_long: {all: [[trend.direction, "==", 1], [close, ">", swing.low_level]]}
"""


def imported(text: str) -> Imported:
    return import_play(text, "f.yml")


def hash_of(text: str) -> str:
    return load_play(text, "f.yml").play_hash


SHAPES = {
    "what a structure reads and is called, below its type": """
structures:
  exec:
    - swing: {key: swing, params: {left: 5, right: 5}}
    - trend: {uses: swing, wave_history_size: 6}
""",
    "nobody says which swing, and there is one": """
structures:
  exec:
    - swing: {left: 5, right: 5}
    - trend: {wave_history_size: 6}
""",
    "types below a clock": """
structures:
  ltf:
    swing: {left: 5, right: 5}
    trend: {depends_on: swing, params: {wave_history_size: 6}}
""",
    "lists below types": """
structures:
  swing:
    - {key: swing, left: 5, right: 5, tf: exec}
  trend:
    - {wave_history_size: 6}
""",
    "one list of all": """
structures:
  - {type: swing, id: swing, params: {left: 5, right: 5}}
  - {type: trend, tf: 15m, uses: swing, params: {wave_history_size: 6}}
""",
    "one spec in place of a list": """
structures:
  exec: {type: swing, params: {left: 5, right: 5}}
market_structure_blocks:
  - {type: trend, params: {wave_history_size: 6}}
""",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_structures_of_any_shape_become_the_same_list(shape: str) -> None:
    result = imported(HEAD + SHAPES[shape] + RULES)
    assert not result.failed, [*result.findings, *result.problems]
    assert hash_of(result.text) == hash_of(HEAD + STRUCTURES + RULES)


def test_a_type_that_stands_on_two_clocks_keeps_its_own_dependencies() -> None:
    older = """
structures:
  exec:
    - swing: {left: 5, right: 5}
    - trend: {wave_history_size: 6}
  htf:
    swing: {left: 3, right: 3}
    trend: {}
"""
    result = imported(HEAD + older + RULES.replace("swing.low_level", "high_tf_1d.swing.low_level"))
    assert not result.failed, [*result.findings, *result.problems]
    uses = {one.id: dict(one.uses) for one in load_play(result.text, "f.yml").structures}
    assert uses["trend"] == {"swing": "swing"}
    assert uses["trend_D"] == {"swing": "swing_D"}


def test_a_bare_name_stays_that_of_the_list_in_which_another_clock_has_a_twin() -> None:
    older = """
structures:
  exec:
    - swing: {left: 3, right: 3, tf: 1h}
    - swing: {left: 5, right: 5}
"""
    result = imported(HEAD + older + RULES.replace('[trend.direction, "==", 1], ', ""))
    assert not result.failed, [*result.findings, *result.problems]
    found = {one.id: dict(one.params)["left"] for one in load_play(result.text, "f.yml").structures}
    assert found == {"swing": 5, "swing_1h": 3}


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("swing: {left: 5, right: 5}", '[close, ">", swing.low_level]'),
        ("market_structure: {}", '[market_structure.event_type, "!=", 0]'),
    ],
)
def test_a_bare_name_that_another_clock_took_is_asked_for(kind: str, rule: str) -> None:
    swing = "    - swing: {key: %s, left: 5, right: 5}\n" if kind[0] == "m" else "%.0s"
    older = "structures:\n" + "".join(f"  {clock}:\n{swing % clock}    - {kind}\n" for clock in ("1h", "exec"))
    result = imported(f"{HEAD}{older}\nactions: {{entry_long: {{all: [{rule}]}}}}\n")
    assert [f"which `{kind.partition(':')[0]}`?" in one.text for one in result.problems] == [True]


RULES_OF_TWO_CLOCKS = """
id: foreign
version: "3.0.0"
symbol_universe: [BTCUSDT]
account: {}
risk: {stop_loss_pct: 2, take_profit_pct: 4, max_position_pct: 10}
tf_configs:
  exec:
    tf: 15m
    feature_specs:
      - {indicator_type: macd, output_key: macd, params: {fast: 12, slow: 26, signal: 9}}
      - {indicator_type: ema, output_key: ema, params: {length: 9}}
  htf: {tf: 4h, feature_specs: [{indicator_type: ema, output_key: slow, params: {length: 50}}]}
signal_rules:
  entry_rules: %s
"""


def test_a_condition_of_the_first_generation_keeps_its_output_and_its_offset() -> None:
    old = RULES_OF_TWO_CLOCKS % (
        "[{direction: long, conditions: [{indicator_key: macd, field: histogram, operator: gt, value: 0, tf: 15m},"
        " {indicator_key: ema, offset: 1, operator: lt, value: close}, "
        "{indicator_key: slow, tf: htf, operator: lt, value: close}]}]"
    )
    result = imported(old)
    assert not result.failed, [*result.findings, *result.problems]
    conditions = load_play(result.text, "f.yml").normal_form["actions"][0]["cases"][0]["when"]["any"][0]["all"]  # type: ignore[index]
    assert [(one["lhs"]["id"], one["lhs"]["field"], one["lhs"]["offset"]) for one in conditions] == [
        ("macd", "histogram", 0),
        ("ema", "value", 1),
        ("slow", "value", 0),
    ]


def test_a_condition_may_name_the_clock_of_a_structure_and_of_a_role_said_elsewhere() -> None:
    blocks = "market_structure_blocks: [{block_id: sw, block_type: swing, params: {left: 3, right: 3}}], feature_specs: "
    old = RULES_OF_TWO_CLOCKS.replace("  exec:\n", "  ltf:\n").replace(
        "htf: {tf: 4h, feature_specs: ", f"htf: {{tf: 4h, {blocks}"
    )
    conditions = (
        "[{indicator_key: ema, tf: ltf, operator: gt, value: 0}, {indicator_key: close, tf: exec, operator: gt, value: slow},"
        " {indicator_key: sw, field: low_level, tf: htf, operator: lt, value: close}]"
    )
    result = imported(f"execution_tf: ltf\n{old}" % f"[{{direction: long, exit_type: signal, conditions: {conditions}}}]")
    assert not result.failed, [*result.findings, *result.problems]
    play = load_play(result.text, "f.yml")
    assert (play.timeframes.exec_ms, play.structures[0].step_ms) == (15 * 60_000, 240 * 60_000)


def test_rules_below_their_side_are_read() -> None:
    result = imported(RULES_OF_TWO_CLOCKS % "{long: [{indicator_key: close, operator: gt, value: ema}]}")
    assert not result.failed, [*result.findings, *result.problems]
    assert [block.id for block in load_play(result.text, "f.yml").actions] == ["entry_long"]


UNDECIDED = {
    "a price of another clock": ("conditions: [{indicator_key: close, tf: htf, operator: gt, value: ema}]", "of 4h?"),
    "a key of a condition": ("conditions: [{indicator_key: ema, operator: gt, value: 1, weight: 2}]", "weight"),
    "a key of a rule": ("conditions: [{indicator_key: ema, operator: gt, value: 1}], logic: or", "logic"),
    "a rule of another clock": ("conditions: [{indicator_key: ema, operator: gt, value: 1}], tf: htf", "tf: what is this?"),
    "a rule in words": ("condition: close > ema", "when? Write its `conditions`"),
    "another side": ("side: short, conditions: [{indicator_key: ema, operator: gt, value: 1}]", "long or short?"),
    "no list of conditions": ("conditions: close > ema", "when? Write its `conditions`"),
}


@pytest.mark.parametrize("case", UNDECIDED)
def test_what_a_rule_says_beside_is_never_dropped(case: str) -> None:
    rules, words = UNDECIDED[case]
    result = imported(RULES_OF_TWO_CLOCKS % f"[{{direction: long, {rules}}}]")
    assert result.failed
    assert any(words in problem.line_of("f.yml") for problem in result.problems), result.problems


@pytest.mark.parametrize(
    ("path", "more"),
    [
        ("tf_configs.htf.feature_specs", "{htf: {tf: 4h, feature_specs: {slow: {indicator_type: ema}}}}"),
        ("tf_configs.htf.features", "{htf: {tf: 4h, features: {slow: {indicator_type: ema}}}}"),
        ("tf_configs.htf.market_structure_blocks", "{htf: {tf: 4h, market_structure_blocks: {type: swing}}}"),
        ("tf_configs.htf", "{htf: 4h}"),
        ("market_structure_blocks", "{swing: {left: 5, right: 5}}"),
        ("signal_rules", "[{direction: long}]"),
    ],
)
def test_what_is_no_list_is_never_dropped(path: str, more: str) -> None:
    result = imported(f"{HEAD}{STRUCTURES}{RULES}{path.partition('.')[0]}: {more}\n")
    assert path in [problem.path for problem in result.problems]


TWO_CLOCKS = {
    "of a list": "structures: {exec: [{type: swing, key: swing, %s}]}",
    "below its type in a list": "structures: {exec: [{swing: {key: swing, %s}}]}",
    "below its type": "structures: {swing: {key: swing, %s}}",
    "among the features": "features: {swing: {type: structure, structure_type: swing, %s}}",
}


@pytest.mark.parametrize("case", TWO_CLOCKS)
def test_of_two_clocks_none_is_dropped(case: str) -> None:
    text = HEAD + "\n" + TWO_CLOCKS[case] + '\nactions: {entry_long: {all: [[close, ">", swing.low_level]]}}\n'
    result = imported(text % "tf: 1h, timeframe: D")
    assert ["which clock?" in problem.text for problem in result.problems] == [True], result.problems
    assert imported(result.text).failed, "the question is gone, and nobody has answered it"
    assert "which clock?" not in imported(text % "tf: high_tf, timeframe: D").text


MS = "    - {type: market_structure, key: ms, uses: swing}\n"


def test_an_event_some_bars_ago_stays_some_bars_ago() -> None:
    old = "[{feature_id: ms, field: event_type, offset: 3}, '!=', 0]"
    flags = ", ".join(
        f"[{{feature_id: ms, field: {flag}, offset: 3}}, '==', true]" for flag in ("bos_this_bar", "choch_this_bar")
    )
    new = f"{{any: [{flags}]}}"
    text = HEAD + STRUCTURES + MS + RULES
    result = imported(text.replace('[close, ">", swing.low_level]', old))
    assert not result.failed, result.findings
    assert hash_of(result.text) == hash_of(text.replace('[close, ">", swing.low_level]', new))


FEATURES = "features: {vx: {indicator: vortex}, smooth: {indicator: sma, params: {length: 5}, source: vx.vip}}\n"
SMOOTH = 'actions: {entry_long: {all: [[smooth, ">", 1]]}}\n'

REWRITTEN = {
    "the source of a feature": ("source: vx.vip", "source: vx.plus", "features.smooth.source: vx.plus -> "),
    "a placeholder": ("params: {length: 5}", 'params: {length: "{{ n }}"}', "{{ n }} -> features.smooth.params.length: $n"),
    "trailing of the short form": (
        "max_position_pct: 10",
        "max_position_pct: 10, trailing: {atr_key: atr}",
        "risk.trailing.atr_key: atr -> ",
    ),
    "a key that says what another says": ("account: {}", "account: {}\ntf: 15m", "tf: 15m -> removed"),
    "a name for people": ("name: foreign", "name: EMA Cross (fast)", "name: EMA Cross (fast) -> name: EMA_Cross_fast_"),
    "a flag that was off": (
        "account: {}",
        "account: {}\nposition_policy: {allow_hedging: false}",
        "position_policy.allow_hedging: false -> removed",
    ),
}


@pytest.mark.parametrize("case", REWRITTEN)
def test_what_the_checker_refuses_as_older_the_import_rewrites(case: str) -> None:
    new, old, words = REWRITTEN[case]
    text = HEAD + "variables: {n: 5}\n" + FEATURES.replace("{vx:", "{atr: {indicator: atr}, vx:") + SMOOTH
    assert new in text
    older = text.replace(new, old)
    assert check_play(older, "f.yml")[1].failed
    result = imported(older)
    assert not result.failed, [*result.findings, *result.problems]
    assert any(words in change.line_of("f.yml") for change in result.changes), [one.line_of("f") for one in result.changes]


def test_what_could_not_be_read_whole_has_no_unused_names() -> None:
    _, report = check_play(HEAD + STRUCTURES + RULES.replace("trend.direction", "trend.directoin"), "f.yml")
    assert [finding.code for finding in report.findings] == ["E411"]
