"""
Orders and intents of one account in the ledger: how they are created, found, and moved through the state machine.

Nothing here commits or sends. Every change of an order's state goes through `record`, which writes the event beside it.
"""

from collections import deque
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from playd.core.errors import Broken
from playd.core.ids import intent_id, link_id
from playd.core.orders import Action, Intent, OrderRequest, OrderState, VenueOrder
from playd.orders.chronicle import Tell, nobody, told_event, told_intent, told_order
from playd.orders.intent_rows import IntentRow, intent_row, parameters_digest
from playd.orders.ledger import Ledger, SqlValue
from playd.orders.machine import Contradiction, OrderEvent, following
from playd.orders.rows import OrderRow, order_row, sent_row, text
from playd.world.ports import Clock

LIVE_STATES: Final = "('INTENT', 'SENT', 'ACKED', 'OPEN', 'PARTIAL', 'UNKNOWN', 'ORPHAN')"

FOREIGN: Final = "foreign"
"""Owner of orders and executions that nobody here decided."""

_CREATE: Final = "create"
"""The request behind the events of an order's own way; its stop is moved by another."""

ENTRY_ACTIONS: Final = frozenset({Action.ENTER, Action.ADD})


@dataclass(frozen=True, slots=True)
class StopAsked:
    """A stop that an intent asked for; no clock says which was asked first."""

    intent: str
    instance: str
    symbol: str
    stop: Decimal


_STOPS_KEPT: Final = 1000
"""More than all instances of an account ask for between two looks."""

_DROPPED: Final = frozenset({"replaced", "withdrawn", "refused", "flat"})
"""Outcomes of intents that nobody wants any more, or nobody took, whatever became of their orders."""


def is_theirs(row: OrderRow) -> bool:
    """Whether nobody here sent an order: what it executed before this ledger began is in the baseline, and not booked again."""
    return row.owner == FOREIGN and row.intent is None


