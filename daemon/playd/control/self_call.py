"""Whether the control socket answers: asked over the socket itself, as a person would ask."""

from pathlib import PurePath
from typing import Final, NoReturn

import anyio

from playd.control.client import Forbidden, Unanswered, Unreachable, connected
from playd.control.protocol import RpcError
from playd.world.ports import Clock, Net

ASK_EVERY_S: Final = 2.0
ANSWER_WITHIN_S: Final = 5.0


class SelfCall:
    """`run` until cancelled. `answered_s` is when the socket last answered (monotonic seconds); a refusal is an answer too."""

    def __init__(self, net: Net, clock: Clock, socket: PurePath) -> None:
        self._net = net
        self._clock = clock
        self._socket = socket
        self.answered_s = clock.mono_s()

    async def run(self) -> NoReturn:
        """Ask, and again a moment later."""
        while True:
            if await self._is_answered():
                self.answered_s = self._clock.mono_s()
            await anyio.sleep(ASK_EVERY_S)

    async def _is_answered(self) -> bool:
        try:
            async with connected(self._net, self._socket, timeout_s=ANSWER_WITHIN_S) as client:
                await client.hello("playd")
        except RpcError:
            return True
        except (Unreachable, Forbidden, Unanswered):
            return False
        return True
