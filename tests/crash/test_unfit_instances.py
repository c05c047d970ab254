"""An instance that may not run any more but holds a position: it is watched, protected, shown with its reason, and closable."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pybit.unified_trading import HTTP

from tests.crash.harness import ALIAS, NAME, PLAY, SYMBOL, DaemonProcess, ExchangeProcess, stage, wait_for
from tests.crash.story import until_position
from tests.integration.daemon_kit import ctl, ctl_json

pytestmark = pytest.mark.slow
PUT_BACK_WITHIN_S = 60.0
OTHER = "other"

Scene = tuple[ExchangeProcess, DaemonProcess, Path]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A position of an instance whose Play is a file of its own, a shadow beside it, and a daemon that was stopped cleanly."""
    with stage(tmp_path) as (exchange, daemon):
        play = tmp_path / "play.yml"
        shutil.copy(PLAY, play)
        settings = tmp_path / "playd.toml"
        other = f'[instances.{OTHER}]\nplay = "{PLAY}"\nmode = "shadow"\n'
        settings.write_text(settings.read_text().replace(str(PLAY), str(play)) + other)
        daemon.start()
        until_position(exchange, daemon)
        assert daemon.stop() == 0
        yield exchange, daemon, play


def broken(play: Path) -> str:
    play.write_text("version: '3.0.0'\nfeatures: [")
    return "PLAY_INVALID"


def deleted(play: Path) -> str:
    play.unlink()
    return "PLAY_INVALID"


def changed(play: Path) -> str:
    text = play.read_text()
    play.write_text(text.replace("name:", "# other\nname:", 1).replace("length: ", "length: 1", 1))
    assert play.read_text() != text
    return "PLAY_CHANGED"


def remove_stop(exchange: ExchangeProcess) -> None:
    """What a hand at the venue can do."""
    session = HTTP(api_key=exchange.key, api_secret=exchange.secret)
    session.endpoint = f"http://127.0.0.1:{exchange.port}"
    try:
        session.set_trading_stop(category="linear", symbol=SYMBOL, tpslMode="Full", positionIdx=0, stopLoss="0")
    finally:
        session.client.close()


def shown(daemon: DaemonProcess) -> dict[str, Any]:
    """The instance in `status`; the other one runs."""
    rows = {row["name"]: row for row in ctl_json(daemon.state, "status")["instances"]}
    assert rows[OTHER]["state"] == "running"
    found: dict[str, Any] = rows[NAME]
    return found


@pytest.mark.parametrize("spoil", [broken, deleted, changed], ids=lambda spoil: spoil.__name__)
def test_the_position_of_an_unfit_instance_is_watched(scene: Scene, spoil: Any) -> None:
    exchange, daemon, play = scene
    code = spoil(play)
    before = exchange.position()
    daemon.start()
    assert daemon.ready(), daemon.log.read_text()
    row = shown(daemon)
    assert (row["state"], row["reasons"][0]["code"]) == ("failed", code)
    assert row["stop_at_venue"]["value"] is not None
    assert code in ctl(daemon.state, "list").stdout
    assert code in ctl(daemon.state, "status").stdout
    assert exchange.position()["stop_id"] == before["stop_id"]
    remove_stop(exchange)
    put_back = wait_for(lambda: exchange.position()["stop_id"], "the stop is back", PUT_BACK_WITHIN_S)
    assert exchange_stop(exchange, put_back) == exchange_stop(exchange, before["stop_id"])
    assert ctl(daemon.state, "reconcile", "--dry-run").returncode == 0
    decided = len(daemon.rows("SELECT 1 FROM bars"))
    exchange.market(held=False, speed=600.0)
    panicked = ctl(daemon.state, "panic", NAME, "--json")
    assert panicked.returncode == 0, panicked.stderr
    assert json.loads(panicked.stdout)["flat"] is True
    assert exchange.position()["steps"] == 0
    wait_for(lambda: len(daemon.rows("SELECT 1 FROM bars")) > decided, "the other instance decides")
    assert daemon.stop() == 0


def exchange_stop(exchange: ExchangeProcess, order_id: str) -> int:
    """The trigger of a stop order, open or not."""
    (found,) = [order for order in exchange.bodies("orders") if order["order_id"] == order_id]
    trigger: int = found["trigger_ticks"]
    return trigger


def test_a_stopped_instance_that_kept_its_position_is_watched_too(scene: Scene) -> None:
    exchange, daemon, _ = scene
    settings = daemon.directory / "playd.toml"
    settings.write_text(settings.read_text().replace(f"[instances.{NAME}]", f"[instances.{NAME}]\nenabled = false"))
    daemon.start()
    assert daemon.ready(), daemon.log.read_text()
    assert shown(daemon)["state"] == "stopped"
    assert [row["alias"] for row in ctl_json(daemon.state, "status")["daemon"]["accounts"]] == [ALIAS]
    remove_stop(exchange)
    wait_for(lambda: exchange.position()["stop_id"], "the stop is back", PUT_BACK_WITHIN_S)
    assert daemon.stop() == 0
