"""Progress of one panic: what it found open, what it has begun to close, and what kept it from more."""

from dataclasses import dataclass, field
from decimal import Decimal

from playd.core.orders import VenuePosition
from playd.orders.panic_report import PanicScope
from playd.orders.rows import OrderRow

Place = tuple[str, int]
"""Symbol and position index: in hedge mode a symbol has a long one (1) and a short one (2), each closed for itself."""


def place_of(row: VenuePosition | OrderRow) -> Place:
    return row.symbol, row.position_idx


@dataclass
class PanicRun:
    """One panic of this life, from its level to its report."""

    scope: PanicScope
    cause: str
    reason: str = "panic"
    """Why its fills are said to have been: the command, where it is another than a panic."""
    before: dict[Place, VenuePosition] = field(default_factory=dict)
    intents: dict[str, tuple[Decimal, Decimal]] = field(default_factory=dict)
    """What closes its positions, each with quantity and value that were executed before this panic."""
    leg: int = 0
    asked: set[str] = field(default_factory=set)
    """Entries whose cancel it has sent."""
    problems: list[str] = field(default_factory=list)
    behind: int = 0
    """How often in a row the executions could not be read."""
