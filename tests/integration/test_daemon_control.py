"""The control socket of a real daemon: hostile clients, followers, repeated requests."""

import json
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from playd.ops.events import EVENTS
from playd.ops.meters import METRICS
from tests.integration.daemon_kit import DaemonProcess, ctl, ctl_json, daemon, environment, program, run
from tests.unit.cli.test_playctl import COMMANDS

pytestmark = pytest.mark.slow

DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    with daemon(tmp_path_factory.mktemp("state"), "--speed", "600") as process:
        process.wait_for("daemon.ready")
        yield process


def connection(process: DaemonProcess) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(DEADLINE_S)
    client.connect(str(process.state / "run" / "control.sock"))
    return client


def ask(client: socket.socket, method: str, /, **params: Any) -> dict[str, Any]:
    client.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() + b"\n")
    data = b""
    while not data.endswith(b"\n"):
        data += client.recv(65536)
    answer: dict[str, Any] = json.loads(data)
    return answer


def rest_of(client: socket.socket) -> bytes:
    """Everything until the daemon closes the connection."""
    data = b""
    try:
        while chunk := client.recv(65536):
            data += chunk
    except ConnectionResetError:
        pass  # unread bytes of ours were thrown away with the connection
    return data


def test_a_client_that_leaves_in_mid_request_harms_nobody(running: DaemonProcess) -> None:
    for _ in range(100):
        with connection(running) as client:
            client.sendall(b'{"jsonrpc":"2.0","id":1,"method":"status.get","par')
    assert run("playctl", "status", state=running.state).returncode == 0


def test_a_client_that_never_reads_harms_nobody(running: DaemonProcess) -> None:
    with connection(running) as client:
        for _ in range(40):
            client.sendall(b'{"jsonrpc":"2.0","id":1,"method":"status.get"}\n')
        assert ctl(running.state, "status").returncode == 0


def test_a_megabyte_without_a_line_end_is_cut_off(running: DaemonProcess) -> None:
    with connection(running) as client:
        with suppress(BrokenPipeError, ConnectionResetError):  # cut off before we are done
            client.sendall(b"x" * 1_000_000)
        answer = rest_of(client)
        assert not answer or json.loads(answer)["error"]["code"] == -32700
    assert ctl(running.state, "status").returncode == 0


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b"\xff\xff\n", b'{"jsonrpc":"2.0","id":1}\n', b"null\n"])
def test_nonsense_gets_one_error_and_the_end(running: DaemonProcess, line: bytes) -> None:
    with connection(running) as client:
        client.sendall(line)
        assert json.loads(rest_of(client))["error"]["code"] in (-32700, -32600)


def test_hello_names_both_protocol_numbers(running: DaemonProcess) -> None:
    with connection(running) as client:
        data = ask(client, "hello", client="test", protocol=1)["result"]["data"]
        assert (data["protocol"], data["role"]) == (1, "operate")
        assert set(data["journal_head"]) == {"seq", "hash"}
        assert "2" in ask(client, "hello", client="test", protocol=2)["error"]["message"]


def test_a_repeated_request_has_one_effect(running: DaemonProcess) -> None:
    with connection(running) as client:
        params = {"scope": "ema-cross", "level": "pause", "reason": "once", "request_id": "test-1"}
        first = ask(client, "halt.raise", **params)
        assert ask(client, "halt.raise", **params)["result"] == first["result"]
        assert ask(client, "halt.raise", **{**params, "reason": "twice"})["error"]["code"] == -32009
    assert len(ctl_json(running.state, "halts")) == 1
    assert ctl(running.state, "resume", "ema-cross").returncode == 0


@pytest.mark.parametrize(
    ("words", "code", "near"),
    [
        ("events bolinger -f", 4, "bollinger"),
        ("logs bolinger -f", 4, "bollinger"),
        ("positions --owner bolinger", 4, "bollinger"),
        ("--quiet fills --account nobody --json", 4, "no account 'nobody'"),
        ("pnl --owner bolinger", 4, "bollinger"),
        ("position close nobody/BTCUSDT", 4, "no open account 'nobody'"),
        ("events --event ordr.* -f", 2, "order.*"),
        ("pause bollinger --watch", 2, "leave --watch out"),
    ],
)
def test_a_slip_in_a_name_is_refused_and_neither_followed_nor_answered_with_nothing(
    running: DaemonProcess, words: str, code: int, near: str
) -> None:
    done = ctl(running.state, *words.split())
    assert (done.returncode, done.stdout) == (code, "")
    assert near in done.stderr


