"""
Machine code for every Play of this daemon, loaded before anything trades, and compiled first where need be.

A first compilation takes seconds and holds the event loop, and its memory is never given back; so a child process does it.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import Final

import anyio
import anyio.lowlevel
import structlog

from playd.cli.compile_kernels import BACKWARDS, FORWARDS
from playd.core.errors import PlayError
from playd.market.feed import CandleFeed
from playd.ops.notify import ServiceManager
from playd.plays.compile import compile_program
from playd.plays.model import Play
from playd.supervisor.plays import read_play
from playd.supervisor.rehearsal import EXEC_BARS, rehearsal
from playd.world.ports import World

EXTEND_S: Final = 120.0
COMPILER: Final = "playd.cli.compile_kernels"
_EVERYTHING: Final = "everything"
_EXCHANGE: Final = "exchange"
CACHE_VARIABLE: Final = "NUMBA_CACHE_DIR"

_log = structlog.get_logger()


async def rehearse_plays(world: World, feed: CandleFeed, paths: Iterable[PurePath], service: ServiceManager) -> None:
    """Rehearse each Play on candles of the feed; one that cannot be read or fed is left to admission and its reasons."""
    plays = []
    for path in dict.fromkeys(paths):
        await anyio.lowlevel.checkpoint()
        plays += [play] if (play := _readable(world, path)) is not None else []
    notes = _Notes(world)
    fresh = [play for play in plays if not notes.has(play.play_hash)]
    if fresh:
        service.extend(EXTEND_S, f"compiling kernels of {len(fresh)} Plays")
        await _compile_elsewhere(world, fresh)
    for play in plays:
        service.extend(EXTEND_S, f"loading kernels of {play.name}")
        with suppress(PlayError):
            for _ in rehearsal_on(feed, play):
                await anyio.lowlevel.checkpoint()
    for play in fresh:
        notes.add(play.play_hash)


async def compile_exchange(world: World, service: ServiceManager) -> None:
    """What the local exchange itself needs, in a child, before it opens and loads it: else it would compile here."""
    notes = _Notes(world)
    if notes.has(_EXCHANGE) or notes.has(_EVERYTHING):
        return
    service.extend(EXTEND_S, "compiling kernels of the local exchange")
    if await _compile_elsewhere(world, []):
        notes.add(_EXCHANGE)


async def compile_for(world: World, play: Play) -> None:
    """Compile what a Play needs and the cache does not have, in a child: the loop goes on trading, others notice nothing."""
    notes = _Notes(world)
    if not notes.has(play.play_hash):
        await _compile_elsewhere(world, [play])
        notes.add(play.play_hash)


def rehearse_on(feed: CandleFeed, play: Play) -> None:
    """
    Run a Play over a few candles of the feed, of its own symbols if the feed has them. Compiles what is not in the cache.

    Raises `PlayError` for candles that the Play cannot be fed with.
    """
    for _ in rehearsal_on(feed, play):
        pass


def rehearsal_on(feed: CandleFeed, play: Play) -> Iterator[None]:
    """`rehearse_on` in steps, see `supervisor.rehearsal`."""
    program = compile_program(play, feed.step_ms)
    symbol = play.symbol if play.symbol in feed.symbols else feed.symbols[0]
    span = feed.start_ms - 4 * EXEC_BARS * program.exec_step_ms, feed.start_ms
    candles = feed.candles(symbol, *span)
    if program.reads_reference:
        candles = candles.beside(feed.candles(play.reference if play.reference in feed.symbols else symbol, *span))
    yield
    yield from rehearsal(program, play, feed.instrument(symbol), candles)


def _readable(world: World, path: PurePath) -> Play | None:
    try:
        return read_play(world.disk, path)
    except PlayError:
        return None


async def _compile_elsewhere(world: World, plays: Sequence[Play]) -> bool:
    """
    What Plays need, or without any the local exchange, in a child; whether that worked.

    Should it fail, what is missing is compiled here when it is loaded.
    """
    started_s = world.clock.mono_s()
    whose = "a Play" if plays else "the local exchange"
    _log.info("kernels.compiling", msg=f"the first use of {whose} compiles what it needs, which takes up to a minute")
    code = await world.process.run_module(COMPILER, [play.source for play in plays])
    took_ms = round((world.clock.mono_s() - started_s) * 1000)
    if code == 0:
        _log.info("kernels.compiled", msg=f"of {len(plays)} Plays" if plays else "of the local exchange", took_ms=took_ms)
    else:
        _log.warning("kernels.not_compiled", msg=f"the compiling process ended with {code}", took_ms=took_ms)
    return code == 0


async def compile_everything(world: World) -> bool:
    """Every kernel and the engine, by two children at once, unless it was done for this version of the code; whether it is."""
    notes = _Notes(world)
    if notes.has(_EVERYTHING):
        return True
    codes: list[int] = []

    async def compile_from(end: str) -> None:
        codes.append(await world.process.run_module(COMPILER, [end]))

    async with anyio.create_task_group() as group:
        for end in (FORWARDS, BACKWARDS):
            group.start_soon(compile_from, end)
    if done := codes == [0, 0]:
        notes.add(_EVERYTHING)
    return done


class _Notes:
    """Which Plays' kernels are in the cache, by their hash: an empty file for each, in the folder of this version."""

    def __init__(self, world: World) -> None:
        self._disk = world.disk
        folder = world.env.get(CACHE_VARIABLE)
        self._folder = PurePath(folder) / "compiled" if folder else None

    def has(self, name: str) -> bool:
        """False only where compiling elsewhere would help: without a cache it would not."""
        return self._folder is None or self._disk.exists(self._folder / name)

    def add(self, name: str) -> None:
        if self._folder is None:
            return
        try:
            self._disk.mkdir(self._folder)
            self._disk.write_replace(self._folder / name, b"", keep_previous=False)
        except OSError as error:
            _log.warning("kernels.not_kept", msg=f"{self._folder}: {error.strerror or error}; the next start compiles again")
