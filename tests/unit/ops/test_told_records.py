"""Who follows the log sees incidents and halts, with the names that its filters know."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from playd.core.canonical import Json
from playd.ops.events import EVENTS
from playd.ops.told_records import tell_record

NAKED: dict[str, Json] = {
    "incident": 7,
    "kind": "NAKED",
    "severity": "critical",
    "scope": "symbol:main/BTCUSDT",
    "text": "no stop",
}
LEVEL: dict[str, Json] = {"scope": "instance:u1", "level": 2, "code": "DAY_LOSS", "text": "3.1 % lost"}


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        (
            "incident.open",
            NAKED,
            {"log_level": "critical", "incident": 7, "account": "main", "symbol": "BTCUSDT", "reason": "NAKED"},
        ),
        ("incident.reopen", {**NAKED, "severity": "warning"}, {"log_level": "warning", "msg": "no stop", "seq": 41}),
        ("incident.resolve", {"kind": "NAKED", "scope": "account:main", "note": "set"}, {"log_level": "info", "msg": "set"}),
        ("halt.raised", LEVEL, {"log_level": "warning", "instance": "alpha", "value": 2, "reason": "DAY_LOSS"}),
        ("halt.raised", {**LEVEL, "level": 1, "scope": "all"}, {"log_level": "info", "scope": "all"}),
        (
            "halt.lifted",
            {"scope": "instance:u2", "level": 2, "code": "X", "note": "seen"},
            {"log_level": "info", "instance": "u2"},
        ),
    ],
)
def test_a_record_that_a_person_must_see_is_a_line(kind: str, data: dict[str, Json], expected: dict[str, Any]) -> None:
    with capture_logs() as lines:
        tell_record(kind, {"seq": 41, "data": data}, {"u1": "alpha"})
        tell_record("incident.note", {"seq": 42, "data": {"scope": "all", "note": "x"}}, {})
    (line,) = lines
    assert line["event"] == kind in EVENTS
    assert expected.items() <= line.items()
    assert line.keys() - {"event", "log_level", "msg"} <= set(EVENTS[kind].fields.split())
