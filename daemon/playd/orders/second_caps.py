"""
Whether an entry that was let through lies above a cap: reckoned again, by other code than that of the gates.

What bounds a single entry is held against what its gates had before them. What entries add up to is reckoned from the ledger of
now, with the widest of the limits that were in force meanwhile: what fell since the entry was judged did not bind it.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Self

import orjson

from playd.core.orders import IntentClass
from playd.orders.desk import Desk
from playd.orders.opened import HOUR_MS, of_day, total
from playd.orders.order_book import FOREIGN
from playd.orders.protection import Protection
from playd.orders.risk_limits import RiskLimits
from playd.orders.rows import OrderRow
from playd.orders.second_sums import Held, Hours, MayOpen, Moment, OpenNow, Sums
from playd.orders.settings import OrderSettings

SLACK: Final = Decimal("1.1")
"""Prices and equity move between the gates and this look; what is further above a cap than that was never below it."""

_ZERO: Final = Decimal(0)
_Kept = Mapping[str, Any]
"""What the gates had before them, flat."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What an entry was sent with: base coin, and the limit of its order in USDT, if it had one."""

    qty: Decimal
    price: Decimal | None

    @classmethod
    def of(cls, row: sqlite3.Row) -> Self:
        """As it stands with the intent: its order is what works now, which a hand may have changed."""
        sent = orjson.loads(row["gates"])["sent"]
        return cls(Decimal(sent["qty"]), None if sent["price"] is None else Decimal(sent["price"]))

    def is_what_works(self, row: sqlite3.Row) -> bool:
        """Whether nobody changed the order of an intent since, as far as it has one."""
        price = None if row["order_price"] is None else Decimal(row["order_price"])
        return row["link_id"] is None or (self.qty, self.price) == (Decimal(row["order_qty"]), price)


