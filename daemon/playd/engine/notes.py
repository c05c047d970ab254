"""
What a decision leaves in the record of its trade: the rule that fired, its clauses, its metadata (play-language 4.11, 10.10).

All of it is read from the columns at the close that decided, whenever it is asked for: columns never change behind that close,
so a record made after a restart, or long after the decision, is the same. What the columns of a running engine are about to
forget is read before (`Remembered`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from playd.core.canonical import Json
from playd.engine.clauses import fired, truth
from playd.engine.patterns import distinct_times, tree_paths
from playd.engine.readings import Readings
from playd.matching.records import REASON_CODE, Record, Records
from playd.plays.columns import Columns
from playd.plays.conditions import Ref
from playd.plays.model import ActionName, Play, Scalar
from playd.plays.rule_tree import Emission, action_rules
from playd.plays.values import value_at

_SIGNAL: Final = REASON_CODE["signal"]
_ENTRIES: Final[dict[int, tuple[ActionName, ...]]] = {1: ("entry_long",), -1: ("entry_short",)}
_EXITS: Final[dict[int, tuple[ActionName, ...]]] = {1: ("exit_all", "exit_long"), -1: ("exit_all", "exit_short")}
"""Actions by direction of the position; their emissions are tried in the order of the list that the Play gives."""


Metadata: TypeAlias = Mapping[str, Scalar | None]


@dataclass(frozen=True, slots=True)
class Notes:
    """
    `rule` is the path of the condition (or `else`) that fired, `clauses` are the paths of the clauses that made it true.

    `metadata` has every key of the emit item; a reference that was missing at that close is None.
    """

    rule: str = ""
    clauses: tuple[str, ...] = ()
    metadata: Metadata = field(default_factory=dict)


NO_NOTES: Final = Notes()
"""Of what no rule decided: a stop, a target, a hand at the venue."""


class NoteReader:
    """Reads the notes of one Play's decisions from its columns."""

    def __init__(self, play: Play) -> None:
        self._rules = {rule.action: rule for rule in action_rules(play)}
        self._speaking = {name for name, rule in self._rules.items() if any(one.metadata for one in rule.emissions)}

    def of_trades(self, columns: Columns, rows: Records) -> tuple[list[Notes], list[Notes]]:
        """Notes of the entry and of the exit of each TRADE record."""
        directions = rows["dir"]
        entries = self._by_side(columns, directions, rows["decided_ms"], _ENTRIES)
        by_rule = np.where(rows["reason"] == _SIGNAL, rows["exit_decided_ms"], 0)
        return entries, self._by_side(columns, directions, by_rule, _EXITS)

    def of_entry(self, columns: Columns, direction: int, close_ms: int) -> Notes:
        """Notes of an entry decided at `close_ms`."""
        return self._of(columns, _ENTRIES[direction], np.array([close_ms]))[0]

    def said_entering(self, columns: Columns, direction: int, close_ms: int) -> Metadata:
        """Metadata of an entry decided at `close_ms`. Costs nothing when the Play has none."""
        return self._said(columns, _ENTRIES[direction], close_ms)

    def said_leaving(self, columns: Columns, direction: int, close_ms: int) -> Metadata:
        """Metadata of an exit that a rule asked for at `close_ms`, from a position of that direction."""
        return self._said(columns, _EXITS[direction], close_ms)

    def _said(self, columns: Columns, actions: Sequence[ActionName], close_ms: int) -> Metadata:
        if self._speaking.isdisjoint(actions):
            return NO_NOTES.metadata
        return self._of(columns, actions, np.array([close_ms]))[0].metadata

    def of_decision(self, columns: Columns, decision: "DecisionKey") -> Notes:
        """Notes of one entry or exit."""
        actions = (_EXITS if decision.leaves else _ENTRIES)[decision.direction]
        return self._of(columns, actions, np.array([decision.close_ms]))[0]

    def _by_side(
        self,
        columns: Columns,
        directions: NDArray[np.int64],
        times_ms: NDArray[np.int64],
        actions: Mapping[int, tuple[ActionName, ...]],
    ) -> list[Notes]:
        notes = [NO_NOTES] * len(directions)
        for direction, names in actions.items():
            places = np.flatnonzero((directions == direction) & (times_ms > 0))
            for place, one in zip(places.tolist(), self._of(columns, names, times_ms[places]), strict=True):
                notes[place] = one
        return notes

    def _of(self, columns: Columns, actions: Sequence[ActionName], times_ms: NDArray[np.int64]) -> list[Notes]:
        """Notes of the first emission that was true at each of these closes; none for a close that the columns do not have."""
        tried = (one for action in actions if action in self._rules for one in self._rules[action].emissions)
        emissions = sorted(tried, key=lambda one: one.place)
        if not emissions or not len(times_ms):
            return [NO_NOTES] * len(times_ms)
        readings, clock = Readings(columns), columns.program.decision_clock
        known = readings.closed_at(clock, times_ms)
        samples, which = distinct_times(readings, tree_paths(one.root for one in emissions), times_ms[known])
        kinds = [_first_true(emissions, readings, sample) for sample in samples.tolist()]
        rows = [readings.row(clock, time_ms) for time_ms in times_ms[known].tolist()]
        rest = (self._note(columns, kinds[kind], row) for kind, row in zip(which.tolist(), rows, strict=True))
        return [next(rest) if there else NO_NOTES for there in known.tolist()]

    def _note(self, columns: Columns, found: tuple[Emission | None, tuple[str, ...]], row: int) -> Notes:
        emission, clauses = found
        if emission is None:
            return NO_NOTES
        values = {
            key: value_at(columns, f"{emission.notes}.{key}", row) if isinstance(value, Ref) else value
            for key, value in emission.metadata
        }
        return Notes(emission.rule, clauses, values)


