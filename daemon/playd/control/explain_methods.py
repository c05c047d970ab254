"""`explain.get`: why a running instance acted at a bar or did not, from its own columns and the verdicts in the ledger."""

from collections.abc import Iterable
from pathlib import PurePath
from typing import Final

import numpy as np

from playd.control.context import Daemon
from playd.control.dispatch import Call
from playd.control.explain_rows import bar_row, explanation, statistics_object
from playd.control.figures import rfc3339, rounded
from playd.control.params import Explain
from playd.control.protocol import Code, RpcError
from playd.control.record_answers import BarRow, Explained, GateRow, Gates, JudgedEntry, LastGate
from playd.engine.records import VERDICTS
from playd.engine.statistics import bar_statistics
from playd.engine.verdicts import said
from playd.orders.gates import Refusal
from playd.orders.judged import Judged
from playd.orders.on_record import OnRecord
from playd.plays.columns import Columns
from playd.supervisor.errors import NotRunning
from playd.supervisor.slot import Slot

COUNTED: Final = 10_000
"""Bars of statistics when nobody says how many: reading and counting them holds the loop for a few hundredths of a second."""

LISTED: Final = 500
"""Most bars that one answer lists."""

_BY_GATES: Final = tuple(word for word in VERDICTS if word != "ENTERED")
"""Verdicts that the gates have no part in; of every other one they have the last word."""


async def explain(daemon: Daemon, params: Explain, call: Call) -> Explained:
    """One bar with its trees, lines of the newest bars, or counts. Without columns what is on record of an entry alone."""
    slot = daemon.supervisor.find(params.name)
    if params.at_ms is not None and (params.last is not None or params.stats):
        raise RpcError(Code.INVALID_PARAMS, "at_ms names one bar, last and stats are about the newest: give one of them")
    if slot.engine is None:
        text = f"{slot.name} is {slot.state}; its columns exist while it runs: playctl start {slot.name}"
        on_record = None if params.last is not None or params.stats else _on_record(daemon, slot, params.at_ms, text)
        if on_record is None:
            raise NotRunning(text)
        return on_record
    engine = slot.engine.engine
    columns, closes = engine.columns, engine.columns.close_times_ms(engine.columns.program.decision_clock)
    head = _head(daemon, slot, engine.play.name, columns.program.clocks[columns.program.decision_clock].name)
    first = columns.explained_from
    if params.stats:
        stored = _stored(daemon, slot, limit=params.last or COUNTED)
        since_ms = int(closes[first]) if first < len(closes) else 2**62
        kept = {close_ms: verdict for close_ms, (verdict, _) in stored.items() if close_ms >= since_ms}
        found = bar_statistics(engine.play, columns, kept)
        return {**head, "statistics": None if found is None else statistics_object(found)}
    if params.last is not None:
        count = min(params.last, LISTED, len(closes) - first)
        newest = closes[len(closes) - count :][::-1].tolist()
        return {**head, "bars": _lines(daemon, slot, columns, newest)}
    row = len(closes) - 1 if params.at_ms is None else int(np.searchsorted(closes, params.at_ms, side="right")) - 1
    if row < first:
        text = _too_early(params.at_ms or 0, columns)
        on_record = _on_record(daemon, slot, params.at_ms, text)
        if on_record is None:
            raise RpcError(Code.INVALID_PARAMS, text)
        return on_record
    close_ms = int(closes[row])
    verdict, detail = _stored(daemon, slot, limit=1, up_to_ms=close_ms).get(close_ms, (None, ""))
    told = explanation(engine.play, columns, close_ms, verdict, detail)
    return {**head, "explanation": told, **_gates(daemon, slot, close_ms)}


def _head(daemon: Daemon, slot: Slot, play: str, timeframe: str | None) -> Explained:
    """What every answer has; each kind fills in its own."""
    return {
        "instance": slot.name,
        "play": play,
        "symbol": slot.record.symbol,
        "timeframe": timeframe,
        "explanation": None,
        "no_columns": None,
        "gates": None,
        "judged": None,
        "bars": None,
        "statistics": None,
        "last_gate": _last_gate(daemon, slot),
    }


