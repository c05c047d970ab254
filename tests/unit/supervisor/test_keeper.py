"""Instance state survives a damaged generation, and is never taken for empty."""

from pathlib import PurePath

import pytest

from playd.core.errors import Broken, RecordError, StateError
from playd.core.limits import STATE_BYTES
from playd.supervisor.keeper import Keeper, seal, unseal
from playd.world.virtual import VirtualWorld, virtual_world

DIR = PurePath("/state/instances")


def kept(world: VirtualWorld) -> Keeper:
    keeper = Keeper(world.disk, DIR, "alpha")
    keeper.save({"n": 1}, 1000)
    keeper.save({"n": 2}, 2000)
    return keeper


def cut_in_half(world: VirtualWorld, path: PurePath) -> None:
    data = world.disk.read_bytes(path)
    world.disk.write_replace(path, data[: len(data) // 2], keep_previous=False)


def test_what_was_saved_is_read_back() -> None:
    loaded = kept(virtual_world()).load()
    assert loaded is not None
    assert (loaded.payload, loaded.written_ms, loaded.damage) == ({"n": 2}, 2000, "")


def test_nothing_was_ever_saved_is_none() -> None:
    assert Keeper(virtual_world().disk, DIR, "alpha").load() is None


def test_a_state_cut_in_half_falls_back_to_the_one_before_and_says_so() -> None:
    world = virtual_world()
    keeper = kept(world)
    cut_in_half(world, keeper.path)
    loaded = keeper.load()
    assert loaded is not None
    assert loaded.payload == {"n": 1}
    assert "state.json" in loaded.damage


def test_a_damaged_generation_never_displaces_the_good_one() -> None:
    world = virtual_world()
    cut_in_half(world, kept(world).path)
    keeper = Keeper(world.disk, DIR, "alpha")
    keeper.load()
    keeper.save({"n": 3}, 3000)
    assert unseal(world.disk.read_bytes(keeper.path), "").payload == {"n": 3}
    assert unseal(world.disk.read_bytes(keeper.previous_path), "").payload == {"n": 1}
    keeper.save({"n": 4}, 4000)
    assert unseal(world.disk.read_bytes(keeper.previous_path), "").payload == {"n": 3}


def test_a_state_of_a_newer_program_is_not_replaced_by_the_generation_before() -> None:
    world = virtual_world()
    keeper = kept(world)
    newer = world.disk.read_bytes(keeper.path).replace(b"instance-state/1", b"instance-state/2")
    world.disk.write_replace(keeper.path, newer, keep_previous=False)
    with pytest.raises(StateError, match="instance-state/2"):
        keeper.load()


def test_both_generations_damaged_is_refused_and_never_empty() -> None:
    world = virtual_world()
    keeper = kept(world)
    cut_in_half(world, keeper.path)
    cut_in_half(world, keeper.previous_path)
    with pytest.raises(StateError, match=r"state\.json.*state\.json\.prev"):
        keeper.load()


def test_a_missing_newest_generation_falls_back() -> None:
    world = virtual_world()
    keeper = kept(world)
    world.disk.remove(keeper.path)
    loaded = keeper.load()
    assert loaded is not None
    assert loaded.payload == {"n": 1}


def test_one_damaged_generation_without_another_is_refused() -> None:
    world = virtual_world()
    keeper = Keeper(world.disk, DIR, "alpha")
    keeper.save({"n": 1}, 1000)
    cut_in_half(world, keeper.path)
    with pytest.raises(StateError):
        keeper.load()


def test_a_changed_payload_does_not_pass_its_digest() -> None:
    data = seal({"qty": "0.1"}, 0)
    with pytest.raises(StateError, match="digest"):
        unseal(data.replace(b"0.1", b"9.1"), "here")


def test_a_newer_schema_stops_with_80() -> None:
    data = seal({}, 0).replace(b"instance-state/1", b"instance-state/2")
    with pytest.raises(StateError) as caught:
        unseal(data, "here")
    assert caught.value.exit_code == 80


def test_a_disk_that_refuses_is_a_record_error_and_keeps_the_old_state() -> None:
    world = virtual_world()
    keeper = kept(world)
    world.disk.fail("replace")
    with pytest.raises(RecordError):
        keeper.save({"n": 3}, 3000)
    loaded = keeper.load()
    assert loaded is not None
    assert loaded.payload == {"n": 2}


def test_an_endless_state_is_our_bug() -> None:
    with pytest.raises(Broken):
        seal({"x": "y" * STATE_BYTES}, 0)
