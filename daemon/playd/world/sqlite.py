"""How every SQLite connection of playd is set up, in both worlds, and what its refusals mean."""

import sqlite3
from typing import Final

from playd.world.ports import Synchronous

_UNREAD: Final = (
    *(sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY),
    *(sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_AUTH),
)
"""Answers by which a file was not read: rights, room, a disk that fails, somebody who writes."""

_FOUND: Final = (sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS)
"""Those among them by which something was: half a page is damage."""

_NO_ROOM: Final = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN)


def configure(connection: sqlite3.Connection, *, read_only: bool, synchronous: Synchronous) -> sqlite3.Connection:
    """
    Named rows, foreign keys, 5 s busy time-out; for a writer also WAL and the asked durability.

    A connection that cannot be set up (not a database, damaged header) is closed before the error goes on.
    """
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA busy_timeout = 5000")
        connection.execute("PRAGMA foreign_keys = ON")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {synchronous}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def needs_room(error: sqlite3.Error) -> bool:
    """Whether it may be for want of room, or of the right, to make the file beside a database that its readers share."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF in _NO_ROOM


def why_unread(error: sqlite3.Error) -> str:
    """Why a database was not read, which says nothing about what is in it; empty for any other error, and so for damage."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    if code & 0xFF not in _UNREAD or code in _FOUND:
        return ""
    beside = "; its readers share 32 KiB beside it: is there room for them, and the right to make them?"
    return f"{error} ({error.sqlite_errorname}){beside if needs_room(error) else ''}"
