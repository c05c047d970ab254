"""A bug of ours about one symbol costs that symbol's bars some time and nobody else anything."""

from collections.abc import Sequence

import anyio
import pytest

from playd.core.candles import Candle
from playd.market.feed_watch import FeedState, NoteKind
from tests.unit.market.test_hub import STEP, SYMBOL, ScriptedSource, candle, numbers, running, take


@pytest.fixture(autouse=True)
def mended(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Every answer of the venue meets a bug until something is in the list."""
    mended, ask = list[bool](), ScriptedSource.candles

    async def candles(self: ScriptedSource, symbol: str, start_ms: int, end_ms: int) -> Sequence[Candle]:
        if not mended:
            raise ZeroDivisionError("a bug of ours")
        return await ask(self, symbol, start_ms, end_ms)

    monkeypatch.setattr(ScriptedSource, "candles", candles)
    return mended


async def test_a_feed_goes_on_behind_a_bug_and_the_hub_beside_it(mended: list[bool]) -> None:
    async with running() as scene:
        bars = await scene.hub.subscribe(SYMBOL)
        scene.close(1)
        scene.source.listed = {number * STEP: candle(number) for number in (1, 2, 3)}
        scene.close(3)
        await anyio.sleep(60.0)
        assert NoteKind.FAILED in scene.kinds()
        assert scene.hub.feed_state(SYMBOL) is not FeedState.LIVE
        mended.append(True)
        assert numbers(await take(bars, 3)) == [1, 2, 3]


async def test_a_feed_whose_watch_has_a_bug_becomes_stale_all_the_same() -> None:
    async with running() as scene:
        await scene.hub.subscribe(SYMBOL)
        scene.close(1)
        await anyio.sleep(600.0)
        assert scene.hub.feed_state(SYMBOL) is FeedState.STALE
