"""Halts persist, the highest scope decides, and the kill file cannot be argued with."""

import errno
from pathlib import PurePath
from typing import cast

import pytest

from playd.core.errors import Broken
from playd.orders.halts import ALL, Halts, Level, account_scope, instance_scope, scopes_of, symbol_scope
from playd.orders.ledger import Ledger
from playd.world.ports import Disk
from playd.world.virtual import VirtualWorld, virtual_world
from tests.simulation.order_world import STATE, MemoryJournal

SCOPES = scopes_of("uid", "main", "BTCUSDT")


def opened(world: VirtualWorld) -> tuple[Ledger, Halts]:
    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
    return ledger, Halts(ledger, world.disk, world.clock, MemoryJournal(), STATE)


@pytest.fixture
def world() -> VirtualWorld:
    made = virtual_world()
    made.disk.mkdir(STATE)
    return made


@pytest.mark.parametrize("scope", [instance_scope("uid"), symbol_scope("main", "BTCUSDT"), account_scope("main"), ALL])
def test_a_halt_of_any_of_the_four_scopes_counts(world: VirtualWorld, scope: str) -> None:
    _, halts = opened(world)
    halts.raise_level(scope, Level.PAUSE, "TEST", "why")
    found = halts.highest(*SCOPES)

    assert found is not None
    assert found.scope == scope


def test_a_halt_of_another_scope_does_not_count(world: VirtualWorld) -> None:
    _, halts = opened(world)
    for scope in (instance_scope("other"), symbol_scope("main", "ETHUSDT"), account_scope("second")):
        halts.raise_level(scope, Level.PANIC, "TEST", "why")

    assert halts.highest(*SCOPES) is None


def test_the_highest_level_decides_and_lifting_it_shows_the_next(world: VirtualWorld) -> None:
    _, halts = opened(world)
    halts.raise_level(SCOPES[0], Level.PAUSE, "A", "pause")
    higher = halts.raise_level(SCOPES[1], Level.HALT, "B", "halt")
    first = halts.highest(*SCOPES)
    halts.lift(higher.id, by="me", note="fixed")
    second = halts.highest(*SCOPES)

    assert first is not None
    assert second is not None
    assert (first.code, second.code) == ("B", "A")


def test_a_raise_survives_the_crash_that_follows_it(world: VirtualWorld) -> None:
    ledger, halts = opened(world)
    halts.raise_level(SCOPES[0], Level.HALT, "A", "why", actor="me")
    ledger._connection.close()
    _, again = opened(world)

    assert [(halt.scope, halt.level, halt.code, halt.actor) for halt in again.in_force()] == [
        (SCOPES[0], Level.HALT, "A", "me")
    ]


def test_the_same_cause_is_raised_once(world: VirtualWorld) -> None:
    _, halts = opened(world)
    first = halts.raise_level(SCOPES[0], Level.HALT, "A", "why")

    assert halts.raise_level(SCOPES[0], Level.HALT, "A", "why again") == first


@pytest.mark.parametrize(
    "scopes", [("account:main",) * 3, ("account:main", "symbol:main/BTCUSDT", "account:main"), (ALL, ALL, ALL)], ids=str
)
@pytest.mark.parametrize("asked", [Level.PANIC, Level.FREEZE])
def test_of_panic_and_freeze_the_one_asked_last_holds_over_restarts(
    world: VirtualWorld, asked: Level, scopes: tuple[str, str, str]
) -> None:
    ledger, halts = opened(world)
    counter = Level.FREEZE if asked is Level.PANIC else Level.PANIC
    first = halts.raise_level(scopes[0], asked, "A", "why")
    halts.raise_level(scopes[1], counter, "B", "no")
    again = halts.raise_level(scopes[2], asked, "A", "yes")

    assert (halts.frozen(*SCOPES) is not None) is (asked is Level.FREEZE)
    assert first not in halts.in_force()
    assert halts.raise_level(scopes[2], asked, "A", "yes, yes") == again
    ledger._connection.close()
    _, halts = opened(world)
    assert (halts.frozen(*SCOPES) is not None) is (asked is Level.FREEZE)


def test_rules_lift_their_own_pauses_and_nothing_higher(world: VirtualWorld) -> None:
    _, halts = opened(world)
    halts.raise_level(SCOPES[0], Level.PAUSE, "BLIND", "x")
    halts.raise_level(SCOPES[0], Level.HALT, "BLIND", "x")
    halts.lift_pauses(SCOPES[0], "BLIND", "read again")

    assert [halt.level for halt in halts.in_force()] == [Level.HALT]


def test_lifting_what_is_not_there_is_our_bug(world: VirtualWorld) -> None:
    _, halts = opened(world)
    with pytest.raises(Broken):
        halts.lift(99, by="me", note="")


