"""The journal: one chain over all files, nothing lost that was synced, and every damage found."""

import errno
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import PurePath
from typing import Any

import anyio
import orjson
import pytest

from playd.core.canonical import canonical_json
from playd.core.errors import Broken, RecordError
from playd.core.limits import JOURNAL_QUEUE, JOURNAL_RECORD_BYTES
from playd.ops.chain import Head
from playd.ops.journal import Journal, open_journal
from playd.ops.segments import segment_names, verify
from playd.settings.model import Journal as JournalSettings
from playd.world.virtual import VirtualWorld, virtual_world

pytestmark = pytest.mark.anyio

HERE = PurePath("/journal")
FIRST = HERE / "2024-01-01.jsonl"


@asynccontextmanager
async def opened(world: VirtualWorld, **keys: int) -> AsyncIterator[Journal]:
    with anyio.fail_after(60):
        async with open_journal(world, HERE, JournalSettings(**keys), version="0.1.0") as (journal, _):
            yield journal


def records(world: VirtualWorld, name: str | None = None) -> list[dict[str, Any]]:
    names = [name] if name else segment_names(world.disk, HERE)
    return [orjson.loads(line) for one in names for line in world.disk.read_bytes(HERE / one).splitlines()]


async def test_the_first_record_opens_the_journal_and_the_rest_follows() -> None:
    world = virtual_world()
    async with opened(world) as journal:
        world.clock.advance(1.5)
        number = journal.append(
            "order.sent", {"qty": "0.1"}, mode="paper", account="paper", instance="a", symbol="BTCUSDT", cause=1
        )
        await journal.synced()
        assert journal.head[0] == number == 2
    first, second = records(world)
    assert (first["kind"], first["seq"], first["prev"]) == ("journal.opened", 1, "0" * 64)
    assert second == {
        "v": 1,
        "seq": 2,
        "ts_ms": 1_704_067_201_500,
        "mono_ms": 1500,
        "kind": "order.sent",
        "mode": "paper",
        "account": "paper",
        "instance": "a",
        "symbol": "BTCUSDT",
        "cause": 1,
        "actor": "daemon",
        "data": {"qty": "0.1"},
        "prev": first["hash"],
        "hash": second["hash"],
    }


async def test_synced_means_that_a_power_cut_takes_nothing() -> None:
    world = virtual_world()
    async with opened(world, sync_ms=500) as journal:
        journal.append("daemon.start", {})
        await journal.synced()
        before = world.disk.read_bytes(FIRST)
        world.disk.crash()
        assert world.disk.read_bytes(FIRST) == before
        assert len(records(world)) == 2


async def test_records_reach_the_medium_without_anybody_waiting() -> None:
    world = virtual_world()
    async with opened(world, sync_ms=10) as journal:
        journal.append("daemon.ready", {})
        while journal.waiting:  # noqa: ASYNC110 - the claim is that nobody has to ask
            await anyio.sleep(0.001)
        world.disk.crash()
        assert len(records(world)) == 2


async def test_a_chain_goes_on_after_a_restart() -> None:
    world = virtual_world()
    for _ in range(3):
        async with opened(world) as journal:
            journal.append("daemon.start", {})
    assert [record["seq"] for record in records(world)] == [1, 2, 3, 4]
    report = verify(world.disk, HERE)
    assert (report.records, report.damage) == (4, None)


async def test_a_new_day_begins_a_new_file_that_holds_the_end_of_the_last() -> None:
    world = virtual_world()
    async with opened(world) as journal:
        end = journal.head
        world.clock.advance(86_400)
        journal.append("daemon.ready", {})
    segment, ready = records(world, "2024-01-02.jsonl")
    assert (segment["kind"], ready["kind"]) == ("journal.segment", "daemon.ready")
    assert segment["data"] == {"file": "2024-01-01.jsonl", "last_seq": end[0], "last_hash": end[1]}
    assert verify(world.disk, HERE).damage is None


async def test_a_large_file_is_continued_in_the_next() -> None:
    world = virtual_world()
    async with opened(world, segment_mib=1) as journal:
        for _ in range(90):
            journal.append("bar.verdict", {"text": "x" * 15_000})
            await journal.synced()
    assert segment_names(world.disk, HERE) == ["2024-01-01.jsonl", "2024-01-01.1.jsonl"]
    assert verify(world.disk, HERE).damage is None


async def test_a_clock_that_steps_back_never_writes_into_an_old_file() -> None:
    world = virtual_world()
    world.clock.step_wall(86_400_000)
    async with opened(world) as journal:
        world.clock.step_wall(-86_400_000)
        journal.append("clock.step", {"ms": -86_400_000})
    assert segment_names(world.disk, HERE) == ["2024-01-02.jsonl"]


