"""
Whether an entry that was let through lies above a cap: reckoned again, by other code than that of the gates.

What bounds a single entry is held against what its gates had before them. What entries add up to is reckoned from the ledger of
now, with the widest of the limits that were in force meanwhile: what fell since the entry was judged did not bind it.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from playd.core.orders import IntentClass, Side
from playd.orders.desk import Desk
from playd.orders.fills import Share
from playd.orders.opened import HOUR_MS, of_day, total
from playd.orders.order_book import FOREIGN
from playd.orders.protection import Protection
from playd.orders.risk_limits import RiskLimits
from playd.orders.rows import OrderRow
from playd.orders.settings import OrderSettings

SLACK: Final = Decimal("1.1")
"""Prices and equity move between the gates and this look; what is further above a cap than that was never below it."""

_ZERO: Final = Decimal(0)
_Kept = Mapping[str, Any]
"""What the gates had before them, flat."""


class SecondCaps:
    """Of one account. `remember` follows every look."""

    def __init__(self, desk: Desk, protection: Protection) -> None:
        self._desk = desk
        self._protection = protection
        self._before = desk.settings.limits
        """The account's at the last look: an entry of since then may have been judged under them."""

    def remember(self) -> None:
        """Keep the limits of now for the entries of until the next look."""
        self._before = self._desk.settings.limits

    def faults(self, row: sqlite3.Row, bounds: OrderSettings, facts: _Kept) -> Iterator[str]:
        """Every cap that an entry lies above, in words. `row` is its intent, with what was sent; `bounds` held for it then."""
        for fault in (
            *self._of_one(row, bounds.limits, facts),
            *self._added_up(row, facts),
            *self._in_an_hour(row, bounds.limits),
        ):
            yield f"{fault} (INV-17)"

    def _of_one(self, row: sqlite3.Row, limits: RiskLimits, facts: _Kept) -> Iterator[str]:
        """What bounds a single entry: its worth, its risk, its margin, the leverage, and where liquidation lies."""
        qty, price = Decimal(row["order_qty"]), Decimal(row["price_ref"])
        worth, equity, leverage = qty * price, _amount(facts, "equity_usdt"), _amount(facts, "leverage")
        away = abs(price - Decimal(row["stop"])) if row["stop"] is not None else price
        for usd, most, what in (
            (worth, limits.hard_order_usd, "is worth {} USDT, one order may be worth {}"),
            (worth, limits.order_usd, "is worth {} USDT, an order of its step may be worth {}"),
            (worth, _part(equity, limits.notional_per_trade_pct), "is worth {} USDT, one entry may be worth {}"),
            (qty * away, _part(equity, limits.risk_per_trade_pct), "may lose {} USDT, one entry may lose {}"),
            (worth, _part(equity * leverage, limits.margin_per_trade_pct), "is worth {} USDT, its margin allows {}"),
            (
                worth + _amount(facts, "day_usd"),
                limits.day_usd,
                "and its day are worth {} USDT, a day of its step may be worth {}",
            ),
        ):
            if most is not None and usd > most * SLACK:
                yield "it " + what.format(f"{usd:.2f}", f"{most.normalize():f}")
        if limits.day_orders is not None and facts["day_orders"] >= limits.day_orders:
            yield f"{facts['day_orders']} entries of its day went before it, {limits.day_orders} may be with it"
        if limits.size_share_pct is not None and qty > Decimal(row["qty"]) * limits.size_share_pct / 100:
            yield f"it is {qty} of {row['qty']}, its step allows {limits.size_share_pct} % of them"
        if limits.max_leverage is not None and not 0 < leverage <= limits.max_leverage:
            yield f"the leverage was {facts['leverage'] or 'unknown'}, at most {limits.max_leverage} is allowed"
        if limits.liquidation_safety is not None:
            room = _room(worth, leverage, facts["tiers"]) * price * limits.liquidation_safety
            if away > room * SLACK:
                yield f"its stop is {away.normalize():f} away, liquidation allows {room:.2f}"
        for name, most_rate in (("im_rate", limits.max_im_rate), ("mm_rate", limits.max_mm_rate)):
            if most_rate is not None and _amount(facts, name) > most_rate:
                yield f"the {name} was {facts[name]}, at most {most_rate} is allowed"

    def _added_up(self, row: sqlite3.Row, facts: _Kept) -> Iterator[str]:
        """
        What is open together with it, foreign positions included, and what was opened. By the account's own limits: an
        instance's tighter one bound only its own entry, and others may have opened more since.
        """
        desk, before, limits = self._desk, self._before, self._desk.settings.limits
        wallet = desk.condition.wallet
        if wallet is None:
            return
        equity = max(wallet.equity_usdt, _amount(facts, "equity_usdt"))
        long_usd, short_usd = self._open_usd()
        each = {symbol: max(abs(long_usd[symbol]), abs(short_usd[symbol])) for symbol in long_usd}
        one_side = max(abs(sum(long_usd.values(), _ZERO)), abs(sum(short_usd.values(), _ZERO)))
        week, symbol = desk.caps.opened(row["bar_close_ms"]), row["symbol"]
        for usd, pcts, what in (
            (sum(each.values(), _ZERO), (before.gross_pct, limits.gross_pct), "are open with it"),
            (one_side, (before.net_pct, limits.net_pct), "are open on one side with it"),
            (each.get(symbol, _ZERO), (before.symbol_pct, limits.symbol_pct), f"of {symbol} are open with it"),
            (of_day(week, row["bar_close_ms"]), (before.day_notional_pct, limits.day_notional_pct), "were opened on its day"),
            (total(week), (before.week_notional_pct, limits.week_notional_pct), "were opened in its week"),
        ):
            most = _part(equity, _widest(*pcts))
            if most is not None and usd > most * SLACK:
                yield f"{usd:.2f} USDT {what}, at most {most:.2f} may be"
        most_positions = _widest(before.max_positions, limits.max_positions)
        if most_positions is not None and (positions := len(self._own_symbols())) > most_positions:
            yield f"{positions} positions are open with it, at most {most_positions} may be"

    def _in_an_hour(self, row: sqlite3.Row, bounds: RiskLimits) -> Iterator[str]:
        """Entries of the hour that its bar ends, of its instance and of the account; none is missing, so there is no slack."""
        desk, account = self._desk, self._desk.settings.limits
        own = desk.settings_of(row["instance"]).limits
        hours = (bounds.entries_per_hour_account, self._before.entries_per_hour_account, account.entries_per_hour_account)
        for instance, most in (
            (row["instance"], _widest(bounds.entries_per_hour_instance, own.entries_per_hour_instance)),
            (None, _widest(*hours)),
        ):
            if most is not None and (count := self._entries(row, instance)) > most:
                yield f"{count} entries of {instance or 'the account'} were made in its hour, at most {most} may be"

    def _entries(self, row: sqlite3.Row, instance: str | None) -> int:
        close_ms, least_ms = row["bar_close_ms"], row["created_ms"] - 2 * HOUR_MS  # no entry is so late
        found = self._desk.ledger.row(
            "SELECT count(*) AS n FROM intents WHERE account = ? AND class = ? AND created_ms >= ?"
            " AND bar_close_ms > ? AND bar_close_ms <= ? AND instance = coalesce(?, instance)",
            (self._desk.alias, str(IntentClass.ENTRY), least_ms, close_ms - HOUR_MS, close_ms, instance),
        )
        return 0 if found is None else int(found["n"])

    def _open_usd(self) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
        """By symbol: what is held if all that buys executes, and if all that sells does; at the least price each is worth."""
        long_usd: defaultdict[str, Decimal] = defaultdict(Decimal)
        short_usd: defaultdict[str, Decimal] = defaultdict(Decimal)
        for share in self._desk.fills.shares():
            usd = share.position.signed_qty * self._least_price(share)
            long_usd[share.symbol] += usd
            short_usd[share.symbol] += usd
        for order in self._desk.book.live():
            if order.intent is not None and not order.reduce_only:
                usd = order.open_qty * self._price_of(order)
                long_usd[order.symbol] += usd if order.side is Side.BUY else _ZERO
                short_usd[order.symbol] -= usd if order.side is Side.SELL else _ZERO
        return long_usd, short_usd

    def _own_symbols(self) -> set[str]:
        """Where anything of ours is open or may open; what a hand opens behind an entry is not the entry's fault."""
        held = {each.symbol for each in self._desk.fills.shares() if each.position.signed_qty and each.owner != FOREIGN}
        return held | {order.symbol for order in self._desk.book.live() if order.intent is not None and not order.reduce_only}

    def _least_price(self, share: Share) -> Decimal:
        """What a position is worth at least: the gate goes by the mark, which may have moved far from the price of entry."""
        seen, paid = self._protection.last_seen(share.symbol), share.position.avg_price
        return min(seen[0].mark_price or paid, paid) if seen is not None else paid

    def _price_of(self, order: OrderRow) -> Decimal:
        """The price that an entry was decided at; that of its limit is at most a band away."""
        intent = self._desk.book.intent(order.intent or "")
        return intent.price_ref if intent is not None else order.price or Decimal(0)


def _amount(facts: _Kept, name: str) -> Decimal:
    """A kept number, zero where there was none."""
    return Decimal(facts[name] or 0)


def _part(of: Decimal, pct: Decimal | None) -> Decimal | None:
    return None if pct is None else of * pct / 100


def _widest(*limits: Any) -> Any:
    """The widest of the limits that held one after the other; None where one of them was none."""
    return None if None in limits else max(limits)


def _room(worth: Decimal, leverage: Decimal, tiers: list[dict[str, str]]) -> Decimal:
    """How far liquidation lies at most, as a part of the price: by the tier of this entry alone."""
    if leverage <= 0:
        return _ZERO
    rates = [Decimal(tier["mm_rate"]) for tier in tiers if worth <= Decimal(tier["limit_usdt"])]
    return max(_ZERO, 1 / leverage - (rates[0] if rates else _ZERO))
