"""A journal that lost its tail cannot know it; the head that was published elsewhere can."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import PurePath

import anyio
import anyio.lowlevel
import pytest

from playd.ops import chain_watch
from playd.ops.chain_watch import BROKEN_KIND, ChainWatch, missing_tail, published
from playd.ops.journal import open_journal
from playd.orders.halts import Halts
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.settings.model import Journal as JournalSettings
from playd.world.virtual import virtual_world

pytestmark = pytest.mark.anyio

STATE = PurePath("/state")
KEEP_DAYS = 400


async def test_a_cut_tail_shows_against_the_published_head_and_a_whole_one_does_not() -> None:
    world = virtual_world()
    world.disk.mkdir(STATE)
    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
    folder = STATE / "journal"
    with anyio.fail_after(60):
        async with open_journal(world, folder, JournalSettings(), version="1") as (journal, _):
            halts = Halts(ledger, world.disk, world.clock, journal, STATE)
            watch = ChainWatch(world, folder, journal, ledger, halts, Incidents(ledger, world.clock, journal), KEEP_DAYS)
            journal.append("daemon.start", {})
            await watch.publish()
            assert published(ledger) == journal.head
        name = folder / world.disk.list(folder)[0]
        async with open_journal(world, folder, JournalSettings(), version="1") as (journal, damage):
            assert damage == missing_tail(ledger, journal.begun_behind) == ""
        whole = world.disk.read_bytes(name)
        world.disk.truncate(name, whole.index(b"\n") + 1)
        async with open_journal(world, folder, JournalSettings(), version="1") as (journal, damage):
            assert damage == ""
            assert "tail is lost" in missing_tail(ledger, journal.begun_behind)


async def test_a_broken_chain_halts_everything_and_a_callers_wrong_head_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_watch, "AGAIN_AFTER_S", 0.0)
    world = virtual_world()
    world.disk.mkdir(STATE)
    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")

    async def broken(module: str, arguments: object) -> int:
        return 10

    world.process.run_module = broken  # type: ignore[method-assign]
    with anyio.fail_after(60):
        async with open_journal(world, STATE / "journal", JournalSettings(), version="1") as (journal, _):
            halts = Halts(ledger, world.disk, world.clock, journal, STATE)
            incidents = Incidents(ledger, world.clock, journal)
            watch = ChainWatch(world, STATE / "journal", journal, ledger, halts, incidents, KEEP_DAYS)
            assert await watch.verify(anchor=f"1:{'0' * 64}") == "broken"
            assert halts.in_force() == []
            assert await watch.verify() == "broken"
            assert (2, BROKEN_KIND) in [(int(halt.level), halt.code) for halt in halts.in_force("all")]
            assert [each.kind for each in incidents.open_ones()] == [BROKEN_KIND]


async def test_who_resumed_in_spite_of_known_damage_is_not_halted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_watch, "AGAIN_AFTER_S", 0.0)
    world = virtual_world()
    world.disk.mkdir(STATE)
    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
    codes = iter((10, 10, 1, 1, 10, 10))

    async def code_of(module: str, arguments: object) -> int:
        return next(codes)

    world.process.run_module = code_of  # type: ignore[method-assign]
    with anyio.fail_after(60):
        async with open_journal(world, STATE / "journal", JournalSettings(), version="1") as (journal, _):
            halts = Halts(ledger, world.disk, world.clock, journal, STATE)
            incidents = Incidents(ledger, world.clock, journal)
            watch = ChainWatch(world, STATE / "journal", journal, ledger, halts, incidents, KEEP_DAYS)
            assert await watch.verify() == "broken"
            world.disk.remove(halts.kill_file)
            for halt in halts.in_force("all"):
                halts.lift(halt.id, by="uid:1", note="looked at")
            assert await watch.verify() == "unreadable"
            assert await watch.verify() == "broken"
            assert halts.in_force() == []


async def test_a_break_that_a_person_has_accepted_pauses_nothing_however_long_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain_watch, "AGAIN_AFTER_S", 0.0)
    monkeypatch.setattr(chain_watch, "LOOK_EVERY_S", 0.0)
    world = virtual_world()
    world.disk.mkdir(STATE)
    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
    looks, codes = [anyio.Event() for _ in range(3)], iter((10, 10, 10, 10, 1, 1))
    count = iter(range(9))

    async def code_of(module: str, arguments: object) -> int:
        code, number = next(codes, 0), next(count)
        if number >= 5:
            looks[2].set()
            await anyio.sleep_forever()
        if number in (1, 3):
            looks[number // 2].set()
        return code

    world.process.run_module = code_of  # type: ignore[method-assign]
    with anyio.fail_after(60):
        async with open_journal(world, STATE / "journal", JournalSettings(), version="1") as (journal, _):
            halts = Halts(ledger, world.disk, world.clock, journal, STATE)
            incidents = Incidents(ledger, world.clock, journal)
            watch = ChainWatch(world, STATE / "journal", journal, ledger, halts, incidents, KEEP_DAYS)
            ledger.set_meta(chain_watch.VERIFIED_KEY, str(world.clock.wall_ms()))
            world.clock.advance(chain_watch.UNVERIFIED_MAX_S)
            async with anyio.create_task_group() as group:
                group.start_soon(watch.run)
                await looks[0].wait()
                while not halts.in_force():
                    await anyio.lowlevel.checkpoint()
                world.disk.remove(halts.kill_file)
                for halt in halts.in_force():
                    halts.lift(halt.id, by="uid:1", note="looked at")
                for look in looks[1:]:
                    world.clock.advance(chain_watch.VERIFY_EVERY_S)
                    await look.wait()
                assert halts.in_force() == []
                group.cancel_scope.cancel()


async def test_what_nobody_could_verify_for_two_days_pauses_everything_until_somebody_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(chain_watch, "AGAIN_AFTER_S", 0.0)
    monkeypatch.setattr(chain_watch, "LOOK_EVERY_S", 0.0)
    world = virtual_world()
    world.disk.mkdir(STATE)
    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
    codes, asked = [1], anyio.Event()

    async def code_of(module: str, arguments: object) -> int:
        asked.set()
        return codes[0]

    world.process.run_module = code_of  # type: ignore[method-assign]
    with anyio.fail_after(60):
        async with open_journal(world, STATE / "journal", JournalSettings(), version="1") as (journal, _):
            halts = Halts(ledger, world.disk, world.clock, journal, STATE)
            incidents = Incidents(ledger, world.clock, journal)
            watch = ChainWatch(world, STATE / "journal", journal, ledger, halts, incidents, KEEP_DAYS)
            ledger.set_meta(chain_watch.VERIFIED_KEY, str(world.clock.wall_ms()))
            world.clock.advance(chain_watch.UNVERIFIED_MAX_S)
            async with anyio.create_task_group() as group:
                group.start_soon(watch.run)
                await asked.wait()
                while not halts.in_force():
                    await anyio.lowlevel.checkpoint()
                assert [(int(halt.level), halt.code) for halt in halts.in_force()] == [(1, chain_watch.UNVERIFIED)]
                codes[0] = 0
                assert await watch.verify() == "whole"
                assert halts.in_force() == []
                group.cancel_scope.cancel()


async def test_two_who_ask_for_words_at_once_get_each_their_own() -> None:
    world = virtual_world()
    world.disk.mkdir(STATE)
    ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")

    @asynccontextmanager
    async def says(_module: str, arguments: Sequence[str], *, log: PurePath) -> AsyncIterator[object]:
        for part in ("found ", arguments[-1]):
            await anyio.lowlevel.checkpoint()
            appender = world.disk.open_append(log)
            appender.write(part.encode())
            appender.close()
        yield Done()

    class Done:
        async def wait(self) -> int:
            await anyio.lowlevel.checkpoint()
            return 10

    world.process.start_module = says  # type: ignore[method-assign, assignment]
    with anyio.fail_after(60):
        async with open_journal(world, STATE / "journal", JournalSettings(), version="1") as (journal, _):
            halts, incidents = Halts(ledger, world.disk, world.clock, journal, STATE), Incidents(ledger, world.clock, journal)
            watch, said = ChainWatch(world, STATE / "journal", journal, ledger, halts, incidents, KEEP_DAYS), dict[str, str]()

            async def ask(day: str) -> None:
                said[day] = await watch.words(since=day)

            async with anyio.create_task_group() as group:
                for day in ("2024-01-01", "2024-01-02"):
                    group.start_soon(ask, day)
    assert said == {day: f"found {day}" for day in ("2024-01-01", "2024-01-02")}
