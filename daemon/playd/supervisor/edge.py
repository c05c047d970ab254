"""What a supervised edge does with what it caught: exceptions out of task groups, found and put into words."""

from typing import TypeVar

from playd.core.errors import Doubtful, LinkError, Refused, Throttled

E = TypeVar("E", bound=BaseException)


def first_of(error: BaseException, kind: type[E]) -> E | None:
    """The first exception of a kind inside `error`, which may be a group of groups; None when there is none."""
    if isinstance(error, kind):
        return error
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            found = first_of(inner, kind)
            if found is not None:
                return found
    return None


def venue_away(error: BaseException) -> Exception | None:
    """
    What inside `error` says that a venue did not answer, not now or not readably; None for everything else.

    A refusal is none, and neither is what we found in an answer, such as a symbol that the venue does not list.
    """
    if first_of(error, Refused) is not None:
        return None
    return first_of(error, LinkError) or first_of(error, Throttled) or first_of(error, Doubtful)


def say(error: BaseException) -> str:
    """One line for people: the innermost causes, with their types."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(say(inner) for inner in error.exceptions)
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
