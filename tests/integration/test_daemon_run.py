"""`playd run` from an empty directory to a clean stop, steered by `playctl`."""

import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
import pytest

from playd import __version__
from playd.orders.pipeline import PIPELINE
from tests.crash.harness import wait_for
from tests.integration.daemon_kit import ROOT, WITHIN_S, DaemonProcess, ctl, ctl_json, daemon, settings
from tests.integration.market_kit import write_market

pytestmark = pytest.mark.slow

FAST = ("--speed", "3000")
EMA, BOLLINGER = ROOT / "config/plays/ema_cross_rsi.yml", ROOT / "config/plays/bollinger_reversion.yml"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """One daemon for all tests that only look or leave it as it was."""
    with daemon(tmp_path_factory.mktemp("state"), *FAST) as process:
        process.wait_for("daemon.ready")
        process.wait_for("fill.booked", action="enter")
        yield process


def test_the_embedded_default_trades_two_plays_without_any_configuration(running: DaemonProcess) -> None:
    rows = ctl_json(running.state, "list")
    assert {row["name"]: (row["mode"], row["state"]) for row in rows} == {
        "bollinger": ("paper", "running"),
        "ema-cross": ("paper", "running"),
    }
    running.wait_for("fill.booked", reason="sl")


def test_status_says_everything_with_unit_age_and_source(running: DaemonProcess) -> None:
    result = ctl(running.state, "status", "--json")
    assert result.returncode == 0
    data = orjson.loads(result.stdout)
    assert data["daemon"]["ready"] is True
    assert data["daemon"]["journal_head"]["seq"] > 0
    for row in data["instances"]:
        for name in ("position", "upnl", "day", "drawdown", "stop_at_venue"):
            assert {"value", "unit", "source", "age_s"} <= row[name].keys()
        assert row["bar_age_s"] < 60
        assert row["feed_age_s"] < 60


def test_an_open_position_shows_its_stop_at_the_venue(running: DaemonProcess) -> None:
    for _ in range(200):
        rows = [row for row in ctl_json(running.state, "positions") if row["stop"]["value"] is not None]
        # A look may fall between the frame of a fill and that of its position: the next fill is another chance.
        held = [row for row in rows if Decimal(row["diff"]["value"]) == 0]
        if held:
            break
        running.wait_for("fill.booked", action="enter")
    assert held
    assert held[0]["stop"]["source"] == "venue"


@pytest.mark.parametrize("command", ["status", "list", "positions", "orders", "fills", "balance", "halts", "intents", "logs"])
def test_looking_commands_print_json_and_tables(running: DaemonProcess, command: str) -> None:
    assert ctl(running.state, command).returncode == 0
    ctl_json(running.state, command)


def test_show_prints_the_last_verdicts(running: DaemonProcess) -> None:
    shown = ctl_json(running.state, "show", "ema-cross")
    assert len(shown["verdicts"]) == 10
    assert "last verdicts" in ctl(running.state, "show", "ema-cross").stdout


def test_show_prints_the_gates_in_their_order_with_what_bounds_them(running: DaemonProcess) -> None:
    gates = {row["gate"]: row for row in ctl_json(running.state, "show", "ema-cross", "--pipeline")}
    assert [next(iter(gates)), list(gates)[-1]] == ["halt", "stop"]
    assert (gates["exposure"]["bounds"]["gross_pct"], gates["account"]["bounds"]["equity_max_age_s"]) == ("off", "120.0")
    assert "WEEK_CAP" in ctl(running.state, "show", "ema-cross", "--pipeline").stdout


def test_an_unknown_instance_is_4_and_names_the_nearest(running: DaemonProcess) -> None:
    for command in (("show", "ema-crss"), ("pause", "ema-crss"), ("start", "ema-crss"), ("status", "ema-crss")):
        result = ctl(running.state, *command)
        assert result.returncode == 4
        assert "did you mean 'ema-cross'" in result.stderr


def test_pause_and_resume_are_recorded_with_reason_and_actor(running: DaemonProcess) -> None:
    assert ctl(running.state, "pause", "ema-cross", "--reason", "lunch").returncode == 0
    rows = {row["name"]: row for row in ctl_json(running.state, "list")}
    assert (rows["ema-cross"]["state"], rows["bollinger"]["state"]) == ("paused", "running")
    halt = ctl_json(running.state, "halts")[0]
    assert (halt["scope"], halt["level"], halt["text"]) == ("instance:ema-cross", 1, "lunch")
    assert halt["actor"].startswith("uid:")
    assert ctl(running.state, "resume", "ema-cross").returncode == 0
    assert ctl_json(running.state, "halts") == []
    assert ctl(running.state, "resume", "ema-cross").returncode == 3


