"""Back-off and the connect limit, in virtual time."""

import anyio
from hypothesis import given
from hypothesis import strategies as st

from playd.venues.bybit.socket import ConnectLimiter, SocketTiming, _full_jitter_s
from tests.virtual_time import LoopClock


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 10_000))
def test_the_back_off_is_full_jitter_between_zero_and_thirty_seconds(random: float, failures: int) -> None:
    wait_s = _full_jitter_s(random, failures, SocketTiming())
    ceiling_s = min(30.0, 0.5 * 2 ** min(max(failures - 1, 0), 20))
    assert wait_s == random * ceiling_s


async def test_at_most_twenty_connects_leave_in_any_minute_however_many_ask() -> None:
    clock = LoopClock()
    limiter = ConnectLimiter(clock)
    times: list[float] = []

    async def connect() -> None:
        await limiter.take()
        times.append(clock.mono_s())

    async with anyio.create_task_group() as tasks:
        for _ in range(70):
            tasks.start_soon(connect)
    assert len(times) == 70
    assert max(sum(1 for each in times if start <= each < start + 60) for start in times) == 20
    assert max(times) == 180


async def test_while_our_address_is_banned_nobody_connects() -> None:
    clock = LoopClock()
    limiter = ConnectLimiter(clock, banned_for_s=lambda: max(0.0, 600.0 - clock.mono_s()))
    await limiter.take()
    assert clock.mono_s() == 600.0
