"""
The supervisor: every instance in a task of its own, whose crash is caught at that task's edge and nowhere else.

Starting, stopping, restarting and quarantine happen here; what an instance is doing is in its `Slot`.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import anyio
from anyio.abc import TaskGroup, TaskStatus

from playd.core.errors import Broken, OperatorError, PlayError, RecordError
from playd.core.modes import Mode
from playd.market.hub import MarketHub
from playd.orders.account import Account
from playd.orders.halts import Halts, Level, instance_scope, scopes_of
from playd.orders.instance_port import AccountEnded
from playd.supervisor import own_halts
from playd.supervisor.accounts import Accounts
from playd.supervisor.admission import Refused
from playd.supervisor.arming import CODES, Link
from playd.supervisor.causes import RESTARTING, RULES_MOVED, Causes, hold
from playd.supervisor.cool_down import CoolDown
from playd.supervisor.counting import RulesMoved
from playd.supervisor.edge import first_of, say, venue_away
from playd.supervisor.errors import CommandRefused, NoSuchInstance
from playd.supervisor.instance import EngineInstance
from playd.supervisor.names import not_found
from playd.supervisor.records import InstanceRecord, RecordStore
from playd.supervisor.restart import Quarantine, RestartBudget, after_crash
from playd.supervisor.slot import OnTransition, Slot
from playd.supervisor.states import Facts, Life, Reason, State
from playd.supervisor.surroundings import Report
from playd.supervisor.taking_back import LOOK_S, TakingBack
from playd.world.ports import Clock, Random

AWAY_PAUSE_S: Final = 5.0
"""Time between two lives that could not begin because the venue did not answer: an outage is no crash."""

_AWAY: Final = "venue_away"
"""Cause of one that waits for its venue. It holds until a life has begun: a change with every try would be a record each."""


@dataclass(frozen=True, slots=True)
class SupervisorRules:
    """Numbers of `[supervisor]`; `tick_s`: how often feeds, halts and accounts are looked at when no event says so earlier."""

    restarts: RestartBudget
    max_instances: int
    cooldown_s: float
    tick_s: float = 1.0


Live = Callable[[Slot, Callable[[EngineInstance], None]], Awaitable[None]]
"""One life of an instance, which tells of its engine once it has one. Ends only by cancellation or by raising."""

Admission = Callable[[InstanceRecord], Refused | None]
"""The one admission function, with the present circumstances filled in."""


async def _nothing_to_read(_record: InstanceRecord) -> None:
    """Where admission reads no file."""


@dataclass(frozen=True, slots=True)
class SupervisorParts:
    """What the supervisor looks at and writes to."""

    clock: Clock
    random: Random
    halts: Halts
    accounts: Accounts
    records: RecordStore
    hub_of: Callable[[InstanceRecord], MarketHub]
    watch: Callable[[InstanceRecord], None]
    """Keeps an eye on what an instance that does not run has at the venue; does nothing when it has nothing."""
    chain: Callable[[InstanceRecord], Link | None] = lambda _record: Link("not_armed", "nobody can arm it here")
    """The broken link of the arming chain of an instance with real money."""
    read_ahead: Callable[[InstanceRecord], Awaitable[object]] = _nothing_to_read
    """Reads in steps what admission asks for at once: the Play as it is now."""
    unrecorded: Callable[[], str] = lambda: ""
    """Why records wait, while they do: entries are refused then, what reduces risk is not."""


class Supervisor:
    """
    Holds all slots. `run` must be running for instances to run; it returns only by cancellation, or raises `RecordError`.

    Ownership: its task group owns every instance task.
    """

    def __init__(
        self,
        parts: SupervisorParts,
        rules: SupervisorRules,
        live: Live,
        on_transition: OnTransition,
        report: Report,
    ) -> None:
        self._parts = parts
        self._halts = parts.halts
        self._rules = rules
        self._live = live
        self._on_transition = on_transition
        self._report = report
        self._cool_down = CoolDown(parts.clock, parts.records, parts.accounts, lambda: self._rules.cooldown_s, self.beside)
        self._taking_back = TakingBack(parts.accounts, parts.records)
        self._causes = Causes(parts.clock, parts.accounts, parts.hub_of, parts.unrecorded)
        self._group: TaskGroup | None = None
        self.slots: dict[str, Slot] = {}
        self.entries_closed = False
        self.looked_s = parts.clock.mono_s()
        """When the loop that decides last looked around; the watchdog's beat depends on it."""

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Own the instances' tasks and look at their surroundings each tick."""
        async with anyio.create_task_group() as group:
            self._group = group
            task_status.started()
            while True:
                self.look_around()
                await anyio.sleep(self._rules.tick_s)

    def add(self, record: InstanceRecord) -> Slot:
        """Take an instance in. It does not run yet."""
        slot = self.slots[record.name] = Slot(record, self._on_transition)
        self._take_levels(slot)
        return slot

    def remove(self, name: str) -> None:
        """Forget an instance that does not run."""
        del self.slots[name]

    def find(self, name: str) -> Slot:
        """The slot of a name. Raises `NoSuchInstance` with the nearest name."""
        slot = self.slots.get(name)
        if slot is None:
            raise NoSuchInstance(not_found("instance", name, self.slots))
        return slot

    def start(self, slot: Slot, admit: Admission, cause: str) -> None:
        """
        Start an instance's task; returns at once. Does nothing when it is active.

        Raises `CommandRefused` when admission refuses.
        """
        if self._group is None:
            raise Broken("the supervisor is not running")
        if slot.active:
            return
        self.admit(slot, admit)
        self._take_levels(slot)  # one that was lifted since the last look: nothing goes from panicked to warming
        slot.ended, slot.settled = anyio.Event(), anyio.Event()
        slot.begun_s = self._parts.clock.mono_s()
        if slot.state is not State.PANICKED:
            slot.set(cause, life=Life.ACTIVE, warm=False, causes={}, halt_level=0, halt=None)
        level, halt = self._level(slot)
        slot.set(cause, life=Life.ACTIVE, warm=False, causes={}, halt_level=level, halt=halt)
        # Made here, not by the task: a stop may come before it has run for the first time.
        slot.scope = anyio.CancelScope()
        self._group.start_soon(self._supervise, slot, admit, slot.scope, name=f"instance {slot.name}")
        self._cool_down.begin(slot)
        if self._parts.records.occupies(slot.record):
            self.beside(slot, self._taking_back.unless_back)  # what rests there is of a life that ended, however that was

    def beside(self, slot: Slot, work: Callable[[Slot], Awaitable[None]]) -> None:
        """Run something about one instance in the background. What it raises reaches nobody else, but for `RecordError`."""
        if self._group is not None:
            self._group.start_soon(self._guarded, slot, work, name=f"beside {slot.name}")

    def account_of(self, record: InstanceRecord) -> Account | None:
        """The open account of an instance."""
        return self._parts.accounts.find(record.account)

    def booked_qty(self, record: InstanceRecord) -> Decimal:
        """Signed quantity that the ledger books to an instance; known also while its account is closed."""
        return self._parts.records.booked_qty(record)

    def occupies(self, record: InstanceRecord) -> bool:
        """Whether the ledger books a position to an instance, or knows an order of it that is not final."""
        return self._parts.records.occupies(record)

    async def close_account(self, record: InstanceRecord) -> None:
        """Close the account of a removed instance unless another one uses it."""
        if all(slot.record.account != record.account for slot in self.slots.values()):
            await self._parts.accounts.close(record.account)

    def refresh(self, slot: Slot) -> None:
        """Bring one slot up to date now; an instance asks for it before it submits."""
        account = self._parts.accounts.find(slot.record.account)
        if account is not None:
            account.breakers.look_at_day()
        self._take_levels(slot)
        if slot.record.mode is Mode.LIVE:
            self._take_chain(slot)
        if slot.facts.life is Life.ACTIVE and slot.facts.failed is None:
            self._causes.look(slot, entries_closed=self.entries_closed)

    async def stop(self, slot: Slot, cause: str, *, cool_down: bool = True) -> None:
        """
        End an instance's task and wait for it. Idempotent: whoever comes second waits for the same end.

        Its entries wait at the next start, unless the daemon itself ends: that has a start barrier of its own.
        """
        if slot.active:
            if cool_down:
                self._cool_down.hold(slot)
            if slot.facts.life is not Life.STOPPING:
                slot.set(cause, life=Life.STOPPING)
            if slot.scope is not None:
                slot.scope.cancel()
            await slot.ended.wait()
        if slot.facts.life in (Life.ACTIVE, Life.STOPPING):
            slot.set(cause, life=Life.STOPPED, warm=False, causes={})

    def fail(self, slot: Slot, code: str, text: str) -> None:
        """Put an instance into `failed`; only a person gets it out again. What it has at the venue is watched all the same."""
        slot.record = replace(slot.record, failed_code=code, failed_text=text, changed_ms=self._now_ms())
        self._parts.records.put(slot.record)
        slot.set(code, failed=Reason(code, text), warm=False)
        self._parts.watch(slot.record)

    def watch_idle(self) -> None:
        """
        Watch what instances that do not run have at the venue: stopped with a position, failed before this start.

        An entry is nothing that such an instance has: one that an earlier life could not take back is taken back now.
        """
        for slot in self.slots.values():
            if not slot.active:
                self._parts.watch(slot.record)
                self.beside(slot, self.take_back)

    async def take_back(self, slot: Slot, *, asked: Account | None = None) -> None:
        """
        Cancel the entries of an instance that stopped or failed, until none is left, unless it is started again.

        `asked` is an account that was asked already, and does it as long as it lives.
        """
        await self._taking_back.of_idle(slot, asked)

    def put_away(self, slot: Slot, cause: str) -> None:
        """
        A failed instance was stopped: it has no failure any more. What it is halted by stays, and its restarts count on.

        Of one that was removed meanwhile nothing is written: its record would be back.
        """
        if self.slots.get(slot.name) is not slot:
            return
        slot.record = replace(slot.record, failed_code="", failed_text="", changed_ms=self._now_ms())
        self._parts.records.put(slot.record)
        slot.set(cause, failed=None, life=Life.STOPPING)
        slot.set(cause, life=Life.STOPPED, warm=False, causes={})

    def reset_failed(self, slot: Slot, cause: str, *, by: str) -> None:
        """
        Clear a failure; the instance is as if it had never run, with its record and its kept state.

        The halt of one that was given up ends with it; with real money a person resumes it, as every halt.
        """
        own_halts.clear_failure(self._halts, slot.record, by, cause)
        slot.record = replace(slot.record, failed_code="", failed_text="", restarts=(), changed_ms=self._now_ms())
        self._parts.records.put(slot.record)
        level, halt = self._level(slot)
        slot.set_facts(Facts(halt_level=level, halt=halt), cause)

    def look_around(self) -> None:
        """Bring levels and causes up to date with halts, feeds and accounts. Called each second and after events."""
        self.looked_s = self._parts.clock.mono_s()
        self._halts.check_files()
        self._parts.records.keep_ledger()
        for slot in self.slots.values():
            try:
                self.refresh(slot)
            except Exception as error:  # noqa: BLE001
                # The supervised edge of a look at one instance: its bug must not take the supervisor down.
                self._fault(slot, error)

    def _take_chain(self, slot: Slot) -> None:
        """Without the whole chain an instance leads its position out, opens none, and takes back what rests of an entry."""
        link = self._parts.chain(slot.record)
        slot.not_armed = "" if link is None else str(link)
        for code in [each for each in slot.facts.causes if each in CODES and (link is None or each != link.code)]:
            slot.recover(code)
        if link is None:
            slot.taken_back = None
        if link is None or slot.facts.life is not Life.ACTIVE:
            return
        account = self.account_of(slot.record)
        if account is not None and slot.taken_back is not account:
            slot.taken_back = account
            self.beside(slot, self._taking_back.now)
        hold(slot, link.code, link.text)

    def _take_levels(self, slot: Slot) -> None:
        level, halt = self._level(slot)
        if (slot.facts.halt_level, slot.facts.halt) == (level, halt):
            return
        if slot.state is State.PANICKED and level != Level.PANIC:
            if slot.active:
                self._cool_down.hold(slot)
            slot.set("panic lifted", life=Life.STOPPED, warm=False, causes={}, halt_level=level, halt=halt)
            if slot.scope is not None:
                slot.scope.cancel()
        else:
            slot.set("halts", halt_level=level, halt=halt)

    def _level(self, slot: Slot) -> tuple[int, Reason | None]:
        """The effective level over the instance's four scopes, and why it holds."""
        record = slot.record
        halt = self._halts.highest(*scopes_of(record.uid, record.account, record.symbol))
        if halt is None:
            return 0, None
        scope = f"instance:{record.name}" if halt.scope == instance_scope(record.uid) else halt.scope
        text = f"level {int(halt.level)} on {scope} by {halt.actor}: {halt.text}"
        return int(halt.level), Reason(halt.code, text, halt.raised_ms)

    def admit(self, slot: Slot, admit: Admission) -> None:
        """Raises `CommandRefused` when admission refuses an instance now."""
        refused = admit(slot.record)
        if refused is not None:
            raise CommandRefused(refused.code, refused.text, refused.hint)

    # --- one instance's task ----------------------------------------------------------------------------------------------

    async def _supervise(self, slot: Slot, admit: Admission, scope: anyio.CancelScope) -> None:
        """Lives of one instance until it is stopped or failed. Its last act is to say that it ended."""
        try:
            with scope:
                while await self._one_life(slot, admit):
                    pass
        except Exception as error:  # noqa: BLE001
            # The supervised edge behind the one of its life: what failed here is ours, and still nobody else's.
            self._fault(slot, error)
        finally:
            slot.engine, slot.scope = None, None
            slot.ended.set()
            slot.settled.set()
            slot.touch()

    async def _one_life(self, slot: Slot, admit: Admission) -> bool:
        """Run one life; whether another one follows."""
        try:
            await self._live(slot, lambda engine: self._engine_is(slot, engine))
        except Exception as error:  # noqa: BLE001
            # The supervised edge of an instance: whatever it was, no other instance may notice.
            if (fatal := first_of(error, RecordError)) is not None:
                raise fatal from None  # whatever else ended it at the same moment
            if (moved := first_of(error, RulesMoved)) is not None:
                self._report("instance.rules", slot, {"msg": f"{moved}: its next life goes by them"})
                self._begin_again(slot, RULES_MOVED, str(moved))
                return True
            if (ended := first_of(error, AccountEnded)) is not None:
                await self._wait_for_account(slot, ended)
                return True
            if slot.engine is None and (away := venue_away(error)) is not None:
                self._report("instance.waiting", slot, {"msg": say(away)})
                slot.set_facts(replace(slot.facts, warm=False).with_cause(_AWAY, say(away)), "the venue is away")
                await anyio.sleep(AWAY_PAUSE_S)
                return True
            return await self._after_crash(slot, admit, error)
        finally:
            slot.engine = None
        raise Broken(f"the life of {slot.name} ended without a reason")

    async def _wait_for_account(self, slot: Slot, ended: AccountEnded) -> None:
        """What ended its account ended its life too, and is no crash of its own: it begins again where its books are read."""
        self._report("instance.waiting", slot, {"msg": str(ended)})
        self._begin_again(slot, _AWAY, str(ended))
        self.beside(slot, self._taking_back.unless_back)
        self._cool_down.hold(slot)
        await anyio.sleep(LOOK_S)
        self._cool_down.begin(slot)

    def _begin_again(self, slot: Slot, code: str, text: str) -> None:
        """Nothing of it is warm, for a reason that is told until it is."""
        slot.begun_s = self._parts.clock.mono_s()
        slot.set_facts(replace(slot.facts, warm=False).with_cause(code, text), code)

    def _engine_is(self, slot: Slot, engine: EngineInstance) -> None:
        slot.engine = engine
        slot.recover(_AWAY)

    async def _after_crash(self, slot: Slot, admit: Admission, error: Exception) -> bool:
        text = say(error)
        slot.crashes += 1
        if (final := first_of(error, PlayError) or first_of(error, OperatorError)) is not None:
            self._give_up(slot, _code_of(final), str(final))
            return False
        verdict = after_crash(self._restarts_of(slot), self._now_ms(), self._rules.restarts, self._parts.random.random())
        if isinstance(verdict, Quarantine):
            self._halt_and_give_up(slot, "quarantine", f"{len(verdict.history) + 1} crashes; the last: {text}")
            return False
        self._report("instance.restart", slot, {"delay_s": f"{verdict.delay_s:.2f}", "reason": text})
        facts = replace(slot.facts, warm=False).without_cause(_AWAY)
        slot.set_facts(facts.with_cause(RESTARTING, text), "crash")
        self.beside(slot, self._taking_back.unless_back)
        self._cool_down.hold(slot)
        await anyio.sleep(verdict.delay_s)
        slot.record = replace(slot.record, restarts=verdict.history, changed_ms=self._now_ms())
        self._parts.records.put(slot.record)
        with suppress(PlayError):  # admission refuses it with the same findings
            await self._parts.read_ahead(slot.record)
        refused = admit(slot.record)
        if refused is not None:
            self._give_up(slot, refused.code, refused.text)
            return False
        slot.begun_s = self._parts.clock.mono_s()
        slot.recover(RESTARTING)
        self._cool_down.begin(slot)
        return True

    def _restarts_of(self, slot: Slot) -> tuple[int, ...]:
        """When it was restarted, by the wall clock as it is set now. What that was set by since the last count is no time."""
        ahead_ms = self._now_ms() - round(self._parts.clock.mono_s() * 1000)
        set_by_ms = 0 if slot.ahead_ms is None else ahead_ms - slot.ahead_ms
        slot.ahead_ms = ahead_ms
        return tuple([at_ms + set_by_ms for at_ms in slot.record.restarts])

    def _give_up(self, slot: Slot, code: str, text: str) -> None:
        """Failed: entries are cancelled, the position stays under its stop at the venue."""
        self._cool_down.hold(slot)
        self.fail(slot, code, text)
        self.beside(slot, self.take_back)

    def _halt_and_give_up(self, slot: Slot, code: str, text: str) -> None:
        """It raised, and is not tried again: whatever starts it next, it opens nothing before a person has looked."""
        own_halts.give_up(self._halts, slot.record, f"{code}: {text}")
        self._give_up(slot, code, text)

    def _fault(self, slot: Slot, error: Exception) -> None:
        """An error of ours about one instance, outside of its life: it fails, nobody else notices."""
        if (fatal := first_of(error, RecordError)) is not None:
            raise fatal
        self._halt_and_give_up(slot, "bug", say(error))
        if slot.scope is not None:
            slot.scope.cancel()

    async def _guarded(self, slot: Slot, work: Callable[[Slot], Awaitable[None]]) -> None:
        try:
            await work(slot)
        except Exception as error:  # noqa: BLE001
            # The supervised edge of work beside an instance.
            if (fatal := first_of(error, RecordError)) is not None:
                raise fatal from None
            self._report("instance.beside_failed", slot, {"reason": say(error)})

    def _now_ms(self) -> int:
        return self._parts.clock.wall_ms()


_CODE_OF: Final = {"PlayError": "play_invalid", "HistoryTooShort": "history_too_short", "StateError": "state_unreadable"}
"""Of what a restart cannot mend, by the kind of error: its text says it in words, and the code is shown before them."""


def _code_of(error: PlayError | OperatorError) -> str:
    return _CODE_OF.get(type(error).__name__, "refused")


def names_of(slots: Mapping[str, Slot]) -> dict[str, dict[str, str]]:
    """For each instance the values that targets can select by."""
    return {
        name: {"mode": slot.record.mode, "symbol": slot.record.symbol, "account": slot.record.account, "state": slot.state}
        for name, slot in slots.items()
    }
