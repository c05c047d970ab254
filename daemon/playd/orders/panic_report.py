"""What a panic covers and what it reports, whoever carries it out: the daemon or the guardian."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from playd.orders.halts import account_scope, instance_scope, symbol_scope

FLAT_WITHIN_S: Final = 60.0
VERIFY_GAP_S: Final = 2.0
"""Between the two readings that prove a scope flat."""


@dataclass(frozen=True, slots=True)
class PanicScope:
    """Of one instance, of one symbol, or (both empty) of the whole account, foreign positions included."""

    instance_uid: str = ""
    symbol: str = ""

    def halt_scope(self, account: str) -> str:
        if self.instance_uid:
            return instance_scope(self.instance_uid)
        return symbol_scope(account, self.symbol) if self.symbol else account_scope(account)


@dataclass(frozen=True, slots=True)
class PanicPosition:
    """
    Result for one position. `remaining` is None when it could not be read, `closed` when its executions could not be; `before`
    and `remaining` are signed.
    """

    symbol: str
    before: Decimal
    closed: Decimal | None
    average_price: Decimal
    slippage_bps: Decimal | None
    remaining: Decimal | None
    stop_at_venue: Decimal | None


def slippage_bps(mark: Decimal, average: Decimal, *, is_long: bool) -> Decimal | None:
    """How much worse than the mark at the beginning a position was closed, in basis points; None without both prices."""
    if not mark or not average:
        return None
    return (mark - average) / mark * (1 if is_long else -1) * 10_000


@dataclass(frozen=True, slots=True)
class PanicReport:
    """Result of a panic. `exit_code` is 11 while anything remains or could not be read."""

    scope: PanicScope
    positions: tuple[PanicPosition, ...]
    cancelled: int
    duration_s: float
    problems: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        return 11 if self.problems or any(position.remaining != 0 for position in self.positions) else 0
