"""
Files of captured public frames: JSON Lines, one frame a line in the order in which they came.

    {"playd_frames": 1, "simulated": false, "instruments": [{"symbol": "BTCUSDT", ...}],
     "candles": {"BTCUSDT": [[start, open, high, low, close, volume]]}, "funding_rates": {"BTCUSDT": {"1790006400000": 0.0001}}}
    {"t_ms": 1790000001007, "frame": {"topic": "publicTrade.BTCUSDT", "type": "snapshot", "ts": 1790000001007, "data": [...]}}
    {"topic": "tickers.BTCUSDT", "type": "delta", "ts": 1790000001101, "data": {...}}

The first line is optional: rules of the symbols as rows of `instruments-info`, candles from before the capture as rows of
`kline`, rates that were stamped. `simulated` says that candles tell the market's time and envelopes do not. Other lines are a
frame with the time at which it came, or a bare frame. Frames of topics that do not make a market are skipped.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Final

import orjson

from playd.core.candles import Candle
from playd.core.errors import CandleError, Doubtful
from playd.core.instrument import Instrument
from playd.venues.bybit.numbers import Row
from playd.venues.bybit.rows import candle_from, instrument_from
from playd.world.ports import Disk

VERSION: Final = 1
LINE_BYTES_MAX: Final = 16 * 1024 * 1024
"""Longest line: the first one, with a month of candles of fifty symbols."""

_CHUNK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Heading:
    """What a file says of its market before the first frame."""

    simulated: bool = False
    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    candles: Mapping[str, Sequence[Candle]] = field(default_factory=dict)
    funding_rates: Mapping[str, Mapping[int, float]] = field(default_factory=dict)


class FrameFile:
    """One file, read once from its begin to its end. Raises `CandleError` with file and line for what cannot be used."""

    def __init__(self, disk: Disk, path: PurePath) -> None:
        self.path = path
        self._disk = disk
        self._hash = hashlib.blake2b(digest_size=8)
        self._number = 0
        self._rows = self._read()
        first = next(self._rows, None)
        if first is None:
            raise CandleError(f"{path}: no frames; expected JSON Lines of public frames")
        self._first: Row | None = first if "playd_frames" not in first else None
        self.heading = self._heading(first) if self._first is None else Heading()

    @property
    def digest(self) -> str:
        """Of the bytes that were read."""
        return self._hash.hexdigest()

    def frames(self) -> Iterator[Row]:
        """The frames in order."""
        if self._first is not None:
            yield self._frame(self._first)
        for row in self._rows:
            yield self._frame(row)

    def refuse(self, reason: object) -> CandleError:
        """What to raise because of the line that was read last."""
        return CandleError(f"{self.path}: line {self._number}: {reason}")

    def _frame(self, row: Row) -> Row:
        frame = row.get("frame", row)
        if not isinstance(frame, dict):
            raise self.refuse(f"found {str(frame)[:40]!r} as a frame, expected a JSON object")
        return frame

    def _heading(self, row: Row) -> Heading:
        if row["playd_frames"] != VERSION:
            raise self.refuse(f"frames of format {row['playd_frames']!r}, this program reads {VERSION}")
        try:
            instruments = [instrument_from(each) for each in row.get("instruments") or ()]
            return Heading(
                simulated=row.get("simulated") is True,
                instruments={rules.symbol: rules for rules in instruments},
                candles={symbol: [candle_from(each) for each in rows] for symbol, rows in (row.get("candles") or {}).items()},
                funding_rates={
                    symbol: {int(stamp): float(rate) for stamp, rate in rates.items()}
                    for symbol, rates in (row.get("funding_rates") or {}).items()
                },
            )
        except (Doubtful, AttributeError, TypeError, ValueError) as error:
            raise self.refuse(f"the heading is not readable: {error}") from None

    def _read(self) -> Iterator[Row]:
        for line in self._lines():
            self._number += 1
            if not line.strip():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise self.refuse(f"not JSON: {error}") from None
            if not isinstance(row, dict):
                raise self.refuse("expected a JSON object")
            yield row

    def _lines(self) -> Iterator[bytes]:
        """Whole lines; half a line at the end, which a capture that was killed leaves, is no line."""
        offset, rest = 0, b""
        while True:
            try:
                chunk = self._disk.read_from(self.path, offset, _CHUNK)
            except OSError as error:
                raise CandleError(f"{self.path}: cannot be read: {error.strerror or error}") from None
            if not chunk:
                return
            self._hash.update(chunk)
            offset += len(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > LINE_BYTES_MAX:
                raise CandleError(f"{self.path}: line {self._number + len(lines) + 1} is longer than {LINE_BYTES_MAX} bytes")
            yield from lines


def heading_line(
    *,
    simulated: bool,
    instruments: Sequence[Row],
    candles: Mapping[str, Sequence[Candle]],
    funding_rates: Mapping[str, Mapping[int, float]],
) -> bytes:
    """The first line of a capture."""
    rows = {
        symbol: [[each.open_time_ms, each.open, each.high, each.low, each.close, each.volume] for each in found]
        for symbol, found in candles.items()
    }
    rates = {symbol: {str(stamp): rate for stamp, rate in found.items()} for symbol, found in funding_rates.items()}
    heading: dict[str, Any] = {
        "playd_frames": VERSION,
        "simulated": simulated,
        "instruments": [dict(row) for row in instruments],
        "candles": rows,
        "funding_rates": rates,
    }
    return orjson.dumps(heading, option=orjson.OPT_APPEND_NEWLINE)


def frame_line(frame: Row, time_ms: int) -> bytes:
    """One frame and the time at which it came."""
    return orjson.dumps({"t_ms": time_ms, "frame": frame}, option=orjson.OPT_APPEND_NEWLINE)
