"""What a fault led to is told from two ledgers and a journal, and anything that a drill does not name makes it fail."""

from dataclasses import replace
from typing import Any, Final

import pytest

from playd.ops.drills.catalog import Drill
from playd.ops.drills.consequences import Consequences, acts, consequences, judged

DRILL: Final = Drill(
    "DRL-99", 1, "a drill", "something bad", "nothing lost",
    halts=("BLIND 1", "BLIND 2"), may_halt=("NAKED 2",), incident="BLIND", opens=("STOP_LOST",), may_open=("NAKED",),
    guardian=("stop",), stays=("NAKED",),
)  # fmt: skip
AS_NAMED: Final = Consequences(("BLIND 1", "BLIND 2"), ("BLIND", "STOP_LOST"))


def halt(code: str, level: int) -> dict[str, Any]:
    return {"code": code, "level": level}


def incident(kind: str, resolved_ms: int | None) -> dict[str, Any]:
    return {"kind": kind, "resolved_ms": resolved_ms}


def test_every_halt_and_incident_is_told_once_and_what_is_open_beside() -> None:
    halts = [halt("BLIND", 2), halt("BLIND", 1), halt("BLIND", 2)]
    incidents = [incident("NAKED", 5), incident("BLIND", 5), incident("NAKED", None)]
    found = consequences(halts, incidents, {"stop": 1})
    assert found == Consequences(("BLIND 1", "BLIND 2"), ("BLIND", "NAKED"), ("NAKED",), {"stop": 1})
    assert found.level == 2
    assert Consequences().level == 0


def request(path: str, **params: Any) -> dict[str, Any]:
    return {"path": path, "params": params}


@pytest.mark.parametrize(
    ("records", "requests", "done"),
    [
        ([], [request("/v5/position/list"), request("/v5/order/realtime"), request("/v5/user/query-api")], {}),
        ([{"kind": "stop.repaired", "data": {}}], [], {"stop": 1}),
        ([{"kind": "stop.repaired", "data": {}}], 2 * [request("/v5/position/trading-stop")], {"stop": 2}),
        ([{"kind": "order.sent", "data": {"action": "cancel"}}], [request("/v5/order/cancel")], {"cancel": 1}),
        ([{"kind": "panic.step", "data": {}}, {"kind": "panic.result", "data": {}}], [], {"panic": 1}),
        ([], [request("/v5/order/create", reduceOnly=True)], {"close": 1}),
        ([], [request("/v5/order/create", reduceOnly=False), request("/v5/order/create")], {"open": 2}),
        ([], [request("/v5/position/set-leverage")], {"/v5/position/set-leverage": 1}),
    ],
)
def test_what_a_guardian_did_is_told_by_its_journal_or_by_the_venues_ledger(
    records: list[dict[str, Any]], requests: list[dict[str, Any]], done: dict[str, int]
) -> None:
    assert acts(records, requests) == done


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        (AS_NAMED, []),
        (replace(AS_NAMED, halts=(*AS_NAMED.halts, "NAKED 2"), guardian={"stop": 3}), []),
        (replace(AS_NAMED, incidents=("BLIND", "NAKED", "SLO_LOOP", "STOP_LOST"), still_open=("NAKED", "SLO_LOOP")), []),
        (replace(AS_NAMED, halts=("BLIND 1",)), ["halts missing: BLIND 2"]),
        (replace(AS_NAMED, halts=(*AS_NAMED.halts, "PANIC 4")), ["halts that nobody expects: PANIC 4"]),
        (replace(AS_NAMED, halts=("BLIND 1", "BLIND 3")), ["halts missing: BLIND 2, halts that nobody expects: BLIND 3"]),
        (replace(AS_NAMED, incidents=("STOP_LOST",)), ["incidents missing: BLIND"]),
        (replace(AS_NAMED, incidents=("BLIND",)), ["incidents missing: STOP_LOST"]),
        (replace(AS_NAMED, incidents=("BLIND", "OVERFILL", "STOP_LOST")), ["incidents that nobody expects: OVERFILL"]),
        (replace(AS_NAMED, incidents=("BLIND", "GUARDIAN_SILENT", "STOP_LOST")), []),
        (replace(AS_NAMED, still_open=("GUARDIAN_SILENT",)), ["incidents left open that nobody expects: GUARDIAN_SILENT"]),
        (replace(AS_NAMED, still_open=("BLIND",)), ["incidents left open that nobody expects: BLIND"]),
        (replace(AS_NAMED, guardian={"close": 1, "stop": 1}), ["acts of the guardian that nobody expects: close"]),
    ],
)
def test_a_drill_names_all_that_its_fault_leads_to(found: Consequences, wrong: list[str]) -> None:
    assert [seen for held, seen in judged(DRILL, found) if not held] == wrong


def test_the_level_of_a_drill_is_the_highest_of_its_halts() -> None:
    assert (DRILL.level_expected, replace(DRILL, halts=()).level_expected) == (2, 0)
