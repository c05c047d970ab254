"""
Closed candles that came again with other values: what an engine does about columns that stand on the first ones.

Columns do not change under a decision. Nothing is entered on them from the correction on, and they are built anew, up to the
same bar, from what the venue says then: before the next bar where it answers in time, else as soon as it does.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import anyio

from playd.core.candles import Candles
from playd.market.feed_watch import Revision
from playd.plays.column_image import ColumnImage

AGAIN_AFTER_S: Final = 1.0
"""A venue is asked again so soon: it gives a candle over REST only some time after its close."""

History = Callable[[int, int], Awaitable[Candles | None]]
"""Closed candles that open in `[start_ms, end_ms)` as the venue has them now; None when it does not answer."""


Build = Callable[[Candles, ColumnImage | None], Awaitable[ColumnImage]]
"""Columns of candles, as an image that ends with the last of them."""


class Corrected(Protocol):
    """Where corrections are heard of, as in `market.subscription`."""

    def take_revisions(self) -> Sequence[Revision]:
        """Corrected candles since the last call."""
        ...

    async def corrected(self) -> None:
        """Return once there are corrections that `take_revisions` has not handed out."""
        ...


class Corrections:
    """
    The corrections of one engine that are not in its columns yet.

    `last_ms` is the open of the bar that the columns stand at, `busy` whether a bar is half dealt with. `build` makes columns
    anew from candles, all since the anchor or those from the last one of `image` on, in steps beside those in use; `take_over`
    puts them in their place at once, if no bar has come meanwhile. A correction of a bar that is still to come waits for it.
    """

    def __init__(
        self,
        history: History,
        image: Callable[[], ColumnImage | None],
        build: Build,
        take_over: Callable[[Candles, ColumnImage], None],
        last_ms: Callable[[], int],
        busy: Callable[[], bool],
    ) -> None:
        self._history = history
        self._image = image
        self._build = build
        self._take_over = take_over
        self._last_ms = last_ms
        self._busy = busy
        self._wrong_ms: int | None = None
        self._heard = 0
        """Corrections so far."""
        self._noted = anyio.Event()
        self._mending = anyio.Lock()

    @property
    def open(self) -> bool:
        """Whether the columns have values that the venue has taken back."""
        return self._wrong_ms is not None

    def note(self, revisions: Sequence[Revision]) -> None:
        """Take corrections that were heard of."""
        for revision in revisions:
            self._wrong_ms = max(self._wrong_ms or 0, revision.first.open_time_ms)
            self._heard += 1
            self._noted.set()

    async def hear(self, source: Corrected) -> None:
        """Note what is heard between two bars, until cancelled."""
        while True:
            await source.corrected()
            self.note(source.take_revisions())

    async def mend_in_time(self, anchor_ms: int, step_ms: int) -> None:
        """Mend whatever is noted as soon as the venue lets it, until cancelled."""
        while True:
            await self._noted.wait()
            self._noted = anyio.Event()
            while not await self.mend(anchor_ms, step_ms):  # noqa: ASYNC110 - it is the venue that must be asked
                await anyio.sleep(AGAIN_AFTER_S)

    async def mend(self, anchor_ms: int, step_ms: int) -> bool:
        """Try once. Returns whether nothing is left to mend."""
        async with self._mending:
            last_ms, wrong_ms, heard = self._last_ms(), self._wrong_ms, self._heard
            if wrong_ms is None:
                return True
            end_ms = last_ms + step_ms
            if wrong_ms > last_ms:
                return False
            newest = await self._history(last_ms, end_ms)
            if not newest or _lacks_second(newest):
                return False
            image = self._image()
            first_ms = anchor_ms if image is None else image.last_open_ms
            candles = await self._history(first_ms, end_ms)
            ends = (int(candles.open_time_ms[0]), int(candles.open_time_ms[-1])) if candles else None
            if candles is None or ends != (first_ms, last_ms) or _lacks_second(candles):
                return False
            built = await self._build(candles, image)
            if self._last_ms() != last_ms or self._busy():
                return False
            self._take_over(candles.places(len(candles) - 1, len(candles)), built)
            # One that came meanwhile, of the same bar or an earlier one too, is not in what was fetched.
            self._wrong_ms = None if self._heard == heard else self._wrong_ms
            return not self.open


def _lacks_second(candles: Candles) -> bool:
    """Whether the newest candle has none of the second symbol beside it: not known yet, or there is none."""
    return candles.reference is not None and candles.reference.is_missing(len(candles) - 1)
