"""
The accounts that are open, each kept by a supervised task of its own.

An account that crashes is opened again after a back-off, and its instances with it, because their streams end; one that
crashes too often puts its scope on level 2 and is opened once a minute until it ran for a whole window: a level 2 lets exits
pass, and somebody must carry them. Others never notice.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import anyio
from anyio.abc import TaskGroup

from playd.core.errors import LinkError, OperatorError, RecordError, Refused, VenueError
from playd.core.modes import Environment
from playd.orders.account import Account, StartStep
from playd.orders.blind_clock import BlindClock
from playd.supervisor.edge import first_of, say
from playd.supervisor.restart import Quarantine, RestartBudget, after_crash
from playd.world.ports import Clock, Random

ACCOUNT_BUDGET: Final = RestartBudget(restart_max=5, window_ms=300_000, backoff_s=(1.0, 5.0, 25.0))
REST_S: Final = 60.0
"""Between two lives of an account that crashed too often, until one has lasted for the window of its budget."""

RETRY_FIRST_S: Final = 1.0
RETRY_S: Final = 2.0
"""Between two attempts of a start that the venue does not answer: nobody knows meanwhile what is open there."""

TOLD_EVERY_S: Final = 30.0
"""Between two lines of the log about attempts that fail alike."""

BLIND_LOOK_S: Final = 0.5
"""Between two looks at the blind clock of an account that is not open."""

CLOSING_S: Final = 0.5
"""Time between two looks whether the connections of an account that has ended are closed."""

STEPS: Final = tuple(StartStep)


@dataclass(frozen=True, slots=True)
class AccountPlan:
    """
    How an account is opened: alias, environment, and the function that does it.

    `opened` yields an account whose `start` was not called yet, with what runs it, and closes its connections when the
    block ends.
    """

    alias: str
    environment: Environment
    opened: Callable[[], AbstractAsyncContextManager[tuple[Account, Callable[[], Awaitable[None]]]]]


@dataclass(slots=True)
class OpenAccount:
    """
    One account as it is kept. `account` is None between two lives and `opening` the one that is on its way; `refused` holds a
    definite refusal.
    """

    plan: AccountPlan
    account: Account | None = None
    opening: Account | None = None
    refused: str = ""
    step: str = "not opened"
    """What it is at while it is not open, or why that failed last."""
    step_since_s: float = 0.0
    began_s: float | None = None
    """Since when it has been running, monotonic; None while it is not."""
    failed_at: StartStep | None = None
    asked_s: float = 0.0
    """Since when somebody wants it open, monotonic: nobody has read it since then, also where its connections do not open."""
    blind: BlindClock | None = None
    """How long nobody has read it, of its newest life; None before the first."""
    ready: anyio.Event = field(default_factory=anyio.Event)
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    @property
    def running(self) -> Account | None:
        """The open account. One that has ended is none, though its connections are still being closed: nobody drives it."""
        return None if self.account is None or self.account.ended else self.account

    @property
    def reachable(self) -> Account | None:
        """The running account, or one that is opened with a key that was accepted: a panic needs no loop of it."""
        if self.account is None and self.opening is not None and self.opening.key.uid:
            return self.opening
        return self.running


class Accounts:
    """Opens accounts on demand and keeps them open. `run` must be running for anything to happen."""

    def __init__(
        self, clock: Clock, random: Random, on_event: Callable[[str, str, str], None], on_lost: Callable[[str, str], None]
    ) -> None:
        """`on_event(alias, event, text)` is for the log; `on_lost(alias, text)` hears that an account is given up."""
        self._clock = clock
        self._random = random
        self._on_event = on_event
        self._on_lost = on_lost
        self._open: dict[str, OpenAccount] = {}
        self.guardians_view: Callable[[str], str] = lambda _alias: ""
        """What the guardian sees of an account, in words, empty where it watches none of the name. Set by who hears it."""
        self._group: TaskGroup | None = None

    async def run(self, *, task_status: anyio.abc.TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Keep accounts until cancelled; their connections are closed on leaving."""
        async with anyio.create_task_group() as group:
            self._group = group
            task_status.started()
            await anyio.sleep_forever()

    def ensure(self, plan: AccountPlan) -> OpenAccount:
        """The account of a plan, opened if it is not yet. Does not wait for it."""
        if self._group is None:
            raise RuntimeError("accounts are not being kept")
        held = self._open.get(plan.alias)
        if held is None:
            held = self._open[plan.alias] = OpenAccount(plan, asked_s=self._clock.mono_s())
            self._group.start_soon(self._keep, held, name=f"account {plan.alias}")
        return held

    async def ready(self, plan: AccountPlan) -> Account:
        """
        The account of a plan once its start barrier has passed, however long the venue is away: an outage is no crash.

        Raises `OperatorError` when it is refused.
        """
        held = self.ensure(plan)
        while True:
            await held.ready.wait()
            if held.refused:
                raise OperatorError(f"account {plan.alias} is refused: {held.refused}")
            if (account := held.running) is not None:
                return account
            await anyio.sleep(CLOSING_S)

    async def close(self, alias: str) -> None:
        """Close one account; nobody may use it any more."""
        held = self._open.pop(alias, None)
        if held is not None:
            held.scope.cancel()

    def find(self, alias: str) -> Account | None:
        """The running account of an alias."""
        held = self._open.get(alias)
        return None if held is None else held.running

    def tick_of(self, environment: Environment, symbol: str) -> float | None:
        """The step of a symbol's prices as the accounts of an environment know it, None where none does."""
        accounts = (held.running for held in self._open.values() if held.plan.environment is environment)
        rules = (account.desk.instruments.get(symbol) for account in accounts if account is not None)
        return next((float(each.tick) for each in rules if each is not None), None)

    @property
    def held(self) -> Mapping[str, OpenAccount]:
        """All accounts that are kept, by alias."""
        return self._open

    async def _keep(self, held: OpenAccount) -> None:
        """Open, run, and after a crash open again, until the account is refused, given up or closed."""
        history, rests, delay_s = tuple[int, ...](), False, 0.0
        alias, window_s = held.plan.alias, ACCOUNT_BUDGET.window_ms / 1000
        with held.scope:
            while True:
                held.began_s = None
                try:
                    await self._rest(held, delay_s)
                    await self._one_life(held)
                except Exception as error:  # noqa: BLE001
                    # The supervised edge of an account: its crash must not reach another account or the daemon.
                    self._stopped(held, error)
                if held.refused:
                    return
                now_s = self._clock.mono_s()
                if held.began_s is not None and now_s - held.began_s >= window_s:
                    rests = False
                verdict = after_crash(history, round(now_s * 1000), ACCOUNT_BUDGET, self._random.random())
                history = verdict.history
                if isinstance(verdict, Quarantine):
                    rests = True
                    self._on_lost(alias, f"crashed {len(history) + 1} times in {window_s:g} s; last: {held.step}")
                delay_s = REST_S if rests or isinstance(verdict, Quarantine) else verdict.delay_s
                self._on_event(alias, "account.restart", f"in {delay_s:.1f} s after {held.step}")

    async def _rest(self, held: OpenAccount, delay_s: float) -> None:
        """Between two lives nobody reads the account."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch_blindness, held)
            await anyio.sleep(delay_s)
            group.cancel_scope.cancel()

    async def _watch_blindness(self, held: OpenAccount) -> None:
        """While the account does not run, which looks itself: its positions may stand there, and a person must hear of it."""
        while True:
            if held.blind is not None:
                held.blind.look()
            await anyio.sleep(BLIND_LOOK_S)

    async def _one_life(self, held: OpenAccount) -> None:
        async with held.plan.opened() as (account, run):
            held.opening = account
            account.on_step = partial(self._at_step, held)
            self._go_on_blind(held, account.blind)
            async with anyio.create_task_group() as group:
                group.start_soon(self._watch_blindness, held)
                await self._start_patiently(held, account)
                group.cancel_scope.cancel()
            held.account, held.opening, held.step, held.failed_at = account, None, "running", None
            held.began_s = self._clock.mono_s()
            held.ready.set()
            self._on_event(held.plan.alias, "account.ready", "reconciled and protected")
            try:
                await run()
            finally:
                # Before its connections are closed: nobody may be given an account that has ended.
                held.account, held.ready = None, anyio.Event()
                account.blind.ended()

    def _go_on_blind(self, held: OpenAccount, blind: BlindClock) -> None:
        """A new life knows nothing of what is open until its first whole reading; what the one before did not know goes on."""
        if held.blind is None:
            blind.begin(held.asked_s)
        else:
            blind.go_on(held.blind)
        held.blind, blind.beside = blind, partial(self._beside, held)

    def _beside(self, held: OpenAccount) -> str:
        """What a person should know of an account that cannot be read."""
        step = "" if held.account is not None else f"the account is not open: {held.step}"
        return "; ".join(word for word in (step, self.guardians_view(held.plan.alias)) if word)

    def _at_step(self, held: OpenAccount, step: StartStep) -> None:
        """One that failed is told, with its reason and its age, until it has passed."""
        if held.failed_at is None or STEPS.index(step) > STEPS.index(held.failed_at):
            held.step, held.step_since_s, held.failed_at = f"start barrier: {step}", self._clock.mono_s(), None

    async def _start_patiently(self, held: OpenAccount, account: Account) -> None:
        """The account's start barrier, tried again while the venue cannot be reached: an outage is no crash."""
        pause_s, told, told_s = RETRY_FIRST_S, "", 0.0
        while True:
            try:
                await account.start()
            except (LinkError, VenueError) as error:
                if isinstance(error, Refused):
                    raise
                account.blind.failed(self._clock.mono_s())
                held.failed_at = account.step
                held.step = f"start barrier: {account.step}: {error}"
                if held.step != told or self._clock.mono_s() - told_s >= TOLD_EVERY_S:
                    told, told_s = held.step, self._clock.mono_s()
                    self._on_event(held.plan.alias, "account.waiting", held.step)
                await anyio.sleep(pause_s)
                pause_s = RETRY_S
            else:
                return

    def _stopped(self, held: OpenAccount, error: Exception) -> None:
        """Note how a life ended. What cannot be recorded ends the daemon, a definite refusal ends the account."""
        held.account = held.opening = held.failed_at = None
        if (record := first_of(error, RecordError)) is not None:
            raise record
        if held.blind is not None:  # however it ended, nobody reads the account until its next life
            held.blind.ended()
        refused = first_of(error, OperatorError) or first_of(error, Refused)
        held.step, held.step_since_s = say(error), self._clock.mono_s()
        if refused is not None:
            held.refused = str(refused)
            held.ready.set()
            self._on_lost(held.plan.alias, held.refused)
        elif held.ready.is_set():
            held.ready = anyio.Event()
