"""
The journal against itself: its head is published where the file cannot reach, and once a day the whole chain is checked.

Published means: a log line and a row of the ledger, each hour and at the stop. A journal that ends before the head that the
ledger knows has lost its tail, which no look at the file alone can show. A chain that was found whole is then tidied: what is
old is packed, what is no longer kept goes (`ops.journal_age`); of a broken one nothing is touched.
"""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import PurePath
from typing import Final, Literal, NoReturn

import anyio
import structlog

from playd.ops.ages import Ages
from playd.ops.audit import BROKEN, UNREADABLE, WHOLE
from playd.ops.journal import Journal
from playd.ops.journal_age import outdated
from playd.ops.segments import REMOVED, NotPacked
from playd.orders.halts import ALL, Halts, Level
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.world.ports import World

HEAD_KEY: Final = "journal_head"
VERIFIED_KEY: Final = "chain_verified_ms"
PUBLISH_EVERY_S: Final = 3600.0
VERIFY_EVERY_S: Final = 86_400.0
UNREAD_AGAIN_S: Final = 3600.0
"""A journal that could not be read is tried again sooner than one that was found good or broken."""

UNVERIFIED_MAX_S: Final = 172_800.0
"""Older than this nobody knows whether records are whole: nothing new is opened until somebody does."""

LOOK_EVERY_S: Final = 60.0
AGAIN_AFTER_S: Final = 2.0
"""A record that was being written when it was read looks torn; a second look tells it from damage."""

MODULE: Final = "playd.cli.playd"
WORDS: Final = "verify.tmp"
"""What a look says, beside the journal's files while somebody waits for it."""

PACKER: Final = "playd.cli.pack_journal"
BROKEN_KIND: Final = "CHAIN_BROKEN"
UNVERIFIED: Final = "CHAIN_UNVERIFIED"

Finding = Literal["whole", "broken", "unreadable"]

_log = structlog.get_logger()


def missing_tail(ledger: Ledger, head: tuple[int, str]) -> str:
    """What is wrong with a journal that ends at `head`, by the head that was published last; empty when nothing is."""
    seq, digest = published(ledger)
    if head[0] < seq:
        return f"the journal ends at record {head[0]}, and record {seq} was published: its tail is lost"
    if head[0] == seq and digest and head[1] != digest:
        return f"record {seq} is not the one that was published"
    return ""


def published(ledger: Ledger) -> tuple[int, str]:
    """The head that was published last, (0, empty) before the first one."""
    seq, _, digest = (ledger.meta(HEAD_KEY) or "0:").partition(":")
    return int(seq), digest


