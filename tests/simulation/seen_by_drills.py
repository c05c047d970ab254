"""A random life as the drills see one: the fake venue folded like an exchange's ledger, beside the ledger of the daemon."""

from dataclasses import asdict
from typing import Any, Final

from playd.core.orders import Execution, OrderRequest, VenueOrder
from playd.ops.drills import decisions, invariants
from playd.ops.drills.invariants import TABLES, Row, Tables, Venue, of_account, signed
from tests.simulation.order_world import OrderWorld

ALWAYS: Final = (
    invariants.committed_before_sent,
    invariants.one_order_per_attempt,
    invariants.same_parameters,
    invariants.ends_stay,
    invariants.executed_quantity,
    invariants.without_effect,
    invariants.reduce_only_reduces,
    invariants.halted_means_halted,
    *decisions.CHECKS,
)
"""What holds at every moment; the others hold when everything is quiet."""

Created = list[tuple[int, Row]]
"""When orders arrived at the venue, and with which parameters."""


def note_creates(life: OrderWorld) -> Created:
    """From now on every order that the venue of this life is asked for is noted in the list, over all lives on it."""
    found: Created = []

    def arrives(order: OrderRequest) -> None:
        names = {"orderLinkId": order.link_id, "symbol": order.symbol, "reduceOnly": order.reduce_only}
        found.append((life.venue.clock.wall_ms(), {**asdict(order), **names}))

    life.venue.before_place = arrives
    return found


def violations(life: OrderWorld, created: Created) -> list[str]:
    """What contradicts the invariants that hold at every moment."""
    venue, tables = _folded(life, created), _tables(life)
    return [f"{found.id}: {each}" for check in ALWAYS for found in [check(venue, tables)] for each in found.violations]


def _tables(life: OrderWorld) -> Tables:
    rows = {name: [dict(row) for row in life.ledger.rows(f"SELECT * FROM {name}")] for name in TABLES}
    return of_account(rows, life.account.desk.alias)


def _folded(life: OrderWorld, created: Created) -> Venue:
    venue = Venue(creates=created)
    for order in life.venue.orders.values():
        venue.take(_order_row(order), 0)
    for execution in life.venue.execution_rows:
        if execution.exec_type != "Funding":
            row = _execution_row(execution)
            venue.executions.append(row)
            venue.before.append(venue.positions[execution.symbol])
            venue.positions[execution.symbol] += signed(row, "execQty")
    return venue


def _order_row(order: VenueOrder) -> dict[str, Any]:
    return {
        "orderId": order.venue_order_id,
        "orderLinkId": order.link_id,
        "symbol": order.symbol,
        "side": str(order.side),
        "qty": str(order.qty),
        "cumExecQty": str(order.cum_qty),
        "orderStatus": order.status,
        "reduceOnly": order.reduce_only,
        "createType": order.create_type,
        "stopOrderType": order.stop_order_type,
    }


def _execution_row(execution: Execution) -> dict[str, Any]:
    return {
        "execId": execution.exec_id,
        "orderId": execution.venue_order_id,
        "symbol": execution.symbol,
        "side": str(execution.side),
        "execQty": str(execution.qty),
    }
