"""A venue with too little history says how many bars are needed, how many there are, and when there will be enough."""

from typing import cast

import anyio
import pytest

from playd.core.candles import Candles
from playd.core.timeframes import MINUTE_MS
from playd.market.hub import MarketHub
from playd.plays.compile import compile_program
from playd.supervisor import life
from playd.supervisor.life import HistoryTooShort, history_of
from playd.supervisor.slot import Slot
from playd.supervisor.supervisor import _code_of
from tests.unit.plays.plays_of import START_MS, load, market
from tests.unit.supervisor.test_admission import RECORD

PROGRAM = compile_program(load('{all: [["z", ">", 0]]}', features="{z: {indicator: sma, params: {length: 20}}}"), MINUTE_MS)
NEEDED = PROGRAM.warmup_ms // MINUTE_MS


class Listing:
    """A symbol whose first candle opens so many minutes before now."""

    def __init__(self, minutes: int) -> None:
        self._candles = market([100.0 + k for k in range(minutes)], start_ms=START_MS) if minutes else None
        self._now_ms = START_MS + minutes * MINUTE_MS

    async def market_now_ms(self) -> int:
        return self._now_ms

    async def history(self, symbol: str, start_ms: int, end_ms: int) -> Candles:
        whole = self._candles if self._candles is not None else market([100.0], start_ms=START_MS).places(0, 0)
        return whole.between(start_ms, end_ms)


def loaded(minutes: int) -> Candles:
    slot = Slot(RECORD, lambda *_: None)
    return anyio.run(history_of, cast(MarketHub, Listing(minutes)), MINUTE_MS, slot, PROGRAM, None, None)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life, "_AGAIN_AFTER_S", 0.0)


def test_a_new_listing_says_when_it_can_be_traded() -> None:
    assert NEEDED > 5
    with pytest.raises(HistoryTooShort) as refused:
        loaded(NEEDED - 5)
    code, text = _code_of(refused.value), str(refused.value)
    assert (code, code in text) == ("history_too_short", False), "the code stands before the text wherever both are shown"
    assert text.startswith(f"{NEEDED} candles of BTCUSDT needed, {NEEDED - 5} found; they will exist on ")
    # Each minute brings one more.
    assert text.endswith(life._utc(START_MS + NEEDED * MINUTE_MS))
    assert len(loaded(NEEDED)) == NEEDED


def test_one_that_has_no_candle_yet_says_how_long_it_will_take() -> None:
    with pytest.raises(HistoryTooShort, match="the venue has none yet"):
        loaded(0)
