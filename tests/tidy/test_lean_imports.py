"""What a program does not need it does not import: starting costs what is imported, before the first line of ours runs."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("numba", "llvmlite", "numpy", "duckdb", "pybit", "aiohttp", "requests", "pydantic", "ruamel", "rich", "structlog")


def imported_by(module: str) -> set[str]:
    """Top-level packages in memory after a fresh interpreter has imported `module`."""
    code = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_panic_does_not_wait_for_the_parser_of_command_lines() -> None:
    assert imported_by("playd.cli.playctl").isdisjoint({"typer", "click", *HEAVY})


@pytest.mark.parametrize("module", ["playd.cli.playctl_app", "playd.cli.playd"])
def test_a_command_line_starts_without_what_only_a_daemon_needs(module: str) -> None:
    assert imported_by(module).isdisjoint(HEAVY)


def test_the_guardian_is_small() -> None:
    assert imported_by("playd.cli.guardian").isdisjoint(
        {"numba", "llvmlite", "numpy", "duckdb", "pydantic", "ruamel", "rich", "structlog"}
    )


def test_the_daemon_does_not_load_the_reader_of_recorded_candles_until_a_file_is_read() -> None:
    assert "duckdb" not in imported_by("playd.cli.daemon")


def test_a_check_of_a_play_waits_for_no_compiler() -> None:
    play = Path(__file__).parents[2] / "config" / "plays" / "mtf_trend.yml"
    check = (
        f"from playd.cli.play_check import check_plays; assert check_plays(['{play}'], [], as_json=False, strict=False) == 0"
    )
    code = f"import sys; {check}; print(*(name for name in ('numba', 'llvmlite') if name in sys.modules), sep='', end='')"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1:] == []
