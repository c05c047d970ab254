"""
What an operator can do to instances, each with its rules. The control server and the daemon's start both come through here.

Every method leaves records, slots and halts consistent and durable when it returns.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import PurePath
from typing import Final

import anyio
import anyio.lowlevel

from playd.core.errors import PlayError
from playd.core.modes import Mode
from playd.orders.account import Account
from playd.orders.halts import Halts, Level, instance_scope
from playd.orders.panic import PanicReport, PanicScope
from playd.plays.model import Play
from playd.supervisor import own_halts
from playd.supervisor.enrol import Wish, enrol
from playd.supervisor.errors import CommandRefused, NotRunning
from playd.supervisor.keeper import Keeper
from playd.supervisor.plays import find_play, read_in_turns
from playd.supervisor.records import InstanceRecord, RecordStore
from playd.supervisor.shadow_panic import drop_entry, flatten, need_book
from playd.supervisor.slot import Slot
from playd.supervisor.states import Life
from playd.supervisor.supervisor import Admission, Supervisor
from playd.supervisor.taking_back import LOOK_S
from playd.world.ports import World

SETTLE_S: Final = 10.0
"""How long `start` waits for the instance to be warm before it answers with what it is doing."""

FLATTEN: Final = "stop --flatten"
"""What a panic says that ends with the stop of its instance."""

FLATTEN_CODE: Final = "STOP_FLATTEN"
"""Code of its level 4. Not that of a panic: one that a person raises while it is under way is a halt beside it, and stays."""


class Incomplete(Exception):
    """A flatten that left something open, or could not read whether it did."""

    def __init__(self, report: PanicReport) -> None:
        super().__init__("a position may remain")
        self.report = report


class Commands:
    """The verbs of instances."""

    def __init__(
        self,
        world: World,
        supervisor: Supervisor,
        records: RecordStore,
        halts: Halts,
        admit: Admission,
        plays_dir: PurePath,
        instances_dir: PurePath,
        turn: Callable[[], Awaitable[None]] = anyio.lowlevel.checkpoint,
    ) -> None:
        """`turn` is taken before each step of reading a Play."""
        self._world = world
        self._turn = turn
        self.supervisor = supervisor
        self._records = records
        self._halts = halts
        self._admit = admit
        self._plays_dir = plays_dir
        self._instances_dir = instances_dir
        self._leaving: set[str] = set()

    async def read_play(self, path: PurePath) -> Play:
        """The Play in a file, read in steps between which everybody else goes on. Raises `PlayError`."""
        return await read_in_turns(self._world.disk, self._world.clock, path, self._turn)

    async def add(self, wish: Wish) -> Slot:
        """Create an instance; nothing runs. Raises `PlayError`, or `CommandRefused` when it could never be started."""
        await self.read_play(find_play(self._world.disk, wish.play, self._plays_dir, self._world.process.working_dir()))
        if wish.name in self.supervisor.slots:
            raise CommandRefused("NAME_TAKEN", f"there is an instance {wish.name} already")
        record, _ = enrol(self._world, self._plays_dir, wish)
        refused = self._admit(record)
        if refused is not None and refused.code != "TOO_MANY":
            raise CommandRefused(refused.code, refused.text, refused.hint)
        self._records.put(record)
        return self.supervisor.add(record)

    async def remove(self, name: str, actor: str) -> InstanceRecord:
        """Forget an instance that is stopped and flat, with no order that may change that. Its halts go too, its rows stay."""
        slot = self.supervisor.find(name)
        self._not_declared(slot)
        if slot.active:
            raise CommandRefused("RUNNING", f"{name} is {slot.state}", f"playctl stop {name}")
        at_venue = slot.record.mode is not Mode.SHADOW
        if at_venue and self.holds_position(slot):
            raise CommandRefused("NOT_FLAT", f"{name} holds a position", f"playctl panic {name}")
        if at_venue and self.supervisor.occupies(slot.record):
            what = "an order that is not over, or one whose executions are not all listed"
            text = f"{name} has {what}: nobody would look after what it fills"
            raise CommandRefused("NOT_FLAT", text, f"playctl orders --owner {name} --all")
        self._records.remove(slot.record)
        self.supervisor.remove(name)
        own_halts.forget_others(self._halts, {each.record.uid for each in self.supervisor.slots.values()}, actor)
        Keeper(self._world.disk, self._instances_dir, name).forget()
        await self.supervisor.close_account(slot.record)
        return slot.record

    def set_enabled(self, name: str, enabled: bool) -> Slot:
        """Whether it starts with the daemon, from the next start on; what runs now is not touched."""
        slot = self.supervisor.find(name)
        self._not_declared(slot)
        self._put(slot, enabled=enabled, desired="running" if enabled else slot.record.desired)
        return slot

    async def start(self, name: str, cause: str, *, waits: bool = True) -> Slot:
        """Start and, if the caller `waits`, wait until it is warm, or until it is plain that it will take longer."""
        with suppress(PlayError):  # admission refuses it with the same findings
            await self.read_play(PurePath(self.supervisor.find(name).record.play_path))
        slot = self.supervisor.find(name)
        if slot.facts.life is Life.STOPPING:
            raise CommandRefused("STOPPING", f"{name} is stopping")
        self.supervisor.start(slot, self._admit, cause)
        self._put(slot, desired="running")
        with anyio.move_on_after(SETTLE_S if waits else 0.0):
            await slot.settled.wait()
        return slot

    async def stop(self, name: str, variant: str | None, actor: str) -> Slot:
        """
        Stop an instance: `keep` cancels its entries and leaves position, stop and target; `manage` enters no more and stops
        when its exits have closed the position, however long that takes: what is not flat soon goes on in the background, over
        restarts; `flatten` closes and verifies first.

        One that failed is stopped too, and then has no failure any more; a halt that came with it stays.

        Raises `NotRunning`, `CommandRefused` when a variant is needed, `Incomplete` when flattening left something.
        """
        slot = self.supervisor.find(name)
        if not slot.active and slot.facts.failed is None:
            raise NotRunning(f"{name} is {slot.state}")
        if variant is None:
            variant = self._default_variant(slot)
        if variant == "manage" and slot.facts.failed is not None:
            text = f"{name} failed, and nothing of it runs that could lead its position out"
            raise CommandRefused("FAILED", text, f"playctl stop {name} --keep or --flatten")
        if variant == "flatten":
            self._need_books(slot)  # before it is on record: a level 4 that nobody carries out would only have to be lifted
        self._put(slot, desired="flat" if variant == "manage" else "stopped")
        if variant == "manage":
            self.manage_until_flat(slot, actor)
            with anyio.move_on_after(SETTLE_S):
                await slot.ended.wait()
        elif variant == "flatten":
            await self._flatten(slot, actor)
        else:
            await self._keep(slot, actor)
        if slot.facts.failed is not None:
            self.supervisor.put_away(slot, f"stop --{variant} by {actor}")
        return slot

    def manage_until_flat(self, slot: Slot, actor: str) -> None:
        """No entries any more; exits go on until there is no position, then it is stopped. Returns at once."""
        if slot.facts.life is not Life.STOPPING:
            slot.set(f"stop --manage by {actor}", life=Life.STOPPING)
        if slot.name not in self._leaving:
            self._leaving.add(slot.name)
            self.supervisor.beside(slot, partial(self._leave, actor))

    async def restart(self, name: str, actor: str) -> Slot:
        """
        Stop keeping the position, and start again. One that could not begin again goes on as it is: `CommandRefused`; its exits
        would have nobody else.
        """
        with suppress(PlayError):  # admission refuses it with the same findings
            await self.read_play(PurePath(self.supervisor.find(name).record.play_path))
        slot = self.supervisor.find(name)
        if slot.active:
            self.supervisor.admit(slot, self._admit)
            await self.supervisor.stop(slot, f"restart by {actor}")
        return await self.start(name, f"restart by {actor}")

    def reset_failed(self, name: str, actor: str) -> Slot:
        """Clear a failure."""
        slot = self.supervisor.find(name)
        if slot.facts.failed is None:
            raise NotRunning(f"{name} is {slot.state}, not failed")
        self.supervisor.reset_failed(slot, f"reset by {actor}", by=actor)
        return slot

    def reset_state(self, name: str, actor: str) -> tuple[Slot, list[str]]:
        """
        Set the kept state and columns of an instance aside, and clear a failure; where the copies are.

        Its next start begins at its anchor, and decides again what it has decided: equal decisions meet their orders.
        """
        slot = self.supervisor.find(name)
        if slot.active:
            raise CommandRefused("RUNNING", f"{name} is {slot.state}", f"playctl stop {name} --keep")
        if slot.record.mode is Mode.SHADOW:
            raise CommandRefused("SHADOW", f"the book of {name} is nowhere but in its state", f"playctl remove {name}")
        self._records.expect_no_state(slot.record.uid)
        copies = Keeper(self._world.disk, self._instances_dir, name).set_all_aside(self._world.clock.wall_ms())
        self._records.trust_state(slot.record.uid)
        if slot.facts.failed is not None:
            self.supervisor.reset_failed(slot, f"state reset by {actor}", by=actor)
        return slot, copies

    def holds_position(self, slot: Slot) -> bool:
        """Whether the ledger books a position to the instance. Known also while its account is closed."""
        return self.supervisor.booked_qty(slot.record) != 0

    def _default_variant(self, slot: Slot) -> str:
        if self.holds_position(slot) and slot.record.mode in (Mode.DEMO, Mode.LIVE):
            hint = f"playctl stop {slot.name} --keep, --manage or --flatten"
            raise CommandRefused("VARIANT_NEEDED", f"{slot.name} holds a position; say what becomes of it", hint)
        return "keep"

    async def _leave(self, actor: str, slot: Slot) -> None:
        try:
            if slot.record.mode is Mode.SHADOW:
                drop_entry(slot, "CANCELLED")
            await self._until_nothing_is_there(slot, lambda: _leaving(slot))
            if _leaving(slot):
                await self.supervisor.stop(slot, f"flat: stop --manage by {actor}")
                self._put(slot, desired="stopped")
        finally:
            self._leaving.discard(slot.name)

    async def _keep(self, slot: Slot, actor: str) -> None:
        """Entries go behind the end of its task: until then one may be on its way that nobody could list."""
        if slot.active and slot.facts.life is not Life.STOPPING:
            slot.set(f"stop --keep by {actor}", life=Life.STOPPING)
        if slot.record.mode is Mode.SHADOW:
            drop_entry(slot, "CANCELLED")
        await self.supervisor.stop(slot, f"stop --keep by {actor}")
        account = self.supervisor.account_of(slot.record)
        with anyio.move_on_after(SETTLE_S) as patience:  # a ban, or a venue that says nothing: whoever asked is answered
            await self._cancel_entries(slot)
        # What it was asked for ends with its account: each later one is asked too, until the ledger knows of none.
        asked = None if patience.cancelled_caught else account
        self.supervisor.beside(slot, partial(self.supervisor.take_back, asked=asked))

    async def _until_nothing_is_there(self, slot: Slot, wanted: Callable[[], bool]) -> None:
        """
        Until the ledger knows neither a position nor an order of an instance, or it is not wanted any more.

        The ledger is asked, not the account: one that is not open yet knows of no entry. Each that opens is asked to cancel.
        """
        asked: Account | None = None
        while wanted() and self._records.occupies(slot.record):
            account = self.supervisor.account_of(slot.record)
            if account is not None and account is not asked:
                asked = account
                await self._cancel_entries(slot)
            else:
                with anyio.move_on_after(LOOK_S):
                    await slot.touched.wait()

    async def _flatten(self, slot: Slot, actor: str) -> None:
        """
        Panic at instance scope; the level it raises ends with the verified stop, because one command asked for both. One that
        somebody else raised, before or meanwhile, stays: whoever raised it lifts it.
        """
        if slot.record.mode is Mode.SHADOW:
            scope = instance_scope(slot.record.uid)
            self._halts.raise_level(scope, Level.PANIC, FLATTEN_CODE, FLATTEN, actor=actor)
            flatten(slot)
        else:
            account = self._need_account(slot)
            scope_of = PanicScope(instance_uid=slot.record.uid)
            report = await account.panic(scope_of, actor=actor, reason=FLATTEN, code=FLATTEN_CODE)
            if report.exit_code:
                raise Incomplete(report)
            await _until_it_knows(slot)
        await self.supervisor.stop(slot, f"stop --flatten by {actor}")
        for halt in self._halts.in_force(instance_scope(slot.record.uid)):
            if halt.code == FLATTEN_CODE:
                self._halts.lift(halt.id, by=actor, note=f"{FLATTEN} verified flat")
        self.supervisor.refresh(slot)  # whoever asked is answered without the level that has just ended

    async def _cancel_entries(self, slot: Slot) -> None:
        if slot.record.mode is Mode.SHADOW:
            drop_entry(slot, "CANCELLED")
        elif (account := self.supervisor.account_of(slot.record)) is not None:
            await account.cancel_entries(instance_uid=slot.record.uid)

    def _need_books(self, slot: Slot) -> None:
        """What tells whether an instance is flat. Raises `NotRunning`."""
        if slot.record.mode is Mode.SHADOW:
            need_book(slot)
        else:
            self._need_account(slot)

    def _need_account(self, slot: Slot) -> Account:
        account = self.supervisor.account_of(slot.record)
        if account is None:
            raise NotRunning(f"account {slot.record.account} is not open; its position is unknown")
        return account

    def _not_declared(self, slot: Slot) -> None:
        if slot.record.declared:
            raise CommandRefused("DECLARED", f"{slot.name} is declared in the settings file; change it there and restart")

    def _put(self, slot: Slot, **changed: object) -> None:
        if self.supervisor.slots.get(slot.name) is not slot:
            return  # removed meanwhile: its record would be back
        slot.record = replace(slot.record, changed_ms=self._world.clock.wall_ms(), **changed)  # type: ignore[arg-type]
        self._records.put(slot.record)


async def _until_it_knows(slot: Slot) -> None:
    """Until an instance has dealt with what was filled, so that what is said of its life holds its last trade."""
    if slot.engine is not None:
        with anyio.move_on_after(SETTLE_S):
            await slot.engine.port.settled()


def _leaving(slot: Slot) -> bool:
    """Whether what runs is still the life that was told to leave: one that was started since was not."""
    return slot.active and slot.facts.life is Life.STOPPING
