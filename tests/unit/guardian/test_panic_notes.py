"""A panic through the guardian refuses risk where it was asked for, and nowhere else: the other instances trade on."""

import errno
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import PurePath
from types import SimpleNamespace
from typing import Any, cast

import pytest

from playd.cli.guardian import Voice, _make_ready_for_panics
from playd.control.guardian_methods import GuardianMethods
from playd.control.protocol import Request, RpcError
from playd.orders.guardian.judge import Seen
from playd.orders.guardian.plan import Plan, PlannedInstance, PlannedShare
from playd.orders.halts import Halts, Level
from playd.orders.ledger import Ledger
from playd.orders.panic_notes import FOLDER, leave_note
from playd.orders.panic_report import PanicReport, PanicScope
from playd.orders.share_claims import DAEMON, GUARDIAN, ShareClaims
from playd.orders.share_claims import FOLDER as CLOSING
from playd.world.virtual import VirtualWorld, virtual_world
from tests.simulation.order_world import STATE, MemoryJournal
from tests.unit.guardian.test_judge import account, held, planned

pytestmark = pytest.mark.anyio

NOTED = STATE / FOLDER / "instance%3Aabcdefgh.panic"


class FullDisk:
    """A disk on which only what is empty finds room, or not even that; never a new folder."""

    def __init__(self, inner: Any, refuses: Callable[[PurePath, bytes], bool]) -> None:
        self._inner = inner
        self._refuses = refuses

    def write_replace(self, path: PurePath, data: bytes, *, keep_previous: bool = True) -> None:
        if self._refuses(path, data):
            raise OSError(errno.ENOSPC, "no space left")
        self._inner.write_replace(path, data, keep_previous=keep_previous)

    def mkdir(self, path: PurePath) -> None:
        if not self._inner.exists(path):
            raise OSError(errno.ENOSPC, "no space left")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.fixture
def world() -> VirtualWorld:
    made = virtual_world()
    made.disk.mkdir(STATE)
    return made


def halts_of(world: VirtualWorld) -> Halts:
    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
    return Halts(ledger, world.disk, world.clock, MemoryJournal(), STATE)


async def panic(world: VirtualWorld, scope: str, instances: tuple[PlannedInstance, ...] = (), **params: str) -> str:
    """Ask a guardian that watches nothing (yet) for a panic; what it answers."""
    shares = (PlannedShare("abcdefgh", "mine", planned().qty),)
    plan = Plan(accounts=(replace(account(), positions=(replace(planned(), shares=shares),)),), instances=instances)
    guardian = cast("Any", SimpleNamespace(plan=plan, kept={}, read=None))
    voice = cast("Any", SimpleNamespace(head=(0, ""), record=lambda *_: None, say=print))
    session = cast("Any", SimpleNamespace(peer=SimpleNamespace(actor="uid:1(a)"), push=None))
    with pytest.raises(RpcError) as refused:
        await GuardianMethods(cast("Any", world), "0", guardian, STATE, voice).call(
            Request(1, "panic", {"scope": scope, "reason": "out", **params}), session
        )
    return str(refused.value)


async def test_of_one_instance_it_halts_that_instance_alone_and_once(world: VirtualWorld) -> None:
    halts = halts_of(world)
    await panic(world, "mine")
    assert not world.disk.exists(STATE / "HALT")
    halts.check_files()
    (halt,) = halts.in_force()
    assert (halt.scope, halt.level, halt.code) == ("instance:abcdefgh", Level.PANIC, "GUARDIAN_PANIC")
    assert (halt.text, halt.actor) == ("out", "uid:1(a)")
    halts.lift(halt.id, by="uid:1(a)", note="looked")
    halts.check_files()
    assert halts.in_force() == []


FLAT = PlannedInstance("flat2345", "flat", "main", "BTCUSDT")


async def test_of_an_instance_that_is_flat_by_the_plan_it_leaves_word_too(world: VirtualWorld) -> None:
    """A daemon that stands still and wakes up would have it enter."""
    await panic(world, "flat", instances=(FLAT,))
    assert [(halt.scope, halt.level) for halt in halts_of(world).in_force()] == [("instance:flat2345", Level.PANIC)]


async def test_of_an_instance_of_a_wallet_that_nobody_else_can_open_it_leaves_word_too(world: VirtualWorld) -> None:
    said = await panic(world, "flat", instances=(replace(FLAT, account="paper"),))
    assert "could not be read" in said
    assert [halt.scope for halt in halts_of(world).in_force()] == ["instance:flat2345"]


async def test_a_name_that_no_instance_has_is_told_with_the_nearest(world: VirtualWorld) -> None:
    assert "did you mean 'flat'" in await panic(world, "flats", instances=(FLAT,))
    assert halts_of(world).in_force() == []


