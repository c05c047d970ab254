"""Images of columns on disk: the older generation is used, and only by who wrote it."""

from dataclasses import replace
from pathlib import PurePath

import pytest

from playd.core.errors import StateError
from playd.core.limits import KEPT_BASE_BARS
from playd.plays.column_image import ColumnImage
from playd.supervisor.column_keeper import ColumnKeeper, Images, Owner
from playd.supervisor.keeper import Keeper
from playd.world.virtual import VirtualWorld, virtual_world

DIR = PurePath("/state/instances")
OWNER = Owner("uid", "digest", "code")
OLDER = ColumnImage("program", 60_000, None, 600_000, (10,), (5,), b"\x01\n\x02values")
NEWER = replace(OLDER, last_open_ms=900_000, body=b"other")
MINUTE_MS = 60_000


def keeper(world: VirtualWorld, owner: Owner = OWNER) -> ColumnKeeper:
    return ColumnKeeper(world.disk, DIR, "alpha", owner)


def with_both() -> VirtualWorld:
    world = virtual_world()
    keeper(world).save(OLDER, 1)
    keeper(world).save(NEWER, 2)
    return world


def test_the_older_generation_is_read_back() -> None:
    assert keeper(with_both()).load(900_000) == OLDER


def test_there_is_none_before_the_second_is_written() -> None:
    world = virtual_world()
    assert keeper(world).load(900_000) is None
    keeper(world).save(OLDER, 1)
    assert keeper(world).load(900_000) is None


def test_one_that_knows_a_bar_which_the_state_does_not_is_left_alone() -> None:
    assert keeper(with_both()).load(OLDER.last_open_ms) == OLDER
    assert keeper(with_both()).load(OLDER.last_open_ms - 1) is None


@pytest.mark.parametrize("field", ["uid", "play_digest", "code"])
def test_nobody_goes_on_from_the_bits_of_others(field: str) -> None:
    assert keeper(with_both(), replace(OWNER, **{field: "other"})).load(900_000) is None


def test_a_byte_of_damage_anywhere_is_noticed() -> None:
    world = with_both()
    path = keeper(world).previous_path
    whole = world.disk.read_bytes(path)
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 4
        world.disk.write_replace(path, bytes(damaged), keep_previous=False)
        try:
            found = keeper(world).load(900_000)
        except StateError:
            continue
        assert found == OLDER, place  # only the time of writing may be another


def test_what_stands_on_corrected_candles_is_forgotten_and_the_older_stays() -> None:
    world = with_both()
    keeper(world).forget_newest()
    assert keeper(world).load(900_000) == OLDER
    keeper(world).save(NEWER, 3)
    assert keeper(world).load(900_000) == OLDER


def test_a_removed_instance_leaves_no_image() -> None:
    world = with_both()
    Keeper(world.disk, DIR, "alpha").forget()
    assert world.disk.list(DIR / "alpha") == []


def test_images_are_due_once_a_turn_and_not_for_all_instances_at_once() -> None:
    due: dict[str, list[int]] = {}
    for uid in ("one", "two"):
        images = Images(keeper(virtual_world()), uid, MINUTE_MS, 0)
        due[uid] = [bar for bar in range(1, 3 * KEPT_BASE_BARS + 1) if images.due(bar * MINUTE_MS)]
    assert [later - sooner for sooner, later in zip(due["one"], due["one"][1:], strict=False)] == [KEPT_BASE_BARS] * 2
    assert not set(due["one"]) & set(due["two"])
