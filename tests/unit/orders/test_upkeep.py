"""Old rows leave the ledger, into an archive where anybody may ask for them again; nothing else is touched."""

import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import PurePath

import orjson
import pytest

from playd.core.ids import link_id
from playd.core.orders import OrderRequest
from playd.core.timeframes import DAY_MS
from playd.orders import judged, upkeep
from playd.orders.gates import Case
from playd.orders.judged import Judged
from playd.orders.ledger import CHECKPOINT_EVERY_S, Ledger
from playd.orders.machine import OrderEvent
from playd.orders.on_record import OnRecord
from playd.orders.order_book import OrderBook
from playd.orders.upkeep import BALANCES_DAYS, Upkeep
from playd.world.virtual import VirtualWorld, virtual_world
from tests.simulation.order_world import UID, entry
from tests.unit.orders.test_gates import OPEN

ARCHIVE = PurePath("/state/archive")
KEEP_DAYS = 400
RUNS_DAYS = 90
NOW_DAY = 20_000
MINUTE_MS = 60_000


@pytest.fixture
def world() -> VirtualWorld:
    found = virtual_world()
    found.clock.advance(NOW_DAY * DAY_MS / 1000 - found.clock.wall_ms() / 1000)
    found.disk.mkdir(PurePath("/state"))
    return found


@pytest.fixture
def ledger(world: VirtualWorld) -> Ledger:
    found = Ledger.open(world.disk, world.clock, PurePath("/state/ledger.sqlite"))
    found.write(
        "INSERT INTO instances (uid, name, account, symbol, mode, clock_ms, tag, created_ms)"
        " VALUES ('u','a','m','B','paper',?,'t',1)",
        (MINUTE_MS,),
    )
    return found


def keeper(world: VirtualWorld, ledger: Ledger) -> Upkeep:
    return Upkeep(ledger, world.disk, world.clock, ARCHIVE, KEEP_DAYS, RUNS_DAYS)


def through(keeper: Upkeep) -> int:
    steps = 0
    while keeper.step():
        steps += 1
    return steps


def archived(world: VirtualWorld, table: str) -> list[dict[str, object]]:
    names = [name for name in world.disk.list(ARCHIVE) if name.startswith(table)]
    return [orjson.loads(line) for name in names for line in world.disk.read_bytes(ARCHIVE / name).splitlines()]


def add_bars(ledger: Ledger, days: range) -> None:
    for day in days:
        ledger.write(
            "INSERT INTO bars (instance, clock_ms, close_ms, processed_ms, verdict, detail) VALUES ('u',?,?,1,'NO_SIGNAL','x')",
            (MINUTE_MS, day * DAY_MS),
        )


def count(ledger: Ledger, table: str) -> int:
    row = ledger.row(f"SELECT count(*) AS n FROM {table}")
    assert row is not None
    return int(row["n"])


def test_old_verdicts_move_to_the_archive_whole_and_in_order(
    world: VirtualWorld, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "BATCH", 30)
    add_bars(ledger, range(500))
    before = [dict(row) for row in ledger.rows("SELECT * FROM bars ORDER BY close_ms")]
    assert through(keeper(world, ledger)) > 1
    left = [dict(row) for row in ledger.rows("SELECT * FROM bars ORDER BY close_ms")]
    first, *kept = left
    assert len(kept) == KEEP_DAYS + 1
    assert [first, *archived(world, "bars"), *kept] == before, "from the first one everything can be decided again"


def test_the_next_line_of_verdicts_is_found_by_their_key(ledger: Ledger) -> None:
    for sql in ("SELECT instance, clock_ms FROM bars WHERE (instance, clock_ms) > (?, ?) ORDER BY instance, clock_ms LIMIT 1",):
        (plan,) = ledger.rows(f"EXPLAIN QUERY PLAN {sql}", ("", 0))
        assert plan["detail"].startswith("SEARCH bars USING PRIMARY KEY")


@pytest.mark.parametrize("torn", [b'{"instance":"u","clock_ms":60', b'{"whole":1}\n{"instance"', b"\0\0\0"])
def test_a_line_that_was_cut_short_takes_no_row_with_it(world: VirtualWorld, ledger: Ledger, torn: bytes) -> None:
    add_bars(ledger, range(404))
    day = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=NOW_DAY)).date().isoformat()
    world.disk.mkdir(ARCHIVE)
    world.disk.write_replace(ARCHIVE / f"bars-{day}.jsonl", torn, keep_previous=False)
    through(keeper(world, ledger))
    found = [row["close_ms"] for row in archived(world, "bars") if "close_ms" in row]
    assert found == [day * DAY_MS for day in (1, 2)]
    assert count(ledger, "bars") == 1 + KEEP_DAYS + 1


