"""Comments of a YAML text, and which value each belongs to: the one on its line, or the one below it."""

from bisect import bisect_right
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.tokens import Token

from playd.plays.document import Item, Map, Sequence
from playd.plays.findings import Mark
from playd.plays.steps import Steps, whole

_END: Final = Mark(10**9, 1)
"""Behind everything, in the first column."""

_TOKENS_A_STEP: Final = 100
"""Tokens that are scanned in one step: about two milliseconds."""


@dataclass(slots=True)
class Beside:
    """Comments of one value, each beginning with `#`: on lines of their own before and after it, and on its own line."""

    before: list[str] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Comments:
    """
    Comments of a document by the place of the value they belong to: of a key in a map, of an item in a list.

    `header` stands above everything, `footer` below. What is taken is gone, so that nothing is written twice and the rest is
    known.
    """

    header: list[str] = field(default_factory=list)
    footer: list[str] = field(default_factory=list)
    _places: dict[Mark, Beside] = field(default_factory=dict)

    def beside(self, mark: Mark) -> Beside:
        """The comments of a value, to add to."""
        return self._places.setdefault(mark, Beside())

    def take(self, mark: Mark) -> Beside:
        """The comments of a value, once."""
        return self._places.pop(mark, None) or Beside()

    def take_around(self, mark: Mark) -> Beside:
        """The lines above and below a value, once; what stands behind it stays, for the first key of a map in a list."""
        whole = self.take(mark)
        if whole.behind:
            self._places[mark] = Beside(behind=whole.behind)
        return Beside(whole.before, [], whole.after)

    def inside(self, item: Item) -> bool:
        """Whether a value inside a map or list has comments that do not all fit behind one line."""
        found = [beside for mark in places(item) if (beside := self._places.get(mark))]
        return any(beside.before or beside.after for beside in found) or sum(bool(beside.behind) for beside in found) > 1

    def take_inside(self, mark: Mark, item: Item) -> Beside:
        """The comments of a value that is written on one line: those of everything in it; one alone stays behind."""
        whole = self.take(mark)
        for inner in (self.take(inner) for inner in places(item)):
            if inner.behind:
                whole.before += whole.behind
                whole.behind = inner.behind
            whole.before += [*inner.before, *inner.after]
        return whole

    def rest(self) -> list[str]:
        """Everything that was not taken, in the order of the file."""
        left = sorted(self._places.items())
        self._places = {}
        return [line for _, beside in left for line in (*beside.before, *beside.behind, *beside.after)]


def places(item: Item) -> Iterator[Mark]:
    """Marks of the keys and list items inside a value, in the order of the file."""
    if isinstance(item, Map):
        for entry in item:
            yield entry.mark
            yield from places(entry.value)
    elif isinstance(item, Sequence):
        for child in item.items:
            yield child.mark
            yield from places(child)


def place_before(mark: Mark, root: Map) -> Mark:
    """The place of the value that stands at `mark`: its key, or it itself as an item of a list."""
    return max((place for place in places(root) if place <= mark), default=mark)


def comments_of(text: str, root: Map, without: Collection[Mark] = ()) -> Comments:
    """The comments of `text`, whose document is `root`, but for those that stand at a place of `without`."""
    lines = text.splitlines()
    marks = sorted(set(places(root)))
    leading = [(mark, column) for mark in marks if (column := _leading_column(lines[mark.line - 1], mark.column))]
    comments = Comments()
    for mark, line in comment_lines(text):
        if mark in without:
            continue
        earlier, later = [one for one in marks if one < mark], next((one for one in marks if one > mark), _END)
        if not earlier:
            comments.header.append(line)
        elif lines[mark.line - 1][: mark.column - 1].strip():
            comments.beside(earlier[-1]).behind.append(line)
        else:
            # A comment that is indented deeper than what follows belongs to what stands above it.
            above, column = next((one for one in reversed(leading) if one[0] < mark and one[1] <= mark.column), (_END, 1))
            if column > later.column:
                comments.beside(above).after.append(line)
            elif later is _END:
                comments.footer.append(line)
            else:
                comments.beside(later).before.append(line)
    return comments


def _leading_column(line: str, column: int) -> int:
    """Column of the value that begins a line, its dash included; 0 for one that stands behind another."""
    ahead = line[: column - 1]
    if ahead.strip(" -"):
        return 0
    return ahead.rfind("-") + 1 or column


def comment_lines(text: str) -> list[tuple[Mark, str]]:
    """`comment_steps`, all at once."""
    return whole(comment_steps(text))


def comment_steps(text: str) -> Steps[list[tuple[Mark, str]]]:
    """Every comment with its place, in steps: what stands between the tokens of a document and is no white space."""
    starts = [0]
    while (end := text.find("\n", starts[-1])) >= 0:
        starts.append(end + 1)
    yield
    found: list[tuple[Mark, str]] = []
    end = 0
    tokens: Iterator[Token] = YAML(typ="safe", pure=True).scan(text)
    for number, token in enumerate(tokens):
        if number % _TOKENS_A_STEP == 0:
            yield
        found += _gap(text, starts, end, token.start_mark.index)
        end = max(end, token.end_mark.index)
    return [*found, *_gap(text, starts, end, len(text))]


def _gap(text: str, starts: list[int], start: int, stop: int) -> Iterator[tuple[Mark, str]]:
    """`starts`: where each line begins."""
    at = text.find("#", start, stop)
    while at >= 0:
        line = bisect_right(starts, at)
        line_end = starts[line] - 1 if line < len(starts) else len(text)
        yield Mark(line, at - starts[line - 1] + 1), text[at:line_end].rstrip()
        at = text.find("#", line_end, stop)
