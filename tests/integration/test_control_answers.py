"""What every method of a real daemon answers is what its shipped schema says: without instances, trading, halted, flattened."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from time import time
from typing import Any, Final

import pytest

from playd.control.methods import CHANGES, LOOKS
from playd.control.protocol import TOO_FAST
from playd.core.limits import CONTROL_CLIENTS
from tests.answers import check_answer
from tests.integration.daemon_kit import ROOT, daemon, settings

pytestmark = pytest.mark.slow

DEADLINE_S: Final = 120.0
NAME: Final = "ema-cross"
FOLDER: Final = ROOT / "config" / "plays"
PLAYS: Final = {NAME: str(FOLDER / "ema_cross_rsi.yml"), "bollinger": str(FOLDER / "bollinger_reversion.yml")}

ELSEWHERE: Final = {
    "arm.create": "tests/integration/test_live.py",
    "arm.revoke": "tests/integration/test_live.py",
    "creds.reload": "tests/unit/cli/test_rekeying.py",
    "order.cancel": "tests/unit/control/test_order_cancel.py",
    "orphan.close": "tests/unit/control/test_strangers.py",
    "position.adopt": "tests/unit/control/test_strangers.py",
    "recon.accept": "tests/unit/control/test_accept_difference.py",
    "recon.replay": "tests/unit/control/test_recon_replay.py",
}
"""
Methods whose answers are held against their schemas where there is real money, a key, an entry that rests, somebody else's
order or position, a difference that nothing explains: none of which is with this daemon.
"""


ROUTES: Final = """
[alerts]
routes = [
  {{ name = "phone", command = ["/bin/sh", "-c", "cat >> {file}"] }},
  {{ name = "away", command = ["/bin/false"] }},
]
"""


class Asker:
    """Asks a daemon over its socket and keeps which methods it answered; each answer is held against its schema."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.answered: set[str] = set()
        self.config = Path()
        self._path = str(state / "run" / "control.sock")
        self._number = 0
        self._connect()

    def _connect(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(DEADLINE_S)
        self._socket.connect(self._path)
        self._lines = self._socket.makefile("rb")

    def ask(self, method: str, **params: Any) -> Any:
        """The data of an answer. Fails for an error."""
        reply = self.reply(method, **params)
        assert "result" in reply, (method, reply)
        return reply["result"]["data"]

    def reply(self, method: str, **params: Any) -> dict[str, Any]:
        """The reply of any kind."""
        self._number += 1
        if method in CHANGES:
            params["request_id"] = f"test-{self._number}"
        call = {"jsonrpc": "2.0", "id": self._number, "method": method, "params": params}
        self._socket.sendall(json.dumps(call).encode() + b"\n")
        while (reply := json.loads(self._lines.readline())).get("id") != self._number:
            assert reply["method"] == "stream"
        if reply.get("error", {}).get("data", {}).get("reason") == TOO_FAST:  # for one client; another one is not
            self.close()
            self._connect()
            return self.reply(method, **params)
        if "result" in reply:
            check_answer(reply["result"])
            self.answered.add(method)
        else:
            assert set(reply["error"]["data"]) == {"reason", "hint", "scope", "details"}
        return reply

    def wait_for(self, topic: str) -> dict[str, Any]:
        """The next message of a topic, of a subscription of its own."""
        subscription = self.ask("subscribe", topics=[topic])["id"]
        while (message := json.loads(self._lines.readline())).get("params", {}).get("subscription") != subscription:
            pass
        self.ask("unsubscribe", id=subscription)
        found: dict[str, Any] = message["params"]["data"]
        return found

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


@pytest.fixture
def asker(tmp_path: Path) -> Iterator[Asker]:
    folder = tmp_path / "config"
    config = settings(folder, PLAYS, ROUTES.format(file=folder / "alerts"))
    with daemon(tmp_path / "state", "--speed", "600", config=config) as process:
        process.wait_for("daemon.ready")
        with closing(Asker(process.state)) as found:
            found.config = config
            yield found


def all_looks(asker: Asker) -> None:
    """Everything that can be asked about the state as it is."""
    asker.ask("hello", client="test", protocol=1)
    for method, (params, _) in LOOKS.items():
        if not any(field.is_required() for field in params.model_fields.values()) and method != "preflight.run":
            asker.ask(method)
    for name in [row["name"] for row in asker.ask("instance.list")]:
        for method in ("instance.get", "explain.get", "readiness.get", "preflight.run"):
            asker.reply(method, name=name)
        asker.reply("explain.get", name=name, last=20)
        asker.reply("explain.get", name=name, stats=True)
    for account in asker.ask("account.list"):
        asker.reply("creds.check", account=account["account"])
    for by in ("day", "play", "symbol"):
        asker.ask("pnl.get", by=by)
    for row in asker.ask("order.list", state="all")["rows"][:5]:
        asker.ask("explain.order", link_id=row["link_id"])
    for row in asker.ask("incident.list", state="all"):
        asker.ask("incident.get", id=row["id"])
    asker.ask("unsubscribe", id=asker.ask("subscribe", topics=["status", "fills"])["id"])


def test_a_daemon_without_instances(tmp_path: Path) -> None:
    empty = settings(tmp_path / "config", {}, "[daemon]\nloop_tick_ms = 1000\n")
    (empty / "playd.toml").write_text('[instances.none]\nplay = "missing.yml"\nmode = "paper"\nenabled = false\n')
    with daemon(tmp_path / "state", config=empty) as process:
        process.wait_for("daemon.ready")
        with closing(Asker(process.state)) as found:
            all_looks(found)


def trading(asker: Asker) -> None:
    while not asker.ask("position.list"):
        asker.wait_for("fills")
    all_looks(asker)
    backup = asker.ask("backup.run")
    asker.ask("backup.verify", id=backup["id"])
    asker.ask("doctor.run")
    asker.ask("config.reload")
    asker.ask("recon.run", dry_run=True)
    asker.ask("parity.run", target=NAME, days=1)
    week_ms = round(time() * 1000) + 86_400_000
    asker.ask("waiver.create", check="parity", until_ms=week_ms, reason="test", confirm="WAIVE parity")
    drill = {"drill": "DRL-01", "started_ms": 1, "passed": True}
    asker.ask("evidence.import", content=json.dumps(drill))
    all_looks(asker)


def closed_by_hand(asker: Asker) -> None:
    while "position.close" not in asker.answered:  # it may be flat by the time that the call arrives
        for row in asker.ask("position.list") or [asker.wait_for("fills")]:
            asker.reply("position.close", account=row["account"], symbol=row["symbol"], pct="50")


def a_life_by_hand(asker: Asker) -> None:
    asker.ask("instance.stop", target=NAME, variant="keep")
    asker.ask("instance.reset_state", name=NAME, confirm=f"RESET {NAME}")
    all_looks(asker)
    asker.ask("instance.start", name=NAME)
    asker.ask("instance.restart", name=NAME)
    asker.ask("instance.stop", target="all", variant="keep")
    asker.ask("instance.start", name=NAME)
    path = asker.ask("instance.list")[0]["play_path"]
    asker.ask("instance.add", name="second", play=path, mode="shadow")
    asker.ask("instance.set_enabled", name="second", enabled=False)
    all_looks(asker)
    asker.ask("instance.remove", name="second")


def halted(asker: Asker) -> None:
    asker.ask("halt.raise", scope="all", level="halt", reason="test")
    asker.ask("halt.raise", scope=NAME, level="freeze", reason="test", confirm=f"FREEZE instance:{NAME}")
    all_looks(asker)
    asker.ask("halt.lift", scope=NAME, reason="test", confirm=f"RESUME instance:{NAME}")


def an_instance_failed(asker: Asker) -> None:
    asker.reply("instance.stop", target="bollinger", variant="keep")
    for file in (asker.state / "instances" / "bollinger").glob("state.json*"):
        file.write_bytes(file.read_bytes()[:100])
    asker.reply("instance.start", name="bollinger")
    (row,) = asker.ask("instance.list", selector="bollinger")
    assert (row["state"], row["reasons"][0]["code"]) == ("failed", "state_unreadable")
    all_looks(asker)
    asker.ask("instance.reset_failed", name="bollinger")


def panic_past_a_crowd_that_is_silent_or_follows(asker: Asker) -> None:
    following = asker.ask("subscribe", topics=["status"])["id"]
    with ExitStack() as crowd:
        for _ in range(2 * CONTROL_CLIENTS):
            silent = crowd.enter_context(closing(socket.socket(socket.AF_UNIX)))
            silent.connect(str(asker.state / "run" / "control.sock"))
        places = 0
        while "result" in crowd.enter_context(closing(Asker(asker.state))).reply("subscribe", topics=["status"]):
            places += 1
            assert places < CONTROL_CLIENTS
        late = crowd.enter_context(closing(Asker(asker.state)))
        late.ask("panic.run", scope="all", confirm="PANIC all")
        asker.answered |= late.answered
    asker.ask("unsubscribe", id=following)
    all_looks(asker)


def alerts_that_a_route_takes_and_that_one_does_not(asker: Asker) -> None:
    assert asker.ask("alert.test", route="phone")[0]["status"] == "sent"
    code = re.search(r"\b(\d{6})\b", (asker.config / "alerts").read_text())
    assert code is not None
    asker.ask("alert.verify", code=code[1])
    assert asker.ask("alert.test", route="away")[0]["status"] == "queued"
    row = next(row for row in asker.ask("alert.list")["rows"] if row["route"] == "away")
    asker.ask("alert.retry", id=row["id"])
    asker.ask("alert.drop", id=row["id"])


def incidents(asker: Asker) -> None:
    file = asker.config / "playd.toml"
    before = file.read_text()
    file.write_text("[daemon]\nno_such_key = 1\n")
    assert asker.reply("config.reload")["error"]["code"] == -32007
    file.write_text(before)
    opened = asker.ask("incident.list", state="all")
    asker.ask("incident.ack", id=opened[0]["id"], note="seen")
    asker.ask("incident.note", id=opened[0]["id"], note="noted")
    asker.ask("incident.resolve", id=opened[0]["id"], note="over")
    all_looks(asker)


def test_every_method_of_one_daemon_answers_by_its_schema_from_its_first_trade_to_behind_a_panic(asker: Asker) -> None:
    for step in (
        trading,
        closed_by_hand,
        a_life_by_hand,
        halted,
        an_instance_failed,
        panic_past_a_crowd_that_is_silent_or_follows,
        alerts_that_a_route_takes_and_that_one_does_not,
        incidents,
    ):
        step(asker)
    assert (LOOKS | CHANGES).keys() - asker.answered == ELSEWHERE.keys()


@pytest.mark.parametrize("method", ELSEWHERE)
def test_what_is_answered_elsewhere_is_held_against_its_schema_there(method: str) -> None:
    text = (ROOT / ELSEWHERE[method]).read_text()
    assert re.search(rf'(check_data|someone\.do)\("{re.escape(method)}"', text)