async def test_what_the_catalogue_or_the_format_does_not_know_is_a_bug() -> None:
    faults: list[tuple[str, dict[str, Any]]] = [
        ("order.teleported", {}),
        ("order.sent", {"price": 1.5}),
        ("order.sent", {"deep": [{"price": 1.5}]}),
    ]
    async with opened(virtual_world()) as journal:
        for kind, data in faults:
            with pytest.raises(Broken):
                journal.append(kind, data)
        assert journal.head[0] == 1


async def test_what_others_say_at_length_is_told_by_its_beginning_and_its_digest() -> None:
    world, text = virtual_world(), "ä" * 30_000
    names: list[Any] = [f"instances.number-{number}.enabled" for number in range(1000)]
    async with opened(world) as journal:
        journal.append("daemon.config", {"taken": names, "text": text, "short": "as it is"})
    record = records(world)[1]["data"]
    assert record["short"] == "as it is"
    assert record["text"] == f"{text[:1000]}… 30000 characters, sha256 {sha256(text.encode()).hexdigest()}"
    assert record["taken"][:50] == names[:50]
    assert record["taken"][50].startswith("… 1000 items, sha256 ")
    assert verify(world.disk, HERE).damage is None


@pytest.mark.parametrize(
    "data",
    [
        {"metadata": {f"label{number}": "x" * 900 for number in range(20)}},
        {"faults": ["x" * 400] * 50},
        {"faults": ["x" * 2000] * 100},
        {"rows": [["x" * 30] * 40] * 40},
        {name: "\U0001f600" * 3000 for name in "abcde"},
        {name: "\x01" * 3000 for name in "abc"},
        {f"accounts.main.setting_{number}": "a -> b" for number in range(600)},
        {'"\\' * 9000: '"'},
        {"\U0001f600" * 9000: ["\x01" * 9000] * 90},
    ],
)
async def test_no_shape_of_what_others_say_makes_a_record_too_long(data: dict[str, Any]) -> None:
    world = virtual_world()
    async with opened(world) as journal:
        journal.append("bar.verdict", data, instance="i" * 20, actor="uid:1(me)")
        await journal.synced()
    line = world.disk.read_bytes(FIRST).splitlines()[1]
    assert len(line) < JOURNAL_RECORD_BYTES
    kept = orjson.loads(line)["data"]
    whole = canonical_json(data)
    assert kept.keys() == data.keys() or kept == {
        "bytes": len(whole),
        "sha256": sha256(whole).hexdigest(),
        "head": whole.decode()[:1000],
    }
    assert verify(world.disk, HERE).damage is None


async def test_many_texts_that_are_long_together_keep_the_beginning_of_each() -> None:
    world = virtual_world()
    labels: dict[str, Any] = {f"label{number}": f"{number} " + "x" * 900 for number in range(20)}
    async with opened(world) as journal:
        journal.append("bar.verdict", {"verdict": "ENTERED", "metadata": labels})
    record = records(world)[1]["data"]
    assert record["verdict"] == "ENTERED"
    assert {name: text[:200] for name, text in record["metadata"].items()} == {
        name: text[:200] for name, text in labels.items()
    }


async def test_a_failed_sync_ends_the_block_and_refuses_from_then_on() -> None:
    async def work() -> None:
        world = virtual_world()
        async with opened(world) as journal:
            world.disk.fail("sync")
            journal.append("daemon.ready", {})
            with anyio.CancelScope(shield=True):
                with pytest.raises(RecordError, match="Input/output"):
                    await journal.synced()
                with pytest.raises(RecordError, match="Input/output"):
                    journal.append("daemon.ready", {})
            await anyio.sleep_forever()

    with pytest.RaisesGroup(RecordError):
        await work()
    assert RecordError("x").exit_code == 74


async def test_a_full_disk_is_waited_out_without_loss_or_repetition() -> None:
    world = virtual_world()
    async with opened(world, sync_ms=10) as journal:
        await journal.synced()
        world.disk.fill(free_bytes=100)
        journal.append("halt.raised", {"text": "x" * 200})
        with pytest.raises(RecordError, match="no space"):
            await journal.synced()
        assert journal.full
        assert journal.waiting == 1
        world.disk.fill(free_bytes=1_000_000)
        journal.flush()
        assert not journal.full
        await journal.synced()
    assert [record["seq"] for record in records(world)] == [1, 2]
    assert verify(world.disk, HERE).damage is None


