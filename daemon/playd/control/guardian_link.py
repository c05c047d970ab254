"""
The daemon's side of the guardian: writes its plan, beats every second, hears its presence, takes over what it recorded.

Nothing of it is on the way of an order: the plan is compared with the ledger four times a second and written when it changed.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, Final

import anyio
import structlog

from playd.control.client import Forbidden, Unanswered, Unreachable, connected
from playd.control.guardian_methods import PROTOCOL
from playd.control.protocol import GUARDIAN_SOCKET, JsonObject, RpcError
from playd.core.errors import StateError
from playd.core.modes import Environment
from playd.ops.guardian_records import records_after
from playd.ops.kept import KIND as WATCHER_FAILED
from playd.ops.kept import kept
from playd.orders.bans import banned_until_ms
from playd.orders.guardian.plan import AccountPlan, AlertWay, Plan, PlannedInstance, Rules
from playd.orders.guardian.plan_file import DIRECTORY, PlanFile, digest_of
from playd.orders.guardian.planning import Held, account_plan, planned_halts
from playd.orders.halts import ALL, FILE_CODE, Halts, Level, instance_scope, symbol_scope
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.orders.panic_notes import CODE as GUARDIAN_PANIC
from playd.settings import Settings
from playd.supervisor.accounts import Accounts
from playd.world.ports import World
from playd.world.quarantine import move_aside

PLAN_LOOK_S: Final = 0.25
BEAT_S: Final = 1.0
ANSWER_WITHIN_S: Final = 2.0
SILENT: Final = "GUARDIAN_SILENT"
JOURNAL: Final = "journal"

_TOLD_WITHIN_MS: Final = 5000
"""So long after its beginning a panic of one instance is among what the guardian says it is closing, unless it is done."""

_INSTANCES: Final = "SELECT uid, name, account, symbol FROM instances WHERE removed = 0 ORDER BY uid"
_SEQ_KEY: Final = "guardian_seq"
_AWAY: Final = (Unreachable, Forbidden, Unanswered, RpcError)

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LinkParts:
    """
    What the link works with. `places` are the accounts with a key, without positions; `heed_ban` hears until when, in epoch ms
    of the wall clock, the venue has banned the address by the guardian's word.
    """

    world: World
    daemon_id: str
    state_dir: PurePath
    run_dir: PurePath
    settings: Settings
    places: Mapping[str, AccountPlan]
    accounts: Accounts
    ledger: Ledger
    halts: Halts
    incidents: Incidents
    heed_ban: Callable[[int], None]


class GuardianLink:
    """`running` while the daemon runs, its stop included. `age_s` and `missing` are for tables and gates."""

    def __init__(self, parts: LinkParts) -> None:
        self._parts = parts
        self._clock = parts.world.clock
        self._plan_file = PlanFile(parts.world.disk, parts.state_dir)
        self._socket = parts.run_dir / GUARDIAN_SOCKET
        self._started_s = self._clock.mono_s()
        self._heard_s: float | None = None
        self._seen: Mapping[str, Mapping[str, Any]] = {}
        """What it said last of its accounts, by alias."""
        self._writes = -1
        self._open: frozenset[str] = frozenset()
        self._plan = Plan()
        self._digest = ""
        self._unwritten = False
        self._stopping = False
        self._carried: set[int] = set()
        """Level 4 of the guardian that our accounts were told to carry out, by the id of the halt."""
        self._word = parts.halts.guardian
        self._hurry = anyio.Event()

    @property
    def age_s(self) -> float | None:
        """Seconds since the guardian last answered, None when it never did."""
        return None if self._heard_s is None else self._clock.mono_s() - self._heard_s

    @property
    def missing(self) -> str:
        """Why the guardian cannot be counted on, or the empty text."""
        age_s, limit_s = self.age_s, self._parts.settings.gates.guardian_max_age_s
        if age_s is None:
            return "the guardian was never heard: start `playd guardian`"
        return f"the guardian was last heard {age_s:.0f} s ago" if age_s > limit_s else ""

    def view_of(self, alias: str) -> str:
        """What it sees of an account, in words; empty for one that it does not watch, as a wallet of the embedded exchange."""
        if alias not in self._parts.places:
            return ""
        if self.missing or self._heard_s is None:
            return self.missing
        row = self._seen.get(alias)
        if row is None or row["problem"] or row["read_age_s"] is None:
            why = f": {row['problem']}" if row is not None and row["problem"] else ""
            return f"the guardian has not read it{why}"
        held = ", ".join(f"{each['qty']} {each['symbol']} with {_stop(each['stop'])}" for each in row["positions"])
        age_s = float(row["read_age_s"]) + self._clock.mono_s() - self._heard_s
        return f"the guardian saw {held or 'no position'} {age_s:.0f} s ago"

    @property
    def untold_s(self) -> float:
        """
        For how long an incident should have said that it is silent; zero where one does, or where nobody awaits it.

        A failure of what listens to it is told as such, and says why nothing else can be told.
        """
        if self._stopping or not self.missing or not self._is_awaited:
            return 0.0
        if any(each.kind in (SILENT, WATCHER_FAILED) for each in self._parts.incidents.open_ones()):
            return 0.0
        silent_s = self._clock.mono_s() - (self._started_s if self._heard_s is None else self._heard_s)
        return max(0.0, silent_s - self._parts.settings.gates.guardian_max_age_s)

    @property
    def _is_awaited(self) -> bool:
        """Whether its silence is news: it was there, or there is real money."""
        return self._heard_s is not None or self._has_real_money

    @property
    def _has_real_money(self) -> bool:
        return any(place.environment is Environment.LIVE for place in self._parts.places.values())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Plan written and records taken over before the block begins; a last beat says at its end that we stop."""
        self._take_over_old_plan()
        self._import_records()
        self.keep_plan()
        async with anyio.create_task_group() as group:
            for name, run in {"guardian plan": self._keep, "guardian beats": self._beats}.items():
                group.start_soon(kept, name, run, self._clock, self._parts.incidents, name=name)
            yield
            self.announce_stop()
            self.keep_plan()
            with anyio.move_on_after(ANSWER_WITHIN_S):
                await self._say_goodbye()
            group.cancel_scope.cancel()

    def announce_stop(self) -> None:
        """From now on silence is not death."""
        self._stopping = True
        self._hurry.set()

    def keep_plan(self) -> None:
        """Write the plan if it is not what the ledger says. A disk that refuses is said and tried again."""
        parts = self._parts
        opened = frozenset(alias for alias in parts.places if parts.accounts.find(alias) is not None)
        if parts.ledger.writes == self._writes and opened == self._open:
            return
        plan = self._present_plan()
        found = digest_of(plan)
        if found != self._digest:
            try:
                self._plan_file.save(plan, self._clock.wall_ms())
            except OSError as error:
                parts.incidents.open("GUARDIAN_PLAN", "critical", ALL, f"the guardian's plan is not written: {error}")
                self._unwritten = True
                return
        if found != self._digest or self._unwritten:  # what is to be said may again be what stands there
            parts.incidents.resolve("GUARDIAN_PLAN", ALL, "the plan is written again")
            self._unwritten = False
        self._plan, self._digest = plan, found
        self._writes, self._open = parts.ledger.writes, opened

    async def _keep(self) -> None:
        while True:
            self.keep_plan()
            self._tell_accounts()
            await anyio.sleep(PLAN_LOOK_S)

    def _present_plan(self) -> Plan:
        """Of every account with a key: as its open ledger says, else as the last plan said."""
        parts, settings = self._parts, self._parts.settings
        halts = parts.halts.in_force()
        names = {row["uid"]: row["name"] for row in parts.ledger.rows("SELECT uid, name FROM instances")}
        accounts = []
        for alias, place in sorted(parts.places.items()):
            account, before = parts.accounts.find(alias), self._plan.account(alias)
            if account is None:
                accounts.append(_as_before(place, before) if before else place)
                continue
            desk = account.desk
            held = Held(
                desk.fills.shares(),
                desk.book.live(),
                desk.instruments,
                names,
                desk.fills.newest_booked,
                account.catch_up.watermark_ms or 0,
            )
            accounts.append(
                account_plan(
                    place,
                    held,
                    halts,
                    fallback_pct=desk.settings.fallback_stop_pct,
                    flatten=desk.settings.flatten_unprotectable,
                )
            )
        repeat_s = settings.incidents.ack_repeat_min * 60.0
        return Plan(
            _rules(settings),
            tuple(accounts),
            planned_halts(halts),
            _ways(parts.world, settings),
            repeat_s,
            banned_until_ms(parts.ledger),
            settings.rate.ban_s,
            tuple(PlannedInstance(**row) for row in parts.ledger.rows(_INSTANCES)),
        )

    def _take_over_old_plan(self) -> None:
        """
        The plan of an earlier life: positions of accounts that are not open yet, and halts that a lost ledger forgot.

        A damaged one is set aside; where that is refused it is told, and displaces no good one at least.
        """
        parts = self._parts
        try:
            found = self._plan_file.load()
        except StateError as error:
            self._set_plan_aside(str(error), self._plan_file.path, self._plan_file.previous_path)
            return
        if found is None:
            return
        if found.damage:
            self._set_plan_aside(f"{found.damage}; the generation before is used", self._plan_file.path)
        self._plan = found.plan
        for halt in found.plan.halts:
            known = parts.ledger.row("SELECT 1 FROM halts WHERE id = ? AND raised_ms = ?", (halt.id, halt.raised_ms))
            if known is None:
                text = f"{halt.text} (kept by the guardian's plan, the ledger had lost it)"
                parts.halts.raise_level(halt.scope, Level(halt.level), halt.code, text, actor=halt.actor)

    def _set_plan_aside(self, why: str, *paths: PurePath) -> None:
        """Move the damaged generations that are there: one that stays is overwritten."""
        parts, moved = self._parts, []
        try:
            for path in paths:
                if parts.world.disk.exists(path):
                    moved.append(str(move_aside(parts.world.disk, parts.state_dir, path, self._clock.wall_ms())))
            aside = f"set aside as {', '.join(moved)}" if moved else "with nothing to set aside"
        except OSError as error:
            aside = f"and cannot be set aside ({error.strerror or error})"
        parts.incidents.open("GUARDIAN_PLAN", "critical", ALL, f"the guardian's plan was not whole, {aside}: {why}")

    async def _beats(self) -> None:
        """One connection while it lasts; a guardian that is away is tried again with every beat."""
        while True:
            try:
                async with connected(self._parts.world.net, self._socket, timeout_s=ANSWER_WITHIN_S) as client:
                    while True:
                        answer = await client.call("beat", self._beat())
                        self._answered(answer["data"])
                        with anyio.move_on_after(BEAT_S):
                            await self._hurry.wait()
                            self._hurry = anyio.Event()
            except _AWAY as error:
                self._note_silence(str(error))
            await anyio.sleep(BEAT_S)

    async def _say_goodbye(self) -> None:
        try:
            async with connected(self._parts.world.net, self._socket, timeout_s=ANSWER_WITHIN_S) as client:
                await client.call("beat", self._beat())
        except _AWAY:
            return  # nobody there to hear it

    def _beat(self) -> JsonObject:
        return {
            "protocol": PROTOCOL,
            "daemon_id": self._parts.daemon_id,
            "plan_digest": self._digest,
            "stopping": self._stopping,
        }

    def _answered(self, data: Mapping[str, Any]) -> None:
        if self.missing:
            _log.info("guardian.heard", msg=f"pid {data.get('pid')}, version {data.get('version')}")
            self._parts.incidents.resolve(SILENT, ALL, "the guardian is heard again")
        self._heard_s = self._clock.mono_s()
        self._seen = {str(row["account"]): row for row in data.get("accounts", ())}  # nor this
        head, known = int(data["journal_head"]["seq"]), int(self._parts.ledger.meta(_SEQ_KEY) or 0)
        if head < known:  # another journal, which begins again
            self._parts.ledger.set_meta(_SEQ_KEY, "0")
        if head != known:
            self._import_records()
        if ended := self._ended_untold(data):
            self._carry_on_panics(ended)

    def _ended_untold(self, data: Mapping[str, Any]) -> list[str]:
        """
        Panics that no record says the end of: begun by another guardian than this one, or of a share that this one says nothing
        of, as when its records are lost on a full disk.
        """
        if not (begun := self._word.begun):
            return []
        now_ms = self._clock.wall_ms()
        ended = {scope for scope, began_ms in begun.items() if began_ms < now_ms - 1000 * float(data["uptime_s"])}
        if "closing" in data:
            told = [scope for scope, began_ms in begun.items() if began_ms < now_ms - _TOLD_WITHIN_MS]
            ended.update(scope for scope in told if scope.startswith(instance_scope("")) and scope not in data["closing"])
        return sorted(ended)

    def _note_silence(self, why: str) -> None:
        """A guardian that was there and is gone is an incident; one that nobody started is one only where it is required."""
        if not self.missing or self._stopping:
            return
        if self._word.begun or self._guardians_panics() - self._carried:
            self._carry_on_panics([*self._word.begun])
        live = self._has_real_money
        late = self._clock.mono_s() - self._started_s > self._parts.settings.gates.guardian_max_age_s
        if self._heard_s is not None or (live and late):
            self._parts.incidents.open(SILENT, "critical" if live else "warning", ALL, f"{self.missing}: {why}")

    def _tell_accounts(self) -> None:
        """Accounts with real money wait for the guardian, others where the operator wants it."""
        guardian = self._parts.settings.guardian
        for place in self._parts.places.values():
            account, live = self._parts.accounts.find(place.alias), place.environment is Environment.LIVE
            if account is not None and (live or guardian.required_for_practice):
                account.guardian_is(self.missing if not live or guardian.required_for_live else "")

    def _import_records(self) -> None:
        """What the guardian did since we last looked becomes incidents and halts here, once."""
        parts, after = self._parts, int(self._parts.ledger.meta(_SEQ_KEY) or 0)
        directory = parts.state_dir / DIRECTORY / JOURNAL
        try:
            found = records_after(parts.world.disk, directory, after)
        except OSError as error:
            parts.incidents.open("GUARDIAN_RECORDS", "warning", ALL, f"the guardian's journal cannot be read: {error}")
            return
        for record in found:
            try:
                self._apply(record)
            except (KeyError, TypeError, ValueError) as error:
                # One of another program's: it must not be met at every start, nor keep the next ones unheard.
                text = f"record {record.get('seq')} of the guardian is not understood: {error!r}"
                parts.incidents.open("GUARDIAN_RECORDS", "warning", ALL, text)
        if found:
            parts.ledger.set_meta(_SEQ_KEY, str(found[-1]["seq"]))
            parts.ledger.commit()

    def _apply(self, record: Mapping[str, Any]) -> None:
        parts, data, kind = self._parts, record["data"], record["kind"]
        scope = symbol_scope(str(record["account"]), str(record["symbol"]))
        took = data.get("took", True)
        answer = "" if took else f" (answered {data.get('code')}: {data.get('answer')})"
        if kind == "panic.step" and data.get("step") == "received":
            wanted = self._stored_scope(str(data["scope"]))
            self._word.begun[wanted] = began_ms = int(record["ts_ms"])
            if self._looked_at(wanted, began_ms):
                return
            text = str(data.get("reason") or f"panic {data['scope']} through the guardian")
            parts.halts.raise_level(wanted, Level.PANIC, GUARDIAN_PANIC, text, actor=str(record["actor"]), anew=True)
        elif kind == "rate.ban":
            parts.heed_ban(int(data["until_ms"]))
        elif kind == "panic.result":
            # Flat by the guardian's word or not: whoever holds level 4 sees to it.
            self._carry_on_panics([self._stored_scope(str(data["scope"]))])
        elif kind == "order.sent" and data.get("action") == "close":
            done = "closed" if took else "asked to close"
            text = f"the guardian {done} {data['qty']} {record['symbol']} as {data['link_id']}: {data['reason']}{answer}"
            parts.incidents.open("GUARDIAN_CLOSED", "critical", scope, text)
            parts.halts.raise_level(scope, Level.HALT, "GUARDIAN_CLOSED", text, actor="guardian")
        elif kind == "stop.repaired":
            done = "set" if took else "asked for"
            text = f"the guardian {done} the stop {data['stop']} on {record['symbol']}: {data['reason']}{answer}"
            parts.incidents.open("GUARDIAN_STOP" if took else "STOP_REFUSED", "critical", scope, text)

    def _looked_at(self, scope: str, panic_ms: int) -> bool:
        """
        Whether a panic of the guardian was taken over from what it had left for us, a note or the kill file.

        Its journal may be read days later: what a person lifted since is not raised anew.
        """
        known = self._parts.ledger.row(
            "SELECT 1 FROM halts WHERE scope = ? AND ((code = ? AND raised_ms >= ?) OR (code IN (?, ?) AND lifted_ms >= ?))",
            (scope, GUARDIAN_PANIC, panic_ms, GUARDIAN_PANIC, FILE_CODE, panic_ms),
        )
        return known is not None

    def _guardians_panics(self) -> set[int]:
        """Those in force that nobody says it is at."""
        of_it = [halt for halt in self._parts.halts.in_force() if halt.code == GUARDIAN_PANIC]
        return {halt.id for halt in of_it if halt.scope not in self._word.begun}

    def _carry_on_panics(self, ended: Iterable[str]) -> None:
        """The guardian is through with them, or gone: open accounts see to them. One that is opened later does so by itself."""
        for scope in ended:
            self._word.begun.pop(scope, None)
        self._carried = self._guardians_panics()
        for held in self._parts.accounts.held.values():
            if held.account is not None:
                held.account.resume_panics()

    def _stored_scope(self, text: str) -> str:
        """A scope as the ledger stores it: instances by uid, which a panic that went on says itself."""
        if not text.startswith("instance:"):
            return text
        named = "SELECT uid FROM instances WHERE (name = ? AND removed = 0) OR uid = ? ORDER BY uid = ? LIMIT 1"
        row = self._parts.ledger.row(named, (text.partition(":")[2],) * 3)
        return instance_scope(row["uid"]) if row is not None else ALL


def _stop(price: str | None) -> str:
    return "no stop" if price is None else f"its stop at {price}"


def _as_before(place: AccountPlan, before: AccountPlan) -> AccountPlan:
    return replace(place, positions=before.positions, frozen=before.frozen, read_to_ms=before.read_to_ms)


def _ways(world: World, settings: Settings) -> tuple[AlertWay, ...]:
    """The operator's routes. The guardian runs in another directory: files have their whole path."""
    here = world.process.working_dir()
    return tuple(
        AlertWay(
            route.name,
            route.command,
            None if route.credential is None else here / route.credential,
            route.kinds,
            route.scopes,
            route.backup_only,
        )
        for route in settings.alerts.routes
    )


def _rules(settings: Settings) -> Rules:
    orders, guardian = settings.orders, settings.guardian
    return Rules(
        check_s=guardian.check_s,
        dead_after_s=guardian.dead_after_s,
        repair_after_s=orders.naked_guardian_s,
        act_after_s=orders.naked_act_s,
        cancel_entries_after_s=guardian.cancel_entries_after_s,
        flatten_after_s=guardian.flatten_after_s,
        fallback_stop_pct=orders.fallback_stop_pct,
    )