def test_a_wide_panic_needs_its_phrase(running: DaemonProcess) -> None:
    result = ctl(running.state, "panic", "all")
    assert result.returncode == 8
    assert "PANIC all" in result.stderr
    assert ctl_json(running.state, "halts") == []


def test_a_play_is_added_started_stopped_and_removed(running: DaemonProcess) -> None:
    play = str(ROOT / "config/plays/donchian_breakout.yml")
    assert ctl(running.state, "add", play, "--as", "don", "--mode", "paper").returncode == 0
    assert ctl(running.state, "add", play, "--as", "don", "--mode", "paper").returncode == 8
    assert ctl_json(running.state, "start", "don")[0]["state"] in ("warming", "running")  # its kernels may be compiled first
    running.wait_for("instance.transition", instance="don", to="running")
    assert ctl(running.state, "remove", "don").returncode == 8
    assert ctl(running.state, "stop", "don", "--flatten").returncode == 0
    assert ctl(running.state, "stop", "don").returncode == 3
    assert ctl(running.state, "remove", "don").returncode == 0
    assert ctl(running.state, "show", "don").returncode == 4


@pytest.mark.parametrize(
    ("text", "says"), [("features: [", "yml"), ("version: '3.0.0'\nnme: x\n", "name"), ("", "yml"), ("\x00\x01", "yml")]
)
def test_a_broken_play_is_6_with_its_place(running: DaemonProcess, tmp_path: Path, text: str, says: str) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text(text)
    result = ctl(running.state, "add", str(broken), "--as", "broken", "--mode", "paper")
    assert result.returncode == 6
    assert says in result.stderr
    assert ctl(running.state, "add", str(tmp_path / "missing.yml"), "--as", "m", "--mode", "paper").returncode == 6


def test_live_is_refused_with_its_reason(running: DaemonProcess) -> None:
    result = ctl(running.state, "add", str(EMA), "--as", "real", "--mode", "live", "--account", "live")
    assert result.returncode == 4
    assert "no account 'live' is configured" in result.stderr


def test_reconcile_finds_ledger_and_venue_the_same(running: DaemonProcess) -> None:
    assert ctl(running.state, "reconcile", "--dry-run").returncode == 0


def test_a_second_daemon_is_79_and_harms_nothing(running: DaemonProcess) -> None:
    with daemon(running.state) as second:
        assert second.process.wait(timeout=WITHIN_S) == 79
    assert ctl(running.state, "status").returncode == 0


def test_panic_closes_the_position_and_a_stop_ends_clean(tmp_path: Path) -> None:
    """The whole life of a position: opened, panicked flat, the halt lifted by hand; then INT, and exit 0."""
    with daemon(tmp_path, *FAST) as process:
        process.wait_for("daemon.ready")
        process.wait_for("fill.booked", action="enter", instance="bollinger")
        result = ctl(tmp_path, "panic", "bollinger", "--json")
        assert result.returncode == 0, result.stderr
        report = orjson.loads(result.stdout)
        assert report["flat"] is True
        assert all(Decimal(row["remaining"]["value"]) == 0 for row in report["positions"])
        rows = {row["name"]: row for row in ctl_json(tmp_path, "list")}
        assert (rows["bollinger"]["state"], rows["ema-cross"]["state"]) == ("panicked", "running")
        assert not [row for row in ctl_json(tmp_path, "positions") if row["owner"] == "bollinger"]
        assert ctl(tmp_path, "resume", "bollinger").returncode == 8
        phrase = ("--confirm", "RESUME instance:bollinger")
        assert "with a reason" in ctl(tmp_path, "resume", "bollinger", *phrase).stderr
        assert ctl(tmp_path, "resume", "bollinger", *phrase, "--reason", "seen").returncode == 0
        assert process.stop(signal.SIGINT) == 0
    for command in ("status", "positions", "fills"):
        stale = ctl(tmp_path, command)
        assert stale.returncode == 7
        assert stale.stdout.startswith("daemon not running, data as of ")
        assert ctl_json(tmp_path, command)["source"] == "ledger"


