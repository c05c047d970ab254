"""
Orders that belong to a position: Full stop and target, trailing stop, partial stops and targets, and how they follow it.

Functions return the orders they changed; callers tell them in the frame they belong to.
"""

from typing import Final

from playd.core.orders import Side
from playd.venues.exchange.books import Books
from playd.venues.exchange.model import Account, Leg, Order, Position
from playd.venues.exchange.text import float_text
from playd.venues.exchange.words import FALLING, RISING, CancelType, Status, StopKind

PARTIAL_MAX: Final = 20
"""Partial stops and targets per position."""


def of_position(account: Account, position: Position) -> list[Order]:
    """Open orders that meet this position, whatever they do to it."""
    return [
        order for order in account.orders.values() if order.symbol == position.symbol and order.position_idx == position.idx
    ]


def partial_count(account: Account, position: Position) -> int:
    """Partial stops and targets that wait for their trigger."""
    kinds = (StopKind.PARTIAL_STOP, StopKind.PARTIAL_TARGET)
    return sum(order.stop_kind in kinds for order in of_position(account, position))


def clear_reducing_orders(books: Books, account: Account, position: Position) -> list[Order]:
    """
    The position is gone or turned: what protected it and every resting reduce-only order go with it.

    A user's conditional order stays, and dies when it fires. Orders that wait for an open are dropped when they come due.
    """
    ended = []
    for order in of_position(account, position):
        if order.stop_kind.protects:
            status = Status.DEACTIVATED if order.waits_for_trigger else Status.CANCELLED
            ended.append(books.end(account, order, status, CancelType.POSITION_GONE))
        elif order.reduces and not order.due and not order.waits_for_trigger:
            ended.append(books.end(account, order, Status.CANCELLED, CancelType.REDUCE_ONLY))
    return ended


def protect_after(books: Books, account: Account, order: Order, position: Position, *, opened_steps: int) -> None:
    """Bring the levels of an entry to its position, and the quantity of what is there to its size; tells all of it."""
    if position.steps == 0:
        return
    told: list[Order] = []
    if opened_steps and (order.stop_ticks or order.target_ticks):
        if order.partial:
            told += _grow_pair(books, account, order, position, opened_steps)
        else:
            stop, target = (leg if leg.trigger_ticks else None for leg in (order.stop_leg, order.target_leg))
            told += set_levels(books, account, position, stop, target, order.link_id)
    for changed in (*_resized(books, account, position), *trim_reducing(books, account, position)):
        if changed not in told:
            told.append(changed)
    if told:
        books.tell_orders(account, told)
        books.tell_position(account, position)


def set_levels(
    books: Books, account: Account, position: Position, stop: Leg | None, target: Leg | None, parent_link_id: str
) -> list[Order]:
    """Full-mode levels of an open position: None leaves one as it is, a leg without trigger removes it."""
    changed: list[Order] = []
    for kind, leg, order_id in ((StopKind.STOP, stop, position.stop_id), (StopKind.TARGET, target, position.target_id)):
        present = account.orders.get(order_id)
        if leg is None or (leg.trigger_ticks == (present.trigger_ticks if present else 0) and _same_price(present, leg)):
            continue
        if leg.trigger_ticks == 0 and present:
            changed.append(books.end(account, present, Status.DEACTIVATED, CancelType.USER))
        elif present:
            present.trigger_ticks, present.trigger_by = leg.trigger_ticks, leg.trigger_by
            present.tested_open_ms, present.tested_to = books.time.open_ms, books.time.fraction
            changed.append(books.touch(present))
        else:
            order = new_stop(books, account, position, kind, leg, abs(position.steps), parent_link_id)
            if kind is StopKind.STOP:
                position.stop_id = order.order_id
            else:
                position.target_id = order.order_id
            changed.append(order)
    return changed


def add_pair(
    books: Books, account: Account, position: Position, stop: Leg, target: Leg, steps: int, *, parent: Order | None = None
) -> list[Order]:
    """Partial stop and target (either may be without trigger) for `steps` of a position, linked to each other."""
    link_id, parent_id = (parent.link_id, parent.order_id) if parent else ("", "")
    made = [
        new_stop(books, account, position, kind, leg, steps, link_id)
        for kind, leg in ((StopKind.PARTIAL_STOP, stop), (StopKind.PARTIAL_TARGET, target))
        if leg.trigger_ticks
    ]
    for order in made:
        order.parent_id, order.partial = parent_id, True
    if len(made) == 2:
        made[0].sibling_id, made[1].sibling_id = made[1].order_id, made[0].order_id
    return made


def unlink(books: Books, account: Account, order: Order) -> None:
    """A leg of a pair was changed alone: the pair is one no longer."""
    sibling = account.orders.get(order.sibling_id)
    order.sibling_id = ""
    if sibling is not None:
        sibling.sibling_id = ""
        books.touch(sibling)


def end_sibling(books: Books, account: Account, order: Order) -> list[Order]:
    """The other leg of a pair goes when one has triggered."""
    sibling, order.sibling_id = account.orders.get(order.sibling_id), ""
    if sibling is None:
        return []
    is_target = order.stop_kind is StopKind.PARTIAL_TARGET
    status = Status.DEACTIVATED if sibling.waits_for_trigger else Status.CANCELLED
    return [books.end(account, sibling, status, CancelType.STOP_BY_TARGET if is_target else CancelType.TARGET_BY_STOP)]


