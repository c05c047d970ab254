"""Options that every command of `playctl` has: where they may stand, how often a look is repeated, which machine is asked."""

import inspect
import shlex
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
from typer.testing import CliRunner

from playd.cli import options as given
from playd.cli.options import arranged
from playd.cli.playctl_app import app
from playd.cli.remote import LOOKS, on_host, remote_command
from playd.cli.session import Options, Session, UsageError, repeated, until_ready
from playd.control.client import Unanswered, Unreachable
from playd.control.protocol import EXIT_OF_CODE, RpcError
from playd.control.render import Output
from playd.world.virtual import virtual_world
from tests.virtual_time import in_virtual_time


def session(**changed: object) -> Session:
    return Session(virtual_world(), Options(Output.TABLE, (), "", None, False, "", False, "", **changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("--json status -- -a", "status --json -- -a"),
        ("--json status", "status --json"),
        ("--socket /x -o csv order cancel a", "order cancel a --socket /x -o csv"),
        ("--timeout=3 -q halts --columns SCOPE", "halts --columns SCOPE --timeout=3 -q"),
        ("status --watch", "status --watch=2"),
        ("status --watch alpha", "status --watch=2 alpha"),
        ("status --watch 0.5 alpha", "status --watch 0.5 alpha"),
        ("--host u@h panic all", "panic all --host u@h"),
        ("--json", "--json"),
        ("--nonsense status", "--nonsense status"),
    ],
)
def test_common_options_may_stand_before_the_command_and_watch_needs_no_seconds(typed: str, read: str) -> None:
    assert arranged(typed.split()) == read.split()


def test_every_common_option_can_stand_before_the_command() -> None:
    for flag, takes in given._TAKES_VALUE.items():
        words = [flag, *(["5"] if takes else []), "status"]
        assert arranged(words)[0] == "status", flag


def test_a_watch_repeats_a_look_until_its_daemon_is_gone_and_never_a_change() -> None:
    codes = [0, 9, 0, 7, 0]

    async def look(_: Session) -> int:
        return codes.pop(0)

    async def body() -> None:
        assert await repeated(session(watch_s=60.0), look) == 7
        assert codes == [0]
        assert await repeated(session(), look) == 0
        with pytest.raises(UsageError, match="leave --watch out"):
            session(watch_s=1.0).request_id()

    in_virtual_time(body)


async def test_waiting_for_a_daemon_that_never_comes_ends_with_its_time_out() -> None:
    with pytest.raises(Unanswered, match=r"not ready within 10 s; daemon not running"):
        await until_ready(session())


def test_another_machine_gets_the_same_words_quoted_and_without_the_host() -> None:
    words = ["--host", "ops@box", "resume", "all", "--reason", "it's over; rm -rf /", "--host=ops@box"]
    *ssh, typed = remote_command("ops@box", words, terminal=False)
    assert ssh == ["ssh", "--", "ops@box"]
    assert shlex.split(typed) == ["playctl", "resume", "all", "--reason", "it's over; rm -rf /"]
    assert remote_command("box", ["status"], terminal=True)[:2] == ["ssh", "-t"]
    *_, typed = remote_command("box", ["panic", "--", "all"], terminal=False, request_id="r1")
    assert typed == "playctl panic --request-id r1 -- all"
    # A terminal over there ends lines with two characters, which no file of ours should have.
    *_, typed = remote_command("box", ["status", "--json"], terminal=True, redirected=True)
    assert typed == "stty -onlcr; playctl status --json"


@pytest.mark.parametrize("line", ["panic all --host box", "--host=box panic instance:x"])
def test_a_panic_of_which_ssh_brought_no_end_may_have_left_a_position(line: str) -> None:
    asked = session(host="box")
    asked.world.process.command_code = 255  # type: ignore[attr-defined]
    with pytest.raises(RpcError, match="a position may remain") as caught:
        anyio.run(on_host, asked, line.split())
    assert EXIT_OF_CODE[caught.value.code] == 11


