"""
The journal against itself: its head is published where the file cannot reach, and once a day the whole chain is checked.

Published means: a log line and a row of the ledger, each hour and at the stop. A journal that ends before the head that the
ledger knows has lost its tail, which no look at the file alone can show.
"""

import math
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, Literal, NoReturn

import anyio
import structlog

from playd.ops.audit import BROKEN, UNREADABLE, WHOLE
from playd.ops.journal import Journal
from playd.orders.halts import ALL, Halts, Level
from playd.orders.incidents import Incidents
from playd.orders.ledger import Ledger
from playd.world.ports import World

HEAD_KEY: Final = "journal_head"
VERIFIED_KEY: Final = "chain_verified_ms"
PUBLISH_EVERY_S: Final = 3600.0
VERIFY_EVERY_S: Final = 86_400.0
LOOK_EVERY_S: Final = 60.0
AGAIN_AFTER_S: Final = 2.0
"""A record that was being written when it was read looks torn; a second look tells it from damage."""

MODULE: Final = "playd.cli.playd"
BROKEN_KIND: Final = "CHAIN_BROKEN"

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

    async def run(self) -> NoReturn:
        """Publish each hour, verify each day."""
        due_s, tried_s = self.world.clock.mono_s() + PUBLISH_EVERY_S, -math.inf
        if self.ledger.meta(VERIFIED_KEY) is None and published(self.ledger)[0] == 0:
            self._note_verified()  # a journal that has just begun
        while True:
            await anyio.sleep(LOOK_EVERY_S)
            if self.world.clock.mono_s() >= due_s:
                due_s = self.world.clock.mono_s() + PUBLISH_EVERY_S
                await self.publish()
            age_s, now_s = self.verified_age_s(), self.world.clock.mono_s()
            if (age_s is None or age_s >= VERIFY_EVERY_S) and now_s - tried_s >= VERIFY_EVERY_S:
                tried_s = now_s
                await self.verify()

    async def publish(self) -> None:
        """Put the present head into log and ledger, once it is on the medium. Raises `RecordError`."""
        seq, digest = self.journal.head
        await self.journal.synced()
        self.ledger.set_meta(HEAD_KEY, f"{seq}:{digest}")
        self.ledger.commit()
        _log.info("journal.head", msg=f"{seq}:{digest}", seq=seq)

    def verified_age_s(self) -> float | None:
        """Seconds since the whole chain was found good, None when it never was."""
        found = self.ledger.meta(VERIFIED_KEY)
        return None if found is None else max(0.0, (self.world.clock.wall_ms() - int(found)) / 1000)

    async def verify(self, *, since: str | None = None, anchor: str | None = None) -> Finding:
        """
        Check the chain against a published head, the newest one unless `anchor` names another, in a process of its own.

        What is broken halts, once per incident, unless it was an `anchor` of the caller's that was not found. What could not be
        read proves nothing. Only a look at all of it (no `since`) counts as the daily one.
        """
        seq, digest = published(self.ledger)
        head = anchor or (f"{seq}:{digest}" if seq and since is None else "")
        flags = (*(("--anchor", head) if head else ()), *(("--from", since) if since else ()))
        code = await self._look(flags)
        if code != WHOLE:
            await anyio.sleep(AGAIN_AFTER_S)
            code = await self._look(flags)
        if code == WHOLE:
            if since is None:
                self._note_verified()
                self.incidents.resolve(BROKEN_KIND, ALL, "the whole chain was found good")
            return "whole"
        if code != BROKEN:
            return "unreadable"
        if anchor is not None:
            return "broken"
        text = f"`playd audit verify {self.journal_dir}` ended with {code}"
        is_known = any(each.kind == BROKEN_KIND for each in self.incidents.open_ones())
        self.incidents.open(BROKEN_KIND, "critical", ALL, text)
        if not is_known:
            # A damaged file stays where it is and is found every day: who resumed in spite of it is not halted again.
            self.halts.raise_level(ALL, Level.HALT, BROKEN_KIND, text)
        return "broken"

    async def _look(self, flags: tuple[str, ...]) -> int:
        try:
            return await self.world.process.run_module(MODULE, ("audit", "verify", str(self.journal_dir), *flags))
        except OSError as error:
            _log.error("journal.not_verified", msg=f"the process that checks the chain cannot be started: {error}")
            return UNREADABLE

    def _note_verified(self) -> None:
        self.ledger.set_meta(VERIFIED_KEY, str(self.world.clock.wall_ms()))
