"""A paper instance whose Play broke: its wallet on the embedded exchange is opened as it was left, and can be closed."""

import shutil
from decimal import Decimal
from pathlib import Path

import orjson
import pytest

from tests.crash.harness import read_rows
from tests.integration.daemon_kit import ROOT, ctl, ctl_json, daemon, settings

pytestmark = pytest.mark.slow

EMA, BOLLINGER = ROOT / "config/plays/ema_cross_rsi.yml", ROOT / "config/plays/bollinger_reversion.yml"


def holds(state: Path) -> bool:
    """Whether the books of a daemon that ended have a position of the instance that will be unfit."""
    ledger = state / "ledger.sqlite"
    if not ledger.exists():
        return False
    of_instance = "SELECT signed_qty FROM virtual_positions JOIN instances ON uid = instance WHERE name = 'unfit'"
    return any(Decimal(row["signed_qty"]) for row in read_rows(ledger, of_instance))


def test_a_paper_position_outlives_its_play(tmp_path: Path) -> None:
    play, state = tmp_path / "play.yml", tmp_path / "state"
    shutil.copy(BOLLINGER, play)
    config = settings(tmp_path / "config", {"fit": str(EMA), "unfit": str(play)})
    for speed in (120, 60, 30, 15, 8, 4):  # the market does not wait for a stop: the position may be over by then
        with daemon(state, "--speed", str(speed), config=config) as process:
            process.wait_for("daemon.ready")
            process.wait_for("fill.booked", action="enter", instance="unfit")
            assert process.stop() == 0
        if holds(state):
            break
    else:
        pytest.fail("no daemon that was stopped after an entry held its position to the end")
    play.write_text("name: [")
    with daemon(state, "--speed", "1", config=config) as process:
        process.wait_for("daemon.ready")
        rows = {row["name"]: row for row in ctl_json(state, "status")["instances"]}
        assert (rows["fit"]["state"], rows["unfit"]["state"]) == ("running", "failed")
        assert rows["unfit"]["stop_at_venue"]["value"] is not None
        panicked = ctl(state, "panic", "unfit", "--json")
        assert panicked.returncode == 0, panicked.stderr
        (position,) = orjson.loads(panicked.stdout)["positions"]
        assert position["before"]["value"] != position["remaining"]["value"]
        assert "PLAY_INVALID" in ctl(state, "list").stdout
        assert process.stop() == 0