async def test_a_queue_that_fills_asks_for_no_new_risk_and_a_full_one_refuses() -> None:
    world = virtual_world()
    async with opened(world) as journal:
        await journal.synced()
        assert not journal.trouble
        world.disk.fail("write", code=errno.ENOSPC)
        for number in range(JOURNAL_QUEUE):
            assert bool(journal.trouble) == (number >= JOURNAL_QUEUE // 2)
            journal.append("bar.verdict", {})
        with pytest.raises(RecordError, match="wait for the disk"):
            journal.append("bar.verdict", {})
        world.disk.heal()


async def written(count: int = 5) -> VirtualWorld:
    world = virtual_world()
    async with opened(world) as journal:
        for number in range(count - 1):
            journal.append("bar.verdict", {"number": number}, instance='quote"hash":"')
    return world


async def test_a_cut_at_any_byte_is_repaired_and_recorded() -> None:
    whole = (await written(3)).disk.read_bytes(FIRST)
    ends = [at + 1 for at, byte in enumerate(whole) if byte == 10]
    for cut in range(len(whole)):
        world = virtual_world()
        world.disk.mkdir(HERE)
        world.disk.write_replace(FIRST, whole[:cut], keep_previous=False)
        async with opened(world):
            pass
        kept = sum(end <= cut for end in ends)
        found = records(world)
        torn = cut - ([0, *ends][kept])
        assert verify(world.disk, HERE).damage is None, cut
        assert [record.get("data", {}).get("bytes") for record in found[kept:] if record["kind"] == "journal.trimmed"] == (
            [torn] if torn else []
        )


async def test_every_flipped_bit_is_found() -> None:
    world = await written(3)
    whole = world.disk.read_bytes(FIRST)
    for at in range(len(whole)):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[at] ^= 1 << bit
            world.disk.write_replace(FIRST, bytes(flipped), keep_previous=False)
            assert verify(world.disk, HERE).damage is not None, (at, bit)


@pytest.mark.parametrize("block_bytes", [1, 7, 500, 1 << 20])
@pytest.mark.parametrize("packed", [False, True])
async def test_a_journal_says_the_same_in_whatever_pieces_it_is_read(
    monkeypatch: pytest.MonkeyPatch, block_bytes: int, packed: bool
) -> None:
    world = await written(5)
    whole = world.disk.read_bytes(FIRST)
    head = verify(world.disk, HERE).head
    lines = whole.splitlines(keepends=True)
    monkeypatch.setattr("playd.ops.segments.BLOCK_BYTES", block_bytes)
    file = FIRST.with_name(FIRST.name + ".gz") if packed else FIRST
    world.disk.remove(FIRST)
    for data, records, damage in (
        (whole, 5, None),
        (b"".join([*lines[:2], lines[2].replace(b'"number":1', b'"number":7'), *lines[3:]]), 2, (3, "changed")),
        (b"".join([*lines[:1], *lines[2:]]), 1, (2, "missing")),
        (whole[:-1], 4, (5, "cut short")),
    ):
        world.disk.write_replace(file, gzip.compress(data) if packed else data, keep_previous=False)
        report = verify(world.disk, HERE, anchor=head)
        found = report.damage and (report.damage.line, report.damage.kind)
        assert (report.records, found) == (records, damage)


async def test_a_packed_file_that_ends_too_early_is_damaged() -> None:
    world = await written(5)
    whole = gzip.compress(world.disk.read_bytes(FIRST))
    world.disk.remove(FIRST)
    world.disk.write_replace(FIRST.with_name(FIRST.name + ".gz"), whole[:-9], keep_previous=False)
    damage = verify(world.disk, HERE).damage
    assert damage is not None
    assert (damage.kind, damage.line) == ("cannot be unpacked", 1)


@pytest.mark.parametrize(
    ("change", "kind", "line"),
    [
        (lambda lines: [lines[0], *lines[2:]], "missing", 2),
        (lambda lines: [*lines[:3], lines[2], *lines[3:]], "repeated", 4),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "missing", 2),
        (lambda lines: [lines[0], b"{}", *lines[2:]], "not a record", 2),
        (lambda lines: [lines[0], lines[1].replace(b'"number":0', b'"number":7'), *lines[2:]], "changed", 2),
        (lambda lines: [*lines[:4], lines[4][:-10]], "changed", 5),
    ],
)
async def test_dropped_repeated_swapped_and_changed_records_are_found(change: Any, kind: str, line: int) -> None:
    world = await written()
    lines = change(world.disk.read_bytes(FIRST).splitlines())
    world.disk.write_replace(FIRST, b"\n".join(lines) + b"\n", keep_previous=False)
    damage = verify(world.disk, HERE).damage
    assert damage is not None
    assert (damage.kind, damage.line, damage.file) == (kind, line, "2024-01-01.jsonl")


