"""
Fill prices (play-language 10.1, 10.2, 10.4, 10.5), in ticks.

`dir` is the direction of the position: a long is opened by a buy and closed by a sell. `slippage` is a fraction and always
works against us, and so does rounding: a buy rounds up, a sell down.
"""

from playd.core.units import DOWN, UP, to_units
from playd.matching.compiled import part


@part
def buy_ticks(price: float, slippage: float, tick_num: int, tick_den: int) -> int:
    """Fill of a market buy at `price`: price·(1 + slippage), rounded up to the tick."""
    return to_units(price * (1.0 + slippage), tick_num, tick_den, UP)


@part
def sell_ticks(price: float, slippage: float, tick_num: int, tick_den: int) -> int:
    """Fill of a market sell at `price`: price·(1 - slippage), rounded down to the tick."""
    return to_units(price * (1.0 - slippage), tick_num, tick_den, DOWN)


@part
def entry_fill_ticks(direction: int, price: float, slippage: float, tick_num: int, tick_den: int) -> int:
    """Fill of a market order that opens a position: a buy for a long, a sell for a short."""
    if direction > 0:
        return buy_ticks(price, slippage, tick_num, tick_den)
    return sell_ticks(price, slippage, tick_num, tick_den)


@part
def exit_fill_ticks(direction: int, price: float, slippage: float, tick_num: int, tick_den: int) -> int:
    """Fill of a market order that reduces a position: a sell for a long, a buy for a short."""
    return entry_fill_ticks(-direction, price, slippage, tick_num, tick_den)


@part
def stop_fill_ticks(direction: int, price: float, stop_price: float, slippage: float, tick_num: int, tick_den: int) -> int:
    """
    Fill of a triggered market stop: from the worse of the stop and `price` (the minute's open), with slippage.

    Long, tick 0.1, 2 bps: stop 49 000 and open 49 100 give 48 990.2; open 48 900 gives 48 890.2.
    """
    base = min(price, stop_price) if direction > 0 else max(price, stop_price)
    return exit_fill_ticks(direction, base, slippage, tick_num, tick_den)


@part
def target_fill_ticks(
    direction: int, price: float, target_price: float, is_limit: bool, slippage: float, tick_num: int, tick_den: int
) -> int:
    """
    Fill of a triggered target: from the better of the target and `price` (the minute's open).

    A market target pays slippage, a limit target does not. Long, tick 0.1, 2 bps: target 51 800, open 51 700 give 51 789.6 as
    market and 51 800.0 as limit; open 51 900 as limit gives 51 900.0.
    """
    base = max(price, target_price) if direction > 0 else min(price, target_price)
    return exit_fill_ticks(direction, base, 0.0 if is_limit else slippage, tick_num, tick_den)


@part
def limit_is_marketable(direction: int, price: float, limit_price: float) -> bool:
    """Whether a limit entry fills at `price` at once: a buy at or above it, a sell at or below it."""
    return price <= limit_price if direction > 0 else price >= limit_price
