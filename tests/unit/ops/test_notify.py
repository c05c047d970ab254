"""The service manager hears the truth."""

import pytest

from playd.ops.notify import ServiceManager
from playd.world.virtual import VirtualWorld, virtual_world


@pytest.fixture
def world() -> VirtualWorld:
    return virtual_world()


def test_ready_is_said_once(world: VirtualWorld) -> None:
    manager = ServiceManager(world.process)
    manager.ready("2 running")
    manager.ready("3\nrunning")
    assert world.process.notified == ["READY=1\nSTATUS=2 running", "STATUS=3 running"]


def test_the_beat_stops_when_something_is_wrong_and_says_what(world: VirtualWorld) -> None:
    manager = ServiceManager(world.process)
    assert manager.beat([])
    assert not manager.beat(["loop lag 900 ms", "journal 6 s behind"])
    assert world.process.notified == ["WATCHDOG=1", "STATUS=watchdog withheld: loop lag 900 ms, journal 6 s behind"]


def test_beats_come_each_third_of_the_period(world: VirtualWorld) -> None:
    manager = ServiceManager(world.process)
    assert manager.beat_every_s is None
    world.process.watchdog_s = 30.0
    assert manager.beat_every_s == 10.0


def test_more_time_is_asked_for_in_microseconds(world: VirtualWorld) -> None:
    manager = ServiceManager(world.process)
    manager.extend(30, "reconciling")
    manager.stopping("bye")
    assert world.process.notified == ["EXTEND_TIMEOUT_USEC=30000000\nSTATUS=reconciling", "STOPPING=1\nSTATUS=bye"]


def test_a_reload_is_told_from_its_beginning_to_its_end_and_never_for_a_start(world: VirtualWorld) -> None:
    manager = ServiceManager(world.process)
    for mono_s in (1.0, 12.5):
        with manager.reloading(mono_s):
            pass
        manager.ready("2 running")
    assert world.process.notified == [
        "READY=1\nSTATUS=2 running",
        "RELOADING=1\nMONOTONIC_USEC=12500000",
        "READY=1",
        "STATUS=2 running",
    ]


def test_a_word_that_it_is_ready_which_was_lost_is_said_again(world: VirtualWorld) -> None:
    manager = ServiceManager(world.process)
    world.process.managed = False
    manager.ready("2 running")
    world.process.managed = True
    manager.beat([])
    manager.beat([])
    assert world.process.notified == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]


def test_without_a_manager_nothing_is_sent(world: VirtualWorld) -> None:
    world.process.managed = False
    assert not ServiceManager(world.process).beat([])
