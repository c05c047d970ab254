"""What a journal's files say at start: where the chain ends, what a crash cut short, what is damaged."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePath

from playd.core.canonical import Json
from playd.ops.chain import GENESIS, Head
from playd.ops.segments import Damage, NotPacked, Reading, read_file, read_segment, segment_names
from playd.world.ports import Disk
from playd.world.quarantine import set_aside


@dataclass(frozen=True, slots=True)
class Found:
    """
    Where to go on.

    `name` is the last file, None when there is none. `trimmed` describes every tail that was cut off, `broken` the first
    damaged file: the journal goes on behind it in a new one.
    """

    head: Head
    name: str | None
    trimmed: tuple[dict[str, Json], ...]
    broken: dict[str, Json] | None


def recover(disk: Disk, directory: PurePath, wall_ms: int) -> Found:
    """
    Read back to the last whole record, which is in the last file unless a crash left that one empty.

    An incomplete last line is cut off. A damaged file is copied to `quarantine/<time>/` beside the journal and stays where it
    is, so that every later check finds it; numbers that its unreadable records may have had are not used again.
    """
    names = segment_names(disk, directory)
    trimmed: list[dict[str, Json]] = []
    broken: dict[str, Json] | None = None
    head, lost = Head(0, GENESIS), 0
    for name in reversed(names):
        try:
            data = read_file(disk, directory / name)
        except NotPacked:
            broken = _set_aside(disk, directory / name, Damage(name, 1, 0, "cannot be unpacked"), wall_ms)
            continue
        reading = read_segment((data,), name, None)
        if reading.torn:
            trimmed.append(_trim(disk, directory / name, data, reading))
        elif reading.damage:
            lost += data.count(b"\n", reading.good_bytes) + 1
            broken = _set_aside(disk, directory / name, reading.damage, wall_ms)
        if reading.records and reading.head:
            head = reading.head
            break
    if broken is not None:
        broken |= {"last_good_seq": head.seq}
    return Found(Head(head.seq + lost, head.hash), names[-1] if names else None, tuple(trimmed), broken)


def _trim(disk: Disk, path: PurePath, data: bytes, reading: Reading) -> dict[str, Json]:
    tail = data[reading.good_bytes :]
    disk.truncate(path, reading.good_bytes)
    return {"file": path.name, "bytes": len(tail), "digest": sha256(tail).hexdigest()}


def _set_aside(disk: Disk, path: PurePath, damage: Damage, wall_ms: int) -> dict[str, Json]:
    copy = set_aside(disk, path.parent.parent, path, wall_ms)
    return {"file": path.name, "damage": str(damage), "copy": str(copy)}
