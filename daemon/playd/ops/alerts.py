"""
Alerts: from incidents to people. Every second incidents become rows, and each route has a task of its own that sends them,
so that a provider that hangs delays nothing but itself.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import anyio
import orjson
import structlog

from playd.core.record import Recorder
from playd.core.secret import redact
from playd.core.timeframes import DAY_MS
from playd.ops.alert_rows import BACKOFF_MAX_MS, AlertRow, AlertRows
from playd.ops.alert_senders import SEND_WITHIN_S, NotTaken, Sender, concerns
from playd.ops.alert_text import text_of
from playd.ops.incident_kinds import kind_of, repeat_min
from playd.orders.incidents import Incident, Incidents
from playd.settings.model import AlertRoute
from playd.settings.model import Incidents as IncidentSettings
from playd.world.ports import Clock

LOOK_EVERY_S: Final = 1.0
FORGET_EVERY_S: Final = 86_400.0
GIVE_UP_CRITICAL_MS: Final = DAY_MS
GIVE_UP_WARNING_MS: Final = 2 * 3_600_000
GIVE_UP_TRIES: Final = 20
"""An hour of tries at least: a wall clock that is set ahead gives nothing up, nor does a day without the daemon."""

FAILED_TRIES: Final = 3
"""After so many failures the routes for emergencies are used too."""

SAID_MS: Final = 3_600_000
"""An incident that ended longer ago than this is not told to have ended."""

UNDELIVERED: Final = "ALERT_UNDELIVERED"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Route:
    """A route of the settings and its way out."""

    settings: AlertRoute
    sender: Sender

    @property
    def name(self) -> str:
        return self.settings.name

    def takes(self, severity: str, kind: str, scope: str) -> bool:
        """Whether an incident is this route's business."""
        route = self.settings
        graver = severity == "critical" or route.min_severity == "warning"
        return graver and concerns(route, kind, scope)


