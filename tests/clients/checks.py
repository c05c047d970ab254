"""What a session expects to come true, one line for each."""

import asyncio
import time
from collections.abc import Callable

_failed: list[str] = []


async def comes(what: str, test: Callable[[], object], *, within_s: float = 15.0) -> bool:
    """Print whether something becomes true in time; what does not is remembered."""
    until_s = time.monotonic() + within_s
    while not (met := bool(test())) and time.monotonic() < until_s:  # noqa: ASYNC110 - another program's state has no event
        await asyncio.sleep(0.05)
    print(f"{'ok  ' if met else 'FAIL'} {what}", flush=True)
    if not met:
        _failed.append(what)
    return met


def failed() -> list[str]:
    """What did not come true in this process."""
    return _failed
