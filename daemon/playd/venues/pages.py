"""
Of which pages a reading consisted: what was asked, when, and when the answer was there. Who wants to know listens, in the very
task that reads; everybody else pays nothing for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class PageRead:
    """One page of a list, or an answer without pages: when it was asked and when it was there, in ms of our wall clock."""

    endpoint: str
    asked_ms: int
    answered_ms: int
    rows: int


_listening: Final[ContextVar[list[PageRead] | None]] = ContextVar("pages that somebody listens for", default=None)


@contextmanager
def noted() -> Iterator[list[PageRead]]:
    """What this task reads in the block, page by page as the answers come; those that failed are not among them."""
    pages: list[PageRead] = []
    before = _listening.set(pages)
    try:
        yield pages
    finally:
        _listening.reset(before)


def note(endpoint: str, asked_ms: int, answered_ms: int, rows: int) -> None:
    """A page was read."""
    pages = _listening.get()
    if pages is not None:
        pages.append(PageRead(endpoint, asked_ms, answered_ms, rows))
