"""
The JSON Schema of Play files, for editors: made from the same tables that the checker reads.

It knows keys, words and ranges. What needs more than one place of the file (names, types, contracts) only the checker knows.
"""

from typing import Final

import orjson

from playd.core.timeframes import TIMEFRAME_MS
from playd.kernels.catalog import CATALOG, STRUCTURES
from playd.kernels.spec import ParamSpec
from playd.kernels.structures.spec import StructureSpec
from playd.plays.load import VERSION
from playd.plays.names import BUILT_IN
from playd.plays.params import param_table
from playd.plays.policy import TIME_PATTERN
from playd.plays.reader import Table
from playd.plays.reference import indicator_words, structure_words
from playd.plays.risk_tables import BREAK_EVEN, RISK, RISK_MODEL, SIZING, STOPS, TARGETS, TRAILING
from playd.plays.schema_parts import (
    IDENTIFIER,
    Schema,
    basics,
    clock_word,
    having_one_of,
    key_schema,
    list_of,
    map_of,
    map_schema,
    one_of_words,
    or_variable,
    ref,
    text_like,
)
from playd.plays.schema_rules import actions, conditions
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
from playd.plays.trial import DATE_PATTERN
from playd.plays.words import PATTERNS

_SYMBOL: Final = text_like("^[A-Z0-9]+USDT$")
_IDENTIFIED: Final = or_variable({"type": "string", "pattern": IDENTIFIER, "not": {"enum": list(BUILT_IN)}})
_DATE: Final = text_like(f"^{DATE_PATTERN}$")
_NONE: Final = one_of_words(["none"])
_FALSE: Final = or_variable({"type": "boolean", "const": False})


def play_schema() -> Schema:
    """The whole schema, JSON Schema 2020-12."""
    top = map_schema(
        TOP,
        version={"const": VERSION},
        name={"type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$"},
        symbol=_SYMBOL,
        reference=map_schema(SECOND_SYMBOL, symbol=_SYMBOL),
        tags={"type": "array", "items": {"type": "string"}},
        variables=map_of({"type": ["number", "string", "boolean"]}),
        account=map_schema(ACCOUNT, fee_model=map_schema(FEE_MODEL)),
        backtest=map_schema(BACKTEST),
        deploy=map_schema(DEPLOY),
        timeframes=map_schema(TIMEFRAME_TABLE, **{role: ref("timeframe") for role in ROLES}),
        features=map_of(_feature(), BUILT_IN),
        structures=_structures(),
        setups=map_of(ref("expression")),
        actions=ref("actions"),
        position_policy=_policy(),
        risk=_risk_in_short(),
        risk_model=_risk(RISK_MODEL),
        entry=_entry(),
        validation=_validation(),
        synthetic=_validation(),
        expected=map_schema(EXPECTED),
        date_range=map_schema(DATE_RANGE, start=_DATE, end=_DATE),
    )
    twins: list[Schema] = [{"not": {"required": list(pair)}} for pair in (("risk", "risk_model"), ("validation", "synthetic"))]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Play {VERSION}",
        **top,
        "allOf": twins,
        "$defs": {**basics(), **conditions(), **_levels(), **actions()},
    }


def schema_text() -> str:
    """The text of `config/schema/play.schema.json`."""
    return orjson.dumps(play_schema(), option=orjson.OPT_INDENT_2).decode() + "\n"


def _feature() -> Schema:
    without_source = Table(tuple(key for key in FEATURE.keys if key.name != "source"))
    branches = [
        map_schema(
            FEATURE if "src" in spec.inputs else without_source,
            indicator={"const": name, "description": indicator_words.INDICATORS[name].meaning},
            params=map_schema(param_table(spec.params, indicator_words.parameters_of(name))),
            tf=clock_word(),
        )
        for name, spec in CATALOG.items()
    ]
    return {"oneOf": [*branches, map_schema(FEATURE, indicator=ref("variable"), tf=clock_word())]}


def _structures() -> Schema:
    """Clock to list of detectors."""
    uses: Schema = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
    branches = [_structure(spec, uses) for spec in STRUCTURES.values()]
    unknown = map_schema(STRUCTURE, type=ref("variable"), key=_IDENTIFIED, uses=uses)
    clocks: Schema = {"enum": [*TIMEFRAME_MS, "d", *ROLES, "exec"]}
    return {
        "type": "object",
        "propertyNames": clocks,
        "additionalProperties": {"type": "array", "items": {"oneOf": [*branches, unknown]}},
    }


