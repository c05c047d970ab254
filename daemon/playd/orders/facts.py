"""What the account knows when an entry is judged, gathered from its ledger and its watches. Reads only."""

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from playd.core.modes import Environment
from playd.core.orders import Intent, OrderState
from playd.orders.breakers import Trip
from playd.orders.desk import Desk
from playd.orders.exposure import Holding, Working
from playd.orders.gates import AccountFacts
from playd.orders.halts import scopes_of
from playd.orders.opened import HOUR_MS, of_day, total
from playd.orders.order_book import FOREIGN, is_theirs
from playd.orders.risk_limits import RiskLimits
from playd.orders.rows import OrderRow

_ZERO: Final = Decimal(0)

if TYPE_CHECKING:
    from playd.orders.breaker_watch import BreakerWatch
    from playd.orders.protection import Protection


class Facts:
    """Gathers `AccountFacts`. `watch` must be called before the first entry."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._protection: Protection | None = None
        self._breakers: BreakerWatch | None = None

    def watch(self, protection: "Protection", breakers: "BreakerWatch") -> None:
        """Connect the fill check and the breakers, which are built on top of the gateway."""
        self._protection, self._breakers = protection, breakers

    def gather(self, intent: Intent, clock_ms: int, *, intent_exists: bool) -> AccountFacts:
        """The facts of this moment about an entry of an instance whose execution bars are `clock_ms` long."""
        desk = self._desk
        now_ms, now_s, wallet = desk.clock.wall_ms(), desk.clock.mono_s(), desk.condition.wallet
        limits = desk.settings_of(intent.instance_uid).limits
        not_ready = desk.condition.not_ready()
        live = desk.book.live(intent.symbol)
        opened = desk.caps.opened(intent.bar_close_ms) if limits.counts else ()
        # An hour of the market, which on a simulated one is less than an hour of ours; and no entry is two hours late.
        hour = intent.bar_close_ms - HOUR_MS, now_ms - 2 * HOUR_MS
        hourly = limits.entries_per_hour_account is not None or limits.entries_per_hour_instance is not None
        of_hour = desk.book.recent_entries(*hour) if hourly else 0
        own_of_hour = desk.book.recent_entries(*hour, intent.instance_uid) if hourly else 0
        return AccountFacts(
            halt=desk.halts.highest(*scopes_of(intent.instance_uid, desk.alias, intent.symbol)),
            ready=not not_ready,
            not_ready=not_ready,
            equity_usdt=wallet.equity_usdt if wallet is not None else None,
            equity_age_s=now_s - desk.condition.wallet_mono_s if wallet is not None else None,
            verdict_exists=desk.verdicts.find(intent.instance_uid, clock_ms, intent.bar_close_ms) is not None,
            intent_exists=intent_exists,
            working_entries=sum(1 for row in live if row.owner == intent.instance_uid and not row.reduce_only),
            unresolved=_unresolved(live) or self._open_check(intent.symbol) or self._not_ours(intent),
            day_usd=of_day(opened, intent.bar_close_ms),
            day_orders=desk.caps.orders(intent.bar_close_ms) if limits.day_orders is not None else 0,
            entries_hour_instance=own_of_hour,
            entries_hour_account=of_hour,
            held_s=max(desk.budget.banned_for_s, desk.budget.entries_paused_for_s),
            week_usd=total(opened),
            opened=opened,
            now_ms=now_ms,
            venue_ms=self._breakers.now_ms if self._breakers is not None else None,
            bar_s=clock_ms / 1000,
            hour_until_ms=self._hour_until_ms(hour, intent.instance_uid, limits, own_of_hour, of_hour),
            trips=self._trips(intent.instance_uid),
            holdings=self._holdings() if limits.weigh_exposure else (),
            working=self._working(intent) if limits.weigh_exposure else (),
            leverage=self._leverage(intent.symbol),
            tiers=desk.tiers.get(intent.symbol, ()),
            rules_age_s=now_s - desk.rules_mono_s.get(intent.symbol, -math.inf),
            real_money=desk.environment is Environment.LIVE,
            im_rate=wallet.im_rate if wallet is not None else None,
            mm_rate=wallet.mm_rate if wallet is not None else None,
        )

    def _hour_until_ms(self, hour: tuple[int, int], uid: str, limits: RiskLimits, own_of_hour: int, of_hour: int) -> int | None:
        """When entries of an hour are fewer than their caps again; None while they are."""
        own_cap, cap, book = limits.entries_per_hour_instance, limits.entries_per_hour_account, self._desk.book
        ends = []
        if own_cap is not None and own_of_hour >= own_cap:
            ends.append(book.recent_close_ms(*hour, own_cap, uid) + HOUR_MS)
        if cap is not None and of_hour >= cap:
            ends.append(book.recent_close_ms(*hour, cap) + HOUR_MS)
        return max(ends, default=None)

    def _trips(self, uid: str) -> tuple[Trip, ...]:
        """Breakers of the account, and that of the instance."""
        if self._breakers is None:
            return ()
        own = self._breakers.trip_of(uid)
        return self._breakers.trips if own is None else (*self._breakers.trips, own)

    def _open_check(self, symbol: str) -> str:
        return self._protection.open_check(symbol) if self._protection is not None else ""

    def _not_ours(self, intent: Intent) -> str:
        """The stop of an entry is the stop of the whole position: it would move the one of somebody else's."""
        fills, symbol = self._desk.fills, intent.symbol
        held = self._desk.shown.sides(symbol, fills.position(FOREIGN, symbol).signed_qty)
        if held:
            return f"{' and '.join(map(str, held.values()))} on {symbol} is nobody's here"
        other = fills.against(symbol, intent.side, intent.instance_uid)
        return f"instance {other} holds the other side of {symbol}; the venue would net the two" if other else ""

    def _holdings(self) -> tuple[Holding, ...]:
        """Every owner's position, at the mark last seen, else at its entry price; of nobody's each side for itself."""
        shares = [share for share in self._desk.fills.shares() if share.position.signed_qty]
        theirs = {share.symbol: share.position for share in shares if share.owner == FOREIGN}
        held = [
            (share.symbol, 0, share.position.signed_qty, share.position.avg_price) for share in shares if share.owner != FOREIGN
        ]
        for symbol, idx, signed in self._desk.shown.held({symbol: each.signed_qty for symbol, each in theirs.items()}):
            held.append((symbol, idx, signed, theirs[symbol].avg_price if symbol in theirs else _ZERO))
        return tuple(Holding(symbol, signed, self._mark(symbol) or paid, idx) for symbol, idx, signed, paid in held)

    def _working(self, intent: Intent) -> tuple[Working, ...]:
        """Every order that may still open risk, in doubt or foreign ones included, and what opened it and is not booked yet."""
        book = self._desk.book
        rows = [
            *((row, row.open_qty) for row in book.live()),
            # What somebody else's order executed before this ledger is in the position that was taken over.
            *((row, row.unbooked_qty) for row in book.lacking_fills() if not is_theirs(row)),
        ]
        return tuple(
            Working(row.symbol, row.side, qty, self._price(row, intent), row.position_idx)
            for row, qty in rows
            if qty and not row.reduce_only and not row.protective
        )

    def _price(self, row: OrderRow, intent: Intent) -> Decimal:
        """The most that one base coin of an order may be worth; zero where nothing tells, by which no entry passes."""
        stored = self._desk.book.intent(row.intent) if row.intent is not None else None
        decided = stored.price_ref if stored is not None else None
        known = [price for price in (row.price, row.trigger, decided) if price]
        here = intent.price_ref if row.symbol == intent.symbol else _ZERO
        return max(known) if known else self._mark(row.symbol) or here

    def _mark(self, symbol: str) -> Decimal | None:
        seen = self._protection.last_seen(symbol) if self._protection is not None else None
        return (seen[0].mark_price if seen is not None else None) or self._desk.shown.mark(symbol)

    def _leverage(self, symbol: str) -> Decimal | None:
        """The leverage that the venue last said with a position, else that set or shown while flat; None: not known."""
        seen = self._protection.last_seen(symbol) if self._protection is not None else None
        return (seen[0].leverage if seen is not None else None) or self._desk.leverage.get(symbol)


def _unresolved(live: list[OrderRow]) -> str:
    for row in live:
        if row.state is OrderState.UNKNOWN:
            return f"order {row.link_id} is in doubt"
        if row.state is OrderState.ORPHAN:  # one that reduces would close what this entry opens
            return f"order {row.link_id} at the venue is nobody's"
    return ""
