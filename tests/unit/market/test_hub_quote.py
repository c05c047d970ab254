"""A quote is as old as it is told or stamped, and the venue is asked for one where the stream has none that can be used."""

from decimal import Decimal
from typing import Any

from playd.market.hub import MarketHub
from playd.market.public_feed import TickerFrame
from tests.unit.market.test_hub import SYMBOL, ScriptedFeed, ScriptedSource
from tests.virtual_time import LoopClock

NOW_MS = 1_000_000


def frame(last: str, venue_ms: int, received_s: float = 0.0) -> TickerFrame:
    return TickerFrame(SYMBOL, True, {"lastPrice": last, "bid1Price": last, "ask1Price": last}, venue_ms, received_s)


async def hub_with(told: TickerFrame, source: ScriptedSource, clock: Any) -> MarketHub:
    feed = ScriptedFeed()
    hub = MarketHub(clock, feed, source, venue_ms=lambda: NOW_MS)
    await hub.subscribe(SYMBOL)
    feed.deliver(told)
    return hub


async def test_a_stream_that_runs_behind_tells_old_quotes() -> None:
    clock = LoopClock()
    told = {NOW_MS: 0.0, NOW_MS - 30_000: 30.0, NOW_MS + 400: 0.0, 0: 0.0}
    for venue_ms, age_s in told.items():
        hub = await hub_with(frame("7", venue_ms, clock.mono_s()), ScriptedSource(), clock)
        assert hub.quote_age_s(SYMBOL) == age_s
        assert hub.quote_age_s("NOBODYUSDT") is None


async def test_a_quote_that_is_asked_for_replaces_an_older_one_and_says_nothing_of_the_stream() -> None:
    clock = LoopClock()
    source = ScriptedSource(quote=frame("9", NOW_MS, 50.0))
    hub = await hub_with(frame("7", NOW_MS - 30_000), source, clock)
    age_s = hub.feed_age_s(SYMBOL)
    await hub.ask_ticker(SYMBOL, 1.0)
    asked = hub.ticker(SYMBOL)
    assert asked is not None
    assert (asked.last, hub.feed_age_s(SYMBOL)) == (Decimal(9), age_s)

    source.quote = frame("8", NOW_MS - 1)
    await hub.ask_ticker(SYMBOL, 1.0)
    source.broken = True
    await hub.ask_ticker(SYMBOL, 1.0)
    assert hub.ticker(SYMBOL) == asked
