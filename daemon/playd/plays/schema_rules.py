"""The part of the JSON Schema that says what rules are: operands, conditions, logic, windows, actions."""

from dataclasses import replace
from typing import Final

from playd.core.limits import PLAY_CASES, PLAY_PARTS
from playd.plays.actions import ACTIONS, BLOCK, CASE, ELSE, EMIT, PERCENT, RESERVED_METADATA
from playd.plays.comparisons import EQUALITY_OPS, LONG_FORM, NEAR_OPS, ORDER_OPS, RANGE
from playd.plays.expressions import SPAN_PATTERN, WINDOWS
from playd.plays.operands import ARITH_OPS
from playd.plays.reader import Key, Table
from playd.plays.schema_parts import (
    IDENTIFIER,
    Schema,
    clock_word,
    key_schema,
    list_of,
    map_schema,
    one_of_words,
    ref,
    text_like,
    tuple_of,
)

_ENTRIES: Final = tuple(action for action in ACTIONS if action.startswith("entry"))
_EXITS: Final = tuple(action for action in ACTIONS if not action.startswith("entry"))


_RIGHT_SIDES: Final = (
    (ORDER_OPS, "operand"),
    (EQUALITY_OPS, "value"),
    (("between",), "range"),
    (("in",), "literals"),
)
"""Operators with what stands on their right."""


def conditions() -> Schema:
    """Definitions of operands and expressions."""
    operand = ref("operand")
    arithmetic: Schema = {
        "type": "object",
        "properties": {op: tuple_of(operand, operand) for op in ARITH_OPS},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    lists = [tuple_of(operand, one_of_words(ops), ref(right)) for ops, right in _RIGHT_SIDES]
    near = tuple_of(operand, one_of_words(NEAR_OPS), operand, key_schema(LONG_FORM.key("tolerance")))
    return {
        "operand": {
            "anyOf": [
                {"type": ["number", "string"]},
                ref("reference"),
                tuple_of(operand, one_of_words(ARITH_OPS), operand),
                arithmetic,
            ]
        },
        "value": {"anyOf": [operand, {"type": "boolean"}]},
        "range": {"anyOf": [tuple_of(operand, operand), map_schema(RANGE, low=operand, high=operand)]},
        "literals": list_of({"type": ["number", "string", "boolean"]}),
        **{name: _window(table) for name, table in WINDOWS.items()},
        "expressions": list_of(ref("expression"), most=PLAY_PARTS),
        "expression": {"anyOf": [*lists, near, ref("expressions"), *_maps({})]},
    }


def _maps(beside: dict[str, Schema]) -> list[Schema]:
    """Conditions, logic and windows that are maps, with what else may stand in the same map."""
    logic: dict[str, Schema] = {
        "all": ref("expressions"),
        "any": ref("expressions"),
        "not": ref("expression"),
        "setup": text_like(IDENTIFIER),
        **{name: ref(name) for name in WINDOWS},
    }
    keyed: list[Schema] = [
        {"type": "object", "properties": {name: one, **beside}, "required": [name], "additionalProperties": False}
        for name, one in logic.items()
    ]
    others = tuple(Key(name, "any", "beside the condition") for name in beside)
    tolerance = LONG_FORM.key("tolerance")
    plain = Table((*(key for key in LONG_FORM.keys if key is not tolerance), *others))
    near = Table((*(replace(key, required=True) for key in LONG_FORM.keys), *others))
    operand = ref("operand")
    return [
        *(map_schema(plain, lhs=operand, op=one_of_words(ops), rhs=ref(right), **beside) for ops, right in _RIGHT_SIDES),
        map_schema(near, lhs=operand, op=one_of_words(NEAR_OPS), rhs=operand, **beside),
        *keyed,
    ]


def _window(table: Table) -> Schema:
    return map_schema(table, expr=ref("expression"), anchor_tf=clock_word(), duration=text_like(f"^{SPAN_PATTERN}$"))


def actions() -> Schema:
    """Definitions of the section in both forms, and of what it is made of."""
    metadata: Schema = {
        "type": "object",
        "propertyNames": {"not": {"enum": list(RESERVED_METADATA)}},
        "additionalProperties": {"anyOf": [{"type": ["number", "string", "boolean"]}, ref("reference")]},
    }
    beside = {"metadata": ref("metadata"), "percent": key_schema(PERCENT)}
    without_percent = Table(tuple(key for key in EMIT.keys if key is not PERCENT))
    emits = list_of(
        {
            "anyOf": [
                one_of_words(ACTIONS),
                map_schema(without_percent, metadata=ref("metadata"), action={"enum": list(_ENTRIES)}),
                map_schema(EMIT, metadata=ref("metadata"), action=one_of_words(_EXITS)),
            ]
        }
    )
    case = map_schema(CASE, when=ref("expression"), emit=ref("emits"))
    block = map_schema(BLOCK, cases=list_of(case, most=PLAY_CASES), **{"else": map_schema(ELSE, emit=ref("emits"))})
    mapping: Schema = {
        "type": "object",
        "properties": dict.fromkeys(_ENTRIES, ref("entering")) | dict.fromkeys(_EXITS, ref("leaving")),
        "additionalProperties": False,
        "minProperties": 1,
    }
    return {
        "metadata": metadata,
        "emits": emits,
        "entering": {"anyOf": [ref("expression"), *_maps({"metadata": ref("metadata")})]},
        "leaving": {"anyOf": [ref("expression"), *_maps(beside)]},
        "actions": {"anyOf": [mapping, list_of(block)]},
    }
