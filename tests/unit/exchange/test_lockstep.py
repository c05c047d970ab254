"""The market waits for who follows it in lock-step, and not for ever for one that has stopped."""

from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from playd.venues.exchange.lockstep import LockStep
from tests.virtual_time import LoopClock


def follower() -> Any:
    sent: list[dict[str, object]] = []
    cut: list[bool] = []
    return SimpleNamespace(uid=None, told=True, sent=sent, cut=cut, send=sent.append, hang_up=lambda: cut.append(True))


@pytest.mark.parametrize(("silence_s", "waits_s"), [(20.0, 30.0), (600.0, 610.0)])
async def test_a_socket_that_is_open_and_silent_is_cut_off_and_its_seat_given_up(silence_s: float, waits_s: float) -> None:
    clock = LoopClock()
    seats, stopped = LockStep(clock.mono_s, 10.0, silence_s), follower()
    seats.opt_in(stopped)
    began_s = clock.mono_s()
    await seats.public_barrier()
    assert (round(clock.mono_s() - began_s), stopped.cut, seats.taken) == (waits_s, [True], False)


async def test_one_that_comes_back_within_the_grace_owes_the_same_barrier() -> None:
    seats, stopped, back = LockStep(LoopClock().mono_s, 10.0, 20.0), follower(), follower()
    seats.opt_in(stopped)
    passed = anyio.Event()

    async def market() -> None:
        await seats.public_barrier()
        passed.set()

    async with anyio.create_task_group() as group:
        group.start_soon(market)
        await anyio.sleep(25.0)
        seats.opt_in(back)
        await anyio.sleep(15.0)
        assert (back.sent, passed.is_set()) == (stopped.sent, False)
        seats.echo(back, 1)
        with anyio.fail_after(60):
            await passed.wait()
