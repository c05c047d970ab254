"""Older spellings inside rules: operators, keys beside `all` and `any` that were dropped, events of a market structure."""

from typing import Final

from playd.plays.comparisons import EQUALITY_OPS, OLDER_OPS, is_condition
from playd.plays.document import Entry, Item, Leaf, Map, Sequence
from playd.plays.expressions import LOGIC, WINDOWS
from playd.plays.importing.condition_maps import as_condition
from playd.plays.importing.references import References
from playd.plays.importing.scalars import as_truth
from playd.plays.importing.timeframes import read_tf
from playd.plays.importing.trees import as_map, drop, each_item, new_map, put, text_of, word
from playd.plays.older_names import GROUPS, LABELS
from playd.plays.operands import is_arithmetic

_LONG_FORM: Final = ("lhs", "op", "rhs")


class ExpressionImporter:
    """Rewrites the rules of one document."""

    def __init__(self, references: References) -> None:
        self._references = references
        self._log = references.log

    def read(self, item: Item, path: str, beside: tuple[str, ...] = ()) -> Item:
        """An expression; `beside` names keys that may stand beside its own."""
        if isinstance(item, Sequence):
            if is_condition(item):
                return self._condition(item, path)
            return each_item(item, self.read, path)
        if not isinstance(item, Map):
            return item
        if any(key in beside for key in item.keys):
            return self._with_beside(item, path, beside)
        if any(key in GROUPS for key in item.keys):
            return self._logic(item, path)
        item = self._without_labels(item, path)
        condition = as_condition(item)
        if condition is not None:
            self._log.change(item.mark, path, text_of(item), path, text_of(condition))
            return self._condition(condition, path)
        if any(key in _LONG_FORM for key in item.keys):
            return self._long(item, path)
        return self._logic(item, path)

    def _with_beside(self, item: Map, path: str, beside: tuple[str, ...]) -> Map:
        """An expression with what may stand beside its keys; a condition then has the long form, which has room for it."""
        read = self.read(drop(item, *beside), path)
        if isinstance(read, Sequence):
            read = new_map(dict(zip((*_LONG_FORM, "tolerance"), read.items, strict=False)), item.mark)
        whole = as_map(read)
        for entry in item:
            if entry.key in beside:
                labels = entry.key == "metadata" and isinstance(entry.value, Map)
                value = self.metadata(as_map(entry.value), f"{path}.metadata") if labels else entry.value
                whole = put(whole, entry.key, value, entry.mark)
        return whole

    def _without_labels(self, item: Map, path: str) -> Map:
        """A condition that is a map without what people wrote beside it for themselves."""
        rest = drop(item, *LABELS)
        if "lhs" not in rest.keys and as_condition(rest) is None:
            return item
        for entry in item:
            if entry.key in LABELS:
                self._log.removed(entry.mark, f"{path}.{entry.key}", text_of(entry.value))
        return rest

    def _listed(self, item: Item, path: str) -> Item:
        """What stands below `all` or `any` as the list that it is the only element of."""
        if not (isinstance(item, Map) and item.entries) and not is_condition(item):
            return item
        self._log.change(item.mark, path, text_of(item), path, "a list of it")
        return Sequence((item,), item.mark)

    def _logic(self, item: Map, path: str) -> Map:
        known = [key for key in LOGIC if key in item.keys]
        entries = []
        for entry in item:
            where = f"{path}.{entry.key}"
            if known and entry.key != known[0]:
                counted = entry.key in (*LOGIC, *_LONG_FORM)
                meaning = f"only `{known[0]}` counted beside it" if counted else ""
                self._log.removed(entry.mark, where, text_of(entry.value), meaning)
                continue
            value = entry.value
            if entry.key in WINDOWS and isinstance(value, Map):
                value = self._window(value, where)
            elif entry.key in GROUPS:
                value = self.read(value if entry.key == "not" else self._listed(value, where), where)
            entries.append(Entry(entry.key, entry.mark, value))
        return Map(tuple(entries), item.mark)

    def metadata(self, item: Map, path: str) -> Map:
        """References among labels; text is literal."""
        return Map(
            tuple(
                Entry(one.key, one.mark, self._references.operand(one.value, f"{path}.{one.key}"))
                if isinstance(one.value, Map)
                else one
                for one in item
            ),
            item.mark,
        )

    def _window(self, item: Map, path: str) -> Map:
        expr, anchor = item.get("expr"), item.get("anchor_tf")
        if expr is not None:
            item = put(item, "expr", self.read(expr, f"{path}.expr"))
        return item if anchor is None else put(item, "anchor_tf", read_tf(anchor, f"{path}.anchor_tf", self._log))

    def _condition(self, item: Sequence, path: str) -> Item:
        left, op, *rest = item.items
        op = self._operator(op, path)
        rest = [self._truth(one, op, f"{path}[2]") for one in rest]
        event = self._event(item, left, word(op), rest[0] if rest else None, path)
        if event is not None:
            return event
        sides = [self._operand(left, f"{path}[0]"), op, *(self._operand(one, f"{path}[2]") for one in rest)]
        return Sequence(tuple(sides), item.mark)

    def _long(self, item: Map, path: str) -> Item:
        op = item.get("op")
        if op is not None:
            op = self._operator(op, f"{path}.op")
            item = put(item, "op", op)
        left, right = item.get("lhs"), item.get("rhs")
        if left is not None:
            event = self._event(item, left, word(op), right, path)
            if event is not None:
                return event
            item = put(item, "lhs", self._operand(left, f"{path}.lhs"))
        if right is None:
            return item
        return put(item, "rhs", self._operand(self._truth(right, op, f"{path}.rhs"), f"{path}.rhs"))

    def _truth(self, item: Item, op: Item | None, path: str) -> Item:
        """`yes` and `no` where something is compared with them and neither is a name of the Play."""
        named = self._references.kind(word(item)) != ""
        return item if named or word(op) not in EQUALITY_OPS else as_truth(item, path, self._log)

    def _operator(self, item: Item, path: str) -> Item:
        right = OLDER_OPS.get(word(item).lower())
        if right is None:
            return item
        self._log.change(item.mark, path, word(item), path, right)
        return Leaf(right, item.mark)

    def _operand(self, item: Item, path: str) -> Item:
        if isinstance(item, Sequence):
            return Sequence(tuple(self._operand(child, path) for child in item.items), item.mark)
        if isinstance(item, Map) and "feature_id" not in item.keys:
            entries = (Entry(one.key, one.mark, self._operand(one.value, path)) for one in item)
            return Map(tuple(entries), item.mark)
        return self._references.operand(item, path)

    def _event(self, item: Item, left: Item, op: str, right: Item | None, path: str) -> Item | None:
        """`event_type` of a market structure compared with 0: something happened on this bar, or nothing did."""
        name = self._references.event_of(left, path)
        if not name:
            return None
        value = right.value if isinstance(right, Leaf) else None
        if op not in ("!=", "==", ">") or value != 0 or isinstance(value, bool) or is_arithmetic(item):
            text = f"which event? `{text_of(item)}`: compare bos_direction and choch_direction of `{name}` with words"
            self._log.problem(item.mark, path, text)
            return item
        mark = item.mark
        flags = (
            Sequence((_flag(name, flag, left), Leaf("==", mark), Leaf(True, mark)), mark)
            for flag in ("bos_this_bar", "choch_this_bar")
        )
        new: Item = new_map({"any": Sequence(tuple(flags), mark)}, mark)
        if op == "==":
            new = new_map({"not": new}, mark)
        self._log.change(mark, path, text_of(item), path, text_of(new))
        return new


def _flag(name: str, flag: str, left: Item) -> Item:
    """A flag of a market structure, as many bars back as `left` looked."""
    offset = as_map(left).get("offset")
    if offset is None:
        return Leaf(f"{name}.{flag}", left.mark)
    return new_map({"feature_id": Leaf(name, left.mark), "field": Leaf(flag, left.mark), "offset": offset}, left.mark)


def import_setups(root: Map, importer: ExpressionImporter) -> Map:
    """Every setup."""
    setups = as_map(root.get("setups"))
    if not setups.entries:
        return root
    entries = (Entry(one.key, one.mark, importer.read(one.value, f"setups.{one.key}")) for one in setups)
    return put(root, "setups", Map(tuple(entries), setups.mark))
