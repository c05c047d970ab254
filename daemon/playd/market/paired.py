"""Closed bars of two symbols in step: those of a traded one, each with the bar of a second one that opens with it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import anyio

from playd.core.errors import LinkError, VenueError
from playd.market.bars import ClosedBar
from playd.market.feed_watch import Revision
from playd.market.hub import MarketHub
from playd.market.subscription import Subscription


class PairedBars:
    """
    The bars of `own`, each once, oldest first; `candle.reference` is the candle of `other` that opens with it.

    A bar waits for the other symbol's, through gaps and outages too, because what is decided on less could not be repeated. It
    goes on without one only when it is known that there is none: a later one is there, or the venue says that it trades the
    other symbol no longer and has no candle of it from then on. Ages are those of the own bar: whoever waited long finds it too
    old to enter on.
    """

    def __init__(
        self,
        own: Subscription,
        other: Subscription,
        *,
        ask_after_s: float,
        is_over: Callable[[int], Awaitable[bool]],
        on_over: Callable[[], None],
    ) -> None:
        """
        Whoever has waited for `ask_after_s` asks the venue whether the other symbol `is_over` from an open (epoch ms) on, and
        again after as long; once it is, `on_over` is told and no bar waits any more.
        """
        self._own = own
        self._other = other
        self._ask_after_s = ask_after_s
        self._is_over = is_over
        self._on_over = on_over
        self._over = False
        self._bar: ClosedBar | None = None
        """Of the own symbol, waiting for the other one's."""

    async def receive(self) -> ClosedBar:
        """The next bar. Cancelling loses nothing. Raises `anyio.EndOfStream` when a replayed market is over."""
        if self._bar is None:
            self._bar = await self._own.receive()
        other = await self._beside(self._bar.candle.open_time_ms)
        bar, self._bar = self._bar, None
        if other is None:
            return bar
        return replace(bar, candle=replace(bar.candle, reference=other.candle), late=bar.late or other.late)

    @property
    def waiting(self) -> bool:
        """Whether a further bar is there already, and what it waits for too."""
        return self._own.waiting and (self._over or self._other.waiting)

    async def _beside(self, open_ms: int) -> ClosedBar | None:
        """The other symbol's bar that opens then; None when there is none and will be none."""
        while True:
            with anyio.move_on_after(0.0 if self._over else self._ask_after_s):
                return await self._other.at(open_ms)
            if self._over:
                return None
            if await self._is_over(open_ms):
                self._over = True
                self._on_over()

    def done(self, close_ms: int) -> None:
        """Every bar that closes up to `close_ms` has been dealt with."""
        self._own.done(close_ms)

    def take_revisions(self) -> list[Revision]:
        """Corrected candles of either symbol since the last call."""
        return [*self._own.take_revisions(), *self._other.take_revisions()]

    async def corrected(self) -> None:
        """Return once there are corrections that `take_revisions` has not handed out."""
        async with anyio.create_task_group() as tasks:
            for bars in (self._own, self._other):
                tasks.start_soon(_first, bars.corrected, tasks.cancel_scope)


async def _first(wait: Callable[[], Awaitable[None]], scope: anyio.CancelScope) -> None:
    """Wait, then end the waits of the others."""
    await wait()
    scope.cancel()


@asynccontextmanager
async def paired_bars(
    hub: MarketHub, symbol: str, reference: str, *, after_ms: int, on_over: Callable[[], None] = lambda: None
) -> AsyncIterator[PairedBars]:
    """
    Both symbols from behind the candle that opens at `after_ms`, while the block lasts. `on_over` hears it when the venue has
    ended the second one.

    Raises `Refused` when no further symbol fits on the connection.
    """
    async with (
        await hub.subscribe(reference, after_ms=after_ms, awaited=False) as other,
        await hub.subscribe(symbol, after_ms=after_ms) as own,
    ):
        is_over = partial(_is_over, hub, reference)
        yield PairedBars(own, other, ask_after_s=hub.timing.stale_s, is_over=is_over, on_over=on_over)


async def _is_over(hub: MarketHub, symbol: str, open_ms: int) -> bool:
    """
    Whether the venue says that it trades a symbol no longer and has no candle from `open_ms` on. One that does not answer has
    not said so.
    """
    try:
        with anyio.fail_after(hub.timing.fetch_within_s):
            return await hub.has_ended(symbol) and not len(await hub.history(symbol, open_ms, await hub.market_now_ms()))
    except (VenueError, LinkError, TimeoutError):
        return False
