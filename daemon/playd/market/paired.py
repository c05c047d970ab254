"""Closed bars of two symbols in step: those of a traded one, each with the bar of a second one that opens with it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio

from playd.market.bars import ClosedBar
from playd.market.feed_watch import Revision
from playd.market.hub import MarketHub
from playd.market.subscription import Subscription


class PairedBars:
    """
    The bars of `own`, each once, oldest first; `candle.reference` is the candle of `other` that opens with it.

    A bar waits for the other symbol's, through gaps and outages too, because what is decided on less could not be repeated. It
    goes on without one only when it is known that there is none. Ages are those of the own bar: whoever waited long finds it
    too old to enter on.
    """

    def __init__(self, own: Subscription, other: Subscription) -> None:
        self._own = own
        self._other = other
        self._bar: ClosedBar | None = None
        """Of the own symbol, waiting for the other one's."""

    async def receive(self) -> ClosedBar:
        """The next bar. Cancelling loses nothing. Raises `anyio.EndOfStream` when a replayed market is over."""
        if self._bar is None:
            self._bar = await self._own.receive()
        other = await self._other.at(self._bar.candle.open_time_ms)
        bar, self._bar = self._bar, None
        if other is None:
            return bar
        return replace(bar, candle=replace(bar.candle, reference=other.candle), late=bar.late or other.late)

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
async def paired_bars(hub: MarketHub, symbol: str, reference: str, *, after_ms: int) -> AsyncIterator[PairedBars]:
    """
    Both symbols from behind the candle that opens at `after_ms`, while the block lasts.

    Raises `Refused` when no further symbol fits on the connection.
    """
    async with (
        await hub.subscribe(reference, after_ms=after_ms, awaited=False) as other,
        await hub.subscribe(symbol, after_ms=after_ms) as own,
    ):
        yield PairedBars(own, other)
