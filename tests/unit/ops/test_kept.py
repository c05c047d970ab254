"""A part that only looks on is started again after a bug of its own; a lost record is not its to survive."""

import anyio
import pytest

from playd.core.errors import RecordError
from playd.ops.kept import REST_S, kept
from tests.virtual_time import LoopClock, in_virtual_time


class Desk:
    """Incidents as they are opened."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def open(self, kind: str, severity: str, scope: str, text: str) -> None:
        self.opened.append(f"{kind} {severity} {scope} {text}")


async def test_a_part_that_fails_is_told_and_started_again_and_rests_when_it_fails_too_often() -> None:
    clock, desk, began = LoopClock(), Desk(), list[float]()

    async def run() -> None:
        began.append(round(clock.mono_s() - start_s))
        if len(began) <= 7:
            raise KeyError("no such figure")

    start_s = clock.mono_s()
    await kept("watch", run, clock, desk)
    assert began == [0, 1, 2, 3, 4, 5, 5 + REST_S, 6 + REST_S]
    assert desk.opened == ["WATCHER_FAILED critical all watch: KeyError: 'no such figure'"] * 7


def test_a_lost_record_and_the_end_of_the_daemon_pass() -> None:
    async def lost() -> None:
        raise RecordError("the disk is gone")

    async def body() -> None:
        desk = Desk()
        with pytest.raises(BaseExceptionGroup) as ended:
            await kept("watch", lost, LoopClock(), desk)
        assert ended.value.subgroup(RecordError) is not None
        with anyio.move_on_after(5.0) as scope:
            await kept("watch", anyio.sleep_forever, LoopClock(), desk)
        assert (scope.cancelled_caught, desk.opened) == (True, [])

    in_virtual_time(body)
