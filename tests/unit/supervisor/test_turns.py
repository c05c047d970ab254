"""A hundred instances with one close: whoever is ready meanwhile waits for one of them, and one writes its state at a time."""

from collections.abc import Awaitable, Callable
from itertools import pairwise
from time import perf_counter

import anyio
import anyio.lowlevel
import pytest

from playd.supervisor.life import keep_last
from playd.supervisor.turns import PASSED_OVER_MAX, REST_TIMES, Pen, Turns
from playd.world.virtual.clock import ManualClock
from tests.virtual_time import in_virtual_time

pytestmark = pytest.mark.anyio
MANY = 100
WORK_S = 0.002


async def with_turns(body: Callable[[Turns], Awaitable[None]]) -> None:
    turns = Turns()
    async with anyio.create_task_group() as group:
        group.start_soon(turns.run)
        with anyio.fail_after(60):
            await body(turns)
        group.cancel_scope.cancel()


def busy() -> None:
    until_s = perf_counter() + WORK_S
    while perf_counter() < until_s:
        pass


async def test_a_close_that_wakes_a_hundred_lets_others_run_between_any_two() -> None:
    order: list[str] = []

    async def other(close: anyio.Event) -> None:
        await close.wait()
        while order.count("instance") < MANY:
            order.append("other")
            await anyio.lowlevel.checkpoint()

    async def instance(close: anyio.Event, turns: Turns) -> None:
        await close.wait()
        await turns.take()
        busy()
        order.append("instance")

    async def body(turns: Turns) -> None:
        close = anyio.Event()
        async with anyio.create_task_group() as group:
            for _ in range(MANY):
                group.start_soon(instance, close, turns)
            group.start_soon(other, close)
            await anyio.lowlevel.checkpoint()
            close.set()

    await with_turns(body)
    assert order.count("instance") == MANY
    assert "instance instance instance" not in " ".join(order)


async def test_a_hundred_that_are_stopped_at_once_let_others_run_between_any_two_of_their_states() -> None:
    order: list[str] = []

    class Life:
        at_rest = True

        def flush(self) -> bool:
            order.append("state")
            return True

    async def life(turns: Turns) -> None:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            await keep_last(Life(), Life(), turns.take_behind)
            raise

    async def body(turns: Turns) -> None:
        async def other() -> None:
            while order.count("state") < MANY:
                order.append("other")
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as group, anyio.create_task_group() as stopped:
            for _ in range(MANY):
                stopped.start_soon(life, turns)
            await anyio.lowlevel.checkpoint()
            group.start_soon(other)
            stopped.cancel_scope.cancel()

    await with_turns(body)
    assert order.count("state") == MANY
    assert "state state state" not in " ".join(order)


async def test_one_that_blocks_or_is_stopped_while_it_waits_keeps_nobody_else_from_a_turn() -> None:
    done: list[int] = []

    async def instance(number: int, turns: Turns) -> None:
        with anyio.CancelScope() as scope:
            if number == 3:
                scope.cancel()
            await turns.take()
            done.append(number)
            if number == 1:
                await anyio.sleep_forever()

    async def body(turns: Turns) -> None:
        async with anyio.create_task_group() as group:
            for number in range(6):
                group.start_soon(instance, number, turns)
            while len(done) < 5:
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()

    await with_turns(body)
    assert done == [0, 1, 2, 4, 5]


async def test_bars_of_this_moment_go_before_a_start_and_a_catching_up_that_came_first() -> None:
    order: list[str] = []

    async def body(turns: Turns) -> None:
        async def behind() -> None:
            for _ in range(3):
                await turns.take_behind()
                order.append("behind")

        async def bar() -> None:
            await turns.take()
            order.append("bar")

        async with anyio.create_task_group() as group:
            for work in (behind, behind, bar, bar, bar):
                group.start_soon(work)

    await with_turns(body)
    assert order == ["behind", "bar", "bar", "bar", *["behind"] * 5]


async def test_bars_without_an_end_keep_no_start_from_going_on() -> None:
    order: list[str] = []

    async def body(turns: Turns) -> None:
        async def bars() -> None:
            while "behind" not in order:
                await turns.take()
                order.append("bar")

        async def behind() -> None:
            await turns.take_behind()
            order.append("behind")

        async with anyio.create_task_group() as group:
            for work in (bars, bars, bars, behind):
                group.start_soon(work)

    await with_turns(body)
    assert PASSED_OVER_MAX <= order.index("behind") <= PASSED_OVER_MAX + 3


async def test_who_comes_alone_does_not_wait() -> None:
    async def body(turns: Turns) -> None:
        turned: list[int] = []

        async def loop() -> None:
            while True:
                turned.append(1)
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as group:
            group.start_soon(loop)
            for _ in range(3):
                await anyio.sleep(0.001)
                before = len(turned)
                await turns.take()
                assert len(turned) == before
            group.cancel_scope.cancel()

    await with_turns(body)


def test_writing_takes_a_fifth_of_the_loop_at_most_whoever_writes() -> None:
    async def body() -> None:
        clock, wrote = ManualClock(), []
        pen = Pen(clock)

        async def write(number: int) -> None:
            def work() -> bool:
                if number < 10:
                    clock.advance(0.01)
                    wrote.append((number, anyio.current_time()))
                return number < 10

            assert await pen.write(work) is (number < 10)

        async with anyio.create_task_group() as group:
            for number in (*range(9), 10, 9):
                group.start_soon(write, number)
            await anyio.sleep(0.001)
            assert pen.round_s == pytest.approx(11 * 0.01 * (1 + REST_TIMES), rel=0.2)
        times = [at_s for _, at_s in wrote]
        assert [number for number, _ in wrote] == [*range(10)]
        assert [after - before for before, after in pairwise(times)] == [pytest.approx(0.01 * REST_TIMES)] * 9

    in_virtual_time(body)
