"""What the ledger expects of a symbol at the venue: size, stop, target, from the shares and the entries that may be filling."""

from decimal import Decimal

from playd.orders.desk import Desk
from playd.orders.fill_check import Expected, nearest_stop
from playd.orders.fills import Share
from playd.orders.order_book import FOREIGN
from playd.orders.reconcile import LocalView


def local_view(desk: Desk, plan: "Expectations", leverage: Decimal | None) -> LocalView:
    """
    What a comparison with the venue takes from here. Symbols without rules are of two kinds: what instances have something on
    is missing from the venue's list and still theirs; the others nobody here trades, which is listed and counts for exposure.
    """
    rows, shares = desk.book.live(), desk.fills.shares()
    ours = {row.symbol for row in rows if row.owner != FOREIGN}
    ours |= {share.symbol for share in shares if share.owner != FOREIGN and share.position.signed_qty}
    ours -= desk.instruments.keys()
    others = {share.symbol for share in shares} - desk.instruments.keys() - ours
    return LocalView(
        rows,
        {symbol: plan.of(symbol) for symbol in desk.instruments},
        leverage,
        {symbol: desk.fills.net(symbol) for symbol in others},
        {symbol: desk.fills.net(symbol) for symbol in ours},
    )


def traded(desk: Desk) -> set[str]:
    """Symbols that instances have something on by the ledger; what others hold is none of our business."""
    orders = {row.symbol for row in desk.book.live() if row.owner != FOREIGN}
    return orders | {share.symbol for share in desk.fills.shares() if share.owner != FOREIGN}


def at_stake(desk: Desk) -> set[str]:
    """Those of them where something of ours works or is open now."""
    orders = {row.symbol for row in desk.book.live() if row.owner != FOREIGN}
    shares = (share for share in desk.fills.shares() if share.owner != FOREIGN)
    return orders | {share.symbol for share in shares if share.position.signed_qty}


class Expectations:
    """Of the books of one account. Reads the ledger only."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def of(self, symbol: str) -> Expected:
        """What the position must look like now."""
        desk, shares = self._desk, self.owned(symbol)
        stop = shares[0].stop if len(shares) == 1 else None if shares else self._under_way(symbol)[0]
        nearest = None if len(shares) < 2 else nearest_stop((share.position.signed_qty, share.stop) for share in shares)
        return Expected(desk.fills.net(symbol), stop, desk.instrument(symbol).tick, self._ours(symbol, shares), nearest)

    def target(self, symbol: str) -> Decimal | None:
        """The target that belongs on the position itself; None where several owners have one each."""
        shares = self.owned(symbol)
        return shares[0].target if len(shares) == 1 else None if shares else self._under_way(symbol)[1]

    def owned(self, symbol: str) -> list[Share]:
        """Open shares of instances."""
        return [share for share in self._desk.fills.shares(symbol) if share.position.signed_qty and share.owner != FOREIGN]

    def _under_way(self, symbol: str) -> tuple[Decimal | None, Decimal | None]:
        """Stop and target of the one entry that may be filling unseen; a position without a known fill is its position."""
        rows = [row for row in self._desk.book.live(symbol) if row.intent is not None and not row.reduce_only]
        return (rows[0].stop, rows[0].target) if len(rows) == 1 else (None, None)

    def _ours(self, symbol: str, shares: list[Share]) -> bool:
        """A position is ours once an instance owns some of it, or while an entry of ours may be filling unseen."""
        working = any(row.intent is not None and not row.reduce_only for row in self._desk.book.live(symbol))
        foreign = any(share.owner == FOREIGN and share.position.signed_qty for share in self._desk.fills.shares(symbol))
        return bool(shares) or (working and not foreign)
