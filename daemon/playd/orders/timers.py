"""What happens by the clock in an account: commits of batched rows, reconciliations, balance, blindness, withdrawals."""

from dataclasses import dataclass, replace
from typing import Final

import anyio

from playd.core.errors import LinkError, VenueError
from playd.orders.blind_clock import BlindClock
from playd.orders.books import Books
from playd.orders.breaker_watch import BreakerWatch
from playd.orders.chronicle import WRITTEN_AT_ONCE
from playd.orders.desk import Desk
from playd.orders.expectations import at_stake, traded
from playd.orders.exposure_check import ExposureCheck
from playd.orders.halts import Level, account_scope, symbol_scope
from playd.orders.key_watch import LOOK_EVERY_S, REFUSED_EVERY_S, KeyWatch
from playd.orders.protection import Protection
from playd.orders.reconciler import Reconciler
from playd.orders.risk_tiers import RiskTiers
from playd.orders.second_look import SecondLook
from playd.orders.withdrawals import Withdrawals
from playd.venues.port import Priority

_TICK_S: Final = 0.5
_BLIND_RETRY_S: Final = 2.0
_EXPOSED_WALLET_S: Final = 5.0
"""Time between two readings of the balance while a loss may be growing and breakers are set."""

_RULES_RETRY_S: Final = 60.0
_UNLISTED_S: Final = 15.0
"""Time between two looks whether a symbol is listed again that was missing at the start: nobody watches what is open there."""

_BOOKS_S: Final = 60.0
"""Time between two looks whether a day is over that has not been compared with the venue's log."""


@dataclass
class _Due:
    """When each thing is due next, in monotonic seconds."""

    reconcile_s: float
    wallet_s: float
    exposure_s: float
    key_s: float
    rules_s: float
    unlisted_s: float
    books_s: float


