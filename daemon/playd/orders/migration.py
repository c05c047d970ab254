"""
Bringing the ledger of an older program up to this one: what is missing is added, nothing that is there is ever changed.

The schema itself is the only description: tables, columns and indexes of `schema.TABLES` are held against what the file has.
So an older program can still read the file; whether it may work on it, and going back needs no restore, `LEAST_READER` says.
"""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

from playd.core.canonical import canonical_json
from playd.core.envelope import NEWER_EXIT
from playd.core.errors import StateError
from playd.orders.schema import SCHEMA_VERSION, TABLES

LEAST_READER: Final = 4
"""
The oldest schema version whose program can work on a ledger of this one: it knows every column that must be filled, reads what
its limits rest on, and looks for this number. That of schema 3 writes rows by the place of their columns, of which there were
fewer: the answer to its first order would break it. From 4 on this is never above the schema of the minor version before (033).
"""

LEAST_READER_KEY: Final = "least_reader"

MIGRATED: Final = "migrated"
"""What a migration did, in the ledger until the journal has it."""

_TABLE: Final = re.compile(r'CREATE TABLE "?(\w+)"? \((.*)\)[^)]*$', re.S)
_INDEX: Final = re.compile(r"CREATE (?:UNIQUE )?INDEX (\w+) ON")
_CONSTRAINTS: Final = ("PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "CONSTRAINT")


class OlderState(StateError):
    """A ledger that lacks something of this program's, and that `playd migrate` can bring up."""


def missing(connection: sqlite3.Connection) -> list[str]:
    """
    The statements that bring a ledger up, in order; none when nothing is missing.

    Raises `StateError` for a column that no row could have: no step leads there.
    """
    named = {row[0]: row[1] for row in connection.execute("SELECT name, type FROM sqlite_master")}
    steps = []
    for statement in _statements():
        if table := _TABLE.match(statement):
            name = table[1]
            if name not in named:
                steps.append(statement)
                continue
            there = {row[1] for row in connection.execute(f'PRAGMA table_info("{name}")')}
            steps += [_adding(name, column, text) for column, text in _columns(table[2]) if column not in there]
        elif (index := _INDEX.match(statement)) and index[1] not in named:
            steps.append(statement)
    if version_of(connection) < SCHEMA_VERSION:
        steps.append(f"PRAGMA user_version = {SCHEMA_VERSION}")  # so that an older program does not work on it
    return steps


def bring_up(connection: sqlite3.Connection, *, backup: str = "", born_ms: int | None = None) -> list[str]:
    """
    Add what is missing in one transaction, all or nothing; the statements. Raises `StateError`, `sqlite3.Error`.

    That it was done, and behind which backup, stands in the ledger with it (`MIGRATED`). `born_ms` is when the installation
    began, where that is known: a ledger of the first programs does not say.
    """
    steps = missing(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        for step in steps:
            connection.execute(step)
        say_version(connection)
        if born_ms is not None:
            connection.execute("INSERT OR IGNORE INTO meta (key, value) VALUES ('created_ms', ?)", (str(born_ms),))
        if steps:
            done = canonical_json({"steps": len(steps), "backup": backup}).decode()
            connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (MIGRATED, done))
        connection.execute("COMMIT")
    except BaseException:
        # Whatever ended it: a ledger that is half brought up is nobody's.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return steps


def say_version(connection: sqlite3.Connection) -> None:
    """Note in the open transaction which program's schema this is, and who may read it."""
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (LEAST_READER_KEY, str(LEAST_READER)))


def version_of(connection: sqlite3.Connection) -> int:
    """The schema version of a ledger, 0 for a file without tables."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def too_new(connection: sqlite3.Connection) -> str:
    """In words that this program may not work on a ledger, because of the newer one that wrote it; empty where it may."""
    if (version := version_of(connection)) <= SCHEMA_VERSION:
        return ""
    found = connection.execute("SELECT value FROM meta WHERE key = ?", (LEAST_READER_KEY,)).fetchone()
    if found is not None and int(found[0]) <= SCHEMA_VERSION:
        return ""
    return f"ledger schema {version} is newer than this program's {SCHEMA_VERSION}"


def refuse_newer(connection: sqlite3.Connection, where: PurePath) -> None:
    """Raises `StateError` (80) for a ledger that `too_new` speaks of."""
    if newer := too_new(connection):
        raise StateError(
            f"{where}: {newer}: start the program that wrote it, or restore a backup from before", exit_code=NEWER_EXIT
        )


def _statements() -> Iterator[str]:
    return (text.strip() for text in TABLES.split(";") if text.strip())


def _columns(body: str) -> Iterator[tuple[str, str]]:
    """Name and definition of each column in the body of a `CREATE TABLE`."""
    for part in re.split(r",(?![^()]*\))", body):
        text = " ".join(part.split())
        if not text.startswith(_CONSTRAINTS):
            yield text.partition(" ")[0].strip('"'), text


def _adding(table: str, column: str, text: str) -> str:
    if "PRIMARY KEY" in text or ("NOT NULL" in text and "DEFAULT" not in text):
        raise StateError(f"ledger: {table}.{column} is missing and no row can be given one; restore a backup of this version")
    return f'ALTER TABLE "{table}" ADD COLUMN {text}'
