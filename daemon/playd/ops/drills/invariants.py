"""
What must hold whatever happened, judged from two ledgers: the exchange's own and the daemon's.

Pure functions over rows. The exchange's ledger is folded once, in its order; every check says how much it looked at and which
rows contradict it, so that "no violation" of nothing is seen for what it is.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from playd.core.ids import is_guardians, is_ours, tag_of
from playd.core.orders import OrderState
from playd.orders.fold import ADOPTED, BASELINE, REST
from playd.orders.halts import ALL, account_scope, instance_scope, symbol_scope
from playd.orders.order_book import FOREIGN

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]
"""Rows of the daemon's ledger by table: at least `TABLES`."""

TABLES: Final = (
    *("intents", "orders", "order_events", "executions", "virtual_positions", "halts", "incidents", "instances"),
    "bars",
)

_UNSETTLED: Final = frozenset({OrderState.INTENT, OrderState.SENT, OrderState.ACKED, OrderState.UNKNOWN, OrderState.ORPHAN})
_NO_EFFECT: Final = frozenset({OrderState.NEVER_ARRIVED, OrderState.REJECTED, OrderState.DROPPED})
_TERMINAL_AT_VENUE: Final = frozenset({"Filled", "Cancelled", "Rejected", "PartiallyFilledCanceled", "Deactivated"})
_WORKING_AT_VENUE: Final = frozenset({"New", "PartiallyFilled", "Untriggered"})
_HALT_ACKNOWLEDGED_MS: Final = 1000
"""An entry that was on its way when a halt was raised may still arrive."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One invariant: its number, how many things were looked at, and what contradicts it."""

    id: str
    checks: int
    violations: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """An order at the venue at one moment, as its ledger has it."""

    wall_ms: int
    row: Row


@dataclass(slots=True)
class Venue:
    """
    What the exchange's ledger says about one account.

    Attributes:
        orders: Every order by its id, all its versions, oldest first.
        executions: Trades by time, without funding.
        before: Position of the symbol before each of `executions`, signed, in base units.
        positions: Position of each symbol now.
        creates: Requests for a new order: when they arrived and with which parameters.
        working: Stops of each symbol that would trigger now, by order id.
        naked_ms: Per symbol, the longest time in milliseconds in which a position had no working stop.
        lapses: Every such time with its symbol, in their order.
        clock_off_ms: How far the daemon's clock was from the venue's at the worst, because a drill had set it.
    """

    orders: dict[str, list[Seen]] = field(default_factory=dict)
    executions: list[Row] = field(default_factory=list)
    before: list[Decimal] = field(default_factory=list)
    positions: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    creates: list[tuple[int, Row]] = field(default_factory=list)
    working: defaultdict[str, dict[str, Row]] = field(default_factory=lambda: defaultdict(dict))
    naked_ms: dict[str, int] = field(default_factory=dict)
    lapses: list[tuple[str, int]] = field(default_factory=list)
    clock_off_ms: int = 0

    @property
    def lapses_ms(self) -> list[int]:
        """All of `lapses`, of whatever symbol."""
        return [for_ms for _, for_ms in self.lapses]

    def newest(self) -> list[Row]:
        """Each order as it is now."""
        return [versions[-1].row for versions in self.orders.values()]

    def stops(self, symbol: str) -> list[Row]:
        """Stops of a symbol that would trigger."""
        return [*self.working[symbol].values()]

    def lapsed(self, symbol: str, for_ms: int) -> None:
        """A position of a symbol had no working stop for so long."""
        self.naked_ms[symbol] = max(self.naked_ms.get(symbol, 0), for_ms)
        self.lapses.append((symbol, for_ms))

    def take(self, row: Row, wall_ms: int) -> None:
        """An order is now as `row` says."""
        self.orders.setdefault(row["orderId"], []).append(Seen(wall_ms, row))
        if row["stopOrderType"] == "StopLoss":
            if row["orderStatus"] == "Untriggered":
                self.working[row["symbol"]][row["orderId"]] = row
            else:
                self.working[row["symbol"]].pop(row["orderId"], None)


