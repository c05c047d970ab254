"""
Money (play-language 10.2, 10.7, 10.8), in USDT, float64, evaluated in the written order.

`qty` is in base coin, prices in USDT, rates are fractions, `direction` is +1 for a long and -1 for a short. Margin is
isolated, as in a backtest, unless a name says `cross`.
"""

from playd.matching.compiled import part


@part
def fee_usdt(qty: float, price: float, rate: float) -> float:
    """Fee of a fill, positive when paid. 0.12 at 50 010 and 0.00055 costs 3.30066."""
    return qty * price * rate


@part
def realised_usdt(direction: int, qty: float, entry_price: float, exit_price: float) -> float:
    """Gross profit of closing `qty`."""
    return direction * qty * (exit_price - entry_price)


@part
def order_cost_usdt(direction: int, qty: float, price: float, leverage: float, taker: float) -> float:
    """
    What an entry needs: margin, fee to open, fee to close at the bankruptcy price.

    A long of 1 at 50 000 with leverage 10 and 0.00055: 5 000 + 27.5 + 24.75 = 5 052.25.
    """
    notional = qty * price
    return notional / leverage + notional * taker + notional * (1.0 - direction / leverage) * taker


@part
def initial_margin_usdt(direction: int, qty: float, entry_price: float, leverage: float, taker: float) -> float:
    """Margin put aside at the entry, with the fee to close at the bankruptcy price."""
    notional = qty * entry_price
    return notional / leverage + notional * (1.0 - direction / leverage) * taker


@part
def maintenance_margin_usdt(
    direction: int,
    qty: float,
    entry_price: float,
    mark_price: float,
    leverage: float,
    taker: float,
    mm_rate: float,
    mm_deduction_usdt: float,
) -> float:
    """Margin below which the position is liquidated, at `mark_price`."""
    closing_fee = qty * entry_price * (1.0 - direction / leverage) * taker
    return qty * mark_price * mm_rate - mm_deduction_usdt + closing_fee


@part
def liquidation_price(
    direction: int, qty: float, entry_price: float, leverage: float, mm_rate: float, mm_deduction_usdt: float
) -> float:
    """
    Mark price at which the position is liquidated; zero or less means never. `qty` must be positive.

    1 at 50 000, leverage 10, rate 0.005: 45 226.13 for a long, 54 726.37 for a short.
    """
    bankrupt_value = qty * entry_price * (1.0 - direction / leverage)
    return (bankrupt_value - direction * mm_deduction_usdt) / (qty * (1.0 - direction * mm_rate))


@part
def bankruptcy_price(direction: int, entry_price: float, leverage: float) -> float:
    """Price at which the margin is gone; a liquidation settles there."""
    return entry_price * (1.0 - direction / leverage)


@part
def cross_terms(
    direction: int, qty: float, entry_price: float, equity_usdt: float, mm_rate: float, mm_deduction_usdt: float, taker: float
) -> tuple[float, float, float]:
    """
    Leverage, maintenance rate and deduction with which an isolated position is liquidated where this cross one is.

    `equity_usdt` is what the account has for it: wallet and unrealised profit of the other positions, less their maintenance
    margin. A cross position goes when equity, its own profit included, has fallen to maintenance margin and closing fee, and
    is settled where both of equity and fee are nothing. 1 at 50 000 with 5 000, rate 0.005, fee 0.00055: a long goes at
    45 251.14 and settles at 45 024.76.
    """
    kept = 1.0 - direction * taker
    bankrupt = (qty * entry_price - direction * equity_usdt) / (qty * kept)
    share = direction * (1.0 - bankrupt / entry_price)
    return (1.0 / share if share != 0.0 else 1e18), mm_rate / kept, mm_deduction_usdt / kept


@part
def cross_margin_usdt(direction: int, qty: float, mark_price: float, leverage: float, taker: float) -> float:
    """Initial margin of a cross position, at the mark price, with the estimated fee to close it."""
    notional = qty * mark_price
    return notional / leverage + notional * (1.0 - direction / leverage) * taker


@part
def cross_maintenance_usdt(
    direction: int, qty: float, mark_price: float, leverage: float, taker: float, mm_rate: float, mm_deduction_usdt: float
) -> float:
    """Maintenance margin of a cross position, at the mark price, with the estimated fee to close it."""
    notional = qty * mark_price
    return notional * mm_rate - mm_deduction_usdt + notional * (1.0 - direction / leverage) * taker


@part
def funding_usdt(direction: int, qty: float, mark_price: float, rate: float) -> float:
    """Funding paid at a stamp; negative when received. A long of 0.12 at 50 000 and 0.0001 pays 0.60."""
    return direction * qty * mark_price * rate


@part
def equity_usdt(cash_usdt: float, direction: int, qty: float, entry_price: float, mark_price: float) -> float:
    """Cash plus unrealised profit at `mark_price`."""
    return cash_usdt + direction * qty * (mark_price - entry_price)
