"""What the methods answer about the daemon itself: health, objectives, rates, incidents, alerts, backups, keys, settings."""

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from playd.control.answer_parts import Figure, Head, Mode, Reason, Seconds, Time
from playd.control.arming_answers import DoctorRow
from playd.control.look_answers import VerdictInShort


class HealthCheck(TypedDict):
    """One condition of readiness; `reason` is what is wrong or what is known, `age_s` how old that is."""

    name: str
    ok: bool
    reason: str
    age_s: Seconds | None


class InstanceHealth(TypedDict):
    """Whether an instance is well, and the figures that say so."""

    healthy: bool
    name: str
    mode: Mode
    state: str
    reasons: list[Reason]
    feed_age_s: Seconds | None
    bar_age_s: Seconds | None
    position: Figure
    stop_at_venue: Figure
    last_verdict: VerdictInShort | None
    halt_level: int


class Health(TypedDict):
    """Alive, ready with its checks, and every instance."""

    alive: bool
    ready: bool
    checks: list[HealthCheck]
    instances: list[InstanceHealth]


class Metrics(TypedDict):
    """Every metric in the text form of Prometheus."""

    text: str


class SloRow(TypedDict):
    """One objective on one scope; `value` and `objective` are in `unit`. `why` is what it means, or why it is not known."""

    name: str
    scope: str
    value: str | None
    unit: str
    objective: str
    budget_left_pct: int | None
    state: str
    why: str
    since: Time | None


class UsedBy(TypedDict):
    """Whose requests of today."""

    name: str
    requests: int


class RateRow(TypedDict):
    """One bucket of the rate budget: requests of its present window, and what was waited for them."""

    bucket: str
    limit: int
    usable: int
    used: int
    left: int
    blocked_s: Seconds | None
    wait_p50_ms: float
    wait_p99_ms: float
    refused: int
    used_by: list[UsedBy]


class IncidentRow(TypedDict):
    """Something that a person must know."""

    id: str
    number: int
    severity: str
    state: str
    scope: str
    kind: str
    text: str
    opened: Time
    reopened: Time | None
    age_s: Seconds | None
    count: int
    acked_by: str | None
    acked: Time | None
    resolved: Time | None
    note: str


class AlertRow(TypedDict):
    """One alert on one route; `what` is the event, the kind and the scope of its incident."""

    id: int
    route: str
    severity: str
    status: str
    tries: int
    age_s: Seconds | None
    what: str
    error: str
    dedup: str


class Incident(IncidentRow):
    """The same with what it means, where to read on, what to type first, and who was told."""

    meaning: str
    runbook: str
    first_command: str
    alerts: list[AlertRow]


class RouteRow(TypedDict):
    """One route; `verified` within the last seven days."""

    route: str
    verified: bool


class Alerts(TypedDict):
    """Routes, and the newest alerts."""

    routes: list[RouteRow]
    rows: list[AlertRow]


class AlertTest(TypedDict):
    """What became of the test of one route."""

    route: str
    status: str
    error: str


class Verified(TypedDict):
    """A route whose code a person has typed."""

    route: str
    verified: bool


class BackupRow(TypedDict):
    """One backup; `journal_head` is how far the journal was. An age is null where the clock was set back since."""

    id: str
    age_s: Seconds | None
    size_bytes: int
    version: str
    journal_head: Head
    files: int
    verified_age_s: Seconds | None


class BackupVerified(TypedDict):
    """Whether a backup is whole."""

    id: str
    whole: bool


class Chain(TypedDict):
    """What a look at the journal's chain came to; `said` is empty for a whole one."""

    result: str
    said: str
    head_seq: int
    head_hash: str


class Key(TypedDict):
    """The key of an account as its venue sees it. `days_left` is null for a key that does not expire."""

    account: str
    environment: str
    uid: str
    accepted: bool
    refusal: str | None
    can_trade: bool
    can_withdraw: bool
    bound_to_addresses: bool
    days_left: int | None


class KeyChange(TypedDict):
    """Fingerprints of the key before and of the one in use now."""

    account: str
    uid: str
    before: str
    key: str
    changed: bool


class ConfigRow(TypedDict):
    """One setting; `waits` is the value of the file that waits for a start or the phrase."""

    key: str
    value: str
    origin: str
    since: Time
    waits: str | None


class ChangeRow(TypedDict):
    """One key that differs from what holds, and when that takes effect."""

    key: str
    before: str | None
    after: str | None
    takes: Literal["now", "restart", "phrase"]


class Changes(TypedDict):
    """What differs, and the digest of all settings behind it."""

    digest: str
    changes: list[ChangeRow]


class Checkup(TypedDict):
    """A look at host and installation; `done` is what was mended first, `report` the file in the state directory."""

    kind: str
    created_ms: int
    playd: str
    code: str
    python: str
    done: list[str]
    checks: list[DoctorRow]
    healthy: bool
    report: str


class LogLine(TypedDict):
    """One line of the log, the `n`-th of this life; its other fields are those of its event."""

    __pydantic_config__ = {"extra": "allow"}  # type: ignore[misc]  # noqa: RUF012 - read by pydantic

    ts: Time
    level: str
    event: str
    n: int
    msg: NotRequired[str]


class JournalRecord(TypedDict):
    """
    One record of the journal, with its time and the name of its instance. Older ones have no `mode`.

    `cause` is the number of another record, or the id of what led to it.
    """

    v: int
    seq: int
    ts_ms: int
    mono_ms: int
    kind: str
    account: str | None
    mode: NotRequired[str | None]
    instance: str | None
    symbol: str | None
    actor: str
    cause: str | int | None
    data: dict[str, Any]
    prev: str
    hash: str
    time: Time
    name: str
