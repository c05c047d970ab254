"""
From text to a tree of marked values: YAML 1.2 core schema, one document, no duplicate keys, bounded size.

Every value knows its line and column. Variables are not yet substituted, nothing is checked beyond the form of the document.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from playd.core.limits import PLAY_FILE_BYTES
from playd.plays.core_schema import OCTAL, core_value, fits_tag, is_plain_collection, is_tagged
from playd.plays.findings import IMPORTABLE, Mark, Report
from playd.plays.identifiers import IDENTIFIER
from playd.plays.nodes import node_steps
from playd.plays.steps import Steps, whole

VALUES: Final = 100_000
"""Values in one document after aliases are followed: a Play of the largest size has fewer, an alias bomb has more."""

LEVELS: Final = 100
"""Nesting of lists and maps; deeper ones are refused before they can exhaust the stack."""


_ITEMS_A_STEP: Final = 250
"""Values that are taken over in one step: about two milliseconds."""

_QUOTED: Final = 80
"""Characters of a value that a message quotes."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar: None, bool, int, float or text. `reported` means: a finding names it already, readers pass over it."""

    value: bool | int | float | str | None
    mark: Mark
    reported: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple["Item", ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a map, where it stands, and its value."""

    key: str
    mark: Mark
    value: "Item"


@dataclass(frozen=True, slots=True)
class Map:
    """A map in file order; keys are unique text."""

    entries: tuple[Entry, ...]
    mark: Mark

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def get(self, key: str) -> "Item | None":
        """Value of a key, None when absent."""
        return next((entry.value for entry in self.entries if entry.key == key), None)

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys in file order."""
        return tuple(entry.key for entry in self.entries)


Item = Leaf | Sequence | Map

_START: Final = Mark(1, 1)


@dataclass(frozen=True, slots=True)
class Merge:
    """A merge key `<<` of YAML 1.1: where it stands, and which keys it brought into its map."""

    mark: Mark
    path: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Octal:
    """Digits behind a 0, which readers of YAML 1.1 took for octal ones: what was written, and what it was to them."""

    mark: Mark
    path: str
    text: str
    value: int


@dataclass(frozen=True, slots=True)
class OlderReading:
    """What readers of YAML 1.1 read otherwise, as found in one document."""

    merges: list[Merge] = field(default_factory=list)
    octals: list[Octal] = field(default_factory=list)


def read_document(text: str, report: Report, older: OlderReading | None = None) -> Map | None:
    """`document_steps`, all at once."""
    return whole(document_steps(text, report, older))


def document_steps(text: str, report: Report, older: OlderReading | None = None) -> Steps[Map | None]:
    """
    The document's root map, or None with a finding in `report` when the text is no usable YAML document.

    Duplicate keys, keys that are no text, NaN and infinities are findings too; the tree then holds the first of them. A merge
    key is a finding as well, unless `older` is given, which then gets it; in either case what it brings is in the tree. With
    `older` a key may be a whole number, which then is text.
    """
    problem = _unreadable(text)
    if problem:
        report.add("E100", *problem)
        return None
    try:
        node = yield from node_steps(text)
    except MarkedYAMLError as error:
        where, what = _what_is_wrong(error)
        report.add(
            "E100", where, "", f"found text that is not YAML ({what}), expected one YAML document{_advice(text, where, what)}"
        )
        return None
    except YAMLError as error:
        report.add("E100", _START, "", f"found text that is not YAML ({error}), expected one YAML document")
        return None
    except (ValueError, RecursionError) as error:
        # ruamel.yaml lets a few malformed scalars and very deep nesting escape as plain Python errors.
        report.add("E100", _START, "", f"found text that is not YAML ({type(error).__name__}), expected one YAML document")
        return None
    if node is None:
        report.add("E100", _START, "", "found no content, expected a Play: a map with version, name, symbol, …")
        return None
    yield
    root = yield from _Reader(report, older).item(node, "", 0)
    if any(finding.code == "E100" for finding in report.findings):
        report.withdraw("E107")  # what was left unread says nothing
        return None
    if isinstance(root, Map):
        return root
    if root is not None and not report.failed:
        report.add("E100", root.mark, "", f"found {kind_of(root)} at the root, expected a map with version, name, symbol, …")
    return None


def _unreadable(text: str) -> tuple[Mark, str, str] | None:
    """Place, path and text of what makes reading pointless."""
    size = len(text.encode(errors="surrogatepass"))
    if size > PLAY_FILE_BYTES:
        return _START, "", f"found {size} bytes, expected at most {PLAY_FILE_BYTES}: this is no Play file"
    if not text.strip():
        return _START, "", "found an empty file, expected a Play: a map with version, name, symbol, …"
    odd = _ODD.search(text)
    if odd:
        found = f"found byte or character {odd.group()!r}, expected UTF-8 text: this looks like a binary file"
        return _place(text, odd.start()), "", found
    for deep in _DEEP.finditer(text):  # reading it would take seconds before it fails
        if sum(map(deep.group().count, "[{")) > LEVELS:
            return _place(text, deep.start()), "", f"found more than {LEVELS} levels of nesting, expected a Play"
    return None


_ODD: Final = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_DEEP: Final = re.compile(r"[\[{](?:\s*+[\[{])*+")
"""Brackets that are opened one after the other; nothing is looked at twice, however many blanks stand between."""

_BARE_SIGN: Final = re.compile(r"[\[,{]\s*(>=?|[-*%@&|!]=?)\s*[,:]")
_NO_COLON: Final = "scanning a simple key"
_MERGE: Final = "<<"
_BARE_BRACKET: Final = re.compile(r"[\[,:]\s*[A-Za-z_][\w.]*\[[-+\d.]+\]")


def _what_is_wrong(error: MarkedYAMLError) -> tuple[Mark, str]:
    """Where to look and what the parser says. A bracket that nobody closed, and a key without colon, are found lines later."""
    what = " ".join(part for part in (error.context, error.problem) if part)
    mark = error.problem_mark or error.context_mark
    begun = error.context_mark
    if begun is not None and _NO_COLON in what:
        return Mark(begun.line + 1, begun.column + 1), what
    if begun is not None and mark is not None and "flow" in what and begun.line != mark.line:
        what = f"{what}; the bracket was opened on line {begun.line + 1}, column {begun.column + 1}"
    return (Mark(mark.line + 1, mark.column + 1) if mark else _START), what


def _place(text: str, at: int) -> Mark:
    return Mark(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def _advice(text: str, where: Mark, what: str) -> str:
    """What people usually did when a line is not YAML: a tab, or signs without quotes, which YAML takes for its own."""
    lines = text.splitlines()
    line = lines[where.line - 1] if where.line <= len(lines) else ""
    if "\t" in line:
        return "; indent with spaces, a tab has no place there"
    if _NO_COLON in what:
        return "; a key ends with a colon and a blank, like `name: x`"
    if "mapping values are not allowed" in what:
        begins_line = line[: where.column - 1].strip(" -\"'").isidentifier()
        return "; begin the key in the column of its neighbours" if begins_line else "; put text with a colon in quotes"
    if "${" in line:
        return "; a variable is written like `$name`"
    if "block end" in what:
        opened = _open_quote(lines[: where.line - 1])
        if opened:
            return f"; line {opened} opens a quote and does not close it"
        return "; what belongs together begins in the same column"
    if _BARE_BRACKET.search(line):
        return '; put references with brackets in quotes, like "fib.level[0.5]"'
    signs = _BARE_SIGN.search(line) or "cannot start any token" in what
    return "; put operators and text with signs in quotes" if signs else ""


def _open_quote(lines: list[str]) -> int:
    """Number of the last line in which a value begins with a quote that does not end there; 0 if there is none."""
    found = 0
    for number, line in enumerate(lines, 1):
        value = line.partition(":")[2].strip() or line.strip().lstrip("- ")
        if value[:1] in ("'", '"') and value.count(value[0]) == 1:
            found = number
    return found


def shortened(text: str) -> str:
    """Text as messages quote it: the beginning, when there is too much of it."""
    return text if len(text) <= _QUOTED else text[: _QUOTED - 3] + "..."


def kind_of(item: Item) -> str:
    """What an item is, in the words of messages."""
    if isinstance(item, Map):
        return "a map"
    if isinstance(item, Sequence):
        return "a list"
    if item.value is None:
        return "nothing"
    if isinstance(item.value, bool):
        return f"`{str(item.value).lower()}`, which is a boolean"
    if isinstance(item.value, str):
        return f'"{shortened(item.value)}", which is text'
    return f"`{shortened(str(item.value))}`, which is a number"


def _held_place(node: Node) -> str:
    """What is held in `{{ name }}` where YAML has read a map with a map as its only key; empty for everything else."""
    for _ in range(2):
        if not (isinstance(node, MappingNode) and node.flow_style and len(node.value) == 1):
            return ""
        node, behind = node.value[0]
        if not (isinstance(behind, ScalarNode) and behind.value == ""):
            return ""
    return str(node.value) if isinstance(node, ScalarNode) else ""


class _Reader:
    """Turns composed nodes into items. One per document, because it counts what it made."""

    def __init__(self, report: Report, older: OlderReading | None) -> None:
        self._report = report
        self._older = older
        self._count = 0
        self._open: set[int] = set()

    @property
    def _is_unreadable(self) -> bool:
        """Whether it is known that this is no document to go on with."""
        return any(finding.code == "E100" for finding in self._report.findings)

    def item(self, node: Node, path: str, depth: int) -> Steps[Item | None]:
        """The item of a node, None after a finding that makes it unusable."""
        mark = Mark(node.start_mark.line + 1, node.start_mark.column + 1)
        self._count += 1
        if self._count % _ITEMS_A_STEP == 0:
            yield
        if depth > LEVELS or self._count > VALUES:
            if not self._is_unreadable:
                limit = f"{LEVELS} levels of nesting" if depth > LEVELS else f"{VALUES} values"
                self._report.add("E100", mark, "", f"found more than {limit}, expected a Play")
            return None
        if isinstance(node, ScalarNode):
            return self._leaf(node, mark, path)
        if id(node) in self._open:
            if not self._is_unreadable:
                self._report.add("E100", mark, path, "found an anchor inside what it names, expected a Play")
            return None
        self._open.add(id(node))
        try:
            return (yield from self._collection(node, mark, path, depth))
        finally:
            self._open.discard(id(node))

    def _tagged(self, tag: str, mark: Mark, path: str) -> Leaf:
        quote = '; put "!=" in quotes' if tag.startswith("!=") else ""
        self._report.add_unusable("E107", mark, path, f"found the YAML tag `{tag}`, expected plain data{quote}")
        return Leaf(None, mark, reported=True)

    def _place_holder(self, name: str, mark: Mark, path: str) -> Leaf:
        """`{{ name }}` without quotes, which is a map to YAML: for an import the text that was meant."""
        if self._older is not None:
            return Leaf(f"{{{{ {name} }}}}", mark)
        found = f"found `{{{{ {name} }}}}`, which no program fills in here, expected a value"
        variable = f"; a variable is written `${name}`{IMPORTABLE}" if IDENTIFIER.match(name) else ""
        self._report.add_unusable("E107", mark, path, f"{found}{variable}")
        return Leaf(None, mark, reported=True)

    def _collection(self, node: Node, mark: Mark, path: str, depth: int) -> Steps[Item]:
        if not is_plain_collection(node):
            return self._tagged(str(node.tag), mark, path)
        held = _held_place(node)
        if held:
            return self._place_holder(held, mark, path)
        if isinstance(node, SequenceNode):
            items: list[Item] = []
            for i, child in enumerate(node.value):
                item = yield from self.item(child, f"{path}[{i}]", depth + 1)
                if item is not None:
                    items.append(item)
            return Sequence(tuple(items), mark)
        assert isinstance(node, MappingNode)
        return (yield from self._map(node, mark, path, depth))

    def _map(self, node: MappingNode, mark: Mark, path: str, depth: int) -> Steps[Map]:
        entries: dict[str, Entry] = {}
        merged: list[tuple[Node, Mark, str]] = []
        seen: dict[str, Mark] = {}
        for key_node, value_node in node.value:
            key_mark = Mark(key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            key = yield from self.item(key_node, path, depth + 1)
            name = key.value if isinstance(key, Leaf) else None
            if isinstance(key, Leaf) and key.reported:
                continue
            if self._older is not None and isinstance(name, int) and not isinstance(name, bool):
                name = str(name)  # a timeframe in minutes
            if not isinstance(name, str):
                found = kind_of(key) if key is not None else "an unreadable key"
                self._report.add("E107", key_mark, path, f"found {found} as a key, expected text")
                continue
            child = f"{path}.{name}" if path else name
            if name in seen:
                first = seen[name].line
                self._report.add("E107", key_mark, child, f"found the key a second time, expected once (first on line {first})")
                continue
            seen[name] = key_mark
            if name == _MERGE:
                merged.append((value_node, key_mark, child))
                continue
            value = yield from self.item(value_node, child, depth + 1)
            if isinstance(value, Leaf) and value.value is None and not value.reported:
                value = Leaf(None, key_mark)
            if value is not None:
                entries[name] = Entry(name, key_mark, value)
        for value_node, key_mark, child in merged:
            yield from self._merge(value_node, key_mark, child, entries, depth)
        return Map(tuple(entries.values()), mark)

    def _merge(self, node: Node, mark: Mark, path: str, entries: dict[str, Entry], depth: int) -> Steps[None]:
        """Keys of other maps for a map that does not have them; of several maps the first one that does counts."""
        found: dict[str, Entry] = {}
        for one in node.value if isinstance(node, SequenceNode) else (node,):
            other = yield from self.item(one, path, depth + 1)
            if not isinstance(other, Map):
                if other is not None:
                    self._report.add("E107", mark, path, f"found {kind_of(other)} behind `<<`, expected a map")
                continue
            found = {entry.key: entry for entry in other} | found
        new = {name: entry for name, entry in found.items() if name not in entries}
        entries |= new
        if self._older is not None:
            self._older.merges.append(Merge(mark, path, tuple(new)))
        elif not self._is_unreadable:
            text = "found the merge key `<<`, which YAML 1.2 does not have, expected the keys themselves"
            self._report.add("E107", mark, path, f"{text}{IMPORTABLE}")

    def _leaf(self, node: ScalarNode, mark: Mark, path: str) -> Leaf:
        tag = str(node.tag or "")
        plain = node.style is None and not is_tagged(node)
        value = core_value(node.value) if plain or not tag.endswith(":str") else node.value
        if plain:
            if self._older is not None and OCTAL.match(node.value) and int(node.value, 8) != value:
                self._older.octals.append(Octal(mark, path, node.value, int(node.value, 8)))
                value = node.value  # stays as it is written until somebody says which number it is
        elif not fits_tag(tag, value):
            return self._tagged(tag, mark, path)
        if isinstance(value, float) and not math.isfinite(value):
            self._report.add_unusable("E107", mark, path, f"found `{shortened(node.value)}`, expected a finite number")
            return Leaf(None, mark, reported=True)
        return Leaf(value, mark)
