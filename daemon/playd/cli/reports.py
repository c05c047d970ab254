"""What happens, told to everybody who wants to know: log, journal, and the streams of control clients."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import structlog

from playd.control.figures import plain
from playd.control.streams import StreamHub
from playd.core.canonical import Json
from playd.core.record import Recorder
from playd.market.feed_watch import FeedNote, NoteKind
from playd.ops.events import EVENTS
from playd.ops.meters import Meters
from playd.orders.pipeline import PIPELINE
from playd.supervisor.slot import Slot
from playd.supervisor.states import State

_QUIET_VERDICTS: Final = frozenset({"NO_SIGNAL", "HOLD", "COOLDOWN"})
"""Verdicts of ordinary bars: stored and streamed. Log and journal have the others, the journal those with metadata too."""

_GATES: Final = {code: step.name for step in PIPELINE for code in step.codes}
"""Which gate refuses with a verdict."""

_REPAIRS: Final = frozenset({NoteKind.BAR_REVISED, NoteKind.BAR_OLD, NoteKind.GAP_FILLED, NoteKind.GAP_ABSENT})


FILL: Final = "fill.booked"


def fill_of_nobody_running(record: Mapping[str, Json], slots: Iterable[Slot]) -> dict[str, Any] | None:
    """
    The message about a fill that no running instance has: of a stopped one, of one that is gone, of somebody else. The record
    of the journal tells it, half a second behind the fill. None for a fill that its instance tells itself.
    """
    owner = next((slot for slot in slots if slot.record.uid == record["instance"]), None)
    if owner is not None and owner.engine is not None:
        return None
    data: Any = record["data"]
    fields = {name: data[name] for name in ("reason", "side", "qty", "price", "fee")}
    of = {"account": record["account"], "symbol": record["symbol"], "mode": record.get("mode")}
    name = owner.name if owner is not None else record["instance"]
    return {"instance": name, **of, "event": FILL, **fields, "time_ms": data["venue_ms"], "link_id": record["cause"]}


class Reports:
    """The one place where events of instances, accounts and feeds become lines and records."""

    def __init__(self, journal: Recorder, streams: StreamHub, meters: Meters) -> None:
        self._journal = journal
        self._meters = meters
        self._streams = streams
        self._log = structlog.get_logger()

    def instance(self, event: str, slot: Slot, fields: dict[str, Any]) -> None:
        """An event of one instance."""
        record = slot.record
        context = {"instance": record.name, "account": record.account, "symbol": record.symbol, "mode": str(record.mode)}
        if event == "bar.verdict":
            self._meters.count("bars_total", record.name)
            self._meters.count("verdicts_total", record.name, fields["verdict"])
            if (gate := _GATES.get(fields["verdict"])) is not None:
                self._meters.count("gate_refusals_total", record.name, gate)
            self._streams.publish("verdicts", {**context, **fields})
            if fields["verdict"] not in _QUIET_VERDICTS:
                self._say(event, **context, **fields)
            if fields["verdict"] not in _QUIET_VERDICTS or "metadata" in fields:
                data = dict(fields)
                if "metadata" in fields:
                    exact = {name: plain(one) if isinstance(one, float) else one for name, one in fields["metadata"].items()}
                    data["metadata"] = exact
                self._journal.append(event, data, instance=record.uid, account=record.account, symbol=record.symbol)
        else:
            if event == "instance.restart":
                self._journal.append(event, fields, instance=record.uid, account=record.account, symbol=record.symbol)
            elif event.startswith("fill."):
                self._streams.publish("fills", {**context, "event": event, **fields})
            self._say(event, **context, **fields)

    def computed(self, slot: Slot, took_s: float) -> None:
        """Columns and decision of a bar took so long."""
        self._meters.observe("decision_seconds", took_s, str(slot.record.mode))

    def transition(self, slot: Slot, before: State, after: State, cause: str) -> None:
        """A change of state: journalled, logged, streamed."""
        record = slot.record
        data = {"from": str(before), "to": str(after), "cause": cause, "reason": slot.reason_text}
        self._journal.append("instance.transition", data, instance=record.uid, account=record.account, symbol=record.symbol)
        log = self._log.error if after is State.FAILED else self._log.info
        of = {"instance": record.name, "account": record.account, "symbol": record.symbol, "mode": str(record.mode)}
        log("instance.transition", **of, **data)
        self._streams.publish("status", {**of, **data})

    def account(self, alias: str, event: str, text: str) -> None:
        """An event of one account's life."""
        self._say(event, account=alias, msg=text)

    def feed(self, note: FeedNote) -> None:
        """A note of the market hub."""
        if note.kind is NoteKind.LINK_DOWN:
            self._meters.count("ws_reconnects_total", "public")
        elif note.kind in _REPAIRS:
            self._meters.count("bars_repaired_total", str(note.kind))
        self._say("feed." + note.kind, symbol=note.symbol or None, msg=note.text, open_ms=note.open_ms or None)
        if note.kind is NoteKind.BAR_REVISED:
            self._journal.append("bar.revised", {"open_ms": note.open_ms, "text": note.text}, symbol=note.symbol)
        elif note.kind is NoteKind.GAP_OPENED:
            self._journal.append("bar.gap", {"open_ms": note.open_ms, "text": note.text}, symbol=note.symbol)

    def _say(self, event: str, **fields: Any) -> None:
        """A line of the level that the catalogue gives the event."""
        getattr(self._log, EVENTS[event].level)(event, **fields)

    def bug(self, where: str, error: Exception) -> None:
        """An error of ours that was survived."""
        self._log.error("daemon.bug", where=where, msg=f"{type(error).__name__}: {error}", exc_info=error)
