"""
States of an instance as a pure function of facts, and the table of transitions that may happen between them.

Several things can hold at once (paused by hand and its feed stale); the state shown is the gravest, all reasons are listed.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from playd.core.errors import Broken


class State(StrEnum):
    """What an instance is doing, in the words of tables, metrics and the journal."""

    CREATED = "created"
    WARMING = "warming"
    RUNNING = "running"
    PAUSED = "paused"
    DEGRADED = "degraded"
    STOPPING = "stopping"
    STOPPED = "stopped"
    PANICKED = "panicked"
    FAILED = "failed"


class Life(StrEnum):
    """What was asked of an instance."""

    CREATED = "created"
    ACTIVE = "active"
    STOPPING = "stopping"
    STOPPED = "stopped"


PANIC_LEVEL: Final = 4


@dataclass(frozen=True, slots=True)
class Reason:
    """
    Why a state other than `running` holds: a code for machines, a text for people. `since_ms` is the wall time at which it was
    raised, of what outlives the daemon; 0 for the rest.
    """

    code: str
    text: str
    since_ms: int = 0

    def __str__(self) -> str:
        return f"{self.code}: {self.text}" if self.text else self.code


@dataclass(frozen=True, slots=True)
class Facts:
    """
    Everything the state follows from.

    Attributes:
        life: What was asked.
        failed: Set when it was quarantined, its Play is invalid or its state unreadable.
        halt_level: Effective level 0 to 5 over its scopes.
        halt: Why that level holds.
        causes: What degrades it, by code: stale feed, account not ready, back-off after a crash.
        warm: Whether every column its rules read is ready and missed bars are caught up.
    """

    life: Life = Life.CREATED
    failed: Reason | None = None
    halt_level: int = 0
    halt: Reason | None = None
    causes: dict[str, str] = field(default_factory=dict)
    warm: bool = False

    def with_cause(self, code: str, text: str) -> "Facts":
        """These facts with one more cause of degradation, or with its newer text."""
        return replace(self, causes={**self.causes, code: text})

    def without_cause(self, code: str) -> "Facts":
        """These facts without a cause of degradation; unchanged when it did not hold."""
        return replace(self, causes={key: text for key, text in self.causes.items() if key != code})


def state_of(facts: Facts) -> State:
    """The gravest state that holds: failed, panicked, stopping, paused, degraded, warming, running."""
    if facts.failed is not None:
        return State.FAILED
    if facts.life is Life.STOPPED:
        return State.STOPPED
    if facts.halt_level == PANIC_LEVEL:
        return State.PANICKED
    if facts.life is Life.CREATED:
        return State.CREATED
    if facts.life is Life.STOPPING:
        return State.STOPPING
    if facts.halt_level > 0:
        return State.PAUSED
    if facts.causes:
        return State.DEGRADED
    return State.RUNNING if facts.warm else State.WARMING


def reasons_of(facts: Facts) -> tuple[Reason, ...]:
    """Every reason that holds, gravest first; empty only for a running instance."""
    reasons: list[Reason] = []
    if facts.failed is not None:
        reasons.append(facts.failed)
    if facts.life is Life.STOPPING:
        reasons.append(Reason("stopping", "stop was asked for"))
    if facts.halt_level > 0:
        reasons.append(facts.halt or Reason("halted", f"level {facts.halt_level}"))
    if facts.life is Life.STOPPED:
        reasons.append(Reason("stopped", "stopped on request"))
    if facts.life is Life.CREATED:
        reasons.append(Reason("created", "never started"))
    if facts.life is Life.ACTIVE:
        reasons.extend(Reason(code, text) for code, text in sorted(facts.causes.items()))
        if not facts.warm:
            reasons.append(Reason("warming", "columns are not ready yet"))
    return tuple(reasons)


_ANY_TASK: Final = (State.WARMING, State.RUNNING, State.PAUSED, State.DEGRADED, State.PANICKED, State.STOPPING)

TRANSITIONS: Final[frozenset[tuple[State, State]]] = frozenset(
    {
        # start admitted, or refused when the daemon starts
        *((state, to) for state in (State.CREATED, State.STOPPED) for to in (State.WARMING, State.FAILED)),
        # warm, caught up, nothing against it
        (State.WARMING, State.RUNNING),
        # causes come and go; bars may be missing afterwards
        (State.WARMING, State.DEGRADED),
        (State.RUNNING, State.DEGRADED),
        (State.DEGRADED, State.RUNNING),
        (State.DEGRADED, State.WARMING),
        # levels come and go; a level can be lifted before the warm-up ended
        *((state, State.PAUSED) for state in (State.WARMING, State.RUNNING, State.DEGRADED)),
        *((State.PAUSED, state) for state in (State.WARMING, State.RUNNING, State.DEGRADED)),
        # stop
        *((state, State.STOPPING) for state in (State.WARMING, State.RUNNING, State.PAUSED, State.DEGRADED)),
        *((state, State.STOPPING) for state in (State.PANICKED, State.FAILED)),
        (State.STOPPING, State.STOPPED),
        # panic, and its end: flat verified and lifted
        *((state, State.PANICKED) for state in State if state not in (State.STOPPED, State.PANICKED)),
        (State.PANICKED, State.STOPPED),
        # budget exhausted, invalid Play, unreadable state; and a person's reset
        *((state, State.FAILED) for state in _ANY_TASK),
        (State.FAILED, State.CREATED),
    }
)
"""Every change of state that may ever happen. Another one is a bug, and fails the instance."""


def check_transition(before: State, after: State) -> None:
    """Raise `Broken` unless `before` may become `after`. Staying is always allowed."""
    if before is not after and (before, after) not in TRANSITIONS:
        raise Broken(f"an instance cannot go from {before} to {after}")
