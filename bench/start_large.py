"""
Start to READY on a state that has seen much: ten thousand orders in the ledger, a hundred thousand records in the journal.

    python bench/start_large.py

Timed: the whole process, from before `exec` to its line `daemon.ready`: lock, check of the ledger, check of every record of the
journal's last file, reconciliation, both instances warm. Not timed: a first life, whose records are multiplied, and two starts.
"""

import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

import _setup
import orjson
from _daemon import daemon
from _figures import tell_percentiles

from playd.ops.chain import seal

ORDERS = 10_000
RECORDS = 100_000
SPEED = 600.0
LIVES_S = 20.0
RUNS = 10
UNTIMED = 2
LIMIT_S = 10.0


def fill_ledger(path: Path) -> int:
    """Orders as a venue cancels them unfilled, each with its intent and three events: copies of one that was there."""
    with closing(sqlite3.connect(path)) as ledger:
        ledger.row_factory = sqlite3.Row
        intent, order = ledger.execute("SELECT * FROM intents").fetchone(), ledger.execute("SELECT * FROM orders").fetchone()
        for number in range(ORDERS):
            cause = str(int(intent["cause"]) - 60_000 * (number + 1))
            identity = f"{intent['instance']}/{cause}/{intent['action']}/{intent['leg']}"
            link = f"bench{number:08}"
            put(ledger, "intents", {**dict(intent), "id": identity, "cause": cause, "outcome": "done"})
            ended = {"state": "CANCELLED", "cum_qty": "0", "venue_cum_qty": "0", "venue_order_id": f"bench-{number}"}
            put(ledger, "orders", {**dict(order), **ended, "link_id": link, "intent": identity})
            for n, (before, after) in enumerate((("", "SENT"), ("SENT", "ACKED"), ("ACKED", "CANCELLED"))):
                row = (link, n, "stream", "", before, after, None, "", None, int(order["created_ms"]))
                ledger.execute("INSERT INTO order_events VALUES (?,?,?,?,?,?,?,?,?,?,'')", row)
        ledger.commit()
        return int(ledger.execute("SELECT count(*) FROM orders").fetchone()[0])


def put(ledger: sqlite3.Connection, table: str, row: dict[str, object]) -> None:
    names = ", ".join(f'"{name}"' for name in row)
    ledger.execute(f"INSERT INTO {table} ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))


def fill_journal(directory: Path) -> int:
    """The newest file goes on with copies of its last record, each sealed behind the one before."""
    path = max(directory.glob("*.jsonl"))
    record = orjson.loads(path.read_bytes().splitlines()[-1])
    last, lines = record.pop("hash"), list[bytes]()
    while len(lines) < RECORDS:
        record |= {"seq": record["seq"] + 1, "prev": last}
        line, last = seal(record, last)
        lines.append(line)
    with path.open("ab") as file:
        file.writelines(lines)
    return path.stat().st_size


def main() -> None:
    with tempfile.TemporaryDirectory(dir=_setup.scratch()) as name:
        state = Path(name) / "state"
        with daemon(state=state, speed=SPEED):
            time.sleep(LIVES_S)
        orders, size = fill_ledger(state / "ledger.sqlite"), fill_journal(state / "journal")
        taken_s = []
        for _ in range(UNTIMED + RUNS):
            with daemon(state=state, speed=SPEED) as child:
                taken_s.append(child.ready_s)
    note = f"{orders} orders, a journal of {size / 2**20:.0f} MiB"
    print(note)
    tell_percentiles("start to READY on a large state", taken_s[UNTIMED:], "s", {50: None, 99: LIMIT_S})


if __name__ == "__main__":
    main()
