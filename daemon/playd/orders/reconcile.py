"""
Differences between the ledger and the venue, and the plan to close them, as pure functions.

Same inputs give the same differences and the same plan in the same order. Executions and reported orders are booked before;
what is left here is what they do not explain.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Final

from playd.core.orders import Action, Execution, OrderState, VenueOrder, VenuePosition, Wallet
from playd.orders.fill_check import Expected, compare
from playd.orders.order_book import FOREIGN
from playd.orders.rows import OrderRow
from playd.venues.pages import PageRead

OTHERS: Final = "others:"
"""Key of a difference of a symbol that nobody here trades."""

HEDGE: Final = "hedge:"
"""Key of a difference of position modes."""


class DiffClass(StrEnum):
    """Classes of differences. The first two and R5 are booked without a word; only a dry run tells of them."""

    AHEAD = "R1"
    ENDED = "R2"
    EXECUTION = "R5"
    MISSING = "R3"
    FOREIGN_ORDER = "R4"
    POSITION = "R6"
    PROTECTION = "R7"
    LEFTOVER = "R8"
    MODE = "R9"


KIND_OF: Final = {
    DiffClass.AHEAD: "orders",
    DiffClass.ENDED: "orders",
    DiffClass.EXECUTION: "executions",
    DiffClass.MISSING: "orders",
    DiffClass.FOREIGN_ORDER: "orders",
    DiffClass.POSITION: "positions",
    DiffClass.PROTECTION: "positions",
    DiffClass.LEFTOVER: "orders",
    DiffClass.MODE: "positions",
}
"""Which of the things that a run reads each class is about; money is the books' to judge."""


class RepairKind(StrEnum):
    """What a repair does; only `record` and `protect` and sweeping our own leftovers happen by themselves."""

    RECORD = "record"  # booked as the venue reports it
    RESOLVE = "resolve"  # the order goes to the resolver
    PROTECT = "protect"  # set the planned stop
    SWEEP = "sweep"  # cancel our leftover by id
    HALT = "halt"  # a person must look
    ALERT = "alert"
    PAUSE = "pause"  # the account pauses until it is as it was set up


@dataclass(frozen=True, slots=True)
class LocalView:
    """
    What the ledger holds: live orders, expected net positions and protection per symbol in use, the leverage that was set (None
    where nobody minds), the net position of `others` in symbols that nobody here trades (None: an older program kept none), and
    that of symbols which the venue lists no longer while instances have something on them (`unlisted`).
    """

    orders: Sequence[OrderRow]
    expected: Mapping[str, Expected]
    leverage: Decimal | None = None
    others: Mapping[str, Decimal] | None = None
    unlisted: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VenueView:
    """What the venue answered: all open orders and all positions."""

    orders: Sequence[VenueOrder]
    positions: Sequence[VenuePosition]


@dataclass(frozen=True, slots=True)
class ReconInputs:
    """
    All that a comparison had before it. Symbols that `moved` here while the venue was read are judged by the next one.

    Beside what is compared: the balance and the executions of the same reading, which the books and the ledger have taken, and
    the pages of the whole run. They are kept for people. A reading that failed says so in `failure`: it holds what came before,
    and is compared with nothing. What is added here has a default: runs that an older program kept are read again.
    """

    local: LocalView
    venue: VenueView
    moved: frozenset[str]
    wallet: Wallet | None = None
    executions: Sequence[Execution] = ()
    pages: Sequence[PageRead] = ()
    failure: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One difference. `key` is a link id (`v:` for venue orders) or a symbol."""

    cls: DiffClass
    symbol: str
    key: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True, order=True)
class Repair:
    """One step of the plan."""

    kind: RepairKind
    symbol: str
    key: str
    note: str


def diff(local: LocalView, venue: VenueView) -> tuple[Difference, ...]:
    """All differences, sorted."""
    orders = [*_missing(local, venue), *_foreign(local, venue), *_leftovers(local, venue)]
    return tuple(sorted([*orders, *_positions(local, venue), *_modes(local, venue)]))


def judged(inputs: ReconInputs) -> tuple[Difference, ...]:
    """The differences of what stood still, sorted; none of a reading that failed, which shows neither these nor agreement."""
    if inputs.failure:
        return ()
    return tuple(each for each in diff(inputs.local, inputs.venue) if each.symbol not in inputs.moved)


def results(differences: Collection["Difference"], *, money: str) -> dict[str, str]:
    """`match` or `diff` for each kind of thing that a run read; `money` is what the books say of the wallet."""
    differs = {KIND_OF[each.cls] for each in differences}
    return {**{kind: "diff" if kind in differs else "match" for kind in ("orders", "positions", "executions")}, "wallet": money}


BLIND: Final[dict[str, str]] = dict.fromkeys(("orders", "positions", "executions", "wallet"), "blind")
"""Of a run that could not read one of them: what was read before is compared with nothing, so that nothing of it agrees."""


def plan(differences: Sequence[Difference]) -> tuple[Repair, ...]:
    """The repair of every difference, in the order of the differences."""
    return tuple(_repair(difference) for difference in differences)


def missing_orders(rows: Sequence[OrderRow], orders: Sequence[VenueOrder]) -> list[OrderRow]:
    """Orders that work by the ledger and are not in the venue's complete list of open ones."""
    links = {order.link_id for order in orders if order.link_id}
    ids = {order.venue_order_id for order in orders}
    working = (OrderState.ACKED, OrderState.OPEN, OrderState.PARTIAL, OrderState.ORPHAN)
    there = [row for row in rows if row.state in working]
    return [row for row in there if row.link_id not in links and row.venue_order_id not in ids]