class AlertDesk:
    """
    Queues and sends alerts. `run` until cancelled; `step` is one look, for tests and for a person's test alert.

    `who` names this daemon in every text.
    """

    def __init__(
        self,
        clock: Clock,
        rows: AlertRows,
        incidents: Incidents,
        journal: Recorder,
        settings: IncidentSettings,
        routes: Sequence[Route],
        who: str,
    ) -> None:
        self._clock = clock
        self.rows = rows
        self._incidents = incidents
        self._journal = journal
        self._settings = settings
        self.routes = {route.name: route for route in routes}
        self._who = who
        self._tried = anyio.Event()
        """Set after the next attempt of any route."""
        self._news = {route.name: anyio.Event() for route in routes}

    async def run(self) -> None:
        """Look each second, send by every route at once."""
        async with anyio.create_task_group() as group:
            for route in self.routes.values():
                group.start_soon(self._serve, route, name=f"alert route {route.name}")
            forgot_s = -math.inf
            while True:
                if self._clock.mono_s() - forgot_s >= FORGET_EVERY_S:
                    forgot_s = self._clock.mono_s()
                    self.rows.forget_old(self._clock.wall_ms())
                self.step()
                await anyio.sleep(LOOK_EVERY_S)

    def step(self) -> None:
        """Queue what is to be said now and was not said yet."""
        now_ms, added = self._clock.wall_ms(), False
        for incident in self._incidents.open_ones():
            for route, dedup, event in self._to_say(incident, now_ms):
                added |= self._queue(route, incident, dedup, event, now_ms)
        for incident in self._incidents.resolved_since(now_ms - SAID_MS):
            for route in self.routes.values():
                if self.rows.of(route.name, _opened_key(incident)) is not None:
                    added |= self._queue(route, incident, f"{incident.id}:resolved{_time(incident)}", "resolved", now_ms)
        if added:
            self.rows.commit()

    def queue_test(self, route: Route, code: str) -> str:
        """Queue a test alert with a code that only its receiver can know; its dedup key."""
        now_ms, dedup = self._clock.wall_ms(), f"test:{code}"
        message = {
            "daemon": self._who,
            "event": "test",
            "severity": "critical",
            "kind": "TEST",
            "scope": "all",
            "detail": f"test of route {route.name}; the code is {code}",
            "command": f"playctl notify verify {code}",
        }
        self.rows.add(route.name, "critical", dedup, orjson.dumps(message).decode(), incident=0, now_ms=now_ms, next_ms=now_ms)
        self.rows.commit()
        self.poke(route.name)
        return dedup

    async def outcome(self, route: str, dedup: str) -> AlertRow | None:
        """An alert once it was sent or has failed for the first time; None when there is none of that key."""
        while (found := self.rows.of(route, dedup)) is not None and found.status == "queued" and not found.attempts:
            await self._tried.wait()
        return found

    def poke(self, name: str) -> None:
        """Have a route look at its queue now."""
        if name in self._news:
            news, self._news[name] = self._news[name], anyio.Event()
            news.set()

    def _to_say(self, incident: Incident, now_ms: int) -> Iterator[tuple[Route, str, str]]:
        """What each route should have been told about an open incident by now."""
        opened = _opened_key(incident)
        age_min = (now_ms - incident.since_ms) / 60_000
        critical = incident.severity == "critical" and incident.acked_ms is None
        repeats = math.floor(age_min / repeat_min(incident.kind, self._settings.ack_repeat_min)) if critical else 0
        for route in self.routes.values():
            # That a route fails is news for the others.
            own = incident.scope == f"route:{route.name}"
            if own or not route.takes(incident.severity, incident.kind, incident.scope):
                continue
            if route.settings.backup_only and not (
                (critical and age_min >= self._settings.ack_second_min) or self._failing(incident, opened)
            ):
                continue
            yield route, opened, "open" if incident.reopened_ms is None else "reopen"
            if repeats and not route.settings.backup_only:
                yield route, f"{incident.id}:repeat:{repeats}{_time(incident)}", "repeat"

    def _failing(self, incident: Incident, opened: str) -> bool:
        """Whether every ordinary route that was to tell of an incident has failed to."""
        ordinary = [
            route
            for route in self.routes.values()
            if not route.settings.backup_only and route.takes(incident.severity, incident.kind, incident.scope)
        ]
        tried = [self.rows.of(route.name, opened) for route in ordinary]
        return all(
            each is not None and each.status != "sent" and (each.attempts >= FAILED_TRIES or each.status == "dead")
            for each in tried
        )

    def _queue(self, route: Route, incident: Incident, dedup: str, event: str, now_ms: int) -> bool:
        if self.rows.of(route.name, dedup) is not None:
            return False
        body = orjson.dumps(self._message(incident, event)).decode()
        next_ms = now_ms
        if incident.severity != "critical" and route.settings.quiet_hours:
            next_ms = quiet_until_ms(route.settings.quiet_hours, now_ms)
        added = self.rows.add(route.name, incident.severity, dedup, body, incident=incident.id, now_ms=next_ms, next_ms=next_ms)
        self.poke(route.name)
        return added

    def _message(self, incident: Incident, event: str) -> dict[str, Any]:
        known = kind_of(incident.kind)
        return {
            "daemon": self._who,
            "event": event,
            "severity": incident.severity,
            "kind": incident.kind,
            "scope": incident.scope,
            "meaning": known.meaning,
            "detail": redact(incident.text if event != "resolved" else f"{incident.text}; over: {incident.note}"),
            "count": incident.count,
            "opened_ms": incident.opened_ms,
            "incident": incident.name,
            "runbook": known.page,
            "command": known.command,
        }

    async def _serve(self, route: Route) -> NoReturn:
        """Send what is due, one after the other, in order."""
        while True:
            news = self._news[route.name]
            alert = self.rows.due(route.name, self._clock.wall_ms())
            if alert is None:
                with anyio.move_on_after(LOOK_EVERY_S):
                    await news.wait()
                continue
            await self._send(route, alert)
            tried, self._tried = self._tried, anyio.Event()
            tried.set()

    async def _send(self, route: Route, alert: AlertRow) -> None:
        message: dict[str, Any] = orjson.loads(alert.body)
        error = f"no answer within {SEND_WITHIN_S:g} s"
        with anyio.move_on_after(SEND_WITHIN_S + 1.0):
            try:
                await route.sender.send(message, text_of(message), f"{self._who}-{alert.id}")
                error = ""
            except NotTaken as refusal:
                error = redact(str(refusal))
        now_ms = self._clock.wall_ms()
        if not error:
            self.rows.sent(alert, now_ms)
            self._journal.append("alert.sent", {"alert": alert.id, "route": route.name, "dedup": alert.dedup})
            self._incidents.resolve(UNDELIVERED, f"route:{route.name}", "an alert was delivered")
            return
        _log.warning("alert.failed", msg=f"{route.name}: {error}", value=alert.attempts + 1, unit="tries")
        give_up_ms = GIVE_UP_CRITICAL_MS if alert.severity == "critical" else GIVE_UP_WARNING_MS
        if now_ms - alert.created_ms >= give_up_ms and alert.attempts + 1 >= GIVE_UP_TRIES:
            self.rows.dead(alert, error, now_ms)
            self._journal.append("alert.dead", {"alert": alert.id, "route": route.name, "dedup": alert.dedup, "error": error})
        else:
            self.rows.failed(alert, error, now_ms + min(BACKOFF_MAX_MS, 1000 * 2 ** min(alert.attempts, 20)))
        if alert.attempts + 1 >= FAILED_TRIES:
            self._incidents.open(UNDELIVERED, "warning", f"route:{route.name}", f"{alert.attempts + 1} tries failed: {error}")


def _opened_key(incident: Incident) -> str:
    """What the alert about a beginning is known by: one for each severity and each time that it began."""
    return f"{incident.id}:open:{incident.severity}{_time(incident)}"


def _time(incident: Incident) -> str:
    return "" if incident.reopened_ms is None else f":{incident.reopened_ms}"


def quiet_until_ms(hours: str, now_ms: int) -> int:
    """The end of quiet hours (`22:00-06:00` UTC) when `now_ms` is in them, else `now_ms`."""
    begin, end = (_minute(part) for part in hours.split("-"))
    minute = now_ms % DAY_MS // 60_000
    inside = begin <= minute < end if begin <= end else minute >= begin or minute < end
    if not inside:
        return now_ms
    days = 1 if begin > end and minute >= begin else 0
    return now_ms // DAY_MS * DAY_MS + days * DAY_MS + end * 60_000


def _minute(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 60 + int(minute)
