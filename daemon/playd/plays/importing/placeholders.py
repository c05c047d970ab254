"""`{{ name }}`, which older files wrote for a variable."""

from playd.plays.document import Entry, Item, Leaf, Map, Sequence
from playd.plays.importing.log import Log
from playd.plays.older_names import PLACEHOLDER
from playd.plays.variables import KEPT


def import_placeholders(root: Map, log: Log) -> Map:
    """Every scalar that is such a text and nothing else, as `$name`. Longer texts around one stay: they are no values."""
    entries = (one if one.key in KEPT else Entry(one.key, one.mark, _written(one.value, one.key, log)) for one in root)
    return Map(tuple(entries), root.mark)


def _written(item: Item, path: str, log: Log) -> Item:
    if isinstance(item, Map):
        entries = (Entry(one.key, one.mark, _written(one.value, f"{path}.{one.key}", log)) for one in item)
        return Map(tuple(entries), item.mark)
    if isinstance(item, Sequence):
        return Sequence(tuple(_written(one, f"{path}[{i}]", log) for i, one in enumerate(item.items)), item.mark)
    match = PLACEHOLDER.match(item.value) if isinstance(item.value, str) else None
    if match is None:
        return item
    log.change(item.mark, path, match[0], path, f"${match[1]}")
    return Leaf(f"${match[1]}", item.mark)
