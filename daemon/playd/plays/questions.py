"""
What an import asks of the author: comments `# import: … [seal]` above what they are about.

The seal is a digest of what stands below the comment when it is written. Whoever answers changes that: a comment whose seal
does not fit any more is answered. One whose seal fits waits, although nothing else in the file may tell of it; who wants what
stands there takes the comment away. What is gone, and two questions about one value, wait for that too: no change would tell
that they are answered, or which of them is.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from playd.plays.comments import comment_lines, places
from playd.plays.document import Item, Map, Sequence
from playd.plays.findings import Mark
from playd.plays.formatting import one_line

MARKER: Final = "# import:"
"""What a comment begins with that asks the author for a decision."""

_PARTS: Final = re.compile(rf"{MARKER} *(?P<text>.*?)(?: \[(?P<seal>[0-9a-f]{{6}})\])? *$")


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=3).hexdigest()


_NOTHING: Final = _digest("")


@dataclass(frozen=True, slots=True)
class Question:
    """
    One such comment.

    Attributes:
        mark, line: Where it stands, and its line as it is written.
        text: What it asks.
        seal: What it was sealed with, None for a comment that nobody has sealed.
        below: The seal of what stands below it now.
        place, about: Where that stands, and the places of it and everything in it; none at the end of the file.
    """

    mark: Mark
    line: str
    text: str
    seal: str | None
    below: str
    place: Mark
    about: frozenset[Mark]

    @property
    def answered(self) -> bool:
        """Whether something else stands there than what was asked about. What is gone is nowhere: only its comment can go."""
        return self.seal not in (None, _NOTHING, self.below)


def questions_of(text: str, root: Map) -> list[Question]:
    """The questions in `text`, whose document is `root`."""
    if MARKER not in text:
        return []
    asked = [(mark, line) for mark, line in comment_lines(text) if line.startswith(MARKER)]
    shown = sorted(dict(reversed(list(_shown(root)))).items(), key=lambda one: one[0])
    found = []
    for mark, line in asked:
        parts = _PARTS.match(line)
        assert parts is not None, "every line behind the marker has this form"
        place, (below, item) = next(((place, one) for place, one in shown if place > mark), (mark, ("", None)))
        about = frozenset((place, *places(item))) if item is not None else frozenset()
        found.append(Question(mark, line, parts["text"], parts["seal"], _digest(below), place, about))
    return found


def sealed(text: str, root: Map) -> str:
    """
    `text`, whose document is `root`, with a seal on every question that has none.

    But where another one is asked about the same value, or about a part of it: a change would not say which was answered.
    """
    lines = text.split("\n")
    asked = questions_of(text, root)
    for question in asked:
        alone = sum(one.place in question.about for one in asked) <= 1
        if question.seal is None and alone:
            at = question.mark.line - 1
            lines[at] = f"{lines[at].rstrip()} [{question.below}]"
    return "\n".join(lines)


def _shown(item: Item) -> Iterator[tuple[Mark, tuple[str, Item]]]:
    """Every key with its value and every list item, in one spelling, by its place: what is around stands first."""
    if isinstance(item, Map):
        for entry in item:
            yield entry.mark, (f"{entry.key}: {one_line(entry.value)}", entry.value)
            yield from _shown(entry.value)
    elif isinstance(item, Sequence):
        for child in item.items:
            yield child.mark, (one_line(child), child)
            yield from _shown(child)
