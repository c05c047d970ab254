"""Virtual time: an event loop that jumps to its next timer instead of waiting for it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

WALL_START_MS = 1_700_000_000_000


class JumpingLoop(asyncio.SelectorEventLoop):
    """Never waits: when nothing is ready, time jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        select = self._selector.select  # type: ignore[attr-defined]

        def jump(timeout: float | None) -> Any:
            if timeout is not None and timeout > 0:
                self.now_s += timeout
            return select(0)

        self._selector.select = jump  # type: ignore[attr-defined]

    def time(self) -> float:
        return self.now_s


class LoopClock:
    """`Clock` of the running loop; wall and monotonic time pass alike."""

    def mono_s(self) -> float:
        return asyncio.get_running_loop().time()

    def wall_ms(self) -> int:
        return WALL_START_MS + round(self.mono_s() * 1000)


def in_virtual_time(body: Callable[[], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(_awaited(body))


async def _awaited(body: Callable[[], Awaitable[None]]) -> None:
    await body()
