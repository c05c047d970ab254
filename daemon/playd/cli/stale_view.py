"""
What `playctl` shows while the daemon is down: the ledger and the files beside it, read-only, under a first line that says how
old that is. The filters are those of the running daemon; a file that cannot be read is named, and nothing stands in for it.
"""

import contextlib
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import Any, Final, TypeAlias

import orjson

from playd.cli.session import Session
from playd.cli.stale_levels import FILE_CODE, levels_beside
from playd.control.client import Unreachable
from playd.control.figures import figure, rfc3339
from playd.control.log_lines import LineFilter
from playd.control.ops_tables import EVENTS, INCIDENTS, LOGS
from playd.control.protocol import JsonObject
from playd.control.record_filter import RecordFilter
from playd.control.render import Output
from playd.control.tables import FILLS, HALTS, LIST, POSITIONS, Column
from playd.ops.log_file import log_files
from playd.ops.segments import NotPacked, read_file, segment_names
from playd.supervisor.names import not_found, select
from playd.world.sqlite import why_unread

UNKNOWN: Final = "daemon not running"
FOREIGN: Final = "foreign"
"""Who owns what nobody here decided; as in `orders.order_book`, which would take long to import."""
LEDGER: Final = "ledger.sqlite"
JOURNAL: Final = "journal"


Line: TypeAlias = Callable[[JsonObject], str]
"""How one row is said as a line; where there is none, rows are in columns."""


class StaleTrouble(Unreachable):
    """No daemon, and what it left cannot be read either."""


class LedgerTrouble(StaleTrouble):
    """It is the ledger that cannot be read: what stands elsewhere still can."""


def stale_status(session: Session, error: Unreachable, target: str | None) -> int:
    """Instances as last recorded."""
    found = _rows(session, error, "SELECT * FROM instances WHERE removed = 0 ORDER BY name", (), _instance)
    by_name = {row["name"]: row for row in found}
    try:
        wanted = select(target, by_name) if found or target is not None else []
    except (LookupError, ValueError) as unknown:
        raise StaleTrouble(f"{error}; as last recorded {unknown}") from None
    shown = sorted((by_name[name] for name in wanted), key=lambda row: row["mode"] != "live")
    code = _show(session, error, shown, LIST)
    if (gravest := next(iter(_halts(session, error)), None)) is not None:
        session.say(
            f"level {gravest['level']} on {gravest['scope']} ({gravest['code']}) is in force as last recorded: `playctl halts`"
        )
    return code


def stale_halts(session: Session, error: Unreachable) -> int:
    """Levels in force as last recorded, the gravest first; whether their causes go on, only a daemon finds out."""
    return _show(session, error, _halts(session, error), HALTS)


def stale_positions(session: Session, error: Unreachable, account: str | None, symbol: str | None, owner: str | None) -> int:
    """Positions as last booked; what the venue holds now nobody here knows."""
    # Quantities are decimal text, and a flat one may read 0.000.
    sql = (
        "SELECT v.*, i.name FROM virtual_positions v LEFT JOIN instances i ON i.uid = v.instance"
        " WHERE CAST(v.signed_qty AS REAL) <> 0 AND v.account = coalesce(?, v.account) AND v.symbol = coalesce(?, v.symbol)"
        " AND coalesce(?, i.name, v.instance) IN (i.name, v.instance)"
    )
    _refuse_unknown(session, error, account, owner)
    return _show(session, error, _rows(session, error, sql, (account, symbol, owner), _position), POSITIONS)


def stale_fills(
    session: Session,
    error: Unreachable,
    account: str | None,
    symbol: str | None,
    owner: str | None,
    since_ms: int | None,
    most: int | None,
) -> int:
    """Executions as last booked, newest first; all of them when `most` is None."""
    sql = (
        "SELECT e.*, i.name FROM executions e LEFT JOIN instances i ON i.uid = e.owner"
        " WHERE e.account = coalesce(?, e.account) AND e.symbol = coalesce(?, e.symbol)"
        " AND coalesce(?, i.name, e.owner) IN (i.name, e.owner) AND e.venue_ms >= ? ORDER BY e.n DESC LIMIT ?"
    )
    _refuse_unknown(session, error, account, owner)
    values = (account, symbol, owner, since_ms or 0, -1 if most is None else most)
    return _show(session, error, _rows(session, error, sql, values, _fill), FILLS)


def stale_incidents(session: Session, error: Unreachable, severity: str | None, *, everything: bool) -> int:
    """Incidents as last recorded, newest first; those that were not over, or all."""
    sql = (
        "SELECT * FROM incidents WHERE (? OR resolved_ms IS NULL) AND severity = coalesce(?, severity)"
        " ORDER BY last_ms DESC LIMIT 500"
    )
    return _show(session, error, _rows(session, error, sql, (int(everything), severity), _incident), INCIDENTS)