class SecondCaps:
    """Of one account. `take` begins every look."""

    def __init__(self, desk: Desk, protection: Protection) -> None:
        self._desk = desk
        self._protection = protection
        self._before = desk.settings.limits
        """The account's at the last look: an entry of since then may have been judged under them."""
        self._hands_before = self._hands()
        self._works_before = self._works()
        self._moment = Moment(None, OpenNow((), (), (), ()), Hours(()), {})
        self._held_then: list[RiskLimits] = []
        self._is_as_left = True
        """No new entry differs from what was sent, no older one from the last look: what a hand makes larger is in the sums."""

    def take(self, rows: list[sqlite3.Row]) -> None:
        """Take what the new entries, which are `rows`, are judged by together; then `faults` tells of each of them."""
        desk, hands = self._desk, self._hands()
        if rows:
            self._is_as_left = all(Sent.of(row).is_what_works(row) for row in rows) and self._is_what_worked()
            wallet, alias = desk.condition.wallet, desk.alias
            then = {orjson.loads(row["gates"])["limits"] for row in rows}
            self._held_then = [self._before, desk.settings.limits, *(self.bounds(key).limits for key in sorted(then))]
            since_ms = min(row["created_ms"] for row in rows) - 2 * HOUR_MS  # no entry is so late
            found = desk.ledger.rows(
                "SELECT instance, bar_close_ms FROM intents WHERE account = ? AND class = ? AND created_ms >= ?",
                (alias, str(IntentClass.ENTRY), since_ms),
            )
            self._moment = Moment(
                None if wallet is None else wallet.equity_usdt,
                OpenNow(self._ours(), hands, self._hands_before, self._orders()),
                Hours([(row["instance"], row["bar_close_ms"]) for row in found]),
                {close_ms: desk.caps.opened(close_ms) for close_ms in {row["bar_close_ms"] for row in rows}},
            )
        self._before, self._hands_before, self._works_before = desk.settings.limits, hands, self._works()

    def bounds(self, key: str) -> OrderSettings:
        """The numbers that held for an entry then, by where they are on record."""
        return self._desk.on_record.read(OrderSettings, key)

    def faults(self, row: sqlite3.Row, bounds: OrderSettings, facts: _Kept) -> Iterator[str]:
        """Every cap that an entry lies above, in words. `row` is its intent, with what was sent; `bounds` held for it then."""
        for fault in (
            *self._of_one(row, bounds.limits, facts),
            *(self._added_up(row, facts) if self._is_as_left else ()),
            *self._in_an_hour(row, bounds.limits),
        ):
            yield f"{fault} (INV-17)"

    def _of_one(self, row: sqlite3.Row, limits: RiskLimits, facts: _Kept) -> Iterator[str]:
        """What bounds a single entry: its worth, its risk, its margin, the leverage, and where liquidation lies."""
        order, price = Sent.of(row), Decimal(row["price_ref"])
        qty, sent = order.qty, price if order.price is None else order.price
        worth, equity, leverage = qty * price, _amount(facts, "equity_usdt"), _amount(facts, "leverage")
        away = abs(sent - Decimal(row["stop"])) if row["stop"] is not None else price
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
            room = _room(worth, leverage, facts["tiers"]) * sent * limits.liquidation_safety
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
        moment, symbol, close_ms = self._moment, row["symbol"], row["bar_close_ms"]
        if moment.equity_usdt is None:
            return
        equity, now, week = max(moment.equity_usdt, _amount(facts, "equity_usdt")), moment.now, moment.opened[close_ms]
        gates = [
            Held(each["symbol"], Decimal(each["signed_qty"]), Decimal(each["price"]), each["position_idx"])
            for each in facts["holdings"]
        ]
        caps: tuple[tuple[Callable[[Sums], Decimal], str, str], ...] = (
            (lambda sums: sums.gross, "gross_pct", "are open with it"),
            (lambda sums: sums.net, "net_pct", "are open on one side with it"),
            (lambda sums: sums.symbols.get(symbol, _ZERO), "symbol_pct", f"of {symbol} are open with it"),
            (lambda _: of_day(week, close_ms), "day_notional_pct", "were opened on its day"),
            (lambda _: total(week), "week_notional_pct", "were opened in its week"),
        )
        for of, name, what in caps:
            most = _part(equity, self._most(name))
            if most is None or (usd := min(map(of, now.least()))) <= most * SLACK:
                continue
            if (usd := min(usd, *map(of, now.beside(gates)))) > most * SLACK:
                yield f"{usd:.2f} USDT {what}, at most {most:.2f} may be"
        most_positions = self._most("max_positions")
        if most_positions is not None and len(now.symbols) > most_positions:
            yield f"{len(now.symbols)} positions are open with it, at most {most_positions} may be"

    def _in_an_hour(self, row: sqlite3.Row, bounds: RiskLimits) -> Iterator[str]:
        """Entries of the hour that its bar ends, of its instance and of the account; none is missing, so there is no slack."""
        own = self._desk.settings_of(row["instance"]).limits
        for instance, most in (
            (row["instance"], _widest(bounds.entries_per_hour_instance, own.entries_per_hour_instance)),
            (None, self._most("entries_per_hour_account")),
        ):
            if most is not None and (count := self._moment.hours.count(row["bar_close_ms"], instance)) > most:
                yield f"{count} entries of {instance or 'the account'} were made in its hour, at most {most} may be"

    def _most(self, name: str) -> Any:
        """
        The widest that the account's limit of this name was since the last look, as far as any new entry was judged under it.
        """
        return _widest(*(getattr(limits, name) for limits in self._held_then))

    def _ours(self) -> list[Held]:
        shares = [each for each in self._desk.fills.shares() if each.position.signed_qty and each.owner != FOREIGN]
        return [
            Held(each.symbol, each.position.signed_qty, self._least_price(each.symbol, each.position.avg_price))
            for each in shares
        ]

    def _hands(self) -> list[Held]:
        """What hands hold, each side of a symbol in hedge mode for itself."""
        theirs = {each.symbol: each.position for each in self._desk.fills.shares() if each.owner == FOREIGN}
        paid = {symbol: held.avg_price for symbol, held in theirs.items() if held.signed_qty}
        booked = {symbol: theirs[symbol].signed_qty for symbol in paid}
        return [
            Held(symbol, signed, self._least_price(symbol, paid.get(symbol)), idx)
            for symbol, idx, signed in self._desk.shown.held(booked)
        ]

    def _entries(self) -> list[OrderRow]:
        """Those that may execute yet."""
        return [each for each in self._desk.book.live() if each.intent is not None and not each.reduce_only]

    def _works(self) -> dict[str, tuple[Decimal, Decimal | None]]:
        """Quantity and limit of every entry that may execute yet."""
        return {each.link_id: (each.qty, each.price) for each in self._entries()}

    def _is_what_worked(self) -> bool:
        """Whether nobody changed, since the last look, an entry that might execute then; it may have executed meanwhile."""
        now = {link: self._desk.book.need(link) for link in self._works_before}
        return all((row.qty, row.price) == self._works_before[link] for link, row in now.items())

    def _orders(self) -> list[MayOpen]:
        return [MayOpen(each.symbol, each.side, each.open_qty, self._price_of(each)) for each in self._entries()]

    def _least_price(self, symbol: str, paid: Decimal | None) -> Decimal:
        """What a position is worth at least: the gate goes by the mark, which may have moved far from the price of entry."""
        seen = self._protection.last_seen(symbol)
        mark = (seen[0].mark_price if seen is not None else None) or self._desk.shown.mark(symbol)
        return min((price for price in (mark, paid) if price), default=_ZERO)

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
