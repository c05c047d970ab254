"""Columns about the daemon itself: objectives, limits, lines, incidents, alerts, settings, files, backups."""

from typing import Final

from playd.control.log_lines import bare_line
from playd.control.protocol import JsonObject
from playd.control.record_filter import told
from playd.control.tables import Column, age, mebibytes, word

_USERS: Final = 3


def _most_users(row: JsonObject) -> str:
    """The names behind most of today's requests, and how many more there are."""
    told = ", ".join(f"{each['name']} {each['requests']}" for each in row["used_by"][:_USERS])
    more = len(row["used_by"]) - _USERS
    return f"{told}, and {more} more" if more > 0 else told or "-"


def _budget_left(row: JsonObject) -> str:
    """What is left of the share that may go wrong; `-` where the objective is no share."""
    left = row.get("budget_left_pct")
    return "-" if left is None else f"{left} %"


SLOS: Final = (
    Column("NAME", word("name")),
    Column("SCOPE", word("scope")),
    Column("VALUE", word("value"), right=True),
    Column("OBJECTIVE", word("objective"), right=True),
    Column("UNIT", word("unit")),
    Column("STATE", word("state")),
    Column("BUDGET_LEFT", _budget_left, right=True),
    Column("WHAT", word("why")),
)

LIMITS: Final = (
    Column("BUCKET", word("bucket")),
    Column("SIZE", word("usable"), right=True),
    Column("LEFT", word("left"), right=True),
    Column("RESET", age("blocked_s"), right=True),
    Column("WAIT_P99", lambda row: f"{row['wait_p99_ms']}ms", right=True),
    Column("REFUSED", word("refused"), right=True),
    Column("REQUESTS_TODAY", _most_users),
)

LOGS: Final = (
    Column("TIME", word("ts")),
    Column("LEVEL", word("level")),
    Column("INSTANCE", word("instance")),
    Column("EVENT", bare_line),
)

EVENTS: Final = (
    Column("SEQ", word("seq"), right=True),
    Column("TIME", word("time")),
    Column("KIND", word("kind")),
    Column("INSTANCE", lambda row: str(row.get("name") or row["instance"] or "-")),
    Column("SYMBOL", word("symbol")),
    Column("ACTOR", word("actor")),
    Column("DATA", lambda row: told(row["data"])),
)

INCIDENTS: Final = (
    Column("ID", word("id")),
    Column("SEV", word("severity")),
    Column("STATE", word("state")),
    Column("SCOPE", word("scope")),
    Column("TITLE", word("kind")),
    Column("AGE", age("age_s"), right=True),
    Column("COUNT", word("count"), right=True),
    Column("ACK", word("acked_by")),
    Column("TEXT", word("text")),
)

ALERTS: Final = (
    Column("ID", word("id"), right=True),
    Column("ROUTE", word("route")),
    Column("SEV", word("severity")),
    Column("STATUS", word("status")),
    Column("TRIES", word("tries"), right=True),
    Column("AGE", age("age_s"), right=True),
    Column("WHAT", word("what")),
    Column("ERROR", word("error")),
)

CONFIG: Final = (
    Column("KEY", word("key")),
    Column("VALUE", word("value")),
    Column("ORIGIN", word("origin")),
    Column("SINCE", word("since")),
    Column("WAITS", word("waits")),
)

CHANGES: Final = (
    Column("KEY", word("key")),
    Column("BEFORE", word("before")),
    Column("AFTER", word("after")),
    Column("TAKES", word("takes")),
)

STATE_FILES: Final = (
    Column("PATH", word("path")),
    Column("KIND", word("kind")),
    Column("OWNER", word("owner")),
    Column("VERSION", word("version")),
    Column("SIZE", mebibytes("size_bytes"), right=True),
    Column("CHECK", word("check")),
    Column("WRITTEN", word("written"), wide=True),
    Column("MODIFIED", word("modified"), wide=True),
)

HEAD: Final = (
    Column("SEQ", word("head_seq"), right=True),
    Column("HASH", word("head_hash")),
    Column("RESULT", word("result")),
    Column("WHAT", word("said")),
)
"""What a look at the journal's chain came to."""

ROUTES: Final = (
    Column("ROUTE", word("route")),
    Column("STATUS", word("status")),
    Column("ERROR", word("error")),
)
"""What became of a test of each route."""

BACKUPS: Final = (
    Column("ID", word("id")),
    Column("AGE", age("age_s"), right=True),
    Column("SIZE", mebibytes("size_bytes"), right=True),
    Column("FILES", word("files"), right=True),
    Column("JOURNAL", word("journal_head.seq"), right=True),
    Column("VERIFIED", age("verified_age_s"), right=True),
    Column("VERSION", word("version")),
)
