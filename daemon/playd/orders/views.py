"""
Rows for tables and the control socket. Every figure says where it comes from and how old it is.

Pure reads: nothing here waits for the venue or changes the ledger.
"""

from dataclasses import dataclass
from decimal import Decimal

from playd.core.orders import Execution, Side
from playd.orders.desk import Desk
from playd.orders.ledger import Ledger
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


@dataclass(frozen=True, slots=True)
class FillView:
    """One booked execution with its owner."""

    n: int
    account: str
    owner: str
    received_ms: int
    source: str
    execution: Execution


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


def latest_fills(ledger: Ledger, account: str, *, limit: int, before_n: int | None, owner: str = "") -> list[FillView]:
    """Booked executions of an account, newest first; page with `before_n`."""
    rows = ledger.rows(
        "SELECT * FROM executions WHERE account = ? AND n < ? AND (? = '' OR owner = ?) ORDER BY n DESC LIMIT ?",
        (account, before_n if before_n is not None else 1 << 62, owner, owner, limit),
    )
    return [FillView(row["n"], account, row["owner"], row["received_ms"], row["source"], execution_row(row)) for row in rows]


class Views:
    """Tables of one account."""

    def __init__(self, desk: Desk, protection: Protection) -> None:
        self._desk = desk
        self._protection = protection

    def positions(self) -> list[PositionView]:
        """Every open share, and every symbol that the venue shows open while nobody here owns it."""
        desk = self._desk
        shares = [share for share in desk.fills.shares() if share.position.signed_qty]
        views = []
        for share in shares:
            held, found = share.position, self._protection.last_seen(share.symbol)
            seen, age_s = found if found is not None else (None, None)
            views.append(
                PositionView(
                    account=desk.alias,
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
                    venue_qty=seen.signed_qty if seen is not None else None,
                    venue_stop=(seen.stop or None) if seen is not None else None,
                    venue_target=(seen.target or None) if seen is not None else None,
                    mark_price=seen.mark_price if seen is not None else None,
                    liq_price=(seen.liq_price or None) if seen is not None else None,
                    unrealised_usdt=seen.unrealised_usdt if seen is not None else None,
                    venue_age_s=age_s,
                    protected=seen is not None and seen.signed_qty != 0 and seen.stop != 0,
                )
            )
        return views

    def orders(self) -> list[OrderRow]:
        """Orders that are not final, the venue's attached stops and targets and foreign orders included."""
        return self._desk.book.live()

    def fills(self, *, limit: int, before_n: int | None = None, owner: str = "") -> list[FillView]:
        """Booked executions, newest first; page with `before_n`."""
        return latest_fills(self._desk.ledger, self._desk.alias, limit=limit, before_n=before_n, owner=owner)

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
