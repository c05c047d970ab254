"""
A second look at entries that were let through: whether anything was in force that forbids them.

Gates judge before an entry is written down. This reads the ledger afterwards, knows nothing of gates, and trusts no clock: what
was in force at two looks in a row was in force between them, and an entry that is new at the second one was written then. What
it finds is a bug of this program, so a person is told and the symbol takes no more risk.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import orjson

from playd.core.modes import Environment
from playd.core.orders import IntentClass, OrderState, Side
from playd.orders.desk import Desk
from playd.orders.fills import Share
from playd.orders.halts import Halt, Level, scopes_of
from playd.orders.opened import of_day, total
from playd.orders.protection import Protection
from playd.orders.rows import OrderRow
from playd.orders.settings import OrderSettings

LOOK_EVERY_S: Final = 5.0
LOOKED_AT: Final = 100
"""Twice as many entries as a venue takes from one account in that time."""

SLACK: Final = Decimal("1.1")
"""Prices and equity move between the gates and this look; what is further above a cap than that was never below it."""

_DAY_S: Final = 86_400.0
_ZERO: Final = Decimal(0)


class SecondLook:
    """Looks at one account. `look` often; it does something every `LOOK_EVERY_S`."""

    def __init__(self, desk: Desk, protection: Protection) -> None:
        self._desk = desk
        self._protection = protection
        self._due_s = 0.0
        self._seen = {row["id"] for row in self._newest()}
        self._halts: dict[int, Halt] = {}
        self._limits = desk.settings.limits
        """The account's at the last look: an entry of since then may have been judged under them."""
        self._doubtful: dict[str, tuple[str, int | None]] = {}
        """Symbols of orders in doubt, and when each was sent: one that was sent again was in no doubt for a moment."""
        self._absent_from_s: dict[str, float] = {}
        """By order in doubt: before this moment nobody can have proved it absent."""

    def look(self) -> None:
        """Hold new entries against what was in force since the last look."""
        desk, now_s = self._desk, self._desk.clock.mono_s()
        if now_s < self._due_s:
            return
        self._due_s = now_s + LOOK_EVERY_S
        halts = {halt.id: halt for halt in desk.halts.in_force()}
        doubtful = {row.link_id: (row.symbol, row.signed_ms) for row in desk.book.live() if row.state is OrderState.UNKNOWN}
        lasting = [halt for number, halt in self._halts.items() if number in halts]
        unknown = {link: sent[0] for link, sent in self._doubtful.items() if doubtful.get(link) == sent}
        for row in self._new_entries():
            for fault in self._faults(row, lasting, unknown):
                desk.halt_symbol(row["symbol"], Level.HALT, "INVARIANT", f"entry {row['id']}: {fault}")
        for link in self._doubtful.keys() - doubtful.keys():
            self._judge_end(link, now_s)
        self._halts, self._doubtful, self._limits = halts, doubtful, desk.settings.limits
        soonest_s = (
            now_s + desk.settings.never_arrived_after_s - 2 * LOOK_EVERY_S
        )  # it was in doubt up to a look before this one
        self._absent_from_s = {link: min(self._absent_from_s.get(link, soonest_s), soonest_s) for link in doubtful}

    def _judge_end(self, link: str, now_s: float) -> None:
        """An order that is in doubt no more: called absent, it must have been in doubt for as long as the proof takes."""
        row = self._desk.book.need(link)
        if row.state is OrderState.NEVER_ARRIVED and now_s < self._absent_from_s[link]:
            note = f"order {link} was called absent before its doubt was old enough to prove it (INV-06)"
            self._desk.halt_symbol(row.symbol, Level.HALT, "INVARIANT", note)

    def _new_entries(self) -> list[sqlite3.Row]:
        """Entries with the order they became, of this account, that were not there at the last look; oldest first."""
        newest = self._newest()
        new = [row for row in reversed(newest) if row["id"] not in self._seen]
        self._seen = {row["id"] for row in newest}
        # What was taken in again behind a lost ledger was judged in another life, and has no digest of its parameters.
        return [row for row in new if row["parameters_digest"]]

    def _newest(self) -> list[sqlite3.Row]:
        """More of the newest entries than can be sent between two looks; the index has them in this order."""
        return self._desk.ledger.rows(
            "SELECT i.*, o.link_id, o.stop AS order_stop, o.qty AS order_qty, o.state AS order_state FROM"
            " (SELECT * FROM intents WHERE account = ? AND class = ? ORDER BY created_ms DESC LIMIT ?) i"
            " LEFT JOIN orders o ON o.intent = i.id AND o.attempt = 0 ORDER BY i.created_ms DESC",
            (self._desk.alias, str(IntentClass.ENTRY), LOOKED_AT),
        )

    def _faults(self, row: sqlite3.Row, halts: list[Halt], unknown: dict[str, str]) -> Iterator[str]:
        desk, symbol = self._desk, row["symbol"]
        if row["link_id"] is None:
            yield "it has no order (INV-01)"
        elif row["order_state"] == OrderState.NEVER_ARRIVED:
            yield f"its order was called absent within {LOOK_EVERY_S:g} s (INV-06)"
        for link in sorted(link for link, where in unknown.items() if where == symbol):
            yield f"order {link} of {symbol} was in doubt (INV-08)"
        if row["link_id"] is not None and row["order_stop"] is None:
            yield "its order carries no stop (INV-15)"
        scopes = scopes_of(row["instance"], desk.alias, symbol)
        for halt in halts:
            if halt.scope in scopes and halt.level >= Level.PAUSE:
                yield f"{halt.scope} was at level {int(halt.level)} for {halt.code} (INV-18)"
        if row["link_id"] is not None:
            case = desk.judged.body(row["instance"], row["bar_close_ms"])
            if case is None:
                yield "nothing is kept of what its gates had before them (INV-36)"
            else:
                bounds = desk.on_record.read(OrderSettings, case["limits"])
                yield from self._above_caps(row, bounds, case["facts"])
                yield from _stale(case["inputs"], case["facts"], bounds)
        if desk.environment is Environment.LIVE and not self._armed(row):
            yield "no permission to trade with real money covers it (INV-21)"
        if not self._has_verdict(row):
            yield f"its bar {row['bar_close_ms']} has no verdict (INV-22)"

    def _above_caps(self, row: sqlite3.Row, bounds: OrderSettings, facts: dict[str, Any]) -> Iterator[str]:
        """Caps in money that an entry, or what is open together with it, lies above. Foreign positions count too."""
        desk, one_order = self._desk, bounds.limits.hard_order_usd
        worth = Decimal(row["order_qty"]) * Decimal(row["price_ref"])
        if one_order is not None and worth > one_order * SLACK:
            yield f"it is worth {worth:.2f} USDT, one order may be worth {one_order} (INV-17)"
        # The account's own: an instance's tighter one bound only its own entry, and others may have opened more since.
        before, limits, wallet = self._limits, desk.settings.limits, desk.condition.wallet
        if wallet is None:
            return
        # What fell since the entry was judged did not bind it.
        equity_usdt = max(wallet.equity_usdt, Decimal(facts["equity_usdt"] or 0))
        long_usd, short_usd = self._open_usd()
        each = {symbol: max(abs(long_usd[symbol]), abs(short_usd[symbol])) for symbol in long_usd}
        one_side = max(abs(sum(long_usd.values(), _ZERO)), abs(sum(short_usd.values(), _ZERO)))
        week = desk.caps.opened(row["bar_close_ms"])
        for usd, pcts, what in (
            (sum(each.values(), _ZERO), (before.gross_pct, limits.gross_pct), "are open with it"),
            (one_side, (before.net_pct, limits.net_pct), "are open on one side with it"),
            (
                each.get(row["symbol"], _ZERO),
                (before.symbol_pct, limits.symbol_pct),
                f"of {row['symbol']} are open with it",
            ),
            (
                of_day(week, row["bar_close_ms"]),
                (before.day_notional_pct, limits.day_notional_pct),
                "were opened on its day",
            ),
            (total(week), (before.week_notional_pct, limits.week_notional_pct), "were opened in its week"),
        ):
            set_pcts = [pct for pct in pcts if pct is not None]
            most = None if len(set_pcts) < len(pcts) else equity_usdt * max(set_pcts) / 100
            if most is not None and usd > most * SLACK:
                yield f"{usd:.2f} USDT {what}, at most {most:.2f} may be (INV-17)"

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

    def _least_price(self, share: Share) -> Decimal:
        """What a position is worth at least: the gate goes by the mark, which may have moved far from the price of entry."""
        seen, paid = self._protection.last_seen(share.symbol), share.position.avg_price
        return min(seen[0].mark_price or paid, paid) if seen is not None else paid

    def _price_of(self, order: OrderRow) -> Decimal:
        """The price that an entry was decided at; that of its limit is at most a band away."""
        intent = self._desk.book.intent(order.intent or "")
        return intent.price_ref if intent is not None else order.price or Decimal(0)

    def _armed(self, row: sqlite3.Row) -> bool:
        """Whether a permission for this very Play, and for an order of this size, was in force when the entry was written."""
        sql = (
            "SELECT body FROM armings WHERE instance = ? AND expires_ms > ? AND confirmed_ms <= ?"
            " AND (revoked_ms IS NULL OR revoked_ms > ?)"
        )
        then_ms = row["created_ms"]
        found = self._desk.ledger.rows(sql, (row["instance"], then_ms, then_ms, then_ms))
        return any(_covers(orjson.loads(each["body"]), row) for each in found)

    def _has_verdict(self, row: sqlite3.Row) -> bool:
        sql = (
            "SELECT 1 FROM instances i JOIN bars b ON b.instance = i.uid AND b.clock_ms = i.clock_ms AND b.close_ms = ?"
            " WHERE i.uid = ?"
        )
        return self._desk.ledger.row(sql, (row["bar_close_ms"], row["instance"])) is not None