class OrderBook:
    """All intents and orders of one account. Synchronous; sees its own uncommitted rows."""

    def __init__(self, ledger: Ledger, clock: Clock, account: str) -> None:
        self._ledger = ledger
        self._clock = clock
        self.account = account
        self.tell: Tell = nobody
        """Hears of every intent and of every order's way; set by the `Desk`."""
        self.stops_asked: deque[StopAsked] = deque(maxlen=_STOPS_KEPT)
        """Intents of this process that name a stop, in the order in which they were written; the second look takes them."""
        self.changes: dict[str, int] = {}
        """Number of state changes per symbol made by this process; a reading of the venue that spans one is void."""

    def insert_intent(self, intent: Intent, gates: bytes, *, recovered: bool = False, band_bps: Decimal | None = None) -> str:
        """
        Write an intent that does not exist yet and return its id. Raises `sqlite3.IntegrityError` if it exists.

        `band_bps`: how far beyond the best opposite price an entry at the market may execute.
        Of one that was `recovered` from its order nobody knows all parameters: it has no digest of them.
        """
        identity = intent_id(intent.instance_uid, intent.cause, intent.action, intent.leg)
        qty, stop, target = text(intent.qty), text(intent.stop), text(intent.target)
        self._ledger.write(
            "INSERT INTO intents (id, instance, account, cause, bar_close_ms, action, leg, class, symbol, side, qty, price_ref,"
            " band_bps, stop, targets, reason, play_digest, inputs_digest, parameters_digest, gates, created_ms, expires_ms,"
            " tif) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                identity,
                intent.instance_uid,
                self.account,
                intent.cause,
                intent.bar_close_ms,
                intent.action,
                intent.leg,
                intent.intent_class,
                intent.symbol,
                intent.side,
                qty,
                text(intent.price_ref),
                text(band_bps),
                stop,
                target,
                intent.reason,
                intent.play_digest,
                intent.inputs_digest,
                "" if recovered else parameters_digest(intent),
                gates.decode(),
                self._clock.wall_ms(),
                intent.expires_ms,
                "" if recovered else intent.time_in_force,
            ),
        )
        if intent.stop is not None:
            self.stops_asked.append(StopAsked(identity, intent.instance_uid, intent.symbol, intent.stop))
        self.tell("intent.created", intent.instance_uid, intent.symbol, identity, told_intent(intent))
        return identity

    def insert_order(
        self, intent: Intent, identity: str, attempt: int, request: OrderRequest, *, proved: bool = True
    ) -> OrderRow:
        """
        Write the order of one attempt, about to be sent: `INTENT` and `SENT` in one step, so that nothing is left to write
        between the commit and the bytes. The link id must be the one that its identity gives, unless it is not `proved`: then
        it is an order found at the venue whose decision is not known.
        """
        if proved and request.link_id != link_id(intent.instance_uid, intent.cause, intent.action, intent.leg, attempt):
            raise Broken(f"link id {request.link_id} does not belong to {identity} attempt {attempt}")
        now_ms = self._clock.wall_ms()
        row = sent_row(intent, identity, attempt, request, now_ms)
        self._ledger.write(
            "INSERT INTO orders (link_id, intent, attempt, account, owner, action, symbol, position_idx, side, type, tif, qty,"
            " price, reduce_only, stop, target, tpsl_mode, tolerance_pct, state, created_ms, signed_ms, last_event_ms)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                row.link_id,
                row.intent,
                row.attempt,
                self.account,
                row.owner,
                row.action,
                row.symbol,
                row.position_idx,
                row.side,
                row.type,
                row.tif,
                text(row.qty),
                text(row.price),
                int(row.reduce_only),
                text(row.stop),
                text(row.target),
                "Full" if row.stop is not None or row.target is not None else "",
                text(row.tolerance_pct),
                row.state,
                row.created_ms,
                row.signed_ms,
                row.last_event_ms,
            ),
        )
        self._ledger.write(
            "INSERT INTO order_events (link_id, n, source, request, before, after, received_ms)"
            " VALUES (?, 1, 'intent', '', '', 'INTENT', ?), (?, 2, 'send', 'create', 'INTENT', 'SENT', ?)",
            (row.link_id, now_ms, row.link_id, now_ms),
        )
        self.tell("order.sent", row.owner, row.symbol, identity, told_order(row))
        self._count_change(request.symbol)
        return row

    def insert_venue_order(
        self, order: VenueOrder, *, owner: str, action: str, state: OrderState, protective: bool
    ) -> OrderRow:
        """Write an order that the venue reports and we did not send: attached stop or target, or a foreign order."""
        key = f"v:{order.venue_order_id}"
        now_ms = self._clock.wall_ms()
        self._ledger.write(
            "INSERT INTO orders (link_id, intent, attempt, account, owner, action, symbol, position_idx, venue_order_id,"
            ' parent_link_id, side, type, tif, qty, price, "trigger", trigger_by, reduce_only, close_on_trigger, protective,'
            " state, venue_status, created_ms, last_event_ms, venue_ms)"
            " VALUES (?,NULL,0,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                key,
                self.account,
                owner,
                action,
                order.symbol,
                order.position_idx,
                order.venue_order_id,
                order.parent_link_id,
                order.side,
                order.order_type,
                order.time_in_force,
                text(order.qty),
                text(order.price),
                text(order.trigger_price),
                order.trigger_by,
                int(order.reduce_only),
                int(order.close_on_trigger),
                int(protective),
                state,
                order.status,
                now_ms,
                now_ms,
                order.updated_ms,
            ),
        )
        self._write_event(key, "stream", "", "", state, None, order.status, order.updated_ms, order.raw_digest)
        self._count_change(order.symbol)
        row = self.need(key)
        if protective:
            self.tell("stop.placed", owner, row.symbol, order.parent_link_id or None, told_order(row))
        return row

    def hand_over(self, symbol: str, to: str, target: Decimal | None) -> None:
        """
        The stop and the target that hang on a foreign position become those of the instance that adopts it.

        One that has begun to fill stays somebody else's: what it filled before this ledger began is in the baseline, and looked
        up as a fill of ours it would be booked a second time. What it closes from now on is its holder's all the same.
        """
        for row in self.orphans(symbol):
            if row.venue_cum_qty:
                continue
            if row.protective or (row.reduce_only and target is not None and row.trigger == target):
                action = Action.STOP if row.protective else Action.TARGET
                self.record(row, OrderEvent.ADOPT, "operator", owner=to, action=action)

    def record(
        self,
        row: OrderRow,
        event: OrderEvent,
        source: str,
        *,
        code: int | None = None,
        detail: str = "",
        venue_ms: int | None = None,
        raw_digest: str = "",
        signed_ms: int | None = None,
        **fields: SqlValue,
    ) -> OrderRow:
        """
        Apply an event: write it to `order_events` and move the order, with `fields` (column=value) changed beside. `raw_digest`
        is that of what the venue said.

        Returns the row as it is now. Raises `machine.Contradiction`; the event is then stored and the row unchanged.
        """
        current = self.need(row.link_id)
        after = following(current.state, event)
        if after is not current.state or source not in ("stream", "poll"):
            request, then = _CREATE if source in ("send", "reply") else "", after or current.state
            self._write_event(
                row.link_id, source, request, current.state, then, code, detail or event.value, venue_ms, raw_digest
            )
        if after is None:
            raise Contradiction(current.state, event)
        if after is not current.state:
            self._count_change(current.symbol)
        if after is not current.state or source == "reply":
            kind = "order.sent" if event is OrderEvent.SEND else "order.reply" if source == "reply" else "order.state"
            self.tell(kind, current.owner, current.symbol, current.intent, told_event(current, after, source, code, detail))
        now_ms = self._clock.wall_ms()
        self.update(row.link_id, state=after, last_event_ms=now_ms, signed_ms=signed_ms or current.signed_ms, **fields)
        if fields:
            return self.need(row.link_id)
        # Nothing else changed: the row is known without reading it a second time between the commit and the order.
        return replace(current, state=after, last_event_ms=now_ms, signed_ms=signed_ms or current.signed_ms)

    def stops_of(self, owner: str, symbol: str) -> list[str]:
        """Keys of the orders that protect a share now."""
        return [row.link_id for row in self.live(symbol) if row.protective and row.owner == owner]

    def note_move(self, stops: list[str], source: str, detail: str, code: int | None = None, *, raw_digest: str = "") -> None:
        """A request that moves these stops, or its answer, stands among their events; their state is the venue's to tell."""
        for link in stops:
            state = self.need(link).state
            self._write_event(link, source, "trading-stop", state, state, code, detail, None, raw_digest)

    def note_reply(self, link: str, code: int | None, detail: str, *, raw_digest: str = "") -> None:
        """An answer that changes nothing, because the request had no effect and goes out again."""
        state = self.need(link).state
        self._write_event(link, "reply", _CREATE, state, state, code, detail, None, raw_digest)

    def update(self, link: str, **fields: SqlValue) -> None:
        """Change columns of an order that are not its state machine's business (venue id, quantities, reasons)."""
        assignments = ", ".join(f"{name} = ?" for name in fields)
        self._ledger.write(f"UPDATE orders SET {assignments} WHERE link_id = ?", (*fields.values(), link))

    def find(self, link: str) -> OrderRow | None:
        return self._one("link_id = ? AND account = ?", (link, self.account))

    def need(self, link: str) -> OrderRow:
        found = self.find(link)
        if found is None:
            raise Broken(f"order {link} is not in the ledger")
        return found

    def find_by_venue_id(self, venue_order_id: str) -> OrderRow | None:
        if not venue_order_id:
            return None
        return self._one("account = ? AND venue_order_id = ? AND venue_order_id <> ''", (self.account, venue_order_id))

    def live(self, symbol: str | None = None) -> list[OrderRow]:
        """Orders that are not final, oldest first, orphans included."""
        if symbol is None:
            return self._many(f"account = ? AND state IN {LIVE_STATES} ORDER BY created_ms, link_id", (self.account,))
        return self._many(
            f"account = ? AND symbol = ? AND state IN {LIVE_STATES} ORDER BY created_ms, link_id", (self.account, symbol)
        )

    def orphans(self, symbol: str) -> list[OrderRow]:
        """Orders of others that work on a symbol."""
        return [row for row in self.live(symbol) if row.owner == FOREIGN and row.state is OrderState.ORPHAN]

    def lacking_fills(self) -> list[OrderRow]:
        """Final orders of ours whose executions are not all booked."""
        found = self._many(f"account = ? AND venue_cum_qty <> cum_qty AND state NOT IN {LIVE_STATES}", (self.account,))
        return [row for row in found if row.fills_missing]

    def of_intent(self, identity: str) -> list[OrderRow]:
        """All attempts of an intent, first to last."""
        return self._many("intent = ? ORDER BY attempt", (identity,))

    def intent(self, identity: str) -> IntentRow | None:
        found = self._ledger.row("SELECT * FROM intents WHERE id = ?", (identity,))
        return None if found is None else intent_row(found)

    def newest(self) -> tuple[int, int]:
        """The numbers of the newest execution and the newest halt on record: what is written now comes behind them."""
        execution = self._ledger.row("SELECT coalesce(max(n), 0) FROM executions")
        halt = self._ledger.row("SELECT coalesce(max(id), 0) FROM halts")
        return 0 if execution is None else int(execution[0]), 0 if halt is None else int(halt[0])

    def in_doubt_since_ms(self, row: OrderRow) -> int:
        """Since when an order is in doubt, in wall time, over restarts too."""
        found = self._ledger.row(
            "SELECT max(received_ms) FROM order_events WHERE link_id = ? AND after = 'UNKNOWN' AND before <> 'UNKNOWN'",
            (row.link_id,),
        )
        return row.created_ms if found is None or found[0] is None else int(found[0])

    def asked_stop(self, symbol: str, stop: Decimal) -> bool:
        """Whether an intent of the symbol ever asked for a stop at this price."""
        found = self._ledger.rows(
            "SELECT DISTINCT stop FROM intents WHERE account = ? AND symbol = ? AND stop IS NOT NULL", (self.account, symbol)
        )
        return any(Decimal(row["stop"]) == stop for row in found)

    def open_intents(self) -> list[IntentRow]:
        """Intents without an outcome."""
        rows = self._ledger.rows(
            "SELECT * FROM intents WHERE account = ? AND outcome = '' ORDER BY created_ms, id", (self.account,)
        )
        return [intent_row(row) for row in rows]

    def close_intent(self, identity: str, outcome: str) -> bool:
        """Give an intent its outcome once. False if it had one."""
        cursor = self._ledger.write("UPDATE intents SET outcome = ? WHERE id = ? AND outcome = ''", (outcome, identity))
        if cursor.rowcount == 1 and outcome in _DROPPED and (intent := self.intent(identity)) is not None:
            self.tell("intent.dropped", intent.instance, intent.symbol, identity, {"outcome": outcome})
        return cursor.rowcount == 1

    def recent_entries(self, behind_close_ms: int, since_ms: int, instance_uid: str | None = None) -> int:
        """
        Entries decided at closes behind one, in market time, of the account or of one instance; written since a wall time,
        which only keeps the past from being read.
        """
        where, values = self._recent(behind_close_ms, since_ms, instance_uid)
        found = self._ledger.row(f"SELECT count(*) FROM intents WHERE {where}", values)
        return 0 if found is None else int(found[0])

    def recent_close_ms(self, behind_close_ms: int, since_ms: int, nth: int, instance_uid: str | None = None) -> int:
        """The close that decided the nth newest of `recent_entries`; `behind_close_ms` where there are fewer."""
        where, values = self._recent(behind_close_ms, since_ms, instance_uid)
        newest = f"SELECT bar_close_ms FROM intents WHERE {where} ORDER BY bar_close_ms DESC LIMIT 1 OFFSET ?"
        found = self._ledger.row(newest, (*values, nth - 1))
        return behind_close_ms if found is None else int(found[0])

    def _recent(self, behind_close_ms: int, since_ms: int, instance_uid: str | None) -> tuple[str, tuple[SqlValue, ...]]:
        where = "account = ? AND class = 'entry' AND created_ms >= ? AND bar_close_ms > ?"
        values: tuple[SqlValue, ...] = (self.account, since_ms, behind_close_ms)
        return (where, values) if instance_uid is None else (f"{where} AND instance = ?", (*values, instance_uid))

    def _count_change(self, symbol: str) -> None:
        self.changes[symbol] = self.changes.get(symbol, 0) + 1

    def _write_event(
        self,
        link: str,
        source: str,
        request: str,
        before: str,
        after: str,
        code: int | None,
        detail: str,
        venue_ms: int | None,
        raw_digest: str,
    ) -> None:
        self._ledger.write(
            "INSERT INTO order_events"
            " (link_id, n, source, request, before, after, code, detail, venue_ms, received_ms, raw_digest)"
            " SELECT ?, coalesce(max(n), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM order_events WHERE link_id = ?",
            (link, source, request, before, after, code, detail, venue_ms, self._clock.wall_ms(), raw_digest, link),
        )

    def _one(self, where: str, values: tuple[SqlValue, ...]) -> OrderRow | None:
        found = self._ledger.row(f"SELECT * FROM orders WHERE {where}", values)
        return None if found is None else order_row(found)

    def _many(self, where: str, values: tuple[SqlValue, ...]) -> list[OrderRow]:
        return [order_row(row) for row in self._ledger.rows(f"SELECT * FROM orders WHERE {where}", values)]
