"""A bar has one mark price, one rate and one open interest, whoever asks and whenever: what was used first."""

import anyio

from playd.core.candles import Candle
from playd.core.limits import BARS_KEPT
from playd.market.said import FRESH_S, SaidBars
from playd.market.told import Told, Values
from tests.unit.market.test_hub import SYMBOL, running
from tests.unit.market.test_said import ALL, SAID, close, tell


async def test_whoever_reads_a_bar_later_reads_what_was_used_of_it_first() -> None:
    async with running() as scene:
        heard: list[tuple[str, int, Values]] = []
        scene.hub.told = Told(lambda *told: heard.append(told))
        async with (
            await scene.hub.subscribe(SYMBOL, after_ms=0) as first,
            await scene.hub.subscribe(SYMBOL, after_ms=0) as second,
        ):
            one = SaidBars(first, scene.hub, scene.clock, ("funding_rate",))
            other = SaidBars(second, scene.hub, scene.clock, ALL)
            tell(scene, SAID)
            close(scene, 1)
            before = (await one.receive()).candle
            tell(scene, SAID | {"fundingRate": "0.0009", "openInterest": "7"})
            after = (await other.receive()).candle
            assert (before.funding_rate, before.open_interest) == (-0.0002, None)
            assert (after.funding_rate, after.open_interest) == (-0.0002, 7.0), "nobody had used the open interest"
            await anyio.sleep(FRESH_S + 1)
            async with await scene.hub.subscribe(SYMBOL, after_ms=0) as third:
                late = SaidBars(third, scene.hub, scene.clock, ALL)
                assert (await late.receive()).candle == after, "nor is the venue asked for its records"
            assert scene.source.asked_beside == []
        assert [(open_ms, sorted(values)) for _, open_ms, values in heard] == [
            (before.open_time_ms, ["funding_rate"]),
            (before.open_time_ms, ["mark", "open_interest"]),
        ]


def test_that_nothing_was_said_is_kept_as_such() -> None:
    told = Told()
    told.note("BTCUSDT", 60_000, {"funding_rate": None})
    assert told.note("BTCUSDT", 60_000, {"funding_rate": 0.1, "mark": Candle(60_000, 1, 1, 1, 1, 0)})["funding_rate"] is None


def test_what_was_said_is_kept_for_as_many_bars_as_these_are() -> None:
    told = Told()
    for number in range(2 * BARS_KEPT):
        told.note("BTCUSDT", number, {"funding_rate": 0.1})
        told.note("ETHUSDT", number, {"funding_rate": 0.2})
    assert not told.of("BTCUSDT", BARS_KEPT - 1)
    assert told.of("BTCUSDT", BARS_KEPT) == {"funding_rate": 0.1}
