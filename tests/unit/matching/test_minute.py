"""One minute of a market: play-language 9.1, 10.3, 10.5 and 10.6."""

from typing import Any

import pytest
from numba import njit

from playd.matching import records as m
from playd.matching.book import open_position, protect, submit_entry, submit_exit, submit_limit_entry
from playd.matching.minute import close_at_end, fill_due_orders, gap_test, inside_minute, is_quiet, match_minute
from playd.matching.records import Records
from tests.engine_desk import BTC

CASH = 1_000_000.0


class Market:
    """A book and its terms: tick 0.1, 2 bps slippage, leverage 10."""

    def __init__(self, **flags: bool) -> None:
        self.book: Records = m.new_book(**flags)
        self.terms: Records = m.new_terms(
            BTC, taker_bps=5.5, maker_bps=2.0, slippage_bps=2.0, leverage=10.0, mm_rate=0.005, mm_deduction_usdt=0.0
        )
        self.fills: Records = m.new_fills()

    def hold(self, direction: int, entry: float, stop: float = 0.0, target: float = 0.0, qty: int = 1_000) -> None:
        open_position(self.book, self.terms, direction, qty, entry)
        protect(self.book, self.terms, round(stop * 10), round(target * 10))

    def minute(self, open_: float, high: float, low: float, cash: float = CASH) -> list[tuple[str, float]]:
        """What happened, as (reason, price)."""
        return self.marked(open_, high, low, open_, high, low, cash)

    def marked(self, *prices_and_cash: float) -> list[tuple[str, float]]:
        """The same with a mark price of its own: open, high, low of the last price, then of the mark, then the cash."""
        count = match_minute(self.book, self.terms, *prices_and_cash, self.fills)
        return [(m.REASONS[f["reason"]], float(f["price"])) for f in self.fills[:count]]

    def fill(self, i: int = 0) -> Any:
        return self.fills[i]


def test_entry_filled_at_the_open_is_exposed_to_its_target_in_that_minute() -> None:
    market = Market()
    submit_entry(market.book, 1, 120, 490_000, 501_000)
    assert market.minute(50_000.0, 50_200.0, 49_900.0) == [("entry", 50_010.0), ("tp", 50_089.9)]


def test_stop_comes_before_target_in_the_same_minute() -> None:
    market = Market()
    market.hold(1, 50_000.0, stop=49_000.0, target=51_000.0)
    assert market.minute(50_000.0, 51_500.0, 48_900.0) == [("sl", 48_990.2)]


def test_open_beyond_the_target_comes_before_a_later_stop() -> None:
    market = Market()
    market.hold(1, 50_000.0, stop=49_000.0, target=51_000.0)
    assert market.minute(51_100.0, 51_500.0, 48_900.0) == [("tp", 51_089.7)]


def test_open_merely_at_the_target_is_no_gap() -> None:
    market = Market()
    market.hold(1, 50_000.0, stop=49_000.0, target=51_000.0)
    assert market.minute(51_000.0, 51_000.0, 48_900.0) == [("sl", 48_990.2)]


def test_low_equal_to_the_stop_has_reached_it() -> None:
    market = Market()
    market.hold(1, 50_000.0, stop=49_000.0)
    assert market.minute(50_000.0, 50_000.0, 49_000.1) == []
    assert market.minute(50_000.0, 50_000.0, 49_000.0) == [("sl", 48_990.2)]


def test_signal_exit_at_the_open_precedes_stop_and_target() -> None:
    market = Market()
    market.hold(1, 50_000.0, stop=49_000.0, target=51_000.0)
    submit_exit(market.book, 1_000, m.SIGNAL)
    assert market.minute(48_000.0, 52_000.0, 47_000.0) == [("signal", 47_990.4)]


def test_exit_order_without_a_position_is_dropped() -> None:
    """9.2: it can never touch a later position."""
    market = Market()
    submit_exit(market.book, 1_000, m.SIGNAL)
    submit_entry(market.book, 1, 120, 0, 0)
    assert [reason for reason, _ in market.minute(50_000.0, 50_000.0, 50_000.0)] == ["dropped", "entry"]
    assert market.book["qty"][0] == 120


