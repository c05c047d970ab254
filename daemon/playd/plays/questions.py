"""
What an import asks of the author: comments `# import: … [seal]` above what they are about.

The seal is a digest of what stands below the comment when it is written. Whoever answers changes that: a comment whose seal
does not fit any more is answered. One whose seal fits waits, although nothing else in the file may tell of it; who wants what
stands there takes the comment away.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from playd.plays.comments import comment_lines
from playd.plays.document import Item, Map, Sequence
from playd.plays.findings import Mark
from playd.plays.formatting import one_line

MARKER: Final = "# import:"
"""What a comment begins with that asks the author for a decision."""

_PARTS: Final = re.compile(rf"{MARKER} *(?P<text>.*?)(?: \[(?P<seal>[0-9a-f]{{6}})\])? *$")


@dataclass(frozen=True, slots=True)
class Question:
    """
    One such comment.

    Attributes:
        mark, line: Where it stands, and its line as it is written.
        text: What it asks.
        seal: What it was sealed with, None for a comment that nobody has sealed.
        below: The seal of what stands below it now.
    """

    mark: Mark
    line: str
    text: str
    seal: str | None
    below: str

    @property
    def answered(self) -> bool:
        """Whether something else stands there than what was asked about."""
        return self.seal is not None and self.seal != self.below


def questions_of(text: str, root: Map) -> list[Question]:
    """The questions in `text`, whose document is `root`."""
    if MARKER not in text:
        return []
    asked = [(mark, line) for mark, line in comment_lines(text) if line.startswith(MARKER)]
    shown = sorted(dict(reversed(list(_shown(root)))).items())
    found = []
    for mark, line in asked:
        parts = _PARTS.match(line)
        assert parts is not None, "every line behind the marker has this form"
        below = next((value for place, value in shown if place > mark), "")
        seal = hashlib.blake2b(below.encode(), digest_size=3).hexdigest()
        found.append(Question(mark, line, parts["text"], parts["seal"], seal))
    return found


def sealed(text: str, root: Map) -> str:
    """`text`, whose document is `root`, with a seal on every question that has none."""
    lines = text.split("\n")
    for question in questions_of(text, root):
        if question.seal is None:
            at = question.mark.line - 1
            lines[at] = f"{lines[at].rstrip()} [{question.below}]"
    return "\n".join(lines)


def _shown(item: Item) -> Iterator[tuple[Mark, str]]:
    """Every key with its value and every list item, in one spelling, by its place: what is around stands first."""
    if isinstance(item, Map):
        for entry in item:
            yield entry.mark, f"{entry.key}: {one_line(entry.value)}"
            yield from _shown(entry.value)
    elif isinstance(item, Sequence):
        for child in item.items:
            yield child.mark, one_line(child)
            yield from _shown(child)
