"""
Writes every closed bar that is used live to the days of the state directory (`market.recorded_days`), so that a day can be
replayed as it was seen.

Trading does not wait for it: bars are kept in memory for a second at most, nothing is synced, and a disk that refuses or is
nearly full loses them. A power cut may take the last half minute.
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import Final, NoReturn

import anyio
import structlog

from playd.market.bars import ClosedBar
from playd.market.recorded_days import FOLDER, file_of, line_of
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
        self._waiting: list[tuple[str, int, ClosedBar]] = []
        self._ended: set[PurePath] = set()
        """Files whose last line is known to have an end."""
        self._refused = False

    def heard(self, market: str, step_ms: int, bar: ClosedBar) -> None:
        """A bar was taken, or came again with other values."""
        if self._keep_days:
            self._waiting.append((market, step_ms, bar))

    async def run(self) -> NoReturn:
        """Write what was heard each second, and let days go that are not kept any longer."""
        tidied_s = -TIDY_EVERY_S
        try:
            while True:
                await anyio.sleep(WRITE_EVERY_S)
                self.write()
                if self._clock.mono_s() - tidied_s >= TIDY_EVERY_S:
                    tidied_s = self._clock.mono_s()
                    self.tidy()
        finally:
            self.write()

    def write(self) -> None:
        """Append what waits; what a disk refuses is lost and told once."""
        waiting, self._waiting = self._waiting, []
        if not waiting or not self._may_write():
            return
        by_file: defaultdict[PurePath, list[bytes]] = defaultdict(list)
        ahead_ms = self._clock.wall_ms() - self._clock.mono_s() * 1000
        for market, step_ms, bar in waiting:
            path = self._state_dir / file_of(market, bar.symbol, step_ms, bar.candle.open_time_ms)
            by_file[path].append(line_of(bar, round(ahead_ms + bar.received_mono_s * 1000)))
        try:
            for path, lines in by_file.items():
                self._append(path, b"".join(lines))
        except OSError as error:
            if not self._refused:
                _log.warning("market.not_recorded", msg=str(error), value=len(waiting), unit="bars")
            self._refused = True
            self._ended.clear()
        else:
            self._refused = False

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