def _structure(spec: StructureSpec, uses: Schema) -> Schema:
    lists = {param.name: _numbers(param) for param in spec.params if param.kind == "numbers"}
    params = map_schema(param_table(spec.params, structure_words.parameters_of(spec.name)), **lists)
    needs_params = any(param.required for param in spec.params)
    if spec.name == "swing":  # fractals have two sides, a zigzag none
        zigzag: Schema = {"properties": {"mode": one_of_words(["atr_zigzag"])}, "required": ["mode"]}
        params, needs_params = {**params, "anyOf": [zigzag, {"required": ["left", "right"]}]}, True
    schema = map_schema(
        STRUCTURE,
        type={"const": spec.name, "description": structure_words.STRUCTURES[spec.name].meaning},
        params=params,
        key=_IDENTIFIED,
        uses=uses,
    )
    required = [key.name for key in STRUCTURE.keys if key.required]
    return {**schema, "required": [*required, "params"] if needs_params else required}


def _numbers(param: ParamSpec) -> Schema:
    one = or_variable({"type": "number", "minimum": param.lo, "maximum": param.hi})
    return {**list_of(one), "maxItems": param.most, "uniqueItems": True}


def _policy() -> Schema:
    time = text_like(f"^{TIME_PATTERN}$")
    windows = map_schema(TRADING_WINDOW, days=list_of(one_of_words(DAYS)), **{"from": time, "to": time})
    not_offered = {name: _FALSE for name in POLICY.names if name.startswith("allow_")}
    return map_schema(
        POLICY,
        cooldown_bars={"anyOf": [key_schema(COOLDOWN.key("exit")), map_schema(COOLDOWN)]},
        trading_windows=list_of(windows),
        funding_guard=map_schema(FUNDING_GUARD),
        **not_offered,
    )


def _entry() -> Schema:
    """What belongs to limit orders needs one; which a variable names cannot be seen."""
    schema = map_schema(ENTRY)
    of_limits = [name for name in ENTRY.names if name != "order_type"]
    market: Schema = {"properties": {"order_type": {"pattern": "^[Mm][Aa][Rr][Kk][Ee][Tt]$"}}}
    without: list[Schema] = [{"not": {"required": [name]}} for name in of_limits]
    return {**schema, "anyOf": [{"required": ["order_type"], "not": market}, {"allOf": without}]}


def _risk(table: Table) -> Schema:
    in_usdt: Schema = {"properties": {"model": one_of_words(["fixed_usdt"])}}
    special: dict[str, Schema] = {
        "stop_loss": {"anyOf": [ref("stop"), _NONE]},
        "take_profit": {"anyOf": [ref("target"), _NONE]},
        "trailing": {**map_schema(TRAILING), **having_one_of("atr_feature_id", "trail_pct")},
        "break_even": map_schema(BREAK_EVEN),
        "sizing": {**map_schema(SIZING), "anyOf": [in_usdt, {"properties": {"value": {"maximum": 100}}}]},
    }
    for name in ("stop_loss_pct", "take_profit_pct"):
        if name in table.names:
            special[name] = {"anyOf": [key_schema(table.key(name)), _NONE]}
    return map_schema(table, **special)


def _risk_in_short() -> Schema:
    """Each side once."""
    return {**_risk(RISK), "allOf": [having_one_of(side, f"{side}_pct") for side in ("stop_loss", "take_profit")]}


def _validation() -> Schema:
    count = or_variable({"type": "integer", "minimum": 0})
    pair: Schema = {**list_of(count, least=2), "maxItems": 2}
    return map_schema(VALIDATION, expect_entries=pair, pattern=one_of_words(PATTERNS))


def _levels() -> Schema:
    sides: Schema = {"anyOf": [{"type": "string"}, ref("reference")]}
    found: Schema = {}
    for name, tables in (("stop", STOPS), ("target", TARGETS)):
        branches: list[Schema] = []
        for kind, table in tables.items():
            special = {side: sides for side in ("long", "short") if side in table.names}
            one = map_schema(table, type={"const": kind}, **special)
            branches.append({**one, "anyOf": [{"required": ["long"]}, {"required": ["short"]}]} if special else one)
        named: Schema = {"type": "object", "properties": {"type": ref("variable")}, "required": ["type"]}
        found[name] = {"oneOf": [*branches, named]}
    return found