SCOPES = ("nosuch", "instance:nosuch", "account:nosuch", "symbol:nosuch/BTCUSDT", "symbol:{account}/NOSUCH")
UNKNOWN = (
    *(
        "status nosuch",
        "list nosuch",
        "show nosuch",
        "explain nosuch",
        "why nosuch",
        "logs nosuch",
        "events nosuch",
        "pnl nosuch",
    ),
    *(f"{word} --owner nosuch" for word in ("positions", "orders", "fills", "pnl")),
    *(f"{word} --account nosuch" for word in ("positions", "orders", "fills", "pnl", "logs", "events", "preflight nosuch")),
    "add ema_cross_rsi --as new --mode demo --account nosuch",
    *(f"{word} nosuch" for word in ("remove", "enable", "disable", "start", "restart", "stop", "reset-failed", "reset-state")),
    *(f"{word} {scope} --reason x" for word in ("pause", "halt", "resume") for scope in SCOPES),
    *(f"panic {scope} --yes --reason x" for scope in SCOPES),
    *("position close nosuch/BTCUSDT", "position close {account}/NOSUCH", "order cancel nosuch"),
    *("reconcile nosuch", "reconcile replay 999999999", "accept nosuch/BTCUSDT", "accept {account}/NOSUCH"),
    *("adopt BTCUSDT --to nosuch", "adopt NOSUCH --to bollinger", "adopt BTCUSDT --to bollinger --account nosuch"),
    *("orphan close nosuch", "preflight nosuch", "readiness nosuch", "arm nosuch", "disarm nosuch"),
    *("incident show nosuch", *(f"incident {word} nosuch --note x" for word in ("ack", "note", "resolve"))),
    *("notify retry 999", "notify drop 999", "notify test --route nosuch", "notify verify 000000"),
    *("backup verify nosuch", "creds check nosuch", "creds reload nosuch"),
    *("parity run nosuch", "parity run --date 2001-01-31"),
)
NAMES_NOTHING = {
    *("balance", "halts", "intents", "guardian", "version", "completion", "health", "doctor", "metrics", "slo", "limits"),
    *("incident list", "notify list", "orphan list", "backup now", "backup list", "audit verify", "parity show"),
    *("config show", "config check", "config reload", "evidence list", "evidence import", "waive"),
}
"""Of what there is here: a file of evidence is the caller's own, and what may be waived is a rule."""


@pytest.fixture(scope="module")
def account(running: DaemonProcess) -> str:
    """One that is open."""
    return next(str(row["account"]) for row in ctl_json(running.state, "list") if row["name"] == "bollinger")


@pytest.mark.parametrize("words", UNKNOWN)
def test_whatever_is_named_and_is_not_there_ends_with_4(running: DaemonProcess, account: str, words: str) -> None:
    done = ctl(running.state, *words.format(account=account).split())
    assert (done.returncode, done.stdout) == (4, ""), done.stderr


@pytest.mark.parametrize("command", ["positions", "orders", "fills", "pnl", "logs", "events"])
def test_a_symbol_by_which_rows_are_filtered_is_warned_of(running: DaemonProcess, command: str) -> None:
    done = ctl(running.state, command, "--symbol", "NOSUCH")
    assert done.returncode == 0
    assert "nothing here has ever traded 'NOSUCH'" in done.stderr


def test_every_command_that_names_something_is_asked_for_what_is_not_there() -> None:
    asked = {name for name in COMMANDS for words in UNKNOWN if words == name or words.startswith(f"{name} ")}
    assert asked | NAMES_NOTHING == set(COMMANDS)
    assert not asked & NAMES_NOTHING


def test_what_holds_for_an_instance_is_shown_with_its_origin_and_status_with_every_column(running: DaemonProcess) -> None:
    shown = ctl_json(running.state, "show", "bollinger")
    assert shown["record"]["source"] == "the settings file"
    origins = {row["key"]: row["origin"] for row in shown["settings"]}
    assert origins["entry_max_age_s"]
    head, titles, *_ = ctl(running.state, "status", "-o", "wide").stdout.splitlines()
    assert {"SHORTFALL", "PARITY", "MEM"} <= set(titles.split())
    assert "repairs today" in head
    (row,) = ctl_json(running.state, "status", "bollinger")["instances"]
    assert row["memory_bytes"] > 10_000


def test_a_follower_sees_what_happens(running: DaemonProcess) -> None:
    command = program("playctl", "logs", "-f", "-n", "0", "bollinger", "--json")
    follower = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(running.state), text=True)
    try:
        assert follower.stdout is not None
        ctl(running.state, "pause", "bollinger")
        line = json.loads(follower.stdout.readline())
        assert line["instance"] == "bollinger"
    finally:
        ctl(running.state, "resume", "bollinger")
        follower.kill()
        follower.wait()
        if follower.stdout is not None:
            follower.stdout.close()


def test_the_socket_belongs_to_its_user_and_group(running: DaemonProcess) -> None:
    mode = (running.state / "run" / "control.sock").stat().st_mode & 0o777
    assert mode & 0o007 == 0


def test_lines_of_the_log_have_the_fields_of_their_event(running: DaemonProcess) -> None:
    lines = ctl_json(running.state, "logs", "-n", "10000")
    assert {"instance.transition", "account.ready", "kernels.compiled", "daemon.ready"} & {line["event"] for line in lines}
    for line in lines:
        more = line.keys() - {"ts", "level", "event", "msg", "n", *EVENTS[line["event"]].fields.split()}
        assert not more, f"{line['event']} has {sorted(more)}"


