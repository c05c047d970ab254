"""
The world as the operating system gives it, and the event loop that daemon and commands run on.

One file per port; nothing here decides anything.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

from playd.world.ports import World
from playd.world.real.clock import RealClock
from playd.world.real.disk import RealDisk
from playd.world.real.env import RealEnv
from playd.world.real.net import RealNet
from playd.world.real.process import RealProcess
from playd.world.real.random import RealRandom

__all__ = ["RealDisk", "real_world", "run"]

T = TypeVar("T")


def real_world() -> World:
    """The machine. Build it once, at the top of a command; the environment is read here."""
    env = RealEnv()
    return World(
        clock=RealClock(),
        disk=RealDisk(),
        net=RealNet(),
        random=RealRandom(),
        env=env,
        process=RealProcess(env),
    )


def run(main: Callable[[World], Awaitable[T]], world: World) -> T:
    """Run `main(world)` on uvloop until it returns; its result and its exceptions are the caller's."""
    return anyio.run(main, world, backend="asyncio", backend_options={"use_uvloop": True})
