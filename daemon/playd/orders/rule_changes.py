"""
What other rules of a symbol mean here: which of them are news, and which resting entry would not be taken under them. Pure.
"""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from playd.core.instrument import Instrument
from playd.orders.rows import OrderRow, plain

DELIVERY: Final = "delivery_time_ms"
GATED: Final = frozenset({DELIVERY, "min_price", "max_price", "price_limit_ratio"})
"""Rules by which nothing is counted or rounded, and gates go by those of now: other ones are worth a word and no more."""

_HOUR_MS: Final = 3_600_000


def described(rules: Instrument) -> dict[str, str]:
    """Every rule by name, equal ones as equal texts, as they are kept for the next life."""
    values = ((each.name, getattr(rules, each.name)) for each in fields(rules))
    return {name: plain(value) if isinstance(value, Decimal) else str(value) for name, value in values}


def changes(before: Mapping[str, str], after: Instrument) -> dict[str, str]:
    """By name what is not as it was, in words. A rule that `before`, of another program, does not name is none of them."""
    now = described(after)
    return {name: _words(name, was, now[name]) for name, was in before.items() if name in now and was != now[name]}


def misfit(row: OrderRow, rules: Instrument, *, no_entry_h: int | None, now_ms: int) -> str:
    """
    Why the venue, or the gate that looks at its rules, would not take a resting entry today; empty when both would.

    `no_entry_h`: no entry so many hours before the symbol is delivered, if any; `now_ms` is time of the market.
    """
    if rules.status != "Trading":
        return f"the symbol does not trade: {rules.status}"
    if no_entry_h is not None and rules.delivery_time_ms and rules.delivery_time_ms - now_ms < no_entry_h * _HOUR_MS:
        return f"the symbol is delivered at {_time(rules.delivery_time_ms)}"
    for name, price in (("price", row.price), ("stop", row.stop), ("target", row.target)):
        if price is not None and price % rules.tick:
            return f"{name} {price} is no multiple of the tick {rules.tick}"
        if price is not None and not (rules.min_price or 0) <= price <= (rules.max_price or price):
            return f"{name} {price} is not from {rules.min_price} to {rules.max_price}"
    if row.qty % rules.step:
        return f"quantity {row.qty} is no multiple of the step {rules.step}"
    if not rules.min_qty <= row.qty <= rules.max_qty:
        return f"quantity {row.qty} is not from {rules.min_qty} to {rules.max_qty}"
    if row.price is not None and row.qty * row.price < rules.min_notional_usdt:
        return f"{row.qty} at {row.price} is worth less than {rules.min_notional_usdt} USDT"
    return ""


def _words(name: str, was: str, now: str) -> str:
    if name == DELIVERY:
        return f"the time of delivery from {_moment(was)} to {_moment(now)}"
    return f"{name} from {was} to {now}"


def _moment(text: str) -> str:
    return "none" if text == "0" else _time(int(text))


def _time(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"
