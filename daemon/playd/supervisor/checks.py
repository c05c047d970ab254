"""
One check before real money: what was found, and whether it holds. Pure.

`unknown` counts as failed: nothing that was not looked at, and nothing that is too old, ever passes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

Result = Literal["pass", "fail", "unknown", "n/a"]


@dataclass(frozen=True, slots=True)
class Check:
    """
    Attributes:
        detail: What was found, with the limit where there is one.
        fix: What to type or do.
        evidence: Id of what shows it, empty for what was just looked at. `age_s` is its age.
        next_ms: The earliest time at which it can pass, where that is known.
        waived: Why a person let it pass although it fails.
    """

    name: str
    result: Result
    detail: str
    fix: str = ""
    evidence: str = ""
    age_s: float | None = None
    next_ms: int | None = None
    waived: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is no obstacle."""
        return self.result in ("pass", "n/a") or bool(self.waived)


def judged(name: str, holds: bool | None, detail: str, fix: str = "", **more: object) -> Check:
    """A check whose answer is yes, no, or that nobody knows."""
    result: Result = "unknown" if holds is None else "pass" if holds else "fail"
    return replace(Check(name, result, detail, fix if not holds else ""), **more)  # type: ignore[arg-type]


def with_waivers(checks: Iterable[Check], waivers: Mapping[str, tuple[str, int]]) -> list[Check]:
    """The checks with the reasons of those that a person waived; what holds needs no waiver."""
    return [
        replace(check, waived=waivers[check.name][0]) if check.name in waivers and not check.holds else check
        for check in checks
    ]


def blockers(checks: Iterable[Check]) -> list[Check]:
    """What does not hold and was not waived."""
    return [check for check in checks if not check.holds]


WAIVABLE: Final = (
    "paper_time",
    "paper_trades",
    "clean_books",
    "backtest",
    "paper_profit",
    "parity",
    "operations",
)
"""Checks of readiness that a person may waive; nothing of the look before a start is among them."""
