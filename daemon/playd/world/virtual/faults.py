"""Faults of a disk, told in advance: which operation, on which file, after how many good ones, how often."""

import errno
import os
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePath
from typing import Literal

DiskOperation = Literal["read", "write", "sync", "replace", "open", "remove", "rename", "sqlite", "parquet"]


@dataclass(slots=True)
class Fault:
    """
    One planned fault.

    `skip` operations pass first, then `times` fail with `code`. A failing `write` leaves its first `torn_bytes` in the file.
    """

    operation: DiskOperation
    pattern: str
    code: int
    skip: int
    times: int
    torn_bytes: int


class FaultPlan:
    """All planned faults of one disk, asked before each operation."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def due(self, operation: DiskOperation, path: PurePath) -> Fault | None:
        """The fault that strikes this operation, if one does. Counts the operation."""
        for fault in self._faults:
            if fault.operation != operation or not fnmatch(str(path), fault.pattern):
                continue
            if fault.skip:
                fault.skip -= 1
            elif fault.times:
                fault.times -= 1
                return fault
        return None

    def strike(self, operation: DiskOperation, path: PurePath) -> None:
        """Raise the due fault's error, if one is due."""
        if fault := self.due(operation, path):
            raise error_of(fault.code, path)


def error_of(code: int, path: PurePath) -> OSError:
    """The error the operating system raises for this number, e.g. `errno.EIO`."""
    return OSError(code, os.strerror(code), str(path))


NO_SPACE = errno.ENOSPC
