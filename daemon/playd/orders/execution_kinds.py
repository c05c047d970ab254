"""What an execution was, by the venue's words for it. The lists are open: what is on none of them is told to a person. Pure."""

from typing import Final

from playd.core.ids import is_guardians
from playd.core.orders import Action, Execution
from playd.orders.fold import DELIVERY, moves_position
from playd.orders.rows import OrderRow

STOP_TYPES: Final = frozenset({"StopLoss", "PartialStopLoss", "TrailingStop"})
TARGET_TYPES: Final = frozenset({"TakeProfit", "PartialTakeProfit"})
_END_TYPES: Final = frozenset({DELIVERY, "Settle"})
"""The contract came to its end: the venue closed what was open, and liquidated nothing."""
_FORCED_TYPES: Final = frozenset({"AdlTrade", "BustTrade"}) | _END_TYPES
_SETTLED: Final = "CreateBySettle"
_PEOPLES_CREATES: Final = frozenset(
    {
        "",
        "UNKNOWN",
        "CreateByUser",
        "CreateByClosing",
        "CreateByBboOrder",
        "CreateByStopOrder",
        *(f"CreateBy{kind}" for kind in sorted(STOP_TYPES | TARGET_TYPES)),
        "CreateByTrailingProfit",
        *(f"CreateBy{kind}" for kind in ("TWAP", "IceBerg", "ChaseOrder", "TVSignal", "Arbitrage", "Ddh", "FutureSpread")),
        *(f"{does}By{bot}Bot" for does in ("Create", "Close") for bot in ("FGrid", "Martingale")),
        "CreateByBlock_PassThrough",
        "CreateByBlockTradeMovePosition_PassThrough",
    }
)
"""What people, their levels and their bots make. Whatever else there is, or will be, is taken for the venue's own doing."""
OTHERS_EXIT: Final = "other_exit"
"""Reason of what the exit of another instance closed of a share, when its own had become smaller on the way."""
KNOWN_TYPES: Final = frozenset({"Trade", "BlockTrade", "MovePosition", "Funding", "Baseline"}) | _FORCED_TYPES


def is_forced(execution: Execution) -> bool:
    """Whether the venue itself closed something. A word that nobody knows is believed to say so."""
    unknown = moves_position(execution) and execution.create_type not in _PEOPLES_CREATES
    return execution.exec_type in _FORCED_TYPES or unknown


def is_liquidation(execution: Execution) -> bool:
    """Whether it did so because of a loss; the end of a contract is none."""
    return is_forced(execution) and execution.exec_type not in _END_TYPES and execution.create_type != _SETTLED


def what_of(execution: Execution, row: OrderRow | None) -> tuple[Action, str]:
    """Action and reason of an execution that no order of an instance asked for."""
    if execution.exec_type == "Funding":
        return Action.EXIT, "funding"
    if (row is not None and row.action is Action.STOP) or execution.stop_order_type in STOP_TYPES:
        return Action.STOP, "sl"
    if (row is not None and row.action is Action.TARGET) or execution.stop_order_type in TARGET_TYPES:
        return Action.TARGET, "tp"
    return Action.EXIT, reason_of(execution)


def reason_of(execution: Execution) -> str:
    """Why a position was closed by an execution that no order here asked for."""
    if is_forced(execution):
        return "liquidation"
    return "guardian" if is_guardians(execution.link_id) else "manual"
