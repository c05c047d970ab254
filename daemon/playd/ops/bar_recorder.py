"""
Writes every closed bar that is used live, and what was used beside it, to the days of the state directory
(`market.recorded_days`), so that a day can be replayed as it was seen.

Bars are kept in memory for a second and then written a file at a time, with a turn for everybody else between two files. Bars
are not synced; a file or folder that is new syncs the folder that it is in, at the first bar of a UTC day once a symbol.
Trading waits for one file at most, except at the end of the program, when the rest is written at once. A disk that refuses or
is nearly full loses bars; a power cut may take the last half minute.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import PurePath
from typing import Final, NoReturn

import anyio
import anyio.lowlevel
import structlog

from playd.market.bars import ClosedBar
from playd.market.recorded_days import FOLDER, file_of, line_of, said_file_of, said_line_of
from playd.market.told import Values
from playd.world.ports import Clock, Disk

WRITE_EVERY_S: Final = 1.0
TIDY_EVERY_S: Final = 3600.0
_log = structlog.get_logger()


class BarRecorder:
    """`heard` for every bar, `run` until cancelled. `may_write` says whether there is room for it."""

    def __init__(self, disk: Disk, clock: Clock, state_dir: PurePath, keep_days: int, may_write: Callable[[], bool]) -> None:
        """With `keep_days` 0 nothing is recorded."""
        self._disk = disk
        self._clock = clock
        self._state_dir = state_dir
        self._keep_days = keep_days
        self._may_write = may_write
        self._waiting: list[tuple[Callable[[], PurePath], float, Callable[[int], bytes]]] = []
        """Its file, when it was received (monotonic), and its line once that is a time: both made when no order waits."""
        self._by_file: defaultdict[PurePath, list[bytes]] = defaultdict(list)
        """Lines that are being written."""
        self._ended: set[PurePath] = set()
        """Files whose last line is known to have an end."""
        self._refused = False

    def heard(self, market: str, step_ms: int, bar: ClosedBar) -> None:
        """A bar was taken, or came again with other values."""
        file = partial(file_of, market, bar.symbol, step_ms, bar.candle.open_time_ms)
        self._note(file, bar.received_mono_s, partial(line_of, bar))

    def told(self, market: str, step_ms: int, symbol: str, open_ms: int, values: Values) -> None:
        """Something that was said beside a bar was used."""
        file = partial(said_file_of, market, symbol, step_ms, open_ms)
        self._note(file, self._clock.mono_s(), partial(said_line_of, open_ms, dict(values)))

    def _note(self, file: Callable[[], PurePath], received_mono_s: float, line: Callable[[int], bytes]) -> None:
        if self._keep_days:
            self._waiting.append((file, received_mono_s, line))

    async def run(self) -> NoReturn:
        """Write what was heard each second, and let days go that are not kept any longer."""
        tidied_s = -TIDY_EVERY_S
        try:
            while True:
                await anyio.sleep(WRITE_EVERY_S)
                for _ in self._files():
                    await anyio.lowlevel.checkpoint()
                if self._clock.mono_s() - tidied_s >= TIDY_EVERY_S:
                    tidied_s = self._clock.mono_s()
                    self.tidy()
        finally:
            self.write()

    def write(self) -> None:
        """Append what waits, all of it; what a disk refuses is lost and told once."""
        for _ in self._files():
            continue

    def _files(self) -> Iterator[None]:
        """Append what waits, one file at a step. Who stops on the way finds the rest with the next call."""
        waiting, self._waiting = self._waiting, []
        if waiting and self._may_write():
            ahead_ms = self._clock.wall_ms() - self._clock.mono_s() * 1000
            for file, received_mono_s, line in waiting:
                self._by_file[self._state_dir / file()].append(line(round(ahead_ms + received_mono_s * 1000)))
        while self._by_file:
            path = next(iter(self._by_file))
            try:
                self._append(path, b"".join(self._by_file[path]))
            except OSError as error:
                self._lose(error)
                return
            del self._by_file[path]
            self._refused = bool(self._by_file) and self._refused
            yield

    def _lose(self, error: OSError) -> None:
        if not self._refused:
            lost = sum(len(lines) for lines in self._by_file.values())
            _log.warning("market.not_recorded", msg=str(error), value=lost, unit="bars")
        self._refused = True
        self._by_file.clear()
        self._ended.clear()

    def _append(self, path: PurePath, data: bytes) -> None:
        self._disk.mkdir(path.parent)
        appender = self._disk.open_append(path)
        try:
            if path not in self._ended and appender.size and self._disk.read_from(path, appender.size - 1, 1) != b"\n":
                appender.write(b"\n")
            appender.write(data)
        finally:
            appender.close()
        self._ended.add(path)

    def tidy(self) -> None:
        """Remove days that are older than they are kept."""
        oldest = datetime.fromtimestamp(self._clock.wall_ms() / 1000, UTC).date() - timedelta(days=self._keep_days)
        root = self._state_dir / FOLDER
        try:
            for market in self._disk.list(root) if self._disk.exists(root) else []:
                for date in self._disk.list(root / market):
                    if date < oldest.isoformat() and self._disk.stat(root / market / date).is_dir:
                        self._disk.remove_tree(root / market / date)
        except OSError as error:
            _log.warning("market.not_recorded", msg=f"old days stay: {error}")
        self._ended.clear()
