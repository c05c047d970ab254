"""Captures the public frames of an upstream into a file that the exchange can be served from."""

from collections.abc import Callable, Sequence
from pathlib import PurePath

import anyio

from playd.core.candles import Candle
from playd.core.errors import RecordError, SettingsError
from playd.core.timeframes import MINUTE_MS
from playd.venues.bybit.heard_market import HeardMarket
from playd.venues.bybit.market_data import BybitMarketData
from playd.venues.bybit.numbers import Row, integer
from playd.venues.exchange.frame_file import frame_line, heading_line
from playd.venues.exchange.text import float_text
from playd.venues.exchange.upstream import Upstream, UpstreamSocket
from playd.world.ports import Appender, World


class Recorder:
    """
    One capture. `frames` counts what was written. Candles that a loss of the socket hid are read by REST and written as frames;
    the trades in them are lost.
    """

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
        self._closed_ms: dict[str, int] = {}

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
        try:
            file = self._world.disk.open_append(self._path)
            file.write(heading)
            try:
                await self._listen(file, [topics.topics(symbol) for symbol in symbols])
            finally:
                file.close()
        except OSError as error:
            raise RecordError(f"{self._path}: cannot be written: {error}") from error

    async def _listen(self, file: Appender, topics: Sequence[Sequence[str]]) -> None:
        failed: list[OSError] = []

        def write(frame: Row) -> None:
            try:
                if not failed:
                    file.write(frame_line(frame, self._world.clock.wall_ms()))
                    self.frames += 1
                    self._note_closed(frame)
            except OSError as error:
                failed.append(error)
                tasks.cancel_scope.cancel()

        async def connected() -> None:
            for symbol, closed_ms in self._closed_ms.items():
                now_ms = await self._source.market_now_ms()
                for candle in await self._source.candles(symbol, closed_ms + MINUTE_MS, now_ms):
                    write(_closed_frame(symbol, candle))
            self._tell(f"{self._upstream.name}: connected")

        socket = UpstreamSocket(
            self._world,
            self._upstream,
            topics,
            hear=write,
            opened=connected,
            lost=lambda reason: self._tell(f"{self._upstream.name}: {reason}"),
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(socket.run)
        if failed:
            raise failed[0]

    def _note_closed(self, frame: Row) -> None:
        """Up to where the file has the candles of a symbol."""
        kind, _, symbol = str(frame.get("topic")).rpartition(".")
        if kind.startswith("kline.") and any(row.get("confirm") is True for row in frame.get("data") or ()):
            self._closed_ms[symbol] = max(self._closed_ms.get(symbol, 0), *(integer(row, "start") for row in frame["data"]))

    async def _heading(self, symbols: Sequence[str], rows: Sequence[Row], history_ms: int) -> bytes:
        now_ms = await self._source.market_now_ms()
        candles = {symbol: await self._source.candles(symbol, now_ms - history_ms, now_ms) for symbol in symbols}
        rates = {symbol: await self._source.funding_rates(symbol) for symbol in symbols}
        self._closed_ms = {symbol: found[-1].open_time_ms for symbol, found in candles.items() if found}
        return heading_line(simulated=self._upstream.simulated, instruments=rows, candles=candles, funding_rates=rates)


def _closed_frame(symbol: str, candle: Candle) -> Row:
    """A closed candle as the stream tells it."""
    end_ms = candle.open_time_ms + MINUTE_MS - 1
    row = {"start": candle.open_time_ms, "end": end_ms, "interval": "1", "confirm": True, "timestamp": end_ms}
    row |= {name: float_text(getattr(candle, name)) for name in ("open", "high", "low", "close", "volume")}
    return {"topic": f"kline.1.{symbol}", "type": "snapshot", "ts": end_ms + 1, "data": [row]}
