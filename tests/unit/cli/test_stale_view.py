"""With the daemon down `playctl` shows what was recorded: filtered as asked, dated, and nothing for what it cannot read."""

import json
from pathlib import PurePath
from typing import Any

import anyio
import pytest

from playd.cli.session import Options, Session
from playd.cli.stale_view import (
    StaleTrouble,
    stale_events,
    stale_fills,
    stale_halts,
    stale_incidents,
    stale_logs,
    stale_positions,
    stale_status,
)
from playd.control.client import Unreachable
from playd.control.log_lines import LineFilter, log_line
from playd.control.record_filter import RecordFilter, bare_record
from playd.control.render import Output
from playd.ops import log_file
from playd.ops.journal import open_journal
from playd.orders.halts import Halts
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.orders.panic_notes import leave_note
from playd.settings.model import Journal as JournalSettings
from playd.world.virtual import VirtualWorld, virtual_world
from tests.simulation.order_world import MemoryJournal

STATE = PurePath("/state")
GONE = Unreachable("daemon not running: nothing listens")
ANY = RecordFilter()
SHARE = (
    "INSERT INTO virtual_positions (account, instance, symbol, position_idx, signed_qty, avg_price, realised, fees, funding,"
    " opened_ms, stop) VALUES (?, ?, ?, 0, ?, '100', '0', '0', '0', 1, '90')"
)

FILL = (
    "INSERT INTO executions (account, exec_id, venue_order_id, symbol, position_idx, side, qty, price, value, fee,"
    " fee_currency, exec_type, create_type, stop_order_type, closed_size, exec_pnl, seq, is_maker, venue_ms, received_ms,"
    " source, owner)"
    " VALUES ('main', ?, 'v', ?, 0, 'Buy', '1', '1', '1', '0', 'USDT', 'Trade', '', '', '0', '0', 1, 0, 1, 1, 'ws', 'u1')"
)


@pytest.fixture
def left() -> VirtualWorld:
    """What a daemon with two accounts left behind: two positions and a closed one, two incidents, a few records."""
    world = virtual_world()
    for path in ("run", "journal"):
        world.disk.mkdir(STATE / path)
    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")

    async def fill() -> None:
        async with open_journal(world, STATE / "journal", JournalSettings(), version="0.1.0") as (journal, _):
            incidents = Incidents(ledger, world.clock, journal)
            incidents.open("NAKED", "critical", "symbol:main/BTCUSDT", "no stop")
            incidents.open("KEY_EXPIRES", "warning", "account:main", "14 days")
            incidents.resolve("KEY_EXPIRES", "account:main", "renewed")
            for n, symbol in enumerate(("BTCUSDT", "ETHUSDT", "BTCUSDT")):
                world.clock.advance(60)
                journal.append("order.sent", {"link_id": f"pd-{n}"}, account="main", symbol=symbol)

    anyio.run(fill)
    for values in (("main", "u1", "BTCUSDT", "1"), ("main", "u1", "ETHUSDT", "-2"), ("demo", "u2", "BTCUSDT", "0.000")):
        ledger.write(SHARE, values)
    for exec_id, symbol in (("e1", "BTCUSDT"), ("e2", "ETHUSDT")):
        ledger.write(FILL, (exec_id, symbol))
    ledger.close()
    return world


def session(world: VirtualWorld) -> Session:
    return Session(world, Options(Output.JSON, (), "", 10.0, False, "", False, ""))


def shown(capsys: pytest.CaptureFixture[str], code: int) -> list[dict[str, Any]]:
    assert code == 7
    printed = json.loads(capsys.readouterr().out)
    assert printed["as_of"]
    rows: list[dict[str, Any]] = printed["rows"]
    return rows