def stale_events(
    session: Session,
    error: Unreachable,
    wanted: RecordFilter,
    name: str | None,
    last: int,
    said: Line | None,
    *,
    backwards: bool,
) -> int:
    """The newest records of the journal that are wanted; those of instance `name` if that is given."""
    uid = _uid_of(session, error, name) if name is not None else None
    folder, found, names = _state(session, error) / JOURNAL, list[JsonObject](), _names(session, error)
    for line in _backwards(session, error, folder):
        if len(found) == last:
            break
        record = wanted.read(line)
        if record is not None and uid in (None, record["instance"]):
            found.append({**record, "time": rfc3339(record["ts_ms"]), "name": names.get(record["instance"])})
    if not found and last:
        _warn_unknown(session, error, wanted.account, None)
    return _show(session, error, found if backwards else found[::-1], EVENTS, source=JOURNAL, said=said)


def stale_logs(
    session: Session, error: Unreachable, wanted: LineFilter, last: int, said: Line | None, *, backwards: bool
) -> int:
    """The newest kept log lines that are wanted."""
    disk, state = session.world.disk, _state(session, error)
    files = list(log_files(disk, state))
    if not files:
        _warn_unknown(session, error, wanted.account, wanted.instance)
        raise StaleTrouble(f"{error}; {state} keeps no log lines: under systemd `journalctl -u playd` has them")
    found: list[JsonObject] = []
    for path in files:
        if len(found) >= last:
            break
        lines = disk.read_bytes(path).split(b"\n")
        found += [line for raw in reversed(lines) if (line := _log_line(raw)) is not None and wanted.passes(line)]
    if not found and last:
        _warn_unknown(session, error, wanted.account, wanted.instance)
    shown = found[:last] if backwards else found[:last][::-1]
    as_of = rfc3339(disk.stat(files[0]).modified_ms)
    return _show_as_of(session, error, shown, LOGS, as_of, source="log files", where=str(files[0]), said=said)


def _backwards(session: Session, error: Unreachable, folder: PurePath) -> Iterator[bytes]:
    """Lines of the journal, newest first. A file that cannot be read is named and left out."""
    disk = session.world.disk
    names = segment_names(disk, folder) if disk.exists(folder) else []
    if not names:
        raise StaleTrouble(f"{error}; there is no journal in {folder}")
    for name in reversed(names):
        try:
            lines = read_file(disk, folder / name).split(b"\n")
        except (OSError, NotPacked) as trouble:
            session.say(f"warning: not_all: {folder / name} is left out: {trouble}")
            continue
        yield from (line for line in reversed(lines) if line)


def _log_line(raw: bytes) -> JsonObject | None:
    """A line of a log file; one that a crash cut off is left out."""
    try:
        line: JsonObject = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return line


def _show(
    session: Session,
    error: Unreachable,
    rows: Sequence[JsonObject],
    columns: tuple[Column, ...],
    *,
    source: str = "ledger",
    said: Line | None = None,
) -> int:
    """Rows under the line that says how old they are; the exit code."""
    as_of = rfc3339(_written_ms(session, _state(session, error), source))
    return _show_as_of(session, error, rows, columns, as_of, source=source, where=source, said=said)


def _show_as_of(
    session: Session,
    error: Unreachable,
    rows: Sequence[JsonObject],
    columns: tuple[Column, ...],
    as_of: str,
    *,
    source: str,
    where: str,
    said: Line | None,
) -> int:
    head = f"daemon not running, data as of {as_of} ({where})"
    if session.as_json:
        session.print_json({"daemon": None, "as_of": as_of, "source": source, "rows": rows})
    elif said is not None:
        print("\n".join([head, *map(said, rows)]))
    else:
        if session.options.output is Output.CSV:  # a program reads it, and takes the first line for the titles
            print(head, file=sys.stderr)
        session.show_rows(rows, columns, empty="none", head=head)
    return error.exit_code


def _written_ms(session: Session, state: PurePath, source: str) -> int:
    """When the records were written last. What a commit wrote stands in the ledger's log; looking makes an empty one."""
    disk = session.world.disk
    if source == JOURNAL:
        return disk.stat(state / JOURNAL / segment_names(disk, state / JOURNAL)[-1]).modified_ms
    ledger, log = state / LEDGER, state / f"{LEDGER}-wal"
    found = disk.stat(ledger).modified_ms
    return max(found, disk.stat(log).modified_ms) if disk.exists(log) and disk.stat(log).size else found


def _rows(
    session: Session, error: Unreachable, sql: str, values: Sequence[Any], row_of: Callable[[JsonObject], JsonObject]
) -> list[JsonObject]:
    """Rows of the ledger. Raises `StaleTrouble` when it cannot be read, with what to do."""
    path = _state(session, error) / LEDGER
    try:
        with contextlib.closing(session.world.disk.open_sqlite(path, read_only=True)) as connection:
            return [row_of(dict(row)) for row in connection.execute(sql, values).fetchall()]
    except KeyError as missing:
        text = f"{error}; {path} has no {missing}: an older program wrote it, see `playd migrate --dry-run`"
        raise LedgerTrouble(text) from None
    except (sqlite3.Error, UnicodeDecodeError) as trouble:  # SQLite's words may hold the damaged bytes
        if isinstance(trouble, sqlite3.Error) and (why := why_unread(trouble)):
            text = f"{error}; {path} could not be read, which says nothing about what is in it: {why}"
            raise LedgerTrouble(text) from None
        text = f"{error}; {path} cannot be read: {trouble}"
        raise LedgerTrouble(f"{text}; `playd state` says what is whole, see the runbook restore-after-a-crash") from None