def _on_record(daemon: Daemon, slot: Slot, at_ms: int | None, no_columns: str) -> Explained | None:
    """
    The last bar that was decided at a time, if an entry was judged at it; without a time the last one at which an entry was.
    `no_columns` says why nothing more is told.
    """
    stored = _stored(daemon, slot, limit=1, up_to_ms=2**62 if at_ms is None else at_ms)
    newest_ms = None if at_ms is not None else Judged(daemon.ledger, OnRecord(daemon.ledger)).newest_ms(slot.record.uid)
    said = _gates(daemon, slot, max(stored, default=0) if newest_ms is None else newest_ms)
    head = _head(daemon, slot, PurePath(slot.record.play_path).stem, None)
    return None if said["judged"] is None else {**head, "no_columns": no_columns, **said}


def _too_early(at_ms: int, columns: Columns) -> str:
    """Why there is nothing to say about a time, and from when on there is."""
    clock, first = columns.program.decision_clock, columns.explained_from
    closes = columns.close_times_ms(clock)
    if first >= len(closes):
        return f"no bar had closed at {rfc3339(at_ms)}; there is no bar yet"
    since = f"the first close is {rfc3339(int(closes[first]))}"
    if columns.dropped(clock) == 0:
        return f"no bar had closed at {rfc3339(at_ms)}; {since}"
    return f"{rfc3339(at_ms)} is older than what a running instance keeps; {since}. `playd play explain` says it from candles"


def _lines(daemon: Daemon, slot: Slot, columns: Columns, closes_ms: Iterable[int]) -> list[BarRow]:
    """A line for each of these closes."""
    assert slot.engine is not None
    play, stored = slot.engine.engine.play, _stored(daemon, slot, limit=LISTED)
    return [bar_row(play, columns, close_ms, *stored.get(close_ms, (None, ""))) for close_ms in closes_ms]


def _stored(daemon: Daemon, slot: Slot, *, limit: int, up_to_ms: int = 2**62) -> dict[int, tuple[str, str]]:
    """Verdict and detail by close time of the newest bars up to a close."""
    sql = "SELECT close_ms, verdict, detail FROM bars WHERE instance = ? AND clock_ms = ? AND close_ms <= ?"
    key = slot.record.uid, slot.record.clock_ms, up_to_ms
    found = daemon.ledger.rows(f"{sql} ORDER BY close_ms DESC LIMIT ?", (*key, limit))
    return {row["close_ms"]: (row["verdict"], row["detail"]) for row in found}


def _gates(daemon: Daemon, slot: Slot, close_ms: int) -> Gates:
    """
    What each gate says to the entry that a bar decided, in their order, asked again about what they had before them then; None
    where none was judged, where its case is not kept any more, or this program cannot read it.
    """
    again = Judged(daemon.ledger, OnRecord(daemon.ledger)).find(slot.record.uid, close_ms)
    if again is None:
        return {"gates": None, "judged": None}
    answers = None if again.answers is None else [_gate_row(name, refusal) for name, refusal in again.answers]
    verdict, detail = _stored(daemon, slot, limit=1, up_to_ms=close_ms).get(close_ms, (None, ""))
    judged: JudgedEntry = {
        "time": rfc3339(close_ms),
        "verdict": verdict,
        "detail": detail,
        "program": again.program,
        "said": again.said or "passed",
        "note": again.note,
    }
    return {"gates": answers, "judged": judged}


def _gate_row(name: str, refusal: Refusal | None) -> GateRow:
    said = refusal or Refusal("", "passed")
    return {
        "gate": name,
        "passed": refusal is None,
        "code": said.code,
        "text": said.text,
        "value": said.value,
        "limit": said.limit,
        "unit": said.unit,
        "age_s": rounded(said.age_s),
        "next_possible": rfc3339(said.next_ms) if said.next_ms is not None else None,
    }


def _last_gate(daemon: Daemon, slot: Slot) -> LastGate | None:
    """What the gates said to the newest entry among the last bars: that it passed, or which of them refused it."""
    newest = "SELECT close_ms, verdict, detail FROM bars WHERE instance = ? AND clock_ms = ? ORDER BY close_ms DESC LIMIT ?"
    words = ", ".join("?" * len(_BY_GATES))
    sql = f"SELECT * FROM ({newest}) WHERE verdict NOT IN ({words}) ORDER BY close_ms DESC LIMIT 1"
    row = daemon.ledger.row(sql, (slot.record.uid, slot.record.clock_ms, COUNTED, *_BY_GATES))
    if row is None:
        return None
    return {
        "time": rfc3339(row["close_ms"]),
        "verdict": row["verdict"],
        "said": "passed" if row["verdict"] == "ENTERED" else said(row["verdict"]),
        "detail": row["detail"],
    }
