"""Scalars that readers of YAML 1.1 took for something else: `yes` and `off` for a truth, `10_000` for a number."""

import re
from typing import Final

from playd.plays.document import Entry, Item, Leaf, Map, Sequence
from playd.plays.importing.log import Log
from playd.plays.importing.trees import text_of
from playd.plays.older_names import OLDER_TRUTHS

_GROUPED: Final = re.compile(r"[-+]?[1-9][0-9]*(_[0-9]+)+(\.[0-9]*)?\Z")
"""Behind a 0 they were octal: such text stays, and is refused."""
_TEXTS: Final = frozenset({"version", "name", "id", "description", "tags", "symbol", "symbol_universe"})
"""Keys at the top that hold text."""


def import_numbers(root: Map, log: Log) -> Map:
    """Every number whose digits stand in groups, without what groups them. Labels of trades stay text."""
    entries = (one if one.key in _TEXTS else Entry(one.key, one.mark, _number(one.value, one.key, log)) for one in root)
    return Map(tuple(entries), root.mark)


def _number(item: Item, path: str, log: Log) -> Item:
    if isinstance(item, Map):
        entries = (
            one if one.key == "metadata" else Entry(one.key, one.mark, _number(one.value, f"{path}.{one.key}", log))
            for one in item
        )
        return Map(tuple(entries), item.mark)
    if isinstance(item, Sequence):
        return Sequence(tuple(_number(one, f"{path}[{i}]", log) for i, one in enumerate(item.items)), item.mark)
    if not isinstance(item.value, str) or not _GROUPED.match(item.value):
        return item
    digits = item.value.replace("_", "")
    new = Leaf(float(digits) if "." in digits else int(digits), item.mark)
    log.change(item.mark, path, item.value, path, text_of(new))
    return new


def as_truth(item: Item, path: str, log: Log) -> Item:
    """A value where true or false belongs: `yes` and `no`, `on` and `off` as what they meant, anything else as it is."""
    text = item.value if isinstance(item, Leaf) else None
    meant = OLDER_TRUTHS.get(text) if isinstance(text, str) else None
    if meant is None:
        return item
    new = Leaf(meant, item.mark)
    log.change(item.mark, path, str(text), path, text_of(new))
    return new
