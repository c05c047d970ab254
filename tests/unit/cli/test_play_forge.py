"""`playd play forge` writes files that `playd play check` accepts, and never over others."""

from pathlib import Path

from typer.testing import CliRunner

from playd.cli.playd import app


def test_forged_files_pass_the_check(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["play", "forge", "--seed", "4", "--count", "3", "--operators", "-o", str(tmp_path)])
    assert done.exit_code == 0
    paths = sorted(tmp_path.iterdir())
    assert [path.name for path in paths] == [f"forge-4-{number}.yml" for number in range(3)]
    assert CliRunner().invoke(app, ["play", "check", *map(str, paths)]).exit_code == 0
    assert CliRunner().invoke(app, ["play", "fmt", "--check", *map(str, paths)]).exit_code == 0


def test_a_file_that_exists_is_left_alone(tmp_path: Path) -> None:
    taken = tmp_path / "forge-4-1.yml"
    taken.write_text("mine", encoding="utf-8")
    done = CliRunner().invoke(app, ["play", "forge", "--seed", "4", "--count", "2", "-o", str(tmp_path)])
    assert done.exit_code == 78
    assert "forge-4-1.yml exists" in done.stderr
    assert taken.read_text(encoding="utf-8") == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_several_plays_need_a_directory_and_one_is_printed() -> None:
    done = CliRunner().invoke(app, ["play", "forge", "--seed", "4"])
    assert done.stdout.startswith('version: "3.0.0"\nname: forge-4-0\n')
    assert CliRunner().invoke(app, ["play", "forge", "--seed", "4", "--count", "2"]).exit_code == 78
