"""Machine code of one version of the code is never used by another."""

import os
from pathlib import Path

import pytest

from playd.world import kernel_cache


def test_each_version_of_the_heart_has_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "playd"
    (package / "core").mkdir(parents=True)
    (package / "core" / "units.py").write_text("one = 1")
    monkeypatch.setattr(kernel_cache, "__file__", str(package / "world" / "kernel_cache.py"))
    folders = []
    for text in ("one = 1", "one = 2", "one = 1"):
        (package / "core" / "units.py").write_text(text)
        monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
        kernel_cache.use_kernel_cache()
        folders.append(os.environ["NUMBA_CACHE_DIR"])
    assert folders[0] == folders[2] != folders[1]
    assert Path(folders[0]).parent == tmp_path / "cache"


def test_a_child_process_uses_the_folder_of_its_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    kernel_cache.use_kernel_cache()
    first = os.environ["NUMBA_CACHE_DIR"]
    kernel_cache.use_kernel_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == first


def test_a_user_without_a_home_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    kernel_cache.use_kernel_cache()
    assert "NUMBA_CACHE_DIR" not in os.environ
