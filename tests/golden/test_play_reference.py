"""The reference of the Play language is the generated one, says something of everything there is, and what it says is so."""

import random
import re
from collections.abc import Mapping
from typing import Any

import pytest

from playd.core.limits import PLAY_FILE_BYTES
from playd.core.timeframes import TIMEFRAME_MS
from playd.engine.records import VERDICTS
from playd.kernels.catalog import CATALOG, OPERATORS, STRUCTURES
from playd.kernels.spec import IndicatorSpec
from playd.plays.expressions import WINDOWS
from playd.plays.load import check_play
from playd.plays.names import BUILT_IN
from playd.plays.reference.conditions import ARITHMETIC, BUILT_IN_WORDS, LOGIC_WORDS, OPERATOR_WORDS
from playd.plays.reference.finding_words import FINDINGS
from playd.plays.reference.indicator_words import INDICATORS
from playd.plays.reference.indicator_words import PARAMETERS as OF_INDICATORS
from playd.plays.reference.language import CONTENTS
from playd.plays.reference.market_words import MARKETS
from playd.plays.reference.money import SIZING_WORDS, STOP_WORDS, TARGET_WORDS
from playd.plays.reference.page import SAMPLE, page_text, shown_name
from playd.plays.reference.prose import CANDLES, OPTIONAL_USES
from playd.plays.reference.structure_words import PARAMETERS as OF_STRUCTURES
from playd.plays.reference.structure_words import STRUCTURES as DETECTORS
from playd.plays.reference.verdict_words import VERDICTS as VERDICT_WORDS
from playd.plays.reference.worked_play import worked_play
from playd.plays.risk_tables import SIZING, STOPS, TARGETS
from playd.plays.words import PATTERNS
from playd.research.trial_run import run_trial
from tests.tidy.source import ROOT, modules
from tests.tidy.test_runbooks import parse
from tests.unit.plays.plays_of import load, play_text

SHIPPED = ROOT / "daemon" / "play-reference.md"
BY_CLOCK = ("vwap", "session_levels")
"""Indicators whose past is a time and no number of bars."""


def test_the_shipped_page_is_the_generated_one() -> None:
    assert SHIPPED.read_text() == page_text(), "run `make generated`"


def test_the_worked_play_is_valid_without_a_warning_and_trades_as_it_expects() -> None:
    play, report = check_play(worked_play(), "worked.yml")
    assert report.findings == []
    assert play is not None
    assert run_trial(play).passed


def test_every_line_of_the_worked_play_is_explained() -> None:
    told = [int(line) for line in re.findall(r"(?m)^\| (\d+) \| `", page_text())]
    assert told == list(range(1, worked_play().count("\n") + 1))


def test_the_candle_patterns_are_valid_setups() -> None:
    setups = CANDLES.partition("```yaml\n")[2].partition("```")[0]
    names = re.findall(r"(?m)^  (\w+):$", setups)
    assert len(names) >= 3
    for name in names:
        load(f"{{all: [{{setup: {name}}}]}}", more=setups)


@pytest.mark.parametrize("name", CATALOG)
def test_an_indicator_its_parameters_and_its_outputs_are_said_in_words(name: str) -> None:
    spec, words = CATALOG[name], INDICATORS[name]
    params = {param.name for param in spec.params}
    assert words.meaning.endswith(".")
    assert set(words.outputs) == {output.name for output in spec.outputs}
    assert set(words.first) <= {"", *words.outputs}
    assert set(words.params) <= params <= {*words.params, *OF_INDICATORS}


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_detector_its_parameters_and_its_outputs_are_said_in_words(name: str) -> None:
    spec, words = STRUCTURES[name], DETECTORS[name]
    params = {param.name for param in spec.params}
    assert words.meaning.endswith(".")
    assert set(words.outputs) == {shown_name(output.name) for output in spec.outputs(settings_of(name))}
    assert set(words.params) <= params <= {*words.params, *OF_STRUCTURES}


def test_nothing_is_described_that_there_is_not() -> None:
    assert set(INDICATORS) == set(CATALOG)
    assert set(DETECTORS) == set(STRUCTURES)
    assert set(OPTIONAL_USES) <= {(spec.name, use.kind) for spec in STRUCTURES.values() for use in spec.uses}


def test_every_operator_window_and_built_in_name_is_described() -> None:
    assert {*OPERATOR_WORDS, *LOGIC_WORDS, *ARITHMETIC} == {*OPERATORS, *WINDOWS, "setup"}
    assert set(BUILT_IN_WORDS) == set(BUILT_IN)


def test_every_kind_of_level_and_size_market_and_verdict_is_described() -> None:
    assert (set(STOP_WORDS), set(TARGET_WORDS)) == (set(STOPS), set(TARGETS))
    assert tuple(SIZING_WORDS) == SIZING.key("model").words
    assert tuple(MARKETS) == PATTERNS
    assert tuple(VERDICT_WORDS) == VERDICTS


