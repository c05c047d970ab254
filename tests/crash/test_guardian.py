"""
A daemon that is killed or stopped while a position is open, and what the guardian, a process of its own, makes of it.

Everything is real: processes, sockets, signatures. A second client of the account takes the stop away.
"""

import json
import signal
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from playd.cli.playctl_app import app as playctl
from playd.cli.playd import app as playd
from tests.crash.guardian_process import (
    CHECK_S,
    DEAD_AFTER_S,
    GuardianProcess,
    open_a_candle,
    remove_stop,
    venue_position,
    watched_stage,
)
from tests.crash.harness import ALIAS, DaemonProcess, ExchangeProcess, wait_for
from tests.crash.story import check_agreement, check_safety, until_position

pytestmark = pytest.mark.slow

Scene = tuple[ExchangeProcess, DaemonProcess, GuardianProcess]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with watched_stage(tmp_path) as all_three:
        yield all_three


def until_guarded(exchange: ExchangeProcess, daemon: DaemonProcess, guardian: GuardianProcess) -> None:
    """Daemon and guardian run, a position is open, the plan knows it, and the market is held."""
    daemon.start()
    assert daemon.ready(), daemon.log.read_text()
    guardian.start()
    until_position(exchange, daemon)
    wait_for(lambda: planned_stop(daemon) == float(venue_position(exchange).stop), "the position's stop in the plan")
    wait_for(guardian.watching, "the guardian's first reading")


def planned_stop(daemon: DaemonProcess) -> float | None:
    """The stop that the plan on disk has for the position."""
    path = daemon.state / "guardian" / "plan.json"
    positions = json.loads(path.read_bytes())["payload"]["accounts"][0]["positions"] if path.exists() else []
    return float(positions[0]["stop"]) if positions and positions[0]["stop"] else None


def test_a_daemon_that_lost_an_answer_and_its_streams_and_is_killed_finds_its_position_as_the_guardian_kept_it(
    scene: Scene,
) -> None:
    exchange, daemon, guardian = scene
    entry = {"path": "/v5/order/create"}
    exchange.arm(
        {"kind": "drop_reply", "name": "answer", "where": entry, "with": {"silent_s": 0.1}},
        {"kind": "cut", "name": "streams", "where": {**entry, "socket": "private"}},
        {"kind": "missed_fill", "name": "fill", "times": 2},
    )
    until_guarded(exchange, daemon, guardian)
    before, hits = venue_position(exchange), exchange.hits()
    daemon.kill()
    remove_stop(exchange)
    wait_for(lambda: venue_position(exchange).stop == before.stop, "the planned stop at the venue")
    assert venue_position(exchange).signed_qty == before.signed_qty
    (repaired,) = wait_for(lambda: guardian.said("stop.repaired"), "the guardian's word on it")
    assert "dead" in repaired["msg"]
    check_safety(exchange, daemon)
    daemon.start()
    assert daemon.ready(), daemon.log.read_text()
    check_agreement(exchange, daemon)
    assert min(hits.values()) > 0, hits


def test_a_stopped_daemon_s_position_gets_its_stop_back_and_the_daemon_learns_of_it(scene: Scene) -> None:
    exchange, daemon, guardian = scene
    until_guarded(exchange, daemon, guardian)
    before = venue_position(exchange)
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGSTOP)
    remove_stop(exchange)
    wait_for(lambda: venue_position(exchange).stop == before.stop, "the planned stop at the venue")
    assert guardian.ask("status")["daemon"] == "dead"
    daemon.process.send_signal(signal.SIGCONT)
    wait_for(lambda: guardian.ask("status")["daemon"] == "alive", "the daemon's beat")
    told = "SELECT 1 FROM incidents WHERE kind = 'GUARDIAN_STOP'"
    wait_for(lambda: daemon.rows(told), "the guardian's record in the daemon's ledger")


def test_panic_of_a_stopped_daemon_is_carried_out_by_the_guardian_and_opens_nothing_afterwards(scene: Scene) -> None:
    exchange, daemon, guardian = scene
    until_guarded(exchange, daemon, guardian)
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGSTOP)
    open_a_candle(exchange)
    socket = str(daemon.state / "run" / "control.sock")
    flags = ["--socket", socket, "--yes", "--reason", "drill", "--json"]
    result = CliRunner().invoke(playctl, ["panic", f"account:{ALIAS}", *flags])
    assert result.exit_code == 0, result.output + guardian.log.read_text()
    report = json.loads(result.stdout)
    assert report["flat"]
    assert exchange.position()["steps"] == 0
    daemon.process.send_signal(signal.SIGCONT)
    wait_for(lambda: daemon.rows("SELECT 1 FROM halts WHERE code = 'GUARDIAN_PANIC' AND level = 4"), "the halt of the panic")
    assert [row["scope"] for row in daemon.rows("SELECT scope FROM halts")] == [f"account:{ALIAS}"]
    wait_for(lambda: Decimal(daemon.booked()["signed_qty"]) == 0, "the books agree that nothing is left")
    assert daemon.rows("SELECT 1 FROM incidents WHERE kind IN ('SECOND_DAEMON', 'MANUAL_CLOSE')") == []


def test_an_announced_stop_is_watched_in_silence(scene: Scene) -> None:
    exchange, daemon, guardian = scene
    until_guarded(exchange, daemon, guardian)
    assert daemon.stop() == 0
    wait_for(lambda: guardian.ask("status")["daemon"] == "stopped", "the announcement")
    before = len(guardian.said("alarm"))  # a slow daemon may have been called dead until it spoke again
    remove_stop(exchange)
    wait_for(lambda: venue_position(exchange).stop > 0, "the planned stop at the venue")
    wait_for(lambda: guardian.ask("status")["daemon_age_s"] > DEAD_AFTER_S + CHECK_S, "a silence that would else be death")
    assert [alarm["msg"] for alarm in guardian.said("alarm")[before:] if "DAEMON_DEAD" in alarm["msg"]] == []
    assert guardian.stop() == 0


def test_the_guardian_is_small(scene: Scene) -> None:
    exchange, daemon, guardian = scene
    until_guarded(exchange, daemon, guardian)
    guardian.kill()
    guardian.socket.unlink()
    guardian.start()
    wait_for(guardian.watching, "the first reading")
    assert guardian.rss_mib() < 60


def test_emergency_flatten_needs_nothing_but_the_key(scene: Scene) -> None:
    exchange, daemon, guardian = scene
    until_guarded(exchange, daemon, guardian)
    guardian.kill()
    daemon.kill()
    open_a_candle(exchange)
    url = f"http://127.0.0.1:{exchange.port}"
    flags = ["--environment", "local", "--rest-url", url, "--credential-file", str(daemon.directory / "key")]
    refused = CliRunner().invoke(playd, ["emergency-flatten", "--account", "any", *flags])
    assert refused.exit_code == 8, "nobody typed the phrase"
    result = CliRunner().invoke(playd, ["emergency-flatten", "--account", "any", *flags, "--yes", "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["flat"]
    assert exchange.position()["steps"] == 0
