"""Spellings that other readers of YAML, other libraries and the first generation allowed: one meaning, or a question."""

import pytest

from playd.core.errors import PlayError
from playd.plays.importing.importer import import_play
from playd.plays.load import check_play, load_play
from playd.plays.model import PercentEquity
from playd.plays.questions import MARKER

GOOD = """
version: "3.0.0"
name: foreign
symbol: BTCUSDT
timeframes: {low_tf: 15m, med_tf: 1h, high_tf: 4h, exec: low_tf}
account: {starting_equity_usdt: 10000, max_leverage: 2}
variables: {n: 14}
features:
  rsi: {indicator: rsi, params: {length: 14}}
  atr: {indicator: atr, params: {length: 14}}
  slow: {indicator: ema, params: {length: 50}, tf: 4h}
structures:
  exec:
    - {type: swing, key: sw, params: {left: 5, right: 5, strict_alternation: true, atr_key: atr}}
    - {type: trend, key: tr, uses: sw}
  high_tf:
    - {type: swing, key: sw_h, params: {left: 3, right: 3}}
actions:
  - id: "1"
    cases:
      - when:
          all:
            - [rsi, "<", 30]
            - [sw.high_accepted, "==", true]
            - [tr.direction, "==", 1]
            - [close, ">", sw_h.low_level]
            - [close, ">", slow]
        emit: [{action: entry_long}]
position_policy: {mode: long_only, exit_mode: first_hit}
risk_model:
  stop_loss: {type: atr_multiple, value: 2, atr_feature_id: atr}
  take_profit: {type: rr_ratio, value: 2}
  sizing: {model: percent_equity, value: 10}
"""

SPELLINGS = {
    "yes where true belongs": ("strict_alternation: true", "strict_alternation: Yes", "strict_alternation: Yes -> "),
    "on in a comparison": ('"==", true]', '"==", on]', ": on -> "),
    "digits in groups": ("equity_usdt: 10000", "equity_usdt: 10_000.0", "10_000.0 -> account.starting_equity_usdt: 10000"),
    "a merge key": (
        "rsi: {indicator: rsi, params: {length: 14}}\n  atr: {indicator: atr, params: {length: 14}}",
        "rsi: &p {indicator: rsi, params: {length: 14}}\n  atr: {<<: *p, indicator: atr}",
        "features.atr.<< -> features.atr: params",
    ),
    "sections without content": ("position_policy:", "setups:\nexpected: ~\nposition_policy:", "setups -> removed"),
    "a parameter without content": ("sw, params: {left: 5", "sw, params: {min_atr_move: null, left: 5", "min_atr_move -> "),
    "an indicator in capitals": ("indicator: rsi", "indicator: RSI", "features.rsi.indicator: RSI -> "),
    "another name of an indicator": ("indicator: atr", "indicator: average_true_range", "average_true_range -> "),
    "a map of what a structure uses": ("uses: sw}", "uses: {swing: sw}}", "uses: {swing: sw} -> "),
    "a prefix in uses": ("uses: sw}", "uses: exec_15m.sw}", "exec_15m.sw -> "),
    "a prefix of the atr of a swing": ("atr_key: atr", "atr_key: ltf_15.atr", "ltf_15.atr -> "),
    "a prefix in risk": ("atr_feature_id: atr", "atr_feature_id: low_tf_15m.atr", "low_tf_15m.atr -> "),
    "a prefix of a feature": ('">", slow]', '">", htf_240.slow]', "htf_240.slow -> "),
    "a clock beside a structure": (
        "key: sw_h, params",
        "key: sw_h, tf: 240, params",
        "structures.high_tf[0].tf: 240 -> removed",
    ),
    "a clock beside a structure below another": (
        "  high_tf:\n    - {type: swing, key: sw_h,",
        "    - {type: swing, key: sw_h, timeframe: htf,",
        "structures.exec[2].timeframe: htf -> structures.high_tf: ",
    ),
    "a structure below another role": (
        "high_tf:\n    - {type: swing, key: sw_h",
        'med_tf:\n    "4h":\n    - {type: swing, key: sw_h',
        "structures.med_tf.4h",
    ),
    "one condition below all": ("cases:\n", "cases:\n      - {when: {all: [rsi, gt, 99]}, emit: no_action}\n", "a list of it"),
    "a condition as a map": ('[rsi, "<", 30]', "{indicator_key: rsi, operator: LT, value: 30}", "{indicator_key: rsi"),
    "a condition as a map with op": ('[rsi, "<", 30]', "{left: rsi, op: lt, right: 30}", "{left: rsi, op: lt, right: 30} -> "),
    "a parameter beside params": ("indicator: rsi, params: {length: 14}", "indicator: rsi, length: 14", "rsi.length: 14 -> "),
    "a clock among the parameters": (
        "params: {length: 50}, tf: 4h}",
        "params: {length: 50, tf: 240}}",
        "slow.params.tf: 240 -> features.slow.tf: 240",
    ),
    "what a structure reads among its parameters": ("uses: sw}", "params: {uses: sw}}", "params.uses: sw -> "),
    "an operator in capitals": ('[rsi, "<", 30]', "[rsi, LT, 30]", "LT -> "),
    "what is emitted without a list": ("emit: [{action: entry_long}]", "emit: entry_long", "emit: entry_long -> "),
    "a number for an id": ('id: "1"', "id: 1", 'actions[0].id: 1 -> actions[0].id: "1"'),
    "an else without content": ("position_policy:", "    else: {}\nposition_policy:", "actions[0].else: {} -> removed"),
    "several targets, each a map": (
        "take_profit: {type: rr_ratio, value: 2}",
        "take_profit_levels: [{type: rr_ratio, value: 2, percent: 50}, {type: rr_ratio, value: 4, percent: 50}]",
        "the whole position leaves at the first level",
    ),
    "triggers beside a model": (
        "  sizing:",
        "  tp_trigger_by: LastPrice\n  leverage: 2\n  sizing:",
        "risk_model.leverage: 2 -> ",
    ),
    "a name that is a number": ("name: foreign", "name: 2024", 'name: 2024 -> name: "2024"'),
    "an id for people": ("name: foreign", "id: EMA cross (v2)", "name: EMA cross (v2) -> name: EMA_cross_v2_"),
    "a fee beside the fee model": (
        "max_leverage: 2}",
        "max_leverage: 2, fee_rate_pct: 0.1, fee_model: {taker_bps: 5.5}}",
        "`fee_model.taker_bps` is written too, and counts",
    ),
}


