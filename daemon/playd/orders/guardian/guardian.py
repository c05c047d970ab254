"""
The guardian's main part: follows the plan file and the daemon's beats, keeps one watch per account, carries out panics.

What it cannot read or write it says and goes on without: a full disk, a broken journal or a damaged plan never stops a watch.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final

import anyio
from anyio.abc import TaskGroup

from playd.core.canonical import Json
from playd.core.errors import LinkError, PlaydError, StateError
from playd.orders.guardian.alarms import Alarms, Record, Say, Tell
from playd.orders.guardian.hands import Hands
from playd.orders.guardian.heartbeat import DaemonWatch
from playd.orders.guardian.judge import DAEMON_DEAD, Alarm, DaemonState
from playd.orders.guardian.open_account import OpenedAccount
from playd.orders.guardian.plan import AccountPlan, Plan
from playd.orders.guardian.plan_file import PlanFile, ReadPlan
from playd.orders.guardian.share import GuardianShare
from playd.orders.guardian.unfinished import Unfinished, unfinished_alarms
from playd.orders.guardian.watch import AccountWatch, Outlook
from playd.orders.halts import ALL
from playd.orders.panic_report import PanicScope
from playd.orders.share_claims import ShareClaims
from playd.world.ports import Clock

FOLLOW_S: Final = 0.5
STUCK_S: Final = 60.0
"""Beyond its longest pause a watch that has not tried to read for this long is stuck; the watchdog then hears nothing."""

_RETRIES_S: Final = (1.0, 2.0, 5.0)

Opener = Callable[[AccountPlan], AbstractAsyncContextManager[OpenedAccount]]


@dataclass(slots=True)
class Kept:
    """One account and its watch; `watch` is None while it cannot be opened, `problem` then says why."""

    place: AccountPlan
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    watch: AccountWatch | None = None
    share: GuardianShare | None = None
    hands: Hands | None = None
    problem: str = "not opened yet"
    unfinished: dict[PanicScope, Unfinished] = field(default_factory=dict)
    """Panics that are not done; whoever watches goes on with them, and their alarms are told whoever watches."""


class Guardian:
    """`run` it in a task. `beat`, `panic` (through `kept`) and the views are for its socket."""

    def __init__(
        self, clock: Clock, plan_file: PlanFile, opener: Opener, record: Record, say: Say, tell: Tell, claims: ShareClaims
    ) -> None:
        self.daemon = DaemonWatch(clock)
        self.alarms = Alarms(clock, record, say, tell, lambda: self.plan.repeat_s)
        self.kept: dict[str, Kept] = {}
        self.read: ReadPlan | None = None
        self._clock = clock
        self._plan_file = plan_file
        self._opener = opener
        self._record = record
        self._say = say
        self._claims = claims
        self._problems: dict[str, Alarm] = {}
        self._unfinished: dict[str, dict[PanicScope, Unfinished]] = {}
        """By alias, because a panic does not end with the watch of an account whose place or key is another one now."""
        self._group: TaskGroup | None = None
        self._was: DaemonState | None = None

    @property
    def plan(self) -> Plan:
        """The newest plan that could be read; empty before the first."""
        return self.read.plan if self.read is not None else Plan()

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled. `started` once the plan was looked for."""
        async with anyio.create_task_group() as group:
            self._group = group
            self._follow()
            task_status.started()
            while True:
                await anyio.sleep(FOLLOW_S)
                self._follow()

    def beat(self, daemon_id: str, plan_digest: str, *, stopping: bool) -> None:
        """A beat of the daemon. A plan that we have not read yet is read now."""
        self.daemon.beat(daemon_id, stopping=stopping)
        self._hear()
        if self.read is None or self.read.digest != plan_digest:
            self._read_plan()

    def failing(self) -> list[str]:
        """What withholds the watchdog's beat."""
        longest_s = 6 * self.plan.rules.check_s + STUCK_S
        now_s = self._clock.mono_s()
        return [
            f"account {alias}"
            for alias, kept in self.kept.items()
            if kept.watch is not None and now_s - kept.watch.tried_s > longest_s
        ]

    @property
    def closing(self) -> list[str]:
        """See `AccountWatch.closing`, of all accounts."""
        return sorted(scope for kept in self.kept.values() if kept.watch is not None for scope in kept.watch.closing)

    def status(self) -> dict[str, Json]:
        """Everything as figures for people and programs; ages in seconds."""
        heard, wall_ms = self.daemon.heard(self.plan.rules.dead_after_s), self._clock.wall_ms()
        age_s = self.daemon.age_s
        return {
            "daemon": str(heard.state),
            "daemon_age_s": None if age_s is None else round(age_s, 3),
            "plan_digest": self.read.digest if self.read is not None else None,
            "plan_age_s": round((wall_ms - self.read.written_ms) / 1000, 3) if self.read is not None else None,
            "accounts": self.account_rows(),
            "alarms": [
                {"kind": alarm.kind, "severity": alarm.severity, "scope": alarm.scope, "text": alarm.text}
                for alarm in self.alarms.active
            ],
        }

    def account_rows(self) -> list[Json]:
        """What is seen of each account, and how long ago."""
        now_s = self._clock.mono_s()
        return [_account_row(alias, kept, now_s) for alias, kept in sorted(self.kept.items())]

    def _follow(self) -> None:
        self._read_plan()
        self._hear()
        self.alarms.update("", [*self._problems.values(), *self._nobody_else_says_dead()])

    def _nobody_else_says_dead(self) -> list[Alarm]:
        """A dead daemon is told with each account that can be read, and here where none can."""
        told = [alarm for kept in self.kept.values() if kept.watch is not None for alarm in kept.watch.alarms]
        if self._was is not DaemonState.DEAD or any(alarm.kind == DAEMON_DEAD for alarm in told):
            return []
        return [Alarm(DAEMON_DEAD, "critical", ALL, "the daemon is not heard; no account was read since")]

    def _hear(self) -> None:
        """Note what became of the daemon; the watches look at once when that changed."""
        state = self.daemon.heard(self.plan.rules.dead_after_s).state
        if state is not self._was:
            self._was = state
            self._say("info" if state is not DaemonState.DEAD else "critical", "daemon", f"the daemon is {state}")
            self._wake_all()

    def _read_plan(self) -> None:
        """Take over a plan that is newer than ours; a damaged one leaves ours in force."""
        self._problems.pop("plan", None)
        try:
            found = self._plan_file.load_if_changed()
        except (StateError, OSError) as error:
            self._problems["plan"] = Alarm("PLAN_UNREADABLE", "critical", "all", f"the last good plan is used: {error}")
            return
        if found is None:
            return
        if found.damage:
            self._say("error", "plan.damaged", f"{found.damage}; the generation before it is used")
        self.read = found
        self._open_and_close()
        for kept in self.kept.values():
            if kept.share is not None:
                kept.share.heed(found.plan.banned_until_ms)
        self._wake_all()

    def _open_and_close(self) -> None:
        """One watch per account of the plan; an account whose place or key changed is opened anew."""
        if self._group is None:
            return
        wanted = {account.alias: account.place for account in self.plan.accounts}
        for alias in [alias for alias, kept in self.kept.items() if wanted.get(alias) != kept.place]:
            self.kept.pop(alias).scope.cancel()
            self.alarms.update(alias, unfinished_alarms(alias, self._unfinished_of(alias)) if alias in wanted else ())
        for alias, place in wanted.items():
            if alias not in self.kept:
                self.kept[alias] = kept = Kept(place, unfinished=self._unfinished_of(alias))
                self._group.start_soon(self._keep, kept, name=f"watch {alias}")

    def _unfinished_of(self, alias: str) -> dict[PanicScope, Unfinished]:
        return self._unfinished.setdefault(alias, {})

    async def _keep(self, kept: Kept) -> None:
        """Open and watch one account for ever; after any failure again, because nobody else will."""
        failures = 0
        with kept.scope:
            while True:
                began_s = self._clock.mono_s()
                try:
                    await self._one_life(kept)
                except Exception as error:  # noqa: BLE001
                    # The supervised edge of a watch: the guardian outlives whatever one account does to it.
                    kept.problem = _say_error(error)
                kept.watch = None
                failures = 0 if self._clock.mono_s() - began_s > STUCK_S else failures
                alias = kept.place.alias
                alarm = Alarm("ACCOUNT_UNWATCHED", "critical", f"account:{alias}", kept.problem)
                self.alarms.update(alias, [alarm, *unfinished_alarms(alias, kept.unfinished)])
                await anyio.sleep(_RETRIES_S[min(failures, len(_RETRIES_S) - 1)])
                failures += 1

    async def _one_life(self, kept: Kept) -> None:
        alias = kept.place.alias
        async with self._opener(kept.place) as opened:
            kept.share, kept.hands = opened.share, opened.hands
            opened.share.heed(self.plan.banned_until_ms)
            if left_s := opened.share.banned_for_s:
                raise LinkError(f"the venue has banned this address for another {left_s:.0f} s")
            await opened.accept()
            watch = AccountWatch(
                alias,
                opened.hands,
                self._clock,
                lambda: self._outlook(kept.place),
                self._record,
                lambda: self.alarms.update(alias, watch.alarms),
                kept.unfinished,
                self._claims,
            )
            kept.watch, kept.problem = watch, ""
            self._say("info", "account.watched", alias)
            async with anyio.create_task_group() as group:
                group.start_soon(opened.stream, name=f"{alias} private stream")
                await watch.run(opened.events)

    def _outlook(self, place: AccountPlan) -> Outlook:
        rules = self.plan.rules
        return Outlook(self.plan.account(place.alias) or place, rules, self.daemon.heard(rules.dead_after_s), self.plan.halts)

    def _wake_all(self) -> None:
        for kept in self.kept.values():
            if kept.watch is not None:
                kept.watch.wake()


def _account_row(alias: str, kept: Kept, now_s: float) -> dict[str, Json]:
    watch = kept.watch
    seen = watch.seen if watch is not None else None
    seen_s = watch.seen_s if watch is not None else None
    return {
        "account": alias,
        "environment": str(kept.place.environment),
        "problem": kept.problem,
        "stream_up": watch is not None and watch.stream_up,
        "read_age_s": None if seen_s is None else round(now_s - seen_s, 3),
        "positions": [
            {
                "symbol": position.symbol,
                "qty": format(position.signed_qty, "f"),
                "stop": format(position.stop, "f") if position.stop else None,
            }
            for position in (seen.positions if seen is not None else ())
            if position.side is not None
        ],
    }


def _say_error(error: BaseException) -> str:
    """The innermost known reason."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) if isinstance(error, PlaydError) else f"{type(error).__name__}: {error}"
