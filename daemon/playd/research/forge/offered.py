"""What this version of the checker refuses by name, asked from the checker itself."""

from functools import cache
from typing import Final

from playd.plays.load import check_play

_ASKED: Final = """
version: "3.0.0"
name: asked
symbol: BTCUSDT
timeframes: {low_tf: 1m, med_tf: 1m, high_tf: 1m, exec: low_tf}
account: {}
actions: {entry_long: {all: [[close, ">", 1]]}}
position_policy: {funding_guard: {max_rate_pct: 1, within_min: 10}}
risk: {stop_loss_pct: 1, take_profit_pct: 1}
"""

_NOT_AVAILABLE: Final = "E902"

FUNDING_GUARD: Final = "position_policy.funding_guard"
"""Path of what is asked."""


@cache
def offered(path: str) -> bool:
    """Whether the checker takes what a Play may say at one of these paths."""
    _, report = check_play(_ASKED, "asked")
    return not any(f" {_NOT_AVAILABLE} {path}:" in f"{line} " for line in report.lines("E"))
