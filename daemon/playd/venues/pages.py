"""
Of which pages a reading consisted: what was asked, when, and when the answer was there. Who wants to know listens, in the very
task that reads; everybody else pays nothing for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class PageRead:
    """
    One page of a list, or an answer without pages: when it was asked and when it was there, in ms of our wall clock, and the
    rows as the venue wrote them. Of one that failed `failure` says how, and `answered_ms` when that was known.
    """

    endpoint: str
    asked_ms: int
    answered_ms: int
    rows: int
    content: Sequence[Mapping[str, Any]] = ()
    failure: str = ""


_listening: Final[ContextVar[list[PageRead] | None]] = ContextVar("pages that somebody listens for", default=None)


@contextmanager
def noted() -> Iterator[list[PageRead]]:
    """What this task reads in the block, page by page as the answers come, or fail to."""
    pages: list[PageRead] = []
    before = _listening.set(pages)
    try:
        yield pages
    finally:
        _listening.reset(before)


@contextmanager
def unheard() -> Iterator[None]:
    """A task that is begun in the block reads for itself: what it reads is not told to whoever listens in this one."""
    before = _listening.set(None)
    try:
        yield
    finally:
        _listening.reset(before)


def note(
    endpoint: str, asked_ms: int, answered_ms: int, *, content: Sequence[Mapping[str, Any]] = (), failure: str = ""
) -> None:
    """A page was read, or could not be."""
    pages = _listening.get()
    if pages is not None:
        pages.append(PageRead(endpoint, asked_ms, answered_ms, len(content), content, failure))
