"""Price steps of everything that a hub follows: read once, again each hour, and sooner where bars are not believed."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import anyio

from playd.core.errors import LinkError
from playd.core.instrument import Instrument, synthetic_instrument
from playd.market.feed_watch import FeedState
from playd.market.ticks import AGAIN_AFTER_S, LOOK_EVERY_S, READ_EVERY_S, Ticks
from tests.virtual_time import LoopClock, in_virtual_time


class Venue:
    """Rules of every symbol that is asked for, unless nobody answers."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.away = False

    async def instruments(self, symbols: Sequence[str]) -> dict[str, Instrument]:
        self.asked.append(tuple(symbols))
        if self.away:
            raise LinkError("no answer")
        return {symbol: synthetic_instrument(symbol, 100.0) for symbol in symbols if symbol != "GONEUSDT"}


class Hub:
    def __init__(self, *symbols: str) -> None:
        self.symbols = [*symbols]
        self.states: dict[str, FeedState] = {}

    def feed_state(self, symbol: str) -> FeedState:
        return self.states.get(symbol, FeedState.LIVE)


@asynccontextmanager
async def following(hub: Hub, venue: Venue) -> AsyncIterator[Ticks]:
    ticks = Ticks(LoopClock(), venue)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ticks.run, cast("Any", hub))
        yield ticks
        tasks.cancel_scope.cancel()


async def test_the_step_of_every_symbol_is_known_whether_it_is_traded_or_read() -> None:
    hub, venue = Hub("BTCUSDT"), Venue()
    async with following(hub, venue) as ticks:
        await anyio.sleep(0.1)
        step = float(synthetic_instrument("BTCUSDT", 100.0).tick)
        assert (ticks.of("BTCUSDT"), ticks.of("ETHUSDT")) == (step, None)
        hub.symbols.append("ETHUSDT")
        await anyio.sleep(LOOK_EVERY_S)
        assert ticks.of("ETHUSDT") == step
        await anyio.sleep(READ_EVERY_S - 2 * LOOK_EVERY_S)
        assert venue.asked == [("BTCUSDT",), ("ETHUSDT",)]
        await anyio.sleep(3 * LOOK_EVERY_S)
        assert venue.asked[2:] == [("BTCUSDT",), ("ETHUSDT",)]


async def test_what_nobody_could_read_is_asked_for_again_and_what_is_doubted_too() -> None:
    hub, venue = Hub("BTCUSDT"), Venue()
    venue.away = True
    async with following(hub, venue) as ticks:
        await anyio.sleep(AGAIN_AFTER_S / 2)
        assert (len(venue.asked), ticks.of("BTCUSDT")) == (1, None)
        venue.away = False
        await anyio.sleep(AGAIN_AFTER_S)
        assert (len(venue.asked), ticks.of("BTCUSDT") is not None) == (2, True)
        hub.states["BTCUSDT"] = FeedState.DOUBTFUL
        await anyio.sleep(1.5 * AGAIN_AFTER_S)
        assert len(venue.asked) == 3
        venue.away = True
        await anyio.sleep(AGAIN_AFTER_S)
        assert (len(venue.asked), ticks.of("BTCUSDT") is not None) == (4, True), "what was known stays known"


def test_one_symbol_that_cannot_be_read_costs_no_other_its_step() -> None:
    class Doubtful(Venue):
        async def instruments(self, symbols: Sequence[str]) -> dict[str, Instrument]:
            if "ODDUSDT" in symbols:
                raise LinkError("a row that cannot be read")
            return await super().instruments(symbols)

    async def body() -> None:
        async with following(Hub("BTCUSDT", "ODDUSDT", "ETHUSDT"), Doubtful()) as ticks:
            await anyio.sleep(0.1)
            assert [ticks.of(symbol) is not None for symbol in ("BTCUSDT", "ODDUSDT", "ETHUSDT")] == [True, False, True]

    in_virtual_time(body)
