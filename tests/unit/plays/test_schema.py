"""The JSON Schema for editors is what the tables say, accepts every example and refuses what the checker refuses by form."""

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from ruamel.yaml import YAML

from playd.core.limits import PLAY_CASES, PLAY_PARTS
from playd.kernels.catalog import CATALOG, STRUCTURES
from playd.plays.json_schema import play_schema, schema_text
from playd.plays.load import load_play
from playd.plays.variables import KEPT
from tests.unit.plays.plays_of import play_text

CONFIG = Path(__file__).parents[3] / "config"
EXAMPLES = sorted((CONFIG / "plays").glob("*.yml"))
SCHEMA = play_schema()

_TYPES = {"object": dict, "array": list, "string": str, "boolean": bool}


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Whether a value is valid by the keywords that the schema uses."""
    if "$ref" in schema and not fits(value, SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]]):  # type: ignore[index]
        return False
    return all(_CHECKS[word](value, schema[word], schema) for word in schema if word in _CHECKS)


def _is_a(value: Any, kinds: str | list[str], _: object) -> bool:
    def one(kind: str) -> bool:
        if kind in ("number", "integer"):
            return isinstance(value, int | float) and not isinstance(value, bool) and (kind == "number" or value == int(value))
        return isinstance(value, _TYPES[kind])

    return any(one(kind) for kind in ([kinds] if isinstance(kinds, str) else kinds))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_CHECKS: dict[str, Any] = {
    "type": _is_a,
    "const": lambda value, const, _: value == const,
    "enum": lambda value, words, _: value in words,
    "anyOf": lambda value, branches, _: any(fits(value, one) for one in branches),
    "oneOf": lambda value, branches, _: sum(fits(value, one) for one in branches) == 1,
    "allOf": lambda value, branches, _: all(fits(value, one) for one in branches),
    "not": lambda value, one, _: not fits(value, one),
    "pattern": lambda value, pattern, _: not isinstance(value, str) or re.search(pattern, value) is not None,
    "minimum": lambda value, low, _: not _number(value) or value >= low,
    "maximum": lambda value, high, _: not _number(value) or value <= high,
    "exclusiveMinimum": lambda value, low, _: not _number(value) or value > low,
    "required": lambda value, names, _: not isinstance(value, dict) or all(name in value for name in names),
    "minLength": lambda value, count, _: not isinstance(value, str) or len(value) >= count,
    "uniqueItems": lambda value, _, __: not isinstance(value, list) or len(set(map(repr, value))) == len(value),
    "minItems": lambda value, count, _: not isinstance(value, list) or len(value) >= count,
    "maxItems": lambda value, count, _: not isinstance(value, list) or len(value) <= count,
    "minProperties": lambda value, count, _: not isinstance(value, dict) or len(value) >= count,
    "maxProperties": lambda value, count, _: not isinstance(value, dict) or len(value) <= count,
    "properties": lambda value, known, _: (
        not isinstance(value, dict) or all(fits(value[name], one) for name, one in known.items() if name in value)
    ),
    "additionalProperties": lambda value, rest, schema: (
        not isinstance(value, dict)
        or all(rest is not False and fits(value[name], rest) for name in value if name not in schema.get("properties", {}))
    ),
    "propertyNames": lambda value, one, _: not isinstance(value, dict) or all(fits(name, one) for name in value),
    "prefixItems": lambda value, parts, _: not isinstance(value, list) or all(map(fits, value, parts)),
    "items": lambda value, one, schema: (
        not isinstance(value, list)
        or all(one is not False and fits(item, one) for item in value[len(schema.get("prefixItems", [])) :])
    ),
}


def parsed(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_the_shipped_schema_is_up_to_date() -> None:
    """If not: `make generated`."""
    assert schema_text() == (CONFIG / "schema" / "play.schema.json").read_text(encoding="utf-8")


def test_an_editor_is_told_what_each_indicator_detector_and_parameter_is() -> None:
    for kinds, word in ((CATALOG, "indicator"), (STRUCTURES, "type")):
        for name, spec in kinds.items():
            (branch,) = (one["properties"] for one in branches_of(word) if one["properties"][word].get("const") == name)
            assert branch[word]["description"].endswith("."), name
            told = {param: said["description"] for param, said in branch["params"]["properties"].items()}
            assert set(told) == {param.name for param in spec.params}
            assert not [param for param, said in told.items() if said.startswith("parameter")], name


def branches_of(word: str) -> list[dict[str, Any]]:
    """What an editor offers for a feature or for a structure."""
    sections: Any = SCHEMA["properties"]
    found = sections["features" if word == "indicator" else "structures"]["additionalProperties"]
    return list((found if word == "indicator" else found["items"])["oneOf"])


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_fits(path: Path) -> None:
    assert fits(parsed(path.read_text(encoding="utf-8")), SCHEMA)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"3.0.0"', '"2.0.0"'),
        ("max_leverage: 2", "max_leverage: 200"),
        ("max_leverage", "max_levrage"),
        ("exec: low_tf", "exec: low"),
        ("high_tf: D", "high_tf: 1d"),
        ("exit_long", "exit_lng"),
        ('[[close, "<", 0.000001]]', '[[close, "<"]]'),
        ('[[close, "<", 0.000001]]', "[]"),
        ("type: percent", "type: percnt"),
        ("features: {}", "features: {a: {indicator: emma}}"),
        ("features: {}", "features: {a: {indicator: ema, params: {lenght: 3}}}"),
        ("features: {}", "features: {a: {indicator: ema, params: {length: 0}}}"),
        ("features: {}", "structures: {exec: [{type: swng, key: x}]}"),
        ("features: {}", "structures: {exec: [{type: swing}]}"),
        ("features: {}", "structures: {exec: {type: swing, key: x}}"),
        ("features: {}", "structures: {swing: []}"),
        ("features: {}", "structures: {exec: [{type: fibonacci, key: x, params: {levels: []}}]}"),
    ],
)
def test_a_wrong_form_does_not_fit(old: str, new: str) -> None:
    text = play_text('{any: [[close, ">", 1], {not: {setup: x}}]}')
    assert fits(parsed(text), SCHEMA)
    assert old in text
    assert not fits(parsed(text.replace(old, new, 1)), SCHEMA)


def test_structures_fit() -> None:
    swing = "{type: swing, key: s, params: {left: 5, right: $bars}}"
    levels = "{type: fibonacci, key: f, uses: [s], params: {levels: [0.5, -0.272]}}"
    text = play_text('{all: [["f.level[0.5]", "<", close]]}', more=f"structures: {{exec: [{swing}], 1h: [{levels}]}}")
    assert fits(parsed(text), SCHEMA)


def with_variables(document: dict[str, Any]) -> dict[str, Any]:
    """The same Play with a variable in the place of every scalar that may have one."""
    values: dict[str, Any] = dict(document.get("variables", {}))

    def varied(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: varied(one) for key, one in value.items()}
        if isinstance(value, list):
            return [varied(one) for one in value]
        if isinstance(value, str) and value.startswith("$"):
            return value
        name = f"v{len(values)}"
        values[name] = value
        return f"${name}"

    rest = {key: value if key in KEPT else varied(value) for key, value in document.items()}
    return {**rest, "variables": values}


@pytest.mark.parametrize("path", EXAMPLES[::5], ids=lambda path: path.stem)
def test_a_variable_may_stand_for_any_scalar(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    varied = with_variables(parsed(text))
    assert load_play(orjson.dumps(varied).decode(), "f.yml").play_hash == load_play(text, "f.yml").play_hash
    assert fits(varied, SCHEMA)


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("entry", {"order_type": "Limit", "time_in_force": "postonly"}),
        ("risk", {"stop_loss_pct": 1, "take_profit_pct": 2, "tp_order_type": "limit", "sl_order_type": "MARKET"}),
        ("actions", {"entry_long": {"lhs": "close", "op": ">", "rhs": 1, "metadata": {"why": "x"}}}),
    ],
)
def test_every_spelling_that_loads_fits(section: str, value: object) -> None:
    assert fits(value, SCHEMA["properties"][section])  # type: ignore[index]


UP = ["close", ">", "open"]


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("risk", {"stop_loss_pct": 1}),
        ("risk", {"stop_loss_pct": 1, "stop_loss": "none", "take_profit_pct": 2}),
        ("risk", {"stop_loss": {"type": "structure"}, "take_profit_pct": 2}),
        ("risk", {"stop_loss_pct": 1, "take_profit_pct": 2, "trailing": {"activation_pct": 1}}),
        ("risk_model", {"stop_loss": "none", "take_profit": "none", "sizing": {"model": "percent_equity", "value": 200}}),
        ("entry", {"limit_offset_pct": 1}),
        ("entry", {"order_type": "market", "time_in_force": "IOC"}),
        ("position_policy", {"allow_flip": True}),
        ("position_policy", {"trading_windows": []}),
        ("position_policy", {"trading_windows": [{"from": "7:00", "to": "08:00"}]}),
        ("validation", {"pattern": "rangin"}),
        ("validation", {"expect_entries": [1]}),
        ("date_range", {"start": "01.02.2025"}),
        ("features", {"close": {"indicator": "ema"}}),
        ("features", {"a": {"indicator": "atr", "source": "close"}}),
        ("structures", {"exec": [{"type": "swing", "key": "s", "params": {"left": 5}}]}),
        ("structures", {"exec": [{"type": "fibonacci", "key": "f", "params": {"levels": [0.5, 0.5]}}]}),
        ("actions", {"entry_long": {"all": [UP], "note": "x"}}),
        ("actions", {"entry_long": {"all": [UP], "any": [UP]}}),
        ("actions", {"entry_long": {"all": [UP], "percent": 50}}),
        ("actions", {"entry_long": {"all": [UP], "metadata": {"stop_loss": 1}}}),
        ("actions", {"entry_long": ["close", "between", 5]}),
        ("actions", {"entry_long": ["close", ">", True]}),
        ("actions", {"entry_long": {"lhs": "close", "op": "near_abs", "rhs": 1}}),
        ("actions", {"entry_long": {"holds_for_duration": {"duration": "2 h", "expr": UP}}}),
        ("actions", {"entry_long": {"holds_for": {"bars": 2, "anchor_tf": "1d", "expr": UP}}}),
        ("actions", [{"id": "a", "cases": [{"when": UP, "emit": [{"action": "entry_long", "percent": 50}]}]}]),
        ("actions", [{"id": "a", "cases": [{"when": UP, "emit": ["entry_long"]}] * (PLAY_CASES + 1)}]),
        ("actions", {"entry_long": {"any": [UP] * (PLAY_PARTS + 1)}}),
    ],
)
def test_what_is_refused_by_its_form_alone_does_not_fit(section: str, value: object) -> None:
    assert not fits(value, SCHEMA["properties"][section])  # type: ignore[index]


def test_two_spellings_of_one_section_do_not_fit_together() -> None:
    risk = {"stop_loss_pct": 1, "take_profit_pct": 2}
    document = parsed(play_text("[close, cross_above, open]"))
    assert fits(document, SCHEMA)
    assert not fits({**document, "risk": risk}, SCHEMA)


def test_a_word_in_any_case_is_still_one_of_the_words() -> None:
    assert not fits({"order_type": "limits"}, SCHEMA["properties"]["entry"])  # type: ignore[index]
