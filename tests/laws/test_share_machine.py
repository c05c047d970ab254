"""
Whose a position is, as a small model: every division of it between two instances and somebody else, and everything that can be
executed in each. The real books against a model of a few lines.
"""

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from itertools import product

import pytest

from playd.core.ids import guardian_link_id, link_id
from playd.core.orders import Action, Execution, OrderRequest, Side
from playd.orders.booking import Booking
from playd.orders.caps import Caps
from playd.orders.fills import Fills
from playd.orders.fold import fold
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.orders.order_book import FOREIGN, OrderBook
from playd.world.virtual import virtual_world
from tests.rows import SYMBOL, execution
from tests.simulation.order_world import STATE, MemoryJournal, entry, leave

A, B = "abcd2345", "wxyz2345"
OWNERS = (A, B, FOREIGN)
UNIT = Decimal("0.001")
Shares = dict[str, int]
"""Signed units of each owner; one side at a time, because the venue knows one position."""

STATES = [
    dict(zip(OWNERS, (sign * a, sign * b, sign * f), strict=True))
    for a, b, f in product((0, 1, 2), (0, 1), (0, 1))
    for sign in ((1, -1) if a + b + f else (1,))
]
EVENTS = (
    *(f"{owner} enters {side} {qty}" for owner in ("A", "B") for side in ("Buy", "Sell") for qty in (1, 3)),
    *(f"{owner} leaves {more}" for owner in ("A", "B") for more in ("whole", "late")),
    *(f"hand {side} {qty}" for side in ("Buy", "Sell") for qty in (1, 2, 5)),
    "stop of all",
    "liquidation of all",
    "deleveraging of 1",
    "guardian closes 1 of A",
    "guardian closes 1 of B",
    "funding",
    "delivery",
    "unknown",
)


def closing(shares: Shares, signed: int, first: str) -> tuple[Shares, int]:
    """What is left of the shares when so much is executed against them, `first` before the others; and what goes beyond."""
    left, after = signed, dict(shares)
    for owner in sorted(OWNERS, key=lambda each: (each != first, each == FOREIGN, each)):
        if after[owner] * left < 0:
            taken = min(abs(after[owner]), abs(left)) * (1 if left > 0 else -1)
            after[owner], left = after[owner] + taken, left - taken
    return after, left


def closed_by(shares: Shares, owner: str, how: str) -> int:
    """What an exit of a whole share closes, signed; one that is `late` was sent when the share was a unit larger."""
    net = sum(shares.values())
    units = min(abs(shares[owner]) + (how == "late"), abs(net))
    return -units if net > 0 else units


def expected(shares: Shares, event: str) -> Shares:
    """The model."""
    net = sum(shares.values())
    match event.split():
        case [name, "enters", side, qty]:
            owner = A if name == "A" else B
            others, left = closing({**shares, owner: 0}, int(qty) * (1 if side == "Buy" else -1), FOREIGN)
            return {**others, owner: shares[owner] + left}
        case [name, "leaves", how]:
            owner = A if name == "A" else B
            return closing(shares, closed_by(shares, owner, how), owner)[0]
        case ["hand", side, qty]:
            after, left = closing(shares, int(qty) * (1 if side == "Buy" else -1), FOREIGN)
            return {**after, FOREIGN: after[FOREIGN] + left}
        case ["stop" | "liquidation", *_] | ["delivery"]:
            return dict.fromkeys(OWNERS, 0)
        case ["deleveraging", *_]:
            return closing(shares, -1 if net > 0 else 1, "")[0]
        case ["guardian", *_, name]:
            return closing(shares, -1 if net > 0 else 1, A if name == "A" else B)[0]
    return shares


class _TakenBack(Exception):
    """Ends a life whose ledger the next one needs as it was."""


