"""What an engine is told and what it answers: frozen values between the engine and whoever runs it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from playd.core.orders import Action, Side
from playd.plays.model import Scalar

LEVELS_OF_FILL: Final = "levels_of_fill"
"""Reason of the order that brings levels measured from a fill to the venue."""


@dataclass(frozen=True, slots=True)
class EngineFill:
    """
    One execution, as the engine's account needs it.

    `action` `ENTER` or `ADD` opens, any other reduces the position. `side` is the order's. `fee_usdt` is positive when paid
    and the very float that the venue computed. `reason` of a reduction is a word of play-language 10.10: `tp`, `sl`,
    `signal`, `time`, `liquidation`, `max_drawdown`, `end_of_data`, `manual`.
    """

    action: Action
    side: Side
    qty_steps: int
    price_ticks: int
    fee_usdt: float
    time_ms: int
    reason: str
    is_maker: bool


@dataclass(frozen=True, slots=True)
class EngineOrder:
    """
    What a decision asks for.

    `ENTER`: an order of `qty_steps` at the market or, with `limit_ticks`, at that price with `time_in_force`; `stop_ticks` and
    `target_ticks` are attached. `CANCEL`: what rests of the entry order goes. `EXIT` and `REDUCE`: a reduce-only
    market order of all or `percent` of the position. `STOP`: the position's stop moves to `stop_ticks`, the target stays.
    Absent levels are None. `price_ref` is the close decided on. `metadata` is what the Play attached to the action, with its
    values at that close.
    """

    action: Action
    side: Side
    qty_steps: int
    stop_ticks: int | None
    target_ticks: int | None
    price_ref: float
    percent: float
    reason: str
    metadata: Mapping[str, Scalar | None] = field(default_factory=dict)
    limit_ticks: int | None = None
    time_in_force: str = "IOC"


@dataclass(frozen=True, slots=True)
class Decision:
    """
    The decision at one close of the decision clock.

    `verdict`: `ENTERED`, `EXITED`, `AMENDED`, `CANCELLED`, `HOLD`, `COOLDOWN`, `NO_SIGNAL`, or in lower case why nothing was
    done. `detail`: for `NO_SIGNAL` the path of the clause that stopped an entry, else empty. `signals`: those that the
    Play has of `plays.program.SIGNALS`, NaN for unknown.
    """

    close_ms: int
    verdict: str
    detail: str
    orders: tuple[EngineOrder, ...]
    signals: Mapping[str, float]
    equity_usdt: float


@dataclass(frozen=True, slots=True)
class EnginePosition:
    """The open position as the engine knows it. `side` is the side that opened it."""

    side: Side
    qty_steps: int
    entry_price: float
    stop_ticks: int | None
    target_ticks: int | None
    entry_time_ms: int
