"""
The settings that bound risk: gates, caps, breakers, and the permission to trade with real money.

Most of them take effect at a reload; each says which way of changing it takes more risk, because that way needs a phrase.
"""

import re
from decimal import Decimal
from functools import partial
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from playd.core.zones import zone_names
from playd.settings.fields import Exact, Seconds, Section, Whole, key

_more: Final = partial(key, live=True, looser="up")
"""A key whose larger values take more risk."""

_less: Final = partial(key, live=True, looser="down")
"""A key whose smaller values take more risk."""

_TIME: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class Arming(Section):
    """Permission to open positions with real money: `playctl arm` gives it to one instance, for some days."""

    max_days: Whole = _more(7, "Longest time that an instance may be armed for.", unit="days", lo=1, hi=7)
    warn_before_h: Whole = key(24, "A permission that ends so soon is a warning.", unit="h", lo=1, hi=72, live=True)


def _known_zone(name: str) -> str:
    if name not in zone_names():
        raise ValueError("expected an IANA name like Europe/Berlin")
    return name


def _time_of_day(text: str) -> str:
    if not _TIME.fullmatch(text):
        raise ValueError('expected a time like "07:30"')
    return text


Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: Final[tuple[Day, ...]] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]


class PolicyWindow(Section):
    """Hours of some days in which entries are allowed, or blocked: an element of `gates.windows`."""

    kind: Literal["block", "allow"]
    days: Annotated[tuple[Day, ...], Field(min_length=1)] = DAYS
    begin: TimeOfDay = Field(default="00:00", alias="from")
    end: TimeOfDay = Field(default="00:00", alias="to")
    zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    reason: str = ""


class Gates(Section):
    """What refuses an entry."""

    entry_max_age_s: Seconds = key(30.0, "An entry decided longer ago is dropped.", unit="s", lo=5, hi=3600, looser="up")
    quote_max_age_s: Seconds = _more(2.0, "Oldest quote an entry may be priced on.", unit="s", lo=0.5, hi=10)
    max_spread_bps: Exact = _more(Decimal(15), "Widest bid-ask spread an entry may meet.", unit="bps", lo=1, hi=200)
    max_mark_divergence_pct: Exact = _more(
        Decimal(1), "Largest difference of last and mark price at an entry.", unit="%", lo=Decimal("0.1"), hi=5
    )
    max_adverse_funding_pct_day: Exact = _more(
        Decimal("0.3"), "Most funding an entry may have to pay per day.", unit="% of notional", lo=Decimal("0.01"), hi=5
    )
    guardian_max_age_s: Seconds = key(
        10.0,
        "Entries of real money are refused when the guardian was last heard longer ago.",
        unit="s",
        lo=5,
        hi=60,
        looser="up",
    )
    equity_max_age_s: Seconds = _more(120.0, "Oldest wallet reading that allows an entry.", unit="s", lo=30, hi=600)
    funding_before_s: Seconds = _less(
        120.0, "No entry this long before a funding stamp, where `risk.funding_window` asks for it.", unit="s", lo=0, hi=3600
    )
    funding_after_s: Seconds = _less(60.0, "No entry this long after a funding stamp, likewise.", unit="s", lo=0, hi=3600)
    windows: tuple[PolicyWindow, ...] = key(
        (),
        "Tables { kind, days, from, to, zone, reason }, for entries of all accounts, judged at the close of the bar. With any"
        " `allow` there is no entry outside all of them; `block` beats `allow`. A window whose `to` is not after its `from`"
        " runs past midnight and belongs to the day on which it began.",
        live=True,
    )


