"""
Flat records of matching. Each is used as an array of one element, so that Python and compiled code share the memory.

Prices are ticks, quantities steps, both int64; 0 ticks mean "no such level". `dir` is +1 for a long, -1 for a short, 0 for
none. Money is USDT. Times are epoch ms.
"""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from playd.core.instrument import Instrument

Records = NDArray[Any]
"""A structured array; which dtype, the parameter's name says."""

Record = Any
"""One element of such an array, as compiled code sees it: fields are attributes."""

TERMS: Final = np.dtype(
    [
        ("tick_num", np.int64),
        ("tick_den", np.int64),
        ("step_num", np.int64),
        ("step_den", np.int64),
        ("taker", np.float64),
        ("maker", np.float64),
        ("slippage", np.float64),
        ("leverage", np.float64),
        ("mm_rate", np.float64),
        ("mm_deduction_usdt", np.float64),
    ]
)
"""What does not change while a book lives: units of the instrument, rates as fractions (5.5 bps is 0.00055), leverage."""

BOOK: Final = np.dtype(
    [
        ("dir", np.int64),
        ("qty", np.int64),
        ("entry_price", np.float64),
        ("liquidation_price", np.float64),
        ("stop_ticks", np.int64),
        ("target_ticks", np.int64),
        ("stop_price", np.float64),
        ("target_price", np.float64),
        ("stop_is_limit", np.int64),
        ("target_is_limit", np.int64),
        ("stop_resting", np.int64),
        ("entry_kind", np.int64),
        ("entry_dir", np.int64),
        ("entry_qty", np.int64),
        ("entry_limit_ticks", np.int64),
        ("entry_tif", np.int64),
        ("entry_resting", np.int64),
        ("entry_stop_ticks", np.int64),
        ("entry_target_ticks", np.int64),
        ("exit_qty", np.int64),
        ("exit_reason", np.int64),
    ]
)
"""
One position and its orders: at most one entry order and one reduce-only market exit.

Position: `dir`, `qty`, average `entry_price`; its liquidation price; stop and target as ticks and, derived, as prices (NaN
when absent). `stop_resting` is 1 from the moment a limit stop was triggered without a fill. Entry order: `entry_kind` is
`NONE`, `MARKET` or `LIMIT`; `entry_tif` one of `GTC` ...; `entry_resting` is 1 once it has arrived without a fill; its stop
and target become the position's. Exit order: `exit_qty` 0 means none. Change a book through `book.py` only: derived fields
must agree with the rest.
"""

FILL: Final = np.dtype(
    [
        ("event", np.int64),
        ("dir", np.int64),
        ("qty", np.int64),
        ("price_ticks", np.int64),
        ("price", np.float64),
        ("fee_usdt", np.float64),
        ("is_maker", np.int64),
        ("reason", np.int64),
        ("inside", np.int64),
    ]
)
"""
What happened to a book, in order. `dir` is the direction of the *position*, so an `EXITED` long was a sell. `inside` is 0 for
what happened at the open, 1 for what happened later in the minute. Ended orders have no price and no fee.
"""

FILLS_PER_MINUTE: Final = 4
"""Room for one minute's events: an exit, an entry and the end of the position are at most three."""

# Kinds of entry order.
NONE: Final = 0
MARKET: Final = 1
LIMIT: Final = 2

# Times in force of a limit entry.
GTC: Final = 0
IOC: Final = 1
FOK: Final = 2
POST_ONLY: Final = 3
TIF_CODE: Final = {"GTC": GTC, "IOC": IOC, "FOK": FOK, "PostOnly": POST_ONLY}

# Events.
ENTERED: Final = 1
EXITED: Final = 2
ENTRY_ENDED: Final = 3
EXIT_DROPPED: Final = 4

# Reasons of fills, and of orders that ended without one. The words are play-language 10.10, 9.1 and 10.2.
REASONS: Final = (
    "entry",
    "sl",
    "tp",
    "signal",
    "time",
    "liquidation",
    "max_drawdown",
    "end_of_data",
    "manual",
    "insufficient_margin",
    "ioc_unfilled",
    "post_only_would_take",
    "dropped",
)
ENTRY: Final = 0
SL: Final = 1
TP: Final = 2
SIGNAL: Final = 3
TIME: Final = 4
LIQUIDATION: Final = 5
MAX_DRAWDOWN: Final = 6
END_OF_DATA: Final = 7
MANUAL: Final = 8
INSUFFICIENT_MARGIN: Final = 9
IOC_UNFILLED: Final = 10
POST_ONLY_WOULD_TAKE: Final = 11
DROPPED: Final = 12

REASON_CODE: Final = {word: code for code, word in enumerate(REASONS)}


def new_terms(
    instrument: Instrument,
    *,
    taker_bps: float,
    maker_bps: float,
    slippage_bps: float,
    leverage: float,
    mm_rate: float,
    mm_deduction_usdt: float,
) -> Records:
    """TERMS of one book. Basis points become fractions here and nowhere else."""
    terms = np.zeros(1, TERMS)
    terms["tick_num"], terms["tick_den"] = instrument.tick_fraction
    terms["step_num"], terms["step_den"] = instrument.step_fraction
    terms["taker"] = taker_bps / 10_000.0
    terms["maker"] = maker_bps / 10_000.0
    terms["slippage"] = slippage_bps / 10_000.0
    terms["leverage"] = leverage
    terms["mm_rate"] = mm_rate
    terms["mm_deduction_usdt"] = mm_deduction_usdt
    return terms


def new_book(*, stop_is_limit: bool = False, target_is_limit: bool = False) -> Records:
    """A flat book without orders. The flags are `sl_order_type` and `tp_order_type` (play-language 10.5)."""
    book = np.zeros(1, BOOK)
    book["stop_price"] = np.nan
    book["target_price"] = np.nan
    book["liquidation_price"] = np.nan
    book["stop_is_limit"] = stop_is_limit
    book["target_is_limit"] = target_is_limit
    return book


def new_fills() -> Records:
    """Room for the events of one minute."""
    return np.zeros(FILLS_PER_MINUTE, FILL)
