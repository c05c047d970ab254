"""What a step of the books changed: rows to keep, and frames to send once they are kept."""

from dataclasses import dataclass, field

from playd.venues.exchange.listing import Finer
from playd.venues.exchange.model import Order
from playd.venues.exchange.rows import Row


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of a private topic to one user."""

    uid: int
    topic: str
    frame_id: str
    creation_ms: int
    data: list[Row]


@dataclass(slots=True)
class Changes:
    """
    Changes since they were last taken. Accounts and positions (by place) are named, orders are held; the rest are finished
    rows with the user they belong to, those of closed profit by their number. Frames are in the order in which they must be
    sent. `told` has the rows of orders that have not changed since they were told. What `finer` names is counted anew: orders
    that are over and kept elsewhere must be, too, before anything else is written.
    """

    accounts: set[int] = field(default_factory=set)
    positions: set[tuple[int, str]] = field(default_factory=set)
    orders: dict[str, Order] = field(default_factory=dict)
    executions: list[tuple[int, Row]] = field(default_factory=list)
    closed_pnl: dict[int, tuple[int, Row]] = field(default_factory=dict)
    log: list[tuple[int, Row]] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    told: dict[str, Row] = field(default_factory=dict)
    finer: list[Finer] = field(default_factory=list)

    def __bool__(self) -> bool:
        rows = self.executions or self.log or self.frames
        return bool(self.accounts or self.positions or self.orders or self.finer or rows)
