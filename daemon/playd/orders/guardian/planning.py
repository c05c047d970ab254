"""From the ledger to the plan, as a pure function of what the ledger holds. Loaded by the daemon only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from playd.core.instrument import Instrument
from playd.core.orders import Side
from playd.orders.fill_check import nearest_stop
from playd.orders.fills import Share
from playd.orders.guardian.plan import AccountPlan, PlannedExit, PlannedHalt, PlannedPosition, PlannedShare
from playd.orders.halts import ALL, Halt, account_scope, freeze_of, scopes_of
from playd.orders.order_book import FOREIGN
from playd.orders.rows import OrderRow


@dataclass(frozen=True, slots=True)
class Held:
    """
    What the ledger holds of one account: all shares, live orders, rules of the symbols, names of the instances by uid, and by
    owner and symbol the newest sequence number that is in a share, and its market time. What was
    executed before `read_to_ms` is booked.
    """

    shares: Sequence[Share]
    orders: Sequence[OrderRow]
    instruments: Mapping[str, Instrument]
    names: Mapping[str, str]
    newest_booked: Callable[[str, str], tuple[int, int]]
    read_to_ms: int = 0


def account_plan(place: AccountPlan, held: Held, halts: Sequence[Halt], *, fallback_pct: Decimal, flatten: bool) -> AccountPlan:
    """
    The plan of one account. `place` is its plan without positions.

    Foreign shares are nobody's plan. An entry that may still fill is planned with the stop that it carries.
    """
    positions = []
    for symbol in sorted({share.symbol for share in held.shares} | {row.symbol for row in held.orders}):
        planned = _position(symbol, held, fallback_pct)
        if planned is not None:
            scopes = [scopes_of(each.owner, place.alias, symbol) for each in planned.shares]
            is_frozen = any(freeze_of(halts, each) is not None for each in scopes)
            positions.append(replace(planned, frozen=is_frozen, flatten=flatten))
    whole = freeze_of(halts, (account_scope(place.alias), ALL)) is not None
    return replace(place, positions=tuple(positions), frozen=whole, read_to_ms=held.read_to_ms)


def planned_halts(halts: Sequence[Halt]) -> tuple[PlannedHalt, ...]:
    """The halts of the ledger that are in force, by number. The kill file is its own record."""
    kept = sorted((halt for halt in halts if halt.id), key=lambda halt: halt.id)
    return tuple(
        PlannedHalt(halt.id, halt.scope, int(halt.level), halt.code, halt.text, halt.actor, halt.raised_ms) for halt in kept
    )


def _position(symbol: str, held: Held, fallback_pct: Decimal) -> PlannedPosition | None:
    rules = held.instruments.get(symbol)
    if rules is None:
        return None
    ours = [row for row in held.orders if row.symbol == symbol and row.intent is not None and row.owner != FOREIGN]
    entries = [row for row in ours if not row.reduce_only]
    owned = [share for share in held.shares if share.symbol == symbol and share.position.signed_qty and share.owner != FOREIGN]
    signed = sum((share.position.signed_qty for share in owned), Decimal(0))
    stop: Decimal | None
    if signed:
        stop = owned[0].stop if len(owned) == 1 else None
        side = Side.BUY if signed > 0 else Side.SELL
        nearest = None if stop else nearest_stop((share.position.signed_qty, share.stop) for share in owned)
        fallback = nearest or _fallback(owned[0].position.avg_price, side, fallback_pct, rules.tick)
    elif entries:
        stop, side, fallback = entries[0].stop, entries[0].side, None
    else:
        return None
    sign = 1 if side is Side.BUY else -1
    # Those against the net position hold nothing of it; those whose entry works may hold something soon.
    shares = {row.owner: Decimal(0) for row in entries}
    shares |= {share.owner: qty for share in owned if (qty := share.position.signed_qty * sign) > 0}
    opened_ms = {share.owner: share.position.opened_ms for share in owned}
    return PlannedPosition(
        symbol=symbol,
        position_idx=0,
        side=side,
        qty=abs(signed),
        stop=stop,
        fallback=fallback,
        tick=rules.tick,
        max_order_qty=rules.max_market_qty,
        shares=tuple(
            PlannedShare(owner, held.names.get(owner, ""), qty, opened_ms.get(owner, 0), *held.newest_booked(owner, symbol))
            for owner, qty in sorted(shares.items())
        ),
        frozen=False,
        flatten=True,
        entry_links=tuple(sorted(row.link_id for row in entries)),
        exits=tuple(PlannedExit(row.link_id, row.cum_qty) for row in sorted(ours, key=_link) if row.reduce_only),
    )


def _link(row: OrderRow) -> str:
    return row.link_id


def _fallback(entry_price: Decimal, side: Side, pct: Decimal, tick: Decimal) -> Decimal | None:
    """A stop this far from the entry, rounded towards the market."""
    if entry_price <= 0:
        return None
    distance = entry_price * pct / 100
    if side is Side.BUY:
        return ((entry_price - distance) / tick).to_integral_value(ROUND_CEILING) * tick
    return ((entry_price + distance) / tick).to_integral_value(ROUND_FLOOR) * tick