def test_an_archive_that_cannot_be_written_leaves_the_rows_where_they_are(world: VirtualWorld, ledger: Ledger) -> None:
    add_bars(ledger, range(500))
    world.disk.fill()
    with pytest.raises(OSError, match="space"):
        keeper(world, ledger).step()
    assert count(ledger, "bars") == 500


def test_events_of_old_final_orders_move_and_their_orders_stay(world: VirtualWorld, ledger: Ledger) -> None:
    for link, state, day in (("old", "FILLED", 100), ("live", "OPEN", 100), ("new", "FILLED", NOW_DAY - 1)):
        ledger.write(
            "INSERT INTO orders (link_id, attempt, account, owner, action, symbol, side, type, tif, qty, reduce_only, state,"
            " created_ms, last_event_ms) VALUES (?,0,'m','u','enter','B','Buy','Market','IOC','1',0,?,1,?)",
            (link, state, day * DAY_MS),
        )
        for n in (1, 2):
            ledger.write(
                "INSERT INTO order_events (link_id, n, source, request, before, after, received_ms)"
                " VALUES (?,?,'s','','','',?)",
                (link, n, day * DAY_MS),
            )
    through(keeper(world, ledger))
    assert [(row["link_id"], row["n"]) for row in archived(world, "order_events")] == [("old", 1)]
    left = [("live", 1), ("live", 2), ("new", 1), ("new", 2), ("old", 2)]
    assert [tuple(row) for row in ledger.rows("SELECT link_id, n FROM order_events ORDER BY link_id, n")] == left
    assert count(ledger, "orders") == 3


def test_an_event_that_comes_behind_archived_ones_has_a_number_of_its_own(world: VirtualWorld, ledger: Ledger) -> None:
    book = OrderBook(ledger, world.clock, "main")
    intent = entry()
    link = link_id(intent.instance_uid, intent.cause, intent.action, intent.leg, 0)
    asked = OrderRequest(link, intent.symbol, intent.side, intent.qty)
    book.insert_order(intent, book.insert_intent(intent, b"{}"), 0, asked)
    book.record(book.need(link), OrderEvent.SEEN_CANCELLED, "stream")
    for _ in range(2):
        world.clock.advance((KEEP_DAYS + 1) * DAY_MS / 1000)
        through(keeper(world, ledger))
        book.note_reply(link, 0, "late")
    numbers = [row["n"] for row in archived(world, "order_events")]
    numbers += [row["n"] for row in ledger.rows("SELECT n FROM order_events ORDER BY n")]
    assert numbers == [1, 2, 3, 4, 5]


def add_cases(ledger: Ledger, closes: range, *, entered: int, uid: str = UID) -> None:
    for close in closes:
        ledger.write("INSERT INTO judged VALUES (?,?,?,?)", (uid, close * MINUTE_MS, entered, zlib.compress(b'{"v":1}')))


def refused_at(close: int) -> Case:
    return replace(OPEN, intent=replace(OPEN.intent, bar_close_ms=close * MINUTE_MS))


def refuse(keeping: Judged, closes: range) -> None:
    for close in closes:
        keeping.refused(refused_at(close), "HALTED")
        while keeping.write_refused():
            pass