def orders_per_attempt(venue: Venue, tables: Tables) -> int:
    """The most orders that the venue ever had for one attempt of one intent; for one link id where no intent is on record."""
    known = {row["link_id"]: (row["intent"], row["attempt"]) for row in tables["orders"] if row["intent"] is not None}
    return max(Counter(known.get(row["orderLinkId"], row["orderLinkId"]) for row in _sent(venue)).values(), default=0)


def _sent(venue: Venue) -> list[Row]:
    """Orders that somebody sent under a link id, as they are now: what the venue attaches to a position has none."""
    return [row for row in venue.newest() if row["orderLinkId"] and row["createType"] == "CreateByUser"]


def of_account(tables: Tables, account: str) -> Tables:
    """The rows of one account: shadows book executions of their own, which no venue has."""
    return {name: [row for row in rows if row.get("account", account) == account] for name, rows in tables.items()}


def signed(row: Row, quantity: str) -> Decimal:
    """A quantity with the sign of its side."""
    return Decimal(row[quantity]) * (1 if row["side"] == "Buy" else -1)


def fold_venue(entries: Iterable[Row], uid: int, until_ms: int) -> Venue:
    """Fold the exchange's ledger for one user. `until_ms` ends the measurement of what is naked still."""
    venue, naked_since = Venue(), dict[str, int]()
    for entry in entries:
        if entry["kind"] == "request" and entry.get("uid") == uid and entry["path"].endswith("/order/create"):
            venue.creates.append((entry["wall_ms"], entry["params"]))
        if entry["kind"] != "effect":
            continue
        for row in entry["orders"]:
            if row["uid"] == uid:
                venue.take(row, entry["wall_ms"])
        for row in entry["executions"]:
            if row["uid"] == uid and row["execType"] != "Funding":
                venue.executions.append(row)
                venue.before.append(venue.positions[row["symbol"]])
                venue.positions[row["symbol"]] += signed(row, "execQty")
        _watch_nakedness(venue, naked_since, entry["wall_ms"])
    for symbol, since_ms in naked_since.items():
        venue.lapsed(symbol, until_ms - since_ms)
    return venue


def _watch_nakedness(venue: Venue, naked_since: dict[str, int], now_ms: int) -> None:
    for symbol, position in venue.positions.items():
        naked = bool(position) and not under_stop(venue, symbol)
        if naked:
            naked_since.setdefault(symbol, now_ms)
        elif symbol in naked_since:
            venue.lapsed(symbol, now_ms - naked_since.pop(symbol))


def under_stop(venue: Venue, symbol: str) -> bool:
    """Whether working stops of the right side hold the whole position."""
    position = venue.positions[symbol]
    side = "Sell" if position > 0 else "Buy"
    stops = [row for row in venue.stops(symbol) if row["side"] == side]
    whole = any(row["tpslMode"] == "Full" or (row["closeOnTrigger"] and not Decimal(row["qty"])) for row in stops)
    return whole or sum((Decimal(row["qty"]) for row in stops), Decimal(0)) >= abs(position)


def committed_before_sent(venue: Venue, tables: Tables) -> Checked:
    """INV-01: an order with one of the daemon's link ids has a row with an owner, written before the request arrived."""
    known = {row["link_id"]: row for row in tables["orders"]}
    intents = {row["id"] for row in tables["intents"]}
    ours = [(wall_ms, params) for wall_ms, params in venue.creates if _daemons(params.get("orderLinkId", ""))]
    faults = []
    for wall_ms, params in ours:
        link = params["orderLinkId"]
        row = known.get(link)
        if row is None:
            faults.append(f"order {link} was sent and is not on record")
        elif row["intent"] not in intents:
            faults.append(f"order {link} has no intent {row['intent']}")
        elif row["created_ms"] > wall_ms + venue.clock_off_ms:
            faults.append(f"order {link} arrived {row['created_ms'] - wall_ms} ms before it was on record")
    return Checked("INV-01", len(ours), tuple(faults))


