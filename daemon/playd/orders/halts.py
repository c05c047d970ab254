"""
Halts: persisted refusals of new risk, per scope and level. One `Halts` serves all accounts of the daemon.

Scopes are `instance:UID`, `symbol:ACCOUNT/SYMBOL`, `account:ALIAS`, `all`. The effective level of an instance is the maximum
over its four. A kill file raises level 2 on `all`, which cannot be lifted while it is there: `HALT` in the state directory, and
one elsewhere if the operator named it, such as on a disk that other machines see too. Notes of the guardian's panics
(`panic_notes`) raise level 4 on their scopes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from pathlib import PurePath
from typing import Final

from playd.core.errors import Broken
from playd.core.record import Recorder
from playd.core.timeframes import DAY_MS
from playd.orders.guardian_word import GuardianWord
from playd.orders.incidents import open_incident
from playd.orders.kill_file import KILL_FILE, write_kill_file
from playd.orders.ledger import Ledger
from playd.orders.panic_notes import CODE as GUARDIAN_PANIC
from playd.orders.panic_notes import FOLDER as PANIC_NOTES
from playd.orders.panic_notes import PanicNote, notes_there
from playd.orders.share_claims import DAEMON, GUARDIAN, ShareClaims
from playd.world.ports import Clock, Disk

ALL: Final = "all"
FILE_CODE: Final = "KILL_FILE"
DAILY_LOSS: Final = "DAILY_LOSS"
_AGAIN: Final = "asked again"


class Level(IntEnum):
    """From no refusal to refusal of everything, exits included."""

    OPEN = 0
    PAUSE = 1
    HALT = 2
    CANCEL = 3
    PANIC = 4
    FREEZE = 5


@dataclass(frozen=True, slots=True)
class Halt:
    id: int
    scope: str
    level: Level
    code: str
    text: str
    actor: str
    raised_ms: int


def instance_scope(instance_uid: str) -> str:
    return f"instance:{instance_uid}"


def symbol_scope(account: str, symbol: str) -> str:
    return f"symbol:{account}/{symbol}"


def account_scope(account: str) -> str:
    return f"account:{account}"


@lru_cache(maxsize=1024)
def scopes_of(instance_uid: str, account: str, symbol: str) -> tuple[str, str, str, str]:
    """The four scopes an instance stands in, narrow to wide."""
    return instance_scope(instance_uid), symbol_scope(account, symbol), account_scope(account), ALL


def ends_ms(halt: Halt, now_ms: int) -> int | None:
    """When a halt ends by itself for certain: the pause of a daily loss with its UTC day. None where that hangs on more."""
    is_of_day = halt.code == DAILY_LOSS and halt.level is Level.PAUSE
    return now_ms - now_ms % DAY_MS + DAY_MS if is_of_day else None


def freeze_of(in_force: Iterable[Halt], scopes: Iterable[str]) -> Halt | None:
    """
    The freeze that keeps everything of these scopes from being sent, or None: none is in force, or a panic of one of the
    scopes came after it. Of two commands of a person the later one holds.
    """
    among = frozenset(scopes)
    held = [halt for halt in in_force if halt.level >= Level.PANIC and halt.scope in among]
    newest = max(held, key=lambda halt: halt.id, default=None)
    return newest if newest is not None and newest.level is Level.FREEZE else None


def _decides_over(later: Halt, earlier: Halt) -> bool:
    """Of two halts in the order in which they were raised."""
    return later.level > earlier.level or earlier.level > later.level >= Level.PANIC


class Halts:
    """Levels in force, kept in memory for the gates and in the ledger for every restart."""

    def __init__(
        self,
        ledger: Ledger,
        disk: Disk,
        clock: Clock,
        journal: Recorder,
        state_dir: PurePath,
        extra_file: PurePath | None = None,
        make_room: Callable[[], bool] = lambda: False,
    ) -> None:
        """
        `extra_file` is a second kill file, which is looked for and never written. `make_room` gives a full disk the space of
        the ballast and says whether it could.
        """
        self._ledger = ledger
        self._disk = disk
        self._clock = clock
        self._journal = journal
        self._state_dir = state_dir
        self.kill_file = state_dir / KILL_FILE
        self._extra_file = extra_file
        self._make_room = make_room
        self.guardian = GuardianWord(ShareClaims(disk, state_dir, DAEMON, GUARDIAN))
        """Which panics and which shares the guardian is at."""
        self._in_force: list[Halt] = self._load()
        self._taken_over: set[PanicNote] = set()
        """Notes on record whose file the disk did not let go of: they ask for nothing more."""
        self.check_files()

    def raise_level(
        self,
        scope: str,
        level: Level,
        code: str,
        text: str,
        *,
        actor: str = "daemon",
        anew: bool = False,
    ) -> Halt:
        """
        Raise a halt and return it once it is synced; from then on no entry of the scope leaves.

        A halt of the same scope, level and code that is in force already is returned as it is. It is raised `anew` when it was
        asked for once more and what was done for it may be over, as a panic that was verified flat; a panic or a freeze always
        when the other one came after it, because of two commands the later one holds. A level 2 or more on `all` also writes
        the kill file, so that losing the ledger lifts nothing; one that is there stays as it is.
        """
        held = self._find(scope, level, code)
        if held is not None and not anew and not self._overtaken(held):
            return held
        if held is not None:
            self._write_lifted(held, actor, _AGAIN)  # one commit with the new one: a crash between them lifts nothing
        halt = self._store(scope, level, code, text, actor)
        if held is not None:
            self._forget(held, actor, _AGAIN)
        if scope == ALL and level >= Level.HALT:
            # A disk that refuses the file undoes nothing: the halt is on record, and in the guardian's plan.
            self._leave_kill_file(text, code, actor)
            self._check_kill_file()
        return halt

    def _leave_kill_file(self, text: str, code: str, actor: str) -> None:
        write_kill_file(
            self._disk,
            self.kill_file,
            reason=text,
            code=code,
            actor=actor,
            time_ms=self._clock.wall_ms(),
            make_room=self._make_room,
        )

    def _find(self, scope: str, level: Level, code: str) -> Halt | None:
        return next((halt for halt in self._in_force if (halt.scope, halt.level, halt.code) == (scope, level, code)), None)

    def _overtaken(self, held: Halt) -> bool:
        """Whether a panic or a freeze stands behind its counterpart, of whatever scope: two scopes may meet in one share."""
        return held.level >= Level.PANIC and any(
            other.id > held.id and other.level >= Level.PANIC and other.level is not held.level for other in self._in_force
        )

    def _store(self, scope: str, level: Level, code: str, text: str, actor: str) -> Halt:
        """Write a halt down, with the name of the open incident that tells more of its cause, if one does."""
        now_ms, incident = self._clock.wall_ms(), open_incident(self._ledger, code, scope)
        evidence = "" if incident is None else incident.name
        cursor = self._ledger.write(
            "INSERT INTO halts (scope, level, code, text, actor, evidence, raised_ms) VALUES (?,?,?,?,?,?,?)",
            (scope, int(level), code, text, actor, evidence, now_ms),
        )
        halt = Halt(cursor.lastrowid or 0, scope, level, code, text, actor, now_ms)
        self._in_force.append(halt)
        self._ledger.commit()
        self._journal.append("halt.raised", {"scope": scope, "level": int(level), "code": code, "text": text}, actor=actor)
        return halt

    def lift(self, halt_id: int, *, by: str, note: str) -> None:
        """
        Lift one halt, synced on return. Whether the caller may do so (phrase, clean reconciliations) is the caller's business.

        Raises `Broken` when no such halt is in force.
        """
        halt = next((found for found in self._in_force if found.id == halt_id), None)
        if halt is None:
            raise Broken(f"halt {halt_id} is not in force")
        self._write_lifted(halt, by, note)
        self._ledger.commit()
        self._forget(halt, by, note)

    def _write_lifted(self, halt: Halt, by: str, note: str) -> None:
        self._ledger.write(
            "UPDATE halts SET lifted_ms = ?, lifted_by = ?, note = ? WHERE id = ?", (self._clock.wall_ms(), by, note, halt.id)
        )

    def _forget(self, halt: Halt, by: str, note: str) -> None:
        self._in_force.remove(halt)
        self._journal.append(
            "halt.lifted", {"scope": halt.scope, "level": int(halt.level), "code": halt.code, "note": note}, actor=by
        )

    def lift_pauses(self, scope: str, code: str, note: str) -> None:
        """Lift level-1 halts that a rule raised, when that rule has proved its cause gone. Never touches a higher level."""
        for halt in [*self._in_force]:
            if halt.scope == scope and halt.code == code and halt.level is Level.PAUSE:
                self.lift(halt.id, by="daemon", note=note)

    def in_force(self, *scopes: str) -> list[Halt]:
        """Halts in force, highest level first; of the given scopes, or all of them."""
        found = [halt for halt in self._in_force if not scopes or halt.scope in scopes]
        return sorted(found, key=lambda halt: (-halt.level, halt.raised_ms))

    def highest(self, *scopes: str) -> Halt | None:
        """The halt that decides for these scopes, None when they are open: the highest, of panic and freeze the later one."""
        best: Halt | None = None
        for halt in self._in_force:
            if halt.scope in scopes and (best is None or _decides_over(halt, best)):
                best = halt
        return best

    def was_raised(self, scope: str, code: str) -> bool:
        """Whether a rule ever halted a scope, lifted or not."""
        return self._ledger.row("SELECT 1 FROM halts WHERE scope = ? AND code = ? LIMIT 1", (scope, code)) is not None

    def was_frozen(self, behind: int, *scopes: str) -> bool:
        """Whether one of these scopes was frozen behind the halt of this number, lifted or not."""
        return any(
            self._ledger.row("SELECT 1 FROM halts WHERE scope = ? AND level = ? AND id > ? LIMIT 1", values) is not None
            for values in ((scope, int(Level.FREEZE), behind) for scope in scopes)
        )

    def frozen(self, *scopes: str) -> Halt | None:
        """The freeze that holds for these scopes; see `freeze_of`."""
        return freeze_of(self._in_force, scopes)

    @property
    def kill_files_there(self) -> list[PurePath]:
        """The kill files that are there. A directory that cannot be read counts as one, and the second's that is away too."""
        found = [self.kill_file] if self._is_there(self.kill_file) else []
        extra = self._extra_file
        if extra is not None and (self._is_there(extra) or not self._is_there(extra.parent)):
            found.append(extra)
        return found

    def _is_there(self, path: PurePath) -> bool:
        try:
            return self._disk.exists(path)
        except OSError:
            return True

    def check_files(self) -> None:
        """
        Look for kill files and for panics of the guardian, as somebody must once a second.

        A kill file raises level 2 on `all`, whatever it holds. Removing it lifts nothing: that needs a person's `resume all`.
        """
        self._check_kill_file()
        try:
            for note in notes_there(self._disk, self._state_dir):
                if note not in self._taken_over:
                    self.raise_level(note.scope, Level.PANIC, GUARDIAN_PANIC, note.reason, actor=note.actor, anew=True)
                    self._taken_over.add(note)
                self._disk.remove(note.path)
                self._taken_over.discard(note)
        except OSError as error:
            self._raise_unless_held(f"panics of the guardian cannot be taken over: {self._state_dir / PANIC_NOTES}: {error}")

    def _check_kill_file(self) -> None:
        if found := self.kill_files_there:
            self._raise_unless_held(f"the kill file {found[0]} is present, or its directory is away")

    def _raise_unless_held(self, text: str) -> None:
        if self._find(ALL, Level.HALT, FILE_CODE) is None:
            self._store(ALL, Level.HALT, FILE_CODE, text, "file")

    def _load(self) -> list[Halt]:
        rows = self._ledger.rows("SELECT * FROM halts WHERE lifted_ms IS NULL ORDER BY id")
        return [
            Halt(row["id"], row["scope"], Level(row["level"]), row["code"], row["text"], row["actor"], row["raised_ms"])
            for row in rows
        ]
