"""A Play that nobody compiled for joins a running daemon: a child compiles, and the others do not wait for it."""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest

from tests.integration.daemon_kit import ROOT, ctl_json, daemon

pytestmark = pytest.mark.slow

ONLY_ITS_OWN = "donchian"
"""A kernel that the two Plays of the embedded default do not use."""
HELD_WITHIN_MS = 1_000
"""A compilation takes seconds. The market of the test makes ten bars a second."""


def cache_without(kernel: str, directory: Path) -> Path:
    """The kernel cache of this version of the code as far as there is one, but for one kernel and the notes of it."""
    here = Path(os.environ["NUMBA_CACHE_DIR"])
    copy = directory / here.name
    if here.exists():
        shutil.copytree(here, copy, ignore=shutil.ignore_patterns(f"{kernel}*", "compiled"))
    return directory


def longest_pause_ms(state: Path, begun: str, ended: str) -> int:
    """The longest time between two decisions of the other instances from the start of the late one on."""
    since, until = (round(datetime.fromisoformat(each).timestamp() * 1000) for each in (begun, ended))
    with closing(sqlite3.connect(f"file:{state}/ledger.sqlite?mode=ro", uri=True)) as ledger:
        sql = "SELECT processed_ms FROM bars WHERE processed_ms BETWEEN ? AND ? ORDER BY processed_ms"
        times = [since, *(row[0] for row in ledger.execute(sql, (since, until))), until]
    return max(after - before for before, after in pairwise(times))


def test_a_late_play_is_compiled_by_a_child_while_the_others_trade(tmp_path: Path) -> None:
    cache = cache_without(ONLY_ITS_OWN, tmp_path / "cache")
    with daemon(tmp_path / "state", "--speed", "600", cache=cache) as process:
        process.wait_for("daemon.ready")
        state = tmp_path / "state"
        ctl_json(state, "add", str(ROOT / "config/plays/donchian_breakout.yml"), "--as", "late", "--mode", "paper")
        started = ctl_json(state, "start", "late")[0]
        begun = process.wait_for("instance.transition", instance="late", to="warming")
        ended = process.wait_for("kernels.compiled")
        process.wait_for("instance.transition", instance="late", to="running")
        assert started["state"] in ("warming", "running")
        assert ended["took_ms"] > HELD_WITHIN_MS
        assert longest_pause_ms(state, begun["ts"], ended["ts"]) < HELD_WITHIN_MS
        assert list(cache.rglob(f"{ONLY_ITS_OWN}*.nbc"))
        assert process.stop() == 0
