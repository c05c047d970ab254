"""
What must hold of decisions whatever happened, judged from the daemon's ledger. Pure functions over rows, as in `invariants`.
"""

from collections import defaultdict
from itertools import pairwise
from typing import Final

from playd.core.orders import IntentClass, OrderState
from playd.ops.drills.invariants import Checked, Row, Tables, Venue
from playd.orders.halts import Level
from playd.orders.pipeline import PIPELINE

_GATES: Final = frozenset(code for step in PIPELINE for code in step.codes)
SENDING: Final = "send"
PEOPLE: Final = "uid:"
"""How the actor begins who is a person: what a command of the control socket is signed with."""

_TOGETHER_MS: Final = 50
"""Rows of one commit, and of one turn of the loop, have stamps of their own."""


def no_entry_in_doubt(_: Venue, tables: Tables) -> Checked:
    """INV-08: while an order of a symbol is in doubt, no entry of it is committed."""
    symbols = {row["link_id"]: row["symbol"] for row in tables["orders"]}
    doubts = _doubts(tables)
    entries = _entries(tables)
    faults = [
        f"entry {row['id']} was committed {row['created_ms'] - since_ms} ms after order {link} was in doubt"
        for row in entries
        for link, since_ms, until_ms in doubts
        if symbols.get(link) == row["symbol"] and since_ms + _TOGETHER_MS < row["created_ms"] < until_ms - _TOGETHER_MS
    ]
    return Checked("INV-08", len(entries) if doubts else 0, tuple(faults))


def _doubts(tables: Tables) -> list[tuple[str, int, float]]:
    """(order, since, until) of every stretch in which the fate of an order was open."""
    events: defaultdict[str, list[Row]] = defaultdict(list)
    for row in tables["order_events"]:
        events[row["link_id"]].append(row)
    found: list[tuple[str, int, float]] = []
    for link, rows in events.items():
        since_ms: int | None = None
        for row in sorted(rows, key=lambda each: int(each["n"])):
            if row["after"] == OrderState.UNKNOWN:
                since_ms = row["received_ms"] if since_ms is None else since_ms
            elif since_ms is not None:
                found.append((link, since_ms, row["received_ms"]))
                since_ms = None
        if since_ms is not None:
            found.append((link, since_ms, float("inf")))
    return found


def doubtful_entry_sent_once(_: Venue, tables: Tables) -> Checked:
    """INV-09: an entry whose fate was open is never sent again, whatever becomes of it."""
    entries = {row["id"] for row in _entries(tables)}
    links = {row["link_id"] for row in tables["orders"] if row.get("intent") in entries}
    doubted, faults = set[str](), list[str]()
    for row in sorted(tables["order_events"], key=lambda each: (str(each["link_id"]), int(each["n"]))):
        link = row["link_id"]
        if link not in links:
            continue
        if row["source"] == SENDING and link in doubted:
            faults.append(f"entry {link} was sent again behind its doubt")
        if row["after"] == OrderState.UNKNOWN:
            doubted.add(link)
    return Checked("INV-09", len(doubted), tuple(faults))


def lifted_by_people(_: Venue, tables: Tables) -> Checked:
    """INV-19: a level of 2 or more that fell was lifted by somebody, with a reason. The phrase is asked for before that."""
    fallen = [row for row in tables["halts"] if row["level"] >= Level.HALT and row["lifted_ms"] is not None]
    faults = [
        f"{row['code']} of level {row['level']} on {row['scope']} was lifted by {row['lifted_by'] or 'nobody'}: {row['note']!r}"
        for row in fallen
        if not (str(row["lifted_by"]).startswith(PEOPLE) and row["note"])
    ]
    return Checked("INV-19", len(fallen), tuple(faults))


def each_bar_once(venue: Venue, tables: Tables) -> Checked:
    """INV-22: bars are decided in their order, and each has a verdict. That it has one alone is said to the database."""
    bars: defaultdict[str, list[Row]] = defaultdict(list)
    for row in tables["bars"]:
        bars[row["instance"]].append(row)
    faults = [f"bar {row['close_ms']} of {row['instance']} has no verdict" for row in tables["bars"] if not row["verdict"]]
    for rows in bars.values():
        for before, after in pairwise(sorted(rows, key=lambda row: int(row["close_ms"]))):
            if after["processed_ms"] + _TOGETHER_MS + 2 * venue.clock_off_ms < before["processed_ms"]:
                faults.append(f"bar {after['close_ms']} of {after['instance']} was decided before {before['close_ms']}")
    return Checked("INV-22", len(tables["bars"]), tuple(faults))


def everything_explained(_: Venue, tables: Tables) -> Checked:
    """INV-36: an entry names its Play and what its gates said, a refusal says why."""
    entries = _entries(tables)
    faults = [f"entry {row['id']} names no Play or no gates" for row in entries if not (row["play_digest"] and row["gates"])]
    refused = [row for row in tables["bars"] if row["verdict"] in _GATES]
    faults += [
        f"bar {row['close_ms']} was refused with {row['verdict']} and no word why" for row in refused if not row["detail"]
    ]
    return Checked("INV-36", len(entries) + len(refused), tuple(faults))


def _entries(tables: Tables) -> list[Row]:
    """Entries that this daemon decided; what was taken in again behind a lost ledger has no digest of its parameters."""
    return [row for row in tables["intents"] if row.get("class") == IntentClass.ENTRY and row["parameters_digest"]]


CHECKS: Final = (
    no_entry_in_doubt,
    doubtful_entry_sent_once,
    lifted_by_people,
    each_bar_once,
    everything_explained,
)


def check_decisions(venue: Venue, tables: Tables) -> tuple[Checked, ...]:
    """Each of them over the ledgers."""
    return tuple(each(venue, tables) for each in CHECKS)
