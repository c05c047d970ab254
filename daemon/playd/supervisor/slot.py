"""One instance as the supervisor holds it: record, facts, state, and whatever is running of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import anyio

from playd.orders.account import Account
from playd.supervisor.instance import EngineInstance
from playd.supervisor.records import InstanceRecord
from playd.supervisor.states import Facts, Life, Reason, State, check_transition, reasons_of, state_of

OnTransition = Callable[["Slot", State, State, str], None]
"""Hears every change of state: slot, before, after, cause."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What one life of an instance came to: trades that are closed, and their net result."""

    trades: int = 0
    net_pnl_usdt: float = 0.0


class Slot:
    """
    Holds everything about one instance that the supervisor may ask at any moment.

    `engine` is set while one life of it runs. `ended` is set while no task of it runs, `settled` once it is
    more than warming, `touched` at the next event of its orders. `symbols` are those whose bars its decisions read, the traded
    one first; `said` is what they read beside the bars of that one (of `plays.program.MARKET_FIELDS`). `not_armed` says why it
    may not open positions with real money, empty once the supervisor saw that it may; `taken_back` is the open account that was
    asked to cancel its entries for that.
    """

    def __init__(self, record: InstanceRecord, on_transition: OnTransition) -> None:
        self.record = record
        self.symbols: tuple[str, ...] = (record.symbol,)
        self.said: tuple[str, ...] = ()
        self.facts = _first_facts(record)
        self.engine: EngineInstance | None = None
        self.scope: anyio.CancelScope | None = None
        self.ended = anyio.Event()
        self.ended.set()
        self.settled = anyio.Event()
        self.touched = anyio.Event()
        self.crashes = 0
        self.ahead_ms: int | None = None
        """How far the wall clock was ahead of the monotonic one when its restarts were last counted."""
        self.taken_back: Account | None = None
        self.not_armed = "nobody has looked whether it is armed"
        self.last_bar_mono_s: float | None = None
        self.begun_s = 0.0
        """When its life was begun, monotonic."""
        self.final = Statistics()
        """What the life that ended last in this process came to."""
        self.entries_held_until_ms: int | None = None
        """Wall time before which a cool-down does not end; None while there is none."""
        self._on_transition = on_transition

    @property
    def name(self) -> str:
        return self.record.name

    @property
    def state(self) -> State:
        """The state shown."""
        return state_of(self.facts)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why it is not simply running."""
        return reasons_of(self.facts)

    @property
    def reason_text(self) -> str:
        """All reasons in one line."""
        return "; ".join(str(reason) for reason in self.reasons)

    @property
    def active(self) -> bool:
        """Whether a task of it runs or waits to run again."""
        return not self.ended.is_set()

    def set(self, cause: str, **changed: Any) -> None:
        """Change facts; the state follows, `cause` goes to the journal. Raises `Broken` for a forbidden transition."""
        self.set_facts(replace(self.facts, **changed), cause)

    def set_facts(self, facts: Facts, cause: str) -> None:
        """Like `set`, with whole facts."""
        before, after = state_of(self.facts), state_of(facts)
        check_transition(before, after)
        self.facts = facts
        if facts.warm or after in (State.FAILED, State.STOPPED):
            self.settled.set()
        self.touch()
        if before is not after:
            self._on_transition(self, before, after, cause)

    def touch(self) -> None:
        """Wake who waits for news of fills and orders."""
        touched, self.touched = self.touched, anyio.Event()
        touched.set()

    def degrade(self, code: str, text: str) -> None:
        """Add a cause of degradation."""
        self.set_facts(self.facts.with_cause(code, text), code)

    def recover(self, code: str) -> None:
        """Remove a cause of degradation."""
        if code in self.facts.causes:
            self.set_facts(self.facts.without_cause(code), f"{code} gone")


def _first_facts(record: InstanceRecord) -> Facts:
    """What is known before anything runs: a failure survives the daemon, and who never started is `created`."""
    failed = Reason(record.failed_code, record.failed_text) if record.failed_code else None
    return Facts(life=Life.STOPPED if record.anchor_ms else Life.CREATED, failed=failed)
