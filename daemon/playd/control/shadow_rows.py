"""What tables show of a shadow: its share as the ledger books it, valued at the market, with nothing at a venue."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from playd.control.context import Daemon
from playd.core.modes import Mode
from playd.orders.fills import Fills
from playd.orders.views import PositionView, booked_view
from playd.supervisor.records import InstanceRecord

NOTHING_THERE: Final = "shadow"
"""Why a figure of the venue is missing: there is nothing at a venue."""


def shadow_records(daemon: Daemon) -> Iterator[InstanceRecord]:
    """Every shadow instance, by name."""
    for _, slot in sorted(daemon.supervisor.slots.items()):
        if slot.record.mode is Mode.SHADOW:
            yield slot.record


def shadow_position(daemon: Daemon, record: InstanceRecord) -> PositionView | None:
    """The open position of a shadow, None when flat. What a venue would say is None."""
    share = Fills(daemon.ledger, daemon.clock, record.account).share(record.uid, record.symbol)
    held = share.position
    if not held.signed_qty:
        return None
    hub = daemon.find_hub(record)
    ticker = hub.ticker(record.symbol) if hub is not None else None
    mark = (ticker.mark or ticker.last) if ticker is not None else None
    return replace(
        booked_view(record.account, share),
        mark_price=mark,
        unrealised_usdt=None if mark is None else (mark - held.avg_price) * held.signed_qty,
        venue_age_s=daemon.clock.mono_s() - ticker.received_mono_s if ticker is not None else None,
        protected=share.stop is not None,
    )
