"""Older spellings of references: prefixes of role and timeframe, fields of the first generation, renamed outputs."""

from dataclasses import dataclass, field

from playd.plays.document import Item, Leaf, Map
from playd.plays.importing.log import Log
from playd.plays.importing.structures import Structures
from playd.plays.importing.timeframes import right_timeframe
from playd.plays.importing.trees import as_map, drop, put, word
from playd.plays.older_names import EVENT_TYPE, FIRST_GENERATION, OLDER_ROLES, PREFIX, RENAMED_FIELDS
from playd.plays.tables import PRICES


@dataclass(slots=True)
class References:
    """What names mean in one document: features by indicator and clock, structures by type and clock."""

    features: Map
    structures: Structures
    log: Log
    _kinds: dict[str, str] = field(default_factory=dict)
    _clocks: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        exec_tf = self.structures.timeframe("exec")
        self._clocks = {name: {exec_tf} for name in PRICES} | self.structures.clocks()
        for entry in self.features:
            spec = as_map(entry.value)
            self._kinds[entry.key] = word(spec.get("indicator"))
            self._clocks[entry.key] = {right_timeframe(self.structures.timeframe(word(spec.get("tf")) or "exec"))}
        self._kinds |= self.structures.types

    def kind(self, name: str) -> str:
        """Indicator or detector of an id, empty for a built-in or unknown one."""
        return self._kinds.get(name, "")

    def operand(self, item: Item, path: str) -> Item:
        """A reference as text or map in its present spelling; anything else as it is."""
        if isinstance(item, Leaf) and isinstance(item.value, str):
            return Leaf(self.text(item.value, item, path), item.mark, item.reported)
        if isinstance(item, Map) and "feature_id" in item.keys:
            name, output = word(item.get("feature_id")), word(item.get("field"))
            new = self.text(f"{name}.{output}" if output else name, item, path)
            if new != (f"{name}.{output}" if output else name):
                new_name, _, new_output = new.partition(".")
                mark = item.mark
                out = put(item, "feature_id", Leaf(new_name, mark))
                return put(out, "field", Leaf(new_output, mark)) if new_output else drop(out, "field")
        return item

    def entry(self, of: Map, key: str, path: str) -> Map:
        """The map with the reference below `key`, if it has one, in its present spelling."""
        item = of.get(key)
        return of if item is None else put(of, key, self.operand(item, f"{path}.{key}"))

    def text(self, text: str, item: Item, path: str) -> str:
        """`id` or `id.field` in its present spelling, the change reported."""
        new = self._present(text, item, path)
        if new != text:
            self.log.change(item.mark, path, text, path, new)
        return new

    def _present(self, text: str, item: Item, path: str) -> str:
        prefix, timeframe = PREFIX.match(text), ""
        if prefix:
            role, timeframe = OLDER_ROLES.get(prefix[1], prefix[1]), right_timeframe(prefix[2])
            name, dot, output = prefix[3].partition(".")
            if not self._is_on(name, role, timeframe, text, item, path):
                return text
            text = f"{self.structures.moved.get((timeframe, name), name)}{dot}{output}"
        name, _, output = text.partition(".")
        if not prefix:
            self._look_for_twins(name, item, path)
        old = output or name
        if (old in FIRST_GENERATION and self.kind(name) != "") or name in FIRST_GENERATION:
            kind, new = FIRST_GENERATION[old if old in FIRST_GENERATION else name]
            target = name if self.kind(name) == kind else self._only(kind, timeframe, text, item, path)
            return f"{target}.{new}" if target else text
        renamed = RENAMED_FIELDS.get((self.kind(name), output))
        return f"{name}.{renamed}" if renamed else text

    def _is_on(self, name: str, role: str, timeframe: str, text: str, item: Item, path: str) -> bool:
        """Whether a prefix names the clock of what stands behind it. Without it the reference would read another clock's."""
        clocks = self._clocks.get(name)
        if clocks is None or timeframe in clocks or (timeframe, name) in self.structures.moved:
            return True
        below = self.structures.below.get((role, name), set())
        if len(below) == 1 and len(clocks) == 1:
            return True  # it stands below that role, on a clock that is not the role's
        there = ", ".join(sorted(clocks))
        what = "declare a feature with that tf and name it here" if name in PRICES else f"`{name}` is on {there}"
        self.log.problem(item.mark, path, f"which clock? `{text}` says {timeframe}: {what}")
        return False

    def _look_for_twins(self, name: str, item: Item, path: str) -> None:
        """A bare name is that of the execution clock; where that one was renamed, it would silently be another clock's now."""
        renamed = self.structures.moved.get((self.structures.timeframe("exec"), name))
        if renamed:
            self.log.problem(
                item.mark, path, f"which `{name}`? Two clocks have one, and that of the execution clock is `{renamed}` now"
            )

    def _only(self, kind: str, timeframe: str, text: str, item: Item, path: str) -> str:
        """The one structure of a type, on the clock that a prefix names if there is one."""
        found = [name for name, one in self.structures.types.items() if one == kind]
        found = [name for name in found if not timeframe or timeframe in self._clocks.get(name, ())]
        if len(found) == 1:
            return found[0]
        there = f"there are {', '.join(found)}" if found else "there is none"
        self.log.problem(item.mark, path, f"which {kind}? `{text}` names none, and {there}")
        return ""

    def event_of(self, item: Item, path: str) -> str:
        """The id of a market structure when the item is its `event_type`, else empty."""
        text = word(item)
        if isinstance(item, Map):
            text = ".".join(part for part in (word(item.get("feature_id")), word(item.get("field"))) if part)
        prefix = PREFIX.match(text)
        name, _, output = (prefix[3] if prefix else text).partition(".")
        role, timeframe = (OLDER_ROLES.get(prefix[1], prefix[1]), right_timeframe(prefix[2])) if prefix else ("", "")
        target = self.structures.moved.get((timeframe, name), name)
        if output != EVENT_TYPE or self.kind(target) != "market_structure":
            return ""
        if not prefix:
            self._look_for_twins(name, item, path)
        elif not self._is_on(name, role, timeframe, text, item, path):
            return ""
        return target
