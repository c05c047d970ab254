"""Kernels of a Play are compiled by a child process, once; the daemon only loads them."""

from pathlib import Path, PurePath

import pytest
import structlog
from structlog.testing import capture_logs

from playd.cli.compile_kernels import main
from playd.cli.rehearsals import (
    CACHE_VARIABLE,
    COMPILER,
    compile_everything,
    compile_exchange,
    rehearse_on,
    rehearse_plays,
)
from playd.market.synthetic import SYMBOLS, SyntheticFeed, SyntheticSymbol
from playd.ops.notify import ServiceManager
from playd.plays.load import load_play
from playd.world.virtual import virtual_world

EXAMPLE = Path(__file__).parents[3] / "config" / "plays" / "ema_cross_rsi.yml"
PAIRS = EXAMPLE.with_name("pairs_zscore.yml")
PLAY = PurePath("/plays/ema_cross_rsi.yml")
BROKEN = PurePath("/plays/broken.yml")


@pytest.mark.anyio
async def test_a_play_is_compiled_elsewhere_once_per_version_of_the_code() -> None:
    world = virtual_world(env={CACHE_VARIABLE: "/cache/version"})
    world.disk.mkdir(PLAY.parent)
    world.disk.write_replace(PLAY, EXAMPLE.read_bytes())
    world.disk.write_replace(BROKEN, b"name: [")
    for _ in range(2):
        await rehearse_plays(world, SyntheticFeed(1), [PLAY, BROKEN, PLAY], ServiceManager(world.process))
    assert world.process.ran == [(COMPILER, str(PLAY))]


@pytest.mark.anyio
async def test_what_the_exchange_needs_is_compiled_elsewhere_before_it_opens_and_once() -> None:
    world = virtual_world(env={CACHE_VARIABLE: "/cache/version"})
    for _ in range(2):
        await compile_exchange(world, ServiceManager(world.process))
    assert world.process.ran == [(COMPILER,)]


@pytest.mark.anyio
async def test_an_exchange_that_could_not_be_compiled_says_so_and_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = virtual_world(env={CACHE_VARIABLE: "/cache/version"})
    ran: list[str] = []

    async def fails(module: str, arguments: object) -> int:
        ran.append(module)
        return 1

    monkeypatch.setattr(world.process, "run_module", fails)
    structlog.reset_defaults()  # a program that ran in this process before has levels of its own
    with capture_logs() as said:
        for _ in range(2):
            await compile_exchange(world, ServiceManager(world.process))
    assert ran == [COMPILER, COMPILER]
    assert [each["event"] for each in said] == ["kernels.compiling", "kernels.not_compiled"] * 2


@pytest.mark.anyio
async def test_without_a_cache_nothing_is_compiled_elsewhere() -> None:
    world = virtual_world(env={})
    world.disk.mkdir(PLAY.parent)
    world.disk.write_replace(PLAY, EXAMPLE.read_bytes())
    await rehearse_plays(world, SyntheticFeed(1), [PLAY], ServiceManager(world.process))
    assert world.process.ran == []


@pytest.mark.parametrize("symbols", [SYMBOLS, SYMBOLS[1:2], SYMBOLS[2:]])
def test_a_play_of_two_symbols_is_rehearsed_also_where_the_feed_lacks_one(symbols: tuple[SyntheticSymbol, ...]) -> None:
    play = load_play(PAIRS.read_text(), str(PAIRS))
    assert (play.symbol, play.reference) == (SYMBOLS[1].symbol, SYMBOLS[0].symbol)
    rehearse_on(SyntheticFeed(1, symbols=symbols), play)


def test_the_compiling_process_leaves_a_broken_play_to_others(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text("name: [")
    main([str(broken), str(EXAMPLE)])


@pytest.mark.anyio
async def test_all_there_is_is_compiled_from_both_ends_at_once_and_once() -> None:
    world = virtual_world(env={CACHE_VARIABLE: "/cache/version"})
    assert await compile_everything(world)
    assert await compile_everything(world)
    assert sorted(world.process.ran) == [(COMPILER, "--backwards"), (COMPILER, "--forwards")]