def _refuse_unknown(session: Session, error: Unreachable, account: str | None, owner: str | None) -> None:
    """An account or an owner that nobody ever had: nothing found of it would read like "nothing is open"."""
    if account is not None:
        sql = "SELECT alias FROM accounts UNION SELECT account FROM instances UNION SELECT account FROM virtual_positions"
        known = [row["alias"] for row in _rows(session, error, sql, (), dict)]
        if account not in known:
            raise StaleTrouble(f"{error}; as last recorded {not_found('account', account, known)}")
    if owner not in (None, FOREIGN):
        _uid_of(session, error, str(owner))


def _warn_unknown(session: Session, error: Unreachable, account: str | None, owner: str | None) -> None:
    """The same where nothing was found beside the ledger, whose damage is no reason to say less than that."""
    try:
        _refuse_unknown(session, error, account, owner)
    except LedgerTrouble as trouble:
        session.say(f"warning: {trouble}")


def _uid_of(session: Session, error: Unreachable, name: str) -> str:
    """The uid behind a name or a uid, the newest one; an instance whose record is gone may have left a position."""
    sql = (
        "SELECT uid, name, removed, created_ms FROM instances"
        " UNION ALL SELECT instance, instance, 1, 0 FROM virtual_positions ORDER BY removed, created_ms DESC"
    )
    known = _rows(session, error, sql, (), dict)
    found = next((row["uid"] for row in known if name in (row["name"], row["uid"])), None)
    if found is None:
        names = {row["name"] for row in known if row["name"] != row["uid"]}
        raise StaleTrouble(f"{error}; as last recorded {not_found('instance', name, names)}")
    return str(found)


def _names(session: Session, error: Unreachable) -> dict[str, str]:
    """Names of instances by uid; none where the ledger cannot be read, which keeps nobody from reading the journal."""
    try:
        return {row["uid"]: row["name"] for row in _rows(session, error, "SELECT uid, name FROM instances", (), dict)}
    except StaleTrouble as trouble:
        session.say(f"warning: {trouble}")
        return {}


def _state(session: Session, error: Unreachable) -> PurePath:
    """The directory of the records: the daemon's own, or the newest of a recorded market below it."""
    state, disk = session.state_dir, session.world.disk
    try:
        if not disk.exists(state):
            raise StaleTrouble(f"{error}; there are no records in {state} either")
        below = [state / name for name in disk.list(state) if name.startswith("recorded-")]
        there = [folder for folder in (state, *below) if disk.exists(folder / LEDGER)]
    except PermissionError:
        raise StaleTrouble(f"{error}; its records in {state} are not readable for this user: try `sudo -u playd`") from None
    if not there:
        raise StaleTrouble(f"{error}; there are no records in {state} either")
    return max(there, key=lambda folder: disk.stat(folder / LEDGER).modified_ms)


def _halts(session: Session, error: Unreachable) -> list[JsonObject]:
    """The levels that a start finds in force, those of kill files and of the guardian's panics with them."""
    names, now_ms = _names(session, error), session.world.clock.wall_ms()

    def row_of(row: JsonObject) -> JsonObject:
        kind, _, uid = row["scope"].partition(":")
        return {
            "scope": f"{kind}:{names.get(uid, uid)}" if kind == "instance" else row["scope"],
            **{name: row[name] for name in ("level", "code", "actor", "text")},
            "raised": rfc3339(row["raised_ms"]),
            "age_s": (now_ms - row["raised_ms"]) / 1000,
            "ends": None,
            "cause": "unknown",
        }

    sql = "SELECT * FROM halts WHERE lifted_ms IS NULL ORDER BY level DESC, id DESC"
    found = _rows(session, error, sql, (), dict)
    known = {(row["scope"], row["code"]) for row in found if row["code"] == FILE_CODE}
    beside = [row for row in levels_beside(session, _state(session, error)) if (row["scope"], row["code"]) not in known]
    return [row_of(row) for row in sorted([*beside, *found], key=lambda row: -row["level"])]


def _incident(row: JsonObject) -> JsonObject:
    return {
        "id": str(row["id"]),
        "severity": row["severity"],
        "state": _state_of(row),
        "scope": row["scope"],
        "kind": row["kind"],
        "age_s": None,
        "count": row["count"],
        "acked_by": row["acked_by"],
        "text": row["text"],
    }


def _state_of(incident: JsonObject) -> str:
    if incident["resolved_ms"] is not None:
        return "resolved"
    if incident["acked_ms"] is not None:
        return "acked"
    return "open" if incident["reopened_ms"] is None else "reopened"


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
        "account": row["account"],
        "source": row["source"],
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
