"""The guardian of one account, in the same virtual time as the daemon's order path: it goes on when the daemon dies."""

import asyncio
from collections.abc import Mapping
from typing import Any

import anyio

from playd.core.modes import Environment
from playd.orders.guardian.hands import Hands
from playd.orders.guardian.judge import DaemonState, Heard
from playd.orders.guardian.plan import TOLERANCES_PCT, AccountPlan, Rules
from playd.orders.guardian.planning import Held, account_plan
from playd.orders.guardian.share import GuardianShare
from playd.orders.guardian.watch import AccountWatch, Outlook
from playd.orders.panic_report import PanicReport, PanicScope
from playd.orders.share_claims import DAEMON, GUARDIAN, ShareClaims
from tests.simulation.order_world import STATE, OrderWorld

RULES = Rules()

PLAN_AGE_S = 0.75
"""How old the plan that the guardian goes by may be while the daemon writes it: its own pause, and that of who reads it."""


class GuardianBeside:
    """Its plan is what the daemon wrote last; its daemon is heard until `daemon_died`, and again from `daemon_lives` on."""

    def __init__(self, life: OrderWorld) -> None:
        self._life, self._clock = life, life.world.clock
        self._plan = AccountPlan("main", Environment.LOCAL, "", "", "", "", "", False, "", TOLERANCES_PCT)
        self._last_beat_s: float | None = None
        self._written_s = -PLAN_AGE_S
        self.did: list[str] = []
        """What it did at the venue: kinds of its records."""
        claims = ShareClaims(life.world.disk, STATE, GUARDIAN, DAEMON)
        hands = Hands(life.venue, GuardianShare(self._clock), TOLERANCES_PCT)
        self._watch = AccountWatch("main", hands, self._clock, self._outlook, self._record, lambda: None, {}, claims)
        self.task = asyncio.create_task(self._run())

    def daemon_lives(self, life: OrderWorld) -> None:
        """The account of this life is open: its plan counts from now on."""
        self._life, self._last_beat_s = life, None

    def daemon_died(self) -> None:
        """What it wrote last is all there is; called before its ledger is gone."""
        self.write_plan()
        self._last_beat_s = self._clock.mono_s()

    async def panic(self, scope: PanicScope) -> PanicReport:
        """A person asks it, because the daemon does not answer."""
        return await self._watch.panic(scope, lambda _text: None)

    async def _run(self) -> None:
        """Readings at the pace of the real one, which a stream and every change of the plan wake from its longer rest."""
        while True:
            await self._watch.look()
            await anyio.sleep(min(self._watch._pause_s(), RULES.check_s))

    def write_plan(self) -> None:
        """What the daemon would write now; nothing else is written for `PLAN_AGE_S`."""
        self._written_s = self._clock.mono_s()
        desk = self._life.account.desk
        read_to_ms = self._life.account.catch_up.watermark_ms or 0
        held = Held(desk.fills.shares(), desk.book.live(), desk.instruments, {}, desk.fills.newest_booked, read_to_ms)
        self._plan = account_plan(self._plan, held, desk.halts.in_force(), fallback_pct=RULES.fallback_stop_pct, flatten=True)

    def _outlook(self) -> Outlook:
        if self._last_beat_s is None:
            if self._clock.mono_s() - self._written_s >= PLAN_AGE_S:
                self.write_plan()
            return Outlook(self._plan, RULES, Heard(DaemonState.ALIVE, self._clock.mono_s()))
        dead_s = self._last_beat_s + RULES.dead_after_s
        dead = self._clock.mono_s() >= dead_s
        heard = Heard(DaemonState.DEAD, dead_s) if dead else Heard(DaemonState.ALIVE, self._last_beat_s)
        return Outlook(self._plan, RULES, heard)

    def _record(self, kind: str, _data: Mapping[str, Any], _account: str, _symbol: str) -> None:
        self.did.append(kind)
