"""
Instances at start: those of the settings file and those that were added by command, as the ledger remembers them.

Remembered ones have their slots before anybody can ask; reading the Plays of a hundred declared ones takes seconds, in steps.
"""

from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import PurePath

import anyio.lowlevel

from playd.core.errors import PlayError
from playd.orders.halts import Halts
from playd.settings import Loaded, Settings
from playd.supervisor import own_halts
from playd.supervisor.enrol import Wish, enrol, own_account
from playd.supervisor.keeper import Keeper
from playd.supervisor.plays import read_play
from playd.supervisor.records import InstanceRecord, RecordStore
from playd.supervisor.supervisor import Supervisor
from playd.world.ports import World


def symbols_of_plays(world: World, loaded: Loaded) -> tuple[str, ...]:
    """Symbols of the declared Plays; a Play that cannot be read is refused later, with its reasons."""
    found: dict[str, None] = {}
    for declared in loaded.settings.instances.values():
        with suppress(PlayError):
            found[read_play(world.disk, loaded.locations.config_dir / declared.play).symbol] = None
    return tuple(found)


def remember(records: RecordStore, supervisor: Supervisor, declared: Collection[str]) -> None:
    """A slot for every instance as the ledger remembers it; a name that is not `declared` any more is a person's."""
    for record in records.load():
        supervisor.add(record if record.name in declared else replace(record, declared=False))


class Roster:
    """
    Brings slots up to what is declared.

    `read_play` reads a Play while everybody else goes on; `on_problem(name, text)` hears of every instance that cannot be had.
    """

    def __init__(
        self,
        world: World,
        records: RecordStore,
        supervisor: Supervisor,
        halts: Halts,
        plays_dir: PurePath,
        instances_dir: PurePath,
        read_play: Callable[[PurePath], Awaitable[object]],
        on_problem: Callable[[str, str], None],
    ) -> None:
        self._world = world
        self._records = records
        self._supervisor = supervisor
        self._halts = halts
        self._plays_dir = plays_dir
        self._instances_dir = instances_dir
        self._read_play = read_play
        self._on_problem = on_problem

    async def fill(self, settings: Settings, config_dir: PurePath) -> None:
        """A slot for every declared instance, as the file says now; others go on between any two of them."""
        for name, declared in settings.instances.items():
            await anyio.lowlevel.checkpoint()  # one that was read before takes no turn
            play = str(config_dir / declared.play)
            with suppress(PlayError):  # told below
                await self._read_play(PurePath(play))
            account = settings.accounts.get(declared.account)
            common = declared.account if account is not None and account.has_key else ""
            own = declared.risk.model_dump_json(exclude_unset=True)
            capital = "" if declared.capital_usd is None else format(declared.capital_usd, "f")
            wish = Wish(
                name, play, declared.mode, common, declared=True, enabled=declared.enabled, risk=own, capital_usd=capital
            )
            slot = self._supervisor.slots.get(name)
            if slot is None:
                if (fresh := self._declared(wish, None)) is not None:
                    self._supervisor.add(fresh)
            elif slot.active:  # a person was quicker
                self._tell_runs_as_it_was(wish, slot.record)
            else:
                now = self._declared(wish, slot.record)
                if now is not None and now is not slot.record:
                    self._supervisor.add(now)
        own_halts.forget_others(self._halts, {slot.record.uid for slot in self._supervisor.slots.values()}, "daemon")

    def _declared(self, wish: Wish, old: InstanceRecord | None) -> InstanceRecord | None:
        try:
            fresh, _ = enrol(self._world, self._plays_dir, wish)
        except PlayError as error:
            self._on_problem(wish.name, str(error))
            return old  # admission will refuse it with the same findings
        if old is None:
            return self._put(replace(fresh, desired="running" if wish.enabled else "stopped"))
        same_money = old.capital_usd == fresh.capital_usd and _same_account(old, wish)
        if old.play_digest == fresh.play_digest and old.mode is fresh.mode and same_money:
            now = replace(old, play_path=fresh.play_path, enabled=wish.enabled, declared=True, risk=wish.risk)
            return now if now == old else self._put(now)
        if self._records.occupies(old):
            what = "a position" if self._records.booked_qty(old) else "an order that is not over"
            text = f"{wish.name}: its Play, mode, account or capital was changed in the settings while it holds {what}"
            self._on_problem(wish.name, text)
            return replace(old, declared=True)
        own_halts.hand_over(self._halts, old, fresh)
        self._records.remove(old)
        Keeper(self._world.disk, self._instances_dir, old.name).forget()
        return self._put(replace(fresh, desired=old.desired, previous_digests=(*old.previous_digests, old.play_digest)))

    def _tell_runs_as_it_was(self, wish: Wish, running: InstanceRecord) -> None:
        """An instance that runs already is left alone; what the file says otherwise is told."""
        try:
            fresh, _ = enrol(self._world, self._plays_dir, wish)
        except PlayError as error:
            self._on_problem(wish.name, str(error))
            return
        keys = ("play_path", "play_digest", "mode", "capital_usd", "enabled", "risk")
        changed = [key for key in keys if getattr(fresh, key) != getattr(running, key)]
        if not _same_account(running, wish):
            changed.append("account")
        if changed:
            text = f"it was started before its settings were read: it goes on with the {', '.join(changed)} it had"
            self._on_problem(wish.name, f"{text} until the next start of the daemon")

    def _put(self, record: InstanceRecord) -> InstanceRecord:
        self._records.put(record)
        return record


def _same_account(old: InstanceRecord, wish: Wish) -> bool:
    """Whether the account is the one it had; a wish without one means a wallet of its own."""
    return old.account == (wish.account or own_account(wish.mode, old.uid))