OFFLINE = ("status", "positions", "fills", "logs", "events", "incident list")


def test_what_a_killed_daemon_left_is_shown_also_where_nothing_can_be_written(tmp_path: Path) -> None:
    with daemon(tmp_path, *FAST) as process:
        process.wait_for("daemon.ready")
        process.wait_for("fill.booked", action="enter")
        process.process.kill()
        process.process.wait()
    assert (tmp_path / "ledger.sqlite-wal").stat().st_size, "what was committed last stands in the log"
    shown = all_shown(tmp_path)
    assert shown["fills"]
    # Whoever runs this may be the superuser, whom no rights keep from writing: nobody in particular looks.
    with TemporaryDirectory() as folder:
        sealed = Path(folder) / "state"
        shutil.copytree(tmp_path, sealed, ignore=shutil.ignore_patterns("run"))
        for path in (sealed, *sealed.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        Path(folder).chmod(0o755)
        before = {path: path.stat().st_mtime_ns for path in sealed.rglob("*")}
        with as_nobody():
            assert all_shown(sealed) == shown
        assert {path: path.stat().st_mtime_ns for path in sealed.rglob("*")} == before
        sealed.chmod(0o755)
        (sealed / "ledger.sqlite-shm").unlink()
        sealed.chmod(0o555)
        with as_nobody():
            unread = ctl(sealed, "status")
        assert (unread.returncode, unread.stdout) == (7, "")
        assert "could not be read, which says nothing about what is in it" in unread.stderr
        for path in (sealed, *sealed.rglob("*")):
            path.chmod(0o700)


def all_shown(state: Path) -> dict[str, Any]:
    """What is shown without a daemon by each command that can."""
    found = {}
    for command in OFFLINE:
        told = ctl(state, *command.split())
        assert told.returncode == 7, told.stderr
        first, *rows = told.stdout.splitlines()
        assert first.startswith("daemon not running, data as of 20"), told.stdout
        assert rows, "titles, lines, or that there is none"
        found[command] = ctl_json(state, *command.split())["rows"]
    return found


@contextmanager
def as_nobody() -> Iterator[None]:
    """The rights of somebody to whom nothing belongs, where this process may take them."""
    if os.getuid():
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_positions_and_pauses_outlive_a_clean_stop(tmp_path: Path) -> None:
    with daemon(tmp_path, *FAST) as process:
        process.wait_for("daemon.ready")
        process.wait_for("fill.booked", action="enter")
        assert ctl(tmp_path, "pause", "bollinger", "--reason", "night").returncode == 0
        assert process.stop() == 0
    before = executions(tmp_path)
    with daemon(tmp_path, "--speed", "1") as process:
        process.wait_for("daemon.ready")
        rows = {row["name"]: row for row in ctl_json(tmp_path, "list")}
        assert (rows["bollinger"]["state"], rows["ema-cross"]["state"]) == ("paused", "running")
        # The one that runs may trade at once; nothing that was booked is lost, and the venue agrees with the books.
        assert executions(tmp_path)[: len(before)] == before
        assert ctl(tmp_path, "reconcile", "--dry-run").returncode == 0
        assert process.stop() == 0


def executions(state: Path) -> list[Any]:
    """What the ledger has booked, oldest first."""
    return ledger_rows(state, "SELECT exec_id, owner, side, qty, price FROM executions ORDER BY n")


def ledger_rows(state: Path, sql: str) -> list[Any]:
    connection = sqlite3.connect(f"file:{state}/ledger.sqlite?mode=ro", uri=True)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_recorded_candles_are_played_to_their_end(tmp_path: Path) -> None:
    file = tmp_path / "ETHUSDT-1m.parquet"  # another symbol than the Play's
    write_market(file, "ETHUSDT", 1200)
    config = settings(tmp_path / "config", {"ema": str(EMA)}, "[market]\nspeed = 60000\n")
    with daemon(tmp_path / "state", "--candles", str(file), "--as-declared", config=config) as process:
        process.wait_for("daemon.ready")
        process.wait_for("bar.verdict", instance="ema")
        process.wait_for("feed.market_ended")
        assert process.stop() == 0


def test_an_entry_is_explained_by_the_columns_of_the_instance(running: DaemonProcess) -> None:
    """What entered is true in its tree, lines and counts tell of the same bars, and every bar has one verdict."""
    entered = running.wait_for("bar.verdict", instance="ema-cross", verdict="ENTERED")
    shown = ctl_json(running.state, "explain", "ema-cross", "--at", str(entered["close_ms"]))["explanation"]
    assert (shown["verdict"], shown["said"]) == ("ENTERED", "entered")
    action = next(one for one in shown["actions"] if f"actions.{one['action']}" == shown["clause"])
    assert (action["truth"], action["stopped_by"]) == (True, None)
    assert set(action["fired"]) == {child["path"] for child in action["tree"]["children"]}
    assert entered["detail"].startswith(f"{shown['clause']} is true")
    rsi = next(node for node in action["tree"]["children"] if node["text"].startswith("rsi_14"))
    assert entered["metadata"]["rsi"] == rsi["operands"][0]["value"]
    recorded = f'"rsi":"{entered["metadata"]["rsi"]}"'.encode()
    pages = (running.state / "journal").glob
    wait_for(lambda: any(recorded in path.read_bytes() for path in pages("*.jsonl")), "the record, which follows the bytes")

    counted = ctl_json(running.state, "explain", "ema-cross", "--stats")
    assert sum(count["bars"] for count in counted["statistics"]["verdicts"]) == counted["statistics"]["bars"] > 0
    assert counted["last_gate"]["said"] == "passed"

    def silent() -> list[dict[str, Any]]:
        lines = ctl_json(running.state, "explain", "ema-cross", "--last", "50")
        return [line for line in lines if line["verdict"] == "NO_SIGNAL"]

    wait_for(silent, "a bar without a signal, which the first bars may not be")
    assert all(line["clause"].startswith("actions.entry_") and line["detail"] == line["clause"] for line in silent())
    assert "CLAUSE" in ctl(running.state, "explain", "ema-cross", "-n", "5").stdout
    assert "gates, last entry" in ctl(running.state, "explain", "ema-cross").stdout


def test_the_gates_of_an_entry_are_asked_again_from_what_is_on_record(running: DaemonProcess) -> None:
    entered = running.wait_for("bar.verdict", instance="ema-cross", verdict="ENTERED")
    told = ctl_json(running.state, "explain", "ema-cross", "--at", str(entered["close_ms"]))
    assert [row["gate"] for row in told["gates"]] == [step.name for step in PIPELINE]
    assert {row["passed"] for row in told["gates"]} == {True}
    judged = {name: told["judged"][name] for name in ("verdict", "program", "said", "note")}
    assert judged == {"verdict": "ENTERED", "program": __version__, "said": "passed", "note": ""}

    limits = ctl_json(running.state, "show", "ema-cross")["limits"]
    assert f"settings in force, {limits}" in ctl(running.state, "show", "ema-cross").stdout
    sql = "SELECT DISTINCT json_extract(gates, '$.limits') FROM intents i JOIN instances n ON n.uid = i.instance"
    assert ledger_rows(running.state, f"{sql} WHERE n.name = 'ema-cross'") == [(limits,)]


@pytest.mark.slow
def test_an_instance_that_does_not_run_any_more_is_asked_for_its_last_entry(tmp_path: Path) -> None:
    with daemon(tmp_path / "state", *FAST) as process:
        entered = process.wait_for("bar.verdict", instance="ema-cross", verdict="ENTERED")
        assert ctl(process.state, "stop", "ema-cross", "--flatten").returncode == 0
        told = ctl_json(process.state, "explain", "ema-cross", "--at", str(entered["close_ms"]))
        assert {row["passed"] for row in told["gates"]} == {True}
        assert (told["explanation"], told["judged"]["verdict"]) == (None, "ENTERED")
        text = ctl(process.state, "explain", "ema-cross", "--at", str(entered["close_ms"])).stdout
        assert "its columns exist while it runs" in text
        assert ctl(process.state, "explain", "ema-cross", "--last", "5").returncode == 3


def test_what_cannot_be_explained_says_why(running: DaemonProcess) -> None:
    assert ctl(running.state, "explain", "ema-crss").returncode == 4
    assert ctl(running.state, "explain", "ema-cross", "--at", "2020-01-01").returncode == 2
    assert ctl(running.state, "explain", "ema-cross", "--at", "noon").returncode == 2