def test_partial_exit_leaves_levels_and_entry_price() -> None:
    market = Market()
    market.hold(1, 50_000.0, stop=49_000.0, target=51_000.0)
    submit_exit(market.book, 400, m.SIGNAL)
    market.minute(50_100.0, 50_100.0, 50_100.0)
    book = market.book[0]
    assert (book["qty"], book["entry_price"], book["stop_ticks"], book["target_ticks"]) == (600, 50_000.0, 490_000, 510_000)


def test_entry_that_costs_more_than_there_is_does_not_fill() -> None:
    market = Market()
    submit_entry(market.book, 1, 1_000, 0, 0)
    assert market.minute(50_000.0, 50_000.0, 50_000.0, cash=5_000.0) == [("insufficient_margin", 0.0)]
    assert market.book["dir"][0] == 0


def test_liquidation_settles_at_the_bankruptcy_price() -> None:
    """10.7: long 1 at 50 000 with leverage 10 loses 5 000 and pays 24.75 to close."""
    market = Market()
    market.hold(1, 50_000.0)
    assert market.minute(50_000.0, 50_000.0, 45_226.0) == [("liquidation", 45_000.0)]
    assert market.fill()["fee_usdt"] == pytest.approx(24.75, abs=1e-9)


def test_liquidation_looks_at_the_mark_price_and_stops_at_the_last() -> None:
    """10.7, 10.5: with LP 45 226.13, a last price of 40 000 does nothing, a mark price of 45 226.0 ends it."""
    market = Market()
    market.hold(1, 50_000.0)
    assert market.marked(50_000.0, 50_000.0, 40_000.0, 50_000.0, 50_000.0, 45_227.0, CASH) == []
    assert market.marked(50_000.0, 50_000.0, 49_000.0, 50_000.0, 50_000.0, 45_226.0, CASH) == [("liquidation", 45_000.0)]
    market.hold(-1, 50_000.0, stop=51_000.0)
    assert market.marked(50_000.0, 50_000.0, 49_000.0, 54_000.0, 54_000.0, 50_000.0, CASH) == []
    assert market.marked(50_000.0, 50_000.0, 49_000.0, 54_727.0, 54_727.0, 50_000.0, CASH) == [("liquidation", 55_000.0)]
    market.hold(1, 50_000.0, stop=49_000.0)
    assert market.marked(50_000.0, 50_000.0, 48_000.0, 50_000.0, 50_000.0, 45_000.0, CASH) == [("sl", 48_990.2)]


def test_stop_nearer_than_liquidation_comes_first() -> None:
    market = Market()
    market.hold(1, 50_000.0, stop=45_300.0)
    assert market.minute(50_000.0, 50_000.0, 45_000.0) == [("sl", 45_290.9)]


def test_liquidation_nearer_than_the_stop_comes_first() -> None:
    market = Market()
    market.hold(1, 50_000.0, stop=45_200.0)
    assert market.minute(50_000.0, 50_000.0, 45_000.0) == [("liquidation", 45_000.0)]


def test_open_beyond_liquidation_comes_before_the_gapped_stop() -> None:
    market = Market()
    market.hold(-1, 50_000.0, stop=51_000.0)
    assert market.minute(55_000.0, 55_000.0, 55_000.0) == [("liquidation", 55_000.0)]


def test_gapped_limit_stop_rests_until_the_price_comes_back_and_then_makes() -> None:
    market = Market(stop_is_limit=True)
    market.hold(1, 50_000.0, stop=49_000.0)
    assert market.minute(48_900.0, 48_950.0, 48_800.0) == []
    assert market.minute(48_900.0, 49_000.0, 48_800.0) == [("sl", 49_000.0)]
    assert market.fill()["is_maker"] == 1


def test_limit_stop_takes_in_the_minute_in_which_it_is_triggered() -> None:
    market = Market(stop_is_limit=True)
    market.hold(1, 50_000.0, stop=49_000.0)
    assert market.minute(48_900.0, 49_100.0, 48_800.0) == [("sl", 49_000.0)]
    assert market.fill()["is_maker"] == 0


def test_limit_stop_without_a_gap_fills_at_the_stop() -> None:
    market = Market(stop_is_limit=True)
    market.hold(1, 50_000.0, stop=49_000.0)
    assert market.minute(49_500.0, 49_500.0, 48_900.0) == [("sl", 49_000.0)]


