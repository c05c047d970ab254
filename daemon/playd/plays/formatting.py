"""
A Play file in canonical form: keys in the order of the language, one spelling of every scalar, one layout.

What the file says stays as it is written: variables, short and long spellings, what is left to its default. Comments stay with
the value they belong to; those inside a value that is written on one line move above it, the last one behind it. Anchors and
aliases are written out.
"""

from typing import Final

from playd.core.limits import PLAY_FILE_BYTES
from playd.plays.comments import Comments, comments_of
from playd.plays.comparisons import is_condition
from playd.plays.document import Entry, Item, Leaf, Map, Sequence
from playd.plays.key_order import in_order
from playd.plays.operands import is_arithmetic
from playd.plays.scalar_text import literal_lines, quoted, scalar_text

WIDTH: Final = 110
"""Longest line that a map or list is written on; comments behind it do not count."""

_INDENT: Final = 2
_ALWAYS_BLOCKS: Final = (
    *("account", "variables", "features", "structures", "setups", "actions", "position_policy", "risk", "risk_model"),
)
_SEVERAL: Final = ("all", "any", "cases")

Path = tuple[str, ...]


def format_play(text: str, root: Map) -> str:
    """`text`, whose document is `root`, in canonical form. Formatting twice changes nothing more."""
    return write_play(root, comments_of(text, root))


def too_large(canonical: str) -> str:
    """Why a canonical form is larger than a Play file may be, empty if it is not: dense rules get a line each, with indents."""
    size = len(canonical.encode())
    if size <= PLAY_FILE_BYTES:
        return ""
    return f"found a Play whose canonical form has {size} bytes, expected at most {PLAY_FILE_BYTES}; setups shorten it"


def write_play(root: Map, comments: Comments) -> str:
    """A document with its comments as canonical text."""
    writer = _Writer(comments)
    sections = [writer.entry(entry, (), 0) for entry in in_order(root, ())]
    lines = list(comments.header)
    for number, section in enumerate(sections):
        if number and (len(section) > 1 or len(sections[number - 1]) > 1):
            lines.append("")
        lines.extend(section)
    lines.extend((*comments.rest(), *comments.footer))
    return "\n".join(lines) + "\n"


class _Writer:
    """Writes the values of one document. Lines are relative: whoever asked for them indents them."""

    def __init__(self, comments: Comments) -> None:
        self._comments = comments

    def entry(self, entry: Entry, path: Path, indent: int) -> list[str]:
        """Lines of one key of a map with its comments."""
        value, path = entry.value, (*path, entry.key)
        head = f"{scalar_text(entry.key)}:"
        line = self._one_line(value, path, indent + len(head) + 1)
        if line is not None:
            if entry.key == "version":
                line = quoted(str(value.value)) if isinstance(value, Leaf) else line
            beside = self._comments.take_inside(entry.mark, value)
            return [*beside.before, _with(f"{head} {line}", beside.behind), *beside.after]
        beside = self._comments.take(entry.mark)
        literal = literal_lines(value.value) if isinstance(value, Leaf) and isinstance(value.value, str) else None
        if literal:
            first, body = _with(f"{head} {literal[0]}", beside.behind), literal[1:]
        else:
            first, body = _with(head, beside.behind), self._block(value, path, indent + _INDENT)
        return [*beside.before, first, *(_indented(line) for line in body), *beside.after]

    def _block(self, value: Item, path: Path, indent: int) -> list[str]:
        if isinstance(value, Map):
            return [line for entry in in_order(value, path) for line in self.entry(entry, path, indent)]
        assert isinstance(value, Sequence)
        return [line for child in value.items for line in self._item(child, path, indent)]

    def _item(self, child: Item, path: Path, indent: int) -> list[str]:
        """Lines of one list item, the first after a dash."""
        line = self._one_line(child, path, indent + _INDENT)
        if line is not None:
            beside = self._comments.take_inside(child.mark, child)
            return [*beside.before, _with(f"- {line}", beside.behind), *beside.after]
        beside = self._comments.take_around(child.mark)
        first, *rest = self._block(child, path, indent + _INDENT)
        while first.startswith("#"):  # a comment above the first key stands above the item
            beside.before.append(first)
            first, *rest = rest
        return [*beside.before, f"- {first}", *(_indented(line) for line in rest), *beside.after]

    def _one_line(self, value: Item, path: Path, used: int) -> str | None:
        """The value on one line, None when it is written as a block."""
        if isinstance(value, Leaf):
            is_block = isinstance(value.value, str) and path == ("description",) and literal_lines(value.value)
            return None if is_block else scalar_text(value.value)
        text = one_line(value, path)
        if is_condition(value) or is_arithmetic(value) or text in ("{}", "[]"):
            return text
        listed = path[-1] in _SEVERAL or (len(path) == 2 and path[0] == "structures")
        rules = listed and isinstance(value, Sequence) and len(value.items) > 1
        long = used + len(text) > WIDTH or path in [(name,) for name in _ALWAYS_BLOCKS]
        return None if long or rules or _has_several(value) or self._comments.inside(value) else text


def one_line(value: Item, path: Path = ("value",)) -> str:
    """A value on one line, however long; `path` holds the keys on the way to it."""
    if isinstance(value, Leaf):
        return scalar_text(value.value)
    if isinstance(value, Sequence):
        return f"[{', '.join(one_line(child, path) for child in value.items)}]"
    entries = (f"{scalar_text(entry.key)}: {one_line(entry.value, (*path, entry.key))}" for entry in in_order(value, path))
    return f"{{{', '.join(entries)}}}"


def _has_several(value: Item) -> bool:
    """Whether somewhere in a value a rule lists more than one condition, each of which deserves a line."""
    if isinstance(value, Map):
        several = any(
            entry.key in _SEVERAL and isinstance(entry.value, Sequence) and len(entry.value.items) > 1 for entry in value
        )
        return several or any(_has_several(entry.value) for entry in value)
    return isinstance(value, Sequence) and any(_has_several(child) for child in value.items)


def _with(line: str, behind: list[str]) -> str:
    return f"{line}  {' '.join(behind)}" if behind else line


def _indented(line: str) -> str:
    return " " * _INDENT + line if line else line
