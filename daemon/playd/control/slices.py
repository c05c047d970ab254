"""Long answers, made in slices: whoever looks at a hundred instances keeps no order of theirs waiting."""

from collections.abc import AsyncIterator, Iterable
from typing import Final, TypeVar

import anyio.lowlevel

from playd.world.ports import Clock

SLICE_S: Final = 0.005

T = TypeVar("T")


async def in_slices(items: Iterable[T], clock: Clock) -> AsyncIterator[T]:
    """
    Items as they are made; whenever making them took `SLICE_S`, others go on first.

    What is iterated over may change meanwhile: give a copy of it.
    """
    began_s = clock.mono_s()
    for item in items:
        yield item
        if clock.mono_s() - began_s >= SLICE_S:
            await anyio.lowlevel.checkpoint()
            began_s = clock.mono_s()
