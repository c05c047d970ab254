"""Conditions of the first generation as maps: `{indicator_key: rsi, operator: lt, value: 30}`."""

from collections.abc import Sequence as Words
from typing import Final

from playd.plays.document import Item, Map, Sequence
from playd.plays.importing.trees import new_map
from playd.plays.older_names import CONDITION_LEFT, CONDITION_OPERATOR, CONDITION_REST, CONDITION_RIGHT, is_older_condition

SIDES: Final = (CONDITION_LEFT, CONDITION_OPERATOR, CONDITION_RIGHT)


def sides_of(item: Map) -> tuple[str, str, str]:
    """Its keys of the left side, the operator and the right side, empty where it has none."""
    left, op, right = (_first(keys, item) for keys in SIDES)
    return left, op, right


def _first(keys: Words[str], item: Map) -> str:
    return next((key for key in keys if key in item.keys), "")


def as_condition(item: Map) -> Sequence | None:
    """The same in list form; None for a map that says less, or more than a condition here can say."""
    if not is_older_condition(item.keys):
        return None
    return in_list_form(item, *sides_of(item))


def in_list_form(item: Map, left: str, op: str, right: str) -> Sequence:
    """`[left, op, right]`, with the tolerance behind if there is one, and field and offset at the left side."""
    beside = {key: one for key in CONDITION_REST if key != "tolerance" and (one := item.get(key)) is not None}
    name = item.get(left)
    first: Item | None = name if not beside or name is None else new_map({"feature_id": name, **beside}, item.mark)
    parts = (first, item.get(op), item.get(right), item.get("tolerance"))
    return Sequence(tuple(part for part in parts if part is not None), item.mark)
