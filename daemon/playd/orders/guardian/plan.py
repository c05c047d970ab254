"""
The guardian's plan: what the daemon wants to be true at the venue, and how the guardian shall help when it is not.

Values and their form on disk. Prices and quantities are decimals, as text on disk; durations are seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from pathlib import PurePath
from typing import Any, Final

from playd.core.canonical import Json
from playd.core.errors import StateError
from playd.core.modes import Environment
from playd.core.orders import Side

SCHEMA: Final = "guardian-plan/2"

TOLERANCES_PCT: Final = (Decimal("0.3"), Decimal(1), Decimal(3))
"""Slippage tolerances of closing orders where no plan names others; attempts behind the last one have none."""


@dataclass(frozen=True, slots=True)
class PlannedShare:
    """
    What one instance holds of a position, in base units without a sign. Zero while its entry works and nothing is booked.

    `opened_ms` is when it began, 0 for a zero one; `booked_seq` the newest sequence number that is in it, None where a plan of
    before does not say: an execution behind it is not. `booked_ms` is the market time of that one, 0 where it has none.
    """

    owner: str
    name: str
    qty: Decimal
    opened_ms: int = 0
    booked_seq: int | None = None
    booked_ms: int = 0


@dataclass(frozen=True, slots=True)
class PlannedExit:
    """An exit of ours under way or in doubt, and how much of it the shares have lost already, in base units."""

    link_id: str
    booked: Decimal


@dataclass(frozen=True, slots=True)
class PlannedPosition:
    """
    One position of ours, or one that a working entry of ours may be opening (`qty` is then zero).

    `stop` is the planned one, None where nobody knows it; `fallback` the stop to use then. `max_order_qty` is the venue's
    largest market order. `shares` say whose it is. `frozen`: the operator's own, only alarms. `flatten`: whether it may be
    closed when no stop holds.
    """

    symbol: str
    position_idx: int
    side: Side
    qty: Decimal
    stop: Decimal | None
    fallback: Decimal | None
    tick: Decimal
    max_order_qty: Decimal
    shares: tuple[PlannedShare, ...]
    frozen: bool
    flatten: bool
    entry_links: tuple[str, ...] = ()
    exits: tuple[PlannedExit, ...] = ()
    trigger_by: str = "LastPrice"

    @property
    def owner(self) -> str:
        """The instance that holds all of it, empty when several do."""
        return self.shares[0].owner if len(self.shares) == 1 else ""

    def share_of(self, owner: str) -> PlannedShare | None:
        """The part of one instance, None when it has none."""
        return next((share for share in self.shares if share.owner == owner), None)


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """
    One account with a key: where it is, whose key it must be, where that key lies (never the key), and its positions.

    `tolerances_pct` are the slippage tolerances of closing orders, attempt by attempt; the last attempts have none. Executions
    before `read_to_ms`, in market time, are all in the shares; 0 where nobody says so.
    """

    alias: str
    environment: Environment
    rest: str
    public: str
    private: str
    trade: str
    expected_uid: str
    allow_unbound_key: bool
    credential_file: str
    tolerances_pct: tuple[Decimal, ...]
    positions: tuple[PlannedPosition, ...] = ()
    frozen: bool = False
    read_to_ms: int = 0

    @property
    def place(self) -> "AccountPlan":
        """Where it is and whose key it must be, without what changes from fill to fill: two plans of one place are equal."""
        return replace(self, positions=(), frozen=False, read_to_ms=0)

    def position(self, symbol: str, position_idx: int) -> PlannedPosition | None:
        """The plan for one position, None when nobody here planned it."""
        for planned in self.positions:
            if (planned.symbol, planned.position_idx) == (symbol, position_idx):
                return planned
        return None


@dataclass(frozen=True, slots=True)
class PlannedInstance:
    """An instance and where it trades, whatever it holds: a person may name one that is flat."""

    uid: str
    name: str
    account: str
    symbol: str


@dataclass(frozen=True, slots=True)
class PlannedHalt:
    """A halt in force, so that losing the ledger lifts nothing. `id` and `raised_ms` name its row of the ledger."""

    id: int
    scope: str
    level: int
    code: str
    text: str
    actor: str
    raised_ms: int


@dataclass(frozen=True, slots=True)
class Rules:
    """The guardian's numbers, from the settings of the daemon that wrote the plan."""

    check_s: float = 5.0
    dead_after_s: float = 10.0
    repair_after_s: float = 15.0
    act_after_s: float = 30.0
    cancel_entries_after_s: float = 60.0
    flatten_after_s: float = 0.0
    fallback_stop_pct: Decimal = Decimal(3)


