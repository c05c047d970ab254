"""The kill file stops every entry of a running daemon, and only a person lets it go on."""

from pathlib import Path

import pytest

from tests.integration.daemon_kit import ctl, ctl_json, daemon

pytestmark = pytest.mark.slow


def test_a_kill_file_halts_everything_until_it_is_gone_and_a_person_says_so(tmp_path: Path) -> None:
    with daemon(tmp_path, "--speed", "60") as process:
        process.wait_for("daemon.ready")
        (tmp_path / "HALT").write_bytes(b"\x00 by hand")
        paused: set[str] = set()
        while paused != {"ema-cross", "bollinger"}:
            paused.add(process.wait_for("instance.transition", to="paused")["instance"])
        (halt,) = ctl_json(tmp_path, "halts")
        assert (halt["scope"], halt["level"], halt["code"], halt["still_holds"]) == ("all", 2, "KILL_FILE", True)
        resume = ("resume", "all", "--confirm", "RESUME all", "--reason", "drill")
        refused = ctl(tmp_path, *resume)
        assert refused.returncode == 8
        assert "kill file" in refused.stderr
        (tmp_path / "HALT").unlink()
        assert ctl(tmp_path, "resume", "all").returncode == 8
        assert {row["state"] for row in ctl_json(tmp_path, "list")} == {"paused"}
        assert ctl(tmp_path, *resume).returncode == 0
        assert {row["state"] for row in ctl_json(tmp_path, "list")} == {"running"}
        assert process.stop() == 0
