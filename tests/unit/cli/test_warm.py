"""The first use of a Play compiles what it uses and nothing else; `playd warm` compiles everything there is."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from playd.cli import warm
from playd.cli.playd import app
from playd.kernels import every
from playd.kernels.catalog import CATALOG, OPERATORS, STRUCTURES
from tests.unit.plays.plays_of import play_text

COMPILE = """
import sys
from playd.world.kernel_cache import use_kernel_cache
use_kernel_cache()
from playd.core.timeframes import MINUTE_MS
from playd.plays.compile import compile_program
from playd.plays.load import load_play
for node in compile_program(load_play(sys.stdin.read(), "mine"), MINUTE_MS).nodes:
    assert node.kernel
"""


def kernels_in(folder: Path) -> set[str]:
    """Names of the functions that have machine code in a cache."""
    return {path.name.partition(".")[2].partition("-")[0] for path in folder.rglob("*.nbi")}


@pytest.mark.slow
def test_a_play_compiles_only_what_it_uses(tmp_path: Path) -> None:
    text = play_text("{all: [[close, '>', fast]]}", features="{fast: {indicator: ema, params: {length: 9}}}")
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", COMPILE], input=text, text=True, env=environment, check=True)
    assert kernels_in(tmp_path) == {"ema", "compare"}


def test_every_kernel_of_the_catalogs_is_warmed() -> None:
    names = [name for name, _ in every.every_kernel()]
    assert len(set(names)) == len(names)
    wanted = {*CATALOG, *STRUCTURES, *(f"{name} of {spec.inputs or 1}" for name, spec in OPERATORS.items())}
    assert wanted <= set(names)


def test_the_command_counts_what_it_compiled_and_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def one(hits: int) -> tuple[str, Any]:
        return "mine", lambda: SimpleNamespace(stats=SimpleNamespace(cache_hits={"signature": hits} if hits else {}))

    used: list[str] = []
    monkeypatch.setattr(warm, "every_kernel", lambda: [one(0), one(1), one(0)])
    monkeypatch.setattr(warm, "use_the_engine", lambda: used.append("engine"))
    done = CliRunner().invoke(app, ["warm", "--json"])
    assert done.exit_code == 0
    found = orjson.loads(done.stdout)
    assert (found["kernels"], found["compiled"], used) == (3, 2, ["engine"])
    assert found["took_s"] == pytest.approx(found["kernels_s"] + found["engine_s"], abs=0.02)
    assert "3 kernels, 2 of them compiled" in CliRunner().invoke(app, ["warm"]).stdout