@dataclass(frozen=True, slots=True)
class ChainWatch:
    """`run` until cancelled; `publish` also at the stop. A broken chain halts everything new and opens an incident."""

    world: World
    journal_dir: PurePath
    journal: Journal
    ledger: Ledger
    halts: Halts
    incidents: Incidents
    keep_days: int
    ages: Ages = field(init=False)
    _turn: anyio.Lock = field(default_factory=anyio.Lock)
    """Whoever waits for words has the file of words for itself."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "ages", Ages(self.world.clock))

    async def run(self) -> NoReturn:
        """Publish each hour, verify each day; pause everything while that fails for two days."""
        due_s, again_s = self.world.clock.mono_s() + PUBLISH_EVERY_S, -math.inf
        if self.ledger.meta(VERIFIED_KEY) is None and published(self.ledger)[0] == 0:
            self._note_verified()  # a journal that has just begun
        while True:
            await anyio.sleep(LOOK_EVERY_S)
            if self.world.clock.mono_s() >= due_s:
                due_s = self.world.clock.mono_s() + PUBLISH_EVERY_S
                await self.publish()
            if self._older_than(VERIFY_EVERY_S) and self.world.clock.mono_s() >= again_s:
                found = await self.verify()
                again_s = self.world.clock.mono_s() + (UNREAD_AGAIN_S if found == "unreadable" else VERIFY_EVERY_S)
                if found == "whole":
                    await self.tidy()
                if found == "unreadable" and not self._is_known_broken():
                    self._pause_if_unknown()

    async def publish(self) -> None:
        """Put the present head into log and ledger, once it is on the medium. Raises `RecordError`."""
        seq, digest = self.journal.head
        await self.journal.synced()
        self.ledger.set_meta(HEAD_KEY, f"{seq}:{digest}")
        self.ledger.commit()
        _log.info("journal.head", msg=f"{seq}:{digest}", seq=seq)

    def verified_age_s(self) -> float | None:
        """Seconds since the whole chain was found good; None when it never was, or at a time that is yet to come."""
        found = self.ledger.meta(VERIFIED_KEY)
        return None if found is None else self.ages.of(int(found))

    def _older_than(self, limit_s: float) -> bool:
        age_s = self.verified_age_s()
        return age_s is None or age_s >= limit_s

    def _pause_if_unknown(self) -> None:
        if self._older_than(UNVERIFIED_MAX_S):
            text = f"the journal was not found whole for {UNVERIFIED_MAX_S / 3600:.0f} h: `playctl audit verify`"
            self.halts.raise_level(ALL, Level.PAUSE, UNVERIFIED, text)

    def _is_known_broken(self) -> bool:
        """A break was found and told, and it halted: from then on a person decides, and no age."""
        return any(each.kind == BROKEN_KIND for each in self.incidents.open_ones())

    async def verify(self, *, since: str | None = None, anchor: str | None = None) -> Finding:
        """
        Check the chain against a published head, the newest one unless `anchor` names another, in a process of its own.

        What is broken halts, once per incident, unless it was an `anchor` of the caller's that was not found. What could not be
        read proves nothing. Only a look at all of it (no `since`) counts as the daily one.
        """
        flags = self._flags(since, anchor)
        code = await self._look(flags)
        if code != WHOLE:
            await anyio.sleep(AGAIN_AFTER_S)
            code = await self._look(flags)
        if code == WHOLE:
            if since is None:
                self._note_verified()
                self.incidents.resolve(BROKEN_KIND, ALL, "the whole chain was found good")
                self.halts.lift_pauses(ALL, UNVERIFIED, "the whole chain was found good")
            return "whole"
        if code != BROKEN:
            return "unreadable"
        if anchor is not None:
            return "broken"
        text = f"the journal is damaged or was changed: `playd audit verify {self.journal_dir}` names the first bad record"
        is_known = self._is_known_broken()
        self.incidents.open(BROKEN_KIND, "critical", ALL, text)
        if not is_known:
            # A damaged file stays where it is and is found every day: who resumed in spite of it is not halted again.
            self.halts.raise_level(ALL, Level.HALT, BROKEN_KIND, text)
        return "broken"

    async def words(self, *, since: str | None = None, anchor: str | None = None) -> str:
        """What a look finds, in words: of a broken chain the first damaged record. Empty when nobody could say."""
        kept, disk = self.journal_dir / WORDS, self.world.disk
        arguments = ("audit", "verify", str(self.journal_dir), *self._flags(since, anchor))
        try:
            async with self._turn:
                if disk.exists(kept):
                    disk.remove(kept)
                async with self.world.process.start_module(MODULE, arguments, log=kept) as child:
                    await child.wait()
                said = disk.read_bytes(kept).decode(errors="replace").strip()
                disk.remove(kept)
        except OSError as error:
            _log.error("journal.not_verified", msg=f"{kept}: {error}")
            return ""
        return said

    async def tidy(self) -> None:
        """
        Pack what is old and remove what is not kept any longer, which is on record before it is done.

        The present head is published first, so that the one that checks begin with is never in a file that goes. A disk that
        refuses is told, a damaged file too; the next day tries again. Raises `RecordError` when the journal cannot be written.
        """
        await self.publish()
        today = datetime.fromtimestamp(self.world.clock.wall_ms() / 1000, UTC).date()
        try:
            if await self.world.process.run_module(PACKER, (str(self.journal_dir),)):
                _log.warning("journal.not_packed", msg="old files of the journal were not packed, see the lines before")
            for name, end in outdated(self.world.disk, self.journal_dir, today, self.keep_days):
                self.journal.append(REMOVED, {"file": name, "last_seq": end.seq, "last_hash": end.hash})
                await self.journal.synced()
                self.world.disk.remove(self.journal_dir / name)
        except (OSError, NotPacked) as error:
            _log.warning("journal.not_packed", msg=f"{self.journal_dir}: {error}")

    def _flags(self, since: str | None, anchor: str | None) -> tuple[str, ...]:
        seq, digest = published(self.ledger)
        head = anchor or (f"{seq}:{digest}" if seq and since is None else "")
        return (*(("--anchor", head) if head else ()), *(("--from", since) if since else ()))

    async def _look(self, flags: tuple[str, ...]) -> int:
        try:
            return await self.world.process.run_module(MODULE, ("audit", "verify", str(self.journal_dir), *flags))
        except OSError as error:
            _log.error("journal.not_verified", msg=f"the process that checks the chain cannot be started: {error}")
            return UNREADABLE

    def _note_verified(self) -> None:
        verified_ms = self.world.clock.wall_ms()
        self.ledger.set_meta(VERIFIED_KEY, str(verified_ms))
        self.ages.of(verified_ms)  # met now, whatever becomes of the clock
