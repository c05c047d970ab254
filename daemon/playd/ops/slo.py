"""
Breaches of objectives as intervals with a beginning and an end. Pure, but for `Breaches`, which writes down what opens and
closes; `objectives_of` says what every figure may be here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from playd.core.canonical import Json
from playd.core.objectives import BY_NAME, Objective
from playd.core.record import Recorder
from playd.settings.model import Settings

PEAK_STEP: Final = 1.2
"""A breach whose value grew by a fifth is written down again."""


def objectives_of(settings: Settings) -> Mapping[str, Objective]:
    """Every objective by name, as the settings tighten it; of two keys for one limit (`streams.alert_*`) the tighter one."""
    streams = settings.streams
    found = dict(BY_NAME)
    found["private_down"] = replace(found["private_down"], warning=streams.alert_warn_s, critical=streams.alert_critical_s)
    for name, given in settings.slo.items():
        present = found[name]
        tighter = max if present.low else min
        asked = {limit: value for limit, value in given.model_dump().items() if value is not None}
        found[name] = replace(present, **{limit: tighter(value, getattr(present, limit)) for limit, value in asked.items()})
    return found


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure now. `value` None: nobody knows, and `why` says why."""

    name: str
    scope: str
    value: float | None
    why: str = ""


@dataclass(slots=True)
class Breach:
    """One that goes on. `incident` is what people call the incident about it."""

    id: str
    name: str
    scope: str
    severity: str
    opened_ms: int
    peak: float
    incident: str = ""


class Breaches:
    """
    The breaches that go on. `on_open(breach, text)` and `on_close` hear of each, for incidents; `on_open` gives the name of the
    incident, also when the breach has become worse.
    """

    def __init__(
        self,
        journal: Recorder,
        write_line: Callable[[dict[str, Json]], None],
        on_open: Callable[[Breach, str], str],
        on_close: Callable[[Breach, str], None],
        objectives: Mapping[str, Objective] = BY_NAME,
    ) -> None:
        self.objectives = objectives
        self._journal = journal
        self._write_line = write_line
        self._on_open = on_open
        self._on_close = on_close
        self.open: dict[tuple[str, str], Breach] = {}
        self._unknown_since_ms: dict[tuple[str, str], int] = {}

    def take(self, readings: list[Reading], now_ms: int) -> None:
        """Open, raise and close breaches by these readings. A scope that is not read any more is over."""
        present = {(each.name, each.scope) for each in readings}
        for each in readings:
            self._judge(each, now_ms)
        for key in [key for key in self.open if key not in present]:
            self._close(key, None, now_ms)
        self._unknown_since_ms = {key: since for key, since in self._unknown_since_ms.items() if key in present}

    def _judge(self, reading: Reading, now_ms: int) -> None:
        objective, key = self.objectives[reading.name], (reading.name, reading.scope)
        if reading.value is None:
            since_ms = self._unknown_since_ms.setdefault(key, now_ms)
            if now_ms - since_ms < 2000 * objective.window_s:
                return
            severity, value, text = "warning", 0.0, f"{reading.name}: nobody knows: {reading.why}"
        else:
            self._unknown_since_ms.pop(key, None)
            severity, value = objective.severity(reading.value), reading.value
            text = f"{objective.meaning}: {value:.4g} {objective.unit}, objective {objective.objective:g} {objective.unit}"
        found = self.open.get(key)
        if not severity:
            if found is not None:
                self._close(key, reading.value, now_ms)
        elif found is None:
            breach = Breach(f"{reading.name}/{reading.scope}/{now_ms}", reading.name, reading.scope, severity, now_ms, value)
            self.open[key] = breach
            breach.incident = self._on_open(breach, text)
            self._tell("open", breach, value, now_ms, text)
        elif (severity, found.severity) == ("critical", "warning") or (
            reading.value is not None and _is_worse(objective, value, found.peak)
        ):
            found.peak, found.severity = value, severity if severity == "critical" else found.severity
            found.incident = self._on_open(found, text)
            self._tell("peak", found, value, now_ms, text)

    def _close(self, key: tuple[str, str], value: float | None, now_ms: int) -> None:
        breach = self.open.pop(key)
        note = "back within its objective" if value is not None else "nothing to measure any more"
        self._on_close(breach, note)
        self._tell("close", breach, value, now_ms, note)

    def _tell(self, event: str, breach: Breach, value: float | None, now_ms: int, evidence: str) -> None:
        objective = self.objectives[breach.name]
        line: dict[str, Json] = {
            "v": 1,
            "ts_ms": now_ms,
            "event": event,
            "breach_id": breach.id,
            "name": breach.name,
            "scope": breach.scope,
            "severity": breach.severity,
            "value": None if value is None else f"{value:.6g}",
            "threshold": f"{objective.critical if breach.severity == 'critical' else objective.warning:g}",
            "unit": objective.unit,
            "opened_ms": breach.opened_ms,
            "closed_ms": now_ms if event == "close" else None,
            "duration_s": (now_ms - breach.opened_ms) // 1000,
            "evidence": [evidence],
            "incident_id": breach.incident,
        }
        self._write_line(line)
        if event != "peak":
            self._journal.append(f"slo.{event}", {name: value for name, value in line.items() if name not in ("v", "event")})


def _is_worse(objective: Objective, value: float, peak: float) -> bool:
    """Whether a value is so much worse than the worst of its breach that it is worth a word."""
    if objective.low:
        return value * PEAK_STEP < peak
    return abs(value) > PEAK_STEP * max(abs(peak), 1e-9)