class Books:
    """The real books of one account, in which a life is told and then taken back."""

    def __init__(self) -> None:
        world = virtual_world()
        world.disk.mkdir(STATE)
        self.ledger = Ledger.open(world.disk, world.clock, STATE / "ledger.sqlite")
        journal = MemoryJournal()
        self.book, self.fills = OrderBook(self.ledger, world.clock, "main"), Fills(self.ledger, world.clock, "main")
        caps = Caps(self.ledger, "main")
        incidents = Incidents(self.ledger, world.clock, journal)
        self.booking = Booking(self.ledger, self.book, self.fills, caps, incidents, journal)

    def met(self, shares: Shares, event: str) -> Shares:
        """The shares after an event; everything is as before when this returns."""
        after: Shares = {}
        with suppress(_TakenBack), self.ledger.atomic(self.fills.forget_cache):
            for owner, units in shares.items():
                if units:
                    side = Side.BUY if units > 0 else Side.SELL
                    self.fills.book(executed(f"open {owner}", side, abs(units)), link=None, owner=owner, source="history")
            self._happens(shares, event)
            after = {owner: int(self.fills.position(owner, SYMBOL).signed_qty / UNIT) for owner in OWNERS}
            for owner in OWNERS:
                assert fold(self.fills.executions(owner, SYMBOL)) == self.fills.position(owner, SYMBOL)
            raise _TakenBack
        return after

    def _happens(self, shares: Shares, event: str) -> None:
        net = sum(shares.values())
        side = Side.SELL if net > 0 else Side.BUY
        match event.split():
            case [name, "enters", to, qty]:
                self._order(A if name == "A" else B, Side(to), int(qty), Action.ENTER)
            case [name, "leaves", how]:
                owner = A if name == "A" else B
                if units := closed_by(shares, owner, how):
                    self._order(owner, side, abs(units), Action.EXIT)
            case ["hand", to, qty]:
                self._book(executed("e", Side(to), int(qty)))
            case ["stop", *_] if net:
                self._book(replace(executed("e", side, abs(net)), create_type="CreateByStopLoss", stop_order_type="StopLoss"))
            case ["liquidation", *_] if net:
                self._book(replace(executed("e", side, abs(net)), exec_type="BustTrade", create_type="CreateByLiq"))
            case ["deleveraging", *_] if net:
                self._book(replace(executed("e", side, 1), exec_type="AdlTrade", create_type="CreateByAdl_PassThrough"))
            case ["guardian", *_, name] if net:
                link = guardian_link_id(A if name == "A" else B, "main", SYMBOL, 0, 1, 0)
                self._book(replace(executed("e", side, 1), link_id=link))
            case ["funding"] if net:
                self._book(replace(executed("e", side, abs(net)), exec_type="Funding", create_type=""))
            case ["delivery"] if net:
                self._book(replace(executed("e", side, abs(net)), exec_type="Delivery", create_type=""))
            case ["unknown"]:
                self._book(replace(executed("e", side, 1), exec_type="NextYears"))

    def _order(self, owner: str, side: Side, units: int, action: Action) -> None:
        """An order of an instance that is executed whole."""
        qty, enters = units * UNIT, action is Action.ENTER
        intent = (entry if enters else leave)(60_000, side=side, qty=str(qty), uid=owner)
        link = link_id(owner, intent.cause, action, 0, 0)
        identity = self.book.insert_intent(intent, b"{}")
        self.book.insert_order(intent, identity, 0, OrderRequest(link, SYMBOL, side, qty, reduce_only=not enters))
        self._book(replace(executed("e", side, units), link_id=link))

    def _book(self, row: Execution) -> None:
        assert self.booking.executed(row, "stream")
        assert not self.booking.executed(row, "history"), "the same execution twice"


def executed(name: str, side: Side, units: int) -> Execution:
    return execution(name, side, units * UNIT, Decimal(50_000), venue_order_id=f"o {name}", create_type="CreateByUser")


@pytest.fixture(scope="module")
def books() -> Books:
    return Books()


@pytest.mark.parametrize("event", EVENTS)
def test_whatever_is_executed_is_everybodys_whose_it_is_and_no_share_stands_against_the_position(
    books: Books, event: str
) -> None:
    for shares in STATES:
        after = books.met(shares, event)

        assert after == expected(shares, event), f"{event} in {shares}"
        assert len({units > 0 for units in after.values() if units}) <= 1, f"{event} in {shares} leaves {after}"