def set_trailing(books: Books, account: Account, position: Position, trail_ticks: int, active_ticks: int) -> list[Order]:
    """Trailing stop of an open position at a distance, from `active_ticks` on (0: at once); distance 0 removes it."""
    present = account.orders.get(position.trailing_id)
    if present is not None and trail_ticks == 0:
        return [books.end(account, present, Status.DEACTIVATED, CancelType.USER)]
    if trail_ticks == 0 or (present and (present.trail_ticks, present.active_ticks) == (trail_ticks, active_ticks)):
        return []
    order = present or new_stop(books, account, position, StopKind.TRAILING, Leg(), abs(position.steps), "")
    position.trailing_id = order.order_id
    order.trail_ticks, order.active_ticks, order.trail_best, order.trigger_ticks = trail_ticks, active_ticks, 0.0, 0
    order.tested_open_ms, order.tested_to = books.time.open_ms, books.time.fraction
    if not active_ticks:
        follow_best(books, order, books.listings[order.symbol].last)
    return [books.touch(order)]


def follow_best(books: Books, order: Order, best: float) -> bool:
    """Let an active trailing stop follow the best price so far; returns whether its trigger moved."""
    listing = books.listings[order.symbol]
    falls = order.side is Side.SELL
    best_ticks = listing.whole_ticks(best, up=not falls)
    trigger_ticks = best_ticks - order.trail_ticks if falls else best_ticks + order.trail_ticks
    order.trail_best = best
    if order.trigger_ticks == trigger_ticks:
        return False
    order.trigger_ticks = trigger_ticks
    return True


def new_stop(
    books: Books, account: Account, position: Position, kind: StopKind, leg: Leg, steps: int, parent_link_id: str
) -> Order:
    """An untriggered order that closes `steps` of a position; it meets the market from now on."""
    now_ms = books.time.now_ms
    order = Order(
        order_id=books.new_id(),
        uid=account.uid,
        link_id="",
        parent_link_id=parent_link_id,
        symbol=position.symbol,
        side=Side.SELL if position.steps > 0 else Side.BUY,
        order_type="Limit" if leg.limit_ticks else "Market",
        time_in_force="GTC" if leg.limit_ticks else "IOC",
        qty_steps=steps,
        price_ticks=leg.limit_ticks,
        reduce_only=True,
        close_on_trigger=True,
        status=Status.UNTRIGGERED,
        create_type=f"CreateBy{kind}",
        stop_kind=kind,
        trigger_ticks=leg.trigger_ticks,
        trigger_by=leg.trigger_by,
        position_idx=position.idx,
        last_price_text=float_text(books.listings[position.symbol].last),
        created_ms=now_ms,
        updated_ms=now_ms,
        sequence=books.next_sequence(),
        tested_open_ms=books.time.open_ms,
        tested_to=books.time.fraction,
    )
    order.queued = order.sequence
    rises = (kind in (StopKind.TARGET, StopKind.PARTIAL_TARGET)) == (order.side is Side.SELL)
    order.trigger_direction = RISING if rises else FALLING
    books.add_order(account, order)
    books.changes.positions.add((account.uid, position.place))
    return order


def trim_reducing(books: Books, account: Account, position: Position) -> list[Order]:
    """
    Resting reduce-only orders together never exceed the position: the best price keeps its quantity, what is too much ends.

    At one price the earlier order is the better one.
    """
    resting = [
        order
        for order in of_position(account, position)
        if order.reduces and not order.is_market and not order.due and not order.waits_for_trigger
    ]
    free, changed = abs(position.steps), []
    for order in sorted(resting, key=lambda each: (each.price_ticks * (1 if each.side is Side.SELL else -1), each.queued)):
        if free == 0:
            changed.append(books.end(account, order, Status.CANCELLED, CancelType.REDUCE_ONLY))
        elif order.left_steps > free:
            order.qty_steps = order.filled_steps + free
            changed.append(books.touch(order))
        free -= min(free, order.left_steps)
    return changed


def _same_price(present: Order | None, leg: Leg) -> bool:
    return present is None or present.trigger_by == leg.trigger_by


def _grow_pair(books: Books, account: Account, entry: Order, position: Position, steps: int) -> list[Order]:
    """Partial legs have the quantity that their entry has filled."""
    legs = [order for order in account.orders.values() if order.parent_id == entry.order_id and order.waits_for_trigger]
    if not legs:
        return add_pair(books, account, position, entry.stop_leg, entry.target_leg, steps, parent=entry)
    for order in legs:
        order.qty_steps += steps
    return [books.touch(order) for order in legs]


def _resized(books: Books, account: Account, position: Position) -> list[Order]:
    """Stops for the whole position get its quantity."""
    held = abs(position.steps)
    stops = [account.orders[each] for each in (position.stop_id, position.target_id, position.trailing_id) if each]
    resized = [stop for stop in stops if stop.waits_for_trigger and stop.qty_steps != held]
    for stop in resized:
        stop.qty_steps = held
        books.touch(stop)
    return resized
