"""A plan of the guardian that is damaged, or that somebody removed, is told at the daemon's start and costs no good one."""

import pytest

from playd.orders.guardian.plan import Plan
from playd.orders.guardian.plan_file import PlanFile
from playd.orders.halts import Level
from playd.world.virtual import VirtualWorld, virtual_world
from tests.unit.guardian.test_judge import account, planned
from tests.unit.guardian.test_link import STATE, daemon_side

pytestmark = pytest.mark.anyio


def set_aside(world: VirtualWorld) -> dict[str, list[bytes]]:
    """What lies in quarantine of the plan, by the name of its file."""
    folder, found = STATE / "quarantine", dict[str, list[bytes]]()
    for time in world.disk.list(folder):
        for name in world.disk.list(folder / time / "guardian"):
            found.setdefault(name, []).append(world.disk.read_bytes(folder / time / "guardian" / name))
    return found


async def test_a_damaged_plan_is_set_aside_and_never_overwritten() -> None:
    world = virtual_world()
    file = PlanFile(world.disk, STATE)
    file.save(Plan(), 1)
    world.disk.write_replace(file.path, b"half", keep_previous=False)
    async with daemon_side(world) as side, side.link.running():
        assert set_aside(world) == {"plan.json": [b"half"]}
        assert file.load() is not None
        assert side.ledger.row("SELECT 1 FROM incidents WHERE kind = 'GUARDIAN_PLAN'") is not None


async def test_a_damaged_plan_is_set_aside_also_when_the_generation_before_is_good() -> None:
    world = virtual_world()
    file = PlanFile(world.disk, STATE)
    world.disk.mkdir(STATE)
    for written_ms in (1, 2):
        file.save(Plan(accounts=(account(planned()),)), written_ms)
    world.disk.write_replace(file.path, b'{"half', keep_previous=False)
    async with daemon_side(world) as side, side.link.running():
        assert set_aside(world) == {"plan.json": [b'{"half']}
        (incident,) = side.ledger.rows("SELECT kind, text FROM incidents")
        assert incident["kind"] == "GUARDIAN_PLAN"
        assert "the generation before is used" in incident["text"]


async def test_a_damaged_plan_that_stays_where_it_is_does_not_take_the_place_of_the_good_one_before() -> None:
    world = virtual_world()
    file = PlanFile(world.disk, STATE)
    world.disk.mkdir(STATE)
    for written_ms in (1, 2):
        file.save(Plan(), written_ms)
    world.disk.write_replace(file.path, b"half", keep_previous=False)
    assert file.load() is not None
    file.save(Plan(), 3)
    world.disk.remove(file.path)
    before = file.load()
    assert before is not None
    assert before.written_ms == 1


async def test_a_start_that_finds_only_a_damaged_generation_before_goes_on_and_sets_it_aside() -> None:
    """As a death leaves it between setting the newest one aside and writing another."""
    world = virtual_world()
    file = PlanFile(world.disk, STATE)
    world.disk.mkdir(STATE)
    for damaged in ((False, True), (True, True)):
        for written_ms in (1, 2):
            file.save(Plan(), written_ms)
        for path, is_left in zip((file.path, file.previous_path), damaged, strict=True):
            world.disk.write_replace(path, b"half", keep_previous=False)
            if not is_left:
                world.disk.remove(path)
        async with daemon_side(world, f"{damaged}.sqlite") as side, side.link.running():
            (incident,) = side.ledger.rows("SELECT kind FROM incidents")
            assert incident["kind"] == "GUARDIAN_PLAN"
        world.clock.advance(1)
    assert set_aside(world) == {"plan.json": [b"half"], "plan.json.prev": [b"half"] * 2}
    assert file.load() is not None


async def test_a_plan_that_somebody_removed_is_told_where_the_generation_before_shows_that_there_was_one() -> None:
    world = virtual_world()
    file = PlanFile(world.disk, STATE)
    world.disk.mkdir(STATE)
    for written_ms in (1, 2):
        file.save(Plan(accounts=(account(planned()),)), written_ms)
    world.disk.remove(file.path)
    async with daemon_side(world) as side, side.link.running():
        (incident,) = side.ledger.rows("SELECT kind, text FROM incidents")
        assert (incident["kind"], "plan.json: missing; the generation before is used" in incident["text"]) == (
            "GUARDIAN_PLAN",
            True,
        )
        found = file.load()
        assert found is not None
        assert found.plan.accounts[0].positions == (planned(),)


async def test_a_damaged_plan_that_cannot_be_moved_does_not_displace_the_good_generation_before() -> None:
    world = virtual_world()
    file = PlanFile(world.disk, STATE)
    for written_ms in (1, 2):
        file.save(Plan(accounts=(account(planned()),)), written_ms)
    good = world.disk.read_bytes(file.previous_path)
    world.disk.write_replace(file.path, b"half", keep_previous=False)
    world.disk.fail("rename", "*/plan.json")
    async with daemon_side(world) as side, side.link.running():
        assert world.disk.read_bytes(file.previous_path) == good
        side.halts.raise_level("account:main", Level.PAUSE, "OPERATOR", "noon")
        newest = world.disk.read_bytes(file.path)
        side.link.keep_plan()
        assert world.disk.read_bytes(file.previous_path) == newest, "from then on every generation is a good one"


async def test_a_damaged_plan_that_the_disk_does_not_let_be_moved_stops_no_start_and_is_told() -> None:
    world = virtual_world()
    file = PlanFile(world.disk, STATE)
    file.save(Plan(), 1)
    world.disk.write_replace(file.path, b"half", keep_previous=False)
    world.disk.fail("rename", "*/plan.json")
    async with daemon_side(world) as side, side.link.running():
        (incident,) = side.ledger.rows("SELECT kind, text FROM incidents")
        assert (incident["kind"], "cannot be set aside" in incident["text"]) == ("GUARDIAN_PLAN", True)
