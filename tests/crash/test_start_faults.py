"""What stands in the way of a start, and a venue that dies under a running daemon: one clear word, or a recorded recovery."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from playd.cli.playctl_app import app as playctl
from playd.core.envelope import seal, unseal
from playd.core.limits import STATE_BYTES
from playd.supervisor.keeper import SCHEMA
from tests.crash.harness import NAME, PLAY, WITHIN_S, DaemonProcess, ExchangeProcess, read_rows, stage, wait_for
from tests.crash.story import backtest, check_agreement, check_like_unkilled, check_safety, ending_of, until_position

pytestmark = pytest.mark.slow

Scene = tuple[ExchangeProcess, DaemonProcess]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with stage(tmp_path) as both:
        yield both


def to_the_end(exchange: ExchangeProcess, daemon: DaemonProcess) -> None:
    exchange.market(held=False, speed=0)
    wait_for(lambda: b"market_ended" in daemon.log.read_bytes(), "the last bar")
    check_agreement(exchange, daemon)
    assert daemon.stop() == 0, daemon.log.read_text()[-2000:]
    check_safety(exchange, daemon)


def test_a_stop_during_warm_up_is_a_clean_stop(scene: Scene) -> None:
    _, daemon = scene
    daemon.process = daemon.run_command()
    wait_for((daemon.state / "playd.lock").exists, "the lock")
    assert daemon.stop() == 0, daemon.log.read_text()
    assert daemon.said("daemon.stopped") == 1


def test_a_start_that_waits_for_its_venue_is_steered_and_stopped(scene: Scene) -> None:
    exchange, daemon = scene
    exchange.kill()
    daemon.process = daemon.run_command()
    wait_for(lambda: daemon.said("account.waiting"), "the account waits")
    assert not daemon.said("daemon.ready")
    asked = CliRunner()

    def answered(*words: str) -> tuple[int, str]:
        socket = str(daemon.state / "run" / "control.sock")
        result = asked.invoke(playctl, [*words, "--socket", socket, "--reason", "a start that hangs"])
        return result.exit_code, result.output

    assert answered("status")[0] == 9
    assert answered("halt", NAME)[0] == 0
    code, said = answered("panic", NAME)
    assert (code, "a position may remain" in said) == (11, True), said
    assert daemon.stop() == 0, daemon.log.read_text()


def test_a_venue_that_comes_late_is_waited_for(scene: Scene) -> None:
    exchange, daemon = scene
    exchange.kill()
    daemon.start()
    wait_for(lambda: daemon.said("account.waiting"), "the account waits")
    exchange.start()
    assert daemon.ready(), daemon.log.read_text()
    to_the_end(exchange, daemon)


def test_a_second_daemon_on_the_same_state_is_refused(scene: Scene) -> None:
    exchange, daemon = scene
    daemon.start()
    assert daemon.ready()
    first_log = daemon.log
    second = daemon.run_command()
    assert second.wait(WITHIN_S) == 79
    said = daemon.log.read_text()
    assert "playd.lock is held by another process: pid" in said
    assert "Traceback" not in said
    daemon.log = first_log
    to_the_end(exchange, daemon)


def test_a_state_cut_in_half_falls_back_to_the_generation_before_and_one_of_another_program_or_gone_is_made_anew(
    scene: Scene,
) -> None:
    exchange, daemon = scene
    daemon.start()
    until_position(exchange, daemon)
    daemon.kill()
    state = daemon.state / "instances" / NAME / "state.json"
    data = state.read_bytes()
    state.write_bytes(data[: len(data) // 2])
    daemon.start()
    assert daemon.ready(), daemon.log.read_text()
    assert daemon.said("instance.state_damaged") == 1
    (incident,) = daemon.rows("SELECT text FROM incidents WHERE kind = 'STATE_DAMAGED'")
    assert "not a whole JSON document" in incident["text"]
    check_agreement(exchange, daemon)
    until_position(exchange, daemon)
    daemon.kill()
    for step in (-1, 1):  # one version back, and another one that somebody went back from
        payload, written_ms = unseal(SCHEMA, state.read_bytes(), str(state))
        payload["engine"]["version"] += step
        state.write_bytes(seal(SCHEMA, payload, written_ms, limit=STATE_BYTES))
        daemon.start()
        assert daemon.ready(), daemon.log.read_text()
        assert daemon.said("instance.state_anew") == 1
        check_agreement(exchange, daemon)
        until_position(exchange, daemon)
        daemon.kill()
    for path in (state, state.with_name("state.json.prev")):
        path.unlink()
    daemon.start()
    assert daemon.ready(), daemon.log.read_text()
    (incident,) = daemon.rows("SELECT text, count FROM incidents WHERE kind = 'STATE_DAMAGED'")
    assert ("found neither it nor state.json.prev" in incident["text"], incident["count"]) == (True, 2)
    check_agreement(exchange, daemon)
    to_the_end(exchange, daemon)
    check_like_unkilled(ending_of(exchange, daemon, []))


def test_two_damaged_generations_fail_the_instance_and_are_left_as_found(scene: Scene) -> None:
    exchange, daemon = scene
    daemon.start()
    until_position(exchange, daemon)
    daemon.kill()
    state = daemon.state / "instances" / NAME / "state.json"
    for path in (state, state.with_name("state.json.prev")):
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
    found = state.read_bytes()
    daemon.start()
    assert daemon.ready(), daemon.log.read_text()
    assert '"to":"failed","cause":"state_unreadable"' in daemon.log.read_text()
    check_agreement(exchange, daemon)
    assert daemon.stop() == 0
    assert state.read_bytes() == found
    check_safety(exchange, daemon)


def test_a_ledger_whose_log_is_gone_halts_everything_and_no_state_that_knows_more_is_believed(scene: Scene) -> None:
    exchange, daemon = scene
    daemon.start()
    assert daemon.ready(), daemon.log.read_text()
    assert daemon.stop() == 0  # which folds the log back
    daemon.start()
    until_position(exchange, daemon)
    exchange.step()
    wait_for(lambda: daemon.kept()["event_n"] > 0, "a state that knows of a fill")
    daemon.kill()
    state, held = daemon.state / "instances" / NAME / "state.json", exchange.position()["steps"]
    (daemon.state / "ledger.sqlite-wal").unlink()
    daemon.start()
    assert daemon.ready(), daemon.log.read_text()
    assert [row["level"] for row in daemon.rows("SELECT level FROM halts WHERE code = 'LEDGER_BEHIND'")] == [2]
    check_agreement(exchange, daemon)
    assert exchange.position()["steps"] == held
    (aside,) = (daemon.state / "quarantine").glob(f"*/instances/{NAME}/state.json")
    wait_for(state.exists, "a state that the ledger knows")
    newest = daemon.rows("SELECT coalesce(max(n), 0) AS n FROM outbox")[0]["n"]
    assert daemon.kept()["event_n"] <= newest
    assert unseal(SCHEMA, aside.read_bytes(), "")[0]["event_n"] > 0
    assert daemon.rows("SELECT 1 FROM incidents WHERE kind = 'STATE_DAMAGED'") == [], "playd itself set it aside"
    assert daemon.stop() == 0
    marks = "SELECT key FROM meta WHERE key LIKE 'reset:%' OR key LIKE 'ahead:%'"
    assert daemon.rows(marks) == [], "behind its first save a state that is gone is a lost one again"


def test_a_state_directory_that_cannot_be_written_is_refused(scene: Scene, tmp_path: Path) -> None:
    _, daemon = scene
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    # Root may write anywhere but in the kernel's own file systems.
    state = Path("/proc/playd-state") if os.geteuid() == 0 else closed / "state"
    process = daemon.run_command(state)
    assert process.wait(WITHIN_S) == 77
    said = daemon.log.read_text()
    assert f"{state}: cannot be written" in said
    assert "Traceback" not in said


def test_a_position_survives_the_death_of_its_venue(scene: Scene) -> None:
    exchange, daemon = scene
    daemon.start()
    until_position(exchange, daemon)
    before = exchange.position()
    executions = len(exchange.bodies("executions"))
    exchange.kill()
    wait_for(lambda: daemon.said("feed.link_down"), "the feed is down")
    exchange.start()
    after = exchange.position()
    assert [after[name] for name in ("steps", "entry", "stop_id", "target_id")] == [
        before[name] for name in ("steps", "entry", "stop_id", "target_id")
    ]
    trigger = "\"trigger\" LIKE 'stream up%'"
    wait_for(lambda: len(daemon.rows(f"SELECT id FROM recon_runs WHERE {trigger}")) >= 2, "the second reconciliation")
    wait_for(lambda: daemon.said("feed.link_up") >= 2, "the feed is back")
    wait_for(lambda: exchange.market()["clients"] >= 2, "both sockets")
    check_agreement(exchange, daemon)
    to_the_end(exchange, daemon)
    assert len(exchange.bodies("executions")) > executions
    # Later trades may differ from the undisturbed run's: an order may have been on its way when the venue died.
    assert [close_ms for close_ms, _ in daemon.verdicts()] == backtest().close_times_ms.tolist()
    check_agreement(exchange, daemon)
    check_safety(exchange, daemon)


def test_the_embedded_exchange_is_killed_and_comes_back_with_its_daemon(tmp_path: Path) -> None:
    daemon = DaemonProcess(tmp_path, ExchangeProcess(tmp_path))
    (tmp_path / "playd.toml").write_text(
        f"""
