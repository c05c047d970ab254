"""The worked numbers of play-language 10.2, 10.5, 10.7 and 10.8, and the rounding of 10.1."""

import pytest

from playd.core.units import from_units
from playd.matching import money, prices

TICK = (1, 10)
BPS_2 = 0.0002


def price_of(ticks: int) -> float:
    return from_units(ticks, *TICK)


def test_market_buy_pays_slippage_and_rounds_up() -> None:
    """10.2: open 50 000.0 with 2 bps fills at 50 010.0."""
    assert price_of(prices.buy_ticks(50_000.0, BPS_2, *TICK)) == 50_010.0
    assert price_of(prices.buy_ticks(50_000.3, BPS_2, *TICK)) == 50_010.4


def test_market_sell_rounds_down() -> None:
    assert price_of(prices.sell_ticks(48_900.0, BPS_2, *TICK)) == 48_890.2


def test_fee_is_on_the_fill_price() -> None:
    """10.2: 0.12 at 50 010 and 5.5 bps costs 3.30066."""
    assert money.fee_usdt(0.12, 50_010.0, 5.5 / 10_000) == pytest.approx(3.30066, abs=1e-12)


def test_order_cost_holds_margin_and_both_fees() -> None:
    """10.2: 1 at 50 000, leverage 10, long: 5 000 + 27.5 + 24.75."""
    assert money.order_cost_usdt(1, 1.0, 50_000.0, 10.0, 0.00055) == pytest.approx(5_052.25, abs=1e-9)


@pytest.mark.parametrize(("open_", "fill"), [(49_100.0, 48_990.2), (48_900.0, 48_890.2)])
def test_stop_fills_from_the_worse_of_stop_and_open(open_: float, fill: float) -> None:
    """10.5: stop 49 000, tick 0.1, 2 bps."""
    assert price_of(prices.stop_fill_ticks(1, open_, 49_000.0, BPS_2, *TICK)) == fill


@pytest.mark.parametrize(
    ("open_", "is_limit", "fill"),
    [(51_700.0, False, 51_789.6), (51_700.0, True, 51_800.0), (51_900.0, True, 51_900.0)],
)
def test_target_fills_from_the_better_of_target_and_open(open_: float, is_limit: bool, fill: float) -> None:
    """10.5: target 51 800; a limit target pays no slippage."""
    assert price_of(prices.target_fill_ticks(1, open_, 51_800.0, is_limit, BPS_2, *TICK)) == fill


def test_short_fills_mirror_long_fills() -> None:
    assert price_of(prices.stop_fill_ticks(-1, 51_100.0, 51_000.0, 0.0, *TICK)) == 51_100.0
    assert price_of(prices.target_fill_ticks(-1, 48_100.0, 48_200.0, True, 0.0, *TICK)) == 48_100.0


@pytest.mark.parametrize(("direction", "level"), [(1, 45_226.13), (-1, 54_726.37)])
def test_liquidation_price(direction: int, level: float) -> None:
    """10.7: 1 at 50 000, leverage 10, maintenance rate 0.005."""
    assert money.liquidation_price(direction, 1.0, 50_000.0, 10.0, 0.005, 0.0) == pytest.approx(level, abs=0.005)


def test_unlevered_long_is_never_liquidated() -> None:
    assert money.liquidation_price(1, 1.0, 50_000.0, 1.0, 0.005, 0.0) == 0.0


def test_maintenance_margin_meets_margin_left_at_the_liquidation_price() -> None:
    """10.7 is one consistent table: at LP the margin left is the maintenance margin."""
    for direction in (1, -1):
        level = money.liquidation_price(direction, 2.0, 50_000.0, 10.0, 0.005, 7.0)
        left = money.initial_margin_usdt(direction, 2.0, 50_000.0, 10.0, 0.00055) + direction * 2.0 * (level - 50_000.0)
        needed = money.maintenance_margin_usdt(direction, 2.0, 50_000.0, level, 10.0, 0.00055, 0.005, 7.0)
        assert left == pytest.approx(needed, abs=1e-6)


def test_longs_pay_positive_funding() -> None:
    """10.8: long 0.12, mark 50 000, rate 0.0001 pays 0.60; a short receives it."""
    assert money.funding_usdt(1, 0.12, 50_000.0, 0.0001) == pytest.approx(0.60, abs=1e-12)
    assert money.funding_usdt(-1, 0.12, 50_000.0, 0.0001) == pytest.approx(-0.60, abs=1e-12)