def one_order_per_attempt(venue: Venue, tables: Tables) -> Checked:
    """INV-02: one link id, and one attempt of an intent, are one order at the venue; one decision opens once."""
    made = _sent(venue)
    links = Counter(row["orderLinkId"] for row in made)
    faults = [f"link id {link} has {count} orders at the venue" for link, count in links.items() if count > 1]
    known = {row["link_id"]: row for row in tables["orders"] if row["intent"] is not None}
    attempts = Counter((row["intent"], row["attempt"]) for link in links if (row := known.get(link)))
    faults += [f"attempt {number} of {intent} has {count} orders" for (intent, number), count in attempts.items() if count > 1]
    opened = Counter(
        known[row["orderLinkId"]]["intent"]
        for row in made
        if row["orderLinkId"] in known and not row["reduceOnly"] and Decimal(row["cumExecQty"])
    )
    faults += [f"entry {intent} was executed {count} times" for intent, count in opened.items() if count > 1]
    return Checked("INV-02", len(made), tuple(faults))


def same_parameters(venue: Venue, _: Tables) -> Checked:
    """INV-03: a link id is never sent with other parameters."""
    first: dict[str, Row] = {}
    faults = []
    for _wall_ms, params in venue.creates:
        link = params.get("orderLinkId", "")
        if link and first.setdefault(link, params) != params:
            faults.append(f"link id {link} was sent as {dict(first[link])} and as {dict(params)}")
    return Checked("INV-03", len(first), tuple(faults))


def ends_stay(venue: Venue, tables: Tables) -> Checked:
    """INV-04: an order that is over stays as it is, at the daemon and at the venue."""
    faults = [
        f"order {row['link_id']} went from {row['before']} to {row['after']}"
        for row in tables["order_events"]
        if row["before"] and OrderState(row["before"]).terminal and row["after"] != row["before"]
    ]
    for order_id, versions in venue.orders.items():
        words = [seen.row["orderStatus"] for seen in versions]
        faults += [
            f"order {order_id} went from {before} to {after} at the venue"
            for before, after in pairwise(words)
            if before in _TERMINAL_AT_VENUE and after != before
        ]
    return Checked("INV-04", len(tables["order_events"]), tuple(faults))


def executed_quantity(venue: Venue, tables: Tables) -> Checked:
    """INV-05: executed quantity never falls, never exceeds the order, and is the sum of distinct executions."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in {row["exec_id"]: row for row in tables["executions"] if row["exec_type"] != "Funding"}.values():
        sums[row["venue_order_id"]] += Decimal(row["qty"])
    faults = [
        f"order {row['link_id']}: {row['cum_qty']} executed of {row['qty']}, executions sum to {sums[row['venue_order_id']]}"
        for row in tables["orders"]
        if Decimal(row["cum_qty"]) > Decimal(row["qty"]) > 0
        or (row["venue_order_id"] and Decimal(row["cum_qty"]) != sums[row["venue_order_id"]])
    ]
    for order_id, versions in venue.orders.items():
        done = [Decimal(seen.row["cumExecQty"]) for seen in versions]
        if done != sorted(done):
            faults.append(f"order {order_id}: executed quantity fell at the venue: {', '.join(map(str, done))}")
    return Checked("INV-05", len(tables["orders"]) + len(venue.orders), tuple(faults))


def without_effect(venue: Venue, tables: Tables) -> Checked:
    """INV-06: what the daemon calls rejected, dropped or never arrived was not executed at the venue."""
    done = {row["orderLinkId"]: row for row in venue.newest() if row["orderLinkId"] and Decimal(row["cumExecQty"])}
    dead = [row for row in tables["orders"] if row["state"] in _NO_EFFECT]
    faults = [
        f"order {row['link_id']} is {row['state']} here; the venue executed {done[row['link_id']]['cumExecQty']}"
        for row in dead
        if row["link_id"] in done
    ]
    return Checked("INV-06", len(dead), tuple(faults))


def nothing_unknown(_: Venue, tables: Tables) -> Checked:
    """INV-07, at a quiet moment: no order of ours whose fate is open. What is foreign and works is nobody's here."""
    ours = [row for row in tables["orders"] if row["intent"] is not None or row["state"] != OrderState.ORPHAN]
    faults = [f"order {row['link_id']} is {row['state']}" for row in ours if row["state"] in _UNSETTLED]
    return Checked("INV-07", len(tables["orders"]), tuple(faults))


