"""What the methods of the control socket work with: the daemon's parts as one frozen value, and how far its start has come."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from playd.control.day_starts import DayStarts
from playd.control.log_lines import LineFilter
from playd.control.ops_context import OpsParts
from playd.control.protocol import JsonObject
from playd.core.modes import Environment, Mode
from playd.core.record import Recorder
from playd.market.hub import MarketHub
from playd.orders.account import Account
from playd.orders.halts import Halts
from playd.orders.ledger import Ledger
from playd.plays.model import Play
from playd.settings.load import MainText
from playd.settings.policy import Policy
from playd.settings.reload import Outcome
from playd.supervisor.accounts import Accounts
from playd.supervisor.arming import Link
from playd.supervisor.arming_records import Armings
from playd.supervisor.commands import Commands
from playd.supervisor.evidence import EvidenceBook
from playd.supervisor.records import InstanceRecord
from playd.supervisor.supervisor import Supervisor
from playd.world.ports import Clock


class LogQuery(Protocol):
    """The newest log lines that are wanted, or of those before a number; oldest first, each with its number `n`."""

    def __call__(self, *, limit: int, wanted: LineFilter | None = None, before: int | None = None) -> list[JsonObject]: ...


class Presence(Protocol):
    """
    What the daemon knows of its guardian: seconds since it answered (None: never), why it cannot be counted on (empty while it
    can), and for how many seconds it has been silent without an incident (`untold_s`), which is a fault of ours.
    """

    @property
    def age_s(self) -> float | None:
        """Seconds since the guardian answered; None while it never has."""
        ...

    @property
    def missing(self) -> str:
        """Why it cannot be counted on; empty while it can."""
        ...

    @property
    def untold_s(self) -> float:
        """Seconds of silence without an incident."""
        ...

    def announce_stop(self) -> None:
        """Tell it that the daemon stops on purpose, so that its silence is no death."""
        ...


class Reload(Protocol):
    """Settings anew, see `cli.reloading`. Both raise `SettingsError` for files that are wrong."""

    def look(self, instead: MainText | None = None) -> Outcome:
        """What a reload would do now, or with another text as the main file; changes nothing."""
        ...

    def reload(self, actor: str, *, confirm: str = "") -> Outcome:
        """Take over what may be taken over; looser limits only with the phrase that `Outcome.phrase` asks for."""
        ...


@dataclass(slots=True)
class Progress:
    """How far the start has come; `step` says what is being waited for while `ready` is false."""

    ready: bool = False
    step: str = "starting"
    took_s: float | None = None


@dataclass(frozen=True, slots=True)
class Daemon:
    """
    The running daemon as the control socket sees it.

    `market_ms` is the time of the market in ms, None before anything was received; `find_hub` gives the market that an instance
    follows, None when it is not open, `environment_of` whose market that is. `chain` says what keeps an instance from opening
    positions with real money; `open_account` raises `OperatorError` when an account is refused, or not open in time;
    `compile_for` sees that the kernels of a Play are compiled, without holding the loop.
    """

    version: str
    daemon_id: str
    started_s: float
    ceiling: Mode
    clock: Clock
    ledger: Ledger
    journal: Recorder
    halts: Halts
    accounts: Accounts
    supervisor: Supervisor
    commands: Commands
    find_hub: Callable[[InstanceRecord], MarketHub | None]
    environment_of: Callable[[InstanceRecord], Environment]
    market_ms: Callable[[], int | None]
    query_logs: LogQuery
    progress: Progress
    guardian: Presence
    ops: OpsParts
    armings: Armings
    evidence: EvidenceBook
    policy: Policy
    chain: Callable[[InstanceRecord], Link | None]
    open_account: Callable[[InstanceRecord], Awaitable[Account]]
    compile_for: Callable[[Play], Awaitable[None]]
    reload: Reload
    rekey: Callable[[str, str], Awaitable[JsonObject]]
    """Another key for an account (alias, actor), see `cli.rekeying`. Raises `OperatorError`."""
    day_starts: DayStarts = field(default_factory=DayStarts)
