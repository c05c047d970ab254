"""The venue's words and numbers for what orders, positions and accounts can be."""

from enum import StrEnum
from typing import Final

LAST_PRICE: Final = "LastPrice"
MARK_PRICE: Final = "MarkPrice"
INDEX_PRICE: Final = "IndexPrice"
TRIGGER_PRICES: Final = (LAST_PRICE, MARK_PRICE, INDEX_PRICE)
"""Which price a trigger looks at. All three are one unless the market has other prices beside the last one."""

LONG_IDX: Final = 1
SHORT_IDX: Final = 2
"""Places of a symbol in hedge mode; 0 is the only one in one-way mode."""

RISING: Final = 1
FALLING: Final = 2


NO_SMP: Final = "None"
SMP_TYPES: Final = (NO_SMP, "CancelMaker", "CancelTaker", "CancelBoth")
SMP_ENDS_MAKER: Final = ("CancelMaker", "CancelBoth")
SMP_ENDS_TAKER: Final = ("CancelTaker", "CancelBoth")
"""Self-match prevention: what an incoming order says about meeting a resting one of its own user."""

ISOLATED: Final = "ISOLATED_MARGIN"
CROSS: Final = "REGULAR_MARGIN"
PORTFOLIO: Final = "PORTFOLIO_MARGIN"
"""Margin modes of a whole account. Nobody has the last one here."""


INSTRUMENT_STATUSES: Final = ("PreLaunch", "Trading", "Delivering", "Closed")
"""Whether a symbol trades; only in the second it does."""


class Status(StrEnum):
    """
    The venue's words for the state of an order. `PartiallyFilledCanceled`, which it has for spot only, does not occur here.

    `TRIGGERED` is passed through within one event and told; no order rests in it.
    """

    NEW = "New"
    PARTIALLY_FILLED = "PartiallyFilled"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    REJECTED = "Rejected"
    UNTRIGGERED = "Untriggered"
    TRIGGERED = "Triggered"
    DEACTIVATED = "Deactivated"

    @property
    def open(self) -> bool:
        return self in (Status.NEW, Status.PARTIALLY_FILLED, Status.UNTRIGGERED, Status.TRIGGERED)


class StopKind(StrEnum):
    """What an order with a trigger is for, in the venue's words; empty for every other order. It stays after the trigger."""

    NONE = ""
    STOP = "StopLoss"
    TARGET = "TakeProfit"
    PARTIAL_STOP = "PartialStopLoss"
    PARTIAL_TARGET = "PartialTakeProfit"
    TRAILING = "TrailingStop"
    CONDITIONAL = "Stop"

    @property
    def protects(self) -> bool:
        """Whether the order belongs to a position and goes with it; a user's conditional order does not."""
        return self not in (StopKind.NONE, StopKind.CONDITIONAL)

    @property
    def whole(self) -> bool:
        """Whether it closes all of the position, so that its quantity follows the position's."""
        return self in (StopKind.STOP, StopKind.TARGET, StopKind.TRAILING)


class CancelType(StrEnum):
    """Why an order ended without (all of) its fill, in the venue's words."""

    NONE = "UNKNOWN"
    USER = "CancelByUser"
    REDUCE_ONLY = "CancelByReduceOnly"
    POSITION_GONE = "CancelByTpSlTsClear"
    LIQUIDATION = "CancelAllBeforeLiq"
    LIQUIDATION_AHEAD = "CancelByPrepareLiq"
    DELEVERAGING = "CancelAllBeforeAdl"
    SETTLEMENT = "CancelBySettle"
    DISCONNECTED = "CancelByDCP"
    SELF_MATCH = "CancelBySmp"
    TARGET_BY_STOP = "CancelByOCOTpCanceledBySlTriggered"
    STOP_BY_TARGET = "CancelByOCOSlCanceledByTpTriggered"