def test_limit_target_makes_without_slippage() -> None:
    market = Market(target_is_limit=True)
    market.hold(1, 50_000.0, target=51_000.0)
    assert market.minute(50_500.0, 51_000.0, 50_500.0) == [("tp", 51_000.0)]
    assert (market.fill()["is_maker"], market.fill()["fee_usdt"]) == (1, 51_000.0 * 0.0002)


@pytest.mark.parametrize(
    ("tif", "open_", "expected"),
    [
        (m.GTC, 49_900.0, [("entry", 49_900.0)]),
        (m.IOC, 49_900.0, [("entry", 49_900.0)]),
        (m.FOK, 50_100.0, [("ioc_unfilled", 0.0)]),
        (m.POST_ONLY, 49_900.0, [("post_only_would_take", 0.0)]),
    ],
)
def test_limit_entry_on_arrival(tif: int, open_: float, expected: list[tuple[str, float]]) -> None:
    """The table of 9.1, for a buy at 50 000."""
    market = Market()
    submit_limit_entry(market.book, 1, 120, 500_000, tif, 0, 0)
    assert market.minute(open_, open_, open_) == expected


def test_limit_entry_filled_inside_a_minute_is_exposed_to_its_stop_but_not_to_its_target() -> None:
    """10.3."""
    market = Market()
    submit_limit_entry(market.book, 1, 120, 500_000, m.GTC, 490_000, 510_000)
    assert market.minute(50_500.0, 51_500.0, 50_100.0) == []
    assert market.minute(50_500.0, 51_500.0, 49_900.0) == [("entry", 50_000.0)]
    assert market.fill()["is_maker"] == 1
    stopped = Market()
    submit_limit_entry(stopped.book, 1, 120, 500_000, m.GTC, 490_000, 510_000)
    assert stopped.minute(50_500.0, 51_500.0, 48_900.0) == [("entry", 50_000.0), ("sl", 48_990.2)]


def test_resting_limit_entry_fills_at_a_better_open_and_is_then_exposed_to_its_target() -> None:
    market = Market()
    submit_limit_entry(market.book, 1, 120, 500_000, m.GTC, 0, 510_000)
    market.minute(50_500.0, 50_500.0, 50_500.0)
    assert market.minute(49_800.0, 51_000.0, 49_800.0) == [("entry", 49_800.0), ("tp", 50_989.8)]


@njit(cache=True)
def quiet(book: Records, high: float, low: float) -> bool:
    """`is_quiet` as compiled code calls it."""
    return bool(is_quiet(book[0], high, low))


def test_quiet_minute_is_one_that_matching_would_leave_alone() -> None:
    market = Market()
    market.hold(1, 50_000.0, stop=49_000.0, target=51_000.0)
    assert quiet(market.book, 50_999.9, 49_000.1)
    assert not quiet(market.book, 51_000.0, 49_500.0)
    assert not quiet(market.book, 50_000.0, 49_000.0)
    submit_exit(market.book, 1, m.SIGNAL)
    assert not quiet(market.book, 50_000.0, 50_000.0)


def test_the_parts_of_a_minute_make_the_whole() -> None:
    """The local exchange lives through a minute in parts."""
    whole, parts = Market(), Market()
    for market in (whole, parts):
        submit_entry(market.book, -1, 300, 510_000, 490_000)
    expected = whole.minute(50_000.0, 51_100.0, 49_500.0)
    n = fill_due_orders(parts.book, parts.terms, 50_000.0, CASH, parts.fills, 0)
    n = gap_test(parts.book, parts.terms, 50_000.0, 50_000.0, parts.fills, n)
    n = inside_minute(parts.book, parts.terms, 51_100.0, 49_500.0, 51_100.0, 49_500.0, parts.fills, n)
    assert [(m.REASONS[f["reason"]], float(f["price"])) for f in parts.fills[:n]] == expected
    assert [bool(f["inside"]) for f in parts.fills[:n]] == [False, True]


def test_end_of_data_closes_at_the_last_close_with_slippage() -> None:
    market = Market()
    market.hold(1, 50_000.0, stop=49_000.0)
    assert close_at_end(market.book, market.terms, 50_000.0, m.END_OF_DATA, market.fills) == 1
    assert market.fill()["price"] == 49_990.0
    assert close_at_end(market.book, market.terms, 50_000.0, m.END_OF_DATA, market.fills) == 0