def older(case: str) -> tuple[str, str]:
    new, old, words = SPELLINGS[case]
    assert GOOD.count(new) >= 1
    return GOOD.replace(new, old, 1), words


@pytest.mark.parametrize("case", SPELLINGS)
def test_another_spelling_has_the_meaning_that_it_had(case: str) -> None:
    text, words = older(case)
    assert check_play(text, "f.yml")[1].failed
    result = import_play(text, "f.yml")
    assert not result.failed, [*result.findings, *result.problems]
    if "all: [rsi, gt, 99]" not in text:  # a case that did nothing keeps those below it from acting where it is true
        assert load_play(result.text, "f.yml").play_hash == load_play(GOOD, "f.yml").play_hash
    assert any(words in change.line_of("f.yml") for change in result.changes), [one.line_of("f") for one in result.changes]
    assert import_play(result.text, "f.yml").text == result.text


QUESTIONS = {
    "a price of another clock": ("[close, ", "[high_tf_4h.close, ", "which clock?"),
    "a feature of another clock": ('">", slow]', '">", high_tf_4h.atr]', "which clock?"),
    "a structure of another clock": ("sw.high_accepted", "high_tf_4h.sw.high_accepted", "which clock?"),
    "digits behind a zero": ("length: 14", "length: 016", "which number? Readers of YAML 1.1 took `016` for 14"),
    "a parameter in two places": ("indicator: rsi,", "indicator: rsi, length: 9,", "it is written in `params` too"),
    "a parameter in two places under its older name": (
        "indicator: rsi, params: {length: 14}",
        "indicator: rsi, length: 9, params: {period: 14}",
        "it is written in `params` too, as `period`",
    ),
    "a split parameter in two places": (
        "indicator: ema, params: {length: 50}",
        "indicator: kc, multiplier: 2, params: {scalar: 1.5}",
        "it is written in `params` too, as `scalar`",
    ),
    "targets that may be meant in two ways": (
        "take_profit: {type: rr_ratio, value: 2}",
        "take_profit_levels: [{percent: 50, value: 4}]",
        "which target?",
    ),
}


@pytest.mark.parametrize("case", QUESTIONS)
def test_what_would_be_another_play_is_a_question(case: str) -> None:
    new, old, words = QUESTIONS[case]
    assert new in GOOD
    result = import_play(GOOD.replace(new, old, 1), "f.yml")
    assert result.failed
    assert [words in problem.text for problem in result.problems] == [True]
    assert import_play(result.text, "f.yml").failed, "the question is gone, and nobody has answered it"


def test_a_question_about_a_number_stands_above_its_key() -> None:
    lines = import_play(GOOD.replace("length: 14", "length: 016", 1), "f.yml").text.splitlines()
    place = next(i for i, line in enumerate(lines) if line.lstrip().startswith(MARKER))
    assert lines[place + 1].strip() == 'length: "016"'


@pytest.mark.parametrize("more", ["risk_limits: {max_daily_loss_pct: 3}", "tags: [016]", "blocks: []"])
def test_a_question_is_asked_until_its_comment_is_gone(more: str) -> None:
    """Also where what it was about is not in the new file, or reads as something else there."""
    first = import_play(f"{GOOD}{more}\n", "f.yml").text
    again = import_play(first, "f.yml")
    assert len(again.problems) == 1
    assert again.text == first
    answered = [line for line in first.splitlines() if not line.lstrip().startswith((MARKER, "blocks"))]
    assert not import_play("\n".join(answered), "f.yml").failed