def test_of_refused_entries_the_newest_are_kept_and_of_those_let_through_all_of_the_time(
    world: VirtualWorld, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judged, "REFUSED_KEPT", 30)
    add_cases(ledger, range(1, 100, 2), entered=1)
    refuse(Judged(ledger, OnRecord(ledger)), range(0, 100, 2))
    refused = [row["close_ms"] // MINUTE_MS for row in ledger.rows("SELECT * FROM judged WHERE entered = 0")]
    assert refused == list(range(40, 100, 2))
    assert count(ledger, "judged") == 30 + 50


def test_the_wider_cases_are_the_fewer_are_kept(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    keeping = Judged(ledger, OnRecord(ledger))
    refuse(keeping, range(1))
    row = ledger.row("SELECT length(body) AS width FROM judged")
    assert row is not None
    monkeypatch.setattr(judged, "REFUSED_BYTES", 8 * row["width"])
    refuse(keeping, range(1, 40))
    assert 5 <= count(ledger, "judged") <= 8


def test_of_more_refusals_than_wait_the_newest_are_written(ledger: Ledger) -> None:
    keeping = Judged(ledger, OnRecord(ledger))
    for close in range(judged.WAITING + 5):
        keeping.refused(refused_at(close), "HALTED")
    assert count(ledger, "judged") == 0
    assert keeping.write_refused()
    assert count(ledger, "judged") == judged.AT_ONCE, "the rest has its turn later, and orders theirs between"
    while keeping.write_refused():
        pass
    closes = [row["close_ms"] // MINUTE_MS for row in ledger.rows("SELECT close_ms FROM judged")]
    assert closes == list(range(5, judged.WAITING + 5))


def test_a_step_looks_at_the_cases_of_one_instance_and_a_pass_at_each_once(world: VirtualWorld, ledger: Ledger) -> None:
    for uid in "abcde":
        add_cases(ledger, range(10), entered=0, uid=uid)
    asked: list[str] = []
    ledger._connection.set_trace_callback(lambda sql: asked.append(sql) if "max(close_ms)" in sql and "judged" in sql else None)
    kept = keeper(world, ledger)
    for _ in range(2):
        before = len(asked)
        while kept.step():
            assert len(asked) <= before + 1
            before = len(asked)
    assert len(asked) == 2 * 5


def test_rows_that_an_older_program_kept_its_refusals_in_are_dropped(world: VirtualWorld, ledger: Ledger) -> None:
    for key in ("judged:u", "judged:v", "limits:ab"):
        ledger.set_meta(key, "[]")
    through(keeper(world, ledger))
    keys = [row["key"] for row in ledger.rows("SELECT key FROM meta")]
    assert "limits:ab" in keys
    assert not [key for key in keys if key.startswith("judged")]


def test_old_cases_move_to_the_archive(world: VirtualWorld, ledger: Ledger) -> None:
    days = range(0, 500 * 1440, 1440)
    add_cases(ledger, days, entered=1)
    through(keeper(world, ledger))
    assert count(ledger, "judged") == KEEP_DAYS + 1
    moved = archived(world, "judged")
    assert len(moved) == 500 - KEEP_DAYS - 1
    assert {row["body"] for row in moved} == {'{"v":1}'}


def test_reconciliations_and_balances_are_thinned(world: VirtualWorld, ledger: Ledger) -> None:
    for number, day in enumerate((1, NOW_DAY - RUNS_DAYS - 1, NOW_DAY - RUNS_DAYS + 1), 1):
        ledger.write(
            'INSERT INTO recon_runs (id, account, "trigger", kinds, started_ms, duration_ms, result)'
            " VALUES (?,'m','t','k',?,1,'r')",
            (number, day * DAY_MS),
        )
        ledger.write(
            "INSERT INTO recon_diffs (run, n, class, scope, ours, theirs, repair) VALUES (?,0,'c','s','o','t','r')", (number,)
        )
    old, fresh = (NOW_DAY - BALANCES_DAYS - 2) * DAY_MS, (NOW_DAY - 2) * DAY_MS
    for first in (old, fresh):
        for minute in range(180):
            ledger.write("INSERT INTO equity VALUES ('m',?,'1','1','0','venue',NULL,NULL,NULL)", (first + minute * MINUTE_MS,))
    assert through(keeper(world, ledger)) == 2
    assert [row["id"] for row in ledger.rows("SELECT id FROM recon_runs")] == [3]
    assert [row["run"] for row in ledger.rows("SELECT run FROM recon_diffs")] == [3]
    kept = [row["ms"] for row in ledger.rows("SELECT ms FROM equity ORDER BY ms")]
    assert kept[:3] == [old, old + 60 * MINUTE_MS, old + 120 * MINUTE_MS]
    assert len(kept) == 3 + 180


def test_the_log_is_folded_back_by_the_clock(world: VirtualWorld, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    folded: list[float] = []
    monkeypatch.setattr(ledger, "checkpoint", lambda: folded.append(world.clock.mono_s()))
    for _ in range(4):
        world.clock.advance(CHECKPOINT_EVERY_S / 2)
        ledger.keep()
    assert len(folded) == 2
