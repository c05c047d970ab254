"""Captures the public frames of an upstream into a file that the exchange can be served from."""

from collections.abc import Callable, Sequence
from pathlib import PurePath

import anyio

from playd.core.errors import RecordError, SettingsError
from playd.core.timeframes import MINUTE_MS
from playd.venues.bybit.heard_market import HeardMarket
from playd.venues.bybit.market_data import BybitMarketData
from playd.venues.bybit.numbers import Row
from playd.venues.exchange.frame_file import frame_line, heading_line
from playd.venues.exchange.upstream import Upstream, UpstreamSocket
from playd.world.ports import World


class Recorder:
    """One capture. `frames` counts what was written. What a loss of the socket hides is a gap in it."""

    def __init__(
        self, world: World, upstream: Upstream, source: BybitMarketData, path: PurePath, *, tell: Callable[[str], None]
    ) -> None:
        """Raises `SettingsError` when the file is there already: a capture is never continued."""
        if world.disk.exists(path):
            raise SettingsError(f"{path} is there already, expected the name of a new file")
        self.frames = 0
        self._world = world
        self._upstream = upstream
        self._source = source
        self._path = path
        self._tell = tell

    async def run(self, symbols: Sequence[str], *, history_ms: int) -> None:
        """
        Write heading and frames until cancelled.

        Raises `SettingsError` for symbols that the upstream does not list, `RecordError` when the file cannot be written, and
        what reading raises.
        """
        rows = await self._source.instrument_rows(symbols)
        missing = [symbol for symbol in symbols if symbol not in {str(row["symbol"]) for row in rows}]
        if missing or not symbols:
            raise SettingsError(f"{self._upstream.name} lists no {', '.join(missing) or 'symbol of that name'}")
        heading = await self._heading(symbols, rows, history_ms)
        topics = HeardMarket(symbols, MINUTE_MS, simulated=self._upstream.simulated)
        failed: list[OSError] = []
        try:
            file = self._world.disk.open_append(self._path)
            file.write(heading)
        except OSError as error:
            raise RecordError(f"{self._path}: cannot be written: {error}") from error

        def write(frame: Row) -> None:
            if not failed:
                try:
                    file.write(frame_line(frame, self._world.clock.wall_ms()))
                    self.frames += 1
                except OSError as error:
                    failed.append(error)
                    tasks.cancel_scope.cancel()

        async def connected() -> None:
            self._tell(f"{self._upstream.name}: connected")

        socket = UpstreamSocket(
            self._world,
            self._upstream,
            [topics.topics(symbol) for symbol in symbols],
            hear=write,
            opened=connected,
            lost=lambda reason: self._tell(f"{self._upstream.name}: {reason}"),
        )
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(socket.run)
        finally:
            file.close()
        if failed:
            raise RecordError(f"{self._path}: cannot be written: {failed[0]}")

    async def _heading(self, symbols: Sequence[str], rows: Sequence[Row], history_ms: int) -> bytes:
        now_ms = await self._source.market_now_ms()
        candles = {symbol: await self._source.candles(symbol, now_ms - history_ms, now_ms) for symbol in symbols}
        rates = {symbol: await self._source.funding_rates(symbol) for symbol in symbols}
        return heading_line(simulated=self._upstream.simulated, instruments=rows, candles=candles, funding_rates=rates)
