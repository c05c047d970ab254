"""What the methods answer that change instances, positions and orders."""

from typing_extensions import TypedDict

from playd.control.answer_parts import Amount, Error, Figure, Reason, Seconds, Side
from playd.control.look_answers import OrderRow


class Totals(TypedDict):
    """What the present or the last life of an instance came to."""

    trades: int
    net_pnl_usdt: str


class LifecycleRow(TypedDict):
    """Where an instance stands, and what is at the venue."""

    name: str
    state: str
    capital_step: str
    reasons: list[Reason]
    position: Figure
    stop_at_venue: Figure
    statistics: Totals


class ResetRow(LifecycleRow):
    """The same, with the files that were set aside."""

    set_aside: list[str]


class Gone(TypedDict):
    """An instance that was forgotten."""

    name: str
    uid: str


class NotStopped(TypedDict):
    """An instance that could not be stopped, with the error that it alone would have got."""

    name: str
    error: Error


class Stopped(TypedDict):
    """What became of each instance."""

    stopped: list[LifecycleRow]
    failed: list[NotStopped]


class PanicRow(TypedDict):
    """One position of a panic."""

    account: str
    symbol: str
    before: Figure
    closed: Figure
    avg_price: Figure
    slippage_bps: Figure
    remaining: Figure
    stop: Figure


class PanicReport(TypedDict):
    """What a panic came to; `flat` is what the venue said twice."""

    scope: str
    flat: bool
    positions: list[PanicRow]
    entries_cancelled: int
    problems: list[str]
    duration_s: Seconds | None
    text: str


class CancelledOrder(OrderRow):
    """An order after its cancel, and what its owner holds of the symbol: a part of it may have been executed."""

    avg_price: Figure
    position: Figure
    stop: Figure


class ClosedRow(TypedDict):
    """
    The share of one owner: signed quantities before and after, and why nothing was sent, if so. Prices and slippage are null
    where nothing was closed, slippage and the stop at the venue also where the position could not be read.
    """

    account: str
    symbol: str
    owner: str
    before: Amount
    wanted: Amount
    remaining: Amount
    refused: str | None
    closed: Amount
    avg_price: Amount | None
    slippage_bps: Amount | None
    stop: Amount | None


class Closed(TypedDict):
    """What was closed of a symbol."""

    positions: list[ClosedRow]


class OrphanRow(TypedDict):
    """A position or a working order that nobody here decided."""

    id: str
    account: str
    kind: str
    symbol: str
    side: str
    qty: Amount | None
    price: Amount | None
    age_s: Seconds | None


class OrphanClosed(OrphanRow):
    """The same, with what is left of it."""

    left: Amount | None


class Accepted(TypedDict):
    """A difference that the books have taken over: signed quantities, the price at which it was booked, in USDT."""

    account: str
    symbol: str
    ledger: Amount | None
    venue: Amount | None
    price: Amount | None


class Adopted(TypedDict):
    """A position that an instance has now."""

    account: str
    symbol: str
    name: str
    side: Side
    qty: Amount | None
    entry: Amount | None
    stop: Amount | None
    target: Amount | None