def test_a_panic_by_another_machine_is_one_wherever_its_options_stand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = virtual_world()
    world.process.command_code = 255
    monkeypatch.setattr("sys.argv", ["playctl", "--json", "panic", "all", "--host", "box"])
    seen: list[tuple[Callable[[Session], Awaitable[int]], Options]] = []

    def execute(body: Callable[[Session], Awaitable[int]], options: Options) -> int:
        seen.append((body, options))
        return 0

    monkeypatch.setattr(given, "execute", execute)
    assert CliRunner().invoke(app, arranged(sys.argv[1:])).exit_code == 0
    ((body, options),) = seen
    with pytest.raises(RpcError, match="a position may remain"):
        anyio.run(body, Session(world, options))


def test_a_look_that_ssh_brought_nowhere_found_no_daemon_and_a_change_may_have_arrived() -> None:
    def ended(line: str) -> tuple[int, str]:
        asked = session(host="box")
        asked.world.process.command_code = 255  # type: ignore[attr-defined]
        with pytest.raises((Unanswered, Unreachable)) as caught:
            anyio.run(on_host, asked, line.split())
        return caught.value.exit_code, str(caught.value)

    for line in ("status --host box", "incident list --all --host box", "audit verify"):
        assert ended(line)[0] == 7, line
    for line in (
        "pause alpha",
        "reconcile",
        "reconcile --dry-run",
        "order cancel x",
        "incident ack NAKED",
        "backup now",
        "doctor",
    ):
        code, said = ended(line)
        assert (code, "it may have arrived" in said) == (5, True)


def test_every_look_is_a_command_and_none_of_them_changes_anything() -> None:
    bodies = {
        f"{group.name} {command.name}" if group is not None else str(command.name): command.callback
        for group in (None, *app.registered_groups)
        for command in (app if group is None else group.typer_instance or app).registered_commands
    }
    assert bodies.keys() >= LOOKS
    changing = {name for name, body in bodies.items() if _changes(body)}
    assert {"pause", "panic", "reconcile", "doctor", "backup now", "parity run"} <= changing
    assert not LOOKS & changing
    assert bodies.keys() - changing - LOOKS == {"completion"}


def _changes(command: object) -> bool:
    """Whether the body of a command, or a function of its module that it calls, makes a change."""
    inner: Any = command
    cells = [cell.cell_contents for cell in inner.__closure__ or ()]
    body = next((cell for cell in cells if inspect.iscoroutinefunction(cell)), inner)
    text = inspect.getsource(body)
    helpers = [value for name, value in body.__globals__.items() if f"await {name}(" in text and inspect.isfunction(value)]
    return any(word in part for part in (text, *map(inspect.getsource, helpers)) for word in ("session.change(", "carry_out("))


@pytest.mark.parametrize(("code", "error"), [(255, Unreachable), (127, Unreachable), (9, None)])
def test_how_the_other_machine_ended_is_how_the_command_ends(code: int, error: type[Exception] | None) -> None:
    asked = session(host="box")
    asked.world.process.command_code = code  # type: ignore[attr-defined]
    if error is None:
        assert anyio.run(on_host, asked, ["status"]) == code
    else:
        with pytest.raises(error, match="box"):
            anyio.run(on_host, asked, ["status"])
    with pytest.raises(UsageError, match="USER@HOST"):
        anyio.run(on_host, session(host="-oProxyCommand=x"), ["status"])
    ((command, _),) = asked.world.process.commands  # type: ignore[attr-defined]
    assert asked.sent_as.startswith("ctl-")  # by which it can be repeated when nobody knows whether it arrived
    assert command == ("ssh", "--", "box", f"playctl status --request-id {asked.sent_as}")


def test_a_column_that_is_not_there_does_not_turn_a_done_change_into_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    from playd.control.tables import HALTS

    row = {"scope": "all", "level": 1, "code": "OPERATOR", "actor": "me", "age_s": 1.0, "text": "t", "still_holds": False}
    asked = session()
    asked.options = Options(Output.TABLE, ("SCOOP",), "", None, False, "", False, "")
    with pytest.raises(UsageError, match="SCOOP"):
        asked.show_rows([row], HALTS, empty="")
    asked.request_id()
    asked.show_rows([row], HALTS, empty="")
    printed = capsys.readouterr()
    assert "OPERATOR" in printed.out
    assert "SCOOP" in printed.err
