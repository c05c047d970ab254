"""
What a fault led to, beside what was looked for: halts, incidents, acts of the guardian. Pure functions over rows.

A drill names all of it. What must come is named, what may come beside it (by where the market stands, or by what a busy machine
delays) is named too, and anything else that came makes the drill fail.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from playd.ops.drills.catalog import Drill

Row = Mapping[str, Any]

STOP, CLOSE, CANCEL, PANIC, OPEN = "stop", "close", "cancel", "panic", "open"
"""Acts of a guardian; the last one is none of its business."""

CREATE: Final = "/v5/order/create"
_READS: Final = frozenset({"list", "realtime", "history", "query-api", "time"})
"""The last words of the paths that a guardian reads; whatever else it asks for is an act."""

_PATHS: Final = {"/v5/position/trading-stop": STOP, "/v5/order/cancel": CANCEL, "/v5/order/cancel-all": CANCEL}

OF_THE_MACHINE: Final = ("SLO_*",)
"""Figures over time: how long something took is the machine's matter, and one fault spoils the share of a day."""

WHEN_BUSY: Final = ("GUARDIAN_SILENT",)
"""What a machine with much else to do leads to by itself, by keeping a process from its turn for ten seconds; it closes."""


@dataclass(frozen=True, slots=True)
class Consequences:
    """
    Attributes:
        halts: Every halt that was raised, as its code and level, each once.
        incidents: Every kind of incident that was opened.
        still_open: Those of them that nobody has closed.
        guardian: How often the guardian did what.
    """

    halts: tuple[str, ...] = ()
    incidents: tuple[str, ...] = ()
    still_open: tuple[str, ...] = ()
    guardian: Mapping[str, int] = field(default_factory=dict)

    @property
    def level(self) -> int:
        """The highest level that was raised, 0 for none."""
        return max((int(each.rpartition(" ")[2]) for each in self.halts), default=0)


def consequences(halts: Iterable[Row], incidents: Sequence[Row], guardian: Mapping[str, int]) -> Consequences:
    """Out of the rows of the daemon's ledger and the acts of its guardian."""
    return Consequences(
        tuple(sorted({f"{row['code']} {row['level']}" for row in halts})),
        tuple(sorted({row["kind"] for row in incidents})),
        tuple(sorted({row["kind"] for row in incidents if row["resolved_ms"] is None})),
        dict(sorted(guardian.items())),
    )


def acts(records: Iterable[Row], requests: Iterable[Row]) -> dict[str, int]:
    """What a guardian did: by its journal, or by the `requests` under its key in the exchange's ledger, whoever says more."""
    said: Counter[str] = Counter()
    for record in records:
        match record["kind"]:
            case "stop.repaired":
                said[STOP] += 1
            case "order.sent":
                said[record["data"]["action"]] += 1
            case "panic.result":
                said[PANIC] += 1
    sent = Counter(_act(row) for row in requests if row["path"].rpartition("/")[2] not in _READS)
    return dict(said | sent)


def _act(request: Row) -> str:
    """What a request of the guardian's is for; one that is nothing else is named by its path."""
    if request["path"] == CREATE:
        return CLOSE if request["params"].get("reduceOnly") else OPEN
    path: str = request["path"]
    return _PATHS.get(path, path)


def judged(drill: Drill, found: Consequences) -> list[tuple[bool, str]]:
    """Rows of the table: whether what came is what the drill names, and what is to be read there."""
    main = (drill.incident,) if drill.incident else ()
    return [
        _row("halts", found.halts, drill.halts, drill.may_halt),
        _row("incidents", found.incidents, (*main, *drill.opens), (*drill.may_open, *drill.stays, *OF_THE_MACHINE, *WHEN_BUSY)),
        _row("incidents left open", found.still_open, (), (*drill.stays, *OF_THE_MACHINE)),
        _row("acts of the guardian", tuple(found.guardian), (), drill.guardian),
    ]


def _row(what: str, came: Sequence[str], must: Sequence[str], may: Sequence[str]) -> tuple[bool, str]:
    missing = [each for each in must if each not in came]
    other = [each for each in came if not any(fnmatchcase(each, name) for name in (*must, *may))]
    if missing or other:
        parts = ((" missing", missing), (" that nobody expects", other))
        return False, ", ".join(f"{what}{text}: {', '.join(each)}" for text, each in parts if each)
    return True, f"{what}: {', '.join(came) or 'none'}"
