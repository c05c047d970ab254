"""What the language has and this version does not run, refused by name (E902), so that no key is ever without effect."""

from playd.plays.findings import Report
from playd.plays.model import Entry, Policy, Risk
from playd.plays.reader import Section


def refuse_unavailable(top: Section, entry: Entry, risk: Risk, policy: Policy, report: Report) -> None:
    """Findings for what is written and sound but cannot run yet."""
    if policy.funding_guard is not None:
        _refuse("position_policy.funding_guard", "funding_guard", "none", top, "position_policy", report)


def _refuse(path: str, found: str, instead: str, top: Section, section: str, report: Report) -> None:
    text = f"found {found}, which is not available in this version, expected {instead}"
    report.add("E902", top.mark_of(section), path, text)
