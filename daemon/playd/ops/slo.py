"""
Objectives: what a figure may be before somebody must look, and breaches as intervals with a beginning and an end. Pure,
but for `Breaches`, which writes down what opens and closes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from playd.core.canonical import Json
from playd.core.record import Recorder

PEAK_STEP: Final = 1.2
"""A breach whose value grew by a fifth is written down again."""


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
    ) -> None:
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
        objective, key = BY_NAME[reading.name], (reading.name, reading.scope)
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
        objective = BY_NAME[breach.name]
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