@pytest.mark.parametrize(
    ("asked", "left", "answer"),
    [
        (GOOD.replace("length: 14", "length: 016", 1), 'length: "016"', "length: 16"),
        (f"{GOOD}tags: [016]\n", '"016"', "sixteen"),
        (f"{GOOD}blocks: []\n", "blocks: []\n", ""),
    ],
)
def test_who_answers_a_question_need_not_take_its_comment_away(asked: str, left: str, answer: str) -> None:
    """It is seen by what stands below the comment, which the import has noted in it."""
    first = import_play(asked, "f.yml").text
    assert left in first
    second = import_play(first.replace(left, answer, 1), "f.yml")
    assert not second.failed
    assert MARKER not in second.text
    assert [change.path for change in second.changes] == ["comment"]


def test_beside_all_a_condition_counted_as_little_as_any_other_key() -> None:
    beside = '{lhs: close, op: ">", rhs: 1, setup: s, holds_for: {bars: 2}, weight: 3}'
    text = GOOD.replace(
        "          all:", "".join(f"          {one}\n" for one in beside[1:-1].split(", ")) + "          all:", 1
    )
    imported = import_play(text, "f.yml")
    assert [finding.text for finding in imported.findings if finding.code.startswith("E")] == []
    gone = {change.path.rpartition(".")[2] for change in imported.changes if not change.new_path}
    assert gone == {"lhs", "op", "rhs", "setup", "holds_for", "weight"}


@pytest.mark.parametrize(
    ("risk", "percent"),
    [
        ("{tp_trigger_by: LastPrice}", 2),
        ("{risk_per_trade_pct: 3}", 2),
        ("{tp_trigger_by: LastPrice, stop_loss_pct: 2, max_position_pct: 20}", 20),
    ],
)
def test_the_size_of_the_account_counts_where_no_risk_map_is_left(risk: str, percent: int) -> None:
    text = GOOD[: GOOD.index("risk_model:")] + f"risk: {risk}\n"
    text = text.replace("max_leverage: 2}", "max_leverage: 2, risk_per_trade_pct: 2}")
    result = import_play(text.replace("first_hit}", "first_hit, time_exit_bars: 5}"), "f.yml")
    assert not result.failed, [*result.findings, *result.problems]
    assert load_play(result.text, "f.yml").risk.sizing == PercentEquity(percent)


def test_params_that_are_no_map_are_refused_beside_parameters_of_their_own() -> None:
    result = import_play(GOOD.replace("rsi, params: {length: 14}", "rsi, length: 14, params: 9", 1), "f.yml")
    assert result.failed
    assert any("features.rsi.params: found `9`" in finding.line_of("f.yml") for finding in result.findings), result.findings


def test_a_risk_block_without_any_side_says_none_twice() -> None:
    text = GOOD[: GOOD.index("risk_model:")] + "risk: {risk_per_trade_pct: 1, max_position_pct: 20}\n"
    result = import_play(text.replace("first_hit}", "first_hit, time_exit_bars: 5}"), "f.yml")
    assert not result.failed, result.findings
    risk = load_play(result.text, "f.yml").risk
    assert (risk.stop, risk.target) == (None, None)


def test_a_second_merge_key_is_a_key_found_a_second_time() -> None:
    """Readers of YAML 1.1 let one of the two count, not all the same one."""
    text = GOOD.replace("{indicator: rsi,", "{<<: {indicator: rsi}, <<: {indicator: atr},", 1)
    with pytest.raises(PlayError, match="<<: found the key a second time"):
        import_play(text, "f.yml")


def test_digits_in_groups_behind_a_zero_were_octal_and_are_refused() -> None:
    result = import_play(GOOD.replace("length: 14", "length: 0_30", 1), "f.yml")
    assert result.failed
    assert any("0_30" in finding.line_of("f.yml") for finding in result.findings), result.findings


HINTS = [
    ("exit_mode: first_hit", "exit_mode: first", "did you mean `first_hit`?"),
    ("exec: low_tf", "exec: low", "did you mean `low_tf`?"),
    ("take_profit: {type: rr_ratio, value: 2}", "take_profit: None", "did you mean `none`?"),
    ("mode: long_only", "mode: long_only, trading_windows: []", "expected at least one window"),
    ("mode: long_only", 'mode: long_only, trading_windows: [{from: "07:00", to: "08:00", days: [tuesday]}]', "mean `tue`?"),
]


@pytest.mark.parametrize(("new", "old", "said"), HINTS)
def test_a_message_says_what_is_meant(new: str, old: str, said: str) -> None:
    _, report = check_play(GOOD.replace(new, old, 1), "f.yml")
    assert said in "\n".join(report.lines("E"))


@pytest.mark.parametrize("clock", ["4h", "2h", "D"])
def test_structures_below_a_timeframe_stay_there(clock: str) -> None:
    text = GOOD.replace("  high_tf:\n", f"  {clock}:\n")
    assert import_play(text, "f.yml").text == text
