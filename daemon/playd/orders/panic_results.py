"""What became of each position that a panic found: what it closed and at what price, and what is left of it."""

from decimal import Decimal

from playd.core.orders import VenuePosition
from playd.orders.desk import Desk
from playd.orders.flattening import executed
from playd.orders.panic_report import PanicPosition, PanicReport, slippage_bps
from playd.orders.panic_run import PanicRun, Place, place_of


def report_of(desk: Desk, run: PanicRun, left: dict[Place, VenuePosition] | None, duration_s: float) -> PanicReport:
    """The report of a panic that took `duration_s`. `left` are the positions behind it, None when they could not be read."""
    results = tuple(_result(desk, run, before, left) for before in run.before.values())
    return PanicReport(run.scope, results, len(run.asked), duration_s, tuple(run.problems))


def _result(desk: Desk, run: PanicRun, before: VenuePosition, after: dict[Place, VenuePosition] | None) -> PanicPosition:
    closed = value = Decimal(0)
    for identity, (qty_before, value_before) in run.intents.items():
        rows = desk.book.of_intent(identity)
        if rows and place_of(rows[0]) == place_of(before):
            qty, worth = executed(rows)
            closed, value = closed + qty - qty_before, value + worth - value_before
    average = value / closed if closed else Decimal(0)
    slippage = slippage_bps(before.mark_price, average, is_long=before.signed_qty > 0)
    left = after.get(place_of(before)) if after is not None else None
    if run.scope.instance_uid:
        share = desk.fills.position(run.scope.instance_uid, before.symbol).signed_qty
        start = share + closed * (1 if before.signed_qty > 0 else -1)
        remaining = None if after is None else share
    else:
        start = before.signed_qty
        remaining = None if after is None else (left.signed_qty if left is not None else Decimal(0))
    return PanicPosition(before.symbol, start, closed, average, slippage, remaining, left.stop if left is not None else None)
