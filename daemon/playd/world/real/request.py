"""
A request whose body is written in the turn of the loop that writes its head.

aiohttp writes a body in a task of its own. Python starts that task at once from 3.12 on; before, everything else that the loop
has to do comes first, and the bytes of an order wait for it. There the body is begun before the task, which then finds it
written, or goes on where it had to wait.
"""

import functools
import types
from collections.abc import Coroutine, Generator
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.connector import Connection


class PromptRequest(aiohttp.ClientRequest):
    """aiohttp's request, for a Python that starts no task at once."""

    def write_bytes(
        self, writer: "AbstractStreamWriter", conn: "Connection", content_length: int | None = None
    ) -> Coroutine[Any, Any, None]:
        """What is left to do of writing the body, once as much of it as the connection takes is written."""
        return begun(super().write_bytes(writer, conn, content_length))


def begun(work: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None]:
    """Run `work` as far as it gets without waiting; what is left of it. Raises what it raises until then."""
    try:
        waits_for = work.send(None)
    except StopIteration:
        return _nothing()
    return _rest(work, waits_for)


async def _nothing() -> None:
    """What is left of work that is done."""


@types.coroutine
def _rest(work: Coroutine[Any, Any, None], waits_for: Any) -> Generator[Any, Any, None]:
    """Go on with work that waits, handing on whatever comes for it."""
    while True:
        try:
            came = yield waits_for
        except BaseException as error:  # noqa: BLE001 - a cancellation, like anything else, is the work's to deal with
            step = functools.partial(work.throw, error)
        else:
            step = functools.partial(work.send, came)
        try:
            waits_for = step()
        except StopIteration:
            return
