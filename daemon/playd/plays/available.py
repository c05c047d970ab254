"""
What the language has and this version does not run, refused by name (E902), so that no key is ever without effect.

The engine states the same about its decisions in `engine.capabilities`; a test holds the two together.
"""

from typing import Final

from playd.plays.findings import Report
from playd.plays.model import Entry, Policy, Risk
from playd.plays.reader import Section

ENTRY_ORDER_TYPES: Final = frozenset({"Market", "Limit"})
ANCHORS: Final = frozenset({"signal", "fill"})
STOP_ORDER_TYPES: Final = frozenset({"Market", "Limit"})
TARGET_ORDER_TYPES: Final = frozenset({"Market", "Limit"})
FUNDING_GUARD: Final = False


def refuse_unavailable(top: Section, entry: Entry, risk: Risk, policy: Policy, report: Report) -> None:
    """Findings for what is written and sound but cannot run yet."""
    if entry.order_type not in ENTRY_ORDER_TYPES:
        _refuse("entry.order_type", "LIMIT", "MARKET", top, "entry", report)
    name = "risk_model" if top.has("risk_model") else "risk"
    if risk.anchor not in ANCHORS:
        _refuse(f"{name}.anchor", risk.anchor, "signal", top, name, report)
    if risk.anchor == "fill" and entry.order_type == "Limit" and entry.time_in_force in ("GTC", "PostOnly"):
        _refuse(f"{name}.anchor", "fill beside limit entries that rest", "signal, or IOC or FOK entries", top, name, report)
    if policy.funding_guard is not None and not FUNDING_GUARD:
        _refuse("position_policy.funding_guard", "funding_guard", "none", top, "position_policy", report)


def _refuse(path: str, found: str, instead: str, top: Section, section: str, report: Report) -> None:
    text = f"found {found}, which is not available in this version, expected {instead}"
    report.add("E902", top.mark_of(section), path, text)
