"""
Reading one map against its table: unknown keys, missing keys, types, words and ranges, all findings at once.

A `Key` says everything about a key: the checker, the JSON Schema and `playd play show` read the same tables. After an error
a getter returns some value of the right type, so that checking can go on; the Play is refused at the end.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from playd.core.limits import PLAY_PARTS
from playd.plays.core_schema import core_value
from playd.plays.document import Entry, Item, Leaf, Map, Sequence, kind_of
from playd.plays.findings import IMPORTABLE, Mark, Report, did_you_mean, nearest_name, one_of
from playd.plays.older_names import OLDER_TRUTHS

Kind = Literal["number", "int", "bool", "text", "word", "map", "list", "any"]

KIND_TEXT: Final[dict[Kind, str]] = {
    "number": "a number",
    "int": "an integer",
    "bool": "true or false",
    "text": "text",
    "word": "a word",
    "map": "a map",
    "list": "a list",
    "any": "a value",
}


@dataclass(frozen=True, slots=True)
class Key:
    """
    One key of a map.

    Attributes:
        low, high: Inclusive bounds; `above` makes the lower one exclusive. `unit` follows the range in messages.
        words: What a `word` may be; of a `number`, words that may stand in place of one. `any_case`: compared without regard to
            case.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    default: bool | int | float | str | None = None
    low: float | None = None
    high: float | None = None
    above: bool = False
    unit: str = ""
    words: tuple[str, ...] = ()
    any_case: bool = False

    @property
    def range_text(self) -> str:
        """`1…100 ×`, `above 0…100 %`, `at least 0 USDT`, or empty."""
        unit = f" {self.unit}" if self.unit else ""
        if self.low is None:
            return f"at most {_plain(self.high)}{unit}" if self.high is not None else ""
        if self.high is None:
            return f"{'more than' if self.above else 'at least'} {_plain(self.low)}{unit}"
        return f"{'above ' if self.above else ''}{_plain(self.low)}…{_plain(self.high)}{unit}"

    def holds(self, value: float) -> bool:
        """Whether a number lies in the range."""
        if self.low is not None and (value < self.low or (self.above and value == self.low)):
            return False
        return self.high is None or value <= self.high


