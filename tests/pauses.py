"""Short deadlines of the program under test, on a machine that may hold the test up for longer than they are."""

from collections.abc import Awaitable, Callable
from time import monotonic

import anyio

HELD_UP_S = 0.3
TRIES = 100
LOOK_S = 0.02


async def undisturbed(body: Callable[[], Awaitable[None]]) -> None:
    """
    Run `body` until nothing held the loop up meanwhile, and raise what that run raises.

    A run that was held up says nothing about a deadline of a second or more, whatever came of it.
    """
    for _ in range(TRIES):
        looked_s, longest_s, failure = monotonic(), 0.0, None

        def look() -> None:
            nonlocal looked_s, longest_s
            now_s = monotonic()
            looked_s, longest_s = now_s, max(longest_s, now_s - looked_s)

        async def watch() -> None:
            while True:
                await anyio.sleep(LOOK_S)
                look()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            try:
                await body()
            except Exception as error:  # noqa: BLE001 - raised below, unless the run does not count
                failure = error
            look()
            tasks.cancel_scope.cancel()
        if longest_s < HELD_UP_S:
            if failure is not None:
                raise failure
            return
    raise AssertionError(f"held up for more than {HELD_UP_S:g} s in each of {TRIES} runs")
