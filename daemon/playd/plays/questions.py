"""
What an import asks of the author: comments `# import: … [seal]` above what they are about.

The seal is a digest of what stands below the comment when it is written. Whoever answers changes that: a comment whose seal
does not fit any more is answered. One whose seal fits waits, although nothing else in the file may tell of it; who wants what
stands there takes the comment away. What is gone, and two questions about one value, wait for that too: no change would tell
that they are answered, or which of them is.
"""

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from playd.plays.comments import comment_steps, places
from playd.plays.document import Item, Map, Sequence
from playd.plays.findings import Mark
from playd.plays.formatting import one_line
from playd.plays.steps import Steps, whole

MARKER: Final = "# import:"
"""What a comment begins with that asks the author for a decision."""

_SHOWN_A_STEP: Final = 1000
"""Values whose places are noted in one step: about two milliseconds."""

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
    """`question_steps`, all at once."""
    return whole(question_steps(text, root))


def question_steps(text: str, root: Map) -> Steps[list[Question]]:
    """The questions in `text`, whose document is `root`, in steps."""
    if MARKER not in text:
        return []
    lines = yield from comment_steps(text)
    asked = [(mark, line) for mark, line in lines if line.startswith(MARKER)]
    shown: dict[Mark, tuple[str, Item]] = {}
    for number, (mark, key, item) in enumerate(_shown(root)):
        if number % _SHOWN_A_STEP == 0:
            yield
        shown.setdefault(mark, (key, item))
    marks = sorted(shown)
    found = []
    for mark, line in asked:
        yield
        parts = _PARTS.match(line)
        assert parts is not None, "every line behind the marker has this form"
        at = bisect_right(marks, mark)
        place, below, about = mark, "", frozenset[Mark]()
        if at < len(marks):
            place, (key, item) = marks[at], shown[marks[at]]
            below, about = key + one_line(item), frozenset((place, *places(item)))
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


def _shown(item: Item) -> Iterator[tuple[Mark, str, Item]]:
    """Place of every key and list item, what stands before its value there, and the value; what is around stands first."""
    if isinstance(item, Map):
        for entry in item:
            yield entry.mark, f"{entry.key}: ", entry.value
            yield from _shown(entry.value)
    elif isinstance(item, Sequence):
        for child in item.items:
            yield child.mark, "", child
            yield from _shown(child)
