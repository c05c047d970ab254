"""Log lines in files: none is lost by a change of files, and a disk that refuses loses lines and nothing else."""

import errno
from pathlib import PurePath

import orjson

from playd.ops.log_file import AGAIN_AFTER_S, LogFile, log_files
from playd.settings.model import Log as LogSettings
from playd.world.virtual import VirtualWorld, virtual_world

STATE = PurePath("/state")
LINE = orjson.dumps({"event": "x", "msg": "y" * 300_000})


def made(world: VirtualWorld) -> LogFile:
    if not world.disk.exists(STATE):
        world.disk.mkdir(STATE)
    return LogFile(world.disk, world.clock, STATE, LogSettings(file_mib=1, files=3))


def kept(world: VirtualWorld) -> list[bytes]:
    """Lines of all files, oldest first."""
    files = [*log_files(world.disk, STATE)][::-1]
    return [line for path in files for line in world.disk.read_bytes(path).splitlines()]


def test_files_take_turns_and_no_line_is_lost_until_it_is_old() -> None:
    world = virtual_world()
    file = made(world)
    lines = [orjson.dumps({"n": number, "msg": "y" * 300_000}) for number in range(9)]
    for number, line in enumerate(lines):
        if number == 4:
            file = made(world)  # a start goes on in the newest file
        file.write(line)
    assert kept(world) == lines
    assert [path.name for path in log_files(world.disk, STATE)] == ["playd.jsonl", "playd.jsonl.1", "playd.jsonl.2"]
    file.write(lines[0])
    assert kept(world) == [*lines[3:], lines[0]]


def test_a_line_that_a_crash_cut_off_spoils_no_other() -> None:
    world = virtual_world()
    made(world).write(b'{"n":1}')
    torn = world.disk.open_append(STATE / "logs" / "playd.jsonl")
    torn.write(b'{"n":')
    torn.close()
    made(world).write(b'{"n":2}')
    assert kept(world) == [b'{"n":1}', b'{"n":', b'{"n":2}']


def test_a_disk_that_refuses_loses_lines_says_so_and_is_tried_again() -> None:
    world = virtual_world()
    file = made(world)
    file.write(b"1")
    world.disk.fail("write", code=errno.EROFS)
    file.write(b"2")
    assert (file.trouble, file.lost) == ("Read-only file system", 1)
    world.disk.heal()
    file.write(b"3")
    assert file.lost == 2, "not before a while"
    world.clock.advance(AGAIN_AFTER_S)
    file.write(b"4")
    assert (file.trouble, file.lost, kept(world)) == ("", 2, [b"1", b"4"])
