"""
Findings: what is wrong with a Play, where, what was found, what was expected, and the nearest valid name.

A `Report` collects them, so that one check names everything at once. A code stands for one kind
of fault and keeps its number; E100 is text that is no YAML document.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

_NEAR_EDITS: Final = 2
"""A name this few edits away is worth proposing; farther ones mislead."""


_NEAR_WORDS: Final = "; did you mean `"

IMPORTABLE: Final = "; `playd play import FILE` rewrites it"
"""What a finding about a spelling of older files ends with."""


class Mark(NamedTuple):
    """A place in the file, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One error (`E…`) or warning (`W…`)."""

    code: str
    mark: Mark
    path: str
    text: str

    def line_of(self, source: str) -> str:
        """`file:line:col: E102 key.path: text`."""
        where = f" {self.path}" if self.path else ""
        return f"{source}:{self.mark.line}:{self.mark.column}: {self.code}{where}: {self.text}"

    def as_json(self) -> dict[str, str | int | None]:
        """Place, text and its parts: what was found, what is allowed, the nearest valid name, whether an import mends it."""
        found, _, rest = self.text.removesuffix(IMPORTABLE).partition(", expected ")
        allowed, _, near = rest.partition(_NEAR_WORDS)
        return {
            "code": self.code,
            "severity": "error" if self.code.startswith("E") else "warning",
            "line": self.mark.line,
            "column": self.mark.column,
            "path": self.path,
            "text": self.text,
            "found": found.removeprefix("found "),
            "allowed": allowed or None,
            "nearest": near.partition("`")[0] or None,
            "importable": self.text.endswith(IMPORTABLE),
        }


@dataclass(slots=True)
class Report:
    """Findings of one file, in the order they were made; printed in the order of the file."""

    source: str
    findings: list[Finding] = field(default_factory=list)
    _unusable: set[Mark] = field(default_factory=set)
    _known: set[Finding] = field(default_factory=set)
    """The findings once more: a large file may have thousands."""

    def add_unusable(self, code: str, mark: Mark, path: str, text: str) -> None:
        """Record that the value at `mark` cannot be used at all; what else is wrong with it is not worth a line."""
        self.add(code, mark, path, text)
        self._unusable.add(mark)

    def add(self, code: str, mark: Mark, path: str, text: str) -> None:
        """Record a finding. The same finding at the same place is kept once (a setup used twice is one setup)."""
        finding = Finding(code, mark, path, text + IMPORTABLE if code == "E901" else text)
        if finding not in self._known and mark not in self._unusable:
            self._known.add(finding)
            self.findings.append(finding)

    def withdraw(self, code: str) -> None:
        """Forget the findings of a code."""
        self.findings = [finding for finding in self.findings if finding.code != code]
        self._known = set(self.findings)

    @property
    def errors(self) -> int:
        """How many errors there are so far."""
        return sum(finding.code.startswith("E") for finding in self.findings)

    @property
    def failed(self) -> bool:
        """Whether there is an error among the findings."""
        return any(finding.code.startswith("E") for finding in self.findings)

    def lines(self, kind: str) -> list[str]:
        """Findings of one kind (`E` or `W`) as text, top of the file first."""
        return [finding.line_of(self.source) for finding in self.ordered() if finding.code.startswith(kind)]

    def ordered(self) -> list[Finding]:
        """Every finding, top of the file first."""
        return sorted(self.findings, key=lambda finding: finding.mark)


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """`; did you mean \\`x\\`?` for the nearest name, empty when none is near; a letter that deceives the eye is named."""
    names = tuple(names)
    foreign = next((letter for letter in word if not letter.isascii()), "")
    if foreign and unicodedata.category(foreign)[0] in "CZ":
        seen = f"; it holds U+{ord(foreign):04X}, which is not seen: write a plain blank, or nothing"
        return f"{did_you_mean(''.join(one for one in word if one.isascii()), names)}{seen}"
    nearest = nearest_name(word, names) or _only_beginning(word, names)
    if not nearest:
        return ""
    looks = f" The `{foreign}` is U+{ord(foreign):04X}, which only looks like a letter of it." if foreign else ""
    return f"{_NEAR_WORDS}{nearest}`?{looks}"


def _only_beginning(word: str, names: Iterable[str]) -> str | None:
    """The one name that begins with `word`; None for a word of a letter or two, which begins much."""
    found = [name for name in names if name.lower().startswith(word.lower())]
    return found[0] if len(found) == 1 and len(word) > _NEAR_EDITS else None


def nearest_name(word: str, names: Iterable[str]) -> str | None:
    """
    The name with the fewest edits from `word`, case aside, or None when all are more than two edits away. Of several that are
    as near, one of the same letters: `=>` is `>=`.
    """
    folded = word.lower()
    letters = set(folded)
    best: tuple[int, bool, str] | None = None
    for name in names:
        if abs(len(name) - len(folded)) > _NEAR_EDITS:
            continue
        if len(letters.symmetric_difference(name.lower())) > 2 * _NEAR_EDITS:
            continue  # each edit changes two letters at most; of thousands of names most are left out like this
        edits = _edit_distance(folded, name.lower())
        # A short word is all edits: `x` is not a misspelt `c`.
        if edits <= min(_NEAR_EDITS, max(len(name), len(folded)) // 2):
            found = (edits, sorted(name.lower()) != sorted(folded), name)
            best = found if best is None else min(best, found)
    return best[2] if best else None


def _edit_distance(a: str, b: str) -> int:
    """Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`."""
    alike = next((i for i, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), min(len(a), len(b)))
    a, b = a[alike:], b[alike:]
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        earlier, before, row = before, row, [i]
        for j, other in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]


def one_of(words: Iterable[str]) -> str:
    """`a, b or c` for messages."""
    items = list(words)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} or {items[-1]}"