@dataclass(frozen=True, slots=True, order=True)
class DecisionKey:
    """An entry into, or an exit out of, a position of `direction` that was decided at `close_ms`."""

    leaves: bool
    direction: int
    close_ms: int


class Remembered:
    """Notes of the decisions that a fill to come will name, read while the columns still have their rows."""

    def __init__(self, reader: NoteReader) -> None:
        self._reader = reader
        self._notes: dict[DecisionKey, Notes] = {}

    def look(self, columns: Columns, state: Record) -> None:
        """Read what a STATE speaks of, and forget the rest. To be called before rows are dropped."""
        keys = _spoken_of(state)
        self._notes = {key: self._notes.get(key) or self._reader.of_decision(columns, key) for key in keys}

    def of_trade(self, columns: Columns, row: Records) -> tuple[list[Notes], list[Notes]]:
        """Notes of the entry and the exit of one TRADE record: from memory, else from the columns."""
        trade = row[0]
        entries, exits = self._reader.of_trades(columns, row)
        entry = self._notes.get(DecisionKey(False, int(trade["dir"]), int(trade["decided_ms"])))
        leave = self._notes.get(DecisionKey(True, int(trade["dir"]), int(trade["exit_decided_ms"])))
        by_rule = trade["reason"] == _SIGNAL
        return [entry or entries[0]], [leave if leave and by_rule else exits[0]]

    def snapshot(self) -> list[Json]:
        """Everything, JSON-able."""
        return [
            {
                "leaves": key.leaves,
                "direction": key.direction,
                "close_ms": key.close_ms,
                "rule": note.rule,
                "clauses": [*note.clauses],
                "metadata": dict(note.metadata),
            }
            for key, note in sorted(self._notes.items(), key=lambda one: one[0])
        ]

    def restore(self, snapshot: list[dict[str, Any]]) -> None:
        """Continue from a snapshot."""
        self._notes = {
            DecisionKey(one["leaves"], one["direction"], one["close_ms"]): Notes(
                one["rule"], tuple(one["clauses"]), one["metadata"]
            )
            for one in snapshot
        }


def _spoken_of(state: Record) -> list[DecisionKey]:
    """The decisions behind the open position, the entry order and the exit order of a STATE."""
    keys = []
    if state["dir"] != 0:
        keys.append(DecisionKey(False, int(state["dir"]), int(state["decided_ms"])))
    if state["pending_qty"] > 0:
        keys.append(DecisionKey(False, int(state["pending_dir"]), int(state["pending_decided_ms"])))
    if state["exit_qty"] > 0 and state["exit_reason"] == _SIGNAL:
        keys.append(DecisionKey(True, int(state["dir"]), int(state["exit_decided_ms"])))
    return keys


def _first_true(emissions: Sequence[Emission], readings: Readings, time_ms: int) -> tuple[Emission | None, tuple[str, ...]]:
    read = readings.at(time_ms)
    emission = next((one for one in emissions if truth(one.root, read) == 1.0), None)
    return emission, fired(emission.root, read) if emission is not None else ()
