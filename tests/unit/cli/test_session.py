"""Where `playctl` looks for the daemon, and for what it left behind."""

from pathlib import Path, PurePath

import pytest

from playd.cli.session import Options, Session, execute
from playd.control.client import Unanswered
from playd.control.protocol import Code, RpcError
from playd.control.render import Output
from playd.world.virtual import virtual_world

RUN, STATE = PurePath("/run/playd"), PurePath("/var/lib/playd")


def session(*there: str, socket: str = "", env: dict[str, str] | None = None) -> Session:
    world = virtual_world(env=env)
    for path in there:
        world.disk.mkdir(PurePath(path))
    return Session(world, Options(Output.TABLE, (), socket, 10.0, False, "", False, ""))


@pytest.mark.parametrize(
    ("there", "socket", "env", "expected"),
    [
        # the service's daemon is down, or never bound its socket: the guardian listens in that directory all the same
        (["/run/playd"], "", {}, (RUN, STATE)),
        (["/run/playd", "/state/run"], "", {}, ("/state/run", "/state")),
        ([], "", {}, ("/state/run", "/state")),
        (["/run/playd"], "", {"PLAYD_STATE_DIR": "mine"}, ("/mine/run", "/mine")),
        (["/run/playd"], "", {"PLAYD_RUN_DIR": "sockets", "PLAYD_STATE_DIR": "mine"}, ("/sockets", "/mine")),
        ([], "/run/playd/control.sock", {"PLAYD_STATE_DIR": "mine"}, (RUN, STATE)),
        ([], "other/run/control.sock", {}, ("/other/run", "/other")),
    ],
)
def test_the_directories_of_a_daemon_are_found_whether_it_runs_or_not(
    there: list[str], socket: str, env: dict[str, str], expected: tuple[PurePath | str, PurePath | str]
) -> None:
    found = session(*there, socket=socket, env=env)
    assert (found.socket_path.parent, found.state_dir) == tuple(map(PurePath, expected))


@pytest.mark.parametrize("trouble", [RpcError(Code.BUSY, "64 clients are connected already"), Unanswered("no answer")])
def test_where_the_socket_takes_nobody_the_file_that_refuses_all_risk_is_named(
    trouble: Exception, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def turned_away(_session: Session) -> int:
        raise trouble

    options = Options(Output.TABLE, (), str(tmp_path / "run" / "control.sock"), None, False, "", False, "")
    assert execute(turned_away, options) != 0
    assert f"make the file {tmp_path / 'HALT'}: it refuses all new risk" in capsys.readouterr().err
