"""Ticker deltas change only what they hold."""

from decimal import Decimal

from playd.market.public_feed import TickerFrame
from playd.market.ticker import TickerState


def frame(snapshot: bool, at_s: float = 0.0, **fields: str) -> TickerFrame:
    return TickerFrame("BTCUSDT", snapshot, fields, 7, at_s)


def test_a_delta_overwrites_its_fields_and_keeps_all_others() -> None:
    state = TickerState("BTCUSDT")
    state.take(frame(True, lastPrice="60000.10", markPrice="60000.55", bid1Price="60000.00", fundingRate="0.0001"))
    state.take(frame(False, 3.0, markPrice="60000.60", fundingRate="0"))
    ticker = state.ticker
    assert ticker is not None
    assert (ticker.last, ticker.mark, ticker.bid) == (Decimal("60000.10"), Decimal("60000.60"), Decimal("60000.00"))
    assert ticker.funding_rate == 0
    assert ticker.ask is None
    assert (ticker.venue_ms, ticker.received_mono_s) == (7, 3.0)


def test_a_new_snapshot_replaces_everything() -> None:
    state = TickerState("BTCUSDT")
    state.take(frame(True, lastPrice="1", ask1Price="2"))
    state.take(frame(True, lastPrice="3"))
    assert state.ticker is not None
    assert (state.ticker.last, state.ticker.ask) == (Decimal(3), None)


def test_a_delta_before_any_snapshot_says_nothing() -> None:
    state = TickerState("BTCUSDT")
    state.take(frame(False, lastPrice="1"))
    assert state.ticker is None


def test_absence_has_two_spellings_and_zero_is_a_value() -> None:
    state = TickerState("BTCUSDT")
    state.take(frame(True, lastPrice="", nextFundingTime="1790006400000", markPrice="0"))
    assert state.ticker is not None
    assert (state.ticker.last, state.ticker.mark, state.ticker.next_funding_ms) == (None, Decimal(0), 1790006400000)


def test_what_is_no_number_is_no_price() -> None:
    state = TickerState("BTCUSDT")
    poison = {
        "lastPrice": "NaN",
        "markPrice": "1e999999",
        "bid1Price": "-Infinity",
        "nextFundingTime": "sNaN",
        "openInterest": [],
    }
    state.take(frame(True, ask1Price="2", **poison))  # type: ignore[arg-type]
    ticker = state.ticker
    assert ticker is not None
    assert (ticker.last, ticker.mark, ticker.bid, ticker.ask, ticker.open_interest) == (None, None, None, Decimal(2), None)
    assert ticker.next_funding_ms is None
