"""What the fake venue does wrong, on demand."""

from dataclasses import dataclass, field
from enum import StrEnum

ARRIVES_S = 4.0
"""After so long a request that was held up on its way still takes effect: the venue takes none older than five seconds."""


class WriteFault(StrEnum):
    """What happens to one write."""

    NONE = "none"
    LOST_BEFORE = "lost_before"  # no effect, no answer
    LOST_AFTER = "lost_after"  # effect, no answer
    DELAYED = "delayed"  # no answer, effect after seconds
    SLOW = "slow"  # effect, answer after a second, private events first
    THROTTLED = "throttled"  # 10006, no effect
    ODD_CODE = "odd_code"  # effect, and a code that is in no table


class EventFault(StrEnum):
    """What happens to one private event."""

    NONE = "none"
    LOST = "lost"
    DOUBLED = "doubled"
    LATE = "late"  # behind the next one


@dataclass
class Script:
    """Faults in the order in which they strike; when used up, nothing fails any more."""

    writes: list[WriteFault] = field(default_factory=list)
    events: list[EventFault] = field(default_factory=list)
    hidden_reads: int = 0
    """Number of look-ups by link id that answer "not found" although the order exists."""
    failing_reads: int = 0
    """Number of reads that fail."""
    lagging_lists: int = 0
    """Number of readings of the execution list that lack the last second."""
    no_attached_stop: int = 0
    """Number of entries whose attached stop the venue silently forgets."""
    refused_stops: int = 0
    """Number of `set_stops` calls that are refused (10001)."""
    codes: list[int] = field(default_factory=list)
    """Definite refusals of the next `place` calls, without effect."""
    stops: list[WriteFault] = field(default_factory=list)
    """What happens to the next `set_stops`: `NONE`, `LOST_BEFORE`, `LOST_AFTER` or `THROTTLED`."""
    cancels: list[WriteFault] = field(default_factory=list)
    """What happens to the next cancels: `NONE`, `LOST_BEFORE` or `LOST_AFTER`."""
