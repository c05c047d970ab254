"""A daemon that cannot start says why in one line and ends with the code that tells systemd not to try again."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path, PurePath

import pytest

from playd.orders.ledger import Ledger
from playd.world.real import RealDisk, real_world
from tests.integration.daemon_kit import ROOT, ctl, ctl_json, daemon, run, settings
from tests.integration.exchange_server import exchange_server

pytestmark = pytest.mark.slow

EMA, BOLLINGER = ROOT / "config/plays/ema_cross_rsi.yml", ROOT / "config/plays/bollinger_reversion.yml"


def refused(state: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    result = run("playd", "run", *arguments, state=state)
    assert "Traceback" not in result.stderr, result.stderr
    return result


def test_a_misspelt_key_is_78_with_its_place(tmp_path: Path) -> None:
    config = settings(tmp_path / "config", {}, "[supervisor]\nmax_instanzes = 3\n")
    result = refused(tmp_path / "state", "--config", str(config))
    assert result.returncode == 78
    assert "playd.toml:2" in result.stderr
    assert "max_instances" in result.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_state_directory_is_77(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        result = refused(tmp_path / "state")
    finally:
        tmp_path.chmod(0o700)
    assert result.returncode == 77
    assert "cannot be written" in result.stderr


def test_a_state_directory_under_a_file_is_77(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = refused(tmp_path / "file" / "state")
    assert result.returncode == 77
    assert "cannot be written" in result.stderr


def test_a_state_directory_open_to_others_is_77_with_the_command(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(0o777)
    result = refused(state)
    assert result.returncode == 77
    assert f"chmod 700 {state}" in result.stderr


def test_a_damaged_ledger_is_78_and_is_set_aside_as_found(tmp_path: Path) -> None:
    """Cut in half, then overwritten: each time one clear word, one copy, and the file itself untouched."""
    tmp_path.chmod(0o700)
    path = tmp_path / "ledger.sqlite"
    Ledger.open(RealDisk(), real_world().clock, path).close()
    whole = path.read_bytes()
    for number, damaged in enumerate((whole[: len(whole) // 2], b"SQLite format 3\x00" + b"\xff" * 5000), 1):
        path.write_bytes(damaged)
        result = refused(tmp_path)
        assert result.returncode == 78
        assert "set aside as" in result.stderr
        assert path.read_bytes() == damaged
        copies = [copy.read_bytes() for copy in (tmp_path / "quarantine").rglob("ledger.sqlite")]
        assert (len(copies), damaged in copies) == (number, True)


def test_settings_that_are_not_text_are_78_and_stay_as_they_are(tmp_path: Path) -> None:
    config = settings(tmp_path / "config", {})
    (config / "playd.toml").write_bytes(b"\x00\xff" * 40)
    result = refused(tmp_path / "state", "--config", str(config))
    assert result.returncode == 78
    assert "playd.toml" in result.stderr
    assert (config / "playd.toml").read_bytes() == b"\x00\xff" * 40


@pytest.mark.parametrize(("content", "says"), [(b"", "parquet"), (b"not parquet", "parquet"), (None, "parquet")])
def test_candles_that_cannot_be_read_are_6(tmp_path: Path, content: bytes | None, says: str) -> None:
    file = tmp_path / "c.parquet"
    if content is not None:
        file.write_bytes(content)
    result = refused(tmp_path / "state", "--candles", str(file))
    assert result.returncode == 6
    assert says in result.stderr.lower()


def test_a_broken_play_is_refused_and_the_others_trade(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text("version: '3.0.0'\nname: x\n")
    config = settings(tmp_path / "config", {"good": str(EMA), "bad": str(broken)})
    with daemon(tmp_path / "state", config=config) as process:
        process.wait_for("daemon.ready")
        assert [row["name"] for row in ctl_json(tmp_path / "state", "list") if row["state"] == "running"] == ["good"]
        assert any(line["event"] == "instance.refused" and line["instance"] == "bad" for line in process.lines)
        assert process.stop() == 0


def test_a_play_with_hundreds_of_faults_costs_itself_alone_also_by_the_length_of_what_is_said_of_it(tmp_path: Path) -> None:
    """A record of the journal has 16 KiB; texts of others must not end the daemon that writes them down."""
    play = tmp_path / "long.yml"
    play.write_text(EMA.read_text())
    config, state = settings(tmp_path / "config", {"good": str(BOLLINGER), "bad": str(play)}), tmp_path / "state"
    with daemon(state, config=config) as process:
        process.wait_for("daemon.ready")
        assert process.stop() == 0
    wrong = "\n".join(f'      - [ema_fastt_{number}, "<", rsi_high_{number}]' for number in range(190))
    play.write_text(EMA.read_text().replace("    all:\n", f"    all:\n{wrong}\n", 1))
    with daemon(state, config=config) as process:
        process.wait_for("daemon.ready")
        assert {row["name"]: row["state"] for row in ctl_json(state, "list")} == {"good": "running", "bad": "failed"}
        said = ctl(state, "add", str(play), "--as", "again", "--mode", "shadow")
        assert (said.returncode, "ema_fastt_189" in said.stderr) == (6, True)
        (record,) = [row for row in ctl_json(state, "events", "--event", "command.refused")]
        assert "characters, sha256" in record["data"]["text"]
        assert process.stop() == 0


def test_a_state_file_cut_in_half_falls_back_and_two_refuse_that_instance_alone(tmp_path: Path) -> None:
    config = settings(tmp_path / "config", {"one": str(EMA), "two": str(BOLLINGER)})
    state = tmp_path / "state"
    with daemon(state, "--speed", "3000", config=config) as process:
        process.wait_for("daemon.ready")
        for action in ("enter", "exit"):  # long enough for a second generation
            process.wait_for("fill.booked", instance="one", action=action)
        assert process.stop() == 0
    cut(state / "instances" / "one" / "state.json")
    with daemon(state, "--speed", "1", config=config) as process:
        process.wait_for("daemon.ready")
        assert {row["name"]: row["state"] for row in ctl_json(state, "list")} == {"one": "running", "two": "running"}
        assert process.stop() == 0
    cut(state / "instances" / "two" / "state.json")
    cut(state / "instances" / "two" / "state.json.prev")
    with daemon(state, "--speed", "1", config=config) as process:
        process.wait_for("daemon.ready")
        rows = {row["name"]: row for row in ctl_json(state, "list")}
        assert (rows["one"]["state"], rows["two"]["state"]) == ("running", "failed")
        assert ctl_json(state, "show", "two")["reasons"][0]["code"] == "state_unreadable"
        aside = sorted(path.relative_to(state / "quarantine").parts[1:] for path in (state / "quarantine").rglob("state.json*"))
        assert [("/").join(parts) for parts in aside] == [
            "instances/one/state.json",
            "instances/two/state.json",
            "instances/two/state.json.prev",
        ]
        assert ctl(state, "status").returncode == 9
        assert process.stop() == 0


def cut(path: Path) -> None:
    """Cut a file in half."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize("event", ["kernels", "instance.transition"])
