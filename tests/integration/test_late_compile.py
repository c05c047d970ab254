"""A Play that nobody compiled for joins a running daemon: a child compiles, and the others do not wait for it."""

import os
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from tests.integration.daemon_kit import ROOT, ctl_json, daemon

pytestmark = pytest.mark.slow

ONLY_ITS_OWN = "donchian"
"""A kernel that the two Plays of the embedded default do not use."""
MEANWHILE = 3
"""Decisions of the others while a child compiles, which takes seconds; the market of the test makes ten bars a second."""


def cache_without(kernel: str, directory: Path) -> Path:
    """The kernel cache of this version of the code as far as there is one, but for one kernel and the notes of it."""
    here = Path(os.environ["NUMBA_CACHE_DIR"])
    copy = directory / here.name
    if here.exists():
        # Others may be compiling: what they have not renamed yet is gone before it is copied.
        shutil.copytree(here, copy, ignore=shutil.ignore_patterns(f"{kernel}*", "compiled", "*.tmp.*"))
    return directory


def decided_between(state: Path, begun: str, ended: str) -> int:
    """How many moments have decisions of the other instances, from the start of the late one until its kernels were there."""
    times = [round(datetime.fromisoformat(each).timestamp() * 1000) for each in (begun, ended)]
    with closing(sqlite3.connect(f"file:{state}/ledger.sqlite?mode=ro", uri=True)) as ledger:
        sql = "SELECT count(DISTINCT processed_ms) FROM bars WHERE processed_ms > ? AND processed_ms < ?"
        (found,) = ledger.execute(sql, times).fetchone()
    return int(found)


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
        assert decided_between(state, begun["ts"], ended["ts"]) >= MEANWHILE
        assert list(cache.rglob(f"{ONLY_ITS_OWN}*.nbc"))
        assert process.stop() == 0