def _stale(inputs: dict[str, Any], facts: dict[str, Any], bounds: OrderSettings) -> Iterator[str]:
    """Ages beyond their bounds in what the gates had before them when they let an entry through."""
    ages = [
        ("signal", inputs["bar_age_s"], min(bounds.entry_max_age_s, float(facts["bar_s"]))),
        ("feed", inputs["feed_age_s"], bounds.feed_stale_s),
        ("equity", facts["equity_age_s"], bounds.equity_max_age_s),
        ("rules", facts["rules_age_s"], _DAY_S),
    ]
    if not bounds.plain_market:
        ages.append(("quote", inputs["quote_age_s"], bounds.quote_max_age_s))
    for what, age_s, most_s in ages:
        if not isinstance(age_s, int | float) or age_s > most_s:
            yield f"its {what} was {age_s} s old, at most {most_s:g} s are allowed (INV-23)"
    if inputs["ready"] is not True:
        yield f"column {inputs['not_ready']} was not ready (INV-23)"


def _covers(arming: dict[str, Any], row: sqlite3.Row) -> bool:
    """Whether a permission was given for the Play, the account and the size of an entry."""
    worth, most = Decimal(row["order_qty"] or 0) * Decimal(row["price_ref"]), arming.get("order_usd")
    same = all(arming.get(name, row[name]) == row[name] for name in ("play_digest", "account"))
    return same and (not most or worth <= Decimal(most) * SLACK)
