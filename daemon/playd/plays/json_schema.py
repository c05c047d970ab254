"""
The JSON Schema of Play files, for editors: made from the same tables that the checker reads.

It knows keys, words and ranges. What needs more than one place of the file (names, types, contracts) only the checker knows.
"""

from collections.abc import Sequence
from typing import Final

import orjson

from playd.core.timeframes import TIMEFRAME_MS
from playd.kernels.catalog import CATALOG, STRUCTURES
from playd.kernels.spec import ParamSpec
from playd.kernels.structures.spec import StructureSpec
from playd.plays.actions import ACTIONS, BLOCK, CASE, ELSE, EMIT, PERCENT
from playd.plays.comparisons import ALL_OPS, LONG_FORM, NEAR_OPS, RANGE
from playd.plays.expressions import WINDOWS
from playd.plays.load import VERSION
from playd.plays.operands import ARITH_OPS, REFERENCE
from playd.plays.params import param_table
from playd.plays.reader import Key, Table
from playd.plays.risk_tables import BREAK_EVEN, RISK, RISK_MODEL, SIZING, STOPS, TARGETS, TRAILING
from playd.plays.tables import (
    ACCOUNT,
    BACKTEST,
    COOLDOWN,
    DATE_RANGE,
    DAYS,
    DEPLOY,
    ENTRY,
    EXPECTED,
    FEATURE,
    FEE_MODEL,
    FUNDING_GUARD,
    POLICY,
    ROLES,
    SECOND_SYMBOL,
    STRUCTURE,
    TIMEFRAME_TABLE,
    TOP,
    TRADING_WINDOW,
    VALIDATION,
)

Schema = dict[str, object]

_VARIABLE: Final[Schema] = {"type": "string", "pattern": r"^\$[A-Za-z_][A-Za-z0-9_]*$"}
_TYPES: Final = {"number": "number", "int": "integer", "bool": "boolean", "text": "string", "map": "object", "list": "array"}
_SYMBOL: Final[Schema] = {"anyOf": [{"type": "string", "pattern": "^[A-Z0-9]+USDT$"}, {"$ref": "#/$defs/variable"}]}
_IDENTIFIER: Final = "^[A-Za-z_][A-Za-z0-9_]{0,63}$"
_IDENTIFIED: Final[Schema] = {"type": "string", "pattern": _IDENTIFIER}