def reduce_only_reduces(venue: Venue, _: Tables) -> Checked:
    """INV-10: an order that may only reduce never opens, adds to or flips a position."""
    reducing = {order_id for order_id, versions in venue.orders.items() if versions[-1].row["reduceOnly"]}
    found = [(row, before) for row, before in zip(venue.executions, venue.before, strict=True) if row["orderId"] in reducing]
    faults = [
        f"execution {row['execId']} of {row['side']} {row['execQty']} {row['symbol']} met a position of {before}"
        for row, before in found
        if signed(row, "execQty") * before >= 0 or Decimal(row["execQty"]) > abs(before)
    ]
    return Checked("INV-10", len(found), tuple(faults))


def everything_is_somebodys(venue: Venue, tables: Tables) -> Checked:
    """INV-11, at a quiet moment: what works at the venue is on record, as ours, as adopted or as foreign."""
    known = {row["link_id"] for row in tables["orders"]} | {row["venue_order_id"] for row in tables["orders"]}
    working = [row for row in venue.newest() if row["orderStatus"] in _WORKING_AT_VENUE]
    faults = [
        f"{row['orderStatus']} order {row['orderId']} {row['orderLinkId']} of {row['symbol']} is on no record"
        for row in working
        if row["orderId"] not in known and row["orderLinkId"] not in known
    ]
    return Checked("INV-11", len(working), tuple(faults))


def positions_agree(venue: Venue, tables: Tables) -> Checked:
    """INV-12: shares of the instances and what is foreign add up to the venue's position."""
    booked = _foreign(tables)
    for row in tables["virtual_positions"]:
        if row["instance"] != FOREIGN:
            booked[row["symbol"]] += Decimal(row["signed_qty"])
    symbols = sorted({*booked, *venue.positions})
    faults = [
        f"{symbol}: {booked[symbol]} in the books, {venue.positions[symbol]} at the venue"
        for symbol in symbols
        if booked[symbol] != venue.positions[symbol]
    ]
    return Checked("INV-12", len(symbols), tuple(faults))


def _foreign(tables: Tables) -> defaultdict[str, Decimal]:
    """Signed quantity per symbol that belongs to no instance, by its share or by booked executions of nobody's share."""
    owners = {(row["instance"], row["symbol"]) for row in tables["virtual_positions"] if row["instance"] != FOREIGN}
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in tables["executions"]:
        if row["exec_type"] != "Funding" and (row["owner"], row["symbol"]) not in owners:
            found[row["symbol"]] += signed(row, "qty")
    return found


def _whole(tables: Tables) -> dict[str, Row]:
    """
    Booked executions by the venue's id: without those that only hand a position over, the parts of a divided one as one.
    """
    found: dict[str, Row] = {}
    for row in tables["executions"]:
        if row["exec_type"] in ("Funding", ADOPTED, BASELINE):
            continue
        name = row["exec_id"].partition(REST)[0]
        known = found.get(name, {"qty": "0", "fee": "0"})
        found[name] = {**row, **{key: str(Decimal(known[key]) + Decimal(row[key])) for key in ("qty", "fee")}}
    return found


def fold_of_executions(venue: Venue, tables: Tables) -> Checked:
    """INV-13: the executions on record are the venue's, one for one, and each share is their sum."""
    theirs = {row["execId"]: row for row in venue.executions}
    ours = _whole(tables)
    faults = [f"execution {each} of the venue is not on record" for each in theirs.keys() - ours.keys()]
    faults += [f"execution {each} on record is not the venue's" for each in ours.keys() - theirs.keys()]
    for each in theirs.keys() & ours.keys():
        for name, other in (("execQty", "qty"), ("execPrice", "price"), ("execFee", "fee")):
            if Decimal(theirs[each][name]) != Decimal(ours[each][other]):
                faults.append(f"execution {each}: {other} {ours[each][other]} on record, {theirs[each][name]} at the venue")
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in tables["executions"]:
        if row["exec_type"] != "Funding":
            sums[row["owner"], row["symbol"]] += signed(row, "qty")
    faults += [
        f"{row['instance']} has {row['signed_qty']} {row['symbol']}, executions sum to {booked}"
        for row in tables["virtual_positions"]
        if Decimal(row["signed_qty"]) != (booked := sums[row["instance"], row["symbol"]])
    ]
    return Checked("INV-13", len(theirs) + len(tables["virtual_positions"]), tuple(sorted(faults)))


