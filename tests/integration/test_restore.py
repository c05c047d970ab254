"""A backup that was made while the daemon traded is put back: it comes up halted, and its books agree with the venue again."""

from pathlib import Path

import pytest

from tests.integration.daemon_kit import ROOT, ctl, ctl_json, daemon, run, settings

pytestmark = pytest.mark.slow

EMA = ROOT / "config/plays/ema_cross_rsi.yml"


def test_a_restored_daemon_is_halted_agrees_with_the_venue_and_goes_on_when_a_person_says_so(tmp_path: Path) -> None:
    config, state = settings(tmp_path / "config", {"ema": str(EMA)}), tmp_path / "state"
    with daemon(state, "--speed", "600", config=config) as first:
        first.wait_for("daemon.ready")
        backup = ctl_json(state, "backup", "now")[0]["id"]
        first.wait_for("fill.booked")
        first.wait_for("fill.booked")
        assert first.stop() == 0
    done = run(
        "playd",
        "restore",
        backup,
        "--state",
        str(state),
        "--config",
        str(config),
        "--confirm",
        f"RESTORE {backup}",
        state=state,
    )
    assert done.returncode == 0, done.stderr
    assert (state / "HALT").exists()
    with daemon(state, "--speed", "600", config=config) as second:
        second.wait_for("daemon.ready")
        assert [row["level"] for row in ctl_json(state, "halts")] == [2]
        assert ctl(state, "reconcile").returncode == 0
        found = ctl_json(state, "fills")
        assert len(found) >= 2
        assert {row["owner"] for row in found} == {"ema"}, "what was sent behind the backup is its instance's again"
        (state / "HALT").unlink()
        resumed = ctl(state, "resume", "all", "--confirm", "RESUME all", "--reason", "restored")
        assert resumed.returncode == 0, resumed.stderr
        second.wait_for("instance.transition", to="running")
        assert second.stop() == 0
    assert run("playd", "audit", "verify", str(state), state=state).returncode == 0
