"""Long work of the language in steps, so that whoever asked for it can let others go on between any two of them."""

from collections.abc import Generator
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Steps: TypeAlias = Generator[None, None, T]
"""Work that stops after every few milliseconds of it and returns its result at its end. It may be left unfinished."""


def whole(steps: Steps[T]) -> T:
    """All steps at once. Raises what one of them raises."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
