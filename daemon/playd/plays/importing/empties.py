"""Keys behind which nothing is written. Older engines took them for keys that are not there."""

from typing import Final

from playd.plays.document import Entry, Item, Leaf, Map, Sequence
from playd.plays.importing.log import Log
from playd.plays.key_order import SECTIONS

_OPTIONAL: Final = ("params", "source", "input_source", "tf", "timeframe", "uses", "depends_on", "metadata", "anchor_tf")
"""Keys of features, structures and rules that need not be there."""


def import_empties(root: Map, log: Log) -> Map:
    """The document without keys that say nothing and need not be there. What must be there stays, and is asked for."""
    return _section(root, "", log)


def _section(item: Map, path: str, log: Log) -> Map:
    """A map of a fixed table, and the sections below it."""
    required = {key.name for key in SECTIONS[path].keys if key.required} if path in SECTIONS else set()
    entries = []
    for entry in item:
        where = f"{path}.{entry.key}" if path else entry.key
        if _is_nothing(entry.value):
            if entry.key not in required:
                log.removed(entry.mark, where, "")
                continue
        elif where in SECTIONS and isinstance(entry.value, Map):
            entry = Entry(entry.key, entry.mark, _section(entry.value, where, log))
        elif not path:
            entry = Entry(entry.key, entry.mark, _below(entry.value, where, log))
        entries.append(entry)
    return Map(tuple(entries), item.mark)


def _below(item: Item, path: str, log: Log) -> Item:
    """Specs and rules, of which some keys need not be there, and parameters, none of which need."""
    if isinstance(item, Sequence):
        return Sequence(tuple(_below(one, f"{path}[{i}]", log) for i, one in enumerate(item.items)), item.mark)
    if not isinstance(item, Map):
        return item
    params = path.endswith(".params")
    entries = []
    for entry in item:
        where = f"{path}.{entry.key}"
        if _is_nothing(entry.value) and (params or entry.key in _OPTIONAL or _is_clock(path)):
            log.removed(entry.mark, where, "")
            continue
        entries.append(Entry(entry.key, entry.mark, _below(entry.value, where, log)))
    return Map(tuple(entries), item.mark)


def _is_clock(path: str) -> bool:
    """Whether keys there are clocks, whose lists may be empty."""
    return path == "structures"


def _is_nothing(item: Item) -> bool:
    return isinstance(item, Leaf) and item.value is None and not item.reported