def test_a_signal_during_the_start_still_ends_clean(tmp_path: Path, event: str) -> None:
    """Whether nothing runs yet or instances warm up: TERM means stop, and stop means exit 0."""
    with daemon(tmp_path, "--speed", "60") as process:
        if event == "instance.transition":
            process.wait_for(event, to="warming")
        else:
            process.wait_for("daemon.starting")
        assert process.stop(signal.SIGTERM) == 0


def test_a_symbol_that_the_venue_does_not_list_fails_its_instance_at_once_and_raises_no_level(tmp_path: Path) -> None:
    """No restart mends it: it took four of them, a quarantine and a level that a person has to lift."""
    play = tmp_path / "play.yml"
    play.write_text(re.sub(r"(?m)^symbol:.*$", "symbol: NOSUCHUSDT", EMA.read_text()))
    with exchange_server(PurePath(tmp_path)) as server:
        key = tmp_path / "key"
        key.write_text(f"api_key={server.access['key']}\napi_secret={server.access['secret']}\n")
        key.chmod(0o600)
        extra = f'[accounts.lab]\nenvironment = "local"\ncredential_file = "{key}"\nrest_url = "{server.rest_url}"\n'
        for name, path in (("here", BOLLINGER), ("nowhere", play)):
            extra += f'[instances.{name}]\nplay = "{path}"\nmode = "paper"\naccount = "lab"\n'
        with daemon(tmp_path / "state", config=settings(tmp_path / "config", {}, extra)) as running:
            running.wait_for("daemon.ready")
            row = ctl_json(running.state, "show", "nowhere")
            assert (row["state"], row["reasons"][0]["code"]) == ("failed", "refused")
            assert "the venue lists no NOSUCHUSDT" in row["reasons"][0]["text"]
            assert not any(line["event"] == "instance.restart" for line in running.lines)
            assert ctl_json(running.state, "halts") == []
            assert ctl(running.state, "reset-failed", "nowhere").returncode == 0
            again = ctl(running.state, "start", "nowhere", "--json")
            (row,) = json.loads(again.stdout)
            assert again.returncode == (1 if row["state"] == "failed" else 0), "a start that takes longer has not failed yet"
            assert running.stop() == 0


def test_a_refused_account_costs_its_instances_and_no_view_of_the_others(tmp_path: Path) -> None:
    """Its market is never opened, and tables, health and metrics know how to say so."""
    extra = '[accounts.d]\nenvironment = "demo"\ncredential_file = "/nowhere"\n'
    extra += f'[instances.away]\nplay = "{EMA}"\nmode = "demo"\naccount = "d"\n'
    config = settings(tmp_path / "config", {"here": str(BOLLINGER)}, extra)
    with daemon(tmp_path / "state", config=config) as running:
        running.wait_for("daemon.ready")
        status = ctl(running.state, "status", "--json")
        assert status.returncode == 9, status.stderr
        states = {row["name"]: row["state"] for row in json.loads(status.stdout)["instances"]}
        assert states == {"away": "failed", "here": "running"}
        assert "/nowhere" in ctl(running.state, "show", "away").stdout
        assert ctl(running.state, "health").returncode == 9
        assert 'state="failed"' in ctl(running.state, "metrics").stdout