@pytest.mark.parametrize(("qty", "flat"), [("0", True), ("2", True), ("2.5", False)])
async def test_of_an_instance_without_a_share_in_the_plan_flat_is_what_the_plan_tells_of_its_symbol(
    world: VirtualWorld, qty: str, flat: bool
) -> None:
    """What it entered behind the newest plan is in no share."""
    seen = Seen((held(qty=qty) if Decimal(qty) else held(None, qty="0"),), ())

    async def closed(scope: PanicScope, _step: object) -> PanicReport:
        return PanicReport(scope, (), 0, 1.0, ())

    async def read() -> Seen:
        return seen

    kept = SimpleNamespace(watch=SimpleNamespace(seen=seen, panic=closed), hands=SimpleNamespace(read=read), unfinished={})
    plan = Plan(accounts=(account(replace(planned(), qty=Decimal(2))),), instances=(FLAT,))
    guardian: Any = SimpleNamespace(plan=plan, kept={"main": kept}, read=None)
    voice: Any = SimpleNamespace(head=(0, ""), record=lambda *_: None, say=print)
    session: Any = SimpleNamespace(peer=SimpleNamespace(actor="uid:1(a)"), push=None)
    asked = GuardianMethods(cast("Any", world), "0", guardian, STATE, voice).call(
        Request(1, "panic", {"scope": "flat"}), session
    )
    if flat:
        assert (await asked)["data"]["flat"]
    else:
        with pytest.raises(RpcError, match=r"long 2\.5 BTCUSDT.* of which the plan tells 2: some of it may be its"):
            await asked


async def test_asked_twice_it_is_raised_anew(world: VirtualWorld) -> None:
    """What was done for the first one may be over, and its position opened again."""
    halts = halts_of(world)
    asked = list[int]()
    for _ in range(2):
        await panic(world, "mine")
        halts.check_files()
        (halt,) = halts.in_force()
        asked.append(halt.id)
    assert asked[0] < asked[1]


async def test_a_note_that_the_disk_does_not_let_go_of_is_no_new_panic_every_second(world: VirtualWorld) -> None:
    halts = halts_of(world)
    asked = list[int]()
    world.disk.fail("remove", str(NOTED))
    for _ in range(2):
        await panic(world, "mine")
        for _ in range(3):
            halts.check_files()
            asked += [halt.id for halt in halts.in_force() if halt.level is Level.PANIC]
        world.clock.advance(1.0)
    assert asked[0] == asked[1] == asked[2] < asked[3] == asked[4] == asked[5]


async def test_a_start_finds_it_before_anything_is_decided(world: VirtualWorld) -> None:
    await panic(world, "symbol:main/BTCUSDT", confirm="PANIC symbol:main/BTCUSDT")
    assert [(halt.scope, halt.level) for halt in halts_of(world).in_force()] == [("symbol:main/BTCUSDT", Level.PANIC)]


async def test_of_everything_it_leaves_the_kill_file(world: VirtualWorld) -> None:
    await panic(world, "all", confirm="PANIC all")
    assert world.disk.exists(STATE / "HALT")


async def test_a_full_disk_has_room_for_an_empty_note_in_a_folder_that_is_there(world: VirtualWorld) -> None:
    _make_ready_for_panics(world, STATE, ShareClaims(world.disk, STATE, GUARDIAN, DAEMON), Voice(world))
    assert world.disk.exists(STATE / CLOSING)
    disk = FullDisk(world.disk, lambda _, data: bool(data))
    assert leave_note(cast("Any", disk), STATE, "instance:abcdefgh", reason="out", actor="me", time_ms=1)
    assert world.disk.read_bytes(NOTED) == b""
    assert [(halt.scope, halt.actor) for halt in halts_of(world).in_force()] == [("instance:abcdefgh", "guardian")]


@pytest.mark.parametrize("also_the_kill_file", [False, True])
async def test_where_no_note_can_be_left_everything_is_halted_or_that_is_said(
    world: VirtualWorld, also_the_kill_file: bool
) -> None:
    full = FullDisk(world.disk, lambda path, _: also_the_kill_file or path.name != "HALT")
    said = await panic(replace(world, disk=cast("Any", full)), "mine")
    assert world.disk.exists(STATE / "HALT") is not also_the_kill_file
    assert ("a daemon that wakes up may trade again" in said) is also_the_kill_file


async def test_notes_that_nobody_can_read_halt_everything(world: VirtualWorld) -> None:
    world.disk.mkdir(STATE / "guardian")
    world.disk.write_replace(STATE / FOLDER, b"a file where a folder should be", keep_previous=False)
    assert [(halt.scope, halt.level) for halt in halts_of(world).in_force()] == [("all", Level.HALT)]


async def test_who_is_asked_for_the_phrase_sees_every_position_with_its_size_and_worth(world: VirtualWorld) -> None:
    seen = SimpleNamespace(positions=[held(qty="2", mark="105"), held(None, qty="0")])
    guardian = SimpleNamespace(
        plan=Plan(accounts=(account(),)), kept={"main": SimpleNamespace(watch=SimpleNamespace(seen=seen))}, read=None
    )
    methods = GuardianMethods(cast("Any", world), "0", cast("Any", guardian), STATE, cast("Any", None))
    session = SimpleNamespace(peer=SimpleNamespace(actor="uid:1(a)"))
    with pytest.raises(RpcError) as asked:
        await methods.call(Request(1, "panic", {"scope": "account:main"}), cast("Any", session))
    assert asked.value.details["preview"][1:] == ["main: long 2 BTCUSDT, worth 210.00 USDT at 105"]
