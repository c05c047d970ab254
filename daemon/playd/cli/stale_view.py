"""What `playctl` shows while the daemon is down: the ledger, read-only, under a first line that says how old it is."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import Final

import orjson

from playd.cli.session import Session
from playd.control.client import Unreachable
from playd.control.figures import figure, rfc3339
from playd.control.log_lines import LineFilter, log_line
from playd.control.protocol import JsonObject
from playd.control.render import json_text
from playd.control.tables import EVENTS, FILLS, INCIDENTS, LIST, POSITIONS, Column
from playd.ops.log_file import log_files
from playd.ops.segments import read_file, segment_names

UNKNOWN: Final = "daemon not running"
LEDGER: Final = "ledger.sqlite"


def stale_status(session: Session, error: Unreachable) -> int:
    """Instances as last recorded."""
    sql = "SELECT * FROM instances WHERE removed = 0 ORDER BY name"
    return _show(session, error, sql, _instance, LIST)


def stale_positions(session: Session, error: Unreachable) -> int:
    """Positions as last booked; what the venue holds now nobody here knows."""
    # Quantities are decimal text, and a flat one may read 0.000.
    held = "CAST(v.signed_qty AS REAL) <> 0"
    sql = f"SELECT v.*, i.name FROM virtual_positions v LEFT JOIN instances i ON i.uid = v.instance WHERE {held}"
    return _show(session, error, sql, _position, POSITIONS)


def stale_fills(session: Session, error: Unreachable) -> int:
    """Executions as last booked, newest first."""
    sql = "SELECT e.*, i.name FROM executions e LEFT JOIN instances i ON i.uid = e.owner ORDER BY e.n DESC LIMIT 100"
    return _show(session, error, sql, _fill, FILLS)


def stale_incidents(session: Session, error: Unreachable) -> int:
    """Incidents as last recorded that were not over, newest first."""
    sql = "SELECT * FROM incidents WHERE resolved_ms IS NULL ORDER BY last_ms DESC LIMIT 100"
    return _show(session, error, sql, _incident, INCIDENTS)


def stale_events(session: Session, error: Unreachable, kind: str | None, last: int) -> int:
    """The newest records of the journal's last file, oldest first."""
    ledger, disk = _ledger(session), session.world.disk
    folder = ledger.parent / "journal" if ledger is not None else None
    names = segment_names(disk, folder) if folder is not None and disk.exists(folder) else []
    if folder is None or not names:
        raise error
    lines = read_file(disk, folder / names[-1]).split(b"\n")[:-1]
    records = [{**record, "time": rfc3339(record["ts_ms"])} for record in map(orjson.loads, lines)]
    found = [record for record in records if kind is None or fnmatchcase(record["kind"], kind)][-last:]
    if session.as_json:
        print(json_text({"daemon": None, "source": "journal", "rows": found}))
    else:
        print(f"daemon not running, records of {folder / names[-1]}")
        session.show_rows(found, EVENTS, empty="none")
    return error.exit_code


def stale_logs(session: Session, error: Unreachable, wanted: LineFilter, last: int, *, backwards: bool) -> int:
    """The newest kept log lines that are wanted."""
    ledger, disk = _ledger(session), session.world.disk
    files = list(log_files(disk, ledger.parent)) if ledger is not None else []
    if not files:
        raise error
    found: list[JsonObject] = []
    for path in files:
        if len(found) >= last:
            break
        lines = disk.read_bytes(path).split(b"\n")
        found += [line for raw in reversed(lines) if (line := _log_line(raw)) is not None and wanted.passes(line)]
    shown = found[:last] if backwards else found[:last][::-1]
    if session.as_json:
        print(json_text({"daemon": None, "source": "log files", "rows": shown}))
    else:
        print(f"daemon not running, lines of {files[0]}")
        print("\n".join(map(log_line, shown)))
    return error.exit_code


def _log_line(raw: bytes) -> JsonObject | None:
    """A line of a log file; one that a crash cut off is left out."""
    try:
        line: JsonObject = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return line