def test_health_and_metrics_are_served_and_every_metric_is_declared_once(running: DaemonProcess) -> None:
    port = next(line["value"] for line in running.lines if line["event"] == "http.up")

    def get(path: str) -> tuple[int, str]:
        with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as client:
            client.sendall(f"GET {path} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
            head, _, body = rest_of(client).decode().partition("\r\n\r\n")
        return int(head.split()[1]), body

    assert get("/livez")[0] == 200
    status, body = get("/readyz")
    checks = {check["name"]: check["ok"] for check in json.loads(body)["checks"]}
    assert (status == 200) is all(checks.values())
    assert checks["start"]
    assert checks["ledger"]
    assert get("/healthz/nobody")[0] == 404
    names = [slot["name"] for slot in json.loads(get("/healthz")[1])["instances"]]
    assert get(f"/healthz/{names[0]}")[0] in (200, 503)
    families = [family.name for family in text_string_to_metric_families(get("/metrics")[1])]
    declared = {metric.name.removesuffix("_total") for metric in METRICS}
    assert set(families) <= declared
    assert len(families) == len(set(families)) > 25
    assert "playd_orders_total" in ctl(running.state, "metrics").stdout


def test_a_backup_is_made_beside_trading_and_the_chain_is_whole(running: DaemonProcess) -> None:
    with connection(running) as client:

        def data(method: str, **params: Any) -> Any:
            return ask(client, method, **params)["result"]["data"]

        made = data("backup.run", request_id="backup")
        assert data("backup.verify", id=made["id"]) == {"id": made["id"], "whole": True}
        assert ask(client, "backup.verify", id="never")["error"]["code"] == -32001
        assert [each["id"] for each in data("backup.list")] == [made["id"]]
        assert data("audit.verify")["result"] == "whole"
        # Somebody's wrong head is no damage of ours.
        assert data("audit.verify", anchor=f"1:{'0' * 64}")["result"] == "broken"
        assert data("halt.list") == []
        assert [each["kind"] for each in data("event.query", kind="backup.*")] == ["backup.done"]


def test_without_a_route_a_test_alert_says_so_and_settings_tell_their_origin(running: DaemonProcess) -> None:
    assert ctl(running.state, "notify", "test").returncode == 4
    with connection(running) as client:
        rows = ask(client, "config.get")["result"]["data"]
    (row,) = (each for each in rows if each["key"] == "http.listen")
    assert (row["value"], row["origin"], row["waits"]) == ("127.0.0.1:0", "PLAYD_HTTP__LISTEN", None)
    assert row["since"] < "2100"


def test_settings_that_nobody_has_put_in_place_yet_are_held_against_those_in_force(running: DaemonProcess) -> None:
    file = running.state / "new.toml"
    file.write_text("[risk]\nnet_pct = 50\n[streams]\nping_s = 10\n")
    found = ctl(running.state, "config", "check", str(file), "--json")
    takes = {row["key"]: row["takes"] for row in json.loads(found.stdout)["changes"]}
    assert (found.returncode, takes["risk.net_pct"], takes["streams.ping_s"]) == (10, "now", "restart")
    assert ctl(running.state, "config", "check").returncode == 0, "looking changes nothing"
    file.write_text("[risk]\nnet_pc = 50\n")
    wrong = ctl(running.state, "config", "check", str(file))
    assert wrong.returncode == 6
    assert f"{file}:2: unknown key risk.net_pc; did you mean risk.net_pct?" in wrong.stderr
    missing = ctl(running.state, "config", "check", str(file.with_name("none.toml")))
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "none.toml: No such file" in missing.stderr


def test_a_preflight_takes_an_account_an_instance_or_both(running: DaemonProcess) -> None:
    accounts = {row["name"]: row["account"] for row in ctl_json(running.state, "list")}
    mine = accounts["bollinger"]
    for words in ((mine,), ("bollinger",), (mine, "bollinger"), ("bollinger", "--account", mine)):
        assert ctl_json(running.state, "preflight", *words)["name"] == "bollinger", words
    other = ctl(running.state, "preflight", accounts["ema-cross"], "bollinger")
    assert other.returncode == 2
    assert f"expected '{mine}', which it trades on" in other.stderr
    assert "did you mean 'bollinger'" in ctl(running.state, "preflight", "bolinger").stderr


def test_results_are_asked_for_by_target(running: DaemonProcess) -> None:
    both = {row["key"] for row in ctl_json(running.state, "pnl", "--by", "play")}
    for words in (("bollinger",), ("boll*",), ("symbol=ETHUSDT",)):
        assert {row["key"] for row in ctl_json(running.state, "pnl", *words, "--by", "play")} == both & {"bollinger"}, words
    assert ctl(running.state, "pnl", "bolinger").returncode == 4
