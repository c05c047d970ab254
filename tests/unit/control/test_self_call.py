"""The daemon asks its own control socket: an answer counts, a refusal too; silence and a closed door do not."""

from collections.abc import Awaitable, Callable

import anyio
import pytest
from anyio.abc import ByteStream

from playd.control.protocol import Code, JsonObject, Request, RpcError
from playd.control.self_call import ANSWER_WITHIN_S, ASK_EVERY_S, SelfCall
from playd.control.server import ControlServer, Session
from playd.control.streams import StreamHub
from playd.world.ports import Peer
from playd.world.virtual import virtual_world
from tests.unit.control.test_server import SOCKET
from tests.virtual_time import LoopClock, in_virtual_time


class Says:
    """A dispatcher that answers, refuses, or is silent."""

    def __init__(self, how: str) -> None:
        self.how = how

    async def call(self, request: Request, session: Session) -> JsonObject:
        if self.how == "silent":
            await anyio.sleep_forever()
        if self.how == "refuses":
            raise RpcError(Code.INVALID_REQUEST, "another protocol")
        return {"data": {}}


def asking(then: Callable[[SelfCall, Says], Awaitable[None]], how: str = "answers", *, clients_max: int = 64) -> None:
    """`then` beside a daemon that asks itself, from when its socket is there."""

    async def body() -> None:
        world, says = virtual_world(), Says(how)
        call = SelfCall(world.net, LoopClock(), SOCKET)
        server = ControlServer(
            world.net, LoopClock(), SOCKET, says, StreamHub(), on_bug=lambda *_: None, clients_max=clients_max
        )
        async with anyio.create_task_group() as tasks:
            async with server.running():
                tasks.start_soon(call.run)
                await then(call, says)
            tasks.cancel_scope.cancel()

    in_virtual_time(body)


@pytest.mark.parametrize("how", ["answers", "refuses"])
def test_whoever_answers_is_there_whatever_he_says(how: str) -> None:
    async def then(call: SelfCall, _: Says) -> None:
        await anyio.sleep(60.0)
        assert LoopClock().mono_s() - call.answered_s <= ASK_EVERY_S

    asking(then, how)


def test_a_server_that_is_full_turns_us_away_which_is_an_answer() -> None:
    async def then(call: SelfCall, _: Says) -> None:
        await anyio.sleep(60.0)
        assert LoopClock().mono_s() - call.answered_s <= ASK_EVERY_S

    asking(then, clients_max=0)


def test_silence_is_no_answer_and_ends_when_it_speaks_again() -> None:
    async def then(call: SelfCall, says: Says) -> None:
        await anyio.sleep(3.0)
        says.how = "silent"
        await anyio.sleep(60.0)
        silent_s = LoopClock().mono_s() - call.answered_s
        assert silent_s >= 60.0 - ASK_EVERY_S
        says.how = "answers"
        await anyio.sleep(ANSWER_WITHIN_S + 2 * ASK_EVERY_S)
        assert LoopClock().mono_s() - call.answered_s <= ASK_EVERY_S

    asking(then)


async def test_a_door_that_nobody_opens_is_no_answer() -> None:
    world = virtual_world()
    call = SelfCall(world.net, LoopClock(), SOCKET)

    async def hang_up(stream: ByteStream, peer: Peer) -> None:
        await stream.aclose()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call.run)
        await anyio.sleep(30.0)
        assert call.answered_s == 0.0
        async with world.net.serve_unix(SOCKET, hang_up):
            await anyio.sleep(30.0)
        assert call.answered_s == 0.0
        tasks.cancel_scope.cancel()