@dataclass(frozen=True, slots=True)
class Table:
    """
    The keys of one map.

    `older` maps spellings of older generations to what replaces them (E901), `elsewhere` keys that people write here to where
    they belong.
    """

    keys: tuple[Key, ...]
    older: Mapping[str, str] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Key names in the order of the table."""
        return tuple(key.name for key in self.keys)

    def key(self, name: str) -> Key:
        """The key of that name; KeyError when the table has none."""
        return {key.name: key for key in self.keys}[name]


def _plain(value: float | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if value == int(value) else f"{value:g}"


class Section:
    """One map read against its table. Findings are made on construction and by the getters."""

    def __init__(self, item: Item | None, table: Table, path: str, report: Report, *, mark: Mark) -> None:
        """`item` None means the key is absent; then `mark` is where missing keys are reported."""
        self._present = item is not None
        self.path = path
        self.mark = item.mark if item is not None else mark
        self.report = report
        self._table = table
        self._map = item if isinstance(item, Map) else Map((), self.mark)
        self._strange = [entry for entry in self._map if entry.key not in table.names and entry.key not in table.older]
        self._is_another_map = len(self._strange) > PLAY_PARTS
        if self._is_another_map:  # for none of so many anybody looks what it might have been meant to be
            first, self._strange = self._strange[0], []
            text = f"found more than {PLAY_PARTS} unknown keys, `{first.key}` first, expected {one_of(table.names)}"
            report.add("E102", first.mark, self.path_of(first.key), text)
        if item is None or isinstance(item, Map):
            self._check_keys()
        elif not (isinstance(item, Leaf) and item.reported):
            report.add("E107", item.mark, path, f"found {kind_of(item)}, expected a map with {one_of(table.names)}")

    def _check_keys(self) -> None:
        names = self._table.names
        for entry in self._map:
            path = self.path_of(entry.key)
            if entry.key in names:
                self._look_for_nothing(entry, path)
                continue
            if self._is_another_map:
                continue
            if entry.key in self._table.older:
                instead = self._table.older[entry.key]
                self.report.add("E901", entry.mark, path, f"found the older spelling `{entry.key}`, expected {instead}")
            else:
                where = f" in `{self.path}`" if self.path else ""
                place = self._table.elsewhere.get(entry.key)
                near = f"; that is {place}" if place else did_you_mean(entry.key, names)
                self.report.add(
                    "E102", entry.mark, path, f"found the unknown key `{entry.key}`{where}, expected {one_of(names)}{near}"
                )
        # An absent map is reported where it is missing, not once more for each of its keys.
        for key in self._table.keys if self._present else ():
            if key.required and key.name not in self._map.keys:
                if self._is_another_map or any(
                    self._means(entry.key, key.name) for entry in self._map if entry.key not in names
                ):
                    continue  # the misspelt key, or the older one, was named already
                self.report.add(
                    "E103", self.mark, self.path_of(key.name), f"found no key `{key.name}`, expected {describe(key)}"
                )

    def _look_for_nothing(self, entry: Entry, path: str) -> None:
        """A key that need not be there, and behind which nothing is written."""
        key, value = self._table.key(entry.key), entry.value
        if not key.required and isinstance(value, Leaf) and value.value is None and not value.reported:
            older = "" if self.path else IMPORTABLE
            text = f"found nothing behind `{entry.key}`, expected {describe(key)}, or no such key{older}"
            self.report.add_unusable("E107", value.mark, path, text)

    def _means(self, written: str, name: str) -> bool:
        """Whether an unknown key surely stands for `name`."""
        return f"`{name}`" in self._table.older.get(written, "") or nearest_name(written, (name,)) is not None

    @property
    def names(self) -> tuple[str, ...]:
        """Keys that this map may have."""
        return self._table.names

    def path_of(self, name: str) -> str:
        """Key path of a key of this map."""
        return f"{self.path}.{name}" if self.path else name

    def has(self, name: str) -> bool:
        """Whether the key is written."""
        return name in self._map.keys

    def item(self, name: str) -> Item | None:
        """The raw value of a key, or of a misspelt one that surely is this one: named already, its value is checked too."""
        written = self._map.get(name)
        if written is not None or not self._strange:
            return written
        return next((entry.value for entry in self._strange if nearest_name(entry.key, (name,))), None)

    def mark_of(self, name: str) -> Mark:
        """Where a key's value stands, or the map when it is absent."""
        item = self._map.get(name)
        return item.mark if item is not None else self.mark

    def number(self, name: str) -> float:
        """A number in its range."""
        value = self.optional_number(name)
        key = self._table.key(name)
        return value if value is not None else (key.low or 1.0)

    def optional_number(self, name: str) -> float | None:
        """A number in its range, or the default, None when there is neither."""
        key = self._table.key(name)
        value = read_scalar(self.item(name), key, self.path_of(name), self.report)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        return float(key.default) if isinstance(key.default, int | float) else None

    def integer(self, name: str) -> int:
        """An integer in its range."""
        value = self.optional_integer(name)
        return value if value is not None else int(self._table.key(name).low or 1)

    def optional_integer(self, name: str) -> int | None:
        """An integer in its range, or the default, None when there is neither."""
        value = self.optional_number(name)
        return int(value) if value is not None else None

    def text(self, name: str) -> str:
        """Text or a word; empty when absent and without default."""
        key = self._table.key(name)
        value = read_scalar(self.item(name), key, self.path_of(name), self.report)
        if isinstance(value, str):
            return value
        return key.default if isinstance(key.default, str) else (key.words[0] if key.words else "")

    def section(self, name: str, table: Table) -> "Section":
        """A nested map, empty when absent."""
        return Section(self.item(name), table, self.path_of(name), self.report, mark=self.mark)

    def section_has(self, name: str, inner: str) -> bool:
        """Whether a nested map has a key."""
        item = self.item(name)
        return isinstance(item, Map) and inner in item.keys

    def list_of(self, name: str) -> tuple[Item, ...]:
        """Items of a list, empty when absent."""
        item = self.item(name)
        if isinstance(item, Sequence):
            return item.items
        if item is not None and not (isinstance(item, Leaf) and item.reported):
            self.report.add("E107", item.mark, self.path_of(name), f"found {kind_of(item)}, expected a list")
        return ()