[log]
format = "json"
[market]
speed = 6000
[instances.{NAME}]
play = "{PLAY}"
mode = "paper"
"""
    )
    records = daemon.state / "exchange" / "records.sqlite"
    try:
        for _ in range(3):
            daemon.process = daemon.run_command()
            assert daemon.ready(), daemon.log.read_text()
            (ready,) = (json.loads(line) for line in daemon.log.read_text().splitlines() if '"event":"daemon.ready"' in line)
            assert ready["value"] == 1, "the instance waits for a bar of a market that is held for it"
            wait_for(lambda: daemon.said("fill.booked") >= 3, "fills")
            daemon.kill()
            qty = sum(json.loads(row["body"])["steps"] for row in read_rows(records, "SELECT body FROM positions"))
            links = [row["link_id"] for row in read_rows(records, "SELECT link_id FROM orders WHERE link_id <> ''")]
            assert len(links) == len(set(links))
            stops = read_rows(records, "SELECT 1 FROM orders WHERE is_open AND body LIKE '%StopLoss%'")
            assert bool(stops) == bool(qty)
    finally:
        daemon.kill()


def test_a_hanging_stop_is_hurried_by_a_second_signal(scene: Scene) -> None:
    exchange, daemon = scene
    daemon.start()
    until_position(exchange, daemon)
    assert exchange.process is not None
    exchange.process.send_signal(signal.SIGSTOP)  # a venue that accepts and never answers
    try:
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGTERM)
        wait_for(lambda: daemon.said("daemon.stopping"), "the stop")
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(WITHIN_S) in (0, 1)
    finally:
        exchange.process.send_signal(signal.SIGCONT)
    check_safety(exchange, daemon)
