"""
Maintenance that a venue announces: its accounts take no entries from five minutes before it begins until it is over and they
were reconciled behind it.

A venue that says nothing changes nothing: a pause in force stays, and what silence means is judged by those who need answers.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

import anyio

from playd.core.errors import LinkError, VenueError
from playd.core.modes import Environment
from playd.orders.halts import Halts, Level, account_scope
from playd.orders.incidents import Incidents
from playd.supervisor.accounts import Accounts
from playd.venues.bybit.announced import Maintenance
from playd.venues.bybit.venue_clock import VenueClock

LOOK_EVERY_S: Final = 60.0
SOON_S: Final = 5.0
BEFORE_MS: Final = 5 * 60_000


@dataclass(frozen=True, slots=True)
class Venue:
    """One venue's announcements, read anew by `announced`, which raises `VenueError` or `LinkError`; and its clock."""

    environment: Environment
    announced: Callable[[], Awaitable[Sequence[Maintenance]]]
    clock: VenueClock

    @property
    def code(self) -> str:
        """Code of the halts and kind of the incidents: one per venue, so that each ends with its own maintenance."""
        return f"MAINTENANCE_{self.environment.upper()}"


class MaintenanceWatch:
    """`run` until cancelled; `look` is one look at one venue. Raises `RecordError` when a halt cannot be recorded."""

    def __init__(self, venues: Sequence[Venue], accounts: Accounts, halts: Halts, incidents: Incidents) -> None:
        self._venues = venues
        self._accounts = accounts
        self._halts = halts
        self._incidents = incidents
        self._over_s: dict[str, float] = {}
        """By scope: when its maintenance was seen to be over, and a reconciliation was asked for."""

    async def run(self) -> None:
        """Look at every venue each minute, and more often while one is silent or pauses its accounts."""
        async with anyio.create_task_group() as group:
            for venue in self._venues:
                group.start_soon(self._keep_looking, venue)

    async def _keep_looking(self, venue: Venue) -> NoReturn:
        while True:
            again_s = await self.look(venue)
            await anyio.sleep(again_s)

    async def look(self, venue: Venue) -> float:
        """
        Pause the accounts of a venue that is, or soon will be, under maintenance; let them go when it is over.

        Returns in how many seconds to look again: soon when the venue did not answer, and while there is anything to follow.
        """
        try:
            told = await venue.announced()
        except (VenueError, LinkError):
            return SOON_S
        now_ms = venue.clock.venue_ms()
        found = next((each for each in told if each.ongoing or _near(each, now_ms)), None)
        if found is not None:
            self._pause(venue, f"maintenance of the venue: {found.title}")
            return SOON_S
        for scope in self._paused(venue):
            if self._reconciled(scope, venue.clock.mono_s()):
                self._over_s.pop(scope, None)
                note = "the maintenance is over"
                self._halts.lift_pauses(scope, venue.code, note)
                self._incidents.resolve(venue.code, scope, note)
        return SOON_S if self._paused(venue) else LOOK_EVERY_S

    def _pause(self, venue: Venue, text: str) -> None:
        """Every account that is kept now; one that is opened later is paused by the next look."""
        paused = self._paused(venue)
        for scope in paused:
            self._over_s.pop(scope, None)
        for alias, held in self._accounts.held.items():
            if held.plan.environment is venue.environment and (scope := account_scope(alias)) not in paused:
                self._incidents.open(venue.code, "warning", scope, text)
                self._halts.raise_level(scope, Level.PAUSE, venue.code, text)

    def _paused(self, venue: Venue) -> list[str]:
        """Scopes of the accounts that this venue's maintenance pauses."""
        return [halt.scope for halt in self._halts.in_force() if halt.code == venue.code]

    def _reconciled(self, scope: str, now_s: float) -> bool:
        """Whether an account was reconciled since. One that is not open will be, before it enters anything."""
        account = next((self._accounts.find(alias) for alias in self._accounts.held if account_scope(alias) == scope), None)
        if account is None:
            return True
        if scope not in self._over_s:
            self._over_s[scope] = now_s
            account.protection.reconcile_soon.append("maintenance")
        return account.reconciler.last_mono_s > self._over_s[scope] and account.desk.condition.reconciled


def _near(each: Maintenance, now_ms: int) -> bool:
    """Whether it is about to begin, or should have begun, and is not known to be over."""
    return each.begin_ms - BEFORE_MS <= now_ms and (not each.end_ms or now_ms < each.end_ms)
