"""At READY the loop is not held for a look of the garbage collector at everything that a hundred instances are made of."""

import gc
from collections.abc import Iterator

import pytest
import typer

from playd.cli.commands import keep_for_good, put_off_collecting, run_command


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def test_what_is_there_is_kept_without_a_look_at_it_and_later_garbage_is_found() -> None:
    looks: list[int] = []

    def looked(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            looks.append(info["generation"])

    put_off_collecting()
    gc.callbacks.append(looked)
    try:
        keep_for_good()
        assert 2 not in looks
        frozen = gc.get_freeze_count()
        later: list[object] = []
        later.append(later)
        del later
        assert gc.collect() >= 1
        assert gc.get_freeze_count() == frozen > 0
    finally:
        gc.callbacks.remove(looked)


def test_nothing_is_kept_beyond_the_command_so_that_no_library_calls_it_a_leak() -> None:
    keep_for_good()
    with pytest.raises(typer.Exit):
        run_command(lambda: 0)
    assert gc.get_freeze_count() == 0
