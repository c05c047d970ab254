"""Older spellings of `actions`: blocks, and actions that never did anything."""

from typing import Final

from playd.plays.document import Entry, Item, Leaf, Map, Sequence
from playd.plays.importing.expressions import ExpressionImporter
from playd.plays.importing.log import Log
from playd.plays.importing.trees import as_map, drop, key_mark, new_map, put, removed, renamed, text_of, word

_NEVER_DID_ANYTHING: Final = ("adjust_stop", "adjust_target", "adjust_size", "no_action")
_BESIDE: Final = ("metadata", "percent")


def import_actions(root: Map, importer: ExpressionImporter, log: Log) -> Map:
    """The `actions` section in either form."""
    if "actions" in root.keys and "blocks" in root.keys:
        log.problem(key_mark(root, "blocks"), "blocks", "`actions` is written too: which of the two counts?")
        return root
    root = renamed(root, "blocks", "actions", "", log)
    given = root.get("actions")
    if isinstance(given, Sequence):
        named = (_named(item, i, log) for i, item in enumerate(given.items))
        new = (_Blocks(importer, log).block(item, f"actions[{i}]") for i, item in enumerate(named))
        return put(root, "actions", Sequence(tuple(one for one in new if one is not None), given.mark))
    if isinstance(given, Map):
        return put(root, "actions", _mapping(given, importer, log))
    return root


def _mapping(given: Map, importer: ExpressionImporter, log: Log) -> Map:
    entries = []
    for entry in given:
        path = f"actions.{entry.key}"
        if entry.key in _NEVER_DID_ANYTHING:
            log.removed(entry.mark, path, text_of(entry.value))
            continue
        entries.append(Entry(entry.key, entry.mark, importer.read(entry.value, path, _BESIDE)))
    return Map(tuple(entries), given.mark)


def _named(item: Item, place: int, log: Log) -> Item:
    """A block with an id that is text; one without gets its place."""
    given, path = as_map(item).get("id"), f"actions[{place}].id"
    if not isinstance(item, Map) or (isinstance(given, Leaf) and (isinstance(given.value, str) or not word(given))):
        return item
    if given is None:
        log.change(item.mark, path, "(not written)", path, f"block_{place}")
        return put(item, "id", Leaf(f"block_{place}", item.mark))
    log.change(given.mark, path, word(given), path, f'"{word(given)}"')
    return put(item, "id", Leaf(word(given), given.mark))


class _Blocks:
    """
    Rewrites blocks of the list form.

    A case that emits nothing any more still kept the cases below it from acting: what they ask for then includes that it is
    not true.
    """

    def __init__(self, importer: ExpressionImporter, log: Log) -> None:
        self._importer = importer
        self._log = log

    def block(self, item: Item, path: str) -> Item | None:
        """One block, None when nothing is left of it."""
        if not isinstance(item, Map):
            return item
        given = item.get("cases")
        cases: list[Item] = []
        hindrances: list[Item] = []
        for i, case in enumerate(given.items if isinstance(given, Sequence) else ()):
            where = f"{path}.cases[{i}]"
            when = as_map(case).get("when")
            new_when = self._importer.read(when, f"{where}.when") if when is not None else None
            emit, emptied = self._emit(as_map(case).get("emit"), f"{where}.emit")
            if emptied and new_when is not None:
                hindrances.append(new_when)
                continue
            cases.append(self._case(case, new_when, emit, hindrances, where))
        if cases or not hindrances:
            item = put(item, "cases", Sequence(tuple(cases), given.mark if given else item.mark)) if given else item
        otherwise = item.get("else")
        if _is_empty(otherwise):
            item = removed(item, "else", path, self._log)
        elif isinstance(otherwise, Map | Sequence):
            item = self._else(item, otherwise, hindrances, path)
        return None if hindrances and not cases and "else" not in item.keys else item

    def _case(self, case: Item, when: Item | None, emit: Item | None, hindrances: list[Item], path: str) -> Item:
        if not isinstance(case, Map):
            return case
        if when is not None and hindrances:
            mark = when.mark
            nots = (new_map({"not": one}, mark) for one in hindrances)
            new = new_map({"all": Sequence((*nots, when), mark)}, mark)
            self._log.change(
                mark, f"{path}.when", text_of(when), f"{path}.when", text_of(new), "it waits while that case is unknown"
            )
            when = new
        case = case if when is None else put(case, "when", when)
        return case if emit is None else put(case, "emit", emit)

    def _else(self, item: Map, otherwise: Map | Sequence, hindrances: list[Item], path: str) -> Map:
        given = otherwise.get("emit") if isinstance(otherwise, Map) else otherwise
        emit, emptied = self._emit(given, f"{path}.else.emit")
        if emptied:
            return drop(item, "else")
        if hindrances:
            self._log.problem(
                key_mark(item, "else"), f"{path}.else", "a case above it did nothing and is gone: say when it acts"
            )
        if isinstance(otherwise, Sequence):
            self._log.change(otherwise.mark, f"{path}.else", "a list", f"{path}.else.emit", "the same list")
        return item if emit is None else put(item, "else", new_map({"emit": emit}, otherwise.mark))

    def _emit(self, item: Item | None, path: str) -> tuple[Item | None, bool]:
        """The items of an emit list that do something, and whether there are none."""
        if isinstance(item, Map) or word(item):
            assert item is not None
            self._log.change(item.mark, path, text_of(item), path, "a list of it")
            item = Sequence((item,), item.mark)
        if not isinstance(item, Sequence):
            return item, False
        kept = []
        for i, one in enumerate(item.items):
            name = word(one) or word(as_map(one).get("action"))
            if name in _NEVER_DID_ANYTHING:
                self._log.removed(one.mark, f"{path}[{i}]", text_of(one))
                continue
            metadata = as_map(one).get("metadata")
            if isinstance(one, Map) and isinstance(metadata, Map):
                one = put(one, "metadata", self._importer.metadata(metadata, f"{path}[{i}].metadata"))
            kept.append(one)
        if not item.items:
            self._log.removed(item.mark, path, "[]")
        return Sequence(tuple(kept), item.mark), not kept


def _is_empty(item: Item | None) -> bool:
    """Whether something is written and says nothing."""
    nothing = isinstance(item, Leaf) and item.value is None and not item.reported
    return nothing or (isinstance(item, Map) and not item.entries)
