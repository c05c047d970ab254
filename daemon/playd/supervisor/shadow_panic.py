"""
What a person can do to a shadow's book: take its entry away, close its position. Nothing of it reaches a venue.

A book exists while its instance runs. What a stopped shadow holds stays in its state, and harms nobody.
"""

from decimal import Decimal
from typing import Final

from playd.orders.fills import FillEvent, InstanceEvent
from playd.orders.panic import PanicPosition, PanicReport, PanicScope
from playd.supervisor.errors import NotRunning
from playd.supervisor.instance import EngineInstance
from playd.supervisor.shadow import ShadowPort
from playd.supervisor.slot import Slot

_NOTHING: Final = Decimal(0)


def drop_entry(slot: Slot, reason: str) -> bool:
    """Take a waiting entry away; whether there was one."""
    engine, port = slot.engine, _port_of(slot)
    if engine is None or port is None or not port.book.entry_waits:
        return False
    engine.take_now(port.drop_entry(reason))
    return True


def need_book(slot: Slot) -> tuple[EngineInstance, ShadowPort]:
    """What runs of a shadow, and its book. Raises `NotRunning` without one."""
    engine, port = slot.engine, _port_of(slot)
    if engine is None or port is None:
        raise NotRunning(f"{slot.name} is {slot.state}; what a shadow holds can be closed while it runs, or be removed with it")
    return engine, port


def flatten(slot: Slot) -> PanicReport:
    """
    Take the entry away and close the position at the last close. The level that keeps it flat is raised by the caller, first.

    The state with the closed position is on the disk when this returns. Raises `NotRunning` without a running book.
    """
    engine, port = need_book(slot)
    scope = PanicScope(instance_uid=slot.record.uid)
    before = port.signed_qty
    cancelled = int(port.book.entry_waits)
    events = port.flatten()
    engine.take_now(events)
    positions = (_position(slot, before, port.signed_qty, events),) if before else ()
    return PanicReport(scope, positions, cancelled, 0.0, ())


def _position(slot: Slot, before: Decimal, remaining: Decimal, events: list[InstanceEvent]) -> PanicPosition:
    price = next((event.execution.price for event in events if isinstance(event, FillEvent)), _NOTHING)
    return PanicPosition(slot.record.symbol, before, before - remaining, price, None, remaining, None)


def _port_of(slot: Slot) -> ShadowPort | None:
    port = slot.engine.port if slot.engine is not None else None
    return port if isinstance(port, ShadowPort) else None