def _incident(row: JsonObject) -> JsonObject:
    return {
        "id": str(row["id"]),
        "severity": row["severity"],
        "state": "acked" if row["acked_ms"] else "open" if row["reopened_ms"] is None else "reopened",
        "scope": row["scope"],
        "kind": row["kind"],
        "age_s": None,
        "count": row["count"],
        "acked_by": row["acked_by"],
        "text": row["text"],
    }


def _show(
    session: Session, error: Unreachable, sql: str, row_of: Callable[[JsonObject], JsonObject], columns: tuple[Column, ...]
) -> int:
    ledger = _ledger(session)
    if ledger is None:
        raise error
    world = session.world
    as_of = rfc3339(world.disk.stat(ledger).modified_ms)
    connection = world.disk.open_sqlite(ledger, read_only=True)
    try:
        found = [row_of(dict(row)) for row in connection.execute(sql).fetchall()]
    finally:
        connection.close()
    if session.as_json:
        print(json_text({"daemon": None, "as_of": as_of, "source": "ledger", "rows": found}))
    else:
        print(f"daemon not running, data as of {as_of} (ledger)")
        session.show_rows(found, columns, empty="none")
    return error.exit_code


def _ledger(session: Session) -> PurePath | None:
    """The ledger beside the socket: `RUN/..`, or the newest of a recording below it."""
    state = session.socket_path.parent.parent
    disk = session.world.disk
    if not disk.exists(state):
        return None
    candidates = [state / LEDGER, *(state / name / LEDGER for name in disk.list(state) if name.startswith("recorded-"))]
    there = [path for path in candidates if disk.exists(path)]
    return max(there, key=lambda path: disk.stat(path).modified_ms, default=None)


def _instance(row: JsonObject) -> JsonObject:
    return {
        "name": row["name"],
        "uid": row["uid"],
        "mode": row["mode"],
        "account": row["account"],
        "symbol": row["symbol"],
        "state": "failed" if row["failed_code"] else "not running",
        "reasons": [{"code": row["failed_code"], "text": row["failed_text"]}] if row["failed_code"] else [],
        "enabled": bool(row["enabled"]),
        "play_path": row["play_path"],
        "play_digest_short": row["play_digest"][:16],
        "created": rfc3339(row["created_ms"]),
    }


def _position(row: JsonObject) -> JsonObject:
    signed = str(row["signed_qty"])
    return {
        "account": row["account"],
        "symbol": row["symbol"],
        "side": "short" if signed.startswith("-") else "long",
        "qty": figure(signed.lstrip("-"), row["symbol"].removesuffix("USDT"), "ledger", None),
        "entry": figure(row["avg_price"], "USDT", "ledger", None),
        "mark": figure(None, "USDT", "venue", None, UNKNOWN),
        "upnl": figure(None, "USDT", "venue", None, UNKNOWN),
        "stop": figure(row["stop"], "USDT", "ledger", None, "none planned"),
        "stop_bps": figure(None, "bps", "computed", None, UNKNOWN),
        "liq": figure(None, "USDT", "venue", None, UNKNOWN),
        "owner": row["name"] or row["instance"],
        "ledger": figure(signed, row["symbol"].removesuffix("USDT"), "ledger", None),
        "diff": figure(None, row["symbol"].removesuffix("USDT"), "computed", None, UNKNOWN),
        "age_s": None,
    }


def _fill(row: JsonObject) -> JsonObject:
    return {
        "n": row["n"],
        "time": rfc3339(row["venue_ms"]),
        "symbol": row["symbol"],
        "side": row["side"],
        "qty": figure(row["qty"], row["symbol"].removesuffix("USDT"), "ledger", None),
        "price": figure(row["price"], "USDT", "ledger", None),
        "fee": figure(row["fee"], row["fee_currency"] or "USDT", "ledger", None),
        "type": row["stop_order_type"] or row["exec_type"],
        "link_id": row["link_id"] or "-",
        "owner": row["name"] or row["owner"],
    }
