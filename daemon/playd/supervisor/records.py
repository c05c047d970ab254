"""The record of an instance, and its rows in the ledger's table `instances`."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Final

import orjson

from playd.core.ids import instance_tag
from playd.core.modes import Mode
from playd.orders.desk import OwnLimits
from playd.orders.ledger import Ledger
from playd.orders.order_book import FOREIGN, LIVE_STATES
from playd.settings.limits_model import Risk

NAME_PATTERN: Final = r"[a-z0-9][a-z0-9-]{0,31}"


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """
    What is fixed about an instance, and what was asked of it. What it is doing is not here but in `states.Facts`.

    Attributes:
        uid: Eight characters, fixed when it was added; the seed of all its link ids.
        account: Alias of the account its orders go to; in shadow mode the name of its book in the ledger.
        play_path: The file as it was given. `play_digest` is the hash of its normal form, checked at each start.
        capital_usd: Decimal text; the engine's starting equity.
        clock_ms: Length of the bars that it decides on.
        declared: Comes from the configuration file and can be changed only there.
        enabled: Starts with the daemon. `desired`: what a person asked for last: `running`, `stopped`, or `flat` (manage exits
            until there is no position, then stop).
        failed_code, failed_text: Set while it is quarantined or refused.
        anchor_ms: Open of the first candle its columns were fed with; 0 before the first start.
        restarts: Wall times in ms of restarts after crashes, oldest first.
        previous_digests: Digests of Plays that ran under this uid before, oldest first.
        capital_step: `micro`, `quarter` or `full` with real money, `full` elsewhere.
        risk: Keys of `[risk]` that bound this instance alone, as JSON.
    """

    uid: str
    name: str
    account: str
    mode: Mode
    symbol: str
    play_path: str
    play_digest: str
    capital_usd: str
    clock_ms: int
    created_ms: int
    changed_ms: int
    sharing: str = "exclusive"
    capital_step: str = "full"
    declared: bool = False
    enabled: bool = True
    desired: str = "stopped"
    failed_code: str = ""
    failed_text: str = ""
    anchor_ms: int = 0
    restarts: tuple[int, ...] = ()
    previous_digests: tuple[str, ...] = ()
    risk: str = "{}"

    @property
    def own_limits(self) -> OwnLimits:
        """What bounds it beside its account."""
        return OwnLimits(Risk.model_validate_json(self.risk), self.capital_step)


class RecordStore:
    """
    Instance records in the ledger. Every change is durable when the method returns.

    Removed instances keep their row (their orders refer to it) and are no longer listed.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def load(self) -> list[InstanceRecord]:
        """All records that were not removed, by name."""
        rows = self._ledger.rows("SELECT * FROM instances WHERE removed = 0 ORDER BY name")
        return [_from_row(row) for row in rows]

    def keep_ledger(self) -> None:
        """See `Ledger.keep`; accounts commit more often, but there may be none."""
        self._ledger.keep()

    def put(self, record: InstanceRecord) -> None:
        """Create or replace a record."""
        self._write(record, removed=0)

    def booked_qty(self, record: InstanceRecord) -> Decimal:
        """Signed quantity of the position that the ledger books to an instance."""
        row = self._ledger.row(
            "SELECT signed_qty FROM virtual_positions WHERE account = ? AND instance = ? AND symbol = ?",
            (record.account, record.uid, record.symbol),
        )
        return Decimal(0) if row is None else Decimal(row["signed_qty"])

    def occupies(self, record: InstanceRecord) -> bool:
        """
        Whether an instance has a position at its venue by the ledger, an order there that is not final, or one of which more is
        executed than booked.
        """
        whose = "account = ? AND owner = ?", record.account, record.uid
        return self.booked_qty(record) != 0 or self._has_live_order(*whose) or self._has_order(_LACKING, *whose)

    def occupying(self) -> set[tuple[str, str]]:
        """Account and uid of everybody for whom `occupies` holds, and perhaps of others who are gone: three queries for all."""
        held = self._ledger.rows("SELECT account, instance, signed_qty FROM virtual_positions")
        live = [
            row
            for state in (_LIVE, _LACKING)
            for row in self._ledger.rows(f"SELECT DISTINCT account, owner FROM orders WHERE {state}")
        ]
        holding = {(str(row["account"]), str(row["instance"])) for row in held if Decimal(row["signed_qty"])}
        return holding | {(str(row["account"]), str(row["owner"])) for row in live}

    def conditional_of_others(self, record: InstanceRecord) -> int:
        """How many orders of anybody else wait for a price on the account and symbol of an instance, as far as was seen."""
        row = self._ledger.row(
            'SELECT count(*) FROM orders WHERE account = ? AND symbol = ? AND owner <> ? AND CAST("trigger" AS REAL) > 0'
            f" AND state IN {LIVE_STATES}",
            (record.account, record.symbol, record.uid),
        )
        return 0 if row is None else int(row[0])

    def has_something(self, record: InstanceRecord) -> bool:
        """Whether the ledger books a position to an instance, or knows an order on its account that is not final."""
        return self.booked_qty(record) != 0 or self._has_live_order("account = ?", record.account)

    def entries_rest(self, account: str) -> bool:
        """Whether the ledger knows an entry of an instance on an account that is not final."""
        return self._has_live_order("account = ? AND owner <> ? AND reduce_only = 0 AND protective = 0", account, FOREIGN)

    def entry_rests(self, record: InstanceRecord) -> bool:
        """Whether the ledger knows an entry of an instance that is not final."""
        return self._has_live_order(
            "account = ? AND owner = ? AND reduce_only = 0 AND protective = 0", record.account, record.uid
        )

    def _has_live_order(self, where: str, *values: str) -> bool:
        return self._has_order(_LIVE, where, *values)

    def _has_order(self, state: str, where: str, *values: str) -> bool:
        return self._ledger.row(f"SELECT 1 FROM orders WHERE {where} AND {state} LIMIT 1", values) is not None

    def hold_entries(self, uid: str, until_ms: int) -> None:
        """Note until when the entries of an instance wait, whatever happens to the daemon meanwhile."""
        self._ledger.set_meta(_COOL_DOWN + uid, str(until_ms))
        self._ledger.commit()

    def entries_held_until_ms(self, uid: str) -> int:
        """Until when the entries of an instance wait; 0 when they do not."""
        return int(self._ledger.meta(_COOL_DOWN + uid) or 0)

    def let_entries_go(self, uid: str) -> None:
        """The wait is over. Durable with the next commit: a wait too many harms nobody."""
        self._ledger.write("DELETE FROM meta WHERE key = ?", (_COOL_DOWN + uid,))

    def has_worked(self, record: InstanceRecord) -> bool:
        """Whether the ledger knows a decision of an instance, or an event of an order for it."""
        events = "SELECT 1 FROM outbox WHERE account = ? AND instance = ? LIMIT 1"
        return (
            self.first_decision_ms(record.uid) is not None or self._ledger.row(events, (record.account, record.uid)) is not None
        )

    def expect_no_state(self, uid: str) -> None:
        """A person has had the state of an instance set aside: its next life finds none."""
        self._ledger.set_meta(_RESET + uid, "1")
        self._ledger.commit()

    def expects_no_state(self, uid: str) -> bool:
        """Whether a person has had its state set aside, and no life has kept another since."""
        return self._ledger.meta(_RESET + uid) is not None

    def expect_a_state(self, uid: str) -> None:
        """There is one: should it be gone the next time, somebody took it. Durable with the next commit."""
        if self.expects_no_state(uid):
            self._ledger.write("DELETE FROM meta WHERE key = ?", (_RESET + uid,))

    def distrust_state(self, uid: str) -> None:
        """The state of an instance knows events that the ledger lost: no life may go on from it, until it is set aside."""
        self._ledger.set_meta(_AHEAD + uid, "1")
        self._ledger.commit()

    def distrusts_state(self, uid: str) -> bool:
        """Whether a state that knows more than the ledger has not been set aside since."""
        return self._ledger.meta(_AHEAD + uid) is not None

    def trust_state(self, uid: str) -> None:
        """That one is gone. Durable with the next commit, and so before another is written."""
        if self.distrusts_state(uid):
            self._ledger.write("DELETE FROM meta WHERE key = ?", (_AHEAD + uid,))

    def first_decision_ms(self, uid: str) -> int | None:
        """Close of the first bar that ever got a verdict, None before the first."""
        row = self._ledger.row("SELECT min(close_ms) AS first FROM bars WHERE instance = ?", (uid,))
        return None if row is None or row["first"] is None else int(row["first"])

    def first_entry_ms(self, uid: str) -> int | None:
        """Close of the first bar behind which an instance asked for an entry, None before the first."""
        row = self._ledger.row(
            "SELECT bar_close_ms FROM intents WHERE id >= ? AND id < ? AND action = 'enter' ORDER BY id LIMIT 1",
            (f"{uid}/", f"{uid}/:"),  # ids begin with the close, and a colon follows the digits
        )
        return None if row is None else int(row["bar_close_ms"])

    def remove(self, record: InstanceRecord) -> None:
        """Take a record off the list."""
        self.let_entries_go(record.uid)
        self.expect_a_state(record.uid)
        self.trust_state(record.uid)
        self._write(replace(record, enabled=False, desired="stopped"), removed=1)

    def _write(self, record: InstanceRecord, *, removed: int) -> None:
        row = _to_row(record) | {"removed": removed}
        names = ", ".join(row)
        marks = ", ".join("?" for _ in row)
        changes = ", ".join(f"{name} = excluded.{name}" for name in row if name != "uid")
        self._ledger.write(
            f"INSERT INTO instances ({names}) VALUES ({marks}) ON CONFLICT (uid) DO UPDATE SET {changes}", tuple(row.values())
        )
        self._ledger.commit()


