"""
A world in memory for tests: the clock is moved by hand, faults happen on demand, randomness has a seed.

It keeps the same promises as `real/`; one conformance suite per port holds both to them. Timers of anyio are not virtual:
whoever sleeps, sleeps. Of `real/` it uses the loopback server.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from playd.world.ports import World
from playd.world.virtual.clock import ManualClock
from playd.world.virtual.disk import MemoryDisk
from playd.world.virtual.env import FixedEnv
from playd.world.virtual.net import LoopbackNet
from playd.world.virtual.process import ProcessExit, VirtualProcess
from playd.world.virtual.random import SeededRandom

__all__ = [
    "FixedEnv",
    "LoopbackNet",
    "ManualClock",
    "MemoryDisk",
    "ProcessExit",
    "SeededRandom",
    "VirtualWorld",
    "virtual_world",
]


@dataclass(frozen=True, slots=True)
class VirtualWorld(World):
    """A `World` whose ports can be steered: `world.clock.advance(60)`, `world.disk.fail("sync")`, `world.process.send(…)`."""

    clock: ManualClock
    disk: MemoryDisk
    net: LoopbackNet
    random: SeededRandom
    env: FixedEnv
    process: VirtualProcess


def virtual_world(*, seed: int = 1, env: Mapping[str, str] | None = None) -> VirtualWorld:
    """A fresh world: 2024-01-01 00:00 UTC, an empty disk of 1 GiB, nothing else running."""
    clock = ManualClock()
    return VirtualWorld(
        clock=clock,
        disk=MemoryDisk(clock),
        net=LoopbackNet(),
        random=SeededRandom(seed),
        env=FixedEnv(env or {}),
        process=VirtualProcess(),
    )
