"""Machine code on the disk that is broken, of another signature, or cannot be written decides nothing and stops nothing."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from numba.core import config

from playd.core.machine import kept
from playd.kernels.machine import kernel_signature, outer


def twice(x: float) -> float:
    return x * 2


def scaled(factor: int) -> Callable[[float], float]:
    def by(x: float) -> float:
        return x * factor

    return by


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def one(folder: Path, pattern: str) -> Path:
    (found,) = folder.rglob(pattern)
    return found


def hits(function: object) -> int:
    return sum(function.stats.cache_hits.values())  # type: ignore[attr-defined]


def test_code_of_two_signatures_is_kept_and_found_again(folder: Path) -> None:
    assert (kept(twice)(2), kept(twice)(2.75)) == (4, 5.5)
    again = kept(twice)
    assert (again(2), again(2.75), hits(again)) == (4, 5.5, 2)


def test_code_in_the_place_of_another_is_not_taken(folder: Path) -> None:
    assert (kept(twice)(2), kept(twice)(2.75)) == (4, 5.5)
    one(folder, "*.2.nbc").write_bytes(one(folder, "*.1.nbc").read_bytes())
    again = kept(twice)
    assert (again(2.75), again(2), hits(again)) == (5.5, 4, 1)
    healed = kept(twice)
    assert (healed(2.75), hits(healed)) == (5.5, 1)


def test_code_of_another_closure_is_not_taken(folder: Path) -> None:
    assert (kept(scaled(2))(2.75), kept(scaled(3))(2.0)) == (5.5, 6.0)
    one(folder, "*.2.nbc").write_bytes(one(folder, "*.1.nbc").read_bytes())
    assert kept(scaled(3))(2.0) == 6.0


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def hollow(path: Path) -> None:
    """A block that never reached the disk, in the machine code."""
    code = bytearray(path.read_bytes())
    middle = code.index(b"ELF") + 256
    code[middle : middle + 256] = bytes(256)
    path.write_bytes(code)


@pytest.mark.parametrize(
    ("spoil", "file"), [(halve, "*.nbc"), (empty, "*.nbc"), (hollow, "*.nbc"), (halve, "*.nbi"), (empty, "*.nbi")]
)
def test_a_broken_file_is_made_anew(folder: Path, spoil: Callable[[Path], None], file: str) -> None:
    assert kept(twice)(2.75) == 5.5
    spoil(one(folder, file))
    again = kept(twice)
    assert (again(2.75), hits(again)) == (5.5, 0)
    healed = kept(twice)
    assert (healed(2.75), hits(healed)) == (5.5, 1)


def test_a_folder_that_cannot_be_written_keeps_nothing_anywhere(folder: Path) -> None:
    folder.write_text("a file where the folder should be")
    before = set(Path(__file__).parent.rglob("*.nb[ic]"))
    assert kept(twice)(2.75) == 5.5
    assert set(Path(__file__).parent.rglob("*.nb[ic]")) == before


def test_a_disk_that_fills_up_while_code_is_written_stops_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "replace", full)
    assert kept(twice)(2.75) == 5.5
    assert not list(folder.rglob("*.nb[ic]*"))


def test_without_a_folder_code_is_compiled_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "CACHE_DIR", "")
    function = kept(twice)
    assert function(2.75) == 5.5
    assert function.stats.cache_path is None  # type: ignore[attr-defined]


def test_a_kernel_whose_file_is_broken_is_made_anew(folder: Path) -> None:
    outer(nothing, kernel_signature(1))
    halve(one(folder, "*.nbc"))
    assert hits(outer(nothing, kernel_signature(1))) == 0
    assert hits(outer(nothing, kernel_signature(1))) == 1


def nothing(inputs, params, state, output, start, stop):  # type: ignore[no-untyped-def]
    """A kernel that does nothing."""