class Timers:
    """The clockwork of one account."""

    def __init__(
        self,
        desk: Desk,
        reconciler: Reconciler,
        protection: Protection,
        key: KeyWatch,
        withdrawals: Withdrawals,
        breakers: BreakerWatch,
        books: Books,
        blind: BlindClock,
    ) -> None:
        self._desk = desk
        self._reconciler = reconciler
        self._protection = protection
        self._key = key
        self._withdrawals = withdrawals
        self._breakers = breakers
        self._books = books
        self._blind = blind
        self._second_look = SecondLook(desk, protection)
        self._exposure = ExposureCheck(desk, protection, blind)
        self._tiers = RiskTiers(desk)
        self.looked_s: float | None = None
        """When books and levels were last looked at, None before the first time."""
        self._rest_due = False
        """Whether symbols that are listed no longer and where nothing is open are asked for this time too."""
        self._modes: list[str] = []
        """Symbols whose mode and leverage are still to be looked at this time, one after the other."""

    async def run(self) -> None:
        """Tick until cancelled. Reads run one after the other here; none of them delays an order."""
        now_s, settings = self._desk.clock.mono_s(), self._desk.settings
        due = _Due(
            reconcile_s=now_s + settings.recon_orders_s,
            wallet_s=now_s + settings.wallet_every_s,
            exposure_s=now_s + settings.exposure_check_s,
            key_s=now_s + LOOK_EVERY_S,
            rules_s=now_s + settings.rules_every_s,
            unlisted_s=now_s + _UNLISTED_S,
            books_s=now_s + _BOOKS_S,
        )
        self._modes = self._reconciler.unlooked()  # a start looks at those where something is open
        async with anyio.create_task_group() as task_group:
            task_group.start_soon(self._keep_books)
            while True:
                await self._reads(due)
                await anyio.sleep(_TICK_S)

    async def _keep_books(self) -> None:
        """What must never wait for a read: batched rows, the blind clock, a ban, entries that a level forbids."""
        while True:
            self.looked_s = self._desk.clock.mono_s()
            self._blind.look()
            self._watch_ban()
            self._breakers.look()
            self._withdrawals.look()
            await self._second_look.look()
            if self._desk.judged.write_refused():
                self._desk.ledger.commit()  # at once: an order that is due next shall not sync them with its own row
            else:
                self._desk.ledger.commit_if_due()
            self._desk.chronicle.write(WRITTEN_AT_ONCE)
            await anyio.sleep(_TICK_S)

    async def _reads(self, due: _Due) -> None:
        desk, settings = self._desk, self._desk.settings
        now_s = desk.clock.mono_s()
        if self._breaking():
            due.wallet_s = min(due.wallet_s, now_s + _EXPOSED_WALLET_S)
        if desk.condition.refused:
            due.key_s = min(due.key_s, now_s + REFUSED_EVERY_S)
        if desk.rules_doubted:
            due.rules_s = now_s
        if desk.condition.blind_since_s is not None:
            # Only a full run ends blindness, whoever found it: it must not wait for its turn while the blind clock runs.
            due.reconcile_s = min(due.reconcile_s, now_s + _BLIND_RETRY_S)
            due.key_s = min(due.key_s, now_s + REFUSED_EVERY_S)  # a key that has ended reads nothing any more
        if soon := self._protection.reconcile_soon:
            reason = soon.pop()
            soon.clear()  # one full run answers all of them
            await self._reconciler.run(reason)
        elif now_s >= due.reconcile_s:
            await self._reconciler.run("timer" if desk.condition.stream_up else "poll")
            due.reconcile_s = desk.clock.mono_s() + self._until_next_run_s()
        elif not desk.condition.stream_up and due.reconcile_s - now_s > settings.poll_s:
            due.reconcile_s = now_s + settings.poll_s
        elif now_s >= due.wallet_s:
            due.wallet_s = now_s + settings.wallet_every_s
            await self._read_wallet()
        elif now_s >= due.exposure_s:
            due.exposure_s = now_s + settings.exposure_check_s
            await self._exposure.run()
        elif now_s >= due.rules_s:
            doubted, is_read = desk.rules_doubted, await self._read_rules()
            if is_read and not doubted:
                self._modes = sorted(desk.instruments)
                self._rest_due = True
            due.rules_s = now_s + (settings.rules_every_s if is_read else _RULES_RETRY_S)
        elif now_s >= due.unlisted_s:
            due.unlisted_s = now_s + _UNLISTED_S
            await self._look_for_unlisted()
        elif now_s >= due.books_s:
            due.books_s = now_s + _BOOKS_S
            if (day := self._books.day_due()) is not None:
                await self._books.check_day(day)
        elif now_s >= due.key_s:
            await self._key.look_again()
            due.key_s = desk.clock.mono_s() + (REFUSED_EVERY_S if desk.condition.refused else LOOK_EVERY_S)
        elif self._modes:
            await self._look_at_modes(self._modes.pop())
        elif symbol := self._tiers.next():  # the last of all: those that cannot be read are due without end
            await self._tiers.read(symbol)

    def _until_next_run_s(self) -> float:
        condition, settings = self._desk.condition, self._desk.settings
        if condition.blind_since_s is not None:
            return _BLIND_RETRY_S
        if not condition.stream_up:
            return settings.poll_s
        if not condition.reconciled:
            return settings.poll_s
        return min(settings.recon_orders_s, settings.recon_positions_s)

    def _breaking(self) -> bool:
        """Whether breakers have to look at the money all the time: they are set, and something is open."""
        shares = self._desk.fills.shares() if self._desk.settings.breakers.watching else []
        return any(share.position.signed_qty for share in shares)

    async def _read_wallet(self) -> None:
        booked = self._desk.fills.booked
        try:
            wallet = await self._desk.port.wallet(priority=Priority.RECONCILE)
        except (VenueError, LinkError):
            return  # the gate refuses entries by the age of the last balance
        self._reconciler.note_wallet(wallet)
        if booked == self._desk.fills.booked:
            self._breakers.note(wallet, complete=False)

    async def _read_rules(self) -> bool:
        """
        The rules of every symbol in use again: tick, step, minimum, status, delivery. One that is listed no longer is closed.

        False when they cannot be read, or when one is missing that was listed until now: said once, that may be a slip.
        """
        desk = self._desk
        desk.rules_doubted = False
        asked = sorted(desk.instruments)
        try:
            found = await desk.port.instruments(asked)
        except (VenueError, LinkError):
            return False
        gone = {symbol for symbol in asked if symbol not in found and desk.instruments[symbol].status != "Closed"}
        for symbol in asked:
            desk.learn_rules(found.get(symbol) or replace(desk.instruments[symbol], status="Closed"))
        desk.rules_read -= gone  # what rests there is not taken back for a slip
        return not gone

    async def _look_for_unlisted(self) -> None:
        """
        What an instance has something on and the venue did not list: once it does, the symbol is watched as any other. Where
        nothing is open it is asked once behind each reading of all rules: a symbol that was delivered never comes back.
        """
        desk = self._desk
        concerned, missing = at_stake(desk), traded(desk) - desk.instruments.keys()
        for symbol in sorted(missing - concerned):
            desk.incidents.resolve("NOT_LISTED", symbol_scope(desk.alias, symbol), "nothing of ours is there any more")
        if not (asked := missing if self._rest_due else missing & concerned):
            return
        try:
            found = await desk.port.instruments(sorted(asked))
        except (VenueError, LinkError):
            return
        self._rest_due = False
        for symbol, rules in found.items():
            desk.learn_rules(rules)
            desk.incidents.resolve("NOT_LISTED", symbol_scope(desk.alias, symbol), "the venue lists it again")
            self._modes.append(symbol)
            desk.reconcile_soon(f"{symbol} is listed again")

    async def _look_at_modes(self, symbol: str) -> None:
        """Mode and leverage of a symbol, which the list of open positions does not state of a flat one."""
        try:
            row = await self._key.look_at(symbol)
        except (VenueError, LinkError):
            return  # in an hour again; a position that opens meanwhile tells of them too
        if row is not None and not row.signed_qty:
            self._reconciler.leverage_seen(symbol, row.leverage)

    def _watch_ban(self) -> None:
        """While our address is banned the account takes no risk; afterwards not before a clean reconciliation."""
        desk, scope, banned_s = self._desk, account_scope(self._desk.alias), self._desk.budget.banned_for_s
        if banned_s > 0:
            desk.condition.reconciled = False
            desk.halts.raise_level(scope, Level.PAUSE, "BANNED", "the venue has banned our address for sending too much")
        elif desk.condition.reconciled:
            desk.halts.lift_pauses(scope, "BANNED", "the ban is over and a reconciliation was clean")
