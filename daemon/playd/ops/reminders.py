"""
What is on record of critical incidents that nobody acknowledges: that they were said again, and that people were too slow.

Every `ack_repeat_min` a `repeat` (of some kinds every minute), once at `ack_second_min` an `sla_breach`, as the alerts go out.
What was told is kept: a restart neither repeats nor forgets one.
"""

import math
from typing import Final

import orjson

from playd.ops.incident_kinds import repeat_min
from playd.orders.incidents import Incident, Incidents
from playd.orders.ledger import Ledger
from playd.settings.model import Incidents as IncidentSettings

KEY: Final = "incident_reminders"


class Reminders:
    """`step` every second. One of them writes the row `incident_reminders` of the ledger's `meta`."""

    def __init__(self, ledger: Ledger, incidents: Incidents) -> None:
        self._ledger = ledger
        self._incidents = incidents
        kept = orjson.loads(ledger.meta(KEY) or "{}")
        self._told: dict[str, int] = {str(name): int(count) for name, count in kept.items()}
        """How often each kind of record was told of an incident, by kind, number and beginning of the incident."""

    def step(self, settings: IncidentSettings, now_ms: int) -> None:
        """Put on record what is due now, and forget what is over."""
        unseen = [each for each in self._incidents.open_ones() if each.severity == "critical" and each.acked_ms is None]
        due: dict[str, int] = {}
        for each in unseen:
            age_min = (now_ms - each.since_ms) / 60_000
            every_min = repeat_min(each.kind, settings.ack_repeat_min)
            self._tell(each, "incident.repeat", math.floor(age_min / every_min), due, every_min)
            self._tell(each, "incident.sla_breach", int(age_min >= settings.ack_second_min), due, settings.ack_second_min)
        if due != self._told:
            self._told = due
            self._ledger.set_meta(KEY, orjson.dumps(due).decode())

    def _tell(self, incident: Incident, kind: str, count: int, due: dict[str, int], every_min: int) -> None:
        """Tell once, however many came due while nobody looked."""
        key = f"{kind}:{incident.id}:{incident.since_ms}"
        before = self._told.get(key, 0)
        if count > before:
            self._incidents.remind(incident, kind, f"not acknowledged for {count * every_min} min")
        if count or before:
            due[key] = max(count, before)