_COOL_DOWN: Final = "cooldown:"
_RESET: Final = "reset:"
_AHEAD: Final = "ahead:"
_LIVE: Final = f"state IN {LIVE_STATES}"
_LACKING: Final = "venue_cum_qty <> cum_qty AND CAST(venue_cum_qty AS REAL) > CAST(cum_qty AS REAL)"
"""The venue told of more than is booked. The first half is that of the index."""

_LISTS: Final = ("restarts", "previous_digests")
_FLAGS: Final = ("declared", "enabled")


def _to_row(record: InstanceRecord) -> dict[str, str | int]:
    row: dict[str, str | int] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if field.name in _LISTS:
            row[field.name] = orjson.dumps(value).decode()
        elif field.name in _FLAGS:
            row[field.name] = int(value)
        else:
            row[field.name] = value
    row["tag"] = instance_tag(record.uid)
    return row


def _from_row(row: sqlite3.Row) -> InstanceRecord:
    values = {field.name: row[field.name] for field in fields(InstanceRecord)}
    for name in _LISTS:
        values[name] = tuple(orjson.loads(values[name]))
    for name in _FLAGS:
        values[name] = bool(values[name])
    return InstanceRecord(**{**values, "mode": Mode(values["mode"])})


def by_name(records: Iterable[InstanceRecord]) -> dict[str, InstanceRecord]:
    """Records by name."""
    return {record.name: record for record in records}
