"""
Names that a shell offers behind a half-typed word: asked of the running daemon's socket, never of a venue, within 200 ms.

Whatever goes wrong offers nothing: a person is typing, and a message would stand in the line.
"""

from typing import Final

import anyio

from playd.cli.session import find_socket
from playd.control.client import connected
from playd.control.protocol import RpcError
from playd.core.errors import PlaydError
from playd.world.ports import World
from playd.world.real import real_world
from playd.world.real import run as run_loop

WITHIN_S: Final = 0.2
WIDER: Final = ("all", "account:", "symbol:")


def instances(incomplete: str) -> list[str]:
    """Names of instances that begin like the word."""
    return [name for name in _asked() if name.startswith(incomplete)]


def scopes(incomplete: str) -> list[str]:
    """The same, and the wider scopes."""
    return [name for name in (*_asked(), *WIDER) if name.startswith(incomplete)]


def _asked() -> list[str]:
    world = real_world()
    try:
        return run_loop(_names, world)
    except (PlaydError, RpcError, OSError, TimeoutError):
        return []


async def _names(world: World) -> list[str]:
    with anyio.fail_after(WITHIN_S):
        async with connected(world.net, find_socket(world, ""), timeout_s=WITHIN_S) as client:
            return [row["name"] for row in (await client.call("instance.list", {}))["data"]]