def test_every_finding_that_the_checker_makes_is_described() -> None:
    checkers = [one for one in modules() if one.name.startswith(("playd.plays.", "playd.kernels.", "playd.cli.play_"))]
    made = {
        code
        for one in checkers
        if not one.name.startswith("playd.plays.reference")
        for code in re.findall(r'"([EW]\d{3})"|W454', one.text)
        if code
    }
    assert made | {"W454"} == set(FINDINGS)


def value_of(formula: str, params: Mapping[str, Any]) -> int:
    return int(eval(formula, {"__builtins__": {}, "max": max}, dict(params)))


def drawn(spec: IndicatorSpec, rng: random.Random) -> dict[str, Any]:
    """Parameters like those that a file may have."""
    params: dict[str, Any] = spec.defaults()
    for param in spec.params:
        if param.kind == "int":
            params[param.name] = rng.randint(max(2, int(param.lo)), 200)
        elif param.words:
            params[param.name] = rng.choice([*param.words, *([1.0] if param.kind == "float" else [])])
    return params


@pytest.mark.parametrize("name", CATALOG)
def test_first_value_and_fading_of_an_indicator_are_those_of_its_kernel(name: str) -> None:
    spec, words, rng = CATALOG[name], INDICATORS[name], random.Random(name)
    for _ in range(40):
        params = drawn(spec, rng)
        for output in spec.outputs:
            formula = words.first.get(output.name, words.first.get("", ""))
            assert value_of(formula, params) == output.first(params), (output.name, params)
        if name not in BY_CLOCK:
            assert value_of(words.fade, params) == spec.fade(params, TIMEFRAME_MS["15m"]), params


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_warm_up_of_a_detector_is_that_of_its_kernel(name: str) -> None:
    spec, words, settings = STRUCTURES[name], DETECTORS[name], settings_of(name)
    for used in ({}, {"swing": 90}, {"swing": 170, "displacement": 150}):
        if all(use.kind in used or not use.needed(settings) for use in spec.uses) or name == "breaker_block":
            named = {"swing": 0, "displacement": 0, **settings, **used}
            assert value_of(words.fade, named) == spec.fade(settings, used), used


def test_a_zigzag_warms_up_as_the_page_says() -> None:
    settings = STRUCTURES["swing"].settled({"mode": "atr_zigzag"})
    assert value_of(DETECTORS["swing"].fade, settings) == STRUCTURES["swing"].fade(settings, {})


def settings_of(name: str) -> Mapping[str, Any]:
    return STRUCTURES[name].settled(SAMPLE.get(name, {}))


def test_the_bold_output_of_an_indicator_is_its_primary_one() -> None:
    chapter = page_text().partition("\n## Indicators\n")[2].partition("\n## ")[0]
    shown = {part.partition("\n")[0]: re.findall(r"\*\*`(\w+)`\*\*", part) for part in chapter.split("\n### ")[1:]}
    assert shown == {name: [spec.primary] if spec.primary else [] for name, spec in CATALOG.items()}


def test_titles_of_the_contents_lead_to_chapters() -> None:
    text = page_text()
    assert re.findall(r"(?m)^## (.*)$", text) == list(CONTENTS)
    anchors = {re.sub(r"[^a-z -]", "", title.lower()).replace(" ", "-") for title in CONTENTS}
    assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors


def test_every_command_of_the_page_is_understood() -> None:
    commands = re.findall(r"(?m)^ {4}(playd .*?)(?:  +#.*)?$", page_text())
    assert len(commands) >= 4
    for command in commands:
        parse(command)


ONE = '[close, ">", open]'
LONG_NAME = "x" * 65
TOO_LARGE = {
    "E100 size": "# " + "x" * PLAY_FILE_BYTES,
    "E106 offset": '{all: [[{feature_id: close, offset: 5001}, ">", open]]}',
    "E106 bars": f"{{holds_for: {{bars: 5001, expr: [{ONE}]}}}}",
    "E106 duration": f"{{holds_for_duration: {{duration: 91d, expr: [{ONE}]}}}}",
    "E442 duration": f"{{holds_for_duration: {{duration: 10m, expr: [{ONE}]}}}}",
    "E106 parts": f"{{all: [{', '.join([ONE] * 401)}]}}",
}


@pytest.mark.parametrize("what", TOO_LARGE)
def test_what_is_larger_than_the_page_says_is_refused_as_it_says(what: str) -> None:
    written = TOO_LARGE[what]
    condition, head = (f"{{all: [{ONE}]}}", written) if written.startswith("#") else (written, "")
    _, report = check_play(head + play_text(condition, exec_tf="15m"), "small.yml")
    assert [finding.code for finding in report.findings if finding.code.startswith("E")] == [what.split()[0]]


def test_names_of_more_than_64_letters_and_longer_chains_of_sources_are_refused() -> None:
    longer = f"{{{LONG_NAME}: {{indicator: ema}}}}"
    links = (f"f{k}: {{indicator: ema, source: {f'f{k - 1}' if k else 'close'}}}" for k in range(101))
    for features, code in ((longer, "E107"), (f"{{{', '.join(links)}}}", "E304")):
        _, report = check_play(play_text(f"{{all: [{ONE}]}}", features=features), "small.yml")
        assert [finding.code for finding in report.findings if finding.code.startswith("E")] == [code]
