"""What is written as before and decides otherwise than in older engines: reported, not rewritten."""

from collections.abc import Iterator
from typing import Final

from playd.plays.document import Item, Leaf, Map, Sequence
from playd.plays.expressions import WINDOWS
from playd.plays.findings import Mark
from playd.plays.importing.log import Log
from playd.plays.importing.structures import Structures
from playd.plays.importing.trees import as_map, text_of, word
from playd.plays.tables import ROLES

_DURATION: Final = "it is a span of time that ends now, whatever the clock"
_ANCHOR: Final = "closes of that clock are counted, each with the truth at its time"
_STRUCTURE: Final = "a structure has the value that it had at each of those times"
_SLOWER: Final = "closes of the evaluation clock are counted, not bars of the slower feature"


def report_meanings(root: Map, structures: Structures, log: Log) -> None:
    """Report every window whose result is another one here."""
    slow = _features_elsewhere(root, structures)
    for section in ("setups", "actions"):
        item = root.get(section)
        if item is not None:
            for mark, path, key, body in _windows(item, section):
                text = text_of(body)
                if key.endswith("_duration"):
                    log.unchanged(mark, path, text, _DURATION)
                if "anchor_tf" in body.keys:
                    log.unchanged(mark, path, text, _ANCHOR)
                names = set(_names(body))
                if names & set(structures.types):
                    log.unchanged(mark, path, text, _STRUCTURE)
                elif names & slow and "anchor_tf" not in body.keys:
                    log.unchanged(mark, path, text, _SLOWER)


def _features_elsewhere(root: Map, structures: Structures) -> set[str]:
    """Features on another clock than the execution clock."""
    exec_tf = structures.timeframe("exec")
    found = set()
    for entry in as_map(root.get("features")):
        tf = word(as_map(entry.value).get("tf")) or "exec"
        if (structures.timeframe(tf) if tf in (*ROLES, "exec") else tf) != exec_tf:
            found.add(entry.key)
    return found


def _windows(item: Item, path: str) -> Iterator[tuple[Mark, str, str, Map]]:
    """Mark, path, key and body of every window, nested ones too."""
    if isinstance(item, Map):
        for entry in item:
            where = f"{path}.{entry.key}"
            if entry.key in WINDOWS and isinstance(entry.value, Map):
                yield entry.mark, where, entry.key, entry.value
            yield from _windows(entry.value, where)
    elif isinstance(item, Sequence):
        for i, child in enumerate(item.items):
            yield from _windows(child, f"{path}[{i}]")


def _names(item: Item) -> Iterator[str]:
    """First parts of every text in a value: ids among them."""
    if isinstance(item, Leaf) and isinstance(item.value, str):
        yield item.value.partition(".")[0]
    for child in item.items if isinstance(item, Sequence) else ():
        yield from _names(child)
    for entry in item if isinstance(item, Map) else ():
        yield from _names(entry.value)