@dataclass(frozen=True, slots=True)
class AlertWay:
    """
    One of the operator's ways by which the guardian calls a person: a program, or a file that holds an address (never the
    address); with neither, the service's credential `alerts-<name>`. `kinds` and `scopes` are globs, none of them is all.
    """

    name: str
    command: tuple[str, ...] = ()
    credential: PurePath | None = None
    kinds: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    backup_only: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """
    Everything the guardian knows from the daemon. An alarm that lasts is told again every `repeat_s`. Until `banned_until_ms`
    on the wall clock the venue has banned the address that both send from; one that the guardian meets is `ban_s` long.
    """

    rules: Rules = Rules()
    accounts: tuple[AccountPlan, ...] = ()
    halts: tuple[PlannedHalt, ...] = ()
    ways: tuple[AlertWay, ...] = ()
    repeat_s: float = 300.0
    banned_until_ms: int = 0
    ban_s: float = 600.0
    instances: tuple[PlannedInstance, ...] = ()

    def account(self, alias: str) -> AccountPlan | None:
        """The plan of one account."""
        return next((found for found in self.accounts if found.alias == alias), None)


def to_payload(plan: Plan) -> dict[str, Json]:
    """The plan as JSON for the envelope."""
    return {
        "rules": _fields(plan.rules),
        "accounts": [
            {**_fields(account), "positions": [_fields(position) for position in account.positions]}
            for account in plan.accounts
        ],
        "halts": [_fields(halt) for halt in plan.halts],
        "banned_until_ms": plan.banned_until_ms,
        "ban_s": plan.ban_s,
        "instances": [_fields(instance) for instance in plan.instances],
        "alerts": {"repeat_s": plan.repeat_s, "ways": [_fields(way) for way in plan.ways]},
    }


def from_payload(payload: Mapping[str, Any], where: str) -> Plan:
    """The plan of a payload. Raises `StateError` naming `where` for one that does not fit."""
    try:
        return Plan(
            rules=Rules(**{**payload["rules"], "fallback_stop_pct": Decimal(payload["rules"]["fallback_stop_pct"])}),
            accounts=tuple(_account(row) for row in payload["accounts"]),
            halts=tuple(PlannedHalt(**row) for row in payload["halts"]),
            # A plan of before they were in it.
            banned_until_ms=int(payload.get("banned_until_ms", 0)),
            ban_s=float(payload.get("ban_s", Plan().ban_s)),
            instances=tuple(PlannedInstance(**row) for row in payload.get("instances", ())),
            **_alerts(payload.get("alerts", {"repeat_s": Plan().repeat_s, "ways": []})),
        )
    except (KeyError, TypeError, ValueError, InvalidOperation) as error:
        raise StateError(f"{where}: not a plan of the guardian ({type(error).__name__}: {error})") from None


def _alerts(row: Mapping[str, Any]) -> dict[str, Any]:
    lists = ("command", "kinds", "scopes")
    ways = [
        AlertWay(**{**way, **{name: tuple(way[name]) for name in lists}, "credential": _path(way["credential"])})
        for way in row["ways"]
    ]
    return {"repeat_s": float(row["repeat_s"]), "ways": tuple(ways)}


def _path(text: str | None) -> PurePath | None:
    return None if text is None else PurePath(text)


def _account(row: Mapping[str, Any]) -> AccountPlan:
    return AccountPlan(
        **{
            # A plan of before could say that its key may move funds.
            **{name: value for name, value in row.items() if name != "allow_withdrawal_key"},
            "environment": Environment(row["environment"]),
            "tolerances_pct": tuple(Decimal(each) for each in row["tolerances_pct"]),
            "positions": tuple(_position(each) for each in row["positions"]),
        }
    )


def _position(row: Mapping[str, Any]) -> PlannedPosition:
    return PlannedPosition(
        **{
            **row,
            "side": Side(row["side"]),
            **{name: Decimal(row[name]) for name in ("qty", "tick", "max_order_qty")},
            **{name: None if row[name] is None else Decimal(row[name]) for name in ("stop", "fallback")},
            "shares": tuple(PlannedShare(**{**each, "qty": Decimal(each["qty"])}) for each in row["shares"]),
            "entry_links": tuple(row["entry_links"]),
            # A plan of before they were in it has none.
            "exits": tuple(PlannedExit(each["link_id"], Decimal(each["booked"])) for each in row.get("exits", ())),
        }
    )


def _fields(
    value: Rules | AccountPlan | PlannedPosition | PlannedShare | PlannedExit | PlannedInstance | PlannedHalt | AlertWay,
) -> dict[str, Json]:
    return {name: _json(getattr(value, name)) for name in value.__dataclass_fields__ if name != "positions"}


def _json(value: object) -> Json:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, tuple):
        return [_json(each) for each in value]
    if isinstance(value, PlannedShare | PlannedExit):
        return _fields(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value)
