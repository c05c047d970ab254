"""What a life loads of two symbols before its first bar: both from the same candle on, and neither beyond what both have."""

from dataclasses import replace
from typing import cast

import anyio
import pytest

from playd.core.candles import Candles
from playd.core.timeframes import MINUTE_MS
from playd.market.hub import MarketHub
from playd.plays.compile import compile_program
from playd.supervisor import life
from playd.supervisor.keeper import Kept
from playd.supervisor.life import HistoryTooShort, history_of
from playd.supervisor.slot import Slot
from tests.unit.plays.plays_of import START_MS, load, market
from tests.unit.supervisor.test_admission import RECORD

OWN, OTHER = "BTCUSDT", "ETHUSDT"
PROGRAM = compile_program(
    load(
        '{all: [["z", ">", 0]]}',
        features="{z: {indicator: zscore, params: {length: 20}}}",
        more=f"reference: {{symbol: {OTHER}}}",
    ),
    MINUTE_MS,
)
NOW = 60


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A candle that is not there yet is asked for again without a pause."""
    monkeypatch.setattr(life, "_AGAIN_AFTER_S", 0.0)


def candles(first: int, last: int, absent: tuple[int, ...] = ()) -> Candles:
    """Minutes by their number, the last included."""
    return market([100.0 + k for k in range(first, last + 1)], start_ms=START_MS + first * MINUTE_MS, absent=absent)


class Venue:
    """Candles of both symbols, as a hub gives them."""

    def __init__(self, own: Candles, other: Candles) -> None:
        self._series = {OWN: own, OTHER: other}
        self.behind = 0
        """How many more answers lack the newest candle."""

    async def market_now_ms(self) -> int:
        return START_MS + NOW * MINUTE_MS

    async def history(self, symbol: str, start_ms: int, end_ms: int) -> Candles:
        self.behind -= 1
        return self._series[symbol].between(start_ms, end_ms - MINUTE_MS if self.behind >= 0 else end_ms)


def loaded(
    own: Candles, other: Candles, *, anchor: int | None = None, kept_last: int | None = None, behind: int = 0
) -> Candles:
    record = RECORD if anchor is None else replace(RECORD, anchor_ms=START_MS + anchor * MINUTE_MS)
    slot = Slot(record, lambda *_: None)
    slot.symbols = OWN, OTHER
    kept = None
    if kept_last is not None:
        kept = Kept({"anchor_ms": record.anchor_ms, "last_open_ms": START_MS + kept_last * MINUTE_MS}, 0)
    venue = Venue(own, other)
    venue.behind = behind
    return anyio.run(history_of, cast(MarketHub, venue), MINUTE_MS, slot, PROGRAM, kept, None)


def minutes(found: Candles) -> tuple[int, int]:
    return tuple((int(found.open_time_ms[at]) - START_MS) // MINUTE_MS for at in (0, -1))  # type: ignore[return-value]


def test_both_go_as_far_as_both_are_known() -> None:
    """The other symbol's newest candle is not there yet: it comes with the bars, which wait for it."""
    found = loaded(candles(0, 59), candles(0, 57))
    assert minutes(found) == (NOW - 19, 57)
    assert found.reference is not None
    assert found.reference.close.tolist() == found.close.tolist()


def test_a_minute_that_was_decided_without_it_stays_decided() -> None:
    found = loaded(candles(0, 59), candles(0, 57), anchor=10, kept_last=58)
    assert minutes(found) == (10, 58)
    assert found.at(len(found) - 1).reference is None


def test_a_second_symbol_with_too_little_history_is_named() -> None:
    with pytest.raises(HistoryTooShort, match=f"19 candles of {OTHER} needed, 5 found"):
        loaded(candles(0, 59), candles(55, 59))
    with pytest.raises(HistoryTooShort, match=f"candles of {OTHER} needed, 0 found"):
        loaded(candles(0, 59), candles(0, 3), anchor=10)


def test_a_life_that_began_without_it_goes_on_without_it() -> None:
    found = loaded(candles(0, 59), candles(0, 3), anchor=10, kept_last=59)
    assert minutes(found) == (10, 59)
    assert found.first_of_reference_ms() is None


def test_a_candle_that_only_the_stream_has_shown_is_asked_for_again() -> None:
    """Left out, the columns would go on with a hole in place of a bar that was decided."""
    found = loaded(candles(0, 59), candles(0, 59), anchor=10, kept_last=59, behind=2)
    assert minutes(found) == (10, 59)
    with pytest.raises(HistoryTooShort, match="the state knows the candle"):
        loaded(candles(0, 58), candles(0, 59), anchor=10, kept_last=59)
