"""
Rows for tables and the control socket. Every figure says where it comes from and how old it is.

Pure reads: nothing here waits for the venue or changes the ledger.
"""

import sqlite3
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from playd.core.orders import Execution, OrderState, Side
from playd.orders.desk import Desk
from playd.orders.fills import Share
from playd.orders.ledger import Ledger, SqlValue
from playd.orders.order_book import FOREIGN
from playd.orders.protection import Protection
from playd.orders.rows import OrderRow, execution_row


@dataclass(frozen=True, slots=True)
class PositionView:
    """
    One owner's share of a symbol (source: ledger), beside what the venue last said about the symbol (source: venue).

    `venue_stop`, `venue_target`, `mark_price`, `liq_price` are None when the symbol was never read; `venue_age_s` says how
    old that reading is. `protected` is True only if the venue's own reading shows a stop.
    """

    account: str
    owner: str
    symbol: str
    side: Side
    qty: Decimal
    entry_price: Decimal
    realised_usdt: Decimal
    fees_usdt: Decimal
    funding_usdt: Decimal
    opened_ms: int
    planned_stop: Decimal | None
    planned_target: Decimal | None
    verified_ms: int
    venue_qty: Decimal | None
    venue_stop: Decimal | None
    venue_target: Decimal | None
    mark_price: Decimal | None
    liq_price: Decimal | None
    unrealised_usdt: Decimal | None
    venue_age_s: float | None
    protected: bool


def booked_view(account: str, share: Share) -> PositionView:
    """An open share as the ledger books it, with nothing known of the venue yet: whoever knows more replaces the rest."""
    held = share.position
    return PositionView(
        account=account,
        owner=share.owner,
        symbol=share.symbol,
        side=Side.BUY if held.signed_qty > 0 else Side.SELL,
        qty=abs(held.signed_qty),
        entry_price=held.avg_price,
        realised_usdt=held.realised,
        fees_usdt=held.fees,
        funding_usdt=held.funding,
        opened_ms=held.opened_ms,
        planned_stop=share.stop,
        planned_target=share.target,
        verified_ms=share.verified_ms,
        venue_qty=None,
        venue_stop=None,
        venue_target=None,
        mark_price=None,
        liq_price=None,
        unrealised_usdt=None,
        venue_age_s=None,
        protected=False,
    )


@dataclass(frozen=True, slots=True)
class FillView:
    """One booked execution with its owner."""

    n: int
    account: str
    owner: str
    received_ms: int
    source: str
    execution: Execution
    reason: str = ""
    """Why it was, as its owner was told; empty for what nobody here owns, and for what was only computed."""


@dataclass(frozen=True, slots=True)
class BalanceView:
    """The wallet as the venue last stated it; all figures None before the first reading."""

    account: str
    environment: str
    equity_usdt: Decimal | None
    balance_usdt: Decimal | None
    available_usdt: Decimal | None
    unrealised_usdt: Decimal | None
    age_s: float | None
    not_ready: str
    naked_seconds_total: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records a list shall hold; None lets everything through. `owner` is an instance's uid."""

    account: str | None = None
    symbol: str | None = None
    owner: str | None = None
    since_ms: int | None = None


def latest_fills(ledger: Ledger, wanted: Wanted, *, limit: int, before_n: int | None = None) -> list[FillView]:
    """Booked executions of every account, open or not, newest first; page with `before_n`."""
    where, values = conditions(wanted, "venue_ms")
    newest_first = f"SELECT *, {_REASON} FROM executions WHERE n < ? AND {where} ORDER BY n DESC LIMIT ?"
    rows = ledger.rows(newest_first, [before_n if before_n is not None else 1 << 62, *values, limit])
    return [replace(_fill(row), reason=row["reason"] or "") for row in rows]


_REASON: Final = (
    "(SELECT o.reason FROM outbox o WHERE o.account = executions.account AND o.kind = 'fill'"
    " AND o.link_id = coalesce(executions.link_id, '') AND o.exec_id = executions.exec_id) AS reason"
)
"""What the owner of an execution was told of it; along the index that tells it once."""


