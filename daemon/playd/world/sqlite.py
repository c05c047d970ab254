"""How every SQLite connection of playd is set up, in both worlds."""

import sqlite3

from playd.world.ports import Synchronous


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
