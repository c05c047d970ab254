"""
What the ledger says of intents, orders and executions, told to the journal, whose chain shows whether it was changed later.

Telling costs the way of an order one entry of a list. Records are made of the entries twice a second, behind the bytes that
left and behind the commit of what they speak of; a crash in between leaves them to the ledger, which had them first.
"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from playd.core.canonical import Json
from playd.core.orders import Execution, Intent, OrderState
from playd.core.record import Recorder
from playd.orders.ledger import Ledger
from playd.orders.rows import OrderRow, text
from playd.world.ports import Clock

WRITTEN_AT_ONCE: Final = 1000
"""Records made in one look: a catch-up may tell of more executions at once than the journal keeps in its queue."""

DETAIL_MAX: Final = 1000
"""Characters of a venue's words that a record holds; the ledger has all of them."""

Tell = Callable[[str, str, str, str | None, Mapping[str, Json]], None]
"""Kind of the record, uid of the instance, symbol, what led to it, and the rest."""


def nobody(_kind: str, _instance: str, _symbol: str, _cause: str | None, _data: Mapping[str, Json]) -> None:
    """For who tells before anybody listens."""


@dataclass(frozen=True, slots=True)
class _Told:
    kind: str
    instance: str
    symbol: str
    cause: str | None
    data: Mapping[str, Json]
    at_ms: int
    commits: int
    """How many commits there were by then: what is told is durable once there is one more, or nothing waits for one."""


class Chronicle:
    """Of one account. `tell` at any time, `write` every now and then and, behind a commit, at the end."""

    def __init__(self, journal: Recorder, ledger: Ledger, clock: Clock, account: str) -> None:
        self._journal = journal
        self._ledger = ledger
        self._clock = clock
        self._account = account
        self._told: deque[_Told] = deque()

    def tell(self, kind: str, instance: str, symbol: str, cause: str | None, data: Mapping[str, Json]) -> None:
        """Keep what is to become a record. `data` holds no floats and is not changed any more."""
        self._told.append(_Told(kind, instance, symbol, cause, data, self._clock.wall_ms(), self._ledger.commits))

    def write(self, most: int | None = None) -> None:
        """
        Make records of what was told and is durable, in the order in which it was told, `most` of them. Raises `RecordError`.

        `at_ms` in the data of each is when it was told; the record's own stamp is when it was written.
        """
        left = len(self._told) if most is None else min(most, len(self._told))
        while left and (self._ledger.waiting_s is None or self._told[0].commits < self._ledger.commits):
            left -= 1
            told = self._told[0]
            self._journal.append(
                told.kind,
                {**told.data, "at_ms": told.at_ms},
                account=self._account,
                instance=told.instance or None,
                symbol=told.symbol or None,
                cause=told.cause,
            )
            self._told.popleft()


def told_intent(intent: Intent) -> dict[str, Json]:
    return {
        "action": intent.action,
        "class": intent.intent_class,
        "side": intent.side,
        "qty": text(intent.qty),
        "price_ref": text(intent.price_ref),
        "stop": text(intent.stop),
        "target": text(intent.target),
        "reason": intent.reason,
        "bar_close_ms": intent.bar_close_ms,
        "play_digest": intent.play_digest,
    }


def told_order(row: OrderRow) -> dict[str, Json]:
    return {
        "link_id": row.link_id,
        "attempt": row.attempt,
        "side": row.side,
        "type": row.type,
        "qty": text(row.qty),
        "price": text(row.price),
        "trigger": text(row.trigger),
        "stop": text(row.stop),
        "target": text(row.target),
        "reduce_only": row.reduce_only,
    }


def told_event(row: OrderRow, after: OrderState, source: str, code: int | None, detail: str) -> dict[str, Json]:
    return {
        "link_id": row.link_id,
        "before": row.state,
        "state": after,
        "source": source,
        "code": code,
        "detail": detail[:DETAIL_MAX],
        "executed": text(row.cum_qty),
    }


def told_execution(execution: Execution, reason: str) -> dict[str, Json]:
    return {
        "exec_id": execution.exec_id,
        "type": execution.exec_type,
        "side": execution.side,
        "qty": text(execution.qty),
        "price": text(execution.price),
        "fee": text(execution.fee),
        "fee_currency": execution.fee_currency,
        "reason": reason,
        "venue_ms": execution.time_ms,
    }
