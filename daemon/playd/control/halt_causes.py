"""Whether the cause of a halt goes on: asked of what raised it, and never guessed."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from playd.control.context import Daemon
from playd.ops.free_space import CODE as DISK
from playd.orders.account import Account
from playd.orders.halts import FILE_CODE, Halt, Level
from playd.supervisor.own_halts import GIVEN_UP
from playd.supervisor.states import State

PEOPLE: Final = "uid:"
"""How the actor of a halt begins that a person raised."""

_BREAKERS: Final = ("DAILY_LOSS", "FAST_FALL", "WEEK_LOSS", "DRAWDOWN", "MARGIN_INITIAL", "MARGIN_MAINTENANCE")
_OF_INSTANCE: Final = "INSTANCE_DRAWDOWN"


class Cause(StrEnum):
    """What is known of the cause of a halt."""

    GOES_ON = "goes_on"
    GONE = "gone"
    PERSON = "person"
    UNKNOWN = "unknown"


def cause_of(daemon: Daemon, halt: Halt) -> Cause:
    """What the row of a halt says of its cause."""
    found = still_holds(daemon, halt)
    if found is None:
        return Cause.PERSON if halt.actor.startswith(PEOPLE) else Cause.UNKNOWN
    return Cause.GOES_ON if found else Cause.GONE


def still_holds(daemon: Daemon, halt: Halt) -> bool | None:
    """
    Whether it goes on or is not proved gone; None where a person is the cause, and where nobody can say.

    A pause of a rule is in force for as long as its cause is not proved gone, because the rule lifts it itself.
    """
    if halt.code == FILE_CODE:
        return bool(daemon.halts.kill_files_there)
    if halt.actor.startswith(PEOPLE):
        return None
    if halt.code == DISK:
        return daemon.ops.space.level >= halt.level
    if halt.level is Level.PAUSE:
        return True
    if halt.code == GIVEN_UP:
        return any(_is_about(slot.record.uid, halt) and slot.state is State.FAILED for slot in daemon.supervisor.slots.values())
    if halt.code == _OF_INSTANCE:
        return _trips(daemon, halt)
    account = _account(daemon, halt)
    asked = _BY_CODE.get(halt.code)
    if account is not None and asked is not None:
        return asked(account, halt)
    return _is_told(daemon, halt)


def _is_told(daemon: Daemon, halt: Halt) -> bool | None:
    """By the incident that the rule opened with it: open until its cause is gone. None where there never was one."""
    row = daemon.ledger.row(
        "SELECT resolved_ms FROM incidents WHERE kind = ? AND scope = ? ORDER BY id DESC LIMIT 1", (halt.code, halt.scope)
    )
    return None if row is None else row["resolved_ms"] is None


def _is_about(uid: str, halt: Halt) -> bool:
    return halt.scope == f"instance:{uid}"


def _account(daemon: Daemon, halt: Halt) -> Account | None:
    kind, _, target = halt.scope.partition(":")
    return daemon.accounts.find(target.partition("/")[0]) if kind in ("account", "symbol") else None


def _trips(daemon: Daemon, halt: Halt) -> bool | None:
    """Of an instance: by its result now; None while its account is not open."""
    for slot in daemon.supervisor.slots.values():
        account = daemon.accounts.find(slot.record.account)
        if _is_about(slot.record.uid, halt) and account is not None:
            return account.breakers.trip_of(slot.record.uid) is not None
    return None


def _breaker(account: Account, halt: Halt) -> bool | None:
    """None before the account's figures were read."""
    if account.breakers.standing is None:
        return None
    return any(trip.code == halt.code and trip.level >= halt.level for trip in account.breakers.trips)


def _blind(account: Account, halt: Halt) -> bool:
    return account.desk.condition.blind_since_s is not None


_BY_CODE: Final[dict[str, Callable[[Account, Halt], bool | None]]] = {**dict.fromkeys(_BREAKERS, _breaker), "BLIND": _blind}