def _missing(local: LocalView, venue: VenueView) -> list[Difference]:
    return [
        Difference(DiffClass.MISSING, row.symbol, row.link_id, str(row.state), "")
        for row in missing_orders(local.orders, venue.orders)
    ]


def _foreign(local: LocalView, venue: VenueView) -> list[Difference]:
    orphans = {row.venue_order_id: row for row in local.orders if row.owner == FOREIGN}
    return [
        Difference(
            DiffClass.FOREIGN_ORDER, order.symbol, orphans[order.venue_order_id].link_id, "", order.link_id or order.status
        )
        for order in venue.orders
        if order.venue_order_id in orphans
    ]


def _positions(local: LocalView, venue: VenueView) -> list[Difference]:
    seen = {position.symbol: position for position in venue.positions}
    net: dict[str, Decimal] = {}
    for row in venue.positions:  # in hedge mode a symbol has two
        net[row.symbol] = net.get(row.symbol, Decimal(0)) + row.signed_qty
    others = {} if local.others is None else local.others
    strange = (
        set[str]() if local.others is None else (net.keys() | others.keys()) - local.expected.keys() - local.unlisted.keys()
    )
    found = [
        Difference(DiffClass.POSITION, symbol, f"{OTHERS}{symbol}", f"{ours:f}", f"{theirs:f}")
        for symbol in strange
        if (ours := others.get(symbol, Decimal(0))) != (theirs := net.get(symbol, Decimal(0)))
    ]
    found += [
        Difference(DiffClass.POSITION, symbol, symbol, f"{ours:f}", f"{theirs:f}")
        for symbol, ours in local.unlisted.items()
        if ours != (theirs := net.get(symbol, Decimal(0)))
    ]
    for symbol, expected in local.expected.items():
        position, theirs = seen.get(symbol), net.get(symbol, Decimal(0))
        if theirs != expected.signed_qty:
            found.append(Difference(DiffClass.POSITION, symbol, symbol, f"{expected.signed_qty:f}", f"{theirs:f}"))
        elif position is not None and expected.ours and theirs != 0:
            finding = compare(expected, position)
            if finding != "verified":
                planned = "any" if expected.stop is None else f"{expected.stop:f}"
                found.append(Difference(DiffClass.PROTECTION, symbol, symbol, planned, f"{finding} {position.stop:f}"))
    return found


def _leftovers(local: LocalView, venue: VenueView) -> list[Difference]:
    """Orders of ours that only make sense beside a position, where there is none."""
    held = {position.symbol for position in venue.positions if position.signed_qty != 0}
    rows = {row.venue_order_id: row for row in local.orders if row.owner != FOREIGN and row.venue_order_id}
    found = []
    for order in venue.orders:
        row = rows.get(order.venue_order_id)
        hangs = row is not None and (row.intent is None or row.action is Action.TARGET)
        if row is not None and hangs and order.reduce_only and order.symbol not in held:
            found.append(Difference(DiffClass.LEFTOVER, order.symbol, row.link_id, "", order.venue_order_id))
    return found


def _modes(local: LocalView, venue: VenueView) -> list[Difference]:
    """Open positions of symbols in use whose leverage is not the one that was set (zero is: not stated), or in hedge mode."""
    wanted = local.leverage
    ours = [each for each in venue.positions if each.symbol in local.expected and each.signed_qty != 0]
    hedged = {each.symbol for each in ours if each.position_idx}
    found = [Difference(DiffClass.MODE, symbol, f"{HEDGE}{symbol}", "one-way", "hedge mode") for symbol in hedged]
    return found + [
        Difference(DiffClass.MODE, position.symbol, f"leverage:{position.symbol}", f"{wanted:f}", f"{position.leverage:f}")
        for position in ours
        if wanted is not None and position.leverage not in (0, wanted)
    ]


def _repair(difference: Difference) -> Repair:
    key, symbol = difference.key, difference.symbol
    if difference.cls in (DiffClass.AHEAD, DiffClass.ENDED, DiffClass.EXECUTION):
        return Repair(RepairKind.RECORD, symbol, key, f"{difference.theirs} at the venue, {difference.ours or 'nothing'} here")
    if difference.cls is DiffClass.MISSING:
        return Repair(RepairKind.RESOLVE, symbol, key, f"{difference.ours} here, not among the venue's open orders")
    if difference.cls is DiffClass.FOREIGN_ORDER:
        return Repair(RepairKind.ALERT, symbol, key, "an order that nobody here decided")
    if difference.cls is DiffClass.POSITION and key.startswith(OTHERS):
        return Repair(RepairKind.RECORD, symbol, key, f"{difference.theirs} of somebody else's, {difference.ours} in the books")
    if difference.cls is DiffClass.POSITION:
        return Repair(RepairKind.HALT, symbol, key, f"position is {difference.theirs}, ledger says {difference.ours}")
    if difference.cls is DiffClass.PROTECTION:
        return Repair(RepairKind.PROTECT, symbol, key, f"stop is {difference.theirs}, planned {difference.ours}")
    if difference.cls is DiffClass.MODE and key.startswith(HEDGE):
        return Repair(RepairKind.PAUSE, symbol, key, "in hedge mode at the venue: switch it to one-way there once it is flat")
    if difference.cls is DiffClass.MODE:
        return Repair(RepairKind.PAUSE, symbol, key, f"leverage is {difference.theirs}, set up as {difference.ours}")
    return Repair(RepairKind.SWEEP, symbol, key, "protective order without a position")