def covered(venue: Venue, tables: Tables) -> Checked:
    """
    INV-15, at a quiet moment: a position that is not somebody else's alone has a working stop of the right side and size, on
    the losing side of its entry unless the plan has moved it beyond.
    """
    foreign = _foreign(tables)
    entry_price = {
        row["symbol"]: Decimal(row["avg_price"]) for row in tables["virtual_positions"] if Decimal(row["signed_qty"])
    }
    planned = {(row["symbol"], Decimal(row["stop"])) for row in tables["virtual_positions"] if row.get("stop")}
    open_ones = [symbol for symbol, position in venue.positions.items() if position and position != foreign[symbol]]
    faults = []
    for symbol in open_ones:
        position = venue.positions[symbol]
        if not under_stop(venue, symbol):
            there = ", ".join(f"{row['side']} {row['qty']} at {row['triggerPrice']}" for row in venue.stops(symbol)) or "none"
            faults.append(f"{symbol}: position {position}, stops: {there}")
        elif symbol in entry_price:
            faults += [
                f"{symbol}: position {position} opened at {entry_price[symbol]} has its stop at {row['triggerPrice']}"
                for row in venue.stops(symbol)
                if (Decimal(row["triggerPrice"]) - entry_price[symbol]) * position >= 0
                and (symbol, Decimal(row["triggerPrice"])) not in planned
            ]
    return Checked("INV-15", len(open_ones), tuple(faults))


def halted_means_halted(venue: Venue, tables: Tables) -> Checked:
    """INV-18: a second after a halt was raised and until it is lifted, no entry of its scope arrives at the venue."""
    uids = {row["tag"]: row["uid"] for row in tables["instances"]}
    owners = {row["link_id"]: row for row in tables["orders"]}
    off_ms = venue.clock_off_ms
    acknowledged_ms = _HALT_ACKNOWLEDGED_MS + off_ms
    entries = [
        (wall_ms, params)
        for wall_ms, params in venue.creates
        if _daemons(params.get("orderLinkId", "")) and not params.get("reduceOnly")
    ]
    faults = []
    for wall_ms, params in entries:
        link = params["orderLinkId"]
        account = owners[link]["account"] if link in owners else ""
        scopes = {
            ALL,
            account_scope(account),
            symbol_scope(account, params["symbol"]),
            instance_scope(uids.get(tag_of(link), "")),
        }
        faults += [
            f"entry {link} arrived {wall_ms - row['raised_ms']} ms after {row['code']} halted {row['scope']}"
            for row in tables["halts"]
            if row["scope"] in scopes
            and row["level"] >= 1
            and row["raised_ms"] + acknowledged_ms < wall_ms < (row["lifted_ms"] or wall_ms + 1 + off_ms) - off_ms
        ]
    return Checked("INV-18", len(entries) if tables["halts"] else 0, tuple(faults))


def _daemons(link: str) -> bool:
    """Whether the daemon made a link id: not the guardian, and no hand."""
    return is_ours(link) and not is_guardians(link)


CHECKS: Final[tuple[Callable[[Venue, Tables], Checked], ...]] = (
    committed_before_sent,
    one_order_per_attempt,
    same_parameters,
    ends_stay,
    executed_quantity,
    without_effect,
    nothing_unknown,
    reduce_only_reduces,
    everything_is_somebodys,
    positions_agree,
    fold_of_executions,
    covered,
    halted_means_halted,
)


def check(venue: Venue, tables: Tables) -> tuple[Checked, ...]:
    """Every invariant over the two ledgers."""
    return tuple(each(venue, tables) for each in CHECKS)
