"""
Who has a place at a control socket to which more clients come than it has places.

A client that never asked anything gives way to whoever comes, the oldest first. One that neither follows nor waits for an
answer gives way to whoever asks something, the one that was quiet longest. Where all the others follow or wait, a newcomer
stays at the door, where a few are heard for the sake of what must never be kept out.
"""

from collections.abc import Callable
from typing import Final, Protocol

AT_THE_DOOR: Final = 8
"""Clients beyond the limit: so many panics may be under way beside whatever else holds every place."""


class Guest(Protocol):
    """
    A client, as far as its place depends on it.

    `asked_s` is when it sent its last complete request, or when it came (monotonic). `is_idle`: it follows nothing, waits for
    no answer, and was not about to stop something.
    """

    @property
    def asked_s(self) -> float:
        """When it sent its last complete request, or came (monotonic seconds)."""
        ...

    @property
    def has_asked(self) -> bool:
        """Whether it has sent a complete request."""
        ...

    @property
    def is_idle(self) -> bool:
        """Whether nobody loses anything when it is sent away."""
        ...

    def leave(self) -> None:
        """End its connection. Returns at once."""
        ...


class Places:
    """The clients of one socket: `most` with a place, and those at the door."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._seated: set[Guest] = set()
        self._door: set[Guest] = set()

    def __len__(self) -> int:
        return len(self._seated) + len(self._door)

    def enter(self, guest: Guest) -> bool:
        """Take in a client that has not asked anything yet; False where there is no room for it at all."""
        if _room(self._seated, self._most, lambda each: not each.has_asked):
            self._seated.add(guest)
        elif _room(self._door, AT_THE_DOOR, lambda each: each.is_idle):
            self._door.add(guest)
        else:
            return False
        return True

    def seat(self, guest: Guest) -> bool:
        """Whether a client that asks something has a place, or has one from now on."""
        if guest in self._door and _room(self._seated, self._most, lambda each: each.is_idle):
            self._door.remove(guest)
            self._seated.add(guest)
        return guest in self._seated

    def gone(self, guest: Guest) -> None:
        """Its connection ended."""
        self._seated.discard(guest)
        self._door.discard(guest)


def _room(guests: set[Guest], most: int, may_go: Callable[[Guest], bool]) -> bool:
    """Whether there is room for one more, after one that may go was sent away where there was none."""
    if len(guests) < most:
        return True
    if not (left := [each for each in guests if may_go(each)]):
        return False
    longest = min(left, key=lambda each: (each.has_asked, each.asked_s))
    guests.remove(longest)
    longest.leave()
    return True