def play_schema() -> Schema:
    """The whole schema, JSON Schema 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Play {VERSION}",
        **_object(
            TOP,
            version={"const": VERSION},
            name={"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"},
            symbol=_SYMBOL,
            reference=_object(SECOND_SYMBOL, symbol=_SYMBOL),
            tags={"type": "array", "items": {"type": "string"}},
            variables={"type": "object", "additionalProperties": {"type": ["number", "string", "boolean"]}},
            account=_object(ACCOUNT, fee_model=_object(FEE_MODEL)),
            backtest=_object(BACKTEST),
            deploy=_object(DEPLOY),
            timeframes=_object(TIMEFRAME_TABLE, **{role: _ref("timeframe") for role in ROLES}),
            features=_map_of(_feature()),
            structures=_structures(),
            setups=_map_of(_ref("expression")),
            actions=_ref("actions"),
            position_policy=_policy(),
            risk=_risk(RISK),
            risk_model=_risk(RISK_MODEL),
            entry=_object(ENTRY),
            validation=_validation(),
            synthetic=_validation(),
            expected=_object(EXPECTED),
            date_range=_object(DATE_RANGE),
        ),
        "$defs": {**_basics(), **_conditions(), **_levels(), **_actions()},
    }


def schema_text() -> str:
    """The text of `config/schema/play.schema.json`."""
    return orjson.dumps(play_schema(), option=orjson.OPT_INDENT_2).decode() + "\n"


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _or_variable(schema: Schema) -> Schema:
    return {"anyOf": [schema, _ref("variable")]}


def _map_of(schema: Schema) -> Schema:
    return {"type": "object", "propertyNames": {"pattern": _IDENTIFIER}, "additionalProperties": schema}


def _any_case(words: Sequence[str]) -> Schema:
    """Words that an editor proposes, and their every other spelling."""
    spellings = "|".join("".join(f"[{letter.upper()}{letter.lower()}]" for letter in word) for word in words)
    return {"anyOf": [{"enum": list(words)}, {"type": "string", "pattern": f"^({spellings})$"}]}


def _key(key: Key) -> Schema:
    if key.kind in ("map", "list", "any"):
        return {"type": _TYPES[key.kind]} if key.kind != "any" else {}
    is_word = key.kind == "word"
    words: Schema = _any_case(key.words) if key.any_case else {"enum": list(key.words)}
    schema: Schema = words if is_word else {"type": _TYPES[key.kind]}
    if key.low is not None:
        schema["exclusiveMinimum" if key.above else "minimum"] = key.low
    if key.high is not None:
        schema["maximum"] = key.high
    if key.words and not is_word:
        schema = {"anyOf": [schema, {"enum": list(key.words)}]}
    return _or_variable(schema)


def _object(table: Table, **special: Schema) -> Schema:
    """The schema of a map; `special` replaces what the table alone cannot say."""
    properties: Schema = {}
    for key in table.keys:
        unit = f" [{key.unit}]" if key.unit else ""
        about: Schema = {"description": f"{key.meaning}{unit}"}
        if key.default is not None:
            about["default"] = key.default
        properties[key.name] = {**about, **special.get(key.name, _key(key))}
    required = [key.name for key in table.keys if key.required]
    schema: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _feature() -> Schema:
    branches = [
        _object(
            FEATURE,
            indicator={"const": name},
            params=_object(param_table(spec.params)),
            tf={"anyOf": [_ref("timeframe"), {"enum": [*ROLES, "exec"]}]},
        )
        for name, spec in CATALOG.items()
    ]
    return {"oneOf": branches}


def _structures() -> Schema:
    """Clock to list of detectors."""
    branches = [_structure(spec) for spec in STRUCTURES.values()]
    clocks: Schema = {"enum": [*TIMEFRAME_MS, "d", *ROLES, "exec"]}
    return {
        "type": "object",
        "propertyNames": clocks,
        "additionalProperties": {"type": "array", "items": {"oneOf": branches}},
    }


def _structure(spec: StructureSpec) -> Schema:
    lists = {param.name: _numbers(param) for param in spec.params if param.kind == "numbers"}
    uses: Schema = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    schema = _object(
        STRUCTURE, type={"const": spec.name}, params=_object(param_table(spec.params), **lists), key=_IDENTIFIED, uses=uses
    )
    needs_params = ["params"] if any(param.required for param in spec.params) else []
    return {**schema, "required": [key.name for key in STRUCTURE.keys if key.required] + needs_params}


def _numbers(param: ParamSpec) -> Schema:
    one = _or_variable({"type": "number", "minimum": param.lo, "maximum": param.hi})
    return {"type": "array", "items": one, "minItems": 1, "maxItems": param.most}


def _policy() -> Schema:
    windows = _object(TRADING_WINDOW, days={"type": "array", "items": {"enum": list(DAYS)}}, zone={"type": "string"})
    return _object(
        POLICY,
        cooldown_bars={"anyOf": [_key(COOLDOWN.key("exit")), _object(COOLDOWN)]},
        trading_windows={"type": "array", "items": windows},
        funding_guard=_object(FUNDING_GUARD),
    )


def _risk(table: Table) -> Schema:
    none: Schema = {"const": "none"}
    special: dict[str, Schema] = {
        "stop_loss": {"anyOf": [_ref("stop"), none]},
        "take_profit": {"anyOf": [_ref("target"), none]},
        "trailing": _object(TRAILING),
        "break_even": _object(BREAK_EVEN),
        "sizing": _object(SIZING),
    }
    for name in ("stop_loss_pct", "take_profit_pct"):
        if name in table.names:
            special[name] = {"anyOf": [_key(table.key(name)), none]}
    return _object(table, **special)


def _validation() -> Schema:
    pair: Schema = {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 2, "maxItems": 2}
    return _object(VALIDATION, expect_entries=pair)


def _basics() -> Schema:
    return {"variable": _VARIABLE, "timeframe": {"enum": [*TIMEFRAME_MS, "d"]}}


def _list(*items: Schema) -> Schema:
    return {"type": "array", "prefixItems": list(items), "items": False, "minItems": len(items)}


def _conditions() -> Schema:
    operand, expression = _ref("operand"), _ref("expression")
    plain = [op for op in ALL_OPS if op not in NEAR_OPS]
    right: Schema = {"anyOf": [operand, {"type": ["array", "boolean"]}, _object(RANGE, low=operand, high=operand)]}
    tolerance = _key(LONG_FORM.key("tolerance"))
    arithmetic: Schema = {
        "type": "object",
        "properties": {op: _list(operand, operand) for op in ARITH_OPS},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    logic: dict[str, Schema] = {
        "all": _ref("expressions"),
        "any": _ref("expressions"),
        "not": expression,
        "setup": {"type": "string"},
        **{name: _object(table, expr=expression) for name, table in WINDOWS.items()},
    }
    keyed: list[Schema] = [{"type": "object", "properties": {name: one}, "required": [name]} for name, one in logic.items()]
    branches: list[Schema] = [
        _list(operand, {"enum": plain}, _ref("right_side")),
        _list(operand, {"enum": list(NEAR_OPS)}, operand, tolerance),
        _ref("expressions"),
        _object(LONG_FORM, lhs=operand, rhs=_ref("right_side")),
        *keyed,
    ]
    return {
        "operand": {
            "anyOf": [
                {"type": ["number", "string"]},
                _object(REFERENCE),
                _list(operand, {"enum": list(ARITH_OPS)}, operand),
                arithmetic,
            ]
        },
        "right_side": right,
        "expressions": {"type": "array", "items": expression, "minItems": 1},
        "expression": {"anyOf": branches},
    }


def _levels() -> Schema:
    sides: Schema = {"anyOf": [{"type": "string"}, _object(REFERENCE)]}
    special = {"long": sides, "short": sides}
    return {
        name: {"oneOf": [_object(table, type={"const": kind}, **special) for kind, table in tables.items()]}
        for name, tables in (("stop", STOPS), ("target", TARGETS))
    }


def _actions() -> Schema:
    metadata: Schema = {
        "type": "object",
        "additionalProperties": {"anyOf": [{"type": ["number", "string", "boolean"]}, {"type": "object"}]},
    }
    beside: dict[str, Schema] = {"metadata": metadata, "percent": _key(PERCENT)}
    long_form = Table((*LONG_FORM.keys, EMIT.key("metadata"), PERCENT))
    body: Schema = {
        "anyOf": [
            {"allOf": [_ref("expression")], "properties": beside},
            _object(long_form, lhs=_ref("operand"), rhs=_ref("right_side"), **beside),
        ]
    }
    emits: Schema = {
        "type": "array",
        "items": {"anyOf": [{"enum": list(ACTIONS)}, _object(EMIT, metadata=metadata)]},
        "minItems": 1,
    }
    case = _object(CASE, when=_ref("expression"), emit=emits)
    block = _object(BLOCK, cases={"type": "array", "items": case, "minItems": 1}, **{"else": _object(ELSE, emit=emits)})
    mapping: Schema = {
        "type": "object",
        "properties": dict.fromkeys(ACTIONS, body),
        "additionalProperties": False,
        "minProperties": 1,
    }
    return {"actions": {"anyOf": [mapping, {"type": "array", "items": block, "minItems": 1}]}}
