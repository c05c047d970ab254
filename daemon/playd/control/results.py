"""Results from executions, exact in decimals, summed by whatever they are asked by. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Literal

from playd.core.orders import Execution
from playd.orders.fold import VirtualPosition, add
from playd.orders.views import FillView

By = Literal["day", "play", "symbol"]

_ZERO: Final = Decimal(0)


@dataclass(slots=True)
class Result:
    """Sums of one bucket in USDT; `drawdown` is how far the running net result fell below its peak inside it."""

    realised: Decimal = _ZERO
    fees: Decimal = _ZERO
    funding: Decimal = _ZERO
    trades: int = 0
    wins: int = 0
    drawdown: Decimal = _ZERO
    _peak: Decimal = _ZERO

    @property
    def net(self) -> Decimal:
        return self.realised - self.fees - self.funding

    def add(self, before: VirtualPosition, after: VirtualPosition) -> None:
        """Book what one execution changed."""
        self.realised += after.realised - before.realised
        self.fees += after.fees - before.fees
        self.funding += after.funding - before.funding
        self._peak = max(self._peak, self.net)
        self.drawdown = max(self.drawdown, self._peak - self.net)


class Results:
    """Takes executions in booked order. A trade ends when its position is flat or turned, and belongs where it ended."""

    def __init__(self, by: By, name_of: Callable[[str], str]) -> None:
        self._by = by
        self._name_of = name_of
        self._positions: dict[tuple[str, str, str], VirtualPosition] = {}
        self._begun_at: dict[tuple[str, str, str], Decimal] = {}
        self.buckets: dict[str, Result] = {}

    def take(self, view: FillView, *, counted: bool) -> None:
        """One execution; one that is not `counted` (before the time asked for) only moves the position."""
        execution, key = view.execution, (view.account, view.owner, view.execution.symbol)
        before = self._positions.get(key, VirtualPosition())
        after = self._positions[key] = add(before, execution)
        if not before.signed_qty and after.signed_qty:
            self._begun_at[key] = _net(before)
        if not counted:
            return
        bucket = self.buckets.setdefault(self._bucket(view.owner, execution), Result())
        bucket.add(before, after)
        if before.signed_qty and before.signed_qty * after.signed_qty <= 0:
            bucket.trades += 1
            bucket.wins += _net(after) > self._begun_at.get(key, _ZERO)
            self._begun_at[key] = _net(after)

    def _bucket(self, owner: str, execution: Execution) -> str:
        if self._by == "symbol":
            return execution.symbol
        if self._by == "play":
            return self._name_of(owner)
        return datetime.fromtimestamp(execution.time_ms / 1000, UTC).date().isoformat()


def _net(position: VirtualPosition) -> Decimal:
    return position.realised - position.fees - position.funding
