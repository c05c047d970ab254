"""Closed bars of one symbol in unbroken order: dedupe, corrections, gaps. Pure: no clock, no waiting."""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from playd.core.candles import Candle
from playd.core.limits import BARS_HELD, BARS_KEPT


class Source(StrEnum):
    """Where a closed bar came from."""

    STREAM = "stream"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class ClosedBar:
    """
    A closed candle as a subscriber gets it.

    `late` marks one that was fetched after the market had moved on: it updates columns, exits and stops, and is too old to
    enter on.
    """

    symbol: str
    candle: Candle
    received_mono_s: float
    source: Source
    late: bool


class Offer(StrEnum):
    """What became of an offered bar."""

    TAKEN = "taken"
    HELD = "held"
    """Beyond a gap."""
    DROPPED = "dropped"
    """Beyond a gap and more than are held: fetched again when its turn comes."""
    EQUAL = "equal"
    """A copy of one that is there."""
    REVISED = "revised"
    """A copy with other values; the first stays."""
    OLD = "old"
    """Older than everything kept."""


class BarLine:
    """
    The bars of one symbol, oldest first.

    `head_ms` is the open of the newest bar in unbroken order, None before the first. `floor_ms`: every bar that opens after
    it is in `kept`; readers behind it must fetch. Candles the venue does not have are skipped by `skip_hole` only.
    """

    def __init__(self, step_ms: int) -> None:
        self._step_ms = step_ms
        self._kept: deque[ClosedBar] = deque()
        self._held: dict[int, ClosedBar] = {}
        self._beyond_ms: int | None = None
        self.head_ms: int | None = None
        self.floor_ms: int | None = None

    def start_behind(self, open_ms: int) -> None:
        """Continue a history whose last candle opens at `open_ms`. Only for a line without a bar."""
        self.head_ms = self.floor_ms = open_ms

    def offer(self, bar: ClosedBar) -> Offer:
        """Take a bar into the order, hold it, or say why not."""
        open_ms = bar.candle.open_time_ms
        if self.head_ms is None:
            self.floor_ms = open_ms - self._step_ms
            self._append(bar)
            return Offer.TAKEN
        if open_ms <= self.head_ms:
            first = self.find(open_ms)
            if first is None:
                return Offer.OLD
            return Offer.EQUAL if first.candle == bar.candle else Offer.REVISED
        if open_ms > self.head_ms + self._step_ms:
            return self._hold(bar)
        self._append(bar)
        self._release()
        return Offer.TAKEN

    @property
    def gap(self) -> tuple[int, int] | None:
        """Opens of the missing candles as `[start, end)`, None when nothing is missing."""
        if self.head_ms is None or (not self._held and self._beyond_ms is None):
            return None
        end_ms = min(self._held) if self._held else self._beyond_ms
        assert end_ms is not None
        return self.head_ms + self._step_ms, end_ms

    @property
    def newest_ms(self) -> int | None:
        """Open of the newest bar known to be closed, also beyond a gap."""
        if not self._held and self._beyond_ms is None:
            return self.head_ms
        known = [each for each in (self.head_ms, self._beyond_ms, max(self._held, default=None)) if each is not None]
        return max(known, default=None)

    def skip_hole(self) -> None:
        """The venue has no candles inside the gap: go on behind it."""
        gap = self.gap
        if gap is None:
            return
        self.head_ms = gap[1] - self._step_ms
        self._release()

    def after(self, open_ms: int) -> ClosedBar | None:
        """The first kept bar that opens after `open_ms`, None when there is none yet. Only valid from `floor_ms` on."""
        if self.head_ms is None or open_ms >= self.head_ms:
            return None
        found = None
        for bar in reversed(self._kept):  # who asks has nearly always seen all but the newest
            if bar.candle.open_time_ms <= open_ms:
                break
            found = bar
        return found

    def find(self, open_ms: int) -> ClosedBar | None:
        """The kept bar that opens at `open_ms`."""
        for bar in reversed(self._kept):
            if bar.candle.open_time_ms <= open_ms:
                return bar if bar.candle.open_time_ms == open_ms else None
        return None

    def newest(self, count: int) -> list[Candle]:
        """The last closed bars in order, newest first, `count` of them at most."""
        return [bar.candle for bar in islice(reversed(self._kept), count)]

    def _append(self, bar: ClosedBar) -> None:
        self._kept.append(bar)
        self.head_ms = bar.candle.open_time_ms
        if len(self._kept) > BARS_KEPT:
            self.floor_ms = self._kept.popleft().candle.open_time_ms

    def _hold(self, bar: ClosedBar) -> Offer:
        open_ms = bar.candle.open_time_ms
        if open_ms in self._held or len(self._held) < BARS_HELD:
            self._held.setdefault(open_ms, bar)
            return Offer.HELD
        self._beyond_ms = max(open_ms, self._beyond_ms or open_ms)
        return Offer.DROPPED

    def _release(self) -> None:
        """Move held bars that follow the head without a gap."""
        assert self.head_ms is not None
        if not self._held and self._beyond_ms is None:
            return
        self._held = {open_ms: bar for open_ms, bar in self._held.items() if open_ms > self.head_ms}
        while (bar := self._held.pop(self.head_ms + self._step_ms, None)) is not None:
            self._append(bar)
        if self._beyond_ms is not None and self._beyond_ms <= self.head_ms:
            self._beyond_ms = None
