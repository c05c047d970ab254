"""Objectives: what each figure about the daemon may be, its limits as they are without any settings. Data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Objective:
    """
    One SLO. `warning` and `critical` are the first values that are out of order; `low` says that small values are the bad
    ones. No data for twice `window_s` counts as a breach.
    """

    name: str
    meaning: str
    unit: str
    objective: float
    warning: float
    critical: float
    low: bool = False
    window_s: float = 60.0

    def severity(self, value: float) -> str:
        """`critical`, `warning` or the empty text."""
        if self.low:
            return "critical" if value < self.critical else "warning" if value < self.warning else ""
        return "critical" if value >= self.critical else "warning" if value >= self.warning else ""


OBJECTIVES: Final = (
    Objective("recon_match", "reconciliations of 24 h that matched or explained all", "%", 99.9, 99.9, 99.0, low=True),
    Objective("recon_blind", "time in which orders or positions could not be read", "s", 0, 15, 60),
    Objective("private_down", "time the private stream of an account has been down, while it is polled", "s", 0, 30, 120),
    Objective("naked", "time a position has had no stop", "s", 0, 2, 5),
    Objective("unresolved_orders", "age of the oldest order in doubt", "s", 5, 30, 120),
    Objective("feed_freshness", "age of the newest market data of a symbol in use", "s", 3, 10, 30),
    Objective("clock_offset", "distance of our clock from a venue's", "ms", 100, 250, 1000, window_s=600),
    Objective("key_days_left", "days until a key ends", "days", 15, 15, 2, low=True),
    Objective("alert_oldest", "age of the oldest alert that failed so far", "s", 30, 60, 300),
    Objective("ack_sla", "age of the oldest critical incident that nobody acknowledged", "min", 15, 5, 15),
    Objective("chain_verified_age", "time since the whole journal was found good", "h", 24, 26, 48),
    Objective("backup_age", "time since the newest backup", "h", 1, 2, 6),
)
"""In the order of tables. A key of 14 days warns, one of a single day is critical."""

BY_NAME: Final[Mapping[str, Objective]] = {each.name: each for each in OBJECTIVES}
