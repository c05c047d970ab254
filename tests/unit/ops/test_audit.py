"""An audit says whole, broken or unreadable, and never takes one for another."""

from pathlib import PurePath

import anyio
import pytest

from playd.core.errors import SettingsError
from playd.ops.audit import audit
from playd.ops.journal import open_journal
from playd.settings.model import Journal as JournalSettings
from playd.world.virtual import VirtualWorld, virtual_world

HERE = PurePath("/journal")


@pytest.fixture
async def world() -> VirtualWorld:
    made = virtual_world()
    with anyio.fail_after(60):
        async with open_journal(made, HERE, JournalSettings(), version="0.1.0") as (journal, _):
            journal.append("daemon.ready", {})
    return made


@pytest.mark.anyio
async def test_a_whole_journal_names_its_head_which_is_an_anchor_later(world: VirtualWorld) -> None:
    found = audit(world.disk, HERE)
    assert (found.exit_code, found.data["records"]) == (0, 2)
    anchor = f"{found.data['head_seq']}:{found.data['head_hash']}"
    assert found.text.endswith(anchor)
    assert audit(world.disk, HERE, anchor=anchor).exit_code == 0
    assert audit(world.disk, HERE, anchor=f"2:{'0' * 64}").exit_code == 10


@pytest.mark.anyio
async def test_a_broken_journal_says_where(world: VirtualWorld) -> None:
    file = HERE / "2024-01-01.jsonl"
    world.disk.write_replace(file, world.disk.read_bytes(file).replace(b"daemon.ready", b"daemon.steady"))
    found = audit(world.disk, HERE)
    assert (found.exit_code, found.text) == (10, "broken: 2024-01-01.jsonl:2: record 2: changed")


@pytest.mark.anyio
async def test_nothing_to_read_is_not_whole(world: VirtualWorld) -> None:
    assert audit(world.disk, PurePath("/nowhere")).exit_code == 1
    assert audit(world.disk, HERE, since="2030-01-01").exit_code == 1
    world.disk.fail("read")
    assert audit(world.disk, HERE).exit_code == 1


def test_a_wrong_anchor_is_refused() -> None:
    with pytest.raises(SettingsError, match="SEQ:HASH"):
        audit(virtual_world().disk, HERE, anchor="12")
