"""`playd exchange record`: public frames of an exchange into a file, for the local exchange to play again."""

import sys
from dataclasses import dataclass

import anyio

from playd.cli.upstream import say, symbols_in, upstream_data
from playd.core.errors import PlaydError
from playd.core.timeframes import DAY_MS
from playd.supervisor.edge import first_of
from playd.venues.exchange.recorder import Recorder
from playd.venues.exchange.upstream import upstream_of
from playd.world.ports import Signal, World
from playd.world.real import real_world, run


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """The flags of `playd exchange record`."""

    source: str
    symbols: str
    out: str
    minutes: float
    history_days: float


def record_frames(options: RecordOptions) -> int:
    """Listen until SIGTERM, SIGINT or the time is over. Raises `SettingsError`, `RecordError`, and what reading raises."""
    try:
        return run(lambda given: _record(given, options), real_world())
    except BaseExceptionGroup as group:
        known = first_of(group, PlaydError)
        if known is None:
            raise
        raise known from group


async def _record(world: World, options: RecordOptions) -> int:
    upstream, path = upstream_of(options.source), world.process.working_dir() / options.out
    history_ms = round(options.history_days * DAY_MS)
    async with upstream_data(world, upstream) as source:
        recorder = Recorder(world, upstream, source, path, tell=say)
        with anyio.move_on_after(options.minutes * 60.0 or None), world.process.signals() as signals:
            async with anyio.create_task_group() as tasks:

                async def until_told() -> None:
                    async for signal in signals:
                        if signal in (Signal.TERM, Signal.INT):
                            tasks.cancel_scope.cancel()

                tasks.start_soon(until_told)
                await recorder.run(symbols_in(options.symbols), history_ms=history_ms)
    print(f"{recorder.frames} frames in {path}", file=sys.stderr)
    return 0