def test_positions_and_fills_are_those_that_were_asked_for(left: VirtualWorld, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(shown(capsys, stale_positions(session(left), GONE, None, None, None))) == 2
    (row,) = shown(capsys, stale_positions(session(left), GONE, "main", "ETHUSDT", "u1"))
    assert (row["side"], row["qty"]["value"]) == ("short", "2")
    assert shown(capsys, stale_positions(session(left), GONE, "demo", None, None)) == []
    fills = [row["symbol"] for row in shown(capsys, stale_fills(session(left), GONE, None, None, None, None, 5))]
    assert fills == ["ETHUSDT", "BTCUSDT"]
    (newest,) = shown(capsys, stale_fills(session(left), GONE, None, None, None, None, 1))
    assert newest["symbol"] == "ETHUSDT"
    (asked,) = shown(capsys, stale_fills(session(left), GONE, None, "BTCUSDT", None, None, 5))
    assert asked["symbol"] == "BTCUSDT"


def test_incidents_are_open_ones_unless_all_are_asked_for(left: VirtualWorld, capsys: pytest.CaptureFixture[str]) -> None:
    assert [row["kind"] for row in shown(capsys, stale_incidents(session(left), GONE, None, everything=False))] == ["NAKED"]
    found = shown(capsys, stale_incidents(session(left), GONE, "warning", everything=True))
    assert [(row["kind"], row["state"]) for row in found] == [("KEY_EXPIRES", "resolved")]


def test_levels_in_force_are_shown_the_gravest_first_and_a_kill_file_beside_them(
    left: VirtualWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = Ledger.open(left.disk, left.clock, STATE / "ledger.sqlite")
    halt = "INSERT INTO halts (scope, level, code, text, actor, raised_ms, lifted_ms) VALUES (?, ?, 'C', 'why', 'uid:0', 1, ?)"
    for values in (("all", 1, None), ("account:main", 4, None), ("instance:u1", 5, 2)):
        ledger.write(halt, values)
    ledger.close()
    found = shown(capsys, stale_halts(session(left), GONE))
    assert [(row["scope"], row["level"], row["cause"]) for row in found] == [
        ("account:main", 4, "unknown"),
        ("all", 1, "unknown"),
    ]
    left.disk.write_replace(STATE / "HALT", b"")
    stale_status(session(left), GONE, None)
    said = capsys.readouterr().err
    assert "level 4 on account:main (C) is in force as last recorded" in said
    assert "the kill file /state/HALT is there" in said


def test_what_a_start_finds_beside_the_ledger_is_among_the_levels_too(
    left: VirtualWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = Ledger.open(left.disk, left.clock, STATE / "ledger.sqlite")
    ledger.write(
        "INSERT INTO instances (uid, name, tag, account, symbol, mode, clock_ms, created_ms)"
        " VALUES ('u1', 'alpha', 'u1', 'main', 'BTCUSDT', 'demo', 1, 1)"
    )
    ledger.close()
    left.disk.mkdir(PurePath("/config"))
    left.disk.mkdir(PurePath("/shared"))
    left.disk.write_replace(PurePath("/config/playd.toml"), b'[halt]\nextra_file = "/shared/STOP"\n')
    assert shown(capsys, stale_halts(session(left), GONE)) == []
    leave_note(left.disk, STATE, "instance:u1", reason="out", actor="uid:1(a)", time_ms=left.clock.wall_ms() - 5000)
    left.disk.write_replace(PurePath("/shared/STOP"), b"")
    found = shown(capsys, stale_halts(session(left), GONE))
    assert [(row["scope"], row["level"], row["code"]) for row in found] == [
        ("instance:alpha", 4, "GUARDIAN_PANIC"),
        ("all", 2, "KILL_FILE"),
    ]
    assert (found[0]["actor"], found[0]["text"], found[0]["age_s"]) == ("uid:1(a)", "out", 5.0)
    assert "/shared/STOP" in found[1]["text"]
    stale_status(session(left), GONE, None)
    assert "level 4 on instance:alpha (GUARDIAN_PANIC) is in force" in capsys.readouterr().err


def test_a_kill_file_that_a_daemon_wrote_down_is_one_level(left: VirtualWorld, capsys: pytest.CaptureFixture[str]) -> None:
    left.disk.write_replace(STATE / "HALT", b"")
    ledger = Ledger.open(left.disk, left.clock, STATE / "ledger.sqlite")
    Halts(ledger, left.disk, left.clock, MemoryJournal(), STATE)
    ledger.close()
    (row,) = shown(capsys, stale_halts(session(left), GONE))
    assert (row["scope"], row["code"]) == ("all", "KILL_FILE")


def test_events_are_filtered_and_a_damaged_line_hides_no_other(left: VirtualWorld, capsys: pytest.CaptureFixture[str]) -> None:
    path = STATE / "journal" / "2024-01-01.jsonl"
    lines = left.disk.read_bytes(path).splitlines(keepends=True)
    left.disk.write_replace(path, b"".join([*lines[:-2], b"{broken\n", *lines[-1:]]))
    found = shown(capsys, stale_events(session(left), GONE, RecordFilter(symbol="BTCUSDT"), None, 20, None, backwards=True))
    assert [row["data"]["link_id"] for row in found] == ["pd-2", "pd-0"]
    found = shown(capsys, stale_events(session(left), GONE, RecordFilter(order="pd-2"), None, 20, None, backwards=False))
    assert [row["kind"] for row in found] == ["order.sent"]
    assert shown(capsys, stale_events(session(left), GONE, ANY, None, 0, None, backwards=False)) == []


def test_what_cannot_be_read_is_said_and_nothing_stands_in_for_it(left: VirtualWorld) -> None:
    with pytest.raises(StaleTrouble, match="no instance 'nobody'"):
        stale_status(session(left), GONE, "nobody")
    with pytest.raises(StaleTrouble, match="no instance 'nobody'"):
        stale_events(session(left), GONE, ANY, "nobody", 20, None, backwards=False)
    older = left.disk.open_sqlite(STATE / "ledger.sqlite")
    older.execute("ALTER TABLE incidents DROP COLUMN reopened_ms")
    older.close()
    with pytest.raises(StaleTrouble, match=r"no 'reopened_ms'.*playd migrate"):
        stale_incidents(session(left), GONE, None, everything=False)
    left.disk.write_replace(STATE / "ledger.sqlite", b"not a database, and long enough to be taken for one" * 100)
    with pytest.raises(StaleTrouble, match=r"cannot be read.*runbook"):
        stale_positions(session(left), GONE, None, None, None)
    with pytest.raises(StaleTrouble, match="no records in /state"):
        stale_status(session(virtual_world()), GONE, None)


def test_a_slip_in_a_name_is_refused_and_not_answered_with_nothing(
    left: VirtualWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StaleTrouble, match="did you mean 'main'"):
        stale_positions(session(left), GONE, "mian", None, None)
    with pytest.raises(StaleTrouble, match="did you mean 'main'"):
        stale_logs(session(left), GONE, LineFilter(account="mian"), 5, log_line, backwards=False)
    with pytest.raises(StaleTrouble, match="did you mean 'main'"):
        stale_events(session(left), GONE, RecordFilter(account="mian"), None, 5, None, backwards=False)
    with pytest.raises(StaleTrouble, match="no instance 'u9'"):
        stale_fills(session(left), GONE, None, None, "u9", None, 5)
    assert shown(capsys, stale_fills(session(left), GONE, None, None, "u1", 2, None)) == []
    assert len(shown(capsys, stale_fills(session(left), GONE, None, None, "u1", 1, None))) == 2


def test_lines_without_number_and_time_are_printed_below_their_age(
    left: VirtualWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = Session(left, Options(Output.TABLE, (), "", None, False, "", False, ""))
    assert stale_events(asked, GONE, RecordFilter(kind="order.sent"), None, 2, bare_record, backwards=False) == 7
    age, *lines = capsys.readouterr().out.splitlines()
    assert age.startswith("daemon not running, data as of 2024")
    assert lines == ["order.sent link_id=pd-1", "order.sent link_id=pd-2"]


def test_lines_of_the_log_need_neither_a_name_in_the_ledger_nor_a_whole_one(
    left: VirtualWorld, capsys: pytest.CaptureFixture[str]
) -> None:
    line = {
        "ts": "2024-01-01T00:00:00.000Z",
        "level": "error",
        "event": "instance.refused",
        "msg": "no slot",
        "instance": "foo",
    }
    left.disk.mkdir(STATE / log_file.FOLDER)
    left.disk.write_replace(STATE / log_file.FOLDER / log_file.NAME, json.dumps(line).encode() + b"\n")
    asked = Session(left, Options(Output.CSV, (), "", None, False, "", False, ""))
    assert stale_logs(asked, GONE, LineFilter("foo"), 5, None, backwards=False) == 7
    titles, row = capsys.readouterr().out.splitlines()
    assert (titles, row.split(",")[2]) == ("TIME,LEVEL,INSTANCE,EVENT", "foo")
    left.disk.write_replace(STATE / "ledger.sqlite", b"not a database, and long enough to be taken for one" * 100)
    assert len(shown(capsys, stale_logs(session(left), GONE, LineFilter("foo"), 5, None, backwards=False))) == 1
    assert stale_logs(session(left), GONE, LineFilter("fo"), 5, None, backwards=False) == 7
    assert "cannot be read" in capsys.readouterr().err
