"""Instance state survives a damaged generation, and is never taken for empty."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePath

import pytest

from playd.core.errors import Broken, RecordError, StateError
from playd.core.limits import STATE_BYTES
from playd.core.modes import Mode
from playd.orders.fills import Fills
from playd.orders.ledger import Ledger
from playd.orders.verdicts import Verdicts
from playd.supervisor.keeper import Keeper, seal, unseal
from playd.supervisor.life import decided_again, kept_of, lost_of
from playd.supervisor.records import RecordStore
from playd.world.real import real_world
from playd.world.virtual import VirtualWorld, virtual_world
from tests.unit.supervisor.test_admission import RECORD

DIR = PurePath("/state/instances")
NOW_MS = 1_700_000_000_123
ASIDE = PurePath("/state/quarantine/2023-11-14T22-13-20.123/instances/alpha")


def kept(world: VirtualWorld) -> Keeper:
    keeper = Keeper(world.disk, DIR, "alpha")
    keeper.save({"n": 1}, 1000)
    keeper.save({"n": 2}, 2000)
    return keeper


def cut_in_half(world: VirtualWorld, path: PurePath) -> None:
    data = world.disk.read_bytes(path)
    world.disk.write_replace(path, data[: len(data) // 2], keep_previous=False)


def test_what_was_saved_is_read_back() -> None:
    loaded = kept(virtual_world()).load(NOW_MS)
    assert loaded is not None
    assert (loaded.payload, loaded.written_ms, loaded.damage) == ({"n": 2}, 2000, "")


def test_nothing_was_ever_saved_is_none() -> None:
    assert Keeper(virtual_world().disk, DIR, "alpha").load(NOW_MS) is None


def test_a_state_cut_in_half_falls_back_to_the_one_before_and_says_so() -> None:
    world = virtual_world()
    keeper = kept(world)
    cut_in_half(world, keeper.path)
    loaded = keeper.load(NOW_MS)
    assert loaded is not None
    assert loaded.payload == {"n": 1}
    assert "state.json" in loaded.damage


def test_a_damaged_generation_never_displaces_the_good_one() -> None:
    world = virtual_world()
    cut_in_half(world, kept(world).path)
    keeper = Keeper(world.disk, DIR, "alpha")
    keeper.load(NOW_MS)
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
        keeper.load(NOW_MS)


def test_both_generations_damaged_is_refused_and_never_empty() -> None:
    world = virtual_world()
    keeper = kept(world)
    cut_in_half(world, keeper.path)
    cut_in_half(world, keeper.previous_path)
    with pytest.raises(StateError, match=r"state\.json.*state\.json\.prev"):
        keeper.load(NOW_MS)


def test_a_missing_newest_generation_falls_back() -> None:
    world = virtual_world()
    keeper = kept(world)
    world.disk.remove(keeper.path)
    loaded = keeper.load(NOW_MS)
    assert loaded is not None
    assert loaded.payload == {"n": 1}


def test_one_damaged_generation_without_another_is_refused() -> None:
    world = virtual_world()
    keeper = Keeper(world.disk, DIR, "alpha")
    keeper.save({"n": 1}, 1000)
    cut_in_half(world, keeper.path)
    with pytest.raises(StateError):
        keeper.load(NOW_MS)


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
    loaded = keeper.load(NOW_MS)
    assert loaded is not None
    assert loaded.payload == {"n": 2}


def test_an_endless_state_is_our_bug() -> None:
    with pytest.raises(Broken):
        seal({"x": "y" * STATE_BYTES}, 0)


DAMAGES = {
    "cut in half": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "garbage": lambda data: b"\x00\xff" * 50,
    "wrong checksum": lambda data: data.replace(b'"n":2', b'"n":7'),
    "another kind": lambda data: b'{"n":2}',
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_generation_is_set_aside_as_found_before_anything_takes_its_place(damage: Callable[[bytes], bytes]) -> None:
    world = virtual_world()
    keeper = kept(world)
    found = damage(world.disk.read_bytes(keeper.path))
    world.disk.write_replace(keeper.path, found, keep_previous=False)
    for _ in range(2):
        loaded = Keeper(world.disk, DIR, "alpha").load(NOW_MS)
        assert loaded is not None
        assert str(ASIDE / "state.json") in loaded.damage
    assert world.disk.list(ASIDE.parents[1]) == [ASIDE.parents[0].name]
    keeper.load(NOW_MS)
    keeper.save({"n": 3}, 3000)
    assert world.disk.read_bytes(ASIDE / "state.json") == found


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_generation_before_a_whole_one_is_set_aside_before_the_next_takes_its_place(
    damage: Callable[[bytes], bytes],
) -> None:
    world = virtual_world()
    keeper = kept(world)
    found = damage(world.disk.read_bytes(keeper.previous_path)).replace(b'"n":1', b'"n":7')
    world.disk.write_replace(keeper.previous_path, found, keep_previous=False)
    loaded = Keeper(world.disk, DIR, "alpha").load(NOW_MS)
    assert loaded is not None
    assert (loaded.payload, "the newest is whole" in loaded.damage) == ({"n": 2}, True)
    assert world.disk.read_bytes(ASIDE / "state.json.prev") == found


@pytest.mark.parametrize(("name", "left"), [("state.json", 1), ("state.json.prev", 2)])
def test_what_nobody_can_copy_is_moved_where_the_other_generation_is_whole(name: str, left: int, tmp_path: Path) -> None:
    keeper = Keeper(real_world().disk, PurePath(tmp_path / "instances"), "alpha")
    for n in (1, 2):
        keeper.save({"n": n}, 1000 * n)
    there = tmp_path / "instances" / "alpha" / name
    there.unlink()
    there.mkdir()
    loaded = keeper.load(NOW_MS)
    assert loaded is not None
    assert (loaded.payload, "Is a directory; moved to" in loaded.damage) == ({"n": left}, True)
    (moved,) = (tmp_path / "quarantine").glob(f"*/instances/alpha/{name}")
    assert moved.is_dir()
    assert keeper.save({"n": 3}, 3000)


def test_a_damaged_generation_before_that_nobody_can_set_aside_stays_where_it_is() -> None:
    world = virtual_world()
    cut_in_half(world, kept(world).previous_path)
    keeper = Keeper(world.disk, DIR, "alpha")
    damaged = world.disk.read_bytes(keeper.previous_path)
    world.disk.fail("replace", "*/quarantine/*")
    world.disk.fail("rename", "*")
    loaded = keeper.load(NOW_MS)
    assert loaded is not None
    assert "cannot be set aside" in loaded.damage
    for number in (3, 4):
        assert keeper.save({"n": number}, 3000)
    assert world.disk.read_bytes(keeper.previous_path) == damaged
    assert unseal(world.disk.read_bytes(keeper.path), "").payload == {"n": 4}


def test_a_look_at_a_state_gives_what_a_life_would_load_and_moves_nothing() -> None:
    world = virtual_world()
    keeper = kept(world)
    cut_in_half(world, keeper.path)
    found = keeper.peek()
    assert found is not None
    assert found.payload == {"n": 1}
    cut_in_half(world, keeper.previous_path)
    assert keeper.peek() is None
    assert not world.disk.exists(DIR.parent / "quarantine")


def test_two_damaged_generations_stay_and_are_set_aside_both() -> None:
    world = virtual_world()
    keeper = kept(world)
    for path in (keeper.path, keeper.previous_path):
        cut_in_half(world, path)
    before = [world.disk.read_bytes(path) for path in (keeper.path, keeper.previous_path)]
    with pytest.raises(StateError, match="set aside as"):
        keeper.load(NOW_MS)
    assert [world.disk.read_bytes(path) for path in (keeper.path, keeper.previous_path)] == before
    assert [world.disk.read_bytes(ASIDE / name) for name in ("state.json", "state.json.prev")] == before


def test_the_state_of_another_instance_or_play_is_set_aside_and_refused() -> None:
    world = virtual_world()
    keeper = Keeper(world.disk, DIR, "alpha")
    for payload, says in (
        ({"uid": "zzzzzzzz", "play_digest": RECORD.play_digest}, "belongs to instance zzzzzzzz"),
        ({"uid": RECORD.uid, "play_digest": "e" * 64}, "was written by another Play"),
    ):
        keeper.save(payload, 1000)
        with pytest.raises(StateError, match=f"{says}.*set aside as"):
            kept_of(keeper, RECORD, NOW_MS)
    keeper.save({"uid": RECORD.uid, "play_digest": RECORD.play_digest}, 2000)
    assert kept_of(keeper, RECORD, NOW_MS) is not None


@pytest.mark.parametrize("mode", [Mode.PAPER, Mode.SHADOW])
@pytest.mark.parametrize("known", ["bars", "outbox"])
def test_a_state_that_is_gone_is_told_where_the_ledger_knows_the_instance_and_no_book_begins_anew(
    mode: Mode, known: str
) -> None:
    world, record = virtual_world(), replace(RECORD, mode=mode)
    keeper = Keeper(world.disk, DIR, record.name)
    world.disk.mkdir(DIR.parent)
    ledger = Ledger.open(world.disk, world.clock, DIR.parent / "ledger.sqlite")
    records = RecordStore(ledger)
    assert lost_of(keeper, record, records) == "", "a new one has none yet"
    if known == "bars":
        Verdicts(ledger, world.clock).record(record.uid, 60_000, 120_000, "HOLD", "")
    else:
        Fills(ledger, world.clock, record.account).post(
            "ended", record.uid, link="pde", exec_id="", action="enter", reason="x", order_done=True
        )
    if mode is Mode.SHADOW:
        with pytest.raises(
            StateError, match=r"state\.json: found neither it nor state\.json\.prev.*its book stood nowhere else"
        ):
            lost_of(keeper, record, records)
    else:
        assert "the ledger knows what" in lost_of(keeper, record, records)
    records.expect_no_state(record.uid)
    assert lost_of(keeper, record, records) == "", "a person had it set aside"
    records.expect_a_state(record.uid)
    assert not records.expects_no_state(record.uid)
    ledger.close()


def _intend(ledger: Ledger, cause: str, action: str, bar_close_ms: int) -> None:
    names = "instance account cause bar_close_ms action leg class symbol side qty price_ref reason play_digest inputs_digest"
    names = f"id {names} parameters_digest gates created_ms expires_ms"
    values: tuple[str | int, ...] = (
        *(f"{RECORD.uid}/{cause}/{action}/0", RECORD.uid, RECORD.account, cause, bar_close_ms, action, 0),
        *([""] * 10),
        *(1, 1),
    )
    ledger.write(f"INSERT INTO intents ({', '.join(names.split())}) VALUES ({', '.join('?' * len(values))})", values)


def test_the_first_entry_is_found_without_reading_the_others() -> None:
    world, first_ms = virtual_world(), 1_700_000_000_000
    world.disk.mkdir(DIR.parent)
    ledger = Ledger.open(world.disk, world.clock, DIR.parent / "ledger.sqlite")
    _intend(ledger, "adopt:first", "enter", 0)
    _intend(ledger, str(first_ms - 60_000), "cancel", first_ms - 60_000)
    for number in range(1000):
        _intend(ledger, str(first_ms + number * 60_000), "enter", first_ms + number * 60_000)
    asked: list[int] = []
    ledger._connection.set_progress_handler(lambda: asked.append(1), 100)
    assert RecordStore(ledger).first_entry_ms(RECORD.uid) == first_ms
    assert len(asked) < 3, "steps of SQLite by the hundred"
    ledger.close()


@pytest.mark.parametrize("mode", [Mode.PAPER, Mode.SHADOW])
def test_where_the_ledger_has_no_verdict_nothing_is_said_to_be_decided_again(mode: Mode) -> None:
    world = virtual_world()
    world.disk.mkdir(DIR.parent)
    ledger = Ledger.open(world.disk, world.clock, DIR.parent / "ledger.sqlite")
    _intend(ledger, "120000", "enter", 120_000)
    said = decided_again(replace(RECORD, mode=mode), RecordStore(ledger))
    assert said.startswith("nothing is decided again")
    assert ("book" in said) is (mode is Mode.SHADOW)
    ledger.close()


@pytest.mark.parametrize("mode", [Mode.PAPER, Mode.SHADOW])
@pytest.mark.parametrize("entered_ms", [120_000, 60_000])
def test_what_is_decided_again_is_said_as_far_as_the_ledger_goes_back_and_what_no_ledger_knows_too(
    mode: Mode, entered_ms: int
) -> None:
    world, record = virtual_world(), replace(RECORD, mode=mode)
    world.disk.mkdir(DIR.parent)
    ledger = Ledger.open(world.disk, world.clock, DIR.parent / "ledger.sqlite")
    Verdicts(ledger, world.clock).record(record.uid, 60_000, 120_000, "HOLD", "")
    _intend(ledger, str(entered_ms), "enter", entered_ms)
    said = decided_again(record, RecordStore(ledger))
    assert ("everything since its first bar" in said) is (entered_ms == 120_000)
    assert ("what it decided before, from 1970-01-01 00:01 UTC on, is not" in said) is (entered_ms == 60_000)
    assert ("what a person took back there is not taken back again" in said) is (mode is Mode.SHADOW)
    ledger.close()


def test_a_reset_leaves_copies_of_everything_and_nothing_else() -> None:
    world = virtual_world()
    keeper = kept(world)
    world.disk.write_replace(DIR / "alpha" / "columns.bin", b"columns", keep_previous=False)

    assert keeper.set_all_aside(NOW_MS) == [str(ASIDE / name) for name in ("state.json", "state.json.prev", "columns.bin")]
    assert keeper.load(NOW_MS) is None
    assert world.disk.read_bytes(ASIDE / "columns.bin") == b"columns"
    assert keeper.set_all_aside(NOW_MS) == []


@pytest.mark.parametrize("name", ["state.json.prev", ".state.json.tmp", ".state.json.prev.tmp", "state.json", ""])
def test_what_stands_in_the_place_of_a_file_is_the_business_of_one_instance(name: str, tmp_path: Path) -> None:
    keeper = Keeper(real_world().disk, PurePath(tmp_path), "alpha")
    if name:
        if name != "state.json":
            keeper.save({"n": 1}, 1000)
        (tmp_path / "alpha" / name).mkdir(parents=True)
    else:
        (tmp_path / "alpha").write_text("a file where the folder belongs")
    with pytest.raises(StateError, match="move it away"):
        keeper.save({"n": 2}, 2000)
