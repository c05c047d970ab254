"""
What becomes of a journal's files with time: packed when they are closed for a week, removed when they are no longer kept.

Packing changes no record and is done by a process of its own (`playd.cli.pack_journal`). A removal is itself a record, with the
last number and hash of what went, so that the chain goes on without a gap that nobody can explain.
"""

import zlib
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from pathlib import PurePath
from typing import Final

from playd.ops.chain import Head, head_before
from playd.ops.segments import GZIP_BITS, PACKED, NotPacked, read_file, read_segment, segment_names
from playd.world.ports import Disk

PACK_AFTER_DAYS: Final = 7
_FIRST_LINE_BYTES: Final = 64 * 1024
"""More than a record may have."""


def pack(disk: Disk, directory: PurePath, today: date) -> list[str]:
    """
    Pack every closed file of more than a week ago; their names. One that is damaged stays as it is, for whoever looks at it.

    The original goes last, when the packed one was read back: a crash between leaves both, and the next call begins again.
    Raises `OSError`.
    """
    done = []
    for name in segment_names(disk, directory)[:-1]:
        path = directory / name
        if name.endswith(PACKED) or _day(name) > today - timedelta(days=PACK_AFTER_DAYS):
            continue
        data = disk.read_bytes(path)
        if read_segment((data,), name, None).damage is not None:
            continue
        packed = path.with_name(f"{name}{PACKED}")
        packer = zlib.compressobj(wbits=GZIP_BITS)
        disk.write_replace(packed, packer.compress(data) + packer.flush(), keep_previous=False)
        if read_file(disk, packed) == data:
            disk.remove(path)
            done.append(name)
    return done


def outdated(disk: Disk, directory: PurePath, today: date, keep_days: int) -> Iterator[tuple[str, Head]]:
    """
    Files of more than `keep_days` ago, oldest first, each with the last record that goes with it. Never the newest file.

    That record is what the next file says it follows, which is what every later check holds against. Raises `OSError`,
    `NotPacked`.
    """
    names = segment_names(disk, directory)
    for name, following in pairwise(names):
        if _day(name) >= today - timedelta(days=keep_days):
            return
        end = head_before(_first_line(disk, directory / following))
        if end is None:
            return  # a damaged file is not understood, and nothing before it may go
        yield name, end


def _first_line(disk: Disk, path: PurePath) -> bytes:
    data = disk.read_from(path, 0, _FIRST_LINE_BYTES)
    if path.suffix == PACKED:
        try:
            data = zlib.decompressobj(GZIP_BITS).decompress(data, _FIRST_LINE_BYTES)
        except zlib.error as error:
            raise NotPacked(f"{path}: cannot be unpacked: {error}") from error
    return data.partition(b"\n")[0]


def _day(name: str) -> date:
    return date.fromisoformat(name[:10])
