"""A process killed before any system call of a replacement leaves the old file or the new one, and the next one works."""

import contextlib
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path, PurePath
from typing import Any

import pytest

from playd.world.real import RealDisk

NAME = PurePath("state.json")
CALLS = ("open", "write", "fsync", "fchmod", "link", "replace", "close", "unlink")


class Killed(BaseException):
    """The process is gone: from here on no call has an effect."""


def kill_at(patch: pytest.MonkeyPatch, number: int) -> Callable[[], bool]:
    """Let `number` calls pass, kill at the next one. Returns a function that says whether that happened."""
    made = count()
    dead = False

    def guarded(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            nonlocal dead
            if dead or next(made) >= number:
                dead = True
                raise Killed
            return real(*arguments, **keywords)

        return call

    for name in CALLS:
        patch.setattr(os, name, guarded(getattr(os, name)))
    return lambda: dead


@pytest.mark.parametrize("keep_previous", [True, False])
def test_old_or_new_at_every_call(tmp_path: Path, keep_previous: bool) -> None:
    outcomes = []
    for number in count():
        root = tmp_path / str(number)
        root.mkdir()
        disk = RealDisk(root)
        disk.write_replace(NAME, b"older")
        disk.write_replace(NAME, b"old")
        with pytest.MonkeyPatch.context() as patch:
            was_killed = kill_at(patch, number)
            with contextlib.suppress(Killed):
                disk.write_replace(NAME, b"new", keep_previous=keep_previous)
            killed = was_killed()
        assert disk.read_bytes(NAME) in (b"old", b"new")
        assert disk.read_bytes(PurePath("state.json.prev")) in (b"older", b"old")
        outcomes.append(disk.read_bytes(NAME))
        disk.write_replace(NAME, b"next")
        assert disk.read_bytes(NAME) == b"next"
        if not killed:
            break
    assert len(outcomes) > 8
    assert outcomes == sorted(outcomes, reverse=True)
    assert outcomes[-1] == b"new"
