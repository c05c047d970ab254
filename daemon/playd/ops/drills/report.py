"""What a drill did and saw: the rows of its table and the numbers of its evidence."""

from dataclasses import dataclass, field
from pathlib import PurePath

from playd.core.canonical import Json
from playd.ops.drills.consequences import Consequences
from playd.ops.drills.invariants import Checked
from playd.world.ports import Clock


class DrillError(Exception):
    """The drill is over before its end: what had to be seen was not seen. Its row is in the report."""


class CannotRun(Exception):
    """The drill could not begin: a program did not start, or the market gave no position to practise on."""


@dataclass(frozen=True, slots=True)
class Injected:
    """One fault; `at_ms` counts from the start of the drill."""

    at_ms: int
    kind: str
    target: str
    params: dict[str, Json]


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table. `recovery_s` is None where nothing was to recover, `limit_s` where nothing limits it."""

    fault: str
    seen: str
    recovery_s: float | None
    limit_s: float | None
    passed: bool


@dataclass(slots=True)
class Report:
    """Collects while a drill runs."""

    clock: Clock
    started_ms: int
    began_s: float
    faults: list[Injected] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    invariants: tuple[Checked, ...] = ()
    found: Consequences = field(default_factory=Consequences)
    naked_s: float = 0.0
    """All seconds together in which positions of instances had no stop that covers them, by the exchange's ledger."""
    orders_per_intent_max: int = 0
    left_behind: PurePath | None = None
    """The directory of a drill that did not pass: logs and ledgers, for whoever wants to know why."""

    @staticmethod
    def begin(clock: Clock) -> "Report":
        return Report(clock, clock.wall_ms(), clock.mono_s())

    @property
    def passed(self) -> bool:
        """Whether every row and every invariant held, and something was looked at."""
        return bool(self.lines) and all(line.passed for line in self.lines) and not any(c.violations for c in self.invariants)

    @property
    def first_violation(self) -> str | None:
        failed = next((f"{line.fault}: {line.seen}" for line in self.lines if not line.passed), None)
        return failed or next((f"{each.id}: {each.violations[0]}" for each in self.invariants if each.violations), None)

    @property
    def worst_s(self) -> float:
        """The slowest recovery of all."""
        return max((line.recovery_s for line in self.lines if line.recovery_s is not None), default=0.0)

    def inject(self, kind: str, target: str, **params: Json) -> float:
        """Note a fault that is done now; the moment, for measuring from."""
        now_s = self.clock.mono_s()
        self.faults.append(Injected(round((now_s - self.began_s) * 1000), kind, target, params))
        return now_s

    def saw(self, fault: str, seen: str, *, recovery_s: float | None = None, limit_s: float | None = None) -> None:
        """A row that held, unless it took longer than its limit."""
        late = recovery_s is not None and limit_s is not None and recovery_s > limit_s
        self.lines.append(Line(fault, seen, recovery_s, limit_s, not late))

    def missed(self, fault: str, seen: str, *, limit_s: float | None = None) -> None:
        """A row that did not hold."""
        self.lines.append(Line(fault, seen, None, limit_s, passed=False))

    def require(self, held: object, fault: str, seen: str) -> None:
        """A row that holds or not, whatever the time; the drill goes on."""
        self.lines.append(Line(fault, seen, None, None, bool(held)))
