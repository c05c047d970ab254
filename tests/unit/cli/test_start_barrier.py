"""The first steps of a start on a disk that refuses: room is made once, and the exit code says who must act."""

import errno
from pathlib import PurePath

import pytest

from playd.cli.start_barrier import make_directories
from playd.core.errors import CredentialError, PlaydError, RecordError
from playd.ops.ballast import NAME
from playd.settings import load
from playd.world.virtual import virtual_world

STATE = PurePath("/state")


def test_a_full_disk_gives_up_the_ballast_and_the_start_goes_on() -> None:
    world = virtual_world()
    loaded = load(world)
    make_directories(world, loaded)
    world.disk.allocate(STATE / NAME, 1 << 20)
    world.disk.fill(0)
    make_directories(world, loaded)
    assert not world.disk.exists(STATE / NAME)
    world.disk.fill(0)
    with pytest.raises(RecordError, match="disk-full"):
        make_directories(world, loaded)


@pytest.mark.parametrize(
    ("number", "kind", "exit_code"),
    [(errno.EROFS, RecordError, 74), (errno.EIO, RecordError, 74), (errno.EACCES, CredentialError, 77)],
)
def test_a_disk_that_refuses_is_74_and_a_person_is_77(number: int, kind: type[PlaydError], exit_code: int) -> None:
    world = virtual_world()
    loaded = load(world)
    make_directories(world, loaded)
    world.disk.fail("replace", code=number)
    with pytest.raises(kind) as caught:
        make_directories(world, loaded)
    assert caught.value.exit_code == exit_code
