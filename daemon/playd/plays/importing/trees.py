"""Documents with something else in one place. Values keep their marks, so that comments and messages stay with them."""

from collections.abc import Callable, Collection, Mapping

from playd.plays.document import Entry, Item, Leaf, Map, Sequence
from playd.plays.findings import Mark
from playd.plays.formatting import one_line
from playd.plays.importing.log import Log


def text_of(item: Item | None) -> str:
    """A value as reports show it, on one line and not too long."""
    text = "" if item is None else one_line(item)
    return text if len(text) <= 90 else text[:87] + "..."


def word(item: Item | None) -> str:
    """Text of a scalar that is text, or a whole number in digits; empty for everything else."""
    value = item.value if isinstance(item, Leaf) else None
    if isinstance(value, bool) or value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value == int(value) else str(value)


def number(item: Item | None) -> float | None:
    """A scalar that is a number."""
    value = item.value if isinstance(item, Leaf) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def as_map(item: Item | None) -> Map:
    """A map, an empty one for everything else."""
    return item if isinstance(item, Map) else Map((), Mark(1, 1))


def look_for_list(item: Item | None, path: str, log: Log) -> None:
    """A list of specs in another shape is not read; what would be lost is asked for."""
    if (isinstance(item, Map) and item.entries) or (isinstance(item, Leaf) and item.value is not None):
        log.problem(item.mark, path, f"which of them? A list is expected, not {text_of(item)}")


def new_map(entries: Mapping[str, Item], mark: Mark) -> Map:
    """A map of values that know where they come from."""
    return Map(tuple(Entry(key, value.mark, value) for key, value in entries.items()), mark)


def put(into: Map, key: str, value: Item, mark: Mark | None = None) -> Map:
    """The map with `key` set; a new key comes last. `mark` is where the key stands, for its comments."""
    entry = Entry(key, mark or value.mark, value)
    if key in into.keys:
        return Map(tuple(Entry(key, one.mark, value) if one.key == key else one for one in into), into.mark)
    return Map((*into.entries, entry), into.mark)


def drop(into: Map, *keys: str) -> Map:
    """The map without some keys."""
    return Map(tuple(entry for entry in into if entry.key not in keys), into.mark)


def each_entry(into: Map, change: Callable[[Entry], Entry | None]) -> Map:
    """The map with every entry replaced; None removes it."""
    entries = (change(entry) for entry in into)
    return Map(tuple(entry for entry in entries if entry is not None), into.mark)


def each_item(item: Item, change: Callable[[Item, str], Item], path: str) -> Item:
    """A list with every item replaced, given with its path; anything else as it is."""
    if not isinstance(item, Sequence):
        return item
    return Sequence(tuple(change(child, f"{path}[{i}]") for i, child in enumerate(item.items)), item.mark)


def key_mark(of: Map, key: str) -> Mark:
    """Where a key stands, or the map when it has none."""
    return next((entry.mark for entry in of if entry.key == key), of.mark)


def flat_params(spec: Map, known: Collection[str], path: str, log: Log) -> Map:
    """A spec whose parameters, where they stand beside `params`, are inside. One that is in both places is asked for."""
    if "params" in spec.keys and not isinstance(spec.get("params"), Map):
        return spec
    params = as_map(spec.get("params"))
    for entry in spec:
        if entry.key not in known:
            continue
        where = f"{path}.{entry.key}"
        if entry.key in params.keys:
            log.problem(entry.mark, where, "it is written in `params` too: which of the two counts?")
            continue
        log.change(entry.mark, where, text_of(entry.value), f"{path}.params.{entry.key}", text_of(entry.value))
        params, spec = put(params, entry.key, entry.value, entry.mark), drop(spec, entry.key)
    return put(spec, "params", params) if params.entries else spec


def renamed(of: Map, old: str, new: str, path: str, log: Log, meaning: str = "") -> Map:
    """The map with a key under its new name, the change reported. A key that is there under both names keeps the new one."""
    item = of.get(old)
    if item is None:
        return of
    where = f"{path}.{old}" if path else old
    if new in of.keys:
        log.removed(key_mark(of, old), where, text_of(item), f"`{new}` stands beside it and counts")
        return drop(of, old)
    log.change(key_mark(of, old), where, text_of(item), f"{path}.{new}" if path else new, text_of(item), meaning)
    return Map(tuple(Entry(new, one.mark, one.value) if one.key == old else one for one in of), of.mark)


def removed(of: Map, key: str, path: str, log: Log, meaning: str = "") -> Map:
    """The map without a key, the removal reported."""
    item = of.get(key)
    if item is None:
        return of
    log.removed(key_mark(of, key), f"{path}.{key}" if path else key, text_of(item), meaning)
    return drop(of, key)