def oldest_fills(ledger: Ledger, wanted: Wanted, *, after_n: int, limit: int) -> list[FillView]:
    """Booked executions in the order they were booked; page with `after_n`."""
    where, values = conditions(wanted, "venue_ms")
    rows = ledger.rows(f"SELECT * FROM executions WHERE n > ? AND {where} ORDER BY n LIMIT ?", [after_n, *values, limit])
    return [_fill(row) for row in rows]


def _fill(row: sqlite3.Row) -> FillView:
    return FillView(row["n"], row["account"], row["owner"], row["received_ms"], row["source"], execution_row(row))


def conditions(wanted: Wanted, time_column: str) -> tuple[str, list[SqlValue]]:
    """The conditions of a query of records and their values."""
    parts, values = ["1"], list[SqlValue]()
    for name, value in (("account", wanted.account), ("symbol", wanted.symbol), ("owner", wanted.owner)):
        if value is not None:
            parts.append(f"{name} = ?")
            values.append(value)
    if wanted.since_ms is not None:
        parts.append(f"{time_column} >= ?")
        values.append(wanted.since_ms)
    return " AND ".join(parts), values


class Views:
    """Tables of one account."""

    def __init__(self, desk: Desk, protection: Protection) -> None:
        self._desk = desk
        self._protection = protection

    def positions(self) -> list[PositionView]:
        """Every open share; what was booked without an owner of ours is among them, as `FOREIGN`."""
        desk = self._desk
        return [self._beside_venue(booked_view(desk.alias, each)) for each in desk.fills.shares() if each.position.signed_qty]

    def position(self, owner: str, symbol: str) -> PositionView | None:
        """One owner's open share, None when it is flat."""
        share = self._desk.fills.share(owner, symbol)
        return self._beside_venue(booked_view(self._desk.alias, share)) if share.position.signed_qty else None

    def _beside_venue(self, view: PositionView) -> PositionView:
        found = self._protection.last_seen(view.symbol)
        if found is None:
            return view
        seen, age_s = found
        return replace(
            view,
            venue_qty=seen.signed_qty,
            venue_stop=seen.stop or None,
            venue_target=seen.target or None,
            mark_price=seen.mark_price,
            liq_price=seen.liq_price or None,
            unrealised_usdt=seen.unrealised_usdt,
            venue_age_s=age_s,
            protected=seen.signed_qty != 0 and seen.stop != 0,
        )

    def orders(self) -> list[OrderRow]:
        """Orders that are not final, the venue's attached stops and targets and foreign orders included."""
        return self._desk.book.live()

    def oldest_doubt_s(self) -> float:
        """For how many seconds the order has been in doubt that is so for longest; zero when none is."""
        desk = self._desk
        unknown = [row for row in desk.book.live() if row.state is OrderState.UNKNOWN]
        since_ms = min((desk.book.in_doubt_since_ms(row) for row in unknown), default=None)
        return 0.0 if since_ms is None else max(0.0, (desk.clock.wall_ms() - since_ms) / 1000)

    def balance(self) -> BalanceView:
        desk, wallet = self._desk, self._desk.condition.wallet
        return BalanceView(
            account=desk.alias,
            environment=desk.environment,
            equity_usdt=wallet.equity_usdt if wallet is not None else None,
            balance_usdt=wallet.balance_usdt if wallet is not None else None,
            available_usdt=wallet.available_usdt if wallet is not None else None,
            unrealised_usdt=wallet.unrealised_usdt if wallet is not None else None,
            age_s=desk.clock.mono_s() - desk.condition.wallet_mono_s if wallet is not None else None,
            not_ready=desk.condition.not_ready(),
            naked_seconds_total=sum(desk.naked_seconds.values()),
        )

    def foreign(self) -> dict[str, Decimal]:
        """Signed quantity per symbol that nobody here owns, as booked."""
        return {
            share.symbol: share.position.signed_qty
            for share in self._desk.fills.shares()
            if share.owner == FOREIGN and share.position.signed_qty
        }