@pytest.mark.parametrize("first", [("prev", "seq"), ("seq",), ("v", "seq")])
async def test_a_record_with_the_right_hash_and_its_keys_in_another_order_is_none_of_ours(first: tuple[str, ...]) -> None:
    world = await written()
    lines = world.disk.read_bytes(FIRST).splitlines()
    record = orjson.loads(lines[1])
    del record["hash"], record["instance"]
    body = {**{name: record.pop(name) for name in first}, **record, "instance": None}
    raw = orjson.dumps(body)
    own = sha256(body["prev"].encode() + b"\n" + raw).hexdigest().encode()
    lines[1] = raw.replace(b'"instance":', b'"hash":"' + own + b'","instance":')
    world.disk.write_replace(FIRST, b"\n".join(lines) + b"\n", keep_previous=False)
    damage = verify(world.disk, HERE).damage
    assert damage is not None
    assert (damage.kind, damage.line) == ("not a record of ours", 2)


async def test_a_spliced_chain_is_found() -> None:
    world, other = await written(), virtual_world(seed=2)
    async with opened(other) as journal:
        for number in range(4):
            journal.append("bar.verdict", {"number": number})
    ours, theirs = (one.disk.read_bytes(FIRST).splitlines(keepends=True) for one in (world, other))
    world.disk.write_replace(FIRST, b"".join([*ours[:2], *theirs[2:]]), keep_previous=False)
    damage = verify(world.disk, HERE).damage
    assert damage is not None
    assert damage.kind == "other chain"


async def test_a_cut_tail_shows_against_a_published_head() -> None:
    world = await written()
    report = verify(world.disk, HERE)
    assert report.head is not None
    lines = world.disk.read_bytes(FIRST).splitlines(keepends=True)
    world.disk.write_replace(FIRST, b"".join(lines[:-1]), keep_previous=False)
    assert verify(world.disk, HERE).damage is None
    damage = verify(world.disk, HERE, anchor=report.head).damage
    assert damage is not None
    assert damage.kind == "published head not found"
    assert verify(world.disk, HERE, anchor=Head(4, orjson.loads(lines[3])["hash"])).damage is None


async def test_a_published_head_is_a_record_and_no_mention_of_its_hash() -> None:
    world = virtual_world()
    async with opened(world) as journal:
        for _ in range(3):
            journal.append("bar.verdict", {"hash": journal.head[1], "mentions": f'"hash":"{"f" * 64}"'})
    found = {record["seq"]: record["hash"] for record in records(world)}
    assert verify(world.disk, HERE, anchor=Head(2, found[2])).damage is None
    for anchor in (Head(3, found[2]), Head(1, found[2]), Head(2, "f" * 64)):
        damage = verify(world.disk, HERE, anchor=anchor).damage
        assert damage is not None
        assert damage.kind == "published head not found"


async def test_a_damaged_file_is_set_aside_and_the_journal_goes_on_behind_it() -> None:
    world = await written()
    lines = world.disk.read_bytes(FIRST).splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"number":1', b'"number":9')
    world.disk.write_replace(FIRST, b"".join(lines), keep_previous=False)
    with anyio.fail_after(60):
        async with open_journal(world, HERE, JournalSettings(), version="0.1.0") as (journal, damage):
            assert damage == "2024-01-01.jsonl:3: record 3: changed"
            journal.append("daemon.start", {})
    (broken, start) = records(world, "2024-01-01.1.jsonl")
    assert (broken["kind"], broken["seq"], start["seq"]) == ("journal.break", 7, 8)
    assert broken["data"]["last_good_seq"] == 2
    assert world.disk.read_bytes(PurePath(broken["data"]["copy"])) == b"".join(lines)
    found = verify(world.disk, HERE).damage
    assert found is not None
    assert found.line == 3
    async with opened(world) as again:
        assert again.head[0] == 8


async def test_a_break_cannot_hide_a_removed_file() -> None:
    world = await written()
    lines = world.disk.read_bytes(FIRST).splitlines(keepends=True)
    world.disk.write_replace(FIRST, b"".join([*lines[:2], b"x\n"]), keep_previous=False)
    async with opened(world):
        pass
    world.disk.write_replace(FIRST, b"".join(lines[:2]), keep_previous=False)
    assert verify(world.disk, HERE).damage is not None


async def test_a_part_of_the_journal_can_be_checked_alone() -> None:
    world = virtual_world()
    async with opened(world) as journal:
        world.clock.advance(86_400)
        journal.append("daemon.ready", {})
    report = verify(world.disk, HERE, since="2024-01-02")
    assert (report.files, report.records, report.damage) == (1, 2, None)
