"""Records of the journal that are counted as they are sealed: checks behind fills, and repairs of reconciliations."""

from collections.abc import Mapping
from typing import Any

from playd.core.canonical import Json
from playd.ops.meters import Meters


def count_record(kind: str, record: Mapping[str, Json], meters: Meters) -> None:
    """Count one record; nothing for other kinds. A repair is on record before and behind it, and counts once."""
    data: Any = record["data"]
    if kind == "fill.check":
        meters.count("fill_checks_total", str(data["result"]))
    elif kind == "recon.repair" and "became" not in data:
        meters.count("recon_repairs_total", str(record["account"] or ""), str(data["kind"]))
