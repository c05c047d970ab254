"""A ban that the guardian met itself outlives the guardian, also where no daemon is left that could remember it."""

from pathlib import PurePath

import pytest

from playd import __version__
from playd.cli.guardian import JournalNumbers, Voice, banned_until_ms
from playd.ops.guardian_records import BAN, LOOKED_BACK
from playd.ops.journal import open_journal
from playd.world.virtual import virtual_world

pytestmark = pytest.mark.anyio
DIRECTORY = PurePath("/state/guardian/journal")


@pytest.mark.parametrize(("behind_it", "found"), [(0, 9), (LOOKED_BACK - 2, 9), (LOOKED_BACK + 2, 0)])
async def test_the_newest_ban_on_record_is_found_again_by_the_next_life(behind_it: int, found: int) -> None:
    world = virtual_world()
    for folder in (DIRECTORY.parent.parent, DIRECTORY.parent):
        world.disk.mkdir(folder)
    voice = Voice(world)
    assert banned_until_ms(world, DIRECTORY, voice) == 0
    async with open_journal(world, DIRECTORY, JournalNumbers(), version=__version__) as (journal, _):
        voice.journal = journal
        for until_ms in (5, 9):
            voice.record(BAN, {"until_ms": until_ms}, "", "")
        for _ in range(behind_it):
            voice.record("stop.repaired", {"stop": "1"}, "main", "BTCUSDT")
        await journal.synced()
    async with open_journal(world, DIRECTORY, JournalNumbers(), version=__version__) as (journal, _):
        voice.journal = journal
        assert banned_until_ms(world, DIRECTORY, voice) == found


@pytest.mark.parametrize(
    "odd", ['{"seq":2}', '{"seq":2,"kind":"rate.ban","data":{}}', '{"seq":2,"kind":"rate.ban","data":{"until_ms":null}}']
)
def test_a_record_that_is_not_understood_tells_of_no_ban_and_ends_no_start(odd: str) -> None:
    world = virtual_world()
    for folder in (DIRECTORY.parent.parent, DIRECTORY.parent, DIRECTORY):
        world.disk.mkdir(folder)
    lines = f'{{"seq":1,"kind":"rate.ban","data":{{"until_ms":9}}}}\n{odd}\n'
    world.disk.write_replace(DIRECTORY / "2026-11-22.jsonl", lines.encode(), keep_previous=False)
    assert banned_until_ms(world, DIRECTORY, Voice(world)) == 9