class Risk(Section):
    """Caps on new risk. On accounts of the local exchange only those hold that are written here, so that backtests agree."""

    micro_order_usd: Exact = _more(
        Decimal(75), "Largest notional of one entry at step micro; a larger one is cut.", unit="USD", lo=1
    )
    hard_order_usd: Exact = _more(Decimal(5000), "Notional above which an entry is refused, whatever cut it.", unit="USD", lo=1)
    quarter_pct: Exact = _more(Decimal(25), "Part of what a full step would enter, at step quarter.", unit="%", lo=1, hi=100)
    risk_per_trade_pct: Exact = _more(
        Decimal(2), "Loss at the stop, fees and slippage included; more is cut.", unit="% of equity", lo=Decimal("0.01"), hi=5
    )
    notional_per_trade_pct: Exact = _more(Decimal(20), "Notional of one entry; more is cut.", unit="% of equity", lo=1, hi=100)
    margin_per_trade_pct: Exact = _more(Decimal(10), "Margin of one entry; more is cut.", unit="% of equity", lo=1, hi=50)
    slippage_allowance_bps: Exact = _less(Decimal(10), "Slippage that a loss at the stop is reckoned with.", unit="bps", lo=0)
    day_notional_pct: Exact = _more(Decimal(200), "Notional opened per UTC day.", unit="% of equity", lo=1)
    week_notional_pct: Exact = _more(Decimal(600), "Notional opened in seven days.", unit="% of equity", lo=1)
    gross_pct: Exact = _more(Decimal(150), "Positions and working entries of all symbols.", unit="% of equity", lo=1)
    net_pct: Exact = _more(Decimal(100), "The larger side of positions and working entries.", unit="% of equity", lo=1)
    symbol_pct: Exact = _more(Decimal(40), "Position and working entries of one symbol.", unit="% of equity", lo=1)
    max_leverage: Exact = _more(
        Decimal(3), "Largest leverage at the venue at which a symbol is entered.", unit="×", lo=1, hi=10
    )
    max_positions: Whole = _more(
        10, "Symbols with a position or a working entry; one that a hand holds both sides of counts twice.", lo=1, hi=20
    )
    liquidation_safety: Exact = _more(
        Decimal("0.5"), "Part of the way to liquidation that a stop may lie away.", lo=Decimal("0.1"), hi=Decimal("0.8")
    )
    min_listing_days: Whole = _less(7, "No entry on a symbol that has been listed for less.", unit="days", lo=0, hi=365)
    delist_no_entry_h: Whole = _less(72, "No entry this long before a symbol is delivered.", unit="h", lo=0)
    funding_window: bool = _less(False, "Refuse entries around funding stamps, see `gates.funding_before_s`.")
    micro_day_usd: Exact = _more(
        Decimal(1000), "Notional opened on the account per UTC day, for an instance at step micro.", unit="USD", lo=1
    )
    micro_day_orders: Whole = _more(20, "Entries of the account per UTC day, for an instance at step micro.", lo=1, hi=5000)
    entries_per_hour_instance: Whole = _more(12, "Entries per hour and instance.", lo=1, hi=1000)
    entries_per_hour_account: Whole = _more(60, "Entries per hour and account.", lo=1, hi=1000)


class Breakers(Section):
    """
    When an account stops by itself, by the balance as the venue states it. Deposits and withdrawals are no results.

    On accounts of the local exchange only those hold that are written here.
    """

    day_pause_pct: Exact = _more(
        Decimal(2), "Loss since 00:00 UTC that pauses entries until the next day.", unit="% of equity", lo=Decimal("0.1")
    )
    day_halt_pct: Exact = _more(
        Decimal(3), "Loss since 00:00 UTC that halts the account.", unit="% of equity", lo=Decimal("0.1")
    )
    fast_fall_pct: Exact = _more(
        Decimal("1.5"), "Fall from the peak of the window that halts the account.", unit="% of equity", lo=Decimal("0.1")
    )
    fast_fall_window_s: Seconds = _less(900.0, "Window of fast_fall_pct.", unit="s", lo=60, hi=86_400)
    week_loss_pct: Exact = _more(
        Decimal(6), "Loss since 00:00 UTC six days ago that halts the account.", unit="% of equity", lo=Decimal("0.1")
    )
    account_drawdown_pct: Exact = _more(Decimal(10), "Fall from the highest equity that halts the account.", unit="%", lo=1)
    instance_drawdown_pct: Exact = _more(
        Decimal(10), "Loss that halts one instance, its open position included.", unit="% of its capital", lo=1
    )
    im_rate: tuple[Exact, Exact] = _more(
        (Decimal("0.60"), Decimal("0.80")),
        "Initial margin rates that pause and halt the account; above the first nothing is entered.",
        unit="ratio",
    )
    mm_rate: tuple[Exact, Exact] = _more(
        (Decimal("0.50"), Decimal("0.70")),
        "Maintenance margin rates that pause and halt the account; above the first nothing is entered.",
        unit="ratio",
    )
