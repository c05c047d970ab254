"""What the methods answer about real money, readiness and evidence."""

from typing_extensions import TypedDict

from playd.control.answer_parts import Amount, Check, Seconds, Time


class CheckRow(TypedDict):
    """One check. `next_possible` is the earliest date at which it can pass, `fix` what to type."""

    check: str
    result: Check
    detail: str
    evidence: str
    age_s: Seconds | None
    expires: Time | None
    next_possible: Time | None
    fix: str


class Looked(TypedDict):
    """The look before a start: `ready` while nothing stands against it."""

    name: str
    ready: bool
    checks: list[CheckRow]


class Shown(Looked):
    """What was shown over time for one step of capital, under one policy."""

    rung: str
    policy: str


class Permission(TypedDict):
    """A permission to open positions with real money; `broken` is the link of the chain that does not hold, null for none."""

    name: str
    account: str
    id: str
    step: str
    order_usd: Amount | None
    day_usd: Amount | None
    armed_by: str
    expires: Time
    left_s: Seconds
    waivers: list[str]
    broken: str | None
    text: str
    next: str


class EvidenceRow(TypedDict):
    """One piece of evidence."""

    id: str
    kind: str
    subject: str
    passed: bool
    age_s: Seconds
    created: Time
    expires: Time


class Imported(TypedDict):
    """A piece of evidence that was taken over."""

    id: str
    kind: str
    subject: str
    passed: bool


class DoctorRow(TypedDict):
    """One check of host or installation."""

    check: str
    result: Check
    age_s: Seconds | None
    detail: str
    fix: str
