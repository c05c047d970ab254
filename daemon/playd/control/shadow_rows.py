"""What tables show of a shadow: its share as the ledger books it, valued at the market, with nothing at a venue."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from playd.control.context import Daemon
from playd.core.modes import Mode
from playd.core.orders import Side
from playd.orders.fills import Fills, Share
from playd.orders.views import FillView, PositionView, latest_fills
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
    if not share.position.signed_qty:
        return None
    ticker = daemon.hub_of(record).ticker(record.symbol)
    mark = (ticker.mark or ticker.last) if ticker is not None else None
    return _view(record, share, mark, daemon.clock.mono_s() - ticker.received_mono_s if ticker is not None else None)


def shadow_fills(daemon: Daemon, record: InstanceRecord, *, limit: int, before_n: int | None) -> list[FillView]:
    """Computed executions of a shadow, newest first."""
    return latest_fills(daemon.ledger, record.account, limit=limit, before_n=before_n)


def _view(record: InstanceRecord, share: Share, mark: Decimal | None, age_s: float | None) -> PositionView:
    held = share.position
    return PositionView(
        account=record.account,
        owner=record.uid,
        symbol=record.symbol,
        side=Side.BUY if held.signed_qty > 0 else Side.SELL,
        qty=abs(held.signed_qty),
        entry_price=held.avg_price,
        realised_usdt=held.realised,
        fees_usdt=held.fees,
        funding_usdt=held.funding,
        opened_ms=held.opened_ms,
        planned_stop=share.stop,
        planned_target=share.target,
        verified_ms=0,
        venue_qty=None,
        venue_stop=None,
        venue_target=None,
        mark_price=mark,
        liq_price=None,
        unrealised_usdt=None if mark is None else (mark - held.avg_price) * held.signed_qty,
        venue_age_s=age_s,
        protected=share.stop is not None,
    )