def describe(key: Key) -> str:
    """What a key takes, for messages: kind, words or range."""
    if key.words and key.kind == "word":
        return one_of(key.words)
    if key.kind == "any":
        return key.meaning
    if key.kind == "text":
        return f"text: {key.meaning}"
    instead = f" or {one_of(key.words)}" if key.words else ""
    return f"{KIND_TEXT[key.kind]} {key.range_text}".strip() + instead


def read_scalar(item: Item | None, key: Key, path: str, report: Report) -> bool | int | float | str | None:
    """
    The value of a scalar key, checked for type (E107), word (E105) and range (E106). None when absent or wrong.

    An integer key accepts an integral float and gives an int.
    """
    if item is None or (isinstance(item, Leaf) and item.reported):
        return None
    value = item.value if isinstance(item, Leaf) else None
    if key.kind in ("number", "int") and isinstance(value, int | float) and not isinstance(value, bool):
        return _number(value, item.mark, key, path, report)
    if key.kind == "bool" and isinstance(value, bool):
        return value
    if key.kind == "number" and value in key.words:
        return value
    if key.kind == "text" and isinstance(value, str):
        if not value and key.default != "":
            report.add("E107", item.mark, path, f"found empty text, expected {key.meaning}")
        return value
    if key.kind == "word" and isinstance(value, str):
        return _word(value, item.mark, key, path, report)
    if key.kind == "word" and isinstance(item, Leaf) and value is not None:
        report.add("E105", item.mark, path, f"found {kind_of(item)}, expected {one_of(key.words)}")
        return None
    near = did_you_mean(value, key.words) if isinstance(value, str) else ""
    meant = number_hint(value) or near if key.kind in ("number", "int") else near
    if key.kind == "bool" and isinstance(value, str) and value in OLDER_TRUTHS:
        meant = f"; write `{str(OLDER_TRUTHS[value]).lower()}`{IMPORTABLE}"
    report.add("E107", item.mark, path, f"found {kind_of(item)}, expected {describe(key)}{meant}")
    return None


QUOTED_NUMBER: Final = "; a number stands without quotes"


def is_quoted_number(value: object) -> bool:
    """Whether a value is text that says a number."""
    return isinstance(value, str) and isinstance(core_value(value), int | float) and not isinstance(core_value(value), bool)


_GROUPED: Final = re.compile(r"[-+]?[0-9]+([_, ][0-9]+)+(\.[0-9]+)?\Z")
_WITH_UNIT: Final = re.compile(r"(?=.*[^0-9.+-])[$€]?[-+]?[0-9]+(\.[0-9]+)?\s*[%A-Za-z]*\Z")


def number_hint(value: object) -> str:
    """What is wrong with text that was meant as a number, empty when it says none."""
    if is_quoted_number(value):
        return QUOTED_NUMBER
    if not isinstance(value, str):
        return ""
    if _GROUPED.match(value):
        older = IMPORTABLE if "," not in value and " " not in value else ""
        return f"; a number has digits alone, and a point before its fraction{older}"
    return "; write the number alone, its unit is fixed" if _WITH_UNIT.match(value) else ""


def _number(value: int | float, mark: Mark, key: Key, path: str, report: Report) -> int | float | None:
    if key.kind == "int" and value != int(value):
        report.add("E107", mark, path, f"found `{value}`, expected {describe(key)}")
        return None
    if not key.holds(value):
        report.add("E106", mark, path, f"found `{value}`, expected {key.range_text}")
        return None
    return int(value) if key.kind == "int" else float(value)


def _word(value: str, mark: Mark, key: Key, path: str, report: Report) -> str | None:
    for word in key.words:
        if word == value or (key.any_case and word.lower() == value.lower()):
            return word
    report.add("E105", mark, path, f"found `{value}`, expected {one_of(key.words)}{did_you_mean(value, key.words)}")
    return None
