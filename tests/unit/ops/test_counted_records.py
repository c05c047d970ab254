"""What is counted of the journal: each check and each repair once, and nothing else."""

from typing import Any

from playd.ops.counted_records import count_record
from playd.ops.meters import Meters


def test_checks_and_repairs_are_counted_once_by_what_they_came_to() -> None:
    meters = Meters()
    told: list[tuple[str, dict[str, Any]]] = [
        ("fill.check", {"result": "match", "link_id": "a"}),
        ("fill.check", {"result": "match", "link_id": "b"}),
        ("fill.check", {"result": "blind", "link_id": "b"}),
        ("recon.repair", {"kind": "protect", "note": "no stop"}),
        ("recon.repair", {"kind": "protect", "note": "no stop", "became": "set"}),
        ("recon.run", {"result": "match"}),
    ]
    for kind, data in told:
        count_record(kind, {"data": data, "account": "main"}, meters)
    assert meters.counters == {
        "playd_fill_checks_total": {("match",): 2.0, ("blind",): 1.0},
        "playd_recon_repairs_total": {("main", "protect"): 1.0},
    }
