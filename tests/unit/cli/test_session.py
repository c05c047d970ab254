"""Where `playctl` looks for the daemon, and for what it left behind."""

from pathlib import PurePath

import pytest

from playd.cli.session import Options, Session
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