def test_of_panic_and_freeze_the_later_one_decides_whatever_its_number_and_scope(world: VirtualWorld) -> None:
    _, halts = opened(world)
    halts.raise_level(account_scope("main"), Level.FREEZE, "OPERATOR", "mine")
    halts.raise_level(instance_scope("uid"), Level.PANIC, "PANIC", "out")
    halts.raise_level(ALL, Level.HALT, "TEST", "lower ones change nothing")
    levels = [found.level for scopes in (SCOPES, SCOPES[1:]) if (found := halts.highest(*scopes)) is not None]
    assert levels == [Level.PANIC, Level.FREEZE]
    halts.raise_level(ALL, Level.FREEZE, "OPERATOR", "all mine")
    found = halts.highest(*SCOPES)
    assert found is not None
    assert (found.level, found.scope) == (Level.FREEZE, ALL)


@pytest.mark.parametrize("content", [b"", b"{}", b"\x00\xff"])
def test_a_kill_file_with_any_content_halts_everything_until_a_person_lifts_it(world: VirtualWorld, content: bytes) -> None:
    _, halts = opened(world)
    world.disk.write_replace(PurePath(STATE / "HALT"), content, keep_previous=False)
    halts.check_files()
    halts.check_files()
    world.disk.remove(STATE / "HALT")
    halts.check_files()
    assert len(halts.in_force()) == 1
    found = halts.highest(*SCOPES)
    assert found is not None
    assert (found.scope, found.level, found.actor) == (ALL, Level.HALT, "file")
    halts.lift(found.id, by="me", note="")
    assert halts.highest(*SCOPES) is None


def test_halting_all_leaves_a_kill_file_so_that_a_lost_ledger_lifts_nothing(world: VirtualWorld) -> None:
    _, halts = opened(world)
    halts.raise_level(ALL, Level.HALT, "TEST", "why")
    world.disk.remove(STATE / "ledger.sqlite")
    fresh = virtual_world()
    fresh.disk.mkdir(STATE)
    fresh.disk.write_replace(STATE / "HALT", world.disk.read_bytes(STATE / "HALT"))
    _, again = opened(fresh)

    assert again.highest(*SCOPES) is not None


def test_a_kill_file_of_a_person_is_never_overwritten(world: VirtualWorld) -> None:
    _, halts = opened(world)
    world.disk.write_replace(STATE / "HALT", b"\x00 not JSON", keep_previous=False)
    halts.raise_level(ALL, Level.PANIC, "PANIC", "why")
    assert world.disk.read_bytes(STATE / "HALT") == b"\x00 not JSON"


@pytest.mark.parametrize(("rooms", "content"), [([True], b'"reason":"why"'), ([False], b""), ([True, False], b"")])
def test_a_full_disk_keeps_no_halt_of_everything_from_its_file(world: VirtualWorld, rooms: list[bool], content: bytes) -> None:
    """The ballast makes room once; an empty file needs none. The last case: the room was taken by somebody else at once."""
    disk, taken = FullDisk(world.disk), []

    def make_room() -> bool:
        taken.append(disk.full)
        disk.full = len(rooms) > 1 or not rooms[0]
        return rooms[0]

    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
    halts = Halts(ledger, cast("Disk", disk), world.clock, MemoryJournal(), STATE, None, make_room)
    halts.raise_level(ALL, Level.PANIC, "PANIC", "why")
    assert taken == [True]
    assert halts.kill_files_there == [STATE / "HALT"]
    found = world.disk.read_bytes(STATE / "HALT")
    assert content in found
    assert bool(content) == bool(found)


class FullDisk:
    """A disk on which only what is empty finds room."""

    def __init__(self, inner: Disk) -> None:
        self.full = True
        self._inner = inner

    def write_replace(self, path: PurePath, data: bytes, *, keep_previous: bool = True) -> None:
        if data and self.full:
            raise OSError(errno.ENOSPC, "no space left")
        self._inner.write_replace(path, data, keep_previous=keep_previous)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


def test_a_second_kill_file_halts_everything_while_it_is_there_or_its_directory_is_away(world: VirtualWorld) -> None:
    extra = PurePath("/mnt/ops/HALT")
    world.disk.mkdir(extra.parent)
    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
    halts = Halts(ledger, world.disk, world.clock, MemoryJournal(), STATE, extra)
    quiet = halts.in_force()
    world.disk.write_replace(extra, b"", keep_previous=False)
    halts.check_files()
    found = halts.in_force(ALL)
    world.disk.remove(extra)
    gone = halts.kill_files_there
    world.disk.remove_tree(extra.parent)

    assert not quiet
    assert [(halt.level, halt.code) for halt in found] == [(Level.HALT, "KILL_FILE")]
    assert str(extra) in found[0].text
    assert not gone
    assert halts.kill_files_there == [extra]
    assert not world.disk.exists(halts.kill_file)
